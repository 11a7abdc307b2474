"""Is the tail missed because it has few images? One class is kept or made small while the others change."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import tyro
from numpy.typing import NDArray

from longtail.data.long_tailed import long_tailed_indices
from longtail.data.source import DataSplits, Subset
from longtail.errors import InputError
from longtail.jobs.head_options import HeadOptions
from longtail.jobs.options import DataOptions, RuntimeOptions, StageOneOptions
from longtail.jobs.run import RunConfig
from longtail.ranges import Count, Range
from longtail.studies.tail_curve import UNIFIED_STAGE, change_text, run_points, tail_curve, whole_numbers_of

__all__ = ["ToyExampleConfig", "case_counts", "run"]


@dataclass(frozen=True)
class ToyExampleConfig:
    """Train with more and more head images beside a fixed tail (case 1), or with less and less tail (case 2)."""

    dataset: tyro.conf.Positional[str] = "cifar10"
    """cifar10, cifar100, or the path of a folder, list file or image pack."""
    case: Literal[1, 2] = 1
    """What --points counts: images of all classes but the tail (1), or of the tail (2)."""
    points: str = "100,1000,2000,3500,5000"
    """Numbers of images a class, with commas between."""
    fixed: Count | None = None
    """Images of the other side: of the tail in case 1 (default 50), of the rest in case 2 (5000)."""
    tail: Annotated[int, Range(-1)] = -1
    """Number of the class that is watched; negative counts from the end."""
    steps: Count | None = None
    """Steps of every training, in place of --epochs: all points are trained as long."""
    methods: str = "joint"
    """Classifiers that are watched, with commas between: joint, or others, fitted on its features."""
    data: DataOptions = field(default_factory=lambda: DataOptions(profile="none", val_fraction=0.0))
    stage: StageOneOptions = field(default_factory=lambda: UNIFIED_STAGE)
    runtime: RuntimeOptions = field(default_factory=RuntimeOptions)
    seeds: Count = 3
    """Trainings of each point with the seeds --seed, --seed + 1, ..."""


def run(config: ToyExampleConfig) -> dict[str, Any]:
    """Carry out the study; trainings that an earlier call finished are not done again."""
    from longtail.jobs.launch import launch
    from longtail.jobs.stage_one.images import open_splits
    from longtail.studies.study_outcome import finish_study

    points = whole_numbers_of(config.points, "--points")
    if config.data.profile != "none":
        raise InputError("--profile: this study makes its own class counts. Leave it out.")
    splits = open_splits(config.dataset, config.data)
    if splits.test is None:
        raise InputError("the study measures on test, and this data has no test split. Set --test-fraction.")
    num_classes = len(splits.class_names)
    if not -num_classes <= config.tail < num_classes:
        raise InputError(f"--tail {config.tail}: expected a class from 0 to {num_classes - 1}.")
    tail = config.tail % num_classes
    folder = config.runtime.out or Path("runs") / f"study-toy-example-{config.case}-{Path(config.dataset).stem}"
    variants = {}
    for point in points:
        counts = case_counts(config.case, point, num_classes, tail, config.fixed)
        chosen = long_tailed_indices(splits.train.labels, counts, config.data.split_seed)
        words = f"case {config.case}: {point}, fixed {config.fixed}, tail {tail}"
        variants[float(point)] = (words, _with_train(splits, chosen, counts))
    base = RunConfig(
        dataset=config.dataset,
        data=config.data,
        stage=config.stage,
        heads=HeadOptions(methods=config.methods),
        runtime=replace(config.runtime, out=None),
        seeds=config.seeds,
    )
    fabric = launch(config.runtime)
    results = run_points(fabric, base, variants, folder, steps=config.steps)
    if not fabric.is_global_zero:
        return {}
    return finish_study(_study(results, config, tail, splits), folder, quiet=config.runtime.quiet)


def case_counts(case: int, point: int, num_classes: int, tail: int, fixed: int | None = None) -> NDArray[np.int64]:
    """Return the training images of each class at one point.

    Args:
        case: 1: the others have `point` images and the tail `fixed` (50); 2: the tail has `point`, the others `fixed`
            (5000).
        point: images.
        num_classes: C.
        tail: the class that is watched.
        fixed: instead of 50 or 5000.

    Reference:
        "Investigate the Essence of Long-Tailed Recognition from a Unified Perspective", 2021, arXiv 2107.03758
        (withdrawn), its released toy example.

    Example:
        >>> case_counts(1, 1000, 3, tail=2).tolist(), case_counts(2, 1000, 3, tail=2).tolist()
        ([1000, 1000, 50], [5000, 5000, 1000])
    """
    others, tail_count = (
        (point, 50 if fixed is None else fixed) if case == 1 else (5000 if fixed is None else fixed, point)
    )
    counts = np.full(num_classes, others, dtype=np.int64)
    counts[tail] = tail_count
    return counts


def _with_train(splits: DataSplits, chosen: NDArray[np.int64], counts: NDArray[np.int64]) -> DataSplits:
    record = {**splits.record, "counts": counts.tolist(), "chosen": chosen.tolist()}
    return replace(splits, train=Subset(splits.train, chosen), record=record)


def _study(
    results: dict[float, list[dict[str, Any]]], config: ToyExampleConfig, tail: int, splits: DataSplits
) -> dict[str, Any]:
    from longtail.comparison.method_names import wanted_methods

    what = "head images a class" if config.case == 1 else "tail images"
    result = tail_curve(results, tail=tail, parameter=what, methods=wanted_methods(config.methods), log=True)
    curves = result.pop("tail")
    values = sorted(results)
    name = splits.class_names[tail]
    return {
        "name": "toy-example",
        "title": f"{splits.name}: toy example, case {config.case}",
        "question": (
            "Is a class missed because it has few images? The tail keeps its images while all other classes grow."
            if config.case == 1
            else "Is a class missed because it has few images? All other classes keep theirs while the tail shrinks."
        ),
        "answers": [
            f"Points of recall of {name} with {values[-1]:g} {what} against {values[0]:g}: {change_text(curves)}."
        ],
        "source": "unified perspective",
        "notes": [
            "Test images are the same at every point. Published (CIFAR-10, ResNet-32, 200 epochs, one run a point): "
            "case 1, the tail's recall stays between 40 and 48 while the head grows from 100 to 5000; case 2, it is "
            "94.2 with 5000 tail images, 88.3 with 1100 and 43.7 with 100."
        ],
        **result,
    }
