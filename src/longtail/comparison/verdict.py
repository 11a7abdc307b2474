"""Say in words what was gained, what it cost, and how sure that is."""

from typing import Any

import numpy as np

from longtail.comparison.choice_sentence import choice_sentence
from longtail.comparison.doubts import further_doubts, leak
from longtail.comparison.grouping_sentence import grouping_sentence
from longtail.counts import GROUP_WORDS, GROUPS

__all__ = ["recommended", "verdict", "verdict_lines"]

CHOSEN_ON = {
    "val": "On validation",
    "test": "On test",
    "train-cv": "In cross-validation of train",
    "val+cv": "On validation and in cross-validation of train",
}


def recommended(methods: dict[str, Any]) -> tuple[str, str]:
    """Choose the method to recommend, never by its test results, and say on what it was chosen.

    Args:
        methods: that part of results.json.
    """
    with_val = {
        name: entry["metrics"]["val"]["balanced"] for name, entry in methods.items() if "val" in entry["metrics"]
    }
    if "auto" in methods:
        return "auto", methods["auto"]["selected_on"]
    if with_val:
        return max(with_val, key=lambda name: with_val[name]), "val"
    return ("tau" if "tau" in methods else list(methods)[-1]), "not selected"


def verdict(results: dict[str, Any]) -> dict[str, Any]:
    """Choose the method to recommend and put its gain over joint into a sentence.

    The method is `auto` where that was asked for, else the one with the best balanced accuracy on validation. Without
    validation data none is chosen by its result: the sentence is about tau, or else the last method, whatever it gives.

    Args:
        results: content of results.json.

    Returns:
        {"best", "selected_on", "sentence", "choice": how `auto` was chosen, or None, "doubt": what the test images do
        not show of it, or None, "leak": rows that stand in two splits, or None, "doubts": what else is to be doubted,
        "together": whether groups
        were kept whole, where there are any, "quick": that it was cut short, where it was}.
    """
    methods = results["methods"]
    best, selected_on = recommended(methods)
    choice = methods[best].get("choice")
    return {
        "best": best,
        "selected_on": selected_on,
        "sentence": _sentence(results, best if choice is None or choice["method"] != "joint" else "joint", selected_on),
        "choice": None if choice is None else choice_sentence(choice),
        "doubt": _unsupported(results, best),
        "leak": leak(results, best),
        "doubts": further_doubts(results),
        **({"quick": results["quick"]} if results.get("quick") else {}),
        **({} if (sentence := grouping_sentence(results["data"])) is None else {"together": sentence}),
    }


def verdict_lines(verdict: dict[str, Any]) -> list[str]:
    """Return what a verdict says, a paragraph each, as a terminal shows it.

    Args:
        verdict: that part of results.json.
    """
    sentences = [
        verdict.get("quick"),
        verdict.get("choice"),
        verdict.get("sentence"),
        verdict.get("doubt"),
        verdict.get("leak"),
    ]
    return [line for line in (*sentences, *verdict.get("doubts", ()), verdict.get("together")) if line]


def _unsupported(results: dict[str, Any], best: str) -> str | None:
    """Return where the test images do not show that the best method is better than joint, and what they could show."""
    comparisons = results.get("comparisons") or {"pairs": []}
    pair = next((p for p in comparisons["pairs"] if (p["method"], p["baseline"]) == (best, "joint")), None)
    if pair is None:
        return None
    rare = [group for group in GROUPS if pair["metrics"][group] is not None][-1]
    claims = {"rare classes": pair["metrics"][rare], "mean over all classes": pair["metrics"]["balanced"]}
    for what, result in claims.items():
        if result["difference"] > 0 and result["p_corrected"] >= comparisons["level"]:
            number = len(comparisons["pairs"])
            after = f" after {comparisons['correction'].title()}'s correction for {number} comparisons"
            least = result["smallest"]
            could = (
                "these test images are too few to show any"
                if least is None
                else f"test images like these would show one of {least:.0f} points in "
                f"{100 * comparisons['power']:.0f} of 100 cases"
            )
            p = f"p = {result['p_corrected']:.2g}{after if number > 1 else ''}"
            return f"A gain in the {what} is not shown ({p}): {could}."
    return None


def _sentence(results: dict[str, Any], best: str, selected_on: str) -> str:
    methods = results["methods"]
    if "test" not in methods[best]["metrics"]:
        return "There is no test split: nothing can be said about new images."
    if best == "joint":
        if len(methods) == 1:
            return "Only joint was fitted: there is nothing to compare it with."
        where = CHOSEN_ON.get(selected_on)
        if where is None:
            return "Nothing was chosen: without validation data no method is said to be better than joint."
        return f"{where} no method is better than joint: keep the classifier as it is."
    if "joint" not in methods:
        balanced = methods[best]["metrics"]["test"]["balanced"]
        return f"{best} reaches a balanced accuracy of {balanced:.1f} %. Add joint to the methods to compare."
    versus = methods[best]["versus_joint"]
    present = [group for group in GROUPS if versus[group] is not None]
    rare, common = present[-1], present[0]
    before, after, total = (_count_images(results, method, rare) for method in ("joint", best, None))
    change = versus[rare]
    low, high = change["interval"]
    compared = len((results.get("comparisons") or {"pairs": []})["pairs"])
    corrected = f", corrected for {compared} comparisons" if compared > 1 else ""
    text = (
        f"The {GROUP_WORDS[rare]}: joint finds {before:,} of {total:,} images, {best} finds {after:,} "
        f"({change['difference']:+.1f} points as the mean over these classes, "
        f"95 % interval [{low:+.1f}, {high:+.1f}]{corrected}{_doubt(change)})"
    )
    if common != rare:
        cost = versus[common]
        verb = "lose" if cost["difference"] < 0 else "gain"
        changed = f"{verb} {abs(cost['difference']):.1f} points{_doubt(cost)}"
        text += f"; the {GROUP_WORDS[common]} {changed if abs(cost['difference']) >= 0.05 else 'stay as they are'}"
    more = (methods[best].get("choice") or {"fitted_on": ["train"]})["fitted_on"][1:]
    if more:
        text += (
            f". {best} has also learnt from the {' and '.join(more)} rows, which joint has not seen: part of the "
            "difference may come from them"
        )
    return text + "."


def _doubt(change: dict[str, Any]) -> str:
    low, high = change["interval"]
    return "" if low > 0 or high < 0 else ", which may be chance"


def _count_images(results: dict[str, Any], method: str | None, group: str) -> int:
    """Count the test images of a group, or those of them that a method finds."""
    test = results["methods"][method or "joint"]["metrics"]["test"]
    groups = np.array(results["data"]["group_of_class"])
    counts = np.array(test["per_class_images"])
    recall = np.array([0.0 if value is None else value for value in test["per_class"]]) / 100
    chosen = groups == group
    return int(np.rint((counts * (recall if method else 1))[chosen]).sum())
