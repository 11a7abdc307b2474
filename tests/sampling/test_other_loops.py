"""The sampler in others' loops over several processes: no draw is left out, none comes twice."""

import json
from pathlib import Path

import numpy as np
import pytest

from longtail.sampling import Sampler

SCRIPT = Path(__file__).parent / "fabric_script.py"


@pytest.mark.distributed
def test_two_processes_share_the_stream_through_fabric(forked, tmp_path):
    forked.run_ranks(2, SCRIPT, tmp_path)
    first, second = (json.loads((tmp_path / f"rank{rank}.json").read_text()) for rank in range(2))
    stream = Sampler(np.repeat([0, 1], [60, 40]), strategy="class", seed=0)
    assert first.keys() == second.keys() == {"shared by Fabric", "by itself", "switched off"}
    for name in first:
        for epoch in range(2):
            together = [index for pair in zip(first[name][epoch], second[name][epoch], strict=True) for index in pair]
            assert together == stream.epoch_indices(epoch).tolist(), (name, epoch)
