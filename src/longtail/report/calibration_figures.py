"""Figures of probabilities: how often an answer is right against how sure it was, and how often sets hold the truth."""

from typing import Any

from longtail.counts import GROUPS
from longtail.report.drawing.looks import Look, color
from longtail.report.drawing.marks import bar, box, line, up_line, whisker
from longtail.report.drawing.panel import WIDTH, Panel, axis_below, axis_left, columns, gap_left, heading, text
from longtail.report.drawing.scales import Scale, even_ticks
from longtail.report.inline_svg import inline_svg, shorten

__all__ = ["coverage_by_group", "reliability_diagram"]

_PERCENT = Scale(0, 100)
_DASHED = Look(color("muted"), (4, 2), width=1)
_ROW = 30.0


def reliability_diagram(name: str, curves: dict[str, dict[str, list[float]]]) -> str:
    """Draw accuracy against confidence before and after calibration, with the images of each bin below.

    Args:
        name: of the head.
        curves: for "before" and "after" `confidence` and `accuracy` in percent and `images`, one a bin.
    """
    images = Scale(0, 1.1 * max(max(curve["images"], default=1) for curve in curves.values()) or 1)
    below, beside = even_ticks(_PERCENT, 4), even_ticks(_PERCENT)
    numbers = even_ticks(images, 2, whole=True)
    left = gap_left([name for _, name in [*beside, *numbers]]) + 14
    drawn = ""
    for place, (start, width) in enumerate(columns(len(curves), left, WIDTH - 8, 18)):
        when, curve = list(curves.items())[place]
        upper, lower = Panel(start, 22, width, 140, _PERCENT, _PERCENT), Panel(start, 176, width, 45, _PERCENT, images)
        drawn += heading(upper, when) + axis_below(upper, [(tick, "") for tick, _ in below], grid=True)
        drawn += axis_left(upper, [] if place else beside, "" if place else "right, %", grid=True)
        drawn += line(upper, [0, 100], [0, 100], _DASHED, f"ideal-{when}")
        drawn += line(upper, curve["confidence"], curve["accuracy"], Look(color("tau"), (), "circle"), when)
        for number, (sure, count) in enumerate(zip(curve["confidence"], curve["images"], strict=True)):
            edges = lower.across(sure - 2.5), lower.down(count), lower.across(sure + 2.5), lower.bottom
            drawn += box(*edges, f"fill:{color('other')}", f"images-{when}-{number}")
        drawn += axis_left(lower, [] if place else numbers, "" if place else "images", grid=True)
        drawn += axis_below(lower, below, "sure, %")
    label = (
        f"Lines: share of right answers against the confidence of {shorten(name)}, {' and '.join(curves)} calibration."
    )
    return inline_svg("reliability", label, 254, drawn)


def coverage_by_group(sets: dict[str, dict[str, Any]], promised: float) -> str:
    """Draw how often each kind of sets holds the true class: a panel a group, a bar a kind, with intervals.

    Args:
        sets: for each kind `many`, `medium` and `few`: None, or `coverage`, `interval` in percent and `mean_size`.
        promised: coverage, in percent.
    """
    groups = [group for group in GROUPS if any(result[group] is not None for result in sets.values())]
    rows = [(float(row), kind) for row, kind in enumerate(sets)]
    height, drawn = _ROW * len(sets), ""
    for place, (left, width) in enumerate(columns(len(groups) or 1, gap_left(list(sets)), WIDTH - 8, 14)):
        if groups:
            group, panel = groups[place], Panel(left, 20, width, height, Scale(0, 105), Scale(len(sets) - 0.5, -0.5))
            drawn += heading(panel, group) + axis_below(panel, [(0, "0"), (50, "50"), (100, "100")], grid=True)
            drawn += axis_left(panel, [] if place else rows, marked=False)
            drawn += _coverage_bars(panel, [result[group] for result in sets.values()], group)
            drawn += up_line(panel, promised, Look(color("ink"), (4, 2), width=0.9))
    label = f"Bars: share of the images whose set holds the true class, by group, for {', '.join(sets)} sets."
    return inline_svg("coverage", label, 20 + height + 20, drawn)


def _coverage_bars(panel: Panel, coverages: list[dict[str, Any] | None], group: str) -> str:
    drawn = ""
    for row, sets in enumerate(coverages):
        if sets is not None:
            drawn += bar(panel, (0, sets["coverage"]), row + 0.2, 0.34, color(group), f"coverage-{group}-{row}")
            drawn += whisker(panel, sets["interval"], row + 0.2, color("ink"))
            words = f"{sets['coverage']:.0f} %, {sets['mean_size']:.1f} cl."
            drawn += text(panel.left + 2, panel.down(row - 0.17), words, size=8.5)
    return drawn
