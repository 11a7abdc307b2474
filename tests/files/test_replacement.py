"""A result of several files: the new one as a whole, or the old one, whenever the process ends."""

import json
import shutil
import subprocess
import sys

import pytest

from longtail.errors import InputError
from longtail.files.replacement import replacing, settle
from longtail.files.result_files import parts_with


def write(folder, files):
    with replacing(folder) as new:
        for name, text in files.items():
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            (new / name).write_text(text)


def content(folder):
    return {str(p.relative_to(folder)): p.read_text() for p in sorted(folder.rglob("*")) if p.is_file()}


RESULT = '{"schema": 2, "methods": {"ncm": {}}}'
OLD = {"results.json": RESULT, "heads/a": "old", "heads/b": "old", "report.html": "x", "seed-0/results.json": RESULT}
NEW = {"results.json": RESULT + " ", "heads/a": "new"}


def test_a_second_result_leaves_nothing_of_the_first_and_all_else(tmp_path):
    write(tmp_path, OLD)
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "last.pt").write_text("weights")
    (tmp_path / "notes.txt").write_text("a person's")
    write(tmp_path, NEW)
    assert content(tmp_path) == {**NEW, "checkpoints/last.pt": "weights", "notes.txt": "a person's"}


def test_a_result_that_is_refused_leaves_the_old_one(tmp_path):
    write(tmp_path, OLD)
    with pytest.raises(TypeError), replacing(tmp_path) as new:
        (new / "results.json").write_text(None)
    assert content(tmp_path) == OLD


@pytest.mark.parametrize("name", ["heads", "results.json"])
def test_what_no_result_wrote_is_never_touched(tmp_path, name):
    (tmp_path / "heads").mkdir()
    (tmp_path / "heads" / "of-a-statue.jpg").write_text("a person's")
    with pytest.raises(InputError, match="holds heads already, which no earlier result wrote"):
        write(tmp_path, NEW)
    assert content(tmp_path) == {"heads/of-a-statue.jpg": "a person's"}


KILLED = """
import os, pathlib, shutil, sys
from longtail.files import replacement

folder, point = pathlib.Path(sys.argv[1]), int(sys.argv[2])
calls = 0

def counted(function):
    def call(*arguments, **more):
        global calls
        calls += 1
        if calls == point:
            os.kill(os.getpid(), 9)
        return function(*arguments, **more)
    return call

pathlib.Path.replace = counted(pathlib.Path.replace)
pathlib.Path.unlink = counted(pathlib.Path.unlink)
shutil.rmtree = counted(shutil.rmtree)
with replacement.replacing(folder) as new:
    (new / "heads").mkdir()
    (new / "heads" / "a").write_text("new")
    (new / "results.json").write_text('{"schema": 2, "methods": {"ncm": {}}} ')
"""


def test_a_process_that_is_killed_at_any_step_leaves_the_old_or_the_new_result(tmp_path):
    seen = set()
    for point in range(1, 16):
        folder = tmp_path / str(point)
        write(folder, OLD)
        done = subprocess.run([sys.executable, "-c", KILLED, str(folder), str(point)], check=False)
        settle(folder)
        left = {name: text for name, text in content(folder).items() if not name.startswith(".unfinished")}
        assert left in (OLD, NEW), point
        seen.add((done.returncode, left == NEW))
        write(folder, NEW)  # clears what the killed one left
        assert content(folder) == NEW
        if done.returncode == 0:
            break
    assert seen == {(-9, False), (-9, True), (0, True)}


def test_a_disk_that_is_full_leaves_the_old_result(tmp_path):
    write(tmp_path, OLD)
    code = (
        "import pathlib, resource, sys\nfrom longtail.files.replacement import replacing\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))\n"
        "try:\n    with replacing(pathlib.Path(sys.argv[1])) as new:\n"
        "        (new / 'results.json').write_text('2' * 1000)\nexcept OSError as error:\n    print('told')"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True)
    assert done.stdout == "told\n", done.stderr
    assert content(tmp_path) == OLD


def test_settling_an_ordinary_folder_changes_nothing(tmp_path):
    write(tmp_path, OLD)
    settle(tmp_path)
    settle(tmp_path / "nowhere")
    assert content(tmp_path) == OLD
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("name", ["", ".", "..", "../mine", "a/b", "a\\b", "/", "heads\0", "mine", "heads/.."])
@pytest.mark.parametrize("other", [[], ["heads"]])
def test_a_list_of_names_that_no_result_has_is_refused_before_anything_is_touched(tmp_path, name, other):
    run = tmp_path / "inner" / "run"
    for path in (tmp_path / "inner" / "mine", run / "mine", run / "a" / "b"):
        path.mkdir(parents=True)
        (path / "precious").write_text("a person's")
    write(run, OLD)
    (run / ".complete").mkdir()
    (run / ".complete" / "report.html").write_text("new")
    (run / ".complete" / ".replaces.json").write_text(json.dumps([*other, name]))
    before = content(tmp_path)
    with pytest.raises(InputError, match=r"nothing was moved or removed\. Delete"):
        settle(run)
    assert content(tmp_path) == before


