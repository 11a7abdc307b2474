"""Several processes give what one gives: metrics, feature file, the images of each step, the trained weights."""

import json
from pathlib import Path

import pytest
import torch

from forked import free_port
from longtail.training.checkpoints import load_checkpoint

HERE = Path(__file__).parent


def evaluate(server, folder, ranks):
    folder.mkdir()
    server.run_ranks(ranks, HERE / "rank_script.py", folder)
    return [json.loads((folder / f"rank{rank}.json").read_text()) for rank in range(ranks)]


@pytest.fixture(scope="module")
def one(fork_server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("one") / "run"
    return folder, evaluate(fork_server, folder, 1)[0]


@pytest.mark.distributed
@pytest.mark.parametrize("ranks", [2, 4])
def test_several_ranks_give_what_one_gives(one, forked, tmp_path, ranks):
    folder, alone = one
    together = evaluate(forked, tmp_path / "run", ranks)
    assert all(rank["measured"] == alone["measured"] for rank in together)
    ours, theirs = ((place / "feature_val.h5").read_bytes() for place in (folder, tmp_path / "run"))
    assert ours == theirs
    for step, whole in enumerate(alone["labels"]):
        parts = [rank["labels"][step] for rank in together]
        assert {len(part) for part in parts} == {len(whole) // ranks}
        assert sorted(label for part in parts for label in part) == sorted(whole)


@pytest.mark.distributed
@pytest.mark.parametrize("switches", [(), ("switches",)])
def test_a_run_goes_on_with_another_number_of_ranks(forked, tmp_path, switches):
    """With SAM the point nearby is that of all images of a step, and the average of weights is one of steps."""

    def weights(folder):
        checkpoint = load_checkpoint(folder / "last.pt")
        assert checkpoint["state"]["epoch"] == 3
        return checkpoint["task"]

    forked.run_ranks(1, HERE / "train_script.py", tmp_path / "alone", -1, *switches)
    for ranks, stop_after in ((2, 3), (4, 6), (1, -1)):  # in the first epoch, then in the second, then to the end
        forked.run_ranks(ranks, HERE / "train_script.py", tmp_path / "changing", stop_after, *switches)
    alone, changing = weights(tmp_path / "alone"), weights(tmp_path / "changing")
    for name, tensor in alone.items():
        # the same images in the same steps; only the order of the sums over a batch differs
        torch.testing.assert_close(changing[name], tensor, rtol=1e-5, atol=1e-6)


@pytest.mark.distributed
def test_processes_that_slurm_started_find_each_other(forked, tmp_path):
    shared = {
        "SLURM_JOB_ID": "1",
        "SLURM_JOB_NAME": "longtail",
        "SLURM_NTASKS": "2",
        "SLURM_NTASKS_PER_NODE": "2",
        "SLURM_NNODES": "1",
        "SLURM_NODEID": "0",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
    }
    command = ["-m", "longtail", "train", "digits", "--epochs", "1", "--quiet", "--out", tmp_path]
    tasks = [forked.start(*command, **shared, SLURM_PROCID=str(rank), SLURM_LOCALID=str(rank)) for rank in range(2)]
    assert [task.wait() for task in tasks] == [0, 0], [task.told() for task in tasks]
    assert (tmp_path / "checkpoints" / "last.pt").is_file()
