"""The kinds of calibration.json, which says what calibrated probabilities, sets and decisions are worth."""

from typing import Annotated, TypedDict

from msgspec import Meta

from longtail.report.schema_numbers import Count, Interval, Percent, Positive, Share

__all__ = ["Calibrations"]


class Measured(TypedDict):
    """What probabilities of some images are worth."""

    ece: Percent | None
    adaptive_ece: Percent | None
    brier: Annotated[float, Meta(ge=-1e-6, le=2 + 1e-6)] | None
    log_loss: Positive | None


class MeasuredParts(TypedDict):
    """By group of classes; None where there is no image."""

    all: Measured
    balanced: Measured
    many: Measured | None
    medium: Measured | None
    few: Measured | None


class BeforeAndAfter(TypedDict):
    """Of a calibration."""

    before: MeasuredParts
    after: MeasuredParts


class ReliabilityBins(TypedDict):
    """In percent, one a bin that holds images."""

    confidence: Annotated[list[Percent], Meta(min_length=1)]
    accuracy: list[Percent]
    images: list[Count]


class Reliability(TypedDict):
    """Of a calibration."""

    before: ReliabilityBins
    after: ReliabilityBins


class Coverage(TypedDict):
    """Of conformal sets."""

    coverage: Percent
    interval: Interval
    mean_size: Positive


class CoverageParts(TypedDict):
    """By group of classes; None where there is no image."""

    all: Coverage
    many: Coverage | None
    medium: Coverage | None
    few: Coverage | None


class Accepted(TypedDict):
    """What a reject option lets pass."""

    accepted: Percent
    accuracy: Percent | None


class AcceptedParts(TypedDict):
    """By group of classes; None where there is no image."""

    all: Accepted
    many: Accepted | None
    medium: Accepted | None
    few: Accepted | None


class HeadCalibration(TypedDict):
    """What `longtail calibrate` measured of a head."""

    method: str
    calibrated_on: str
    measured_on: str
    probabilities: BeforeAndAfter
    reliability: Reliability
    sets: Annotated[dict[str, CoverageParts], Meta(min_length=1)]
    reject: AcceptedParts
    alpha: Share
    sentences: list[str]
    doubts: list[str]


class Calibrations(TypedDict):
    """calibration/calibration.json."""

    heads: dict[str, HeadCalibration]
