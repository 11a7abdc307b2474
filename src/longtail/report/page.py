"""The HTML page of a run: one file that opens anywhere."""

import math
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longtail.counts import GROUPS
from longtail.files.atomic import write_text
from longtail.report.calibration_section import calibration_view
from longtail.report.class_figures import (
    DRAWN_CLASSES,
    NAMED_CLASSES,
    SINGLE_CLASSES,
    accuracy_by_class,
    class_counts_figure,
    weight_norms,
)
from longtail.report.collect import collect_next, label_problems
from longtail.report.confusion_figures import confusion_view
from longtail.report.dlsa_figures import cluster_purities, group_confusions, likelihood_histograms, taken_rows
from longtail.report.evidence import class_changes, decided, shown_differences
from longtail.report.lead import lead
from longtail.report.method_figures import accuracy_by_group, hyperparameter_curve, learning_curves
from longtail.report.rare import rare_classes
from longtail.report.results import read_results

__all__ = ["page_environment", "render_report", "write_report"]

if TYPE_CHECKING:
    from jinja2 import Environment

METRICS = ("balanced", *reversed(GROUPS), "all")  # what matters first: a phone shows the first columns
SHORT = 18  # letters of a name that stands on one line
MOST_LINES = 8  # methods above which tables are folded, and lines of a figure left out


def write_report(run_folder: Path | str) -> Path:
    """Make report.html beside the results.json of a run, whole or not at all.

    Args:
        run_folder: folder of the run.

    Returns:
        The page.

    Raises:
        InputError: results.json is missing or cannot be used.
    """
    folder = Path(run_folder)
    html = render_report(read_results(folder), folder)
    page = folder / "report.html"
    write_text(page, html)
    return page


def render_report(results: dict[str, Any], folder: Path | str) -> str:
    """Put results into a page that needs no other file, no network and no script.

    Args:
        results: as `read_results` gives them.
        folder: that image paths in the results are relative to.

    Returns:
        HTML; the same results and images give the same text.
    """
    view = _view(results, Path(folder))
    return page_environment().get_template("report.html.j2").render(view, contents=_contents(view))


@cache
def page_environment() -> "Environment":
    """Return what templates need: strict names, everything escaped, filters for numbers; each is compiled once."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("longtail.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        fixed=_fixed,
        signed=_signed,
        whole=_whole,
        duration=_duration,
        breakable=_breakable,
        file_name=_file_name,
        with_code=_with_code,
    )
    return environment


def _view(results: dict[str, Any], folder: Path) -> dict[str, Any]:
    methods, data = results["methods"], results["data"]
    split = next((s for s in ("test", "val") if any(s in m["metrics"] for m in methods.values())), None)
    measured = {name: entry["metrics"][split] for name, entry in methods.items() if split in entry["metrics"]}
    best = results["verdict"].get("best")
    # "val" beside "test": a reader of the literature compares both
    beside = {name: entry["metrics"]["val"] for name, entry in methods.items() if "val" in entry["metrics"]}
    return {
        "results": results,
        "data": data,
        "groups": GROUPS,
        "metrics": METRICS,
        "split": split,
        "split_words": {"test": "the test split", "val": "the validation split", None: ""}[split],
        "measured": measured,
        "beside": beside if split == "test" else {},
        "best": best,
        "lead": lead(results),
        "doubts": _doubts(results["verdict"]),
        "explained": [(name, entry["summary"]) for name, entry in methods.items() if "summary" in entry],
        "without": _without(results, measured) if split == "test" else {},
        "versus": _versus(results),
        "shown": shown_differences(results, best, METRICS),
        "changes": class_changes(data, measured, _compared(measured, best)),
        "collect": collect_next(results),
        "labels": label_problems(results, folder),
        "thresholds": data["group_thresholds"],
        "spoiled": [name for name, entry in methods.items() if entry["selected_on"] == "test"],
        "figures": _figures(results, measured, split, best),
        "calibration": calibration_view(folder, measured, best),
        "dlsa": _dlsa(next((entry["dlsa"] for entry in methods.values() if entry.get("dlsa")), None)),
        "rare": rare_classes(results, folder, best or next(iter(methods))),
        "confusion": confusion_view(results),
        "classes": _class_rows(data, measured, _compared(measured, best)),
        "compared": _compared(measured, best),
        "few_classes": len(data["class_names"]) <= NAMED_CLASSES,
        "averaged": len(data["class_names"]) > SINGLE_CLASSES,
        "drawn_classes": DRAWN_CLASSES if len(data["class_names"]) > DRAWN_CLASSES else None,
        "many_methods": len(methods) > MOST_LINES,
    }


def _doubts(verdict: dict[str, Any]) -> list[str]:
    """Return what is to be doubted, the gravest first."""
    lines = (verdict.get("quick"), verdict.get("leak"), verdict.get("doubt"), *(verdict.get("doubts") or ()))
    return [line for line in lines if line]


def _without(results: dict[str, Any], measured: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return what the methods reach on test rows that stand in no other split, where some do."""
    without = (results["shared_rows"] or {}).get("without") or {}
    return {name: left for name, left in without.items() if name in measured}


