"""The kinds of study.json, part by part; docs/files.md says what they mean."""

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from msgspec import Meta

from longtail.report.schema import Thresholds
from longtail.report.schema_numbers import Count, Group, Number, Positive

__all__ = ["FIGURES", "Study"]


class Cell(TypedDict):
    """A mean over seeds."""

    mean: Number
    interval: tuple[Number, Number] | None


class Row(TypedDict):
    """Of a table."""

    name: str
    cells: list[Cell | None]


class Table(TypedDict):
    """Means with intervals."""

    title: str
    columns: list[str]
    rows: list[Row]
    digits: NotRequired[Annotated[int, Meta(ge=0, le=12)]]


class Figure(TypedDict):
    """What all figures have."""

    kind: Literal["points", "curve", "scatter", "norms"]
    title: str
    caption: str


class PointsPanel(TypedDict):
    """Of a figure of points."""

    name: str
    rows: Annotated[list[str], Meta(min_length=1)]
    values: dict[str, dict[str, Cell | None]]


class PointsFigure(Figure):
    """A panel a metric, a row of points for each thing compared, a point a series."""

    series: Annotated[list[str], Meta(min_length=1)]
    panels: Annotated[list[PointsPanel], Meta(min_length=1)]


class CurveFigure(Figure):
    """Means against what was varied."""

    parameter: str
    log: bool
    x: Annotated[list[Number], Meta(min_length=1)]
    lines: dict[str, list[Cell | None]]
    ticks: NotRequired[list[str] | None]
    range: NotRequired[tuple[Number, Number]]


class ScatterPanel(TypedDict):
    """Of a figure of one value of each class against others."""

    name: str
    log: bool
    x: list[Number]


class ScatterFigure(Figure):
    """One value of each class against others."""

    y: list[Number]
    panels: Annotated[list[ScatterPanel], Meta(min_length=1)]


class NormsFigure(Figure):
    """The length of each class's weights."""

    norms: dict[str, list[Positive]]


FIGURES: dict[str, Any] = {"points": PointsFigure, "curve": CurveFigure, "scatter": ScatterFigure, "norms": NormsFigure}


class StudyData(TypedDict):
    """What was studied."""

    name: str
    class_names: Annotated[list[str], Meta(min_length=1)]
    train_counts: Annotated[list[Count], Meta(min_length=1)]
    group_of_class: NotRequired[list[Group]]
    group_thresholds: NotRequired[Thresholds]


class Study(TypedDict):
    """study.json."""

    name: str
    title: str
    question: str
    answers: list[str]
    data: StudyData
    tables: list[Table]
    figures: list[Figure]
    notes: list[str]
    command: str | None
    created: str
    environment: dict[str, Any]
    source: NotRequired[str]
    schema: NotRequired[int]
