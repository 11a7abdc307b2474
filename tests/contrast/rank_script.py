"""Started by test_ranks.py in processes of their own: steps of each task, and what a rank remembers."""

import os
import sys
from pathlib import Path

import torch
from lightning_fabric import Fabric

from longtail.backbones import create_backbone
from longtail.contrast import BCL, GPaCo, PaCo, ProCo
from longtail.losses import RIDE
from longtail.training.classification import Classification

BATCH, STEPS = 6, 3  # images of a rank; steps


def ride(_model):
    model = create_backbone("digits_cnn", num_classes=3, in_chans=1, arguments={"experts": 3})
    return Classification(model, RIDE([5, 3, 2], temperature_share=0.05), each_expert=True)


KINDS = {
    "ride": (1, ride),
    "paco": (2, lambda model: PaCo(model, [5, 3, 2], queue=64, dimension=5, momentum=0.9)),
    "gpaco": (2, lambda model: GPaCo(model, [5, 3, 2], queue=64, dimension=5)),
    "bcl": (3, lambda model: BCL(model, [5, 3, 2], dimension=5)),
    "proco": (3, lambda model: ProCo(model, [5, 3, 2], dimension=5)),
}


def main():
    folder, ranks = Path(sys.argv[1]), int(os.environ["WORLD_SIZE"])
    torch.set_num_threads(1)
    fabric = Fabric(accelerator="cpu", devices=ranks, strategy="ddp" if ranks > 1 else "auto", precision="32-true")
    fabric.launch()
    for name, (views, build) in KINDS.items():
        torch.manual_seed(0)
        model = create_backbone("digits_cnn", num_classes=3, in_chans=1).to(memory_format=torch.channels_last)
        module = build(model)
        optimizer = torch.optim.SGD([p for p in module.parameters() if p.requires_grad], lr=0.1)
        task, optimizer = fabric.setup(module, optimizer)
        for step in range(STEPS):
            torch.manual_seed(100 * step + fabric.global_rank)
            labels = (torch.arange(BATCH) + step + fabric.global_rank) % 3
            loss, _ = task(*torch.rand(views, BATCH, 1, 8, 8), labels)
            fabric.backward(loss)
            optimizer.step()
            optimizer.zero_grad()
        state = {key: tensor for key, tensor in module.state_dict().items() if "running" not in key}
        torch.save(state, folder / f"{name}-{fabric.global_rank}.pt")


if __name__ == "__main__":
    main()
