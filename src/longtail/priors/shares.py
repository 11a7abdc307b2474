"""The share of each class in a world, and moving scores from one world to another."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longtail.arguments import as_array, as_numbers, check_whole
from longtail.errors import InputError

__all__ = [
    "check_prior",
    "log_odds_shift",
    "named_prior",
    "prior_of_counts",
    "shift_logits",
    "shift_probabilities",
    "uniform_prior",
]

Shares = NDArray[np.float64]

ROUNDING = 0.01  # by which shares that a person wrote down may miss the sum 1


def uniform_prior(num_classes: int) -> Shares:
    """Return the prior of a world where all classes are equally common: 1 / C.

    Args:
        num_classes: C, at least 1.

    Returns:
        Shape (C,).

    Raises:
        InputError: no classes.

    Example:
        >>> uniform_prior(4).tolist()
        [0.25, 0.25, 0.25, 0.25]
    """
    check_whole("num_classes", num_classes, 1)
    return np.full(num_classes, 1 / num_classes)


def prior_of_counts(counts: ArrayLike) -> Shares:
    """Return the prior of a world with these class counts: n_c / N.

    Args:
        counts: images of each class, at least 0, shape (C,).

    Returns:
        Shape (C,), of sum 1.

    Raises:
        InputError: a negative or infinite count, or none at all.

    Example:
        >>> prior_of_counts([6, 3, 1]).tolist()
        [0.6, 0.3, 0.1]
    """
    values = as_numbers(counts, "the prior", finite=False)
    _check_values(values, "count")
    total = values.sum()
    if total <= 0:
        raise InputError("all class counts are 0; expected at least one image.")
    return np.asarray(values / total)


def check_prior(
    prior: ArrayLike | Mapping[Any, float], num_classes: int, class_names: Sequence[Any] | None = None
) -> Shares:
    """Check a prior that somebody handed in.

    Whole numbers (an integer array) are counts and are divided by their sum. Shares must sum to 1 within 0.01, the
    rounding of numbers that were written down; they are then made to sum to 1 exactly.

    Args:
        prior: shares or counts, shape (C,), or {name: share} of every class.
        num_classes: C.
        class_names: C names, for a prior by name.

    Returns:
        Shape (C,), of sum 1.

    Raises:
        InputError: another shape, wrong names, a negative or infinite number, or shares of another sum.

    Example:
        >>> check_prior([0.5, 0.3, 0.2], 3).tolist(), check_prior([2, 1, 1], 3).tolist()
        ([0.5, 0.3, 0.2], [0.5, 0.25, 0.25])
    """
    if isinstance(prior, Mapping):
        if class_names is None:
            raise InputError(
                f"the prior is by name, and the names of the {num_classes} classes are not known here; expected one "
                "share for each, in the order of the classes."
            )
        return named_prior(prior, class_names)
    values = as_array(prior, "the prior")
    check_whole("num_classes", num_classes)
    if values.shape != (num_classes,):
        raise InputError(
            f"the prior has shape {values.shape}; expected one share for each of the {num_classes} classes, "
            f"({num_classes},)."
        )
    if values.dtype.kind not in "iuf":
        raise InputError(f"the prior holds {values.dtype}; expected numbers, a share or a count a class.")
    if values.dtype.kind in "iu":
        return prior_of_counts(values)
    values = values.astype(np.float64)
    _check_values(values, "share")
    total = float(values.sum())
    if abs(total - 1) > ROUNDING + 1e-9:
        raise InputError(
            f"the shares of the prior sum to {total:.4g}; expected 1. Divide them by their sum, or give whole numbers "
            "of images."
        )
    return np.asarray(values / total)


def named_prior(shares: Mapping[Any, float], class_names: Sequence[Any], *, rest: ArrayLike | None = None) -> Shares:
    """Return a prior that is given by name.

    Args:
        shares: by class, of sum 1 within 0.01; with `rest` of sum 1 at most. Whole numbers of every class are counts.
        class_names: C names in the order of the classes.
        rest: shares in whose proportions the classes that are not named have what is left of 1, shape (C,); default:
            every class has to be named.

    Returns:
        Shape (C,), of sum 1.

    Raises:
        InputError: names that are no classes or are missing, numbers that are none, or shares of another sum.

    Example:
        >>> named_prior({"bee": 0.5}, ["ant", "bee", "cat"], rest=[0.6, 0.2, 0.2]).round(3).tolist()
        [0.375, 0.5, 0.125]
    """
    names = list(class_names)
    known = set(names)
    unknown = [name for name in shares if name not in known]
    missing = [name for name in names if name not in shares]
    if unknown:
        raise InputError(f"the prior names {_some(unknown)}, no class here. Classes: {_some(names)}.")
    if missing and rest is None:
        raise InputError(
            f"the prior names {len(shares)} of {len(names)} classes; missing: {_some(missing)}. Give 0 to a class that "
            "does not occur."
        )
    if not missing:
        return check_prior([shares[name] for name in names], len(names))
    given = as_numbers([shares.get(name, 0.0) for name in names], "the prior", finite=False)
    _check_values(given, "share")
    left = 1 - float(given.sum())
    if left < -ROUNDING:
        raise InputError(f"the shares of the named classes sum to {given.sum():.4g}; expected at most 1.")
    others = check_prior(np.zeros(0) if rest is None else rest, len(names)) * [name not in shares for name in names]
    if not others.sum() > 0:
        raise InputError(f"the classes that are not named ({_some(missing)}) have no share to be given out by.")
    result = given + max(left, 0.0) * others / others.sum()
    return np.asarray(result / result.sum())


def log_odds_shift(source: ArrayLike, target: ArrayLike) -> Shares:
    """Return what is added to logits that mean one prior, so that they mean another.

    log target_c - log source_c

    A class of target share 0 gets minus infinity: it is never predicted. A class that neither world has gets it too.

    Args:
        source: prior that the logits mean, shape (C,).
        target: prior that they shall mean, shape (C,).

    Returns:
        Shape (C,).

    Raises:
        InputError: no priors, other shapes, or a class that the target has and the source has not: nothing is known
            of it.

    Reference:
        Saerens, Latinne, Decaestecker, "Adjusting the Outputs of a Classifier to New a Priori Probabilities: A Simple
        Procedure", Neural Computation 14, 2002, equation 2.4. Hong et al., "Disentangling Label Distribution for
        Long-tailed Visual Recognition", CVPR 2021, arXiv 2012.00321, section 3.2.

    Example:
        >>> log_odds_shift([0.5, 0.5, 0.0], [1.0, 0.0, 0.0]).round(3).tolist()
        [0.693, -inf, -inf]
    """
    source = check_prior(source, len(np.atleast_1d(as_array(source, "source"))))
    target = check_prior(target, len(source))
    unknown = np.flatnonzero((source == 0) & (target > 0))
    if len(unknown):
        raise InputError(
            f"class {unknown[0]} has share {target[unknown[0]]:.4g} in the target prior and none in the source prior "
            f"({len(unknown)} such classes): the scores know nothing of it. Give it share 0, or add images to train."
        )
    shift = np.full(len(source), -np.inf)
    wanted = target > 0
    shift[wanted] = np.log(target[wanted]) - np.log(source[wanted])
    return shift


def shift_logits(logits: ArrayLike, source: ArrayLike, target: ArrayLike) -> Shares:
    """Move logits from one prior to another: Bayes' rule, as far as they are log-probabilities.

    logits'_c = logits_c + log target_c - log source_c

    Args:
        logits: shape (..., C).
        source: prior that they mean, shape (C,).
        target: prior that they shall mean, shape (C,); a class of share 0 gets minus infinity.

    Returns:
        Shape (..., C).

    Raises:
        InputError: see `log_odds_shift`.

    Example:
        >>> shift_logits([[0.0, 0.0]], source=[0.5, 0.5], target=[0.9, 0.1]).argmax(axis=1).tolist()
        [0]
    """
    return _rows(logits, "logits", source) + log_odds_shift(source, target)


def shift_probabilities(probabilities: ArrayLike, source: ArrayLike, target: ArrayLike) -> Shares:
    """Move probabilities from one prior to another.

    p'_c = p_c (target_c / source_c) / sum_k p_k (target_k / source_k)

    Args:
        probabilities: shape (..., C), rows of sum 1.
        source: prior that they mean, shape (C,).
        target: prior that they shall mean, shape (C,).

    Returns:
        Shape (..., C), rows of sum 1; a row without probability on any class of the target gets the target itself.

    Raises:
        InputError: see `log_odds_shift`.

    Example:
        >>> shift_probabilities([[0.5, 0.5]], source=[0.5, 0.5], target=[0.9, 0.1]).round(3).tolist()
        [[0.9, 0.1]]
    """
    weighted = _rows(probabilities, "probabilities", source) * np.exp(log_odds_shift(source, target))
    total = weighted.sum(axis=-1, keepdims=True)
    fallback = np.broadcast_to(check_prior(target, weighted.shape[-1]), weighted.shape)
    return np.where(total > 0, weighted / np.where(total > 0, total, 1), fallback)


def _some(names: Sequence[Any], most: int = 8) -> str:
    return ", ".join(map(str, names[:most])) + (f" and {len(names) - most} more" if len(names) > most else "")


def _rows(values: ArrayLike, name: str, source: ArrayLike) -> Shares:
    """Return numbers (..., C), one a class of the source."""
    rows = as_numbers(values, name, finite=False)
    num_classes = np.size(as_array(source, "source"))
    if not rows.ndim or rows.shape[-1] != num_classes:
        raise InputError(f"{name} have shape {rows.shape}; expected one number for each of {num_classes} classes.")
    return rows


def _check_values(values: Shares, what: str) -> None:
    if values.ndim != 1:
        raise InputError(f"the prior has shape {values.shape}; expected one {what} a class, (C,).")
    bad = np.flatnonzero(~np.isfinite(values) | (values < 0))
    if len(bad):
        raise InputError(f"the {what} of class {bad[0]} is {values[bad[0]]}; expected a finite number of at least 0.")
