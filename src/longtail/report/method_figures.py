"""Figures with a value a method, a hyper-parameter or an epoch."""

from typing import Any

from longtail.counts import GROUPS
from longtail.files.text import counted
from longtail.report.drawing.looks import Look, color
from longtail.report.drawing.marks import bar, line, line_ends, up_line, whisker
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
from longtail.report.drawing.scales import Scale, even_ticks, padded
from longtail.report.inline_svg import inline_svg, shorten

__all__ = ["accuracy_by_group", "hyperparameter_curve", "learning_curves"]

_CURVE_LOOKS = {
    "all": Look(color("muted"), (1, 1.2)),
    "balanced": Look(color("ink"), width=2.4),
    "many": Look(color("many"), (6, 2)),
    "medium": Look(color("medium"), (4, 2, 1, 2)),
    "few": Look(color("few"), (2.5, 1.5)),
}
_ROW = 18.7
_FULL = Scale(0, 165)  # percent, and room for a number behind the longest bar


def accuracy_by_group(metrics: dict[str, dict[str, Any]], thresholds: dict[str, int], split: str) -> str:
    """Draw accuracy as bars with interval whiskers: a panel for each group that is not empty, a bar a method.

    Args:
        metrics: for each method its metrics on the split, in percent.
        thresholds: `many_above` and `few_below`.
        split: that they were measured on, for the label.
    """
    groups = [group for group in GROUPS if any(values[group] is not None for values in metrics.values())]
    names = list(metrics)
    limits = {
        "many": f"more than {thresholds['many_above']}",
        "medium": f"{thresholds['few_below']} to {thresholds['many_above']}",
        "few": f"fewer than {thresholds['few_below']}",
    }
    rows = [(float(row), shorten(name, 12)) for row, name in enumerate(names)]
    height = _ROW * len(names)
    drawn = ""
    for place, (left, width) in enumerate(columns(len(groups) or 1, gap_left([name for _, name in rows]), WIDTH, 14)):
        if groups:
            panel = Panel(left, 30, width, height, _FULL, Scale(len(names) - 0.5, -0.5))
            drawn += heading(panel, groups[place], limits[groups[place]])
            drawn += axis_below(panel, [(0, "0"), (50, "50"), (100, "100")], grid=True)
            drawn += axis_left(panel, [] if place else rows, marked=False)
            drawn += _bars(panel, list(metrics.values()), groups[place])
    label = f"Bars: accuracy on {split} of {', '.join(names)} by group ({', '.join(groups)}), with intervals."
    return inline_svg("by-group", label, 30 + height + 20, drawn)


def _bars(panel: Panel, metrics: list[dict[str, Any]], group: str) -> str:
    drawn = ""
    for row, values in enumerate(metrics):
        value, interval = values[group], (values.get("intervals") or {}).get(group)
        if value is None:
            drawn += text(panel.left + 3, panel.down(row), "–")
            continue
        drawn += bar(panel, (0, value), row, 0.62, color(group), f"bar-{group}-{row}")
        end = value
        if interval is not None:
            drawn += whisker(panel, interval, row, color("ink"), cap=3)
            end = max(value, interval[1])
        drawn += text(panel.across(end) + 4, panel.down(row), f"{value:.1f}")
    return drawn


