"""Figures with a value a method, a hyper-parameter or an epoch."""

from typing import TYPE_CHECKING, Any

from longtail.counts import GROUPS
from longtail.files.text import counted
from longtail.report.inline_svg import color, inline_svg, shorten, spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["accuracy_by_group", "hyperparameter_curve", "label_line_ends", "learning_curves"]

_CURVE_STYLES: dict[str, dict[str, Any]] = {
    "all": {"color": color("muted"), "linestyle": (0, (1, 1.2))},
    "balanced": {"color": color("ink"), "linestyle": "solid", "linewidth": 2.4},
    "many": {"color": color("many"), "linestyle": (0, (6, 2))},
    "medium": {"color": color("medium"), "linestyle": (0, (4, 2, 1, 2))},
    "few": {"color": color("few"), "linestyle": (0, (2.5, 1.5))},
}


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

    def paint(figure: "Figure") -> None:
        panels = figure.subplots(1, len(groups), sharey=True, squeeze=False)[0]
        for panel, group in zip(panels, groups, strict=True):
            _bars(panel, [metrics[name] for name in names], group)
            panel.set_title(f"{group}\n{limits[group]}", pad=6)
            panel.set_yticks(range(len(names)), [shorten(name, 12) for name in names])
            panel.set_ylim(len(names) - 0.4, -0.6)
            panel.tick_params(axis="y", length=0)

    label = f"Bars: accuracy on {split} of {', '.join(names)} by group ({', '.join(groups)}), with intervals."
    return inline_svg("by-group", label, 0.95 + 0.26 * len(names), paint)


def _bars(panel: "Axes", metrics: list[dict[str, Any]], group: str) -> None:
    panel.set_xlim(0, 165)
    panel.set_xticks([0, 50, 100])
    panel.grid(axis="x", alpha=0.4)
    for row, values in enumerate(metrics):
        value, interval = values[group], (values.get("intervals") or {}).get(group)
        if value is None:
            panel.text(2, row, "–", va="center")
            continue
        panel.barh(row, value, height=0.62, color=color(group), gid=f"bar-{group}-{row}")
        end = value
        if interval is not None:
            panel.hlines(row, *interval, color=color("ink"), linewidth=1.3)
            panel.vlines(interval, row - 0.15, row + 0.15, color=color("ink"), linewidth=1.3)
            end = max(value, interval[1])
        panel.text(end + 6, row, f"{value:.1f}", va="center")


def hyperparameter_curve(method: str, curve: dict[str, Any]) -> str:
    """Draw accuracy against a hyper-parameter, with the chosen value.

    Args:
        method: name, for the ids of the figure.
        curve: `parameter`, `grid`, `split`, `chosen` and `metrics`, each a list as long as the grid or null.
    """
    lines = {name: values for name, values in curve["metrics"].items() if values is not None}
    parameter = shorten(curve["parameter"])

    def paint(figure: "Figure") -> None:
        axes = figure.subplots()
        for name, values in lines.items():
            style = _CURVE_STYLES.get(name, {"color": color("other")})
            axes.plot(curve["grid"], values, gid=f"curve-{name}", **style)
        if curve["chosen"] is not None:
            axes.axvline(curve["chosen"], color=color("ink"), linewidth=0.9)
            axes.annotate(
                f"chosen: {curve['chosen']:g}",
                (curve["chosen"], 1),
                xycoords=("data", "axes fraction"),
                xytext=(0, 3),
                textcoords="offset points",
                ha="center",
            )
        axes.set_title(f"accuracy on {_words(curve['split'])}, %", pad=18)
        axes.set_xlabel(parameter)
        axes.grid(axis="y", alpha=0.4)
        last = {name: (curve["grid"][-1], values[-1]) for name, values in lines.items()}
        label_line_ends(axes, last, {name: _CURVE_STYLES.get(name, {}).get("color") for name in lines})

    label = f"Lines: accuracy on {_words(curve['split'])} of the {', '.join(lines)} classes against {parameter}."
    return inline_svg(f"curve-{method}", label, 2.9, paint)


def _words(split: str) -> str:
    return {"val": "validation", "train-cv": "held-out train"}.get(split, split)


def label_line_ends(axes: "Axes", ends: dict[str, tuple[float, float]], colors: dict[str, str | None]) -> None:
    """Write names right of the axes with leaders to their lines' ends, moved apart where they would touch.

    Args:
        axes: with all lines drawn.
        ends: last point of each line, in data coordinates.
        colors: of the names; None for the colour of text.
    """
    low, high = axes.get_ylim()
    axes.set_ylim(low, high)
    heights = spread([(y - low) / (high - low) for _, y in ends.values()], gap=0.075)
    for (name, end), height in zip(ends.items(), heights, strict=True):
        ink = colors.get(name) or color("ink")
        axes.annotate(
            name,
            end,
            xytext=(1.05, height),
            textcoords="axes fraction",
            va="center",
            color=ink,
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "linewidth": 0.7, "color": ink, "shrinkA": 1, "shrinkB": 3},
        )


def learning_curves(history: list[dict[str, Any]]) -> str:
    """Draw the loss and the accuracies of stage 1 by epoch.

    Args:
        history: one entry an epoch; values that are null or absent are left out.
    """
    accuracies: dict[str, tuple[str, dict[str, Any]]] = {
        "train": ("train_accuracy", {"color": color("muted"), "linestyle": (0, (4, 2))}),
        "val, all": ("val_all", {"color": color("crt"), "linestyle": (0, (6, 2, 1, 2))}),
        "val, balanced": ("val_balanced", {"color": color("tau"), "linestyle": "solid"}),
    }
    lines = {name: (_series(history, key), style) for name, (key, style) in accuracies.items()}
    lines = {name: (series, style) for name, (series, style) in lines.items() if series[0]}

    def paint(figure: "Figure") -> None:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2, 3))
        upper.plot(*_series(history, "train_loss"), color=color("ink"), gid="curve-train_loss", **_dots(history))
        upper.set_title("training loss")
        upper.set_ylim(bottom=0)
        for name, (series, style) in lines.items():
            lower.plot(*series, gid=f"curve-{accuracies[name][0]}", **style, **_dots(history))
        lower.set_title("accuracy, %")
        lower.set_xlabel("epoch")
        lower.xaxis.get_major_locator().set_params(integer=True)
        for panel in (upper, lower):
            panel.grid(axis="y", alpha=0.4)
        last = {name: (series[0][-1], series[1][-1]) for name, (series, _) in lines.items()}
        label_line_ends(lower, last, {name: style["color"] for name, (_, style) in lines.items()})

    label = f"Lines over {counted(len(history), 'epoch')} of stage 1: training loss; accuracy on {', '.join(lines)}."
    return inline_svg("stage1", label, 3.8, paint)


def _series(history: list[dict[str, Any]], key: str) -> tuple[list[float], list[float]]:
    known = [(row["epoch"], row[key]) for row in history if row.get(key) is not None]
    return [epoch for epoch, _ in known], [value for _, value in known]


def _dots(history: list[dict[str, Any]]) -> dict[str, Any]:
    return {"marker": "o", "markersize": 3.5} if len(history) < 4 else {}
