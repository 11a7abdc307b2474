"""Figures of DLSA's blocks: how likely rows are, what each block takes, its clusters, and where rare images go."""

from typing import TYPE_CHECKING, Any

from longtail.counts import GROUPS
from longtail.report.inline_svg import color, inline_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["cluster_purities", "group_confusions", "likelihood_histograms", "taken_rows"]


def likelihood_histograms(blocks: list[dict[str, Any]]) -> str:
    """Draw for each block how log-likelihoods are spread in each group of classes, and the block's threshold.

    Args:
        blocks: each with `likelihood`, `threshold` and `reached`.
    """

    def paint(figure: "Figure") -> None:
        panels = figure.subplots(len(blocks), 1, squeeze=False)[:, 0]
        for number, (panel, block) in enumerate(zip(panels, blocks, strict=True)):
            result, styles = block["likelihood"], {"many": "solid", "medium": (0, (4, 2, 1, 2)), "few": (0, (2.5, 1.5))}
            for group in GROUPS:
                total = sum(result[group])
                if total:
                    shares = [100 * count / total for count in result[group]]
                    panel.stairs(
                        shares,
                        result["edges"],
                        color=color(group),
                        linestyle=styles[group],
                        linewidth=1.6,
                        label=group,
                        gid=f"likelihood-{number}-{group}",
                    )
            panel.axvline(block["threshold"], color=color("ink"), linewidth=0.9)
            panel.set_title(f"block {number + 1}: takes what is right of the line")
            panel.set_ylabel("% of group")
            panel.set_ylim(bottom=0)
        panels[-1].set_xlabel("log-likelihood")
        panels[0].legend(frameon=False, fontsize=9.5)

    label = f"Histograms of log-likelihood by group of classes, with the threshold, of {_blocks(blocks)}."
    return inline_svg("dlsa-likelihood", label, 0.6 + 1.7 * len(blocks), paint)


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
    label = f"Stacked bars: share of each group's training images taken by {_blocks(blocks)} and by none."
    return inline_svg("dlsa-taken", label, 1.15 + 0.32 * len(groups), lambda figure: _stacked(figure.subplots(), rows))


def cluster_purities(blocks: list[dict[str, Any]]) -> str:
    """Draw each cluster as a point: training rows in it, and the share of its commonest class.

    Args:
        blocks: each with `cluster_sizes` and `cluster_purity`.
    """

    def paint(figure: "Figure") -> None:
        panels = figure.subplots(1, len(blocks), sharey=True, squeeze=False)[0]
        for number, (panel, block) in enumerate(zip(panels, blocks, strict=True)):
            pairs = zip(block["cluster_sizes"], block["cluster_purity"], strict=True)
            used = [(size, 100 * purity) for size, purity in pairs if size and purity is not None]
            sizes, purities = [size for size, _ in used], [purity for _, purity in used]
            panel.scatter(sizes, purities, s=9, alpha=0.6, color=color("tau"), linewidths=0, gid=f"clusters-{number}")
            panel.set_xscale("log")
            panel.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
            panel.set_xticks([], minor=True)
            empty = len(block["cluster_sizes"]) - len(used)
            panel.set_title(f"block {number + 1}" + (f", {empty} empty" if empty else ""))
            panel.set_xlabel("rows in the cluster")
            panel.set_ylim(0, 104)
            panel.grid(alpha=0.4)
        panels[0].set_ylabel("purity, %")

    return inline_svg("dlsa-clusters", f"Points: size and purity of the clusters of {_blocks(blocks)}.", 2.4, paint)


def group_confusions(confusion: dict[str, dict[str, dict[str, float]]]) -> str:
    """Draw where the images of each group go: right, or wrong into a class of which group; a panel a method.

    Args:
        confusion: for each method and group the shares "right", "many", "medium" and "few", in percent.
    """
    groups = list(next(iter(confusion.values())))

    def paint(figure: "Figure") -> None:
        panels = figure.subplots(len(confusion), 1, sharex=True, squeeze=False)[:, 0]
        for panel, (method, result) in zip(panels, confusion.items(), strict=True):
            rows = {
                group: {"right": shares["right"], **{f"wrong, {into}": shares[into] for into in GROUPS}}
                for group, shares in result.items()
            }
            _stacked(panel, rows, legend=panel is panels[-1])
            panel.set_title(method)

    label = f"Stacked bars for {' and '.join(confusion)}: share of test images right, and wrong by group of the answer."
    return inline_svg("dlsa-confusion", label, 0.95 + len(confusion) * (0.5 + 0.3 * len(groups)), paint)


def _stacked(axes: "Axes", rows: dict[str, dict[str, float]], *, legend: bool = True) -> None:
    """Draw a bar a row, its parts one after the other, with numbers in those that have room for one."""
    names = list(next(iter(rows.values())))
    fills = {"right": "muted", "rest": "muted", "wrong, many": "many", "wrong, medium": "medium", "wrong, few": "few"}
    of_blocks = ("tau", "crt", "lws", "ncm")
    starts = dict.fromkeys(rows, 0.0)
    for number, name in enumerate(names):
        widths = [shares[name] for shares in rows.values()]
        fill = color(fills.get(name, of_blocks[number % len(of_blocks)]))
        bars = axes.barh(list(rows), widths, left=list(starts.values()), height=0.66, color=fill, label=name)
        texts = [f"{width:.0f}" if width >= 7 else "" for width in widths]
        axes.bar_label(bars, texts, label_type="center", color=color("paper"), fontsize=9)
        starts = {row: start + width for (row, start), width in zip(starts.items(), widths, strict=True)}
    axes.set_xlim(0, 100)
    axes.invert_yaxis()
    axes.set_xticks([])
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    if legend:
        columns = 2 if len(names) == 4 else 3
        axes.legend(ncols=columns, frameon=False, fontsize=9.5, loc="upper left", bbox_to_anchor=(0, 0))


def _blocks(blocks: list[dict[str, Any]]) -> str:
    return "one block" if len(blocks) == 1 else f"{len(blocks)} blocks"