def _contents(view: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the sections that the page has."""
    figures = view["figures"]
    sections = (
        ("methods", "Is it better?", view["split"]),
        ("versus", "Gained and lost", view["versus"]),
        ("where", "Which classes", True),
        ("trust", "Probabilities", view["calibration"]),
        ("rare", "The rarest classes", view["rare"]),
        ("confusion", "What is taken for what", view["confusion"]),
        ("collect", "Which classes to collect", view["collect"]),
        ("labels", "Labels worth a look", view["labels"]),
        ("why", "What changed inside", figures["curves"] or figures["norms"] or figures["stage1"]),
        ("dlsa", "DLSA's blocks", view["dlsa"]),
        ("made", "How it was made", True),
    )
    return [(anchor, name) for anchor, name, is_there in sections if is_there]


def _figures(
    results: dict[str, Any], measured: dict[str, dict[str, Any]], split: str | None, best: str | None
) -> dict[str, Any]:
    """Draw every figure that there is data for, as markup; the others are empty."""
    from markupsafe import Markup

    data, methods, stage1 = results["data"], results["methods"], results["stage1"]
    norms = {name: entry["weight_norms"] for name, entry in methods.items() if entry.get("weight_norms")}
    curves = {name: entry["curve"] for name, entry in methods.items() if entry.get("curve")}
    drawn = {
        "counts": class_counts_figure(data),
        **dict.fromkeys(("groups", "classes", "norms", "stage1"), ""),
    }
    if split is not None:
        compared = {name: measured[name]["per_class"] for name in _compared(measured, best)}
        drawn["groups"] = accuracy_by_group(measured, data["group_thresholds"], split)
        drawn["classes"] = accuracy_by_class(data, compared, split)
    if len(norms) > MOST_LINES:  # more lines cannot be told apart: those that the reader compares, and the simplest
        first = [name for name in dict.fromkeys(("joint", best, *norms)) if name in norms][:MOST_LINES]
        norms = {name: values for name, values in norms.items() if name in first}
    if norms:
        drawn["norms"] = weight_norms(data, norms)
    if stage1 and stage1.get("history"):
        drawn["stage1"] = learning_curves(stage1["history"])
    return {
        **{name: Markup(svg) for name, svg in drawn.items()},
        "curves": {name: Markup(hyperparameter_curve(name, curve)) for name, curve in curves.items()},
    }


def _versus(results: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return each method's differences to joint, each with the word that the tests allow."""
    comparisons = results.get("comparisons") or {"pairs": [], "level": 0.05}
    tested = {pair["method"]: pair["metrics"] for pair in comparisons["pairs"] if pair["baseline"] == "joint"}
    versus = {
        name: tested.get(name) or entry["versus_joint"]
        for name, entry in results["methods"].items()
        if entry.get("versus_joint")
    }
    return {
        name: {
            metric: None if result is None else {**result, "word": decided(result, comparisons["level"])}
            for metric, result in differences.items()
        }
        for name, differences in versus.items()
    }


def _dlsa(facts: dict[str, Any] | None) -> dict[str, Any] | None:
    """Draw what DLSA's blocks did, where there are any."""
    from markupsafe import Markup

    if facts is None or not facts["blocks"]:
        return None
    blocks = facts["blocks"]
    drawn = {
        "likelihood": likelihood_histograms(blocks),
        "taken": taken_rows(blocks),
        "clusters": cluster_purities(blocks),
        "confusion": group_confusions(facts["confusion"]) if facts.get("confusion") else "",
    }
    return {**facts, "figures": {name: Markup(svg) for name, svg in drawn.items()}}


def _compared(measured: dict[str, Any], best: str | None) -> list[str]:
    """Joint and the method of the verdict, of those that were measured; or the first method."""
    return [name for name in dict.fromkeys(("joint", best)) if name in measured] or list(measured)[:1]


def _class_rows(data: dict[str, Any], measured: dict[str, Any], compared: list[str]) -> list[dict[str, Any]]:
    rarest_first = sorted(range(len(data["class_names"])), key=lambda c: (data["train_counts"][c], c))
    return [
        {
            "name": data["class_names"][c],
            "train": data["train_counts"][c],
            "group": data["group_of_class"][c],
            "found": [measured[name]["per_class"][c] for name in compared],
            "precision": [(measured[name].get("per_class_precision") or {c: None})[c] for name in compared],
        }
        for c in rarest_first[:DRAWN_CLASSES]
    ]


def _fixed(value: float | None, digits: int = 1) -> str:
    return "–" if value is None or not math.isfinite(value) else f"{value:,.{digits}f}"


def _signed(value: float) -> str:
    # what rounds to zero has no sign
    return f"{value:+.1f}".replace("-", "−") if abs(value) >= 0.05 else "0.0"


def _breakable(name: str) -> str:
    """Let a class name that is too long for a cell break behind its underscores, not inside its words."""
    from markupsafe import Markup, escape

    return Markup(escape(name).replace("_", Markup("_<wbr>"))) if len(name) > SHORT else escape(name)


def _file_name(path: str) -> str:
    """Return the end of a path that names a file for a person: itself and the folder that it is in."""
    return "/".join(path.replace("\\", "/").split("/")[-2:])


def _with_code(text: str) -> str:
    """Set what stands between backticks, as a terminal shows it, as code.

    Example:
        >>> str(_with_code("`longtail describe` shows <more>"))
        '<code>longtail describe</code> shows &lt;more&gt;'
    """
    from markupsafe import Markup, escape

    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _whole(value: float | None) -> str:
    return _fixed(value, 0)


def _duration(seconds: float) -> str:
    if seconds < 0.05:
        return "< 0.1 s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
