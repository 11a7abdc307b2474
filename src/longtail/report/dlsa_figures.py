"""Figures of DLSA's blocks: how likely rows are, what each block takes, its clusters, and where rare images go."""

from typing import Any

from longtail.counts import GROUPS
from longtail.report.drawing.looks import Look, color
from longtail.report.drawing.marks import bar, legend, points, steps, swatch, up_line
from longtail.report.drawing.panel import WIDTH, Panel, axis_below, axis_left, columns, gap_left, heading, text
from longtail.report.drawing.scales import Scale, even_ticks, padded, powers
from longtail.report.inline_svg import inline_svg

__all__ = ["cluster_purities", "group_confusions", "likelihood_histograms", "taken_rows"]

_LOOKS = {
    "many": Look(color("many")),
    "medium": Look(color("medium"), (4, 2, 1, 2)),
    "few": Look(color("few"), (2.5, 1.5)),
}
_FILLS = {"right": "muted", "rest": "muted", "wrong, many": "many", "wrong, medium": "medium", "wrong, few": "few"}
_OF_BLOCKS = ("tau", "crt", "lws", "ncm")
_ROW = 22.0
_ROOM = 7  # percent that a bar needs to bear its number


def likelihood_histograms(blocks: list[dict[str, Any]]) -> str:
    """Draw for each block how log-likelihoods are spread in each group of classes, and the block's threshold.

    Args:
        blocks: each with `likelihood`, `threshold` and `reached`.
    """
    drawn, top = legend([(swatch(_LOOKS[group]), group) for group in GROUPS], 48, 0, 200, 3), 36.0
    for number, block in enumerate(blocks):
        result, edges = block["likelihood"], block["likelihood"]["edges"]
        shares = {group: [100 * count / (sum(result[group]) or 1) for count in result[group]] for group in GROUPS}
        heights = padded((share for group in GROUPS for share in shares[group]), start=0)
        panel = Panel(48, top, WIDTH - 56, 80, padded([edges[0], edges[-1], block["threshold"]]), heights)
        drawn += heading(panel, f"block {number + 1}: takes what is right of the line")
        drawn += axis_left(panel, even_ticks(heights, 4), "% of group") + axis_below(panel, even_ticks(panel.x))
        for group in GROUPS:
            if sum(result[group]):
                drawn += steps(panel, shares[group], edges, _LOOKS[group].stroke, f"likelihood-{number}-{group}")
        drawn += up_line(panel, block["threshold"], Look(color("ink"), width=0.9))
        top += 122
    drawn += text((48 + WIDTH - 8) / 2, top - 16, "log-likelihood", "middle", size=10)
    label = f"Histograms of log-likelihood by group of classes, with the threshold, of {_blocks(blocks)}."
    return inline_svg("dlsa-likelihood", label, top - 10, drawn)


def taken_rows(blocks: list[dict[str, Any]]) -> str:
    """Draw which share of each group's training rows each block takes, and what is left, as stacked bars.

    Args:
        blocks: each with `taken` and `reached`, the first reached by all rows.

    Returns:
        The element; nothing where there are no rows.
    """
    totals = blocks[0]["reached"]
    groups = [group for group in GROUPS if totals[group]]
    if not groups:
        return ""
    parts = [(f"block {number + 1}", block["taken"]) for number, block in enumerate(blocks)]
    left = {group: totals[group] - sum(taken[group] for _, taken in parts) for group in groups}
    rows = {
        group: {name: 100 * taken[group] / totals[group] for name, taken in [*parts, ("rest", left)]}
        for group in groups
    }
    drawn, bottom = _stacked(rows, top=2)
    key, bottom = _key(rows, bottom, in_row=3)
    label = f"Stacked bars: share of each group's training images taken by {_blocks(blocks)} and by none."
    return inline_svg("dlsa-taken", label, bottom, drawn + key)


