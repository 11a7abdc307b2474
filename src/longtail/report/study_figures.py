"""Figures of a study: points with intervals in panels, curves with bands, and scatter."""

from typing import TYPE_CHECKING, Any

from longtail.report.inline_svg import color, inline_svg, shorten
from longtail.report.method_figures import label_line_ends

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["curve_figure", "points_figure", "scatter_figure"]

# a series is told by marker and by colour
_MARKERS = ("o", "s", "^", "D", "v", "P")
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
    lines = -(-len(panels) // _COLUMNS)
    height = 0.5 + lines * (0.55 + len(rows) * (0.12 + 0.11 * len(series)))

    def paint(figure: "Figure") -> None:
        grid = figure.subplots(lines, min(_COLUMNS, len(panels)), sharey=True, squeeze=False).ravel()
        for axes, panel in zip(grid, panels, strict=False):
            _paint_panel(axes, panel, series)
        for axes in grid[len(panels) :]:
            axes.set_visible(False)
        if len(series) > 1:
            handles, names = grid[0].get_legend_handles_labels()
            figure.legend(handles, names, loc="outside lower center", ncols=2, frameon=False)

    label = (
        f"{figure_data['title']}: panels {', '.join(panel['name'] for panel in panels)}; rows {', '.join(rows)}; "
        f"a point each for {', '.join(series)}."
    )
    return inline_svg(f"points-{number}", label, height + (0.45 if len(series) > 1 else 0), paint)


def _style(place: int) -> dict[str, Any]:
    """Return colour and marker of a series; the pair is another one for each of the first 36."""
    marker = place + place // len(_COLORS)
    return {"color": color(_COLORS[place % len(_COLORS)]), "marker": _MARKERS[marker % len(_MARKERS)]}


def _paint_panel(axes: "Axes", panel: dict[str, Any], series: list[str]) -> None:
    rows = panel["rows"]
    step = 0.7 / max(len(series), 1)
    for place, name in enumerate(series):
        style = _style(place)
        shift = (place - (len(series) - 1) / 2) * step
        cells = [(row + shift, panel["values"][name][thing]) for row, thing in enumerate(rows)]
        known = [(y, cell) for y, cell in cells if cell is not None]
        axes.plot(
            [cell["mean"] for _, cell in known],
            [y for y, _ in known],
            linestyle="none",
            markersize=4.5,
            label=name,
            gid=f"series-{place}-{panel['name']}",
            **style,
        )
        for y, cell in known:
            if cell["interval"] is not None:
                axes.hlines(y, *cell["interval"], color=style["color"], linewidth=1.2)
    for row in range(len(rows) - 1):
        axes.axhline(row + 0.5, color=color("muted"), linewidth=0.4)
    axes.set_title(f"{panel['name']}, %")
    axes.set_yticks(range(len(rows)), [shorten(name, 22) for name in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", alpha=0.4)


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
    lines = figure_data["lines"]

    def paint(figure: "Figure") -> None:
        axes = figure.subplots()
        styles = {name: _style(place) for place, name in enumerate(lines)}
        ends, line_labels = {}, _apart(list(lines))
        for place, (name, cells) in enumerate(lines.items()):
            known = [(x, cell) for x, cell in zip(figure_data["x"], cells, strict=True) if cell is not None]
            if not known:
                continue
            xs, means = [x for x, _ in known], [cell["mean"] for _, cell in known]
            axes.plot(xs, means, **styles[name], markersize=4.5, gid=f"line-{place}")
            if all(cell["interval"] is not None for _, cell in known):
                low, high = zip(*(cell["interval"] for _, cell in known), strict=True)
                axes.fill_between(xs, low, high, color=styles[name]["color"], alpha=0.18, linewidth=0)
            ends[line_labels[name]] = (xs[-1], means[-1])
        if figure_data["log"]:
            axes.set_xscale("log")
        axes.set_xticks(figure_data["x"], figure_data.get("ticks") or [f"{x:g}" for x in figure_data["x"]])
        axes.set_xticks([], minor=True)
        # an interval of few seeds may leave the range of a percentage
        axes.set_ylim(*figure_data.get("range", (0, 100)))
        axes.set_title("%")
        axes.set_xlabel(figure_data["parameter"])
        axes.grid(alpha=0.4)
        label_line_ends(axes, ends, {line_labels[name]: style["color"] for name, style in styles.items()})

    label = f"{figure_data['title']}: lines for {', '.join(lines)} against {figure_data['parameter']}."
    return inline_svg(f"curve-{number}", label, max(3.2, 1.2 + 0.25 * len(lines)), paint)


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
    panels = figure_data["panels"]

    def paint(figure: "Figure") -> None:
        grid = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for place, (axes, panel) in enumerate(zip(grid, panels, strict=True)):
            axes.scatter(
                panel["x"], figure_data["y"], s=12, alpha=0.65, color=color("tau"), linewidths=0, gid=f"points-{place}"
            )
            if panel["log"]:
                axes.set_xscale("log")
                axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
                axes.set_xticks([], minor=True)
            axes.set_xlabel(panel["name"])
            axes.set_ylim(-3, 103)
            axes.grid(alpha=0.4)
        grid[0].set_ylabel("recall, %")

    label = f"{figure_data['title']}: a point a class, against {' and '.join(panel['name'] for panel in panels)}."
    return inline_svg(f"scatter-{number}", label, 2.7, paint)
