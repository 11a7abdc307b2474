"""Figures of a study: points with intervals in panels, curves with bands, and scatter."""

from typing import Any

from longtail.report.drawing.looks import Look, color
from longtail.report.drawing.marks import across_line, band, legend, line, line_ends, points, swatch, whisker
from longtail.report.drawing.panel import (
    WIDTH,
    Panel,
    axis_below,
    axis_left,
    columns,
    gap_left,
    heading,
    text,
    text_width,
)
from longtail.report.drawing.scales import Scale, even_ticks, padded, powers
from longtail.report.inline_svg import inline_svg, shorten

__all__ = ["curve_figure", "points_figure", "scatter_figure"]

# a series is told by marker and by colour
_MARKERS = ("circle", "square", "up", "diamond", "down", "plus")
_COLORS = ("tau", "many", "lws", "few", "crt", "joint")
_COLUMNS = 2


def points_figure(figure_data: dict[str, Any], number: int) -> str:
    """Draw means with their intervals: a panel a metric, a row of points for each thing compared, a point a series.

    Args:
        figure_data: `title`, `series` (names) and `panels`: each with `name`, `rows` (names) and `values`, by series
            and row {"mean", "interval"} or null.
        number: of the figure on its page, for its ids.

    Returns:
        The `<svg>` element.
    """
    panels, series = figure_data["panels"], figure_data["series"]
    rows = panels[0]["rows"]
    height = len(rows) * (9 + 8.0 * len(series))
    places = columns(min(_COLUMNS, len(panels)), gap_left([shorten(name, 22) for name in rows]), WIDTH - 8, 14)
    drawn, top = "", 22.0
    for place, panel_data in enumerate(panels):
        left, width = places[place % _COLUMNS]
        top += (height + 46) * (place > 0 and place % _COLUMNS == 0)
        drawn += _panel_of_points(panel_data, series, (left, top, width, height), named=place % _COLUMNS == 0)
    bottom = top + height + 22
    if len(series) > 1:
        drawn += legend([(swatch(_look(place)), name) for place, name in enumerate(series)], 20, bottom, WIDTH - 20, 2)
        bottom += 4 + 13 * -(-len(series) // 2)
    label = (
        f"{figure_data['title']}: panels {', '.join(panel['name'] for panel in panels)}; rows {', '.join(rows)}; "
        f"a point each for {', '.join(series)}."
    )
    return inline_svg(f"points-{number}", label, bottom, drawn)


def _look(place: int) -> Look:
    """Return colour and marker of a series; the pair is another one for each of the first 36."""
    marker = place + place // len(_COLORS)
    return Look(color(_COLORS[place % len(_COLORS)]), (), _MARKERS[marker % len(_MARKERS)], radius=2.4)


def _panel_of_points(
    data: dict[str, Any], series: list[str], place: tuple[float, float, float, float], *, named: bool
) -> str:
    rows = data["rows"]
    cells = [cell for name in series for cell in (data["values"][name][thing] for thing in rows) if cell is not None]
    across = padded(value for cell in cells for value in (cell["mean"], *(cell["interval"] or ())))
    panel = Panel(*place, across, Scale(len(rows) - 0.5, -0.5))
    drawn = heading(panel, f"{data['name']}, %") + axis_below(panel, even_ticks(across, 3), grid=True)
    names = [(float(row), shorten(name, 22)) for row, name in enumerate(rows)] if named else []
    drawn += axis_left(panel, names, marked=False)
    drawn += "".join(across_line(panel, row + 0.5, Look(color("muted"), width=0.4)) for row in range(len(rows) - 1))
    step = 0.7 / max(len(series), 1)
    for number, name in enumerate(series):
        look, shift = _look(number), (number - (len(series) - 1) / 2) * step
        known = [(row + shift, data["values"][name][thing]) for row, thing in enumerate(rows)]
        known = [(y, cell) for y, cell in known if cell is not None]
        drawn += "".join(whisker(panel, cell["interval"], y, look.color) for y, cell in known if cell["interval"])
        means = [cell["mean"] for _, cell in known], [y for y, _ in known]
        drawn += points(panel, *means, look, f"series-{number}-{data['name']}")
    return drawn


def curve_figure(figure_data: dict[str, Any], number: int) -> str:
    """Draw means against what was varied, with bands for their intervals; a line a thing measured.

    Args:
        figure_data: `title`, `parameter` (in words), `log` (of the axis), `x` (values, rising), perhaps `ticks` (words,
            as many) and `range` (of percent, default 0 to 100), and `lines`: for each name a list as long as x of
            {"mean", "interval"} or null.
        number: of the figure on its page, for its ids.

    Returns:
        The `<svg>` element.
    """
    lines, xs = figure_data["lines"], figure_data["x"]
    names = _apart(list(lines))
    percents = Scale(*figure_data.get("range", (0, 100)))
    left, right = gap_left([name for _, name in even_ticks(percents)]), max(map(text_width, names.values()), default=0)
    height = max(165.0, 24 + 16.0 * len(lines))
    panel = Panel(left, 22, WIDTH - left - right - 14, height, padded(xs, log=figure_data["log"]), percents)
    ticks = list(zip(xs, figure_data.get("ticks") or [f"{x:g}" for x in xs], strict=True))
    drawn = heading(panel, "%") + axis_below(panel, ticks, figure_data["parameter"], grid=True)
    drawn += axis_left(panel, even_ticks(percents), grid=True)
    ends, colors = {}, {}
    for place, (name, cells) in enumerate(lines.items()):
        known = [(x, cell) for x, cell in zip(xs, cells, strict=True) if cell is not None]
        if not known:
            continue
        look, at, means = _look(place), [x for x, _ in known], [cell["mean"] for _, cell in known]
        if all(cell["interval"] is not None for _, cell in known):
            # an interval of few seeds may leave the range of a percentage
            low, high = zip(*(cell["interval"] for _, cell in known), strict=True)
            drawn += band(panel, at, low, high, look.color)
        drawn += line(panel, at, means, look, f"line-{place}")
        ends[names[name]], colors[names[name]] = (at[-1], means[-1]), look.color
    drawn += line_ends(panel, ends, colors)
    label = f"{figure_data['title']}: lines for {', '.join(lines)} against {figure_data['parameter']}."
    return inline_svg(f"curve-{number}", label, panel.bottom + 33, drawn)


def _apart(names: list[str]) -> dict[str, str]:
    """Shorten names: in the middle where what tells them apart is their end."""
    short = {name: shorten(name) for name in names}
    if len(set(short.values())) == len(names):
        return short
    return {name: name if len(name) <= 18 else f"{shorten(name, 8)}{name[-10:]}" for name in names}


def scatter_figure(figure_data: dict[str, Any], number: int) -> str:
    """Draw one value of each class against others, a panel each.

    Args:
        figure_data: `title`, `y` (percent) and `panels`: each with `name`, `log` (of the axis) and `x`, as long as y.
        number: of the figure on its page, for its ids.

    Returns:
        The `<svg>` element.
    """
    panels, look = figure_data["panels"], Look(color("tau"), (), "circle", 0, 1.8)
    drawn = text(8, 80, "recall, %", "middle", size=10, turned=True)
    for place, (left, width) in enumerate(columns(len(panels), 44, WIDTH - 8, 16)):
        data = panels[place]
        panel = Panel(left, 8, width, 144, padded(data["x"], log=data["log"]), Scale(-3, 103))
        drawn += axis_below(panel, powers(panel.x) if data["log"] else even_ticks(panel.x, 4), data["name"], grid=True)
        percents = even_ticks(Scale(0, 100))
        drawn += axis_left(panel, [(tick, "" if place else name) for tick, name in percents], grid=True)
        drawn += points(panel, data["x"], figure_data["y"], look, f"points-{place}", opacity=0.65)
    label = f"{figure_data['title']}: a point a class, against {' and '.join(panel['name'] for panel in panels)}."
    return inline_svg(f"scatter-{number}", label, 8 + 144 + 33, drawn)
