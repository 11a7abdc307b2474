"""The class counts of `longtail describe` as a figure."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from longtail.counts import GROUPS, group_of_class

__all__ = ["draw_tail"]

_MOST_NAMES = 60  # that a drawing of this width shows side by side


def draw_tail(facts: dict[str, Any], path: Path) -> None:
    """Draw how many training images each class has, the largest first.

    Args:
        facts: as `describe_splits` returns them.
        path: of the PNG file.
    """
    from matplotlib.figure import Figure

    from longtail.files.atomic import atomic_path

    order = np.argsort(-np.array(facts["train_counts"]), kind="stable")
    counts = np.array(facts["train_counts"])[order]
    thresholds = facts["group_thresholds"]
    groups = group_of_class(counts, thresholds["many_above"], thresholds["few_below"])
    colors = dict(zip(GROUPS, ("#2b5fae", "#13796b", "#c2410c"), strict=True))
    is_named = len(counts) <= _MOST_NAMES
    figure = Figure(figsize=(max(7, 0.25 * len(counts)) if is_named else 7, 5 if is_named else 4), layout="constrained")
    axes = figure.subplots()
    for group in GROUPS:
        members = np.flatnonzero(groups == group)
        if len(members):
            # one outline a group: thousands of bars would take thousands of shapes
            edges = np.append(members, members[-1] + 1) + 0.5
            label = f"{group}: {len(members)} classes"
            axes.stairs(counts[members], edges, baseline=0.5, fill=True, color=colors[group], label=label)
    axes.set(
        yscale="log",
        ylim=(0.5, None),
        xlabel="" if is_named else "classes, largest first",
        ylabel="training images",
        title=f"{facts['name']}: ratio {facts['imbalance_ratio']:,.0f}, Gini {facts['gini']:.2f}".replace("$", r"\$"),
    )
    if is_named:
        names = [_short(facts["class_names"][c]).replace("$", r"\$") for c in order]
        axes.set_xticks(np.arange(len(counts)) + 1, names, rotation=90, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    with atomic_path(path) as temporary, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # a name in letters that the font lacks
        figure.savefig(temporary, dpi=150, format="png")


def _short(name: str) -> str:
    return name if len(name) <= 30 else f"{name[:14]} ... {name[-11:]}"
