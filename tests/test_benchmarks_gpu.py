"""The script for a GPU runs, with tiny sizes, where there is none."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import longtail

RUN = Path(__file__).parents[1] / "benchmarks/gpu/run.sh"


def run(*words, **environment):
    source = str(Path(longtail.__file__).parents[1])
    variables = {**os.environ, "PYTHONPATH": source, "OMP_NUM_THREADS": "1", "PYTHON": sys.executable, **environment}
    return subprocess.run([RUN, *words], capture_output=True, text=True, env=variables)


@pytest.mark.slow
def test_every_stage_measures_something(tmp_path):
    words = ["--device", "cpu", "--tiny", "--out", str(tmp_path / "found.json"), "--minutes", "30"]
    done = run(*words)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert found["stages"] == dict.fromkeys(("tests", "networks", "heads", "runs"), "done")
    assert {row["stage"] for row in found["rows"]} == set(found["stages"])
    assert "| heads | tau sweep, 21 values |" in done.stdout


def test_a_stage_without_time_is_stopped_and_told(tmp_path):
    words = ["--device", "cpu", "--tiny", "--out", str(tmp_path / "found.json"), "--minutes", "0.001"]
    done = run(*words, "--stages", "heads")
    assert done.returncode == 0, done.stderr
    assert "stopped after" in done.stdout


def test_an_unknown_stage_is_named():
    done = run("--stages", "nothing")
    assert "no stage 'nothing'. Stages: tests, networks, heads, runs." in done.stderr
