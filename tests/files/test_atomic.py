"""Files whole or not at all: what is left after a failure, a killed process, and names that are odd."""

import errno
import json
import os
import pickle
import subprocess
import sys

import pytest

from longtail.errors import InputError
from longtail.files.atomic import atomic_file, atomic_path, write_json, write_text
from longtail.files.unwritable import telling_why


def test_a_failed_block_leaves_the_old_file_and_nothing_else(tmp_path):
    write_text(tmp_path / "a", "old")
    with pytest.raises(TypeError), atomic_file(tmp_path / "a") as file:
        file.write(None)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_text() == "old"


KILLED = """
import os, sys
from longtail.files.atomic import atomic_path
with atomic_path(sys.argv[1]) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), 9)
"""


def test_what_a_killed_process_left_is_cleared_by_the_next_write_of_that_file(tmp_path):
    for name in ("a", "b"):
        subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / name)], check=False)
    assert len(list(tmp_path.iterdir())) == 2
    write_text(tmp_path / "a", "whole")
    left = [path.name for path in tmp_path.iterdir()]
    assert "a" in left
    assert len(left) == 2  # that of b stays until b is written


def test_another_living_process_keeps_its_part(tmp_path):
    with atomic_path(tmp_path / "a") as temporary:
        temporary.write_text("ours")
        command = "import sys; from longtail.files.atomic import write_text; write_text(sys.argv[1], 'theirs')"
        subprocess.run([sys.executable, "-c", command, str(tmp_path / "a")], check=True)
        assert temporary.read_text() == "ours"
    assert (tmp_path / "a").read_text() == "ours"


def test_the_longest_name_that_the_disk_allows_can_be_written(tmp_path):
    path = tmp_path / ("n" * os.pathconf(tmp_path, "PC_NAME_MAX"))
    write_text(path, "x")
    assert path.read_text() == "x"


@pytest.mark.parametrize("name", ["", ".", "..", "folder"])
def test_a_folder_is_no_file_to_write(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        write_text(name, "x")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path):
    write_text(tmp_path / "a", "x")
    with pytest.raises(InputError, match="is a file, and a folder is wanted there") as caught:
        write_text(tmp_path / "a" / "b", "y")
    assert str(caught.value).startswith(f"{tmp_path / 'a'}: ")
    # code that asks the system's errors for their number goes on doing so
    assert isinstance(caught.value, OSError)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOTDIR, str(tmp_path / "a"))
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_what_is_no_path_leaves_as_it_is():
    for error in (BrokenPipeError(errno.EPIPE, "Broken pipe"), OSError(errno.EMFILE, "Too many open files", "a")):
        with pytest.raises(type(error)) as caught, telling_why():
            raise error
        assert caught.value is error


WRITERS = {
    "torch": "import torch; torch.save({'w': torch.zeros(100_000)}, file)",
    "numpy": "import numpy as np; np.savez(file, w=np.zeros(100_000))",
    "text": "file.write(b'x' * 400_000)",
    "hdf5": "import h5py\nwith h5py.File(file, 'w') as out: out['w'] = [0.0] * 50_000",
}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("limit", [0, 10_000, 200_000])
def test_whatever_library_writes_a_full_disk_is_the_systems_error(tmp_path, writer, limit):
    write_text(tmp_path / "a", "old")
    body = "\n".join(f"        {line}" for line in WRITERS[writer].split("\n"))
    code = (
        "import resource, sys\nfrom longtail.files.atomic import atomic_file\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit},) * 2)\n"
        f"try:\n    with atomic_file(sys.argv[1]) as file:\n{body}\n"
        "except OSError as error:\n    print(error.errno, error.filename)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "a")], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"{errno.EFBIG} {tmp_path / 'a'}\n"), done.stderr
    assert not done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_text() == "old"


def test_json_of_a_path_that_is_no_utf8_comes_back_the_same(tmp_path):
    name = os.fsdecode(b"h\xe4hre.png")
    write_json(tmp_path / "a.json", {"path": name, "übrig": 1})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"path": name, "übrig": 1}


def test_nan_is_no_json(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", float("nan"))
    assert not list(tmp_path.iterdir())


def test_a_failing_writer_leaves_the_old_file_and_no_other(tmp_path):
    write_json(tmp_path / "a" / "x.json", {"before": 1})

    def write_half():
        with atomic_path(tmp_path / "a" / "x.json") as temporary:
            temporary.write_text("half")
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        write_half()
    assert json.loads((tmp_path / "a" / "x.json").read_text()) == {"before": 1}
    assert len(list((tmp_path / "a").iterdir())) == 1


def test_json_admits_no_nan(tmp_path):
    with pytest.raises(ValueError, match="Out of range"):
        write_json(tmp_path / "x.json", {"value": float("nan")})
    assert list(tmp_path.iterdir()) == []
