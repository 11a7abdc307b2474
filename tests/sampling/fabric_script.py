"""Started by test_other_loops.py as two processes: what each sees of two epochs through Fabric's data loaders."""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from torch.utils.data import DataLoader, TensorDataset

from longtail.sampling import Sampler


def main():
    labels, data = np.repeat([0, 1], [60, 40]), TensorDataset(torch.arange(100))
    fabric = Fabric(accelerator="cpu", devices=2, strategy="ddp")
    fabric.launch()
    ranks = {"rank": fabric.global_rank, "num_ranks": 2}
    cases = {"shared by Fabric": ({}, {}), "by itself": (ranks, {}), "switched off": (ranks, {"use": False})}
    seen = {}
    for name, (given, switch) in cases.items():
        sampler = Sampler(labels, strategy="class", seed=0, **given)
        use = switch.get("use", True)
        loader = fabric.setup_dataloaders(DataLoader(data, 10, sampler=sampler), use_distributed_sampler=use)
        seen[name] = [torch.cat([batch for (batch,) in loader]).tolist() for _ in range(2)]
    Path(sys.argv[1], f"rank{fabric.global_rank}.json").write_text(json.dumps(seen))


if __name__ == "__main__":
    main()
