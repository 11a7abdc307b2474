"""What is drawn into a panel: bars, lines, points, steps, bands, and names at the ends of lines."""

import re
from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise

from longtail.report.drawing.looks import Look, color, marker_path
from longtail.report.drawing.panel import TEXT, Panel, text
from longtail.report.drawing.spread_labels import spread

__all__ = [
    "across_line",
    "band",
    "bar",
    "box",
    "legend",
    "line",
    "line_ends",
    "points",
    "steps",
    "swatch",
    "up_line",
    "whisker",
]

Values = Sequence[float] | Iterable[float]


def box(left: float, top: float, right: float, bottom: float, style: str, name: str = "") -> str:
    """Fill a rectangle given in the figure's units."""
    corners = f"M{left:.2f} {bottom:.2f}L{right:.2f} {bottom:.2f}L{right:.2f} {top:.2f}L{left:.2f} {top:.2f}Z"
    return f'<path{_id(name)} d="{corners}" style="{style}"/>'


def bar(panel: Panel, ends: tuple[float, float], row: float, thickness: float, fill: str, name: str = "") -> str:
    """Draw a bar from one value of x to another, about a value of y, `thickness` of it high."""
    top, bottom = sorted((panel.down(row - thickness / 2), panel.down(row + thickness / 2)))
    return box(panel.across(ends[0]), top, panel.across(ends[1]), bottom, f"fill:{fill}", name)


def whisker(panel: Panel, ends: Sequence[float], row: float, fill: str, cap: float = 0.0) -> str:
    """Draw an interval of x at a value of y, with caps at its ends."""
    (left, right), y = (panel.across(end) for end in ends), panel.down(row)
    caps = "".join(f"M{x} {y - cap:.2f}v{2 * cap:g}" for x in (left, right)) if cap else ""
    return f'<path d="M{left} {y}H{right}{caps}" style="fill:none;stroke:{fill};stroke-width:1.3"/>'


def line(panel: Panel, xs: Values, ys: Values, look: Look, name: str) -> str:
    """Draw a line through points, with markers where the look has them."""
    places = [(panel.across(x), panel.down(y)) for x, y in zip(xs, ys, strict=True)]
    path = "M" + "L".join(f"{x} {y}" for x, y in places) if places else ""
    markers = _markers(places, look.marker, look.radius, name) if look.marker else ""
    return (
        f'<g{_id(name)}><path d="{path}" style="{look.stroke};stroke-linejoin:round"/>'
        f'<g style="fill:{look.color}">{markers}</g></g>'
    )


def points(
    panel: Panel, xs: Values, ys: Values, look: Look, name: str, *, hollow: bool = False, opacity: float = 1.0
) -> str:
    """Draw a marker for each point; a hollow one shows the paper."""
    places = [(panel.across(x), panel.down(y)) for x, y in zip(xs, ys, strict=True)]
    return (
        f'<g{_id(name)} style="{_filled(look, hollow, opacity)}">{_markers(places, look.marker, look.radius, name)}</g>'
    )


def steps(panel: Panel, heights: Values, edges: Sequence[float], style: str, name: str) -> str:
    """Draw the outline of bars that touch, from the bottom of the panel up; `edges` are one more than `heights`."""
    path = f"M{panel.across(edges[0])} {panel.bottom:.2f}"
    for y, level in groupby(zip(heights, pairwise(edges), strict=True), key=lambda step: panel.down(step[0])):
        ends = [end for _, bar_ends in level for end in bar_ends]
        path += f"L{panel.across(ends[0])} {y}L{panel.across(ends[-1])} {y}"
    return f'<path{_id(name)} d="{path}L{panel.across(edges[-1])} {panel.bottom:.2f}" style="{style}"/>'


def band(panel: Panel, xs: Values, lows: Values, highs: Values, fill: str) -> str:
    """Fill what lies between two lines, faintly."""
    forth = [(panel.across(x), panel.down(y)) for x, y in zip(xs, lows, strict=True)]
    back = [(x, panel.down(y)) for (x, _), y in zip(forth, highs, strict=True)]
    path = "L".join(f"{x} {y}" for x, y in [*forth, *reversed(back)])
    return f'<path d="M{path}Z" style="fill:{fill};opacity:.18"/>'


def up_line(panel: Panel, value: float, look: Look) -> str:
    """Draw a line from the bottom to the top, at a value of x."""
    return f'<path d="M{panel.across(value)} {panel.bottom:.2f}V{panel.top:.2f}" style="{look.stroke}"/>'


def across_line(panel: Panel, value: float, look: Look) -> str:
    """Draw a line from the left to the right, at a value of y."""
    return f'<path d="M{panel.left:.2f} {panel.down(value)}H{panel.right:.2f}" style="{look.stroke}"/>'


def line_ends(panel: Panel, ends: dict[str, tuple[float, float]], colors: dict[str, str]) -> str:
    """Write names right of a panel with leaders from the ends of their lines, moved apart where they would touch.

    Args:
        panel: that the lines are in.
        ends: last point of each line.
        colors: of the names, and of their leaders.
    """
    places = {name: (panel.across(x), panel.down(y)) for name, (x, y) in ends.items()}
    heights = spread([y for _, y in places.values()], gap=TEXT + 2)
    drawn = ""
    for (name, (x, y)), height in zip(places.items(), heights, strict=True):
        ink = colors.get(name, color("ink"))
        leader = f"M{min(x + 3, panel.right + 3):.2f} {y}L{panel.right + 8:.2f} {height:.2f}"
        drawn += f'<path d="{leader}" style="fill:none;stroke:{ink};stroke-width:.7"/>'
        drawn += text(panel.right + 10, height, name, fill=ink)
    return drawn


def swatch(look: Look, *, hollow: bool = False) -> str:
    """Draw what stands before a name in a legend, about (0, 0): a marker, else a piece of the line."""
    if look.marker:
        return f'<path d="{marker_path(look.marker, look.radius)}" style="{_filled(look, hollow, 1.0)}"/>'
    return f'<path d="M-9 0H9" style="{look.stroke}"/>'


def legend(entries: Sequence[tuple[str, str]], left: float, top: float, width: float, in_row: int) -> str:
    """Write what colours and markers mean: `in_row` entries a row, each a swatch and a name."""
    drawn = ""
    for place, (mark, name) in enumerate(entries):
        x, y = left + width / in_row * (place % in_row) + 9, top + 13 * (place // in_row) + 6
        drawn += f'<g transform="translate({x:.2f} {y:.2f})">{mark}</g>' + text(x + 14, y, name)
    return drawn


def _markers(places: list[tuple[float, float]], marker: str, radius: float, name: str) -> str:
    """Draw one marker at many places; its outline is written once."""
    shape = f"{_plain(name)}-shape"
    uses = "".join(f'<use href="#{shape}" x="{x}" y="{y}"/>' for x, y in places)
    return f'<defs><path id="{shape}" d="{marker_path(marker, radius)}"/></defs>{uses}'


def _filled(look: Look, hollow: bool, opacity: float) -> str:
    style = f"fill:{color('paper') if hollow else look.color}"
    style += f";stroke:{look.color};stroke-width:{look.width:g}" if look.width else ""
    # of each marker, not of all as one: where many lie over each other it is darker
    return style + (f";fill-opacity:{opacity:g};stroke-opacity:{opacity:g}" if opacity < 1 else "")


def _id(name: str) -> str:
    return f' id="{_plain(name)}"' if name else ""


def _plain(name: str) -> str:
    return re.sub(r"[^\w-]", "_", name)
