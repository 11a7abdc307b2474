"""Several processes give what one gives: metrics, feature file, and the images of each step."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("rank_script.py")


def launch(folder, ranks):
    folder.mkdir()
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([*command, SCRIPT, folder], check=True, env=environment, timeout=300, capture_output=True)
    return [json.loads((folder / f"rank{rank}.json").read_text()) for rank in range(ranks)]


@pytest.mark.distributed
def test_two_ranks_give_what_one_gives(tmp_path):
    (one,) = launch(tmp_path / "one", 1)
    two = launch(tmp_path / "two", 2)
    assert two[0]["measured"] == two[1]["measured"] == one["measured"]
    ours, theirs = ((tmp_path / name / "feature_val.h5").read_bytes() for name in ("one", "two"))
    assert ours == theirs
    for step, whole in enumerate(one["labels"]):
        parts = [rank["labels"][step] for rank in two]
        assert len(parts[0]) == len(parts[1]) == len(whole) // 2
        assert sorted(parts[0] + parts[1]) == sorted(whole)
