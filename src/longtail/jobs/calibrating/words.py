"""Say in tables and in sentences what probabilities were worth before and after."""

import math
from typing import Any

from rich.console import Console
from rich.table import Table

from longtail.counts import GROUPS
from longtail.evaluation.scaling_choice import FEWEST_IMAGES

__all__ = ["few_images", "other_mix", "print_calibration", "sentences"]

METHODS = {
    "none": "nothing (the scores serve as they are)",
    "temperature": "one temperature",
    "group": "a temperature for each group",
    "bias": "a temperature and a bias for each class",
    "vector": "a factor and a bias for each class",
}
FAR = 20.0  # percent of the images that differ in class between two mixes, from which on it is said
PARTS = ("all", "balanced", *GROUPS)


def print_calibration(entries: dict[str, Any]) -> None:
    """Print for each head what calibration, sets and reject option give, by group.

    Args:
        entries: as `measure_calibration` gives them, with `sentences` and `doubts`.
    """
    console = Console(width=max(Console().width, 96))
    for name, entry in entries.items():
        fitted = f"fitted on {entry['images']:,} images, {entry['calibrated_on']}; measured on {entry['measured_on']}"
        console.print(f"{name}: {METHODS[entry['method']]}, {fitted}", highlight=False, soft_wrap=True)
        console.print(_probabilities(entry["probabilities"]))
        console.print(_sets_and_accepted(entry))
        for line in (*entry["sentences"], *entry["doubts"]):
            console.print(line, highlight=False, soft_wrap=True)
        console.print()


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    return table


def _probabilities(measured: dict[str, Any]) -> Table:
    table = _table("", "ECE, %", "adaptive ECE, %", "Brier score", "log-loss")
    for part in PARTS:
        before, after = measured["before"][part], measured["after"][part]
        if after is not None:
            keys = (("ece", 1), ("adaptive_ece", 1), ("brier", 3), ("log_loss", 3))
            table.add_row(part, *(_change(before[key], after[key], digits) for key, digits in keys))
    return table


def _sets_and_accepted(entry: dict[str, Any]) -> Table:
    table = _table("", *(f"{kind} sets" for kind in entry["sets"]), "accepted", "of these right")
    for part in ("all", *GROUPS):
        if entry["reject"][part] is not None:
            result = [kind[part] for kind in entry["sets"].values()]
            accepted = entry["reject"][part]
            cells = [f"{_percent(sets['coverage'])} ({sets['mean_size']:.1f})" for sets in result]
            table.add_row(part, *cells, _percent(accepted["accepted"]), _percent(accepted["accuracy"]))
    return table


def sentences(name: str, entry: dict[str, Any]) -> list[str]:
    """Return what a person may rely on: of probabilities, of sets, and of accepted predictions.

    Args:
        name: of the head.
        entry: as `measure_calibration` gives it.
    """
    before, after = (entry["probabilities"][when]["all"] for when in ("before", "after"))
    now = f"claims to be right in {_percent(after['confidence'])} of the cases and is in {_percent(after['accuracy'])}."
    text = f"{name} {now}"
    if entry["method"] != "none":
        was = f"{_percent(before['confidence'])} of the cases and was in {_percent(before['accuracy'])}"
        text = f"{name} claimed to be right in {was}; now it {now}"
    changed, fair = entry["decisions"], entry["decisions"]["balanced"]
    if changed["changed"]:
        text += (
            f" {changed['changed']:,} of {changed['images']:,} images get another class (balanced accuracy "
            f"{fair['before']:.1f} before, {fair['after']:.1f} after)."
        )
    return [text, *_sets(entry), _rejects(entry)]


def few_images(entry: dict[str, Any]) -> list[str]:
    """Say it where there are too few images, or no wrong answer, to learn from how sure an answer may be.

    Args:
        entry: as `measure_calibration` gives it.
    """
    images, right = entry["images"], entry["right"]
    if images < FEWEST_IMAGES:
        fitted = "serve as they are" if entry["method"] == "none" else "rest on next to nothing"
        return [
            f"{images} images are too few to calibrate: the scores {fitted}. With {FEWEST_IMAGES} or more it can be "
            "said how often an answer of 80 % is right."
        ]
    if right == images:
        return [
            f"All {images:,} answers are right on {entry['calibrated_on']}: how sure a wrong one is cannot be learnt "
            "there. Probabilities are held down as if one more had been wrong."
        ]
    return []


def other_mix(entry: dict[str, Any]) -> list[str]:
    """Say it where the images that were measured are of another mix of classes than the probabilities are for.

    Args:
        entry: as `measure_calibration` gives it.
    """
    result = entry["under_prior"]
    if result["distance"] < FAR:
        return []
    ece, loss = (
        _change(result["before"][key], result["after"][key], digits) for key, digits in (("ece", 1), ("log_loss", 3))
    )
    return [
        f"Classes are mixed otherwise on {entry['measured_on']} than where the probabilities are to hold "
        f"({result['distance']:.0f} % of the images would have to be of other classes). Weighed to that mix, ECE is "
        f"{ece} and log-loss {loss}. --prior says where they are to hold: uniform, train or a file."
    ]


def _sets(entry: dict[str, Any]) -> list[str]:
    kind, promised = entry["stored_sets"], 100 * (1 - entry["alpha"])
    result = entry["sets"][kind]
    rarest = _rarest(result)
    low, high = result[rarest]["interval"]
    paragraphs = [
        f"The {kind} sets were to hold the true class of {promised:g} % of the images. They do for "
        f"{_percent(result['all']['coverage'])}, with {result['all']['mean_size']:.1f} classes in the mean; in the "
        f"group {rarest} for {_percent(result[rarest]['coverage'])} (95 % interval {low:.0f} to {high:.0f})."
    ]
    missing = [count for count in entry["sets"]["class"]["images_missing"] if count > 0]
    if missing:
        effect = "class sets hold them always" if kind != "class" else "every set holds them"
        paragraphs.append(
            f"For {len(missing)} of {len(result['per_class'])} classes there are too few images to promise that of "
            f"each by itself: {effect}. {sum(missing):,} more images of these classes would mend it."
        )
    return paragraphs


def _rounded_down(percent: float) -> str:
    # typed again, it has to be within what can be promised
    return f"{math.floor(10 * percent) / 10:.1f}"


def _rejects(entry: dict[str, Any]) -> str:
    rule, result = entry["rule"], entry["reject"]
    if rule["threshold"] is None:
        return (
            f"No confidence promises {rule['wanted']:g} % of right answers: with --reject every image goes to a "
            f"person. The most that these images can promise is {_rounded_down(rule['attainable'])} % "
            "(--accept-accuracy)."
        )
    rarest = _rarest(result)
    in_rarest = result[rarest]
    right = "" if in_rarest["accuracy"] is None else f" ({_percent(in_rarest['accuracy'])} right)"
    return (
        f"For {rule['wanted']:g} % of right answers, those of at least {100 * rule['threshold']:.0f} % are accepted: "
        f"{_percent(result['all']['accepted'])} of the images ({_percent(result['all']['accuracy'])} right), and "
        f"{_percent(in_rarest['accepted'])} of those of the group {rarest}{right}."
    )


def _rarest(by_group: dict[str, Any]) -> str:
    return next(group for group in reversed(GROUPS) if by_group[group] is not None)


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} %"


def _change(before: float | None, after: float | None, digits: int) -> str:
    if before is None or after is None:
        return "-"
    return f"{before:.{digits}f} -> {after:.{digits}f}"
