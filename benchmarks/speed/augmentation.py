"""What do the switches of stage 1 cost?

Claim to be measured: RandAugment of a batch of resident images gives at least three times as many images a second as
torchvision's in a DataLoader with two workers. Beside it stands what a step of the training loop costs with each
switch, as a multiple of the bare forward and backward passes of ResNet-32.

Both sides run in turn in one process, on the same made-up images of 32 pixels; the median ratio counts. The first part
takes uint8 images to normalised batches: crop, mirror, two operations of the same strengths. The second part times the
second epoch of the training loop against the passes alone, on a batch that lies ready, in the same precision.

    python benchmarks/speed/augmentation.py [--steps 10] [--repeat 3] [--batch-size 128] [--device cpu]
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from longtail.backbones import create_backbone
from longtail.data.policies import Policy
from longtail.data.transforms import Preprocessing
from longtail.jobs.launch import launch, resolve_device, resolve_precision
from longtail.jobs.options import RuntimeOptions
from longtail.sampling import Sampler
from longtail.schedules import Schedule
from longtail.training.batches import ResidentBatches
from longtail.training.classification import Classification
from longtail.training.loop import train
from longtail.training.mixing import Mixing
from longtail.training.paired_batches import PairedBatches
from longtail.training.plan import TrainingPlan, TrainingRecord

SIZE, CLASSES = 32, 10
MEAN, STD = (0.5,) * 3, (0.25,) * 3
SWITCHES: dict[str, dict[str, Any]] = {
    "plain": {},
    "randaugment": {"policy": Policy("randaugment")},
    "autoaugment + cutout": {"policy": Policy("autoaugment", cutout=16)},
    "mixup": {"mixing": "mixup"},
    "cutmix": {"mixing": "cutmix"},
    "remix": {"mixing": "remix"},
    "cmo": {"mixing": "cmo"},
    "ema": {"plan": {"ema": 0.999}},
    "sam": {"plan": {"sam": 0.05}},
}


def batches_of(images: torch.Tensor, labels: torch.Tensor, policy: Policy, batch_size: int, seed: int) -> Any:
    """Give our batches of resident images."""
    preprocessing = Preprocessing(SIZE, SIZE, 3, MEAN, STD, "crop-flip", True, policy=policy)
    sampler = Sampler(labels.cpu().numpy(), seed=seed)
    return ResidentBatches(images, labels, sampler, preprocessing, batch_size=batch_size, seed=seed)


class _Images(Dataset):
    """Images in memory, augmented one by one by torchvision."""

    def __init__(self, images: torch.Tensor, labels: torch.Tensor) -> None:
        self.images, self.labels = images, labels.tolist()
        self.transform = v2.Compose(
            [
                v2.RandomCrop(SIZE, padding=4),
                v2.RandomHorizontalFlip(),
                v2.RandAugment(2, 27),  # of 30, as 9 of our 10
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize(MEAN, STD),
            ]
        )

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(self.images[index]), self.labels[index]


def rate_of(batches: Any, count: int, batch_size: int, device: torch.device) -> float:
    """Give images a second of an iterator of batches."""
    iterator = iter(batches)
    next(iterator)  # starts the workers
    started = time.perf_counter()
    for _ in range(count):
        next(iterator)
    if device.type == "cuda":
        torch.cuda.synchronize()
    return count * batch_size / (time.perf_counter() - started)


def compare_augmentation(images: torch.Tensor, labels: torch.Tensor, device: torch.device, arguments: Any) -> None:
    """Print images a second of both sides, and the ratio."""
    count = len(images) // arguments.batch_size - 1
    ratios = []
    for round_ in range(arguments.repeat):
        resident = batches_of(
            images.to(device), labels.to(device), Policy("randaugment"), arguments.batch_size, seed=round_
        )
        ours = rate_of(resident.steps(0, 0), count, arguments.batch_size, device)
        loader = DataLoader(_Images(images, labels), arguments.batch_size, shuffle=True, num_workers=2)
        theirs = rate_of(loader, count, arguments.batch_size, device)
        ratios.append(ours / theirs)
        print(f"RandAugment: batched {ours:8.0f} images/s   torchvision, two workers {theirs:8.0f} images/s")
    print(f"RandAugment: median ratio {np.median(ratios):.2f} ({device}, {torch.get_num_threads()} threads)")


def network(device: torch.device) -> torch.nn.Module:
    """Give a ResNet-32, drawn alike each time."""
    torch.manual_seed(0)
    return create_backbone("resnet32", num_classes=CLASSES).to(device, memory_format=torch.channels_last)


def bare_seconds(fabric: Any, batch: tuple[torch.Tensor, torch.Tensor], steps: int) -> float:
    """Give seconds of a forward and backward pass on a batch that lies ready."""
    model = fabric.setup_module(network(fabric.device))
    for step in range(steps + 2):
        if step == 2:
            if fabric.device.type == "cuda":
                torch.cuda.synchronize()
            started = time.perf_counter()
        fabric.backward(torch.nn.functional.cross_entropy(model(batch[0]), batch[1]))
        model.zero_grad()
    if fabric.device.type == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - started) / steps


def our_seconds(fabric: Any, images: torch.Tensor, labels: torch.Tensor, batch_size: int, switch: str) -> float:
    """Give seconds of a step of the training loop, in its second epoch."""
    how = SWITCHES[switch]
    mixing = Mixing(how["mixing"], class_counts=torch.bincount(labels)) if "mixing" in how else None
    task = Classification(network(fabric.device), mixing=mixing)
    optimizer = torch.optim.SGD(task.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    batches = batches_of(images, labels, how.get("policy", Policy()), batch_size, seed=0)
    if switch == "cmo":
        batches = PairedBatches(batches, batches_of(images, labels, Policy(), batch_size, seed=1))
    plan = TrainingPlan(2, Schedule("constant"), seed=0, save_every=1e6, **how.get("plan", {}))
    with tempfile.TemporaryDirectory() as folder:
        state = train(fabric, task, optimizer, batches, plan, TrainingRecord(Path(folder), {}, quiet=True))
    first, second = (row["seconds"] for row in state.history)
    return (second - first) / batches.steps_per_epoch


def compare_steps(images: torch.Tensor, labels: torch.Tensor, arguments: Any) -> None:
    """Print what a step of the loop costs beside the bare passes, switch by switch."""
    fabric = launch(RuntimeOptions(device=arguments.device))
    images, labels = images.to(fabric.device), labels.to(fabric.device)
    batch_size = arguments.batch_size
    (ready,) = next(batches_of(images, labels, Policy(), batch_size, seed=0).steps(0, 0))
    ratios: dict[str, list[float]] = {name: [] for name in SWITCHES}
    for _ in range(arguments.repeat):
        for name, values in ratios.items():
            bare = bare_seconds(fabric, ready, arguments.steps)
            values.append(our_seconds(fabric, images, labels, batch_size, name) / bare)
    for name, values in ratios.items():
        bounds = f"{min(values):.2f} to {max(values):.2f}"
        print(f"{name:22s} a step is {np.median(values):.2f} times the bare passes ({bounds})")
    precision = resolve_precision("auto", fabric.device.type)
    print(f"ResNet-32, batch {batch_size}, {fabric.device}, {precision}, {torch.get_num_threads()} threads")


def main() -> None:
    """Run both parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    count = arguments.batch_size * (arguments.steps + 1)
    images = torch.randint(0, 256, (count * 3, 3, SIZE, SIZE), dtype=torch.uint8)
    labels = torch.arange(len(images)) % CLASSES
    compare_augmentation(images, labels, torch.device(resolve_device(arguments.device)), arguments)
    compare_steps(images[:count], labels[:count], arguments)


if __name__ == "__main__":
    main()
