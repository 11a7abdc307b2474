"""Estimate a prior from unlabelled data: maximum likelihood by EM."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longtail.errors import InputError
from longtail.priors.shares import check_prior

__all__ = ["PriorEstimate", "estimate_prior_em"]


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
    pseudo_count: float = 0.0,
    start: ArrayLike | None = None,
    iterations: int = 1000,
    tolerance: float = 1e-6,
) -> PriorEstimate:
    """Estimate how common classes are where the unlabelled rows come from.

    E: r_ic = p_ic (q_c / s_c) / sum_k p_ik (q_k / s_k)     M: q_c = (a + sum_i r_ic) / (N + a C)

    Each step raises L(q) = sum_i log sum_c p_ic q_c / s_c + a sum_c log q_c, which is concave: it has one maximum. The
    estimate holds where only the shares of the classes differ from the source (label shift) and where p is calibrated
    there. Probabilities that are too sure or biased give a wrong prior, also with ever more rows.

    Args:
        probabilities: p(c | x_i) where the classes are as common as `source` says, shape (N, C).
        source: s, shape (C,).
        pseudo_count: a, rows that each class is given beforehand, at least 0. With 0 a class may end at share 0, and is
            then never predicted.
        start: prior to begin with; default: source. A class of share 0 keeps it.
        iterations: steps at most.
        tolerance: it ends where a step changes the shares by less, summed over classes.

    Returns:
        The prior and how it was found.

    Raises:
        InputError: probabilities that are none, or of another number of classes; a negative pseudo-count.

    Reference:
        Saerens, Latinne, Decaestecker, "Adjusting the Outputs of a Classifier to New a Priori Probabilities: A Simple
        Procedure", Neural Computation 14, 2002, equation 3.9 (with a = 0). Alexandari, Kundaje, Shrikumar, "Maximum
        Likelihood with Bias-Corrected Calibration is Hard-To-Beat at Label Shift Adaptation", ICML 2020, arXiv
        1901.06852 (one maximum; calibrate first).

    Example:
        >>> sure = np.repeat([[0.99, 0.01], [0.01, 0.99]], [10, 90], axis=0)
        >>> found = estimate_prior_em(sure, source=[0.5, 0.5])
        >>> found.prior.round(2).tolist(), found.converged
        ([0.09, 0.91], True)
    """
    p = np.asarray(probabilities)
    if p.ndim != 2 or not len(p):
        raise InputError(f"the probabilities have shape {p.shape}; expected a row of C for each of N images, N > 0.")
    source = check_prior(source, p.shape[1])
    if not pseudo_count >= 0:
        raise InputError(f"pseudo_count is {pseudo_count}; expected at least 0.")
    lowest, sums = float(p.min()), p.sum(axis=1)
    if not (lowest >= 0 and np.allclose(sums, 1, atol=1e-3)):
        row = int(np.argmax(np.abs(np.nan_to_num(sums, nan=np.inf) - 1)))
        raise InputError(
            f"row {row} sums to {sums[row]:.4g}, the smallest number is {lowest:.4g}; expected probabilities: at least "
            "0, of sum 1 in each row."
        )
    known = source > 0
    # a class that the source does not have: nothing can be learnt of it
    inverse = np.divide(1, source, out=np.zeros_like(source), where=known)
    shares = check_prior(source if start is None else start, len(source)) * known
    path = []
    converged = False
    for _ in range(iterations):
        new, likelihood = _step(p, shares, inverse, pseudo_count)
        path.append(likelihood)
        converged = float(np.abs(new - shares).sum()) < tolerance
        shares = new
        if converged:
            break
    path.append(_step(p, shares, inverse, pseudo_count)[1])
    return PriorEstimate(shares, len(path) - 1, converged, np.array(path))


def _step(
    p: NDArray[np.floating],
    shares: NDArray[np.float64],
    inverse: NDArray[np.float64],
    pseudo_count: float,
) -> tuple[NDArray[np.float64], float]:
    """Make one step; give the new shares and the likelihood of the old ones. Two products with p, no copy of it."""
    ratio = shares * inverse
    density = np.maximum(p @ ratio, np.finfo(np.float64).tiny)
    expected = ratio * ((1 / density) @ p) + pseudo_count * (shares > 0)
    likelihood = float(np.log(density).sum())
    if pseudo_count:
        likelihood += pseudo_count * float(np.log(shares[shares > 0]).sum())
    return expected / expected.sum(), likelihood
