"""Numbers and words of the files that reports are made from, with their bounds."""

from typing import Annotated, Literal

from msgspec import Meta

__all__ = ["Count", "Group", "Interval", "Number", "Percent", "Points", "Positive", "Share", "Text"]

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
