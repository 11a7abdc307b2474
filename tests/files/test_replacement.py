"""A result of several files: the new one as a whole, or the old one, whenever the process ends."""

import subprocess
import sys

import pytest

from longtail.errors import InputError
from longtail.files.replacement import replacing, settle

OWNED = ("heads", "r.json", "page*", "seed-*")


def write(folder, files):
    with replacing(folder, OWNED, marker="r.json") as new:
        for name, text in files.items():
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            (new / name).write_text(text)


def content(folder):
    return {str(p.relative_to(folder)): p.read_text() for p in sorted(folder.rglob("*")) if p.is_file()}


OLD = {"r.json": "1", "heads/a": "old", "heads/b": "old", "page-1": "x", "seed-0/r.json": "0"}
NEW = {"r.json": "2", "heads/a": "new"}


def test_a_second_result_leaves_nothing_of_the_first_and_all_else(tmp_path):
    write(tmp_path, OLD)
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "last.pt").write_text("weights")
    (tmp_path / "notes.txt").write_text("a person's")
    write(tmp_path, NEW)
    assert content(tmp_path) == {**NEW, "checkpoints/last.pt": "weights", "notes.txt": "a person's"}


def test_a_result_that_is_refused_leaves_the_old_one(tmp_path):
    write(tmp_path, OLD)
    with pytest.raises(TypeError), replacing(tmp_path, OWNED, marker="r.json") as new:
        (new / "r.json").write_text(None)
    assert content(tmp_path) == OLD


@pytest.mark.parametrize("name", ["heads", "r.json"])
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
with replacement.replacing(folder, ("heads", "r.json", "page*", "seed-*"), marker="r.json") as new:
    (new / "heads").mkdir()
    (new / "heads" / "a").write_text("new")
    (new / "r.json").write_text("2")
"""


def test_a_process_that_is_killed_at_any_step_leaves_the_old_or_the_new_result(tmp_path):
    seen = set()
    for point in range(1, 12):
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
        "try:\n    with replacing(pathlib.Path(sys.argv[1]), ('r.json',), marker='r.json') as new:\n"
        "        (new / 'r.json').write_text('2' * 1000)\nexcept OSError as error:\n    print('told')"
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
