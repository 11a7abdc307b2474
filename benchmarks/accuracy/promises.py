"""What was promised beside what came."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Promise", "kept", "summary"]


class Promise(NamedTuple):
    """What was promised, and what came; percent."""

    naive: float
    score: float
    low: float
    high: float
    truth: float
    again: float = np.nan  # of what was fitted again


def kept(naive: float, promised: Any, truth: float, again: float = np.nan) -> Promise:
    """Put together what was promised and what came.

    Args:
        naive: score of who decides where that was chosen.
        promised: as `expected_score` returns it.
        truth: score of who decides elsewhere.
        again: the same of what was fitted again.
    """
    return Promise(naive, promised["score"], *promised["interval"], truth, again)


def summary(promises: list[Promise], *, refit: bool) -> list[str]:
    """Return errors with their standard error, coverage and width, as cells."""
    naive, score, low, high, truth, again = np.array(promises).T
    cells = [f"{truth.mean():.1f}", _mean(naive - truth), _mean(score - truth)]
    cells += [f"{100 * np.mean((low <= truth) & (truth <= high)):.0f} %"]
    if refit:
        cells += [_mean(score - again), f"{100 * np.mean((low <= again) & (again <= high)):.0f} %"]
    return [*cells, f"{np.mean(high - low):.1f}"]


def _mean(errors: NDArray[np.float64]) -> str:
    spread = f" ± {errors.std(ddof=1) / len(errors) ** 0.5:.1f}" if len(errors) > 1 else ""
    return f"{errors.mean():+.1f}{spread}"
