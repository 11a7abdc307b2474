"""Choose penalty, weighting and tau of a logistic regression by the log loss of rows that it has not seen."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from longtail.heads.choice import Evidence, choose_from_hits
from longtail.heads.left_out import LEFT_OUT_ROWS, hits_of, rows_to_leave_out
from longtail.heads.likelihood_path import LikelihoodPath, Weighting
from longtail.heads.rows import SomeRows, chunks

__all__ = ["Found", "Grid", "JudgedRows", "scaled_log_loss", "search"]

SCALES = 1e-2, 1e2
STEPS = 50
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


class JudgedRows:
    """Rows to judge by: at most 8192 or one of each class, evenly spread over the classes.

    Args:
        evidence: that holds them.
        class_counts: of all training rows, shape (C,).
        device: where to compute.
    """

    def __init__(self, evidence: Evidence, class_counts: NDArray[np.int64], device: str) -> None:
        codes = evidence.judged_codes
        single = np.flatnonzero(np.bincount(codes)[codes] == 1)
        rows = np.union1d(rows_to_leave_out(codes, LEFT_OUT_ROWS), single)
        self._features, self._device = SomeRows(evidence.judged_features, rows), device
        self.codes = torch.from_numpy(codes[rows]).to(device)
        self.totals = np.bincount(codes[rows], minlength=len(class_counts))
        self.log_shares = torch.from_numpy(np.log(class_counts / class_counts.sum())).to(device)

    def scores(self, weight: Tensor, bias: Tensor) -> Tensor:
        """Return the logits of a layer, shape (N', C)."""
        weight, bias = weight.to(self._device), bias.to(self._device)
        return torch.cat([torch.addmm(bias, rows, weight.T) for _, rows in chunks(self._features, self._device)])

    def log_loss(self, scores: Tensor, *, by_class: bool = True) -> tuple[float, float]:
        """Return the log loss of scores after the best scale, and the scale; see `scaled_log_loss`."""
        weights = 1 / np.maximum(self.totals, 1) if by_class else np.ones(len(self.totals))
        return scaled_log_loss(scores, self.codes, torch.from_numpy(weights).to(self._device))


def search(path: LikelihoodPath, grid: Grid, rows: JudgedRows, tolerance: float) -> Found:
    """Find the setting with the smallest log loss on the judged rows, each class counting the same; the first of equals.

    Penalties are taken from strong to weak, each from the solution before, until two in a row are worse than the best.
    """
    winners = []
    for weighting in grid.weightings:
        tried: list[Found] = []
        for found in _along(path, grid, weighting, rows, tolerance):
            tried.append(found)
            best = min(range(len(tried)), key=lambda place: tried[place].loss)
            if len(tried) - 1 - best >= PATIENCE:
                break
        winners.append(_with_curve(tried, rows.totals))
    return min(winners, key=lambda found: found.loss)


def _along(
    path: LikelihoodPath, grid: Grid, weighting: Weighting, rows: JudgedRows, tolerance: float
) -> Iterator[Found]:
    layer = None
    for penalty in sorted(grid.penalties, reverse=True):
        solution = path.solve(penalty, weighting, start=layer, tolerance=tolerance)
        layer = solution.weight, solution.bias
        scores = rows.scores(*layer)
        options = []
        for tau in grid.taus_of(weighting):
            adjusted = scores - tau * rows.log_shares.to(scores)
            loss, scale = rows.log_loss(adjusted)
            hits = hits_of(adjusted, rows.codes, len(rows.totals))
            options.append(Found(penalty, weighting, tau, scale, loss, layer, hits))
        yield min(options, key=lambda found: found.loss)


def _with_curve(tried: Sequence[Found], totals: NDArray[np.int64]) -> Found:
    best = min(tried, key=lambda found: found.loss)
    curve = choose_from_hits([found.penalty for found in tried], np.stack([found.hits for found in tried]), totals)[1]
    curve |= {"parameter": "penalty", "log_loss": [found.loss for found in tried]}
    return Found(best.penalty, best.weighting, best.tau, best.scale, best.loss, best.layer, best.hits, curve)


def scaled_log_loss(scores: Tensor, codes: Tensor, class_weights: Tensor) -> tuple[float, float]:
    """Return how well scores fit labels after the best single scale.

    min over a > 0 of  -sum_i w_y_i sum_c t_ic log softmax(a s_i)_c / sum_i w_y_i,  t_ic = (1 - e) [c = y_i] + e / C

    With e = 0 few rows that are all right would ask for an infinite a; e = 1 / (N + 2) is Platt's correction. The
    function is convex in a: Newton's steps, and the middle where they leave what is known to hold the minimum.

    Args:
        scores: s, of rows that had no part in them, shape (N, C).
        codes: class indices, shape (N,).
        class_weights: w, of a row of each class, shape (C,).

    Returns:
        The loss, and a, between 0.01 and 100.

    Reference:
        Platt, "Probabilistic outputs for support vector machines and comparisons to regularized likelihood methods",
        Advances in Large Margin Classifiers 1999 (soft targets).

    Example:
        >>> scores, codes = torch.tensor([[2.0, 0.0]] * 4000), torch.tensor([0, 0, 0, 1] * 1000)
        >>> loss, scale = scaled_log_loss(scores, codes, torch.ones(2))
        >>> round(scale, 2), round(loss, 2)  # log(3) / 2, and the entropy of 3 : 1
        (0.55, 0.56)
    """
    weights = class_weights.to(scores)[codes]
    weights = weights / weights.sum()
    softness = 1 / (len(scores) + 2)
    aim = (1 - softness) * scores.gather(1, codes[:, None]) + softness * scores.mean(dim=1, keepdim=True)
    centred = scores - aim
    (low, high), scale, loss = SCALES, 1.0, 0.0
    for _ in range(STEPS):
        scaled = centred * scale
        total = torch.logsumexp(scaled, dim=1)
        shares = (scaled - total[:, None]).exp_()
        means = (shares * centred).sum(dim=1)
        loss, slope = float(weights @ total), float(weights @ means)
        bend = float(weights @ ((shares * centred.square()).sum(dim=1) - means.square()))
        low, high = (scale, high) if slope < 0 else (low, scale)
        step = scale - slope / bend if bend > 0 else scale
        following = step if low < step < high else (low * high) ** 0.5
        if abs(following / scale - 1) < 1e-4 or slope == 0:
            break
        scale = following
    return loss, scale
