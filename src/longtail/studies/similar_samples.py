"""Is the tail missed because other classes look like it? Head images are replaced by mixtures with tail images."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from numpy.typing import NDArray

from longtail.counts import exponential_counts
from longtail.data.long_tailed import long_tailed_indices
from longtail.data.mixed_images import MixedImages, original_subset, similar_pairs
from longtail.data.source import DataSplits, Subset
from longtail.errors import InputError
from longtail.jobs.head_options import HeadOptions
from longtail.jobs.options import DataOptions, RuntimeOptions, StageOneOptions
from longtail.jobs.run import RunConfig
from longtail.ranges import Count, Range
from longtail.studies.tail_curve import UNIFIED_STAGE, change_text, numbers_of, run_points, tail_curve

__all__ = ["SimilarSamplesConfig", "mixed_splits", "run"]


@dataclass(frozen=True)
class SimilarSamplesConfig:
    """Replace a part of a head class by mixtures with tail images that keep the head's label, and train.

    x = (1 - t) x_head + t x_tail for a fraction p of the head's images; p is varied, or t with --vary tail-share.
    Train is cut exponentially first, to --largest images of class 0 and --ratio; with --ratio 1 it stays as it is.
    """

    dataset: tyro.conf.Positional[str] = "cifar10"
    """cifar10, cifar100, or the path of a folder, list file or image pack."""
    vary: str = "fraction"
    """What is varied: fraction (p) or tail-share (t)."""
    points: str | None = None
    """Values of what is varied, with commas between; default: p 0,0.1,...,0.5, t 0,0.2,...,1."""
    fraction: Annotated[float, Range(0, most=1)] = 0.2
    """Fraction p of the head's images that are mixed, where t is varied."""
    tail_share: Annotated[float, Range(0, most=1)] = 0.8
    """Share t of the tail in a mixture, where p is varied; the released code's lambda is 1 - t."""
    head: Annotated[int, Range(0)] = 0
    """Number of the class whose images are replaced."""
    tail: Annotated[int, Range(-1)] = -1
    """Number of the class that they come to resemble; negative counts from the end."""
    original_draw: bool = False
    """Draw images as the released code does, with numpy's old generator and seed 0."""
    methods: str = "joint"
    """Classifiers that are watched, with commas between: joint, or others, fitted on its features."""
    data: DataOptions = field(default_factory=lambda: DataOptions(profile="none", ratio=100.0, val_fraction=0.0))
    stage: StageOneOptions = field(default_factory=lambda: UNIFIED_STAGE)
    runtime: RuntimeOptions = field(default_factory=RuntimeOptions)
    seeds: Count = 3
    """Trainings of each point with the seeds --seed, --seed + 1, ..."""


def run(config: SimilarSamplesConfig) -> dict[str, Any]:
    """Carry out the study; trainings that an earlier call finished are not done again."""
    from longtail.jobs.launch import launch
    from longtail.jobs.stage_one.images import open_splits
    from longtail.studies.study_outcome import finish_study

    if config.vary not in ("fraction", "tail-share"):
        raise InputError(f"--vary {config.vary!r}: expected fraction or tail-share.")
    if config.data.profile != "none":
        raise InputError("--profile: this study cuts train exponentially, by --ratio; 1 is not at all. Leave it out.")
    _refuse_what_is_varied(config)
    usual = "0,0.1,0.2,0.3,0.4,0.5" if config.vary == "fraction" else "0,0.2,0.4,0.6,0.8,1"
    points = numbers_of(config.points or usual, "--points")
    # the study cuts train itself
    splits = open_splits(config.dataset, replace(config.data, largest=None))
    if splits.test is None:
        raise InputError("the study measures on test, and this data has no test split. Set --test-fraction.")
    num_classes = len(splits.class_names)
    for option, number in (("--head", config.head), ("--tail", config.tail)):
        if not -num_classes <= number < num_classes:
            raise InputError(f"{option} {number}: expected a class from 0 to {num_classes - 1}.")
    head, tail = config.head % num_classes, config.tail % num_classes
    variants = {}
    ratio = 100.0 if config.data.ratio is None else config.data.ratio
    for point in points:
        fraction, share = (point, config.tail_share) if config.vary == "fraction" else (config.fraction, point)
        words = f"similar samples {head} to {tail}, p {fraction:g}, tail share {share:g}, ratio {ratio:g}"
        words += ", as originally drawn" if config.original_draw else ""
        variants[point] = (
            words,
            mixed_splits(
                splits,
                fraction,
                share,
                head=head,
                tail=tail,
                ratio=ratio,
                largest=config.data.largest,
                seed=config.data.split_seed,
                original_draw=config.original_draw,
            ),
        )
    base = RunConfig(
        dataset=config.dataset,
        data=config.data,
        stage=config.stage,
        heads=HeadOptions(methods=config.methods),
        runtime=replace(config.runtime, out=None),
        seeds=config.seeds,
    )
    folder = config.runtime.out or Path("runs") / f"study-similar-samples-{config.vary}-{Path(config.dataset).stem}"
    fabric = launch(config.runtime)
    results = run_points(fabric, base, variants, folder)
    if not fabric.is_global_zero:
        return {}
    return finish_study(_study(results, config, head, tail, splits), folder, quiet=config.runtime.quiet)


