"""Started by test_ranks.py in processes of their own: steps of MoCo, each image marked by its first pixel."""

import os
import sys
from pathlib import Path

import torch
from lightning_fabric import Fabric

from longtail.backbones import create_backbone
from longtail.pretraining import MoCo

BATCH, STEPS = 8, 3  # images of a rank; steps


def main():
    folder, ranks = Path(sys.argv[1]), int(os.environ["WORLD_SIZE"])
    torch.set_num_threads(1)
    fabric = Fabric(accelerator="cpu", devices=ranks, strategy="ddp" if ranks > 1 else "auto", precision="32-true")
    fabric.launch()
    torch.manual_seed(0)
    model = create_backbone("digits_cnn", num_classes=3, in_chans=1).to(memory_format=torch.channels_last)
    module = MoCo(model, queue=64, batch_size=BATCH * ranks, dimension=5, momentum=0.9)
    seen, encode = [], module._keys

    def recorded(images):
        keys = encode(images)
        seen.append((images[:, 0, 0, 0].clone(), keys.clone()))
        return keys

    module._keys = recorded
    optimizer = torch.optim.SGD([p for p in module.parameters() if p.requires_grad], lr=0.1)
    task, optimizer = fabric.setup(module, optimizer)
    for step in range(STEPS):
        torch.manual_seed(100 * step + fabric.global_rank)
        images = torch.rand(2, BATCH, 1, 8, 8)
        images[:, :, 0, 0, 0] = BATCH * (step * ranks + fabric.global_rank) + torch.arange(BATCH)
        loss, _ = task(*images)
        fabric.backward(loss)
        optimizer.step()
        optimizer.zero_grad()
    torch.save(
        {
            "markers": torch.stack([markers for markers, _ in seen]),
            "keys": torch.stack([keys for _, keys in seen]),
            "queue": module.queue,
            "position": module.position,
            "weight": model.conv1.weight.detach(),
        },
        folder / f"rank{fabric.global_rank}.pt",
    )


if __name__ == "__main__":
    main()
