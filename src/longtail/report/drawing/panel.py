"""A panel: a rectangle of a figure with an axis below and one at its left."""

import unicodedata
from dataclasses import dataclass
from html import escape

from longtail.report.drawing.looks import color
from longtail.report.drawing.scales import Scale, Ticks

__all__ = ["TEXT", "WIDTH", "Panel", "axis_below", "axis_left", "columns", "gap_left", "heading", "text", "text_width"]

WIDTH = 331.0  # of every figure. Narrow, so that its text is still about 10 pixels high on a phone of 390 pixels
TEXT = 9.5  # size of letters
_TICK = 3.5
_AXIS = f"stroke:{color('ink')};stroke-width:.7"
_GRID = f"stroke:{color('muted')};stroke-width:.5;opacity:.4"
_LETTER = 0.57  # width of a usual letter, as a share of its height; fonts differ


@dataclass(frozen=True)
class Panel:
    """Where values are drawn.

    Attributes:
        left: of the area between the axes, in the figure's units.
        top: of that area, from the figure's upper edge.
        width: of that area.
        height: of that area.
        x: scale from left to right.
        y: scale from the bottom up.
    """

    left: float
    top: float
    width: float
    height: float
    x: Scale
    y: Scale

    @property
    def right(self) -> float:
        """Right edge."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """Lower edge."""
        return self.top + self.height

    def across(self, value: float) -> float:
        """Return where a value of x lies."""
        return round(self.left + self.width * self.x.share(value), 2)

    def down(self, value: float) -> float:
        """Return where a value of y lies."""
        return round(self.bottom - self.height * self.y.share(value), 2)


def columns(count: int, left: float, right: float, gap: float) -> list[tuple[float, float]]:
    """Divide a width among panels side by side: left edge and width of each.

    Example:
        >>> columns(2, left=0, right=100, gap=20)
        [(0.0, 40.0), (60.0, 40.0)]
    """
    width = (right - left - gap * (count - 1)) / count
    return [(left + place * (width + gap), width) for place in range(count)]


def text_width(content: str, size: float = TEXT) -> float:
    """Return about how wide a text is; the page's font is not known here."""
    letters = sum(1.0 if unicodedata.east_asian_width(c) in "WF" else _LETTER for c in content)
    return size * letters


def gap_left(names: list[str]) -> float:
    """Return the room that names at the left axis need."""
    return 8 + max(map(text_width, names), default=0)


def text(
    x: float, y: float, content: str, anchor: str = "start", *, size: float = TEXT, fill: str = "", turned: bool = False
) -> str:
    """Write a line, its middle at a height.

    Args:
        x: of its `anchor`.
        y: of its middle.
        content: HTML-escaped here.
        anchor: "start", "middle" or "end".
        size: of letters.
        fill: CSS colour; the page's colour of text if empty.
        turned: whether it runs upwards.
    """
    style = (f"font-size:{size:g}px;" if size != TEXT else "") + (f"fill:{fill}" if fill else "")
    shift = 0.35 * size  # from the middle of small letters to the line that they stand on
    place = (
        f'transform="translate({x + shift:.2f} {y:.2f}) rotate(-90)"' if turned else f'x="{x:.2f}" y="{y + shift:.2f}"'
    )
    return (
        f"<text {place}"
        + (f' text-anchor="{anchor}"' if anchor != "start" else "")
        + (f' style="{style}"' if style else "")
        + f">{escape(content)}</text>"
    )


def heading(panel: Panel, *lines: str, lift: float = 0.0) -> str:
    """Write lines above a panel, `lift` higher than right above it."""
    last = len(lines) - 1
    return "".join(
        text(panel.left, panel.top - 9 - lift - 12 * (last - place), line, size=10) for place, line in enumerate(lines)
    )


def axis_below(panel: Panel, ticks: Ticks, title: str = "", *, grid: bool = False, turned: bool = False) -> str:
    """Draw the axis at the bottom with its title and its ticks, or names that run upwards; perhaps with lines up."""
    y = panel.bottom
    places = [(panel.across(value), name) for value, name in ticks]
    drawn = _lines([f"M{x} {y:.2f}V{panel.top:.2f}" for x, _ in places], _GRID) if grid else ""
    marks = [] if turned else [f"M{x} {y:.2f}v{_TICK}" for x, _ in places]
    drawn += _lines([f"M{panel.left:.2f} {y:.2f}H{panel.right:.2f}", *marks], _AXIS)
    deepest = max(text_width(name) for _, name in ticks) if turned and ticks else TEXT
    for x, name in places:
        drawn += text(x, y + _TICK + 3, name, "end", turned=True) if turned else text(x, y + 11, name, "middle")
    middle = panel.left + panel.width / 2
    return drawn + (text(middle, y + 15 + deepest, title, "middle", size=10) if title else "")


def axis_left(panel: Panel, ticks: Ticks, title: str = "", *, grid: bool = False, marked: bool = True) -> str:
    """Draw the axis at the left with its ticks, marked or names alone, perhaps with lines right from the ticks."""
    x = panel.left
    places = [(panel.down(value), name) for value, name in ticks]
    drawn = _lines([f"M{x:.2f} {y}H{panel.right:.2f}" for y, _ in places], _GRID) if grid else ""
    marks = [f"M{x:.2f} {y}h{-_TICK}" for y, _ in places] if marked else []
    drawn += _lines([f"M{x:.2f} {panel.top:.2f}V{panel.bottom:.2f}", *marks], _AXIS)
    drawn += "".join(text(x - 6, y, name, "end") for y, name in places)
    if title:
        reach = gap_left([name for _, name in ticks])
        drawn += text(x - reach - 7, panel.top + panel.height / 2, title, "middle", size=10, turned=True)
    return drawn


def _lines(paths: list[str], style: str) -> str:
    return f'<path d="{"".join(paths)}" style="fill:none;{style}"/>' if paths else ""
