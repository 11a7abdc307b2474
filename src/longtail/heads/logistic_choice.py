"""Choose penalty, weighting and tau of a logistic regression by the log loss of rows that it has not seen."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from longtail.heads.balanced_log_loss import JudgedRows
from longtail.heads.choice import choose_from_hits
from longtail.heads.left_out import hits_of
from longtail.heads.likelihood_path import LikelihoodPath, Weighting

__all__ = ["Found", "Grid", "search"]

PATIENCE = 2  # penalties in a row that are worse than the best, after which weaker ones are not tried


@dataclass(frozen=True)
class Grid:
    """What is tried.

    Attributes:
        penalties: in any order.
        weightings: of the rows.
        taus: with "rows"; with "classes" nothing is left to be taken out, and tau is 0.
    """

    penalties: tuple[float, ...]
    weightings: tuple[Weighting, ...]
    taus: tuple[float, ...]

    def taus_of(self, weighting: Weighting) -> tuple[float, ...]:
        """Return the values of tau that make a difference."""
        return self.taus if weighting == "rows" else (0.0,)

    @property
    def is_open(self) -> bool:
        """Whether anything is to be chosen."""
        ways = sum(len(self.taus_of(weighting)) for weighting in self.weightings)
        return len(self.penalties) * ways > 1


@dataclass(frozen=True)
class Found:
    """One setting, and how it did.

    Attributes:
        penalty: in use.
        weighting: in use.
        tau: in use.
        scale: what its logits are multiplied by to fit the judged rows best.
        loss: the log loss then.
        layer: weight (C, D) and bias (C,), before tau and scale.
        curve: what was measured at each penalty with its best tau, under the chosen weighting.
    """

    penalty: float
    weighting: Weighting
    tau: float
    scale: float
    loss: float
    layer: tuple[Tensor, Tensor]
    hits: NDArray[np.int64]
    curve: dict[str, Any] | None = None


def search(path: LikelihoodPath, grid: Grid, rows: JudgedRows, tolerance: float) -> Found:
    """Find the setting of the smallest log loss on the judged rows, each class counting the same; the first of equals.

    Penalties are taken from strong to weak, each from the solution before, until two in a row are worse than the best.
    """
    winners = []
    for weighting in grid.weightings:
        tried: list[Found] = []
        for option in _along(path, grid, weighting, rows, tolerance):
            tried.append(option)
            best = min(range(len(tried)), key=lambda place: tried[place].loss)
            if len(tried) - 1 - best >= PATIENCE:
                break
        winners.append(_with_curve(tried, rows.totals))
    return min(winners, key=lambda option: option.loss)


def _along(
    path: LikelihoodPath, grid: Grid, weighting: Weighting, rows: JudgedRows, tolerance: float
) -> Iterator[Found]:
    layer, scale = None, 1.0
    for penalty in sorted(grid.penalties, reverse=True):
        solution = path.solve(penalty, weighting, start=layer, tolerance=tolerance)
        layer = solution.weight, solution.bias
        scores = rows.scores(*layer)
        options = []
        for tau in grid.taus_of(weighting):
            adjusted = scores - tau * rows.log_shares.to(scores)
            loss, scale = rows.log_loss(adjusted, start=scale)
            hits = hits_of(adjusted, rows.codes, len(rows.totals))
            options.append(Found(penalty, weighting, tau, scale, loss, layer, hits))
        yield min(options, key=lambda option: option.loss)


def _with_curve(tried: Sequence[Found], totals: NDArray[np.int64]) -> Found:
    best = min(tried, key=lambda option: option.loss)
    curve = choose_from_hits([option.penalty for option in tried], np.stack([option.hits for option in tried]), totals)[
        1
    ]
    curve |= {"parameter": "penalty", "log_loss": [option.loss for option in tried]}
    return Found(best.penalty, best.weighting, best.tau, best.scale, best.loss, best.layer, best.hits, curve)
