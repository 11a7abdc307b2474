"""Which classes to collect next: a cheap head is fitted to fewer and fewer images of each class."""

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.comparison.fit_methods import FittedMethods
from longtail.comparison.fitter import core
from longtail.comparison.learnt_rows import as_learnt
from longtail.comparison.protocol import Protocol
from longtail.comparison.refitting import fitted_like
from longtail.errors import InputError
from longtail.evaluation.learning_curve import LearningCurves, fit_learning_curves, rotated_subsamples
from longtail.heads import DLSA
from longtail.heads.base import Head
from longtail.holdout import stratified_folds

__all__ = ["LEVELS", "MOST_TIMES", "class_learning_curves"]

LEVELS = (0.125, 0.25, 0.5, 1.0)
MOST_TIMES = 4.0  # beyond so many times the images nothing is forecast
WANTED_POINTS = 10.0  # gain in recall that images are counted for
SLOW_SECONDS = 20.0  # a method that took longer is not fitted a dozen times
STAND_INS = ("la", "tau", "joint", "ncm")  # for a method that takes long, the first that was fitted


def class_learning_curves(protocol: Protocol, fitted: FittedMethods, best: str) -> dict[str, Any]:
    """Measure how recall grows with a class's images, on validation, and say what more of them would bring.

    Args:
        protocol: the problem, of which test is not touched; how often subsamples are drawn, each of which fits the
            head once a level.
        fitted: methods.
        best: the recommended method; where it is slow, a cheap one stands in for it.

    Returns:
        {"method", "measured_on", "draws", "levels", "seconds", "exponent", "group_doubling", "classes": [{"class",
        "train_count", "measured_images", "recall", "doubling", "interval", "own_share", "verdict",
        "images_for_10_points"}]}.

    Raises:
        InputError: no head that can be fitted a dozen times.
    """
    started = time.perf_counter()
    name = _affordable(fitted, best)
    hits, levels, labels, where = _measured(protocol, fitted.methods[name].head)
    curves = fit_learning_curves(hits, levels, labels, protocol.groups)
    return {
        "method": name,
        "measured_on": where,
        "draws": protocol.rules.curve_draws,
        "levels": list(LEVELS),
        "seconds": round(time.perf_counter() - started, 1),
        "exponent": float(curves.weights @ curves.exponents),
        "group_doubling": curves.group_doubling,
        "classes": _class_rows(curves, protocol.problem.train_counts, hits, labels),
    }


def _affordable(fitted: FittedMethods, best: str) -> str:
    """Name the best method, or else the first cheap one."""
    for name in (best, *STAND_INS):
        method = fitted.methods.get(name)
        if method is not None and method.seconds <= SLOW_SECONDS and not isinstance(core(method.head), DLSA):
            return name
    raise InputError(
        f"`learning_curve` fits a head a dozen times, and none of {', '.join(fitted.methods)} is quick. Add la to "
        "`methods`."
    )


def _measured(
    protocol: Protocol, head: Head
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], str]:
    """Fit to every subsample, and say of each measured image whether it was found.

    Returns:
        Found, shape (R, M, J); share of its class that each level kept, shape (M, J); labels, shape (M,); on what.
    """
    problem, draws, seed = protocol.problem, protocol.rules.curve_draws, protocol.seed
    train = problem.splits["train"]
    labels = train.labels
    val = problem.splits.get("val")
    folds = None if val is not None else stratified_folds(labels, draws, seed, train.groups)
    if folds is not None and (folds < 0).all():
        raise InputError("`learning_curve`: no row can be held out, as every class is one group. Leave it out.")
    truth = labels if val is None else val.labels
    hits = np.full((draws, len(truth), len(LEVELS)), np.nan)
    for draw in range(draws):
        pool = np.arange(len(labels)) if folds is None else np.flatnonzero(folds != draw)
        rows = np.arange(len(truth)) if folds is None else np.flatnonzero(folds == draw)
        measured = np.asarray(train.features[rows]) if val is None else np.asarray(val.features)
        together = None if train.groups is None else train.groups[pool]
        for part, level in rotated_subsamples(labels[pool], LEVELS, seed + draw, sample_groups=together):
            learnt = as_learnt(train.take(pool[part]), seed)
            # no network's classifier is taken: it has seen all of train
            right = fitted_like(head, np.asarray(learnt.features), learnt.labels).predict(measured) == truth[rows]
            hits[draw, rows, level[truth[rows]]] = right
    # by cross-validation one share of each class is held out
    pooled = problem.train_counts if folds is None else np.rint(problem.train_counts * (1 - 1 / draws))
    pooled = np.maximum(pooled, 1)[:, None]
    fractions = np.ceil(np.asarray(LEVELS) * pooled - 1e-9) / pooled
    return hits, fractions[truth], truth, "val" if folds is None else "train-cv"


def _class_rows(
    curves: LearningCurves, counts: NDArray[np.int64], hits: NDArray[np.float64], labels: NDArray[np.int64]
) -> list[dict[str, Any]]:
    doubling, low, high = curves.gain(2.0)
    times = np.linspace(1, MOST_TIMES, 61)[1:]
    ahead = np.stack([curves.gain(value)[0] for value in times])
    whole, known = hits[:, :, -1], np.isfinite(hits[:, :, -1])
    rows = []
    for c, count in enumerate(counts):
        members = labels == c
        seen = whole[:, members][known[:, members]]
        recall = 100 * float(seen.mean()) if len(seen) else None
        room = 100.0 if recall is None else 100 - recall
        enough = np.flatnonzero(ahead[:, c] >= WANTED_POINTS)
        verdict = (
            "cannot say" if not curves.measured[c] or low[c] <= 0 <= high[c] else ("gains" if low[c] > 0 else "loses")
        )
        rows.append(
            {
                "class": c,
                "train_count": int(count),
                "measured_images": int(members.sum()),
                "recall": recall,
                "doubling": float(min(doubling[c], room)),
                "interval": [float(min(low[c], room)), float(min(high[c], room))],
                "own_share": float(curves.own_share[c]),
                "verdict": verdict,
                "images_for_10_points": int(np.ceil((times[enough[0]] - 1) * count))
                if verdict == "gains" and len(enough) and room >= WANTED_POINTS
                else None,
            }
        )
    return rows
