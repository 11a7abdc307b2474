"""Started by test_ranks.py as several processes: train a network without batch norm, stop after some steps or go on."""

import sys
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import nn

from longtail.data.transforms import Preprocessing
from longtail.jobs.processes import processes
from longtail.sampling import Sampler
from longtail.schedules import Schedule
from longtail.training.batches import ResidentBatches
from longtail.training.checkpoints import load_checkpoint
from longtail.training.classification import Classification
from longtail.training.loop import train
from longtail.training.plan import TrainingPlan, TrainingRecord


class Stop(Exception):
    pass


def main():
    import os

    folder, stop_after = Path(sys.argv[1]), int(sys.argv[2])
    switches = {"ema": 0.9, "sam": 0.05} if "switches" in sys.argv[3:] else {}
    torch.set_num_threads(1)
    ranks = processes(os.environ, 1).number
    fabric = Fabric(accelerator="cpu", devices=ranks, strategy="ddp" if ranks > 1 else "auto", precision="32-true")
    fabric.launch()
    preprocessing = Preprocessing(8, 8, 1, (0.3,), (0.4,), "none", resident=True)
    images = torch.randint(0, 256, (200, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(200) % 7
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.Tanh(), nn.Linear(16, 7))
    task = Classification(model)
    optimizer = torch.optim.SGD(task.parameters(), lr=0.1, momentum=0.9)
    batches = ResidentBatches(
        images,
        labels,
        Sampler(labels.numpy(), strategy="class", seed=5),
        preprocessing,
        batch_size=40,
        rank=fabric.global_rank,
        num_ranks=ranks,
    )
    taken = 0
    original = batches.steps

    def steps(epoch, first_step):
        nonlocal taken
        for step in original(epoch, first_step):
            if taken == stop_after:
                raise Stop
            taken += 1
            yield step

    batches.steps = steps
    last = folder / "last.pt"
    plan = TrainingPlan(num_epochs=3, schedule=Schedule("cosine"), seed=1, save_every=0.0, **switches)
    record = TrainingRecord(folder, {}, load_checkpoint(last) if last.is_file() else None, quiet=True)
    try:
        train(fabric, task, optimizer, batches, plan, record)
    except Stop:
        fabric.barrier()


if __name__ == "__main__":
    main()