def mixed_splits(
    splits: DataSplits,
    fraction: float,
    tail_share: float,
    *,
    head: int,
    tail: int,
    ratio: float = 100.0,
    largest: int | None = None,
    seed: int = 0,
    original_draw: bool = False,
) -> DataSplits:
    """Cut train to a long-tailed profile and make a part of its head class similar to its tail class.

    Args:
        splits: the whole data.
        fraction: p of the head's images that are replaced.
        tail_share: t of the tail image in each mixture.
        head: class whose images are replaced.
        tail: class that they come to resemble.
        ratio: of the exponential profile; 1, without `largest`, leaves train as it is.
        largest: images of class 0 in it; default: as many as the largest class has.
        seed: of the choices.
        original_draw: choose as the released code does.

    Raises:
        InputError: a number out of range, or a class without images.
    """
    labels = np.asarray(splits.train.labels)
    num_classes = len(splits.class_names)
    rng: np.random.Generator | np.random.RandomState
    chosen: NDArray[np.int64]
    most = int(np.bincount(labels, minlength=num_classes).max())
    counts = exponential_counts(num_classes, most if largest is None else largest, ratio)
    if original_draw:
        rng = np.random.RandomState(0)
        chosen = original_subset(labels, counts, rng)
    else:
        # with ratio 1 the classes stay as they are, even or not
        whole = ratio == 1 and largest is None
        chosen = np.arange(len(labels)) if whole else long_tailed_indices(labels, counts, seed)
        rng = np.random.default_rng(seed)
    train = Subset(splits.train, chosen)
    pairs = similar_pairs(train.labels, fraction, head=head, tail=tail, rng=rng)
    record = {**splits.record, "chosen": chosen.tolist(), "replaced": pairs.rows.tolist(), "tail_share": tail_share}
    return replace(splits, train=MixedImages(train, pairs, tail_share), record=record)


def _refuse_what_is_varied(config: SimilarSamplesConfig) -> None:
    usual = SimilarSamplesConfig()
    given, plain, option = (
        (config.fraction, usual.fraction, "--fraction")
        if config.vary == "fraction"
        else (config.tail_share, usual.tail_share, "--tail-share")
    )
    if given != plain:
        raise InputError(f"{option} {given:g}: is what --vary {config.vary} varies. Name its values in --points.")
    if config.original_draw and (config.data.val_fraction > 0 or config.data.split_seed != 0):
        raise InputError(
            "--original-draw: the released code draws from all of train, with seed 0. Leave --val-fraction and "
            "--split-seed out."
        )


def _study(
    results: dict[float, list[dict[str, Any]]], config: SimilarSamplesConfig, head: int, tail: int, splits: DataSplits
) -> dict[str, Any]:
    from longtail.comparison.method_names import wanted_methods

    what = "fraction p of the head that is replaced" if config.vary == "fraction" else "tail's share t of each mixture"
    result = tail_curve(results, tail=tail, parameter=what, methods=wanted_methods(config.methods))
    curves = result.pop("tail")
    values = sorted(results)
    held = f"t = {config.tail_share:g}" if config.vary == "fraction" else f"p = {config.fraction:g}"
    names = splits.class_names
    return {
        "name": "similar-samples",
        "title": f"{splits.name}: images of {names[head]} made similar to {names[tail]}",
        "question": (
            f"Is {names[tail]} missed because other classes look like it? A fraction p of the images of {names[head]} "
            f"is replaced by (1 - t) x {names[head]} + t x {names[tail]} and keeps the label {names[head]}: no class "
            f"has more or fewer images than before. Here {held}."
        ),
        "answers": [
            f"Points of recall of {names[tail]} at {values[-1]:g} against {values[0]:g}: {change_text(curves)}."
        ],
        "source": "unified perspective",
        "notes": [
            "Published (CIFAR-10, ratio 100, ResNet-32, 200 epochs, one run a point), recall of the tail: p = 0, .1, "
            ".., .5 at t = .8: 32.8, 25.3, 24.3, 22.8, 21.4, 19.8; t = 0, .2, .., 1 at p = .2: 46.0, 33.8, 35.5, 32.8, "
            "21.6, 0. The first of each row is the same condition: that far apart lie two single runs."
        ],
        **result,
    }
