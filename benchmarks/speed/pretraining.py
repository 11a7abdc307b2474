"""What does a self-supervised training step cost beside its networks?

Claim: each task trains at 85 % or more of the images a second that the bare forward and backward passes of the same
networks reach on the same number of images. What the step has besides: drawing and augmenting the views, turning or
encoding the images, the queue and its matrix product, the momentum update, the optimizer.

Both sides run in turn in one process, in the same precision and memory layout, on the same made-up images; the bare
side gets ready, normalised batches. The bare networks are: rotation, backbone and 4-way layer on B images; moco,
backbone and projection on B images forward and backward and on B images forward only; simsiam, backbone, projection
and prediction on 2 x B images. The median ratio of the rounds counts.

    python benchmarks/speed/pretraining.py [--tasks rotation,moco,simsiam] [--backbone resnet32] [--steps 10]
        [--repeat 5] [--batch-size 128] [--size 32] [--device cpu]
"""

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from steps_a_second import rate_of
from torch import Tensor
from torch.nn import functional

from longtail.backbones import create_backbone, features_of
from longtail.data.transforms import Preprocessing
from longtail.jobs.launch import launch, resolve_device, resolve_precision
from longtail.jobs.options import RuntimeOptions
from longtail.jobs.pretrain import build_task, parameter_groups_of
from longtail.jobs.stage_one.pretrain_options import PretrainOptions, resolve
from longtail.sampling import Sampler
from longtail.training.batches import ResidentBatches


def our_step(fabric: Any, task: Any, optimizer: Any, batches: ResidentBatches) -> Callable[[], None]:
    """Give a step as the training loop does it: batch, loss, gradient, update."""

    def endless() -> Any:
        epoch = 0
        while True:
            yield from batches.steps(epoch, 0)
            epoch += 1

    steps = endless()

    def step() -> None:
        (batch,) = next(steps)
        loss, _ = task(*batch)
        fabric.backward(loss)
        optimizer.step()
        optimizer.zero_grad()

    return step


def bare_step(fabric: Any, name: str, module: Any, images: Tensor) -> Callable[[], None]:
    """Give the forward and backward passes of a task's networks and nothing else."""

    def outputs() -> list[Tensor]:
        if name == "rotation":
            return [module.rotation(features_of(module.model, images))]
        if name == "moco":
            with torch.no_grad():
                module.key_projection(features_of(module.key_model, images))
            return [module.projection(features_of(module.model, images))]
        return [module.prediction(module.projection(features_of(module.model, images))) for _ in range(2)]

    def step() -> None:
        with fabric.autocast():
            loss = sum(
                functional.mse_loss(out.float(), torch.zeros_like(out, dtype=torch.float32)) for out in outputs()
            )
        fabric.backward(loss)
        module.zero_grad()

    return step


def main() -> None:
    """Run both sides of each task in turn and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", default="rotation,moco,simsiam")
    parser.add_argument("--backbone", default="resnet32")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--device", default="auto")
    arguments = parser.parse_args()
    fabric = launch(RuntimeOptions(device=arguments.device))
    B, size = arguments.batch_size, arguments.size
    images = torch.randint(0, 256, (max(8 * B, 4096), 3, size, size), dtype=torch.uint8, device=fabric.device)
    labels = torch.arange(len(images), device=fabric.device) % 10
    precision = resolve_precision("auto", resolve_device(arguments.device))
    print(f"{arguments.backbone}, {size} pixels, batch {B}, {precision}, {torch.get_num_threads()} threads")
    for name in arguments.tasks.split(","):
        options = resolve(PretrainOptions(task=name, batch_size=B), is_small=True, num_images=len(images))
        networks = [
            build_task(
                create_backbone(arguments.backbone, num_classes=10).to(memory_format=torch.channels_last),
                options,
            )
            for _ in range(2)
        ]
        optimizer = torch.optim.SGD(parameter_groups_of(networks[0], constant=()), lr=1e-3, momentum=0.9)
        task, optimizer = fabric.setup(networks[0], optimizer)
        augmentation = "crop-flip" if name == "rotation" else "moco"
        preprocessing = Preprocessing(size, size, 3, (0.5,) * 3, (0.25,) * 3, augmentation, resident=True)
        views = 1 if name == "rotation" else 2
        sampler = Sampler(labels.cpu().numpy())
        batches = ResidentBatches(images, labels, sampler, preprocessing, batch_size=B, views=views)
        ready = torch.randn(B, 3, size, size, device=fabric.device).to(memory_format=torch.channels_last)
        ours = our_step(fabric, task, optimizer, batches)
        bare = bare_step(fabric, name, networks[1].to(fabric.device), ready)
        rates = []
        for _ in range(arguments.repeat):
            rates.append([rate_of(step, arguments.steps, B, fabric.device) for step in (ours, bare)])
            print(f"  {name:<9} ours {rates[-1][0]:8.0f} images/s   bare {rates[-1][1]:8.0f} images/s", flush=True)
        mine, theirs = np.median(rates, axis=0)
        ratio = np.median([a / b for a, b in rates])
        print(f"{name:<9} medians: ours {mine:.0f}, bare {theirs:.0f} images/s; median ratio {100 * ratio:.0f} %")


if __name__ == "__main__":
    main()
