"""How much faster does stage 1 train than a plain loop?

Claim: ResNet-32 on 32-pixel images trains on 2 CPU cores at least twice as many images a second as a plain loop in
float32 with torchvision transforms in a DataLoader. What makes the difference: images resident as uint8 and augmented
in a batch, channels_last, bfloat16 where the processor computes in it.

Both sides run in turn in one process, the same network and batch size, on the same made-up images; the median ratio
counts.

    python benchmarks/speed/training.py [--steps 20] [--repeat 3]
"""

import argparse
import time

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from longtail.backbones import create_backbone
from longtail.data.transforms import Preprocessing
from longtail.jobs.launch import launch, resolve_precision
from longtail.jobs.options import RuntimeOptions
from longtail.sampling import Sampler
from longtail.training.batches import ResidentBatches
from longtail.training.classification import Classification

BATCH = 128


def ours(images: torch.Tensor, labels: torch.Tensor, steps: int) -> float:
    """Train some steps of our loop's parts; give images a second."""
    fabric = launch(RuntimeOptions(device="cpu"))
    task = Classification(create_backbone("resnet32", num_classes=10)).to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(task.parameters(), lr=0.1, momentum=0.9, weight_decay=2e-4)
    task, optimizer = fabric.setup(task, optimizer)
    preprocessing = Preprocessing(32, 32, 3, (0.5,) * 3, (0.25,) * 3, "crop-flip", resident=True)
    batches = ResidentBatches(images, labels, Sampler(labels.numpy()), preprocessing, batch_size=BATCH)
    for step, micro_batches in enumerate(batches.steps(0, 0)):
        if step == 2:
            started = time.perf_counter()  # the first steps choose kernels
        for batch in micro_batches:
            loss, _ = task(*batch)
            fabric.backward(loss)
        optimizer.step()
        optimizer.zero_grad()
        if step == steps + 1:
            break
    return steps * BATCH / (time.perf_counter() - started)


class _Images(Dataset):
    """The usual CIFAR data set: a PIL image a time, torchvision transforms."""

    def __init__(self, images: torch.Tensor, labels: torch.Tensor) -> None:
        self.images, self.labels = [v2.functional.to_pil_image(image) for image in images], labels.tolist()
        self.transform = v2.Compose(
            [
                v2.RandomCrop(32, padding=4),
                v2.RandomHorizontalFlip(),
                v2.PILToTensor(),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize((0.5,) * 3, (0.25,) * 3),
            ]
        )

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(self.images[index]), self.labels[index]


def plain(images: torch.Tensor, labels: torch.Tensor, steps: int) -> float:
    """Train some steps of the loop that everybody writes; give images a second."""
    model = create_backbone("resnet32", num_classes=10)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=2e-4)
    loader = DataLoader(_Images(images, labels), batch_size=BATCH, shuffle=True, num_workers=2)
    for step, (batch, target) in enumerate(loader):
        if step == 2:
            started = time.perf_counter()
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(batch), target).backward()
        optimizer.step()
        if step == steps + 1:
            break
    return steps * BATCH / (time.perf_counter() - started)


def main() -> None:
    """Run both sides and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    count = BATCH * (arguments.steps + 3)
    images = torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8)
    labels = torch.arange(count) % 10
    rates: list[tuple[float, float]] = []
    for _ in range(arguments.repeat):
        rates.append((ours(images, labels, arguments.steps), plain(images, labels, arguments.steps)))
        print(f"ours {rates[-1][0]:7.0f} images/s   plain float32 DataLoader loop {rates[-1][1]:7.0f} images/s")
    ratios = [a / b for a, b in rates]
    precision = resolve_precision("auto", "cpu")
    print(
        f"median ratio {np.median(ratios):.2f} ({precision}, {torch.get_num_threads()} threads, "
        f"ResNet-32, batch {BATCH})"
    )


if __name__ == "__main__":
    main()