def hyperparameter_curve(method: str, curve: dict[str, Any]) -> str:
    """Draw accuracy against a hyper-parameter, with the chosen value.

    Args:
        method: name, for the ids of the figure.
        curve: `parameter`, `grid`, `split`, `chosen` and `metrics`, each a list as long as the grid or null.
    """
    lines = {name: values for name, values in curve["metrics"].items() if values is not None}
    parameter, chosen, split = shorten(curve["parameter"]), curve["chosen"], _words(curve["split"])
    looks = {name: _CURVE_LOOKS.get(name, Look(color("other"))) for name in lines}
    across = padded([*curve["grid"], *([] if chosen is None else [chosen])])
    panel = _lines_panel(list(lines), across, padded(value for values in lines.values() for value in values), top=32)
    drawn = heading(panel, f"accuracy on {split}, %", lift=13)
    drawn += axis_below(panel, even_ticks(panel.x), parameter) + axis_left(panel, even_ticks(panel.y), grid=True)
    drawn += "".join(line(panel, curve["grid"], lines[name], looks[name], f"curve-{name}") for name in lines)
    if chosen is not None:
        words = f"chosen: {chosen:g}"
        reach = text_width(words) / 2
        middle = min(max(panel.across(chosen), panel.left + reach), WIDTH - reach)
        drawn += up_line(panel, chosen, Look(color("ink"), width=0.9)) + text(middle, panel.top - 8, words, "middle")
    ends = {name: (curve["grid"][-1], values[-1]) for name, values in lines.items()}
    drawn += line_ends(panel, ends, {name: look.color for name, look in looks.items() if name in _CURVE_LOOKS})
    label = f"Lines: accuracy on {split} of the {', '.join(lines)} classes against {parameter}."
    return inline_svg(f"curve-{method}", label, panel.bottom + 33, drawn)


def _words(split: str) -> str:
    return {"val": "validation", "train-cv": "held-out train"}.get(split, split)


def _lines_panel(names: list[str], x: Scale, y: Scale, *, top: float, height: float = 140) -> Panel:
    """Return a panel with room for numbers at its left and for names at its right."""
    left = gap_left([name for _, name in even_ticks(y)])
    return Panel(left, top, WIDTH - left - 14 - max(map(text_width, names), default=0), height, x, y)


def learning_curves(history: list[dict[str, Any]]) -> str:
    """Draw the loss and the accuracies of stage 1 by epoch.

    Args:
        history: one entry an epoch; values that are null or absent are left out.
    """
    marker = "circle" if len(history) < 4 else ""
    looks = {
        "train": ("train_accuracy", Look(color("muted"), (4, 2), marker)),
        "val, all": ("val_all", Look(color("crt"), (6, 2, 1, 2), marker)),
        "val, balanced": ("val_balanced", Look(color("tau"), (), marker)),
    }
    lines = {name: _series(history, key) for name, (key, _) in looks.items()}
    lines = {name: series for name, series in lines.items() if series[0]}
    loss = _series(history, "train_loss")
    epochs = padded(epoch for series in (loss, *lines.values()) for epoch in series[0])
    accuracies = padded(value for _, values in lines.values() for value in values)
    lower = _lines_panel(list(lines), epochs, accuracies, top=124, height=110)
    upper = Panel(lower.left, 20, lower.width, 72, epochs, padded(loss[1], start=0))
    drawn = heading(upper, "training loss") + axis_left(upper, even_ticks(upper.y, 4), grid=True)
    drawn += axis_below(upper, []) + line(upper, *loss, Look(color("ink"), (), marker), "curve-train_loss")
    drawn += heading(lower, "accuracy, %") + axis_left(lower, even_ticks(lower.y), grid=True)
    drawn += axis_below(lower, even_ticks(epochs, whole=True), "epoch")
    drawn += "".join(line(lower, *lines[name], looks[name][1], f"curve-{looks[name][0]}") for name in lines)
    ends = {name: (xs[-1], ys[-1]) for name, (xs, ys) in lines.items()}
    drawn += line_ends(lower, ends, {name: looks[name][1].color for name in lines})
    label = f"Lines over {counted(len(history), 'epoch')} of stage 1: training loss; accuracy on {', '.join(lines)}."
    return inline_svg("stage1", label, lower.bottom + 33, drawn)


def _series(history: list[dict[str, Any]], key: str) -> tuple[list[float], list[float]]:
    known = [(row["epoch"], row[key]) for row in history if row.get(key) is not None]
    return [epoch for epoch, _ in known], [value for _, value in known]
