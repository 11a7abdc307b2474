"""Contrast on two processes: one network, one queue with the keys of both, directions of all features."""

from pathlib import Path

import pytest
import torch

HERE = Path(__file__).parent
BATCH, STEPS = 6, 3


@pytest.mark.distributed
def test_two_ranks_remember_the_same(forked, tmp_path):
    forked.run_ranks(2, HERE / "rank_script.py", tmp_path)
    states = {}
    for name in ("paco", "gpaco", "bcl", "proco", "ride"):
        states[name], second = (torch.load(tmp_path / f"{name}-{rank}.pt", weights_only=True) for rank in range(2))
        for key, tensor in states[name].items():
            assert torch.equal(tensor, second[key]), (name, key)
    for name in ("paco", "gpaco"):
        labels, filled = states[name]["queue.labels"], 2 * BATCH * STEPS
        # step after step, in each the images of the first rank and then those of the second
        expected = [(n + step + rank) % 3 for step in range(STEPS) for rank in range(2) for n in range(BATCH)]
        assert labels[:filled].tolist() == expected
        assert (labels[filled:] == -1).all()
        assert int(states[name]["queue.position"]) == filled
    # two views of every image of both ranks
    assert states["proco"]["directions.sizes"].sum() == 2 * 2 * BATCH * STEPS
