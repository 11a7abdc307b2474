"""How one class fares while the data are changed step by step: trainings on changed data, and their curve."""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from longtail.data.source import DataSplits
from longtail.errors import InputError
from longtail.files.text import counted
from longtail.jobs.options import StageOneOptions
from longtail.jobs.run import RunConfig

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["UNIFIED_STAGE", "change_text", "numbers_of", "run_points", "tail_curve", "whole_numbers_of", "with_steps"]

# the released code of the unified perspective trains so, on CIFAR
UNIFIED_STAGE = StageOneOptions(
    epochs=200,
    batch_size=256,
    weight_decay=2e-4,
    schedule="step",
    step_gamma=0.01,
    warmup_epochs=5,
)
MOST_CLASSES = 12  # that get a column each


def numbers_of(text: str, option: str) -> list[float]:
    """Read a list such as "0,0.1,0.2".

    Raises:
        InputError: something that is no finite number, or nothing.

    Example:
        >>> numbers_of("100, 5000", "--points")
        [100.0, 5000.0]
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        raise InputError(f"{option} {text!r}: expected numbers with commas between.") from None
    if not numbers:
        raise InputError(f"{option} is empty; expected numbers with commas between.")
    if not all(math.isfinite(number) for number in numbers):
        raise InputError(f"{option} {text!r}: expected finite numbers with commas between.")
    return numbers


def whole_numbers_of(text: str, option: str) -> list[int]:
    """Read a list of numbers of images, such as "100,5000".

    Raises:
        InputError: something that is no whole number of at least 1, or nothing.

    Example:
        >>> whole_numbers_of("100, 5000", "--points")
        [100, 5000]
    """
    numbers = numbers_of(text, option)
    if any(number < 1 or number != int(number) for number in numbers):
        raise InputError(f"{option} {text!r}: expected whole numbers of at least 1 with commas between.")
    return [int(number) for number in numbers]


def run_points(
    fabric: "Fabric",
    base: RunConfig,
    points: Mapping[float, tuple[str, DataSplits]],
    folder: Path,
    *,
    steps: int | None = None,
) -> dict[float, list[dict[str, Any]]]:
    """Train on each variant of the data with each seed; what an earlier call finished is not trained again.

    Args:
        fabric: launched.
        base: settings of every training.
        points: for each value of what is varied, words that say how the data were changed, and the data.
        folder: of the study.
        steps: of every training, in place of the epochs: points with fewer images are then trained as long as others.

    Returns:
        For each value the results of its seeds; on other processes than the first, empty ones.

    Raises:
        InputError: settings that do not go together, before anything is trained.
    """
    from longtail.jobs.run import run_seeds
    from longtail.jobs.run_checks import checked

    base = checked(base)
    results = {}
    for value, (words, splits) in points.items():
        # the words stand in the settings of the run: a folder of other data is not taken for this one
        stage = base.stage if steps is None else with_steps(base.stage, steps, len(splits.train))
        one = replace(base, dataset=f"{base.dataset}, {words}", stage=stage)
        results[value] = run_seeds(fabric, one, splits, folder / f"at-{value:g}", table=False)
    return results


def with_steps(stage: StageOneOptions, steps: int, num_images: int) -> StageOneOptions:
    """Return how many epochs make so many steps; the warm-up keeps its share of the training.

    Args:
        stage: settings of a training.
        steps: wanted, at least 1; rounded up to whole epochs.
        num_images: N of train.

    Raises:
        InputError: no step.

    Example:
        >>> found = with_steps(StageOneOptions(epochs=10, warmup_epochs=1, batch_size=128), 100, 1000)
        >>> found.epochs, found.warmup_epochs
        (15, 1.5)
    """
    if steps < 1:
        raise InputError(f"--steps {steps}; expected at least 1.")
    epochs = math.ceil(steps / max(num_images // stage.batch_size, 1))
    return replace(stage, epochs=epochs, warmup_epochs=stage.warmup_epochs / stage.epochs * epochs)


def tail_curve(
    results: dict[float, list[dict[str, Any]]],
    *,
    tail: int,
    parameter: str,
    methods: tuple[str, ...] = ("joint",),
    log: bool = False,
) -> dict[str, Any]:
    """Put the accuracy of one class, of the others and of all beside what was varied.

    Args:
        results: for each value of what was varied the results of its seeds.
        tail: the class that is watched.
        parameter: what was varied, in words.
        methods: classifiers; recalls are shown for each, those of every class for the last one.
        log: draw it on a logarithmic axis.

    Returns:
        {"tables", "figures", "data", "tail": by method, the watched class's recall by value, in percent}.
    """
    from longtail.jobs.seeds import mean_and_interval, spread_text

    values = sorted(results)
    first = results[values[0]][0]
    names = first["data"]["class_names"]

    def curve(method: str, measure: Any) -> list[dict[str, Any] | None]:
        return [
            mean_and_interval(
                [measure(result["methods"][method]["metrics"]["test"]["per_class"]) for result in results[value]]
            )
            for value in values
        ]

    lines: dict[str, Any] = {}
    watched: dict[str, Any] = {}
    for method in methods:
        by = f", {method}" if len(methods) > 1 else ""
        watched[method] = curve(method, lambda per_class: per_class[tail])
        lines |= {
            f"{names[tail]} (tail){by}": watched[method],
            f"mean of the others{by}": curve(method, lambda per_class: _mean(per_class[:tail] + per_class[tail + 1 :])),
            f"mean of all{by}": curve(method, _mean),
        }
    by_class = {}
    if len(names) <= MOST_CLASSES:
        by_class = {name: curve(methods[-1], lambda per_class, c=c: per_class[c]) for c, name in enumerate(names)}
    seeds = spread_text(len(results[values[0]]))
    lengths = sorted({results[value][0]["stage1"]["epochs"] for value in values})
    epochs = (
        counted(lengths[0], "epoch") if len(lengths) == 1 else f"{lengths[0]} to {lengths[-1]} epochs, alike in steps"
    )
    tables = [("Accuracy on test in percent", lines)]
    tables += [(f"Recall of each class in percent, {methods[-1]}", by_class)] if by_class else []
    return {
        "tables": [
            {
                "title": f"{title}, {seeds}",
                "columns": list(columns),
                "rows": [
                    {"name": f"{value:g}", "cells": [cells[row] for cells in columns.values()]}
                    for row, value in enumerate(values)
                ],
            }
            for title, columns in tables
        ],
        "figures": [
            {
                "kind": "curve",
                "title": f"Accuracy by {parameter}",
                "caption": f"A point is a mean over seeds, the band its 95 % interval. Trained: "
                f"{first['stage1']['backbone']}, {epochs}.",
                "parameter": parameter,
                "log": log,
                "x": values,
                "lines": lines,
            }
        ],
        "data": first["data"],
        "tail": watched,
    }


def _mean(recalls: list[float | None]) -> float | None:
    known = [recall for recall in recalls if recall is not None]  # None: a class without a test image
    return float(np.mean(known)) if known else None


def change_text(curves: Mapping[str, list[Any]]) -> str:
    """Say for each classifier how far the watched class's recall at the last value is from that at the first.

    Args:
        curves: by method, what `tail_curve` gives as "tail".

    Example:
        >>> change_text({"crt": [{"values": [40.0, 42.0]}, {"values": [30.0, 31.0]}]})
        'crt -10.5 [-16.9, -4.1]'
    """
    return "; ".join(f"{method} {_change(curve[0], curve[-1])}" for method, curve in curves.items())


def _change(first: dict[str, Any] | None, last: dict[str, Any] | None) -> str:
    from longtail.jobs.seeds import difference_text, mean_and_interval

    if first is None or last is None:
        return "not known: no test image"
    return difference_text(mean_and_interval([b - a for a, b in zip(first["values"], last["values"], strict=True)]))