def cluster_purities(blocks: list[dict[str, Any]]) -> str:
    """Draw each cluster as a point: training rows in it, and the share of its commonest class.

    Args:
        blocks: each with `cluster_sizes` and `cluster_purity`.
    """
    drawn, look = "", Look(color("tau"), (), "circle", 0, 1.6)
    for number, (left, width) in enumerate(columns(len(blocks), 44, WIDTH - 6, 16)):
        block = blocks[number]
        pairs = zip(block["cluster_sizes"], block["cluster_purity"], strict=True)
        used = [(size, 100 * purity) for size, purity in pairs if size and purity is not None]
        sizes, purities = [size for size, _ in used], [purity for _, purity in used]
        panel = Panel(left, 22, width, 112, padded(sizes, log=True), Scale(0, 104))
        empty = len(block["cluster_sizes"]) - len(used)
        drawn += heading(panel, f"block {number + 1}" + (f", {empty} empty" if empty else ""))
        drawn += axis_below(panel, powers(panel.x), "rows in the cluster", grid=True)
        percents = even_ticks(Scale(0, 100))
        drawn += axis_left(panel, [(tick, "" if number else name) for tick, name in percents], grid=True)
        drawn += points(panel, sizes, purities, look, f"clusters-{number}", opacity=0.6)
    drawn += text(8, 22 + 56, "purity, %", "middle", size=10, turned=True)
    label = f"Points: size and purity of the clusters of {_blocks(blocks)}."
    return inline_svg("dlsa-clusters", label, 22 + 112 + 33, drawn)


def group_confusions(confusion: dict[str, dict[str, dict[str, float]]]) -> str:
    """Draw where the images of each group go: right, or wrong into a class of which group; a panel a method.

    Args:
        confusion: for each method and group the shares "right", "many", "medium" and "few", in percent.
    """
    drawn, bottom, rows = "", 0.0, {}
    for method, result in confusion.items():
        rows = {
            group: {"right": shares["right"], **{f"wrong, {into}": shares[into] for into in GROUPS}}
            for group, shares in result.items()
        }
        bars, bottom = _stacked(rows, top=bottom + 22, title=method)
        drawn += bars
    key, bottom = _key(rows, bottom, in_row=2)
    label = f"Stacked bars for {' and '.join(confusion)}: share of test images right, and wrong by group of the answer."
    return inline_svg("dlsa-confusion", label, bottom, drawn + key)


def _stacked(rows: dict[str, dict[str, float]], *, top: float, title: str = "") -> tuple[str, float]:
    """Draw a bar a row, its parts one after the other, with numbers in those that have room for one."""
    left = gap_left(list(rows))
    panel = Panel(left, top, WIDTH - left, _ROW * len(rows), Scale(0, 100), Scale(len(rows) - 0.5, -0.5))
    drawn = heading(panel, title) if title else ""
    for row, (group, shares) in enumerate(rows.items()):
        drawn += text(left - 6, panel.down(row), group, "end")
        start = 0.0
        for number, (name, share) in enumerate(shares.items()):
            drawn += bar(panel, (start, start + share), row, 0.66, _fill(name, number))
            if share >= _ROOM:
                middle = panel.across(start + share / 2)
                drawn += text(middle, panel.down(row), f"{share:.0f}", "middle", size=9, fill=color("paper"))
            start += share
    return drawn, panel.bottom


def _key(rows: dict[str, dict[str, float]], top: float, *, in_row: int) -> tuple[str, float]:
    """Say below stacked bars what their parts are."""
    names = list(next(iter(rows.values()), {}))
    entries = [(swatch(Look(_fill(name, number), width=7)), name) for number, name in enumerate(names)]
    left = gap_left(list(rows))
    return legend(entries, left, top + 4, WIDTH - left, in_row), top + 8 + 13 * -(-len(names) // in_row)


def _fill(name: str, number: int) -> str:
    return color(_FILLS.get(name, _OF_BLOCKS[number % len(_OF_BLOCKS)]))


def _blocks(blocks: list[dict[str, Any]]) -> str:
    return "one block" if len(blocks) == 1 else f"{len(blocks)} blocks"
