"""How long classifiers take, from fits to few rows."""

import numpy as np
from numpy.typing import NDArray

from longtail.comparison import FeatureProblem, open_problem
from longtail.comparison.fit_times import expected_times
from longtail.heads.left_out import spread_rows
from longtail.jobs.dry_run.forecast import Forecast, duration
from longtail.jobs.head_options import HeadOptions, protocol_of
from longtail.jobs.launch import resolve_device
from longtail.jobs.options import HeadRuntimeOptions

__all__ = ["forecast_heads", "stand_in"]

PATIENCE = 30.0  # seconds of trying
MOST_ROWS = 8000  # of a stand-in
FURTHER = 1.5  # what measuring, label checks and the report add


def forecast_heads(
    forecast: Forecast,
    problem: FeatureProblem,
    heads: HeadOptions,
    runtime: HeadRuntimeOptions,
    *,
    rows: int | None = None,
) -> None:
    """Say how long the wanted methods take.

    Args:
        forecast: that it is added to.
        problem: their features, or a stand-in of the same shape.
        heads: which methods, and how they are chosen.
        runtime: seed and device.
        rows: of train; default: those of the problem, which may be a part.
    """
    protocol = protocol_of(heads, problem, seed=runtime.seed, device=resolve_device(runtime.device))
    times = expected_times(protocol, heads.methods, patience=PATIENCE, rows=rows)
    known = {name: seconds for name, seconds in times.items() if seconds is not None}
    named = ", ".join(f"{name} {duration(seconds)}" for name, seconds in known.items())
    number, dimension = problem.splits["train"].features.shape
    seconds = sum(known.values()) * FURTHER
    what = f"{rows or number:,} rows of {dimension} features"
    forecast.say("fits", f"{named} on {what}; with report about {duration(seconds)}", seconds)
    forecast.untimed += [name for name in times if name not in known]


def stand_in(labels: NDArray[np.int64], num_classes: int, dimension: int) -> FeatureProblem:
    """Return features of classes that can be told apart somewhat, in place of those that are not computed.

    Args:
        labels: of train, class indices; of many rows some are taken.
        num_classes: C.
        dimension: D.
    """
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(num_classes, dimension)).astype(np.float32)
    some = labels[spread_rows(labels, min(len(labels), MOST_ROWS))]
    rows = centres[some] + rng.normal(scale=2.0, size=(len(some), dimension)).astype(np.float32)
    return open_problem({"train": (rows, some), "val": (rows[:: len(rows) // 200 + 1], some[:: len(rows) // 200 + 1])})
