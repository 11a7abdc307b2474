"""Figures of probabilities: how often an answer is right against how sure it was, and how often sets hold the truth."""

from typing import TYPE_CHECKING, Any

from longtail.counts import GROUPS
from longtail.report.inline_svg import color, inline_svg, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["coverage_by_group", "reliability_diagram"]


def reliability_diagram(name: str, curves: dict[str, dict[str, list[float]]]) -> str:
    """Draw accuracy against confidence before and after calibration, with the images of each bin below.

    Args:
        name: of the head.
        curves: for "before" and "after" `confidence` and `accuracy` in percent and `images`, one a bin.
    """
    most = max(max(curve["images"], default=1) for curve in curves.values())

    def paint(figure: "Figure") -> None:
        panels = figure.subplots(2, len(curves), sharex=True, sharey="row", height_ratios=(3, 1), squeeze=False)
        for column, (when, curve) in enumerate(curves.items()):
            upper, lower = panels[0][column], panels[1][column]
            upper.plot(
                [0, 100], [0, 100], color=color("muted"), linestyle=(0, (4, 2)), linewidth=1, gid=f"ideal-{when}"
            )
            upper.plot(curve["confidence"], curve["accuracy"], color=color("tau"), marker="o", markersize=3.5, gid=when)
            upper.set_title(when)
            upper.set_xlim(0, 100)
            upper.set_ylim(0, 100)
            upper.grid(alpha=0.4)
            bars = lower.bar(curve["confidence"], curve["images"], width=5, color=color("other"))
            for number, bar in enumerate(bars):
                bar.set_gid(f"images-{when}-{number}")
            lower.set_ylim(0, 1.1 * most)
            lower.set_xlabel("sure, %")
            lower.grid(axis="y", alpha=0.4)
        panels[0][0].set_ylabel("right, %")
        panels[1][0].set_ylabel("images")

    label = (
        f"Lines: share of right answers against the confidence of {shorten(name)}, {' and '.join(curves)} calibration."
    )
    return inline_svg("reliability", label, 3.6, paint)


def coverage_by_group(sets: dict[str, dict[str, Any]], promised: float) -> str:
    """Draw how often each kind of sets holds the true class: a panel a group, a bar a kind, with intervals.

    Args:
        sets: for each kind `many`, `medium` and `few`: None, or `coverage`, `interval` in percent and `mean_size`.
        promised: coverage, in percent.
    """
    groups = [group for group in GROUPS if any(result[group] is not None for result in sets.values())]
    kinds = list(sets)

    def paint(figure: "Figure") -> None:
        panels = figure.subplots(1, len(groups), sharey=True, squeeze=False)[0]
        for panel, group in zip(panels, groups, strict=True):
            _coverage_bars(panel, [sets[kind][group] for kind in kinds], group)
            panel.axvline(promised, color=color("ink"), linewidth=0.9, linestyle=(0, (4, 2)))
            panel.set_title(group)
            panel.set_yticks(range(len(kinds)), kinds)
            panel.set_ylim(len(kinds) - 0.4, -0.6)
            panel.tick_params(axis="y", length=0)

    label = f"Bars: share of the images whose set holds the true class, by group, for {', '.join(kinds)} sets."
    return inline_svg("coverage", label, 0.95 + 0.42 * len(kinds), paint)


def _coverage_bars(panel: "Axes", coverages: list[dict[str, Any] | None], group: str) -> None:
    panel.set_xlim(0, 105)
    panel.set_xticks([0, 50, 100])
    panel.grid(axis="x", alpha=0.4)
    for row, sets in enumerate(coverages):
        if sets is None:
            continue
        panel.barh(row + 0.13, sets["coverage"], height=0.34, color=color(group), gid=f"coverage-{group}-{row}")
        panel.hlines(row + 0.13, *sets["interval"], color=color("ink"), linewidth=1.3)
        panel.text(2, row - 0.1, f"{sets['coverage']:.0f} %, {sets['mean_size']:.1f} cl.", va="bottom", fontsize=8.5)
