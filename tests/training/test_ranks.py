"""Several processes give what one gives: metrics, feature file, the images of each step, the trained weights."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from longtail.training.checkpoints import load_checkpoint

HERE = Path(__file__).parent


def torchrun(ranks, script, *arguments):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, HERE / script, *map(str, arguments)], env=environment, timeout=300, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def evaluate(folder, ranks):
    folder.mkdir()
    torchrun(ranks, "rank_script.py", folder)
    return [json.loads((folder / f"rank{rank}.json").read_text()) for rank in range(ranks)]


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    folder = tmp_path_factory.mktemp("one") / "run"
    return folder, evaluate(folder, 1)[0]


@pytest.mark.distributed
@pytest.mark.parametrize("ranks", [2, 4])
def test_several_ranks_give_what_one_gives(one, tmp_path, ranks):
    folder, alone = one
    together = evaluate(tmp_path / "run", ranks)
    assert all(rank["measured"] == alone["measured"] for rank in together)
    ours, theirs = ((place / "feature_val.h5").read_bytes() for place in (folder, tmp_path / "run"))
    assert ours == theirs
    for step, whole in enumerate(alone["labels"]):
        parts = [rank["labels"][step] for rank in together]
        assert {len(part) for part in parts} == {len(whole) // ranks}
        assert sorted(label for part in parts for label in part) == sorted(whole)


@pytest.mark.distributed
def test_a_run_goes_on_with_another_number_of_ranks(tmp_path):
    def weights(folder):
        checkpoint = load_checkpoint(folder / "last.pt")
        assert checkpoint["state"]["epoch"] == 3
        return checkpoint["task"]

    torchrun(1, "train_script.py", tmp_path / "alone", -1)
    for ranks, stop_after in ((2, 3), (4, 6), (1, -1)):  # in the first epoch, then in the second, then to the end
        torchrun(ranks, "train_script.py", tmp_path / "changing", stop_after)
    alone, changing = weights(tmp_path / "alone"), weights(tmp_path / "changing")
    for name, tensor in alone.items():
        # the same images in the same steps; only the order of the sums over a batch differs
        torch.testing.assert_close(changing[name], tensor, rtol=1e-5, atol=1e-6)


@pytest.mark.distributed
def test_processes_that_slurm_started_find_each_other(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {
        "SLURM_JOB_ID": "1",
        "SLURM_JOB_NAME": "longtail",
        "SLURM_NTASKS": "2",
        "SLURM_NTASKS_PER_NODE": "2",
        "SLURM_NNODES": "1",
        "SLURM_NODEID": "0",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "longtail", "train", "digits", "--epochs", "1", "--quiet", "--out", tmp_path]
    tasks = [
        subprocess.Popen(
            command,
            env={**os.environ, **shared, "SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(2)
    ]
    told = [task.communicate(timeout=300)[0] for task in tasks]
    assert [task.returncode for task in tasks] == [0, 0], told
    assert (tmp_path / "checkpoints" / "last.pt").is_file()
