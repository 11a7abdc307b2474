"""Figures with a value a class, against the number of its training images."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.counts import GROUPS
from longtail.report.drawing.looks import Look, color, method_look
from longtail.report.drawing.marks import (
    across_line,
    bar,
    legend,
    line,
    line_ends,
    points,
    steps,
    swatch,
    up_line,
)
from longtail.report.drawing.panel import (
    WIDTH,
    Panel,
    axis_below,
    axis_left,
    gap_left,
    heading,
    text,
    text_width,
)
from longtail.report.drawing.scales import Scale, decades, even_ticks, padded
from longtail.report.drawing.spread_labels import spread
from longtail.report.inline_svg import inline_svg, shorten

__all__ = ["accuracy_by_class", "class_counts_figure", "weight_norms", "x_positions"]

FloatArray = NDArray[np.float64]

NAMED_CLASSES = 25  # more bars than these get no names
SINGLE_CLASSES = 60  # more points than these are also averaged
DRAWN_CLASSES = 1000  # of more classes these are drawn: a page of any number of them stays small
_AVERAGES = 12
_ROW = 14.4
_NAMES_ABOVE = 34  # room for a title and the names of groups


def class_counts_figure(data: dict[str, Any]) -> str:
    """Draw the number of training images of each class on a log scale, largest first, coloured by group.

    Args:
        data: the part `data` of results.json.
    """
    counts, groups = np.array(data["train_counts"]), np.array(data["group_of_class"])
    order = np.argsort(-counts, kind="stable").tolist()
    few_enough = len(counts) <= NAMED_CLASSES
    label = (
        f"Bars: training images of {len(counts)} classes, from {counts.max():,} down to {counts.min():,}; "
        + ", ".join(f"{int((groups == group).sum())} {group}" for group in GROUPS)
        + "."
    )
    if few_enough:
        names = [shorten(data["class_names"][c]) for c in order]
        drawn, height = _count_bars(counts[order].tolist(), groups[order].tolist(), names, order)
    else:
        drawn, height = _count_steps(counts[order], groups[order])
    return inline_svg("counts", label, height, drawn)


def _count_bars(counts: list[int], groups: list[str], names: list[str], order: list[int]) -> tuple[str, float]:
    words = [f"{count:,} {group}" for count, group in zip(counts, groups, strict=True)]
    left, rows = gap_left(names), len(counts)
    width = WIDTH - left - max(map(text_width, words)) - 4
    panel = Panel(left, 4, width, _ROW * rows, Scale(0.7, max(counts[0], 2), log=True), Scale(rows - 0.5, -0.5))
    drawn = ""
    for row, (count, group, word) in enumerate(zip(counts, groups, words, strict=True)):
        # a log axis has no zero: an empty class is a label without a bar
        if count > 0:
            drawn += bar(panel, (0.7, count), row, 0.7, color(group), f"bar-{order[row]}")
        drawn += text(panel.across(max(count, 0.7)) + 4, panel.down(row), word)
    drawn += axis_left(panel, list(enumerate(names)), marked=False)
    drawn += axis_below(panel, decades(1, max(counts[0], 1)), "training images (log scale)")
    return drawn, panel.bottom + 33


def _count_steps(counts: NDArray[Any], groups: NDArray[Any]) -> tuple[str, float]:
    ticks = decades(1, max(int(counts.max()), 1))
    left = gap_left([name for _, name in ticks])
    most = Scale(0.7, max(1.2 * float(counts.max()), 1.4), log=True)
    panel = Panel(left, _NAMES_ABOVE, WIDTH - left - 12, 140, Scale(0.5, len(counts) + 0.5), most)
    drawn, places = "", {}
    for group in GROUPS:
        ranks = np.flatnonzero(groups == group)
        if len(ranks):
            heights = np.maximum(counts[ranks], 0.7).tolist()
            edges = np.append(ranks, ranks[-1] + 1) + 0.5
            drawn += steps(panel, heights, edges.tolist(), f"fill:{color(group)}", f"steps-{group}")
            places[f"{group}: {len(ranks):,}"] = panel.across(float(ranks.mean()) + 1)
    drawn += heading(panel, "training images (log scale)", lift=13) + _names_above(panel, places)
    drawn += axis_left(panel, ticks) + axis_below(panel, even_ticks(panel.x, whole=True), "classes, largest first")
    return drawn, panel.bottom + 33


def _names_above(panel: Panel, places: dict[str, float]) -> str:
    """Write names above a panel, each about where it belongs, none over another."""
    room = max(map(text_width, places), default=0)
    low, high = panel.left + room / 2, panel.right - room / 2
    middles = [min(max(place, low), high) for place in spread(list(places.values()), gap=room + 6)]
    return "".join(text(middle, panel.top - 8, name, "middle") for name, middle in zip(places, middles, strict=True))


def accuracy_by_class(data: dict[str, Any], recalls: dict[str, list[float | None]], split: str) -> str:
    """Draw the accuracy of each class against its training images, for one method or for two in pairs.

    Args:
        data: the part `data` of results.json.
        recalls: by method, one value a class in percent; null where the class has no image in the split.
        split: that they were measured on, for the label.
    """
    x = x_positions(data["train_counts"])
    values = {name: np.array(recall, dtype=np.float64) for name, recall in recalls.items()}
    many_points = len(x) > SINGLE_CLASSES
    panel = _count_panel(x, Scale(-3, 103), left=30, height=250)
    drawn = _count_axis(panel, data) + heading(panel, f"accuracy on {split}, %", lift=13)
    drawn += axis_left(panel, even_ticks(Scale(0, 100)), grid=True)
    if len(values) == 2 and not many_points:
        drawn += _pairs(panel, x, *values.values())
    entries, lines = [], ""
    for place, (name, recall) in enumerate(values.items()):
        known = np.isfinite(recall)
        hollow = place == 0 and len(values) == 2
        look = method_look(name, radius=1.8 if many_points else 3.2, width=0.8 if many_points else 1.5)
        places, heights, opacity = x[known], recall[known], 0.4 if many_points else 1.0
        shown = _drawn(places)
        shown_places, shown_heights = places[shown].tolist(), heights[shown].tolist()
        drawn += points(panel, shown_places, shown_heights, look, f"points-{name}", hollow=hollow, opacity=opacity)
        entries.append((swatch(look, hollow=hollow), name))
        if many_points:
            means = _averages(places, heights)
            lines += line(panel, *means, Look(color("paper"), width=4), f"edge-{name}")
            lines += line(panel, *means, method_look(name, marker="", width=2.2), f"line-{name}")
    drawn += lines + legend(entries, panel.left + 40, panel.bottom + 34, panel.width - 40, len(entries))
    label = f"Points: accuracy on {split} of each class with {' and '.join(values)}, against its training images."
    return inline_svg("by-class", label, panel.bottom + 50, drawn)


def _pairs(panel: Panel, x: FloatArray, before: FloatArray, after: FloatArray) -> str:
    """Join the two points of each class."""
    both = np.isfinite(before) & np.isfinite(after)
    path = "".join(
        f"M{panel.across(place)} {panel.down(start)}V{panel.down(end)}"
        for place, start, end in zip(x[both].tolist(), before[both].tolist(), after[both].tolist(), strict=True)
    )
    return f'<path id="pairs" d="{path}" style="{Look(color("muted"), width=1).stroke}"/>'


def weight_norms(data: dict[str, Any], norms: dict[str, list[float]]) -> str:
    """Draw the norm of each class's weights against its training images, divided by the method's mean norm.

    Args:
        data: the part `data` of results.json.
        norms: by method, ||w_c|| of each class.

    Reference:
        Kang et al., "Decoupling Representation and Classifier for Long-Tailed Recognition", ICLR 2020,
        arXiv 1910.09217, figure 2 (left).
    """
    x = x_positions(data["train_counts"])
    order = np.argsort(x, kind="stable")
    relative = {name: np.array(values) / max(float(np.mean(values)), 1e-12) for name, values in norms.items()}
    many_points = len(x) > SINGLE_CLASSES
    names = {name: shorten(name, 12) for name in relative}
    heights = padded([1.0, *(value for values in relative.values() for value in values.tolist())])
    ticks = even_ticks(heights)
    left, right = gap_left([name for _, name in ticks]), 14 + max(map(text_width, names.values()), default=0)
    panel = _count_panel(x, heights, left=left, height=150, right=right)
    drawn = _count_axis(panel, data) + heading(panel, "weight norm / mean norm", lift=13)
    drawn += axis_left(panel, ticks, grid=True) + across_line(panel, 1, Look(color("muted"), width=0.7))
    ends: dict[str, tuple[float, float]] = {}
    for name, values in relative.items():
        xs, ys = x[order].tolist(), values[order].tolist()
        if many_points:
            dots, shown = Look(color(name), (), "circle", 0, 1.1), _drawn(x)
            drawn += points(panel, x[shown].tolist(), values[shown].tolist(), dots, f"points-{name}", opacity=0.35)
            xs, ys = _averages(x[order], values[order])
        drawn += line(panel, xs, ys, method_look(name), f"line-{name}")
        ends[names[name]] = (xs[-1], ys[-1])
    drawn += line_ends(panel, ends, {names[name]: color(name) for name in relative})
    label = f"Lines: relative weight norm of each class against its training images, for {', '.join(norms)}."
    return inline_svg("norms", label, panel.bottom + 33, drawn)


def x_positions(counts: list[int]) -> FloatArray:
    """Place classes on a log axis of counts; those of equal count stand side by side, close together.

    Args:
        counts: n_c, shape (C,).

    Returns:
        Positions, shape (C,); n_c itself where no other class has it, 0.5 for an empty class.

    Example:
        >>> x_positions([100, 10, 1]).tolist()
        [100.0, 10.0, 1.0]
    """
    x = np.log10(np.maximum(np.array(counts, dtype=np.float64), 0.5))
    different = np.unique(x)
    gaps = np.diff(different, prepend=-np.inf, append=np.inf)
    placed = x.copy()
    for value, room in zip(different, np.minimum(gaps[:-1], gaps[1:]), strict=True):
        same = np.flatnonzero(x == value)
        if len(same) > 1:
            half = min(0.02 * len(same), 0.2, 0.35 * room)
            placed[same] += np.linspace(-half, half, len(same))
    result: FloatArray = np.round(10**placed, 6)
    return result


def _count_panel(x: FloatArray, y: Scale, *, left: float, height: float, right: float = 4) -> Panel:
    across = Scale(float(x.min()) / 1.3, float(x.max()) * 1.3, log=True)
    return Panel(left, _NAMES_ABOVE, WIDTH - left - right, height, across, y)


def _count_axis(panel: Panel, data: dict[str, Any]) -> str:
    """Draw the axis of training images, and where groups begin and end."""
    low, high = panel.x.low, panel.x.high
    ticks = decades(low, high)
    if min(data["train_counts"]) == 0:
        ticks = [(0.5, "0"), *ticks]
    few_below, many_above = (data["group_thresholds"][key] for key in ("few_below", "many_above"))
    edges = {
        "few": (low, few_below - 0.5),
        "medium": (few_below - 0.5, many_above + 0.5),
        "many": (many_above + 0.5, high),
    }
    present = [group for group in edges if group in data["group_of_class"]]
    places = {group: sum(panel.across(edge) for edge in edges[group]) / 2 for group in present}
    drawn = axis_below(panel, ticks, "training images of the class (log scale)") + _names_above(panel, places)
    between = Look(color("muted"), (1, 2), width=0.9)
    return drawn + "".join(
        up_line(panel, edge, between) for edge in (few_below - 0.5, many_above + 0.5) if low < edge < high
    )


def _drawn(x: FloatArray) -> NDArray[np.intp]:
    """Return which points are drawn: all, or as many as may be, spread evenly over their order."""
    if len(x) <= DRAWN_CLASSES:
        return np.arange(len(x))
    return np.argsort(x, kind="stable")[np.linspace(0, len(x) - 1, DRAWN_CLASSES).astype(np.intp)]


def _averages(x: FloatArray, y: FloatArray) -> tuple[Sequence[float], Sequence[float]]:
    """Return the means of neighbours, in as many parts as a line can show."""
    parts = [part for part in np.array_split(np.argsort(x, kind="stable"), _AVERAGES) if len(part)]
    return [float(10 ** np.log10(x[part]).mean()) for part in parts], [float(y[part].mean()) for part in parts]
