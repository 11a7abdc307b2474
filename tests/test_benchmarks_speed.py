"""Benchmarks are run by people, far from the tests: what they import is still there, and they compare what they say."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

SPEED = Path(__file__).parents[1] / "benchmarks" / "speed"
SCRIPTS = sorted(path.stem for path in SPEED.glob("*.py"))


@pytest.fixture
def in_their_folder(monkeypatch):
    """As Python sees them that runs one."""
    monkeypatch.syspath_prepend(str(SPEED))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name in SCRIPTS:
            del sys.modules[name]


@pytest.mark.parametrize("name", SCRIPTS)
def test_what_it_imports_is_there(in_their_folder, name):
    assert import_module(name).__doc__


def test_a_checkout_without_code_is_not_compared_with_itself(in_their_folder, tmp_path):
    checked = import_module("checkouts").checked
    with pytest.raises(SystemExit, match="no src/longtail"):
        checked(tmp_path)
    assert checked(SPEED.parents[1]) == SPEED.parents[1].resolve()


@pytest.mark.slow
def test_the_table_of_all_says_what_runs_and_for_how_long(tmp_path):
    words = [sys.executable, str(SPEED / "all.py"), "--quick", "--only", "tau_sweep"]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Small sizes")
    assert "| `tau_sweep.py --quick` |" in done.stdout
    assert done.stderr.startswith("tau_sweep ... ")