def test_what_would_be_moved_over_a_persons_folder_is_refused(tmp_path):
    write(tmp_path, OLD)
    for path, text in (("mine/precious", "a person's"), (".complete/mine", "new"), (".complete/.replaces.json", "[]")):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    before = content(tmp_path)
    with pytest.raises(InputError, match="names 'mine', which no result has"):
        settle(tmp_path)
    assert content(tmp_path) == before


def test_a_folder_of_that_name_that_no_result_made_stays(tmp_path):
    (tmp_path / ".complete").mkdir()
    (tmp_path / ".complete" / "precious").write_text("a person's")
    settle(tmp_path)
    assert content(tmp_path) == {".complete/precious": "a person's"}


@pytest.mark.parametrize("file", ["results.json", "summary.json", "config.json"])
@pytest.mark.parametrize("text", ['{"mine": 1}', "{", "[]", None])
def test_what_has_the_name_of_a_results_file_alone_is_refused_before_any_work(tmp_path, file, text):
    (tmp_path / "heads").mkdir()
    (tmp_path / "heads" / "precious").write_text("a person's")
    if text is None:
        (tmp_path / file).mkdir()
        (tmp_path / file / "precious").write_text("a person's")
    else:
        (tmp_path / file).write_text(text)
    before = content(tmp_path)
    with pytest.raises(InputError, match=rf"{file}: no earlier result wrote it.*choose another"), replacing(tmp_path):
        pytest.fail("began to work")
    assert content(tmp_path) == before


def test_the_network_of_another_stays_beside_results_that_have_none(tmp_path):
    mine = {"model.pth": "mine", "checkpoints/last.pt": "mine", "features/a": "mine", "seed-1/weights.pt": "mine"}
    write(tmp_path, OLD)
    for name, text in mine.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    write(tmp_path, NEW)
    assert content(tmp_path) == {**NEW, **mine}
    with pytest.raises(InputError, match="holds seed-1 already, which no earlier result wrote"):
        write(tmp_path, {"seed-1/results.json": RESULT, "summary.json": RESULT})
    assert content(tmp_path) == {**NEW, **mine}


def test_a_persons_file_beside_the_results_of_a_seed_is_refused(tmp_path):
    write(tmp_path, OLD)
    (tmp_path / "seed-0" / "weights.pt").write_text("a person's")
    with pytest.raises(InputError, match=r"weights\.pt: no earlier result wrote it"):
        write(tmp_path, NEW)
    assert (tmp_path / "seed-0" / "weights.pt").read_text() == "a person's"


OF_A_NETWORK = {
    "results.json": '{"schema": 1, "methods": {}, "stage1": {"backbone": "digits_cnn"}}',
    **dict.fromkeys(("model.pth", "checkpoints/last.pt", "features/a", "train.json", "images.npz"), "old"),
}


@pytest.mark.parametrize("stays", [(), ("features", "checkpoints")])
def test_the_network_of_an_earlier_run_goes_with_its_results(tmp_path, stays):
    write(tmp_path, OF_A_NETWORK)
    if not stays:
        with pytest.raises(InputError, match="holds a trained network"), replacing(tmp_path):
            pass
        assert content(tmp_path) == OF_A_NETWORK
        shutil.rmtree(tmp_path / "checkpoints")
    with replacing(tmp_path, stays=stays) as new:
        (new / "results.json").write_text(RESULT)
    left = {name: text for name, text in OF_A_NETWORK.items() if name.startswith(stays)} if stays else {}
    assert content(tmp_path) == {"results.json": RESULT, **left}


@pytest.mark.parametrize("name", ["..", ".", "../mine", "mine/../.."])
def test_a_balanced_model_is_a_file_of_the_folder(tmp_path, name):
    folder = tmp_path / "run"
    folder.mkdir()
    (tmp_path / "mine").write_text("a person's")
    (folder / "results.json").write_text(json.dumps({"schema": 2, "methods": {}, "model": {"written": name}}))
    write(folder, NEW)
    assert content(tmp_path) == {"mine": "a person's", **{f"run/{name}": text for name, text in NEW.items()}}


def test_the_balanced_model_of_an_earlier_result_goes(tmp_path):
    results = json.dumps({"schema": 2, "methods": {}, "model": {"written": "net.pt"}})
    write(tmp_path, {"results.json": results, "net.pt": "old", "net.onnx": "old"})
    (tmp_path / "other.pt").write_text("a person's")
    write(tmp_path, NEW)
    assert content(tmp_path) == {**NEW, "other.pt": "a person's"}


def test_features_that_a_result_is_made_of_stay(tmp_path):
    assert "features" in parts_with(tmp_path, tmp_path / "features" / "feature_train.h5")
    assert parts_with(tmp_path, tmp_path / "seed-0" / "features") == ("seed-0",)
    assert parts_with(tmp_path, tmp_path.parent / "features") == ()
