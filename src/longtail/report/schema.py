"""The kinds of results.json, part by part, with the bounds of its numbers; docs/files.md says what they mean.

What stands in no type may be there too. Parts that older versions did not write are not required.
"""

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from msgspec import Meta

__all__ = [
    "ClassMetrics",
    "Comparisons",
    "Count",
    "Data",
    "Interval",
    "Method",
    "Number",
    "Percent",
    "Results",
    "Share",
]

# rounding may leave the ends of a range by a bit
Percent = Annotated[float, Meta(ge=-1e-6, le=100 + 1e-6)]
Points = Annotated[float, Meta(ge=-100 - 1e-6, le=100 + 1e-6)]
Share = Annotated[float, Meta(ge=0, le=1)]
Number = Annotated[float, Meta(ge=-1e15, le=1e15)]
Positive = Annotated[float, Meta(ge=0, le=1e15)]
Count = Annotated[int, Meta(ge=0, le=10**15)]
Interval = tuple[Percent, Percent]
Group = Literal["many", "medium", "few"]
Text = str | None


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


class Choice(TypedDict):
    """How auto was chosen."""

    method: str
    on: str
    metric: str
    rule: str
    scores: dict[str, Number]
    costs: NotRequired[Text]
    best: NotRequired[str]
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


class Split(TypedDict):
    """A split of the data."""

    images: Count


class Thresholds(TypedDict):
    """Training images that bound the groups."""

    many_above: Number
    few_below: Number


class Data(TypedDict):
    """What was learnt from and measured on."""

    name: str
    class_names: Annotated[list[str], Meta(min_length=1)]
    train_counts: list[Count]
    group_of_class: list[Group]
    group_thresholds: Thresholds
    splits: dict[str, Split]
    imbalance_ratio: NotRequired[Positive | None]
    notes: NotRequired[list[str] | None]
    feature_names: NotRequired[list[str] | None]


class Epoch(TypedDict):
    """Of stage 1."""

    epoch: Count
    train_loss: NotRequired[Number | None]
    train_accuracy: NotRequired[Percent | None]
    val_all: NotRequired[Percent | None]
    val_balanced: NotRequired[Percent | None]


class StageOne(TypedDict):
    """How the representation was learnt, or where it comes from."""

    backbone: str
    parameters: Count
    origin: NotRequired[Text]
    sampling: NotRequired[Text]
    epochs: NotRequired[Count | None]
    seconds: NotRequired[Positive | None]
    images_per_second: NotRequired[Positive | None]
    history: NotRequired[list[Epoch] | None]


class Pair(TypedDict):
    """Two methods on the same images."""

    method: str
    baseline: str
    metrics: dict[Metric, Tested | None]


class Comparisons(TypedDict):
    """What the measured images show."""

    correction: Literal["holm", "benjamini-hochberg"]
    level: Share
    power: Share
    pairs: list[Pair]


ClassCurve = TypedDict(
    "ClassCurve",
    {
        "class": Count,
        "train_count": Count,
        "measured_images": Count,
        "recall": Percent | None,
        "doubling": Number,
        "interval": tuple[Number, Number],
        "own_share": Share,
        "verdict": Literal["gains", "loses", "cannot say"],
        "images_for_10_points": Count | None,
    },
)


class LearningCurve(TypedDict):
    """What more images would bring."""

    method: str
    measured_on: Literal["val", "train-cv"]
    draws: Count
    levels: list[Number]
    group_doubling: dict[str, tuple[Number, Number, Number] | None]
    classes: list[ClassCurve]


class LabelProblem(TypedDict):
    """A row whose label is worth a look."""

    problem: str
    split: str
    row: Count
    label: str
    other_split: str
    other_row: Count | str
    other_label: str
    score: Number
    name: NotRequired[str]
    other_name: NotRequired[str]
    image: NotRequired[Text]
    other_image: NotRequired[Text]


class LabelProblems(TypedDict):
    """Labels worth a look."""

    totals: dict[str, Count]
    not_looked_for: list[str]
    found: list[LabelProblem]


class SharedPair(TypedDict):
    """Rows of a split that stand in one before it."""

    rows: Count
    identical: Count
    near: Count
    of: list[str]


class WithoutShared(TypedDict):
    """Of a method, on rows that stand in no other split."""

    images: Count
    all: Percent
    balanced: Percent
    many: Percent | None
    medium: Percent | None
    few: Percent | None


class SharedRows(TypedDict):
    """Rows that stand in two splits."""

    identical: Count
    near: Count
    pairs: dict[str, SharedPair]
    not_looked_for: Text
    without: dict[str, WithoutShared] | None


Confused = TypedDict("Confused", {"class": Count, "count": Count})


class Example(TypedDict):
    """A test image of a rare class."""

    file: str
    predicted: dict[str, Count]
    name: NotRequired[str]


RareClass = TypedDict(
    "RareClass",
    {
        "class": Count,
        "train_count": Count,
        "test_count": Count,
        "found": dict[str, Count],
        "confused_with": dict[str, list[Confused]],
        "examples": NotRequired[list[Example]],
        "train_example": NotRequired[Text],
        "train_name": NotRequired[Text],
    },
)


Mistake = TypedDict("Mistake", {"class": Count, "predicted": Count, "count": Count, "images": Count})


class Confusion(TypedDict):
    """What test images are taken for."""

    matrix: list[list[Count]] | None
    most: list[Mistake]


class Verdict(TypedDict):
    """The headline."""

    best: NotRequired[Text]
    selected_on: NotRequired[Text]
    sentence: NotRequired[Text]
    choice: NotRequired[Text]
    doubt: NotRequired[Text]
    leak: NotRequired[Text]
    doubts: NotRequired[list[str]]


class Results(TypedDict):
    """results.json."""

    schema: int
    title: str
    data: Data
    methods: Annotated[dict[str, Method], Meta(min_length=1)]
    verdict: Verdict
    command: NotRequired[Text]
    created: NotRequired[Text]
    seed: NotRequired[int | None]
    stage1: NotRequired[StageOne | None]
    comparisons: NotRequired[Comparisons | None]
    learning_curve: NotRequired[LearningCurve | None]
    shared_rows: NotRequired[SharedRows | None]
    label_problems: NotRequired[LabelProblems | None]
    rare_classes: NotRequired[list[RareClass]]
    confusion: NotRequired[dict[str, Confusion]]
    class_examples: NotRequired[dict[str, Text]]
    environment: NotRequired[dict[str, Any]]


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
