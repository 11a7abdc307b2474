"""Conformal sets: the classes that an image may be of, the true one among them as often as was asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypedDict, get_args

import numpy as np
from msgspec import Meta
from numpy.typing import ArrayLike, NDArray

from longtail.arguments import as_array, brief, check_share
from longtail.counts import check_groups
from longtail.errors import InputError
from longtail.evaluation.calibration import checked_probabilities
from longtail.evaluation.sample_groups import check_sample_groups
from longtail.evaluation.scaling import AGAIN
from longtail.files.json_file import check_kind
from longtail.priors import check_prior

__all__ = ["SET_KINDS", "ConformalSets", "Score", "SetKind", "fit_sets", "images_needed", "nonconformity"]

SetKind = Literal["marginal", "class", "group", "prevalence"]
Score = Literal["softmax", "aps"]

SET_KINDS: tuple[SetKind, ...] = get_args(SetKind)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ConformalSets:
    """Which classes belong to the set of an image: those whose score is at most their threshold.

    Attributes:
        kind: what was promised: see `fit_sets`.
        score: what was ranked by.
        alpha: share of the images whose set may miss the true class, 0 to 1.
        thresholds: largest score that is let in, shape (C,); infinite where there are too few images to promise
            anything without always being in the set.
        prior: shares that scores are divided by, of "prevalence", shape (C,); else None.
        images_missing: further images that a class (of "class"), its group (of "group") or all classes together would
            need for a threshold, shape (C,); of rows that come in groups further groups of rows.
    """

    kind: SetKind
    score: Score
    alpha: float
    thresholds: Floats
    prior: Floats | None
    images_missing: NDArray[np.int64]

    def contains(self, probabilities: ArrayLike) -> NDArray[np.bool_]:
        """Return which classes belong to the set of each image.

        A set that would be empty gets the most likely class: that can only raise the coverage.

        Args:
            probabilities: rows that sum to 1, shape (N, C).

        Returns:
            Shape (N, C).

        Raises:
            InputError: rows that are no probabilities, or another number of classes.
        """
        rows = as_array(probabilities, "probabilities")
        given, _ = checked_probabilities(rows, np.zeros(rows.shape[:1], dtype=np.int64))
        if given.shape[1] != len(self.thresholds):
            raise InputError(f"probabilities of {given.shape[1]} classes; these sets are of {len(self.thresholds)}.")
        inside: NDArray[np.bool_] = nonconformity(given, self.score, self.prior) <= self.thresholds
        empty = np.flatnonzero(~inside.any(axis=1))
        inside[empty, given[empty].argmax(axis=1)] = True
        return inside

    def to_json(self) -> dict[str, Any]:
        """Return plain values that `from_json` reads; an infinite threshold is null."""
        return {
            "kind": self.kind,
            "score": self.score,
            "alpha": self.alpha,
            "thresholds": [float(t) if np.isfinite(t) else None for t in self.thresholds],
            "prior": None if self.prior is None else self.prior.tolist(),
            "images_missing": self.images_missing.tolist(),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "ConformalSets":
        """Read what `to_json` gave.

        Raises:
            InputError: something is missing, of another length, or no number that it may be.
        """
        content = check_kind(dict(stored), _Stored, origin="sets", expected=AGAIN)
        thresholds = np.array([np.inf if t is None else t for t in content["thresholds"]], dtype=np.float64)
        prior = None if content["prior"] is None else np.array(content["prior"], dtype=np.float64)
        missing = np.array(content["images_missing"], dtype=np.int64)
        if missing.shape != thresholds.shape or (prior is not None and prior.shape != thresholds.shape):
            raise InputError(f"sets: {len(thresholds)} thresholds, {len(missing)} numbers of images. Expected {AGAIN}.")
        if (content["kind"] == "prevalence") != (prior is not None):
            raise InputError(f"sets: prevalence sets have a prior, others have none. Expected {AGAIN}.")
        finite = thresholds[np.isfinite(thresholds)]
        # scores are at most 0 where they are divided by a prior, and shares of 1 else
        lowest, highest = (-1e12, 0.0) if prior is not None else (0.0, 1.0 + 1e-9)
        if ((finite < lowest) | (finite > highest)).any():
            raise InputError(f"sets: a threshold is {finite.min():.4g} or {finite.max():.4g}. Expected {AGAIN}.")
        return cls(content["kind"], content["score"], float(content["alpha"]), thresholds, prior, missing)


class _Stored(TypedDict):
    kind: SetKind
    score: Score
    alpha: Annotated[float, Meta(gt=0, lt=1)]
    thresholds: list[Annotated[float, Meta(ge=-1e12, le=1e12)] | None]
    prior: list[Annotated[float, Meta(gt=0, le=1 + 1e-6)]] | None
    images_missing: list[Annotated[int, Meta(ge=0, le=10**12)]]


def fit_sets(
    probabilities: ArrayLike,
    labels: ArrayLike,
    kind: SetKind = "marginal",
    *,
    alpha: float = 0.1,
    score: Score = "softmax",
    groups: NDArray[np.str_] | None = None,
    prior: ArrayLike | None = None,
    sample_groups: ArrayLike | None = None,
) -> ConformalSets:
    """Choose thresholds on held-out images so that sets hold the true class with probability 1 - alpha at least.

    q = the k-th smallest score s(x_i, y_i), k = ceil((n + 1)(1 - alpha)); infinite where k > n

    - "marginal": one q from all images. Right on average over images: common classes may pay for rare ones.
    - "class": one q a class, from its images alone: right for every class, whatever the mix of classes. A class with
      fewer than 1 / alpha - 1 images is in every set.
    - "group": one q for many, medium and few each, from the images of the group's classes: right for rare classes
      together where each alone has too few images.
    - "prevalence": one q, of the score s = -p_c / prior_c. Right on average over images; it leans towards what is best
      for the mean coverage over classes at a given size of the sets.

    Of rows that come in groups, K of them with n_k rows that count for a threshold,

    q = the smallest score with sum_(s_i <= q) 1 / ((K + 1) n_k(i)) >= 1 - alpha; infinite where 1 / (K + 1) > alpha

    which is right for a row of a NEW group, drawn like these: on average over groups, each of which counts as much as
    any other, however many rows it has. With one row a group it is the k-th smallest score again.

    The promise is for images drawn as these were (for "class", only within each class), not used to fit the classifier
    or the calibration. A temperature that was fitted to the same images weakens it a little.

    Args:
        probabilities: rows that sum to 1, shape (N, C).
        labels: class indices, shape (N,).
        kind: what is promised.
        alpha: share that may be missed, above 0 and below 1.
        score: "softmax", 1 - p_c; or "aps", the sum of all p_j above p_c, which makes larger sets whose size says more
            of how hard the image is. "prevalence" has its own.
        groups: "many", "medium" or "few" for each class, shape (C,); for "group".
        prior: shares of the classes in the world that the probabilities are of, shape (C,); for "prevalence". Default:
            the shares of `labels`. One image is added to each class, so that none has the share 0.
        sample_groups: a whole number for each row, equal for rows of one site, lesion or sequence, shape (N,). Default:
            rows are independent.

    Raises:
        InputError: unknown kind or score, alpha out of range, shapes or groups that do not fit, or no image.

    Reference:
        Vovk, "Conditional validity of inductive conformal predictors", ACML 2012, arXiv 1209.2673 (by class); Sadinle,
        Lei, Wasserman, "Least ambiguous set-valued classifiers with bounded error levels", JASA 2019, arXiv 1609.00451
        (softmax); Romano, Sesia, Candes, "Classification with Valid and Adaptive Coverage", NeurIPS 2020, arXiv
        2006.02544 (aps, here without its random part, so that an image always has the same set); Ding, Fermanian,
        Salmon, "Conformal Prediction for Long-Tailed Classification", 2025, arXiv 2507.06867 (prevalence-adjusted).
        Lee, Barber, Willett, "Distribution-free inference with hierarchical data", 2023, arXiv 2306.06342 (weights of
        rows in groups); Dunn, Wasserman, Ramdas, "Distribution-Free Prediction Sets for Two-Layer Hierarchical Models",
        JASA 2023, arXiv 1809.07441 (the same promise, there by drawing one row a group).

    Example:
        >>> probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.3, 0.7]])
        >>> sets = fit_sets(probabilities, [0, 0, 0, 1], alpha=0.25)
        >>> sets.thresholds.round(2).tolist(), sets.contains([[0.55, 0.45], [0.65, 0.35]]).sum(axis=1).tolist()
        ([0.4, 0.4], [1, 1])
        >>> fit_sets(probabilities, [0, 0, 0, 1], "class", alpha=0.25).images_missing.tolist()
        [0, 2]
    """
    given, truth = checked_probabilities(probabilities, labels)
    num_classes = given.shape[1]
    if str(kind) not in SET_KINDS or str(score) not in get_args(Score):
        raise InputError(
            f"no sets {brief(kind)} with score {brief(score)}. "
            f"Sets: {', '.join(SET_KINDS)}; scores: {', '.join(get_args(Score))}."
        )
    check_share("alpha", alpha, 0.1)
    if len(truth) == 0:
        raise InputError("there is no image to choose thresholds on.")
    if kind == "group":
        if groups is None:
            raise InputError("sets by group need the group of each class, shape (C,).")
        groups = check_groups(groups, num_classes)
    shares = None
    if kind == "prevalence":
        counts: Floats = np.bincount(truth, minlength=num_classes).astype(np.float64)
        if prior is not None:
            counts = check_prior(prior, num_classes) * len(truth)
        shares = (counts + 1) / (counts + 1).sum()
    scores = nonconformity(given, score, shares)[np.arange(len(truth)), truth]
    member = np.zeros(num_classes, dtype=np.int64)
    if kind == "class":
        member = np.arange(num_classes)
    elif kind == "group" and groups is not None:
        member = np.unique(groups, return_inverse=True)[1]
    parts = [member[truth] == part for part in range(int(member.max()) + 1)]
    together = check_sample_groups(sample_groups, len(truth))
    if together is None:
        thresholds = np.array([_quantile(scores[part], alpha) for part in parts])
        known = np.array([part.sum() for part in parts])
    else:
        thresholds = np.array([_grouped_quantile(scores[part], together[part], alpha) for part in parts])
        known = np.array([len(np.unique(together[part])) for part in parts])
    missing = np.maximum(images_needed(alpha) - known, 0)
    return ConformalSets(kind, score, alpha, thresholds[member], shares, missing[member])


def images_needed(alpha: float) -> int:
    """Return the smallest number of images with which a threshold can promise 1 - alpha: n >= 1 / alpha - 1.

    Raises:
        InputError: alpha is out of range.

    Example:
        >>> images_needed(0.1), images_needed(0.05)
        (9, 19)
    """
    check_share("alpha", alpha, 0.1)
    # 1 / 0.1 - 1 may come out as 9.000...1
    return int(np.ceil(1 / alpha - 1 - 1e-9))


def _quantile(scores: Floats, alpha: float) -> float:
    rank = int(np.ceil((len(scores) + 1) * (1 - alpha) - 1e-9))
    return float("inf") if rank > len(scores) else float(np.sort(scores)[rank - 1])


def _grouped_quantile(scores: Floats, sample_groups: NDArray[np.int64], alpha: float) -> float:
    """Return the quantile in which each group counts as one row, and the new group as one more."""
    if not len(scores):
        return float("inf")
    rows = np.bincount(sample_groups)
    order = np.argsort(scores, kind="stable")
    # in units of a group, so that with one row each these are the ranks
    reached = np.cumsum(1 / rows[sample_groups[order]])
    enough = reached >= (np.count_nonzero(rows) + 1) * (1 - alpha) - 1e-9
    return float(scores[order][enough.argmax()]) if enough.any() else float("inf")


def nonconformity(probabilities: NDArray[np.floating], score: Score, prior: Floats | None = None) -> Floats:
    """Score how badly each class fits each image: small is likely.

    Args:
        probabilities: shape (N, C).
        score: "softmax" or "aps".
        prior: shares that probabilities are divided by, shape (C,); then the score is -p_c / prior_c.

    Returns:
        Shape (N, C).

    Example:
        >>> nonconformity(np.array([[0.5, 0.3, 0.2]]), "aps").round(2).tolist()
        [[0.0, 0.5, 0.8]]
    """
    values = np.asarray(probabilities, dtype=np.float64)
    if prior is not None:
        return -values / prior
    if score == "softmax":
        return 1 - values
    order = np.argsort(-values, axis=1, kind="stable")
    # rounded: of rows whose sums are equal but for the order of their terms, none is to be beyond the threshold
    ranked = np.take_along_axis(values, order, axis=1)
    sums = (np.cumsum(ranked, axis=1) - ranked).round(12)
    scores = np.empty_like(sums)
    np.put_along_axis(scores, order, sums, axis=1)
    return scores
