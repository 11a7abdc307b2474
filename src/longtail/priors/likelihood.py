"""Estimate a prior from unlabelled data: maximum likelihood by EM."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longtail.arguments import as_array, as_numbers
from longtail.errors import InputError
from longtail.priors.shares import check_prior

__all__ = ["PriorEstimate", "estimate_prior_em"]

ROWS = 16_384  # that are read at once

Shares = NDArray[np.float64]


@dataclass(frozen=True)
class PriorEstimate:
    """An estimated prior, and how the search for it went.

    Attributes:
        prior: share of each class, shape (C,).
        iterations: steps that were made.
        converged: whether the last step changed less than the tolerance.
        log_likelihood: before each step and after the last, shape (iterations + 1,); it never falls.
    """

    prior: NDArray[np.float64]
    iterations: int
    converged: bool
    log_likelihood: NDArray[np.float64]


def estimate_prior_em(
    probabilities: ArrayLike,
    source: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    pseudo_count: float = 0.0,
    start: ArrayLike | None = None,
    iterations: int = 1000,
    tolerance: float = 1e-6,
) -> PriorEstimate:
    """Estimate how common classes are where the unlabelled rows come from.

    E: r_ic = p_ic (q_c / s_c) / sum_k p_ik (q_k / s_k)     M: q_c = (a + sum_i w_i r_ic) / (sum w + a C)

    Each step raises L(q) = sum_i w_i log sum_c p_ic q_c / s_c + a sum_c log q_c, which is concave: it has one maximum.
    The estimate holds where only the shares of the classes differ from the source (label shift) and where p is
    calibrated there. Probabilities that are too sure or biased give a wrong prior, also with ever more rows.

    After every two steps the shares are moved on in their direction, as far as that raises L: the maximum is the same,
    and is reached in a fraction of the steps. Rows are read in blocks; nothing of their number is held beside them.

    Args:
        probabilities: p(c | x_i) where the classes are as common as `source` says, shape (N, C).
        source: s, shape (C,).
        weights: w, how often each row counts, at least 0, shape (N,); default: once.
        pseudo_count: a, rows that each class is given beforehand, at least 0. With 0 a class may end at share 0, and is
            then never predicted.
        start: prior to begin with; default: source. A class of share 0 keeps it.
        iterations: steps at most, at least 1.
        tolerance: above 0; it ends where a step changes the shares by less, summed over classes.

    Returns:
        The prior and how it was found.

    Raises:
        InputError: probabilities that are none, or of another number of classes; weights, a pseudo-count, a number of
            steps or a tolerance that is none.

    Reference:
        Saerens, Latinne, Decaestecker, "Adjusting the Outputs of a Classifier to New a Priori Probabilities: A Simple
        Procedure", Neural Computation 14, 2002, equation 3.9 (with a = 0). Alexandari, Kundaje, Shrikumar, "Maximum
        Likelihood with Bias-Corrected Calibration is Hard-To-Beat at Label Shift Adaptation", ICML 2020, arXiv
        1901.06852 (one maximum; calibrate first). Varadhan, Roland, "Simple and Globally Convergent Methods for
        Accelerating the Convergence of Any EM Algorithm", Scandinavian Journal of Statistics 35, 2008 (scheme S3).

    Example:
        >>> sure = np.repeat([[0.99, 0.01], [0.01, 0.99]], [10, 90], axis=0)
        >>> found = estimate_prior_em(sure, source=[0.5, 0.5])
        >>> found.prior.round(2).tolist(), found.converged
        ([0.09, 0.91], True)
    """
    p = as_array(probabilities, "probabilities")
    if p.ndim != 2 or not len(p) or p.dtype.kind not in "iuf":
        raise InputError(f"the probabilities have shape {p.shape}; expected a row of C for each of N > 0 images.")
    source = check_prior(source, p.shape[1])
    if not (0 <= pseudo_count < np.inf and iterations >= 1 and tolerance > 0):
        raise InputError(
            f"pseudo_count is {pseudo_count}, iterations {iterations}, tolerance {tolerance}; expected at least 0, at "
            "least 1 and above 0."
        )
    _check_rows(p)
    counts = _row_weights(weights, len(p))
    known = source > 0
    # a class that the source does not have: nothing can be learnt of it
    inverse = np.divide(1, source, out=np.zeros_like(source), where=known)
    shares = check_prior(source if start is None else start, len(source)) * known

    def step(prior: Shares) -> tuple[Shares, float]:
        return _step(p, counts, prior, inverse, pseudo_count)

    path: list[float] = []
    converged = False
    while len(path) < iterations and not converged:
        first, likelihood = step(shares)
        path.append(likelihood)
        converged = _distance(first, shares) < tolerance
        before, shares = shares, first
        if converged or len(path) == iterations:
            break
        second, likelihood = step(shares)
        path.append(likelihood)
        converged = _distance(second, shares) < tolerance
        shares = second
        if not converged:
            further = _further(before, first, second)
            if further is not None and step(further)[1] >= likelihood:
                shares = further
    path.append(step(shares)[1])
    return PriorEstimate(shares, len(path) - 1, converged, np.array(path))


def _further(before: Shares, first: Shares, second: Shares) -> Shares | None:
    """Return the shares that two steps point to, or None where they point nowhere."""
    change = first - before
    turn = second - first - change
    bend = float(np.linalg.norm(turn))
    if bend == 0:
        return None
    length = max(float(np.linalg.norm(change)) / bend, 1.0)
    # a share of 0 would stay 0 for ever, and one that is left is to be found again
    further = np.maximum(before + 2 * length * change + length**2 * turn, 0.1 * second)
    return np.asarray(further / further.sum())


def _distance(one: Shares, other: Shares) -> float:
    return float(np.abs(one - other).sum())


def _check_rows(p: NDArray[Any]) -> None:
    for start in range(0, len(p), ROWS):
        block = p[start : start + ROWS]
        lowest, sums = float(block.min()), block.sum(axis=1, dtype=np.float64)
        if not (lowest >= 0 and np.allclose(sums, 1, atol=1e-3)):
            row = int(np.argmax(np.abs(np.nan_to_num(sums, nan=np.inf) - 1)))
            raise InputError(
                f"row {start + row} sums to {sums[row]:.4g}, the smallest number is {lowest:.4g}; expected "
                "probabilities: at least 0, of sum 1 in each row."
            )


def _row_weights(weights: ArrayLike | None, rows: int) -> NDArray[np.float64]:
    if weights is None:
        return np.ones(rows)
    counts = as_numbers(weights, "weights")
    if counts.shape != (rows,) or not np.isfinite(counts).all() or (counts < 0).any() or not counts.any():
        raise InputError(f"weights of shape {counts.shape} for {rows} rows; expected a number of at least 0 for each.")
    return counts


def _step(
    p: NDArray[np.floating],
    weights: NDArray[np.float64],
    shares: Shares,
    inverse: Shares,
    pseudo_count: float,
) -> tuple[Shares, float]:
    """Make one step; return the new shares and the likelihood of the old ones."""
    ratio = shares * inverse
    sums, likelihood = np.zeros(len(ratio)), 0.0
    for start in range(0, len(p), ROWS):
        block = np.asarray(p[start : start + ROWS], dtype=np.float64)
        density = np.maximum(block @ ratio, np.finfo(np.float64).tiny)
        of_rows = weights[start : start + ROWS]
        sums += (of_rows / density) @ block
        likelihood += float(of_rows @ np.log(density))
    expected = ratio * sums + pseudo_count * (shares > 0)
    if pseudo_count:
        likelihood += pseudo_count * float(np.log(shares[shares > 0]).sum())
    return expected / expected.sum(), likelihood
