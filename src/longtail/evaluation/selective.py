"""Reject option: leave the unsure images to a person, and know how right the others are, rare classes too."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, TypedDict

import numpy as np
from msgspec import Meta
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv  # what scipy.stats has, which takes long to load

from longtail.arguments import as_array, check_share
from longtail.counts import GROUPS, check_groups, class_counts
from longtail.errors import InputError
from longtail.evaluation.calibration import ImageScores, checked_confidence
from longtail.evaluation.coverage import binomial_interval
from longtail.evaluation.grouped_share import GroupedShare, grouped_binomial_interval
from longtail.evaluation.sample_groups import check_sample_groups
from longtail.evaluation.scaling import AGAIN
from longtail.files.json_file import check_kind

__all__ = ["AcceptanceRule", "RiskCoverage", "risk_coverage", "selective_report", "threshold_for_accuracy"]

TRIED = 20  # thresholds whose bounds hold together

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RiskCoverage:
    """Errors among the accepted images when more and more are accepted, the surest first.

    Attributes:
        threshold: confidence from which on images are accepted, falling, shape (M,).
        coverage: share of the images (of the weight) that is accepted, 0 to 1, shape (M,).
        risk: share of these that is wrong, 0 to 1, shape (M,).
        area: under the curve of risk over coverage, 0 to 1; small is good.
    """

    threshold: Floats
    coverage: Floats
    risk: Floats
    area: float


def risk_coverage(confidence: ArrayLike, right: ArrayLike, *, weights: ArrayLike | None = None) -> RiskCoverage:
    """Follow the errors among the accepted images from the surest image to all.

    Args:
        confidence: of the prediction, shape (N,).
        right: is it right, shape (N,).
        weights: of the images, above 0, shape (N,); 1 / n_y lets each class count alike.

    Raises:
        InputError: no image, or shapes that do not fit.

    Reference:
        Geifman, El-Yaniv, "Selective Classification for Deep Neural Networks", NeurIPS 2017, arXiv 1705.08500,
        section 2.

    Example:
        >>> curve = risk_coverage([0.9, 0.8, 0.8, 0.4], [1, 1, 0, 0])
        >>> curve.coverage.tolist(), curve.risk.round(2).tolist(), round(curve.area, 3)
        ([0.25, 0.75, 1.0], [0.0, 0.33, 0.5], 0.292)
    """
    sure, hit, weight = checked_confidence(confidence, right, weights, any_score=True)
    if not len(sure) or not (weight > 0).all():
        raise InputError(f"{len(sure)} confidences; expected at least one, and weights above 0.")
    order = np.argsort(-sure, kind="stable")
    mass, wrong = np.cumsum(weight[order]), np.cumsum((weight * (1 - hit))[order])
    # images of equal confidence are accepted together
    last = np.append(np.flatnonzero(np.diff(sure[order]) < 0), len(sure) - 1)
    coverage, risk = mass[last] / mass[-1], wrong[last] / mass[last]
    area = float((risk * np.diff(coverage, prepend=0.0)).sum())
    return RiskCoverage(sure[order][last], coverage, risk, area)


@dataclass(frozen=True)
class AcceptanceRule:
    """From which confidence on a prediction is accepted, and what is promised of those.

    Attributes:
        threshold: smallest confidence that is accepted; None where nothing can be promised: all are rejected.
        wanted: accuracy that was asked for, in percent.
        promised: lower bound of the accuracy of accepted images, in percent; None where nothing is accepted.
        level: probability that the bound holds, 0 to 1.
        coverage: share of the images that it was chosen on that is accepted, in percent.
        attainable: highest accuracy that these images could have promised, in percent.
    """

    threshold: float | None
    wanted: float
    promised: float | None
    level: float
    coverage: float
    attainable: float

    def to_json(self) -> dict[str, Any]:
        """Return plain values that `from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "AcceptanceRule":
        """Read what `to_json` gave.

        Raises:
            InputError: something is missing, or no number that it may be.
        """
        content = check_kind(dict(stored), _Stored, origin="rule", expected=AGAIN)
        return cls(**{name: content[name] for name in cls.__dataclass_fields__})  # type: ignore[literal-required]

    def accepts(self, confidence: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Return which predictions are accepted, shape (N,)."""
        if self.threshold is None:
            return np.zeros(len(confidence), dtype=bool)
        accepted: NDArray[np.bool_] = confidence >= self.threshold
        return accepted


Percent = Annotated[float, Meta(ge=-1e-6, le=100 + 1e-6)]


class _Stored(TypedDict):
    threshold: Annotated[float, Meta(ge=0, le=1 + 1e-6)] | None
    wanted: Percent
    promised: Percent | None
    level: Annotated[float, Meta(gt=0, lt=1)]
    coverage: Percent
    attainable: Percent


def threshold_for_accuracy(
    confidence: ArrayLike,
    right: ArrayLike,
    accuracy: float,
    *,
    sample_groups: ArrayLike | None = None,
    level: float = 0.95,
) -> AcceptanceRule:
    """Choose on held-out images the confidence from which on predictions are as accurate as wanted.

    Twenty thresholds are tried, which accept 5 %, 10 %, ... 100 % of these images, each with the exact binomial bound
    at the level 1 - (1 - level) / 20, so that all bounds hold together; the lowest threshold whose bound is high enough
    is taken.

    The promise is on average over images drawn as these were. It says nothing of a class or a group by itself.

    Of rows that come in groups the bounds are those of `GroupedShare`, with rows of a group as alike among the accepted
    ones as there or among all, whichever is more.

    Args:
        confidence: of the predictions, shape (N,).
        right: are they right, shape (N,).
        accuracy: wanted among accepted images, above 0 and below 1.
        sample_groups: a whole number for each row, equal for rows of one site, lesion or sequence, shape (N,). Default:
            rows are independent.
        level: probability with which the promise holds, above 0 and below 1.

    Raises:
        InputError: a share out of range, groups that are none, or no image.

    Reference:
        Angelopoulos, Bates, Candes, Jordan, Lei, "Learn then Test: Calibrating Predictive Algorithms to Achieve Risk
        Control", 2021, arXiv 2110.01052, section 2 (bounds that hold together); Geifman, El-Yaniv, 2017, algorithm 1
        (the same with a binary search, which can pass by the thresholds that hold).

    Example:
        >>> sure = np.linspace(1, 0, 1000)
        >>> rule = threshold_for_accuracy(sure, sure > 0.5, 0.9)
        >>> 0.45 < rule.threshold < 0.55, rule.promised >= 90
        (True, True)
    """
    for name, value in (("accuracy", accuracy), ("level", level)):
        check_share(name, value)
    curve = risk_coverage(confidence, right)
    accepted = np.rint(curve.coverage * len(as_array(confidence, "confidences")))
    hits = np.rint((1 - curve.risk) * accepted)
    tried = np.unique(np.searchsorted(curve.coverage, np.arange(1, TRIED + 1) / TRIED - 1e-9))
    together = check_sample_groups(sample_groups, int(accepted[-1]))
    if together is None:
        bounds = betaincinv(np.maximum(hits[tried], 1e-9), accepted[tried] - hits[tried] + 1, (1 - level) / TRIED)
    else:
        sure, hit = as_array(confidence, "confidences"), np.asarray(right) > 0
        bounds = _grouped_bounds(sure, hit, together, curve.threshold[tried], (1 - level) / TRIED)
    sufficient = np.flatnonzero(bounds >= accuracy)
    attainable = float(100 * bounds.max())
    if not len(sufficient):
        return AcceptanceRule(None, 100 * accuracy, None, level, 0.0, attainable)
    last, bound = int(tried[sufficient[-1]]), float(bounds[sufficient[-1]])
    threshold, coverage = float(curve.threshold[last]), float(100 * curve.coverage[last])
    return AcceptanceRule(threshold, 100 * accuracy, 100 * bound, level, coverage, attainable)


def _grouped_bounds(
    confidence: Floats, hit: NDArray[np.bool_], sample_groups: NDArray[np.int64], thresholds: Floats, tail: float
) -> Floats:
    """Return the lower bound of the accuracy from each threshold on."""
    alike = GroupedShare.of_rows(hit, sample_groups).within
    accepted = [confidence >= threshold for threshold in thresholds]
    shares = [GroupedShare.of_rows(hit[rows], sample_groups[rows], alike) for rows in accepted]
    return np.array([share.bounds(tail)[0] for share in shares])


def selective_report(
    scores: ImageScores,
    labels: ArrayLike,
    groups: NDArray[np.str_],
    rule: AcceptanceRule,
    *,
    sample_groups: ArrayLike | None = None,
) -> dict[str, Any]:
    """Measure what a rule accepts, over images and by group: are the rejected ones the rare ones?

    Args:
        scores: of the images.
        labels: class indices, shape (N,).
        groups: "many", "medium" or "few" for each class, shape (C,).
        rule: chosen on other images.
        sample_groups: a whole number for each row, equal for rows of one site, lesion or sequence, shape (N,); the
            intervals are then those of `grouped_binomial_interval`. Default: rows are independent.

    Returns:
        `area` under the risk-coverage curve and `balanced_area` (each class counts alike), in percent; for `all`,
        `many`, `medium`, `few` (None without an image): `images` that belong to it, of these `accepted` in percent,
        `accuracy` of the accepted ones in percent (None where none is accepted) and its `interval`.

    Raises:
        InputError: no image, or shapes that do not fit.

    Example:
        >>> from longtail.evaluation.calibration import image_scores
        >>> scores = image_scores([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4]], [0, 0, 1])
        >>> rule = AcceptanceRule(0.7, 90.0, 90.0, 0.95, 60.0, 95.0)
        >>> report = selective_report(scores, [0, 0, 1], np.array(["many", "few"]), rule)
        >>> report["many"]["accepted"], report["many"]["accuracy"], report["few"]["accepted"]
        (100.0, 100.0, 0.0)
    """
    truth = as_array(labels, "labels")
    groups = check_groups(groups)
    if truth.shape != scores.right.shape or not len(truth):
        raise InputError(f"{truth.shape} labels for {scores.right.shape} images; expected one each.")
    class_counts(truth, len(groups))
    accepted, together = rule.accepts(scores.confidence), check_sample_groups(sample_groups, len(truth))
    fair = 1.0 / np.bincount(truth, minlength=len(groups))[truth]
    report: dict[str, Any] = {
        "area": 100 * risk_coverage(scores.confidence, scores.right).area,
        "balanced_area": 100 * risk_coverage(scores.confidence, scores.right, weights=fair).area,
    }
    for name in ("all", *GROUPS):
        members = np.full(len(truth), True) if name == "all" else groups[truth] == name
        if not members.any():
            report[name] = None
            continue
        accepted_members = members & accepted
        hits, total = int(scores.right[accepted_members].sum()), int(accepted_members.sum())
        interval = None
        if total:
            interval = (
                binomial_interval(hits, total)
                if together is None
                else grouped_binomial_interval(scores.right[accepted_members], together[accepted_members])
            )
        report[name] = {
            "images": int(members.sum()),
            "accepted": 100 * total / int(members.sum()),
            "accuracy": 100 * hits / total if total else None,
            "interval": interval,
        }
    return report
