"""Which processes there are, as the environment says, and sentences where it says nonsense."""

import subprocess
import sys

import pytest

from longtail.cli import main
from longtail.errors import InputError
from longtail.jobs.processes import Processes, processes

TORCHRUN = {"RANK": "9", "LOCAL_RANK": "1", "WORLD_SIZE": "32", "LOCAL_WORLD_SIZE": "8", "MASTER_PORT": "29500"}
SLURM = {
    "SLURM_JOB_ID": "1",
    "SLURM_PROCID": "3",
    "SLURM_LOCALID": "3",
    "SLURM_NODEID": "0",
    "SLURM_NTASKS": "8",
    "SLURM_NNODES": "2",
    "SLURM_NTASKS_PER_NODE": "4",
}


@pytest.mark.parametrize(
    ("environment", "wanted", "expected"),
    [
        ({}, 4, Processes("nobody", 4)),
        (TORCHRUN, 1, Processes("torchrun", 8, 4)),
        (SLURM, 1, Processes("slurm", 4, 2)),
        ({**SLURM, "SLURM_JOB_NAME": "interactive"}, 2, Processes("nobody", 2)),
        ({"SLURM_JOB_ID": "1", "SLURM_NTASKS": "8"}, 2, Processes("nobody", 2)),  # salloc, without srun
        ({**SLURM, "SLURM_NTASKS": "1", "SLURM_NNODES": "1"}, 1, Processes("nobody", 1)),
        ({"WORLD_SIZE": "x", "MASTER_PORT": "x"}, 1, Processes("nobody", 1)),  # nobody reads them
    ],
)
def test_processes_as_their_launcher_says(environment, wanted, expected):
    assert processes(environment, wanted) == expected


@pytest.mark.parametrize("value", ["", "x", "-1", "1.0", "1e3", "²", "9" * 30])
@pytest.mark.parametrize(
    ("launcher", "name"),
    [
        *((TORCHRUN, name) for name in TORCHRUN),
        *((SLURM, name) for name in SLURM if name != "SLURM_JOB_ID"),
        *(({}, name) for name in ("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "JSM_NAMESPACE_RANK")),
    ],
)
def test_a_variable_that_is_no_number_is_named(launcher, name, value):
    with pytest.raises(InputError, match=f"the environment variable {name} is '{value}'; expected a whole number"):
        processes({**launcher, name: value}, 1)


@pytest.mark.parametrize("name", [name for name in TORCHRUN if name != "LOCAL_WORLD_SIZE"])
def test_a_variable_that_is_missing_is_named(name):
    with pytest.raises(InputError, match=f"the environment variable {name} is not set"):
        processes({other: value for other, value in TORCHRUN.items() if other != name}, 1)


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({**TORCHRUN, "RANK": "32"}, "WORLD_SIZE 32, RANK 32"),
        ({**TORCHRUN, "LOCAL_RANK": "8"}, "ranks below the sizes"),
        ({**TORCHRUN, "WORLD_SIZE": "12"}, "as many on each node"),
        ({**TORCHRUN, "LOCAL_WORLD_SIZE": "0"}, "LOCAL_WORLD_SIZE is '0'"),
        ({**SLURM, "SLURM_NNODES": "3"}, "8 tasks on 3 nodes, 4 on each"),
        ({**SLURM, "SLURM_NTASKS_PER_NODE": "5"}, "8 tasks on 2 nodes, 5 on each"),
        ({k: v for k, v in SLURM.items() if k != "SLURM_NTASKS_PER_NODE"}, "an unknown number"),
    ],
)
def test_numbers_that_do_not_fit_together(environment, told):
    with pytest.raises(InputError, match=told):
        processes(environment, 1)


def test_it_is_told_before_anything_is_begun(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "x")
    assert main(["train", "digits", "--device", "cpu", "--out", str(tmp_path / "run")]) == 2
    assert capsys.readouterr().err.startswith("longtail: the environment variable LOCAL_WORLD_SIZE is 'x'")
    assert not (tmp_path / "run").exists()


def command(*words):
    return subprocess.run([sys.executable, "-m", "longtail", *map(str, words)], capture_output=True, text=True)


def test_lightning_does_not_read_ranks_first(monkeypatch, tmp_path):
    monkeypatch.setenv("RANK", "first")  # it does so when it is imported
    done = command("run", "digits", "--device", "cpu", "--out", tmp_path / "run")
    assert done.returncode == 2
    assert done.stderr.startswith("longtail: the environment variable RANK is 'first'")


@pytest.mark.slow
def test_matplotlib_draws_into_files_whatever_is_set(monkeypatch, tmp_path):
    monkeypatch.setenv("MPLBACKEND", "nonsense")
    done = command("describe", "digits", "--out", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "counts.png").is_file()
