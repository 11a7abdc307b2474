"""Figures with a value a class, against the number of its training images."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from longtail.counts import GROUPS
from longtail.report.inline_svg import color, inline_svg, method_style, shorten, spread
from longtail.report.method_figures import label_line_ends

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["accuracy_by_class", "class_counts_figure", "weight_norms", "x_positions"]

FloatArray = NDArray[np.float64]

NAMED_CLASSES = 25  # more bars than these get no names
SINGLE_CLASSES = 60  # more points than these are also averaged
_AVERAGES = 12


def class_counts_figure(data: dict[str, Any]) -> str:
    """Draw the number of training images of each class on a log scale, largest first, coloured by group.

    Args:
        data: the part `data` of results.json.
    """
    counts, groups = np.array(data["train_counts"]), np.array(data["group_of_class"])
    order = np.argsort(-counts, kind="stable")
    few_enough = len(counts) <= NAMED_CLASSES

    def paint_bars(figure: "Figure") -> None:
        axes = figure.subplots()
        for row, c in enumerate(order):
            # a log axis has no zero: an empty class is a label without a bar
            if counts[c] > 0:
                axes.barh(row, counts[c] - 0.7, left=0.7, height=0.66, color=color(groups[c]), gid=f"bar-{c}")
            axes.text(max(counts[c], 0.7) * 1.08, row, f"{counts[c]:,} {groups[c]}", va="center")
        axes.set_xscale("log")
        axes.set_xlim(0.7, max(counts.max(), 2) ** 1.4 * 1.8)
        axes.set_xticks(*_decades(1, counts.max()))
        axes.set_xticks([], minor=True)
        axes.set_yticks(range(len(order)), [shorten(data["class_names"][c]) for c in order])
        axes.set_ylim(len(order) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("training images (log scale)")

    def paint_ranks(figure: "Figure") -> None:
        axes = figure.subplots()
        ranks = np.arange(len(order))
        names, middles = [], []
        for group in GROUPS:
            inside = groups[order] == group
            if inside.any():
                heights = np.maximum(counts[order][inside], 0.7)
                edges = np.append(ranks[inside], ranks[inside][-1] + 1) + 0.5
                axes.stairs(heights, edges, baseline=0.7, fill=True, color=color(group), gid=f"steps-{group}")
                names.append(f"{group}: {inside.sum():,}")
                middles.append(float((ranks[inside].mean() + 0.5) / len(order)))
        for name, middle in zip(names, spread(middles, gap=0.24), strict=True):
            axes.text(np.clip(middle, 0.1, 0.9), 1.02, name, transform=axes.transAxes, ha="center")
        axes.set_yscale("log")
        axes.set_ylim(bottom=0.7)
        axes.set_yticks(*_decades(1, counts.max()))
        axes.set_yticks([], minor=True)
        axes.set_xlim(0.5, len(order) + 0.5)
        axes.set_title("training images (log scale)", pad=18)
        axes.set_xlabel("classes, largest first")

    label = (
        f"Bars: training images of {len(counts)} classes, from {counts.max():,} down to {counts.min():,}; "
        + ", ".join(f"{int((groups == group).sum())} {group}" for group in GROUPS)
        + "."
    )
    height = 0.65 + 0.2 * len(order) if few_enough else 2.8
    return inline_svg("counts", label, height, paint_bars if few_enough else paint_ranks)


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

    def paint(figure: "Figure") -> None:
        axes = figure.subplots()
        if len(values) == 2 and not many_points:
            before, after = values.values()
            axes.vlines(x, before, after, color=color("muted"), linewidth=1.0, gid="pairs")
        for place, (name, recall) in enumerate(values.items()):
            known = np.isfinite(recall)
            hollow = place == 0 and len(values) == 2
            axes.scatter(
                x[known],
                recall[known],
                s=12 if many_points else 40,
                marker=_marker(name),
                facecolor=color("paper") if hollow else color(name),
                edgecolor=color(name),
                linewidth=0.8 if many_points else 1.5,
                alpha=0.4 if many_points else 1.0,
                clip_on=False,
                zorder=3 + place,
                gid=f"points-{name}",
                label=name,
            )
            if many_points:
                means = _averages(x[known], recall[known])
                axes.plot(*means, color=color("paper"), linewidth=4, zorder=6)
                axes.plot(*means, **_line(name), linewidth=2.2, zorder=7)
        axes.set_ylim(-3, 103)
        _count_axis(axes, data, x)
        axes.set_title(f"accuracy on {split}, %", pad=18)
        axes.grid(axis="y", alpha=0.4)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)

    label = f"Points: accuracy on {split} of each class with {' and '.join(values)}, against its training images."
    return inline_svg("by-class", label, 4.8, paint)


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

    def paint(figure: "Figure") -> None:
        axes = figure.subplots()
        axes.axhline(1, color=color("muted"), linewidth=0.7)
        ends: dict[str, tuple[float, float]] = {}
        for name, values in relative.items():
            xs, ys = x[order], values[order]
            if many_points:
                axes.scatter(xs, ys, s=5, color=color(name), alpha=0.35, linewidth=0, gid=f"points-{name}")
                xs, ys = _averages(xs, ys)
            axes.plot(xs, ys, **method_style(name), markersize=4, gid=f"line-{name}")
            ends[shorten(name, 12)] = (float(xs[-1]), float(ys[-1]))
        _count_axis(axes, data, x)
        axes.set_title("weight norm / mean norm", pad=18)
        axes.grid(axis="y", alpha=0.4)
        label_line_ends(axes, ends, {shorten(name, 12): color(name) for name in relative})

    label = f"Lines: relative weight norm of each class against its training images, for {', '.join(norms)}."
    return inline_svg("norms", label, 3.2, paint)


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


def _count_axis(axes: "Axes", data: dict[str, Any], x: FloatArray) -> None:
    low, high = x.min() / 1.3, x.max() * 1.3
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    ticks, names = _decades(low, high)
    if min(data["train_counts"]) == 0:
        ticks, names = [0.5, *ticks], ["0", *names]
    axes.set_xticks(ticks, names)
    # within one decade matplotlib would write its own names at the ticks between
    axes.set_xticks([], minor=True)
    axes.set_xlabel("training images of the class (log scale)")
    few_below, many_above = (data["group_thresholds"][key] for key in ("few_below", "many_above"))
    edges = {
        "few": (low, few_below - 0.5),
        "medium": (few_below - 0.5, many_above + 0.5),
        "many": (many_above + 0.5, high),
    }
    present = [group for group in edges if group in data["group_of_class"]]
    middles = []
    for group in present:
        left, right = np.log(np.clip(edges[group], low, high) / low) / np.log(high / low)
        middles.append(float(left + right) / 2)
    for group, middle in zip(present, spread(middles, gap=0.22), strict=True):
        axes.text(np.clip(middle, 0.05, 0.95), 1.02, group, transform=axes.transAxes, ha="center")
    for edge in (few_below - 0.5, many_above + 0.5):
        if low < edge < high:
            axes.axvline(edge, color=color("muted"), linewidth=0.9, linestyle=(0, (1, 2)))


def _decades(low: float, high: float) -> tuple[list[float], list[str]]:
    powers = 10.0 ** np.arange(0, 9)
    steps = [1, 2, 5] if high / low < 100 else [1]
    ticks = sorted(float(power * step) for power in powers for step in steps if low <= power * step <= high)
    return ticks, [f"{tick:,.0f}" for tick in ticks]


def _averages(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    parts = np.array_split(np.argsort(x, kind="stable"), _AVERAGES)
    means = [(10 ** np.log10(x[part]).mean(), y[part].mean()) for part in parts if len(part)]
    pairs = np.array(means).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _marker(name: str) -> Any:
    return method_style(name)["marker"]


def _line(name: str) -> dict[str, Any]:
    return {key: value for key, value in method_style(name).items() if key != "marker"}
