"""`--quick`: a run of some two minutes, with few epochs and fewer images of common classes."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from longtail.data.source import DataSplits, ImageSource, Subset
from longtail.jobs.options import StageOneOptions

if TYPE_CHECKING:
    from longtail.comparison.problem import FeatureProblem

__all__ = ["few_rows", "quick_sentence", "quick_splits", "quick_stage", "rows_of_few"]

EPOCHS = 3
# multiply-adds of a training: a minute or so of a processor of few cores, or of a GPU
WORK = {"cpu": 1.5e12}
WORK_OF_A_GPU = 1e14
MOST_ROWS = 2000  # that heads are fitted to
LEAST = 4  # images of a class, where it has them


def quick_stage(stage: StageOneOptions) -> StageOneOptions:
    """Return the settings of a short training: three epochs at most, and no longer warm-up than a third of them."""
    epochs = min(stage.epochs, EPOCHS)
    return replace(stage, epochs=epochs, warmup_epochs=min(stage.warmup_epochs, epochs / 3))


def quick_splits(splits: DataSplits, stage: StageOneOptions, device: str) -> DataSplits:
    """Take as many images of each class as a short training, and heads, have time for; rare classes keep all they have.

    How many depends on the network and the kind of device, not on how fast it is now: the same words take the same.

    Args:
        splits: the opened data.
        stage: of `quick_stage`.
        device: "cpu", "cuda" or "mps".
    """
    from longtail.backbones import create_backbone
    from longtail.backbones.costs import network_cost
    from longtail.jobs.stage_one.images import stage_preprocessing
    from longtail.jobs.stage_one.setup import arguments_for, backbone_for

    kept = stage_preprocessing(splits, stage)
    name = backbone_for(stage, kept)
    arguments: dict[str, Any] = arguments_for(stage, name)
    model: Any = create_backbone(name, num_classes=len(splits.class_names), in_chans=kept.channels, arguments=arguments)
    cost = network_cost(model, (kept.channels, kept.size, kept.size)).multiply_adds
    passes = WORK.get(device, WORK_OF_A_GPU) / max(cost, 1)
    # forward and backward: three times forward
    number = min(int(passes / (1 if stage.frozen else 3 * stage.epochs)), MOST_ROWS)

    def few(source: ImageSource | None) -> ImageSource | None:
        return None if source is None else _few_images(source, number)

    train = _few_images(splits.train, number)
    what = f"{len(train):,} of {len(splits.train):,} training images"
    notes = (*splits.notes, f"a quick run: {what}, rare classes with all they have")
    return replace(
        splits, train=train, val=few(splits.val), test=few(splits.test), notes=notes, shared=None, held_back=None
    )


def _few_images(source: ImageSource, number: int) -> ImageSource:
    rows = rows_of_few(np.asarray(source.labels, dtype=np.int64), number)
    return source if len(rows) == len(source) else Subset(source, rows)


def few_rows(problem: "FeatureProblem") -> "FeatureProblem":
    """Return a problem with fewer training rows of common classes; val and test stay."""
    labels = np.asarray(problem.splits["train"].labels)
    rows = rows_of_few(labels, MOST_ROWS)
    few = problem.of_train(rows)
    note = f"a quick run: {len(rows):,} of {len(labels):,} training rows, rare classes with all they have"
    return replace(few, splits={**problem.splits, **few.splits}).with_notes([note])


def rows_of_few(labels: NDArray[np.int64], number: int) -> NDArray[np.int64]:
    """Choose rows so that all classes have at most an equal number, and all together about as many as wanted.

    Args:
        labels: class indices, shape (N,).
        number: of rows; each class keeps 4 in any case, where it has them.

    Returns:
        Rows in their order, spread evenly over each class.

    Example:
        >>> rows_of_few(np.array([0] * 8 + [1] * 2), 6).tolist()
        [0, 2, 4, 7, 8, 9]
    """
    counts = np.bincount(labels)
    most = max(LEAST, *(k for k in range(int(counts.max()) + 1) if np.minimum(counts, k).sum() <= number))
    chosen = []
    for members in (np.flatnonzero(labels == c) for c in range(len(counts))):
        taken = min(len(members), most)
        chosen.append(members[np.linspace(0, len(members) - 1, taken).astype(np.int64)] if taken else members)
    return np.sort(np.concatenate(chosen))


def quick_sentence(what: str) -> str:
    """Return what stands in front of all else that is said of a quick run.

    Args:
        what: it was cut to.
    """
    return (
        f"A quick run, to see that everything works ({what}): its numbers do not say how good the methods are. Leave "
        "--quick out for those."
    )
