"""What the command line says of its own mistakes and of the system's: one sentence, exit code 2."""

import subprocess
import sys

import pytest

from longtail.cli import main


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["fit"], "PATH is missing. Expected: Folder with feature_train.h5"),
        (["train", "x", "--epoch", "3"], "unrecognized options: --epoch, 3. Perhaps you meant --"),
        (["fit", "x", "y"], "unrecognized options: y"),
        (["fit", "x", "--seeds", "abc"], "--seeds 'abc': expected a whole number"),
        (["fit", "x", "--val-fraction", "a"], "--val-fraction 'a': expected a number"),
        (["fit", "x", "--methods"], "missing value for argument '--methods'"),
        (["fit", "x", "--correction", "foo"], "invalid choice 'foo' for argument '--correction'"),
        (["fit", ""], "the word behind fit is empty"),
        (["fit", "x", "--out", ""], "the word behind --out is empty"),
        (["run", "folder", "nowhere/"], "no data 'nowhere'"),
        (["describe", "--data", "nowhere"], "no data 'nowhere'"),
        (["describe", "x", "--device", "cpu"], "--device: `longtail describe` computes no network"),
        (["evaluate", "x", "--precision=float32"], "--precision: `longtail evaluate` computes no network"),
        (["inspect", "x", "--threads", "2"], "--threads: `longtail inspect` computes no network"),
        (["fit", "x.npz", "--precision", "float32"], "--precision: `longtail fit` computes no network"),
        (["study", "two-gaussians", "--devices", "2"], "--devices: `longtail study two-gaussians` computes no network"),
    ],
)
def test_a_mistyped_command_is_one_sentence(capsys, words, told):
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith("longtail: ")
    assert told in err
    assert err.count("\n") == 1


def test_a_folder_in_the_place_of_a_recipe_is_opened(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for words in (["run", "photos"], ["run", "--data", "photos"], ["run", "folder", "photos"]):
        assert main(words) == 2
        assert "photos: no image in any sub-folder" in capsys.readouterr().err


def test_arguments_are_named_as_flags(capsys, tmp_path):
    (tmp_path / "e.csv").write_text("label,f0\na,1\na,2\nb,3\nb,4\n")
    assert main(["fit", str(tmp_path / "e.csv"), "--label-column", "no"]) == 2
    assert "--label-column no: there is no such column" in capsys.readouterr().err


def test_a_closed_output_stops_nothing(tmp_path):
    command = f"{sys.executable} -m longtail --version >&-"
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_fault_of_ours_is_one_sentence_and_a_file(capsys, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("division\nby zero")

    monkeypatch.setitem(main.__globals__, "_dispatch", broken)
    assert main(["fit", "x"]) == 70
    err = capsys.readouterr().err
    assert err.startswith("longtail: stopped by a fault of longtail (ZeroDivisionError: division by zero).")
    path = err.split("report it with ")[1].split(",")[0]
    from pathlib import Path

    assert "in broken" in Path(path).read_text()
    Path(path).unlink()


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(28, "No space left on device", "r/a.npz"), "no space left on the disk while writing r/a.npz"),
        (OSError(122, "Disk quota exceeded", "r/a.npz"), "the quota of the disk is used up"),
        (OSError(27, "File too large", "r/a.npz"), "larger than is allowed here"),
        (OSError(36, "File name too long", "n" * 300), "file name too long"),
        (OSError(40, "Too many levels of symbolic links", "a"), "too many levels of symbolic links"),
        (OSError(5, "Input/output error", "a"), "input/output error"),
        (MemoryError(), "the memory of this machine is not enough"),
    ],
)
def test_errors_of_the_system_are_told(capsys, monkeypatch, error, told):
    def broken(*_):
        raise error

    monkeypatch.setitem(main.__globals__, "_dispatch", broken)
    assert main(["fit", "x"]) == 2
    assert told in capsys.readouterr().err
