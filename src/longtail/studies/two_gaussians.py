"""The smallest model of similar samples: two Gaussians, a boundary between their empirical means, and how it moves."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.jobs.options import OutputOptions
from longtail.ranges import Count, Range

__all__ = ["TwoGaussiansConfig", "boundary_variance", "predicted_recall", "predicted_shift", "run", "simulate"]


@dataclass(frozen=True)
class TwoGaussiansConfig:
    """Simulate how mixing head samples with tail samples moves the boundary, beside what the model predicts."""

    fractions: str = "0,0.1,0.2,0.3,0.4,0.5"
    """Fractions p of the head's samples that are replaced by mixtures, with commas between."""
    tail_share: Annotated[float, Range(0, most=1)] = 0.8
    """Share t of the tail's sample in each mixture."""
    distance: Annotated[float, Range(above=0)] = 2.0
    """Distance of the means, in standard deviations."""
    head_counts: str = "100,5000"
    """Numbers of samples of the head, with commas between."""
    tail_count: Count = 50
    """Samples of the tail."""
    repeats: Annotated[int, Range(2)] = 2000
    """Draws of the training samples."""
    runtime: OutputOptions = field(default_factory=OutputOptions)


def run(config: TwoGaussiansConfig) -> dict[str, Any]:
    """Simulate, and write the table, the curve and the page."""
    from longtail.studies.study_outcome import finish_study
    from longtail.studies.tail_curve import numbers_of, whole_numbers_of

    fractions = sorted(set(numbers_of(config.fractions, "--fractions")))
    counts = list(dict.fromkeys(whole_numbers_of(config.head_counts, "--head-counts")))
    outside = next((value for value in fractions if not 0 <= value <= 1), None)
    if outside is not None:
        raise InputError(f"--fractions: {outside:g}; expected 0 to 1.")
    shape = {"tail_share": config.tail_share, "distance": config.distance}
    columns: dict[str, list[dict[str, Any]]] = {"predicted shift": [], "predicted recall": []}
    for count in counts:
        columns |= {f"shift, {count} head samples": [], f"recall, {count} head samples": []}
    for fraction in fractions:
        columns["predicted shift"].append(_exact(predicted_shift(fraction, **shape)))
        columns["predicted recall"].append(
            _exact(100 * predicted_recall(fraction, counts[-1], config.tail_count, **shape))
        )
        for count in counts:
            rng = np.random.default_rng((config.runtime.seed, count))
            shifts, recalls = simulate(fraction, count, config.tail_count, config.repeats, rng, **shape)
            columns[f"shift, {count} head samples"].append(_measured(shifts))
            columns[f"recall, {count} head samples"].append(_measured(100 * recalls))
    study = {
        "name": "two-gaussians",
        "title": "Two Gaussians: similar samples move the boundary",
        "question": (
            "The head is N(0, 1), the tail N(d, 1); the boundary lies half way between their empirical means. A "
            f"fraction p of the head's samples is replaced by (1 - t) x_head + t x_tail, with d = {config.distance:g} "
            f"and t = {config.tail_share:g}. The model says that the boundary moves by p t d / 2 towards the tail, "
            "however many samples there are."
        ),
        "answers": [_answer(columns, counts, fractions)],
        "source": "unified perspective",
        "tables": [
            {
                "title": "Shift of the boundary in standard deviations, and the tail's recall in percent, against p; "
                f"{config.tail_count} tail samples, {config.repeats} draws, 95 % interval of the mean; recall "
                f"predicted for {counts[-1]} head samples",
                "columns": list(columns),
                "rows": [
                    {"name": f"{fraction:g}", "cells": [cells[row] for cells in columns.values()]}
                    for row, fraction in enumerate(fractions)
                ],
                "digits": 2,
            }
        ],
        "figures": [
            {
                "kind": "curve",
                "title": "The tail's recall by the fraction of similar samples",
                "caption": "Simulated with few and with many head samples, and as the model predicts.",
                "parameter": "fraction p of the head that is replaced",
                "log": False,
                "x": fractions,
                "lines": {name: cells for name, cells in columns.items() if "recall" in name},
            }
        ],
        "notes": ["The model and its prediction are ours: the paper's text was withdrawn, its claim is in its README."],
        "data": {"name": "simulated", "class_names": ["head", "tail"], "train_counts": [counts[-1], config.tail_count]},
    }
    return finish_study(study, config.runtime.out or Path("runs") / "study-two-gaussians", quiet=config.runtime.quiet)


