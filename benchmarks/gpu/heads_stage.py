"""Heads at full size: ImageNet-LT's rows and classes for those that train, and DLSA's published step."""

import resource

import numpy as np
import torch
from measured_rows import Row, Size, seconds_of, stage_size

from longtail import heads
from longtail.counts import exponential_counts
from longtail.flows import MixtureFlow
from longtail.heads.base import Head
from longtail.heads.dlsa.flow_filter import FlowPlan, fit_flow
from longtail.heads.tau_normalized import tau_sweep

EPOCHS = 10


def main() -> None:
    """Measure each head."""
    size = stage_size(str(__doc__))
    num_classes, dimension = size.of(1000, 10), size.of(2048, 32)
    counts = exponential_counts(num_classes, size.of(1280, 40), 256 if not size.tiny else 10)
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(num_classes), counts))
    centers = rng.standard_normal((num_classes, dimension), dtype=np.float32)
    features = (rng.standard_normal((len(labels), dimension), dtype=np.float32) + centers[labels] / 4).clip(0)
    shape = f"{len(labels):,} x {dimension}, {num_classes} classes"
    for name, head in _heads(size).items():
        seconds = seconds_of(lambda head=head: head.fit(features, labels), size, repeat=1)  # type: ignore[misc]
        Row("heads", f"{name}, fit", seconds, "s", f"{shape}; the second of two fits").tell()
        asked = features[: size.of(50_000, 100)]
        seconds = seconds_of(lambda head=head, asked=asked: head.predict(asked), size)  # type: ignore[misc]
        Row("heads", f"{name}, predict", len(asked) / seconds, "rows/s").tell()
    _sweep(size, features, labels, centers)
    _flow_step(size)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    Row("heads", "most memory of the process", memory, "GiB").tell()
    if size.device == "cuda":
        Row("heads", "most memory of the GPU", torch.cuda.max_memory_allocated() / 2**30, "GiB").tell()


def _heads(size: Size) -> dict[str, Head]:
    device = size.device
    return {
        "ncm": heads.NearestClassMean(device=device),
        "ridge": heads.WeightedRidge(device=device),
        "lda": heads.LinearDiscriminant(device=device),
        "knn": heads.NearestNeighbours(device=device),
        f"crt, {EPOCHS} epochs, float32": heads.ClassifierRetraining(epochs=EPOCHS, device=device),
        f"crt, {EPOCHS} epochs, bfloat16": heads.ClassifierRetraining(
            epochs=EPOCHS, device=device, precision="bfloat16"
        ),
        "logistic": heads.Logistic(device=device),
        "mlp": heads.MultilayerPerceptron(device=device),
    }


def _sweep(size: Size, features: np.ndarray, labels: np.ndarray, weight: np.ndarray) -> None:
    """Time 21 values of tau on 50,000 rows."""
    rows = slice(0, size.of(50_000, 100))
    seconds = seconds_of(lambda: tau_sweep(features[rows], labels[rows], weight, device=size.device), size)
    Row("heads", "tau sweep, 21 values", seconds, "s", f"{len(labels[rows]):,} rows").tell()


def _flow_step(size: Size) -> None:
    """Time DLSA's published step: 1024 pairs, 2048 features, 500 clusters."""
    batch, dimension, clusters, steps = size.of(1024, 16), size.of(2048, 16), size.of(500, 4), 4
    rng = np.random.default_rng(0)
    features = rng.standard_normal((batch * steps, dimension), dtype=np.float32).clip(0)
    labels = rng.integers(0, 100, len(features))
    for precision in ("float32", "bfloat16"):
        plan = FlowPlan(clusters, 0.05, 2, 1, batch, 0.2, 0.0, 2.0, 2.0, 1.0, 0.02, 0.7, None, False, precision)  # type: ignore[arg-type]
        flow = MixtureFlow(dimension, clusters, scale=0.05)

        def epoch(flow: MixtureFlow = flow, plan: FlowPlan = plan) -> None:
            everything = np.arange(len(features))
            fit_flow(flow, features, everything, labels, plan, seed=0, device=size.device, after_epoch=lambda _: None)

        Row("heads", f"dlsa, a step of {batch} pairs, {precision}", seconds_of(epoch, size, 1) / steps, "s").tell()


if __name__ == "__main__":
    main()
