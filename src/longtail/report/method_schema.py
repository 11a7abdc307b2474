"""The kinds of results.json that tell of one method: what it measured, chose and is made of."""

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from msgspec import Meta

from longtail.report.schema_numbers import Count, Group, Interval, Number, Percent, Points, Positive, Share, Text

__all__ = ["ClassMetrics", "Method", "Metric", "Tested"]


class Calibration(TypedDict):
    """Of the softmax of a head's scores as they are."""

    ece: Percent
    adaptive_ece: Percent
    brier: Annotated[float, Meta(ge=-1e-6, le=2 + 1e-6)]
    log_loss: Positive


class ClassMetrics(TypedDict):
    """Of a method on a split."""

    all: Percent
    balanced: Percent
    many: Percent | None
    medium: Percent | None
    few: Percent | None
    per_class: list[Percent | None]
    images: NotRequired[Count]
    macro_f1: NotRequired[Percent | None]
    geometric_mean: NotRequired[Percent | None]
    per_class_images: NotRequired[list[Count]]
    per_class_precision: NotRequired[list[Percent | None] | None]
    intervals: NotRequired[dict[str, Interval | None] | None]
    calibration: NotRequired[Calibration | None]


class Difference(TypedDict):
    """Of a method to another, by one metric."""

    difference: Points
    interval: tuple[Points, Points]


class Tested(Difference):
    """A difference with its test."""

    p_corrected: Share
    smallest: Percent | None
    p: NotRequired[Share | None]


Metric = Literal["all", "balanced", "many", "medium", "few"]


class Curve(TypedDict):
    """Of the parameter that a method chose."""

    parameter: str
    grid: Annotated[list[Number], Meta(min_length=1)]
    split: str
    chosen: Number | None
    metrics: dict[str, list[Percent] | None]


class Expected(TypedDict):
    """What a choice promises on new rows, in percent."""

    score: Number
    interval: Annotated[list[Number], Meta(min_length=2, max_length=2)]
    optimism: Number


class Choice(TypedDict):
    """How auto was chosen."""

    method: str
    on: str
    metric: str
    rule: str
    scores: dict[str, Number]
    costs: NotRequired[Text]
    best: NotRequired[str]
    members: NotRequired[dict[str, Number]]
    log_loss: NotRequired[dict[str, Number]]
    expected: NotRequired[Expected | None]
    unjudged: NotRequired[Count]
    standard_errors: NotRequired[dict[str, Number]]
    fitted_on: NotRequired[list[str]]
    doubt: NotRequired[Text]


Purity = Annotated[float, Meta(ge=0, le=1 + 1e-6)]


class Likelihood(TypedDict):
    """Histograms over the training rows of each group that reach a block."""

    edges: Annotated[list[Number], Meta(min_length=2)]
    many: list[Count]
    medium: list[Count]
    few: list[Count]


class RowsOfGroups(TypedDict):
    """Numbers of training rows."""

    many: Count
    medium: Count
    few: Count


class Destinations(TypedDict):
    """Where the images of a group go."""

    right: Percent
    many: Percent
    medium: Percent
    few: Percent


class Block(TypedDict):
    """Of DLSA."""

    likelihood: Likelihood
    threshold: Number
    taken: RowsOfGroups
    reached: RowsOfGroups
    cluster_sizes: list[Count]
    cluster_purity: list[Purity | None]


class DepthChoice(TypedDict):
    """Why so many blocks of DLSA are used."""

    accuracy: Annotated[list[Percent], Meta(min_length=1)]


class Blocks(TypedDict):
    """Of DLSA."""

    depth: Count
    helps: bool
    blocks: list[Block]
    choice: NotRequired[DepthChoice | None]
    confusion: NotRequired[dict[str, Annotated[dict[Group, Destinations], Meta(min_length=1)]]]


class Method(TypedDict):
    """What is known of a fitted head."""

    params: dict[str, Any]
    selected_on: str
    seconds: Positive
    metrics: dict[Literal["val", "test"], ClassMetrics]
    weight_norms: NotRequired[list[Positive] | None]
    curve: NotRequired[Curve | None]
    versus_joint: NotRequired[dict[Metric, Difference | None] | None]
    choice: NotRequired[Choice | None]
    dlsa: NotRequired[Blocks | None]
    notes: NotRequired[list[str]]
    head_sha256: NotRequired[str]
    summary: NotRequired[str]
    chosen: NotRequired[dict[str, Any]]
