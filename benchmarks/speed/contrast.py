"""What does a step of supervised contrast, or of several experts, cost beside the passes of its networks?

Claim: each method trains at 87 % or more of the images a second that the bare forward and backward passes of the same
networks reach on the same number of images. What the step has besides: drawing and augmenting the views, the loss with
its queue, prototypes or Bessel functions, the momentum update, the optimizer.

Both sides run in turn in one process, in the same precision and memory layout, on the same made-up images; the bare
side gets ready, normalised batches. The bare networks: paco, backbone, classifier and projection on B images forward
and backward and backbone and projection on B images forward only; gpaco, all three on 2 x B images in two batches; bcl
and proco, the backbone on 3 x B images, the classifier on B and the projection on 2 x B; ride and sade, the network of
three experts on B images. The median ratio of the rounds
counts, and that of the loss and all else without the drawing of the views.

    python benchmarks/speed/contrast.py [--methods paco,gpaco,bcl,proco,ride,sade] [--backbone resnet32] [--steps 10]
        [--repeat 5] [--batch-size 128] [--size 32] [--classes 100] [--device cpu]
"""

import argparse
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from steps_a_second import rate_of
from torch import Tensor

from longtail.backbones import classifier_of, create_backbone, features_of, normalize_classifier
from longtail.contrast import BCL, GPaCo, PaCo, ProCo
from longtail.counts import exponential_counts
from longtail.data.transforms import Preprocessing
from longtail.jobs.launch import launch, resolve_device, resolve_precision
from longtail.jobs.options import RuntimeOptions, StageOneOptions
from longtail.jobs.stage_one.contrast import contrast_settings, further_views
from longtail.jobs.stage_one.cosines import cosine_scale
from longtail.jobs.stage_one.experts import experts_objective
from longtail.sampling import Sampler
from longtail.training.batches import ResidentBatches
from longtail.training.classification import Classification

KINDS: dict[str, Any] = {"paco": PaCo, "gpaco": GPaCo, "bcl": BCL, "proco": ProCo}
EXPERTS = ("ride", "sade")


def our_step(fabric: Any, task: Any, optimizer: Any, batches: Iterator[Any]) -> Callable[[], None]:
    """Give a step as the training loop does it: batch, loss, gradient, update."""

    def step() -> None:
        loss, _ = task(*next(batches))
        fabric.backward(loss)
        optimizer.step()
        optimizer.zero_grad()

    return step


def bare_step(fabric: Any, method: str, module: Any, images: Tensor) -> Callable[[], None]:
    """Give the forward and backward passes of a task's networks and nothing else."""
    B = len(images)

    def outputs() -> list[Tensor]:
        if method in EXPERTS:
            return [module.model.expert_logits(images)]
        classifier = classifier_of(module.model)
        if method == "paco":
            with torch.no_grad():
                module.key_projection(features_of(module.key_model, images))
        if method in ("bcl", "proco"):
            features = features_of(module.model, torch.cat([images] * 3))
            return [classifier(features[:B]), module.projection(features[B:])]
        several = [features_of(module.model, images) for _ in range(2 if method == "gpaco" else 1)]
        return [out for features in several for out in (classifier(features), module.projection(features))]

    def step() -> None:
        with fabric.autocast():
            loss = sum(out.float().square().mean() for out in outputs())
        fabric.backward(loss)
        module.zero_grad()

    return step


def built(method: str, arguments: argparse.Namespace, counts: Tensor) -> Any:
    """Build the task of a method with its usual settings."""
    if method in EXPERTS:
        model = create_backbone(arguments.backbone, num_classes=len(counts), arguments={"experts": 3})
        loss = experts_objective(StageOneOptions(experts=method), counts, is_small=True).loss  # type: ignore[arg-type]
        return Classification(model.to(memory_format=torch.channels_last), loss, each_expert=True)
    stage = StageOneOptions(contrast=method, batch_size=arguments.batch_size)  # type: ignore[arg-type]
    model = create_backbone(arguments.backbone, num_classes=len(counts))
    scale = cosine_scale(stage)
    if scale is not None:
        normalize_classifier(model, scale)
    settings = contrast_settings(stage, is_small=True, num_images=10**5)
    if method in ("paco", "gpaco"):
        settings["sample_weight"] = settings.pop("weight")
    return KINDS[method](model.to(memory_format=torch.channels_last), counts, **settings)


def measure(fabric: Any, method: str, arguments: argparse.Namespace) -> None:
    """Run both sides of a method in turn and print the ratios."""
    B, size, C = arguments.batch_size, arguments.size, arguments.classes
    images = torch.randint(0, 256, (max(8 * B, 4096), 3, size, size), dtype=torch.uint8, device=fabric.device)
    labels = torch.arange(len(images), device=fabric.device) % C
    counts = torch.from_numpy(exponential_counts(C, 500, 100)).float()
    module, other = (built(method, arguments, counts) for _ in range(2))
    optimizer = torch.optim.SGD([p for p in module.parameters() if p.requires_grad], lr=1e-3, momentum=0.9)
    task, optimizer = fabric.setup(module, optimizer)
    preprocessing = Preprocessing(size, size, 3, (0.5,) * 3, (0.25,) * 3, "crop-flip", resident=True)
    views = () if method in EXPERTS else further_views(StageOneOptions(contrast=method))  # type: ignore[arg-type]
    batches = ResidentBatches(images, labels, Sampler(labels.cpu().numpy()), preprocessing, batch_size=B, further=views)

    def drawn() -> Iterator[Any]:
        while True:
            for (batch,) in batches.steps(0, 0):
                yield batch

    def ready() -> Iterator[Any]:
        batch = next(drawn())
        while True:
            yield batch

    plain = torch.randn(B, 3, size, size, device=fabric.device).to(memory_format=torch.channels_last)
    sides = (
        our_step(fabric, task, optimizer, drawn()),
        our_step(fabric, task, optimizer, ready()),
        bare_step(fabric, method, other.to(fabric.device), plain),
    )
    rates = []
    for _ in range(arguments.repeat):
        rates.append([rate_of(step, arguments.steps, B, fabric.device) for step in sides])
        print(f"  {method:<6} ours {rates[-1][0]:8.0f} images/s   bare {rates[-1][2]:8.0f} images/s", flush=True)
    whole, loss = (100 * np.median([row[side] / row[2] for row in rates]) for side in (0, 1))
    print(f"{method:<6} median ratio {whole:.0f} % with its views drawn, {loss:.0f} % on views that are ready")


def main() -> None:
    """Measure the methods one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", default=",".join((*KINDS, *EXPERTS)))
    parser.add_argument("--backbone", default="resnet32")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--device", default="auto")
    arguments = parser.parse_args()
    fabric = launch(RuntimeOptions(device=arguments.device))
    precision = resolve_precision("auto", resolve_device(arguments.device))
    threads = torch.get_num_threads()
    print(
        f"{arguments.backbone}, {arguments.size} pixels, batch {arguments.batch_size}, {precision}, {threads} threads"
    )
    for method in arguments.methods.split(","):
        measure(fabric, method, arguments)


if __name__ == "__main__":
    main()