def predicted_shift(fraction: float, *, tail_share: float, distance: float) -> float:
    """Return how far the boundary moves towards the tail.

    p t d / 2: the mean of the head moves by p t d, the boundary by half of that. No number of samples is in it.

    Args:
        fraction: p of the head's samples that are replaced.
        tail_share: t.
        distance: d between the means.

    Example:
        >>> predicted_shift(0.5, tail_share=0.8, distance=2.0)
        0.4
    """
    return fraction * tail_share * distance / 2


def boundary_variance(fraction: float, head_count: int, tail_count: int, *, tail_share: float) -> float:
    """Return the variance of the boundary over draws of the training samples.

    v / 4,   v = (1 - p + p (1 - t)^2) / n_h + sum_k (1 / n_t + t m_k / n_h)^2

    m_k is the number of mixtures that tail sample k is in, so that the sum is (1 + p t)^2 / n_t where all are in
    equally many: a tail sample pulls at both means.

    Args:
        fraction: p; floor(p n_h) head samples are replaced.
        head_count: n_h.
        tail_count: n_t.
        tail_share: t.

    Example:
        >>> round(4 * boundary_variance(0.5, 1000, 50, tail_share=1.0), 6) == round(0.5 / 1000 + 1.5**2 / 50, 6)
        True
    """
    number = _replaced(fraction, head_count)
    partners = np.full(tail_count, number // tail_count)
    partners[: number % tail_count] += 1
    head_variance = (head_count - number + number * (1 - tail_share) ** 2) / head_count**2
    return float(head_variance + ((1 / tail_count + tail_share * partners / head_count) ** 2).sum()) / 4


def predicted_recall(fraction: float, head_count: int, tail_count: int, *, tail_share: float, distance: float) -> float:
    """Return the expected share of new tail samples on the tail's side of the boundary.

    Phi((d/2 - p t d/2) / sqrt(1 + v/4)), v/4 the variance of the boundary

    Args:
        fraction: p.
        head_count: n_h.
        tail_count: n_t.
        tail_share: t.
        distance: d.

    Example:
        >>> round(predicted_recall(0.0, 10**6, 10**6, tail_share=0.8, distance=2.0), 4)
        0.8413
    """
    from scipy.stats import norm

    variance = boundary_variance(fraction, head_count, tail_count, tail_share=tail_share)
    room = distance / 2 - predicted_shift(fraction, tail_share=tail_share, distance=distance)
    return float(norm.cdf(room / np.sqrt(1 + variance)))


def simulate(
    fraction: float,
    head_count: int,
    tail_count: int,
    repeats: int,
    rng: np.random.Generator,
    *,
    tail_share: float,
    distance: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw training samples again and again; give the boundary's shift and the tail's recall, each of shape (repeats,).

    Args:
        fraction: p; floor(p n_h) head samples are replaced, with the tail samples as partners in turn.
        head_count: n_h.
        tail_count: n_t.
        repeats: draws.
        rng: source of randomness.
        tail_share: t.
        distance: d.
    """
    from scipy.stats import norm

    number = _replaced(fraction, head_count)
    shifts = np.empty(repeats)
    for draw in range(repeats):
        head, tail = rng.normal(size=head_count), distance + rng.normal(size=tail_count)
        head[:number] = (1 - tail_share) * head[:number] + tail_share * np.resize(tail, number)
        shifts[draw] = (head.mean() + tail.mean()) / 2 - distance / 2
    return shifts, norm.cdf(distance / 2 - shifts)


def _replaced(fraction: float, head_count: int) -> int:
    # a product such as 28.99999999 means 29
    return int(head_count * fraction + 1e-9)


def _exact(value: float) -> dict[str, Any]:
    return {"mean": value, "interval": None, "values": [value]}


def _measured(values: NDArray[np.float64]) -> dict[str, Any]:
    half = 1.96 * float(values.std(ddof=1)) / np.sqrt(len(values))
    mean = float(values.mean())
    return {"mean": mean, "interval": [mean - half, mean + half], "values": []}


def _answer(columns: dict[str, list[dict[str, Any]]], counts: list[int], fractions: list[float]) -> str:
    predicted = columns["predicted shift"][-1]["mean"]
    seen = ", ".join(f"{columns[f'shift, {count} head samples'][-1]['mean']:.2f} with {count}" for count in counts)
    return f"At p = {fractions[-1]:g} the boundary moves by {seen} head samples; predicted: {predicted:.2f}."
