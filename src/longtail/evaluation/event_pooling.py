"""One answer for all images of an event: a sequence of a camera trap, the views of a specimen."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longtail.arguments import as_array
from longtail.errors import InputError
from longtail.evaluation.calibration import checked_probabilities
from longtail.priors import check_prior, log_odds_shift

__all__ = ["pooled_by_event"]

FloatArray = NDArray[np.float64]


def pooled_by_event(
    probabilities: ArrayLike, events: ArrayLike, *, source: ArrayLike | None = None, target: ArrayLike | None = None
) -> tuple[FloatArray, NDArray[np.int64]]:
    """Pool the probabilities of the images of each event: the geometric mean, under the prior that counts.

    p_ec proportional to exp(mean_(i in e) log p_ic) target_c / source_c

    The prior counts once an event, not once an image. Images of an event are taken to say the same again, not something
    new: with their product in place of the mean, ten frames of one animal would be surer than any of them.

    A probability of 0 counts as its type's smallest number, so that one image cannot rule a class out by rounding; a
    class that is 0 in all images of an event, or in the target, stays 0.

    Args:
        probabilities: rows that sum to 1, shape (N, C).
        events: a whole number or a name for each row, equal for rows of one event, shape (N,).
        source: prior that the probabilities mean, shape (C,); with `target`.
        target: prior that the pooled ones shall mean, shape (C,). Default: that of the probabilities.

    Returns:
        Pooled probabilities, shape (E, C), of the events in the order of their first rows; and the event of each row, 0
        to E - 1, shape (N,).

    Raises:
        InputError: rows that are no probabilities, not one event for each, or one prior without the other.

    Example:
        >>> pooled, event = pooled_by_event([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]], ["b", "a", "b"])
        >>> pooled.round(2).tolist(), event.tolist()
        ([[0.6, 0.4], [0.5, 0.5]], [0, 1, 0])
    """
    rows = as_array(probabilities, "probabilities")
    given, _ = checked_probabilities(rows, np.zeros(rows.shape[:1], dtype=np.int64))
    names = as_array(events, "events")
    if names.shape != given.shape[:1] or names.dtype.kind not in "iuUS":
        raise InputError(
            f"events of shape {names.shape} and type {names.dtype}; expected a whole number or a name for each of the "
            f"{len(given)} rows."
        )
    if (source is None) != (target is None):
        raise InputError("probabilities are moved from one prior to another; expected both `source` and `target`.")
    number, event, images = _numbered(names)
    logs = np.log(np.maximum(given, np.finfo(given.dtype).tiny).astype(np.float64))
    mean, possible = np.zeros((number, given.shape[1])), np.zeros((number, given.shape[1]), dtype=bool)
    np.add.at(mean, event, logs)
    np.logical_or.at(possible, event, given > 0)
    mean /= images[:, None]
    mean[~possible] = -np.inf
    if source is not None and target is not None:
        mean += log_odds_shift(source, target)
        # where no class of the target is possible, the target is all that is known
        nothing = ~np.isfinite(mean).any(axis=1)
        with np.errstate(divide="ignore"):
            mean[nothing] = np.log(check_prior(target, given.shape[1]))
    pooled = np.exp(mean - mean.max(axis=1, keepdims=True, initial=-np.inf))
    return pooled / pooled.sum(axis=1, keepdims=True), event


def _numbered(names: NDArray[np.generic]) -> tuple[int, NDArray[np.int64], NDArray[np.int64]]:
    """Return how many events there are, the number of each row's event by first appearance, and images of each."""
    _, first, inverse, images = np.unique(names, return_index=True, return_inverse=True, return_counts=True)
    order = np.argsort(first)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return len(order), place[inverse], images[order]
