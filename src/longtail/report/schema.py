"""The kinds of results.json, part by part, with the bounds of its numbers; docs/results.md says what they mean.

What stands in no type may be there too. Parts that older versions did not write are not required.
"""

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from msgspec import Meta

from longtail.report.method_schema import Method, Metric, Tested
from longtail.report.schema_numbers import Count, Group, Number, Percent, Positive, Share, Text

__all__ = ["Comparisons", "Data", "Results", "Thresholds"]


class Split(TypedDict):
    """A split of the data."""

    images: Count


class Thresholds(TypedDict):
    """Training images that bound the groups."""

    many_above: Number
    few_below: Number


class Together(TypedDict):
    """Groups that are kept whole: how many each split has, and how many two splits share ("train/test")."""

    groups: dict[str, Count]
    torn: dict[str, Count]


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
    together: NotRequired[Together]
    split_by: NotRequired[Literal["images"]]
    boxes: NotRequired[bool]
    values: NotRequired[Literal["logits", "probabilities"]]


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
    multiply_adds: NotRequired[Count]
    layers: NotRequired[list[str]]
    views: NotRequired[Count]
    test_views: NotRequired[Count]
    origin: NotRequired[Text]
    sampling: NotRequired[Text]
    epochs: NotRequired[Count | None]
    switches: NotRequired[dict[str, str | float]]
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

    quick: NotRequired[Text]
    best: NotRequired[Text]
    selected_on: NotRequired[Text]
    sentence: NotRequired[Text]
    choice: NotRequired[Text]
    doubt: NotRequired[Text]
    leak: NotRequired[Text]
    doubts: NotRequired[list[str]]
    together: NotRequired[Text]


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
    quick: NotRequired[Text]
    comparisons: NotRequired[Comparisons | None]
    learning_curve: NotRequired[LearningCurve | None]
    shared_rows: NotRequired[SharedRows | None]
    label_problems: NotRequired[LabelProblems | None]
    rare_classes: NotRequired[list[RareClass]]
    confusion: NotRequired[dict[str, Confusion]]
    class_examples: NotRequired[dict[str, Text]]
    environment: NotRequired[dict[str, Any]]
