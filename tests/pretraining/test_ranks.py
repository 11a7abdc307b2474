"""MoCo on two processes: key batches shuffled across them, one queue, one network."""

from pathlib import Path

import pytest
import torch

HERE = Path(__file__).parent
BATCH, STEPS = 8, 3


@pytest.mark.distributed
def test_two_ranks_see_shuffled_batch_norm_and_fill_one_queue(forked, tmp_path):
    forked.run_ranks(2, HERE / "rank_script.py", tmp_path)
    first, second = (torch.load(tmp_path / f"rank{rank}.pt", weights_only=True) for rank in range(2))
    everyone = 2 * BATCH
    for step in range(STEPS):
        batches = [rank["markers"][step].tolist() for rank in (first, second)]
        own = [set(range(BATCH * (2 * step + rank), BATCH * (2 * step + rank + 1))) for rank in range(2)]
        # batch norm of the key encoder sees images of both ranks, each image once
        assert sorted([*batches[0], *batches[1]]) == sorted(own[0] | own[1])
        assert all(set(batch) & own[0] and set(batch) & own[1] for batch in batches)
    # the queue holds each image's key at the image's place, whichever rank computed it
    markers = torch.cat([first["markers"].flatten(), second["markers"].flatten()]).long()
    keys = torch.cat([first["keys"].flatten(0, 1), second["keys"].flatten(0, 1)])
    assert torch.equal(first["queue"][: STEPS * everyone], keys[markers.argsort()])
    assert int(first["position"]) == STEPS * everyone
    for name in ("queue", "position", "weight"):
        assert torch.equal(first[name], second[name]), name
