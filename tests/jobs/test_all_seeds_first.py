"""A run of several seeds is refused before the first one trains, whichever seed it is that cannot be run."""

import shutil

import pytest

from longtail.cli import main

FAST = ["--device", "cpu", "--precision", "float32", "--quiet"]
SHORT = ["run", "digits", "--epochs", "1", "--methods", "joint", *FAST]


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A run whose second seed has begun with other settings; the first has not begun."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert main([*SHORT, "--epochs", "2", "--seed", "1", "--out", str(folder / "seed-1")]) == 0
    return folder


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_a_later_seed_with_other_settings(begun, dry, tmp_path, capsys):
    folder = shutil.copytree(begun, tmp_path / "run")
    assert main([*SHORT, "--seeds", "2", "--out", str(folder), *dry]) == 2
    assert "other settings: epochs 2, not 1" in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == ["seed-1"]


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_a_later_seed_without_its_checkpoint(begun, dry, tmp_path, capsys):
    """The seed in the name of a run to start from is put in for each of them."""
    shutil.copytree(begun / "seed-1", tmp_path / "before-0")
    words = [*SHORT, "--seeds", "2", "--init", str(tmp_path / "before-{seed}"), "--out", str(tmp_path / "run"), *dry]
    assert main(words) == 2
    assert "before-1: no such checkpoint" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
    shutil.copytree(begun / "seed-1", tmp_path / "before-1")
    assert main(words) == 0
    assert (tmp_path / "run").exists() == (not dry)
