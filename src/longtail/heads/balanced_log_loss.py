"""How well scores fit the labels of rows that had no part in them, each class counting the same."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from longtail.heads.choice import Evidence
from longtail.heads.left_out import LEFT_OUT_ROWS, rows_to_leave_out
from longtail.heads.rows import SomeRows, chunks

__all__ = ["JudgedRows", "scaled_log_loss"]

MOST_SCORES = 2**22  # numbers that are looked at for each setting
FEWEST_ROWS = 1024
SCALES = 1e-2, 1e2
STEPS = 50
NEAR = 0.02


class JudgedRows:
    """Rows to judge by, evenly spread over the classes: at most 8192, and at least one of each.

    Args:
        evidence: that holds them.
        class_counts: of all training rows, shape (C,).
        device: where to compute.
    """

    def __init__(self, evidence: Evidence, class_counts: NDArray[np.int64], device: str) -> None:
        codes = evidence.judged_codes
        single = np.flatnonzero(np.bincount(codes)[codes] == 1)
        most = min(LEFT_OUT_ROWS, max(MOST_SCORES // len(class_counts), FEWEST_ROWS))
        rows = np.union1d(rows_to_leave_out(codes, most), single)
        self._features, self._device = SomeRows(evidence.judged_features, rows), device
        self.codes = torch.from_numpy(codes[rows]).to(device)
        self.totals = np.bincount(codes[rows], minlength=len(class_counts))
        self.log_shares = torch.from_numpy(np.log(class_counts / class_counts.sum())).to(device)

    def scores(self, weight: Tensor, bias: Tensor) -> Tensor:
        """Return the logits of a layer, shape (N', C)."""
        weight, bias = weight.to(self._device), bias.to(self._device)
        return torch.cat([torch.addmm(bias, rows, weight.T) for _, rows in chunks(self._features, self._device)])

    def log_loss(self, scores: Tensor, *, start: float = 1.0, by_class: bool = True) -> tuple[float, float]:
        """Return the log loss of scores (N', C) after the best scale, and the scale; see `scaled_log_loss`.

        Args:
            scores: of these rows.
            start: where to look for the scale first.
            by_class: each class counts the same; otherwise each row.
        """
        weights = 1 / np.maximum(self.totals, 1) if by_class else np.ones(len(self.totals))
        return scaled_log_loss(scores, self.codes, torch.from_numpy(weights).to(self._device), start=start)


def scaled_log_loss(scores: Tensor, codes: Tensor, class_weights: Tensor, *, start: float = 1.0) -> tuple[float, float]:
    """Return how well scores fit labels after the best single scale.

    min over a > 0 of  -sum_i w_y_i sum_c t_ic log softmax(a s_i)_c / sum_i w_y_i,  t_ic = (1 - e) [c = y_i] + e / C

    With e = 0 few rows that are all right would ask for an infinite a; e = 1 / (N + 2) is Platt's correction. The
    function is convex in a: Newton's steps, and the middle where they leave what is known to hold the minimum.

    Args:
        scores: s, of rows that had no part in them, shape (N, C).
        codes: class indices, shape (N,).
        class_weights: w, of a row of each class, shape (C,).
        start: where to look for a first.

    Returns:
        The loss, and a, between 0.01 and 100, to about a thousandth.

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
    (low, high), scale, loss = SCALES, start, 0.0
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
        is_near = abs(following / scale - 1) < NEAR
        scale = following
        if is_near:  # a step of Newton's squares the distance, and the loss is flat here
            break
    return loss, scale
