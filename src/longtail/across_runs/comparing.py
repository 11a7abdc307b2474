"""Compare finished runs on the test rows that they share."""

from collections.abc import Sequence
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.across_runs.answers import answers_of, notes_of
from longtail.across_runs.measured_run import MeasuredRun, open_run
from longtail.across_runs.run_comparison import SCHEMA, RunComparison
from longtail.across_runs.same_rows import SharedRows, class_places, shared_rows
from longtail.across_runs.settings_that_differ import settings_that_differ
from longtail.comparison.paired_comparisons import LEVEL, POWER, Measured, compared_pairs
from longtail.environment import provenance
from longtail.errors import InputError
from longtail.evaluation import accuracy_intervals, corrected, metric_weights, tally
from longtail.evaluation.paired_tests import Correction
from longtail.files.text import printable
from longtail.runs import Run

__all__ = ["compare_runs"]

METRICS = ("all", "balanced", "many", "medium", "few")


def compare_runs(
    *runs: Run | Path | str, method: str | None = None, correction: Correction = "holm", seed: int = 0
) -> RunComparison:
    """Compare finished runs with the first of them, on the same test rows where they have the same data.

    Each run is compared by one of its methods. Runs that were measured on the same rows are compared pair by pair, as
    `paired_metric_tests` does, on the rows that all of them share, with the classes and groups of the first. A run of
    other data stands beside them with what it measured itself, without a test.

    Args:
        runs: two or more of them, or their folders; up to 26.
        method: that all are compared by; default: the one that each run's report recommends.
        correction: for several comparisons with the first.
        seed: of what is drawn in tests and intervals.

    Returns:
        What was measured; it prints itself, and writes a page.

    Raises:
        InputError: fewer than two runs, one of them twice, a folder that holds no finished run, or no such method.
    """
    if not 2 <= len(runs) <= len(ascii_uppercase):
        raise InputError(f"{len(runs)} runs to compare; expected 2 to {len(ascii_uppercase)} folders of finished runs.")
    corrected([], correction)  # refuses an unknown one
    opened = [open_run(run, letter, method) for run, letter in zip(runs, ascii_uppercase, strict=False)]
    places = [one.run.folder.resolve() for one in opened]
    if len(set(places)) < len(places):
        twice = next(place for place in places if places.count(place) > 1)
        raise InputError(f"{printable(twice)}: is given twice, and does not differ from itself. Expected other runs.")
    first = opened[0]
    shared = {one.letter: shared_rows(first, one) for one in opened[1:]}
    paired = [first, *(one for one in opened[1:] if shared[one.letter].apart is None)]
    measured = _on_shared_rows(paired, shared)
    groups = np.array(first.data["group_of_class"])
    pairs = [(one.letter, first.letter) for one in paired[1:]]
    differences = compared_pairs(measured, groups, pairs, correction=correction, seed=seed)
    content: dict[str, Any] = {
        "schema": SCHEMA,
        "split": first.split,
        "rows": len(measured.labels),
        "group_thresholds": first.data["group_thresholds"],
        "runs": [_facts(one, shared, measured, groups, seed) for one in opened],
        "correction": correction,
        "level": LEVEL,
        "power": POWER,
        "differences": differences,
        "settings": settings_that_differ(opened),
        "methods": _methods(opened),
        "classes": _classes(paired, measured, groups),
    }
    content["answers"] = answers_of(content)
    content["notes"] = notes_of(opened, shared, content)
    return RunComparison({**content, **provenance()})


def _on_shared_rows(paired: Sequence[MeasuredRun], shared: dict[str, SharedRows]) -> Measured:
    """Return labels and predictions on the rows that all have, in the classes of the first."""
    first = paired[0]
    rows = np.arange(len(first.rows.labels))
    for one in paired[1:]:
        rows = rows[shared[one.letter].places[rows] >= 0]
    predictions = {first.letter: first.predictions[rows]}
    for one in paired[1:]:
        predictions[one.letter] = class_places(first, one)[one.predictions[shared[one.letter].places[rows]]]
    groups = first.rows.words.get("group")
    return Measured(first.rows.labels[rows], predictions, None if groups is None else _group_numbers(groups)[rows])


def _group_numbers(words: Sequence[str]) -> NDArray[np.int64]:
    """Return a number for each row's group; a row that names none is a group of its own."""
    names = [word or f"\0{row}" for row, word in enumerate(words)]
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


def _facts(
    one: MeasuredRun, shared: dict[str, SharedRows], measured: Measured, groups: NDArray[np.str_], seed: int
) -> dict[str, Any]:
    results, facts = one.run.results, one.run.facts(one.method)
    pairing = shared.get(one.letter)
    apart = None if pairing is None else pairing.apart
    validated = facts["metrics"].get("val") if one.split != "val" else None
    return {
        "letter": one.letter,
        "folder": str(one.run.folder),
        "title": results["title"],
        "verb": one.run.settings.get("verb"),
        "method": one.method,
        "seed": results.get("seed"),
        "created": results.get("created"),
        "split": one.split,
        "rows": len(one.rows.labels),
        "apart": apart,
        "metrics": _own_metrics(facts["metrics"][one.split])
        if apart is not None
        else _metrics(measured, one.letter, groups, seed),
        "val_balanced": None if validated is None else validated["balanced"],
    }


def _own_metrics(metrics: dict[str, Any]) -> dict[str, Any]:
    """Return what the run itself measured."""
    intervals = metrics.get("intervals") or {}
    return {
        name: None if metrics[name] is None else {"value": metrics[name], "interval": intervals.get(name)}
        for name in METRICS
    }


def _metrics(measured: Measured, letter: str, groups: NDArray[np.str_], seed: int) -> dict[str, Any]:
    counted = tally(measured.labels, measured.predictions[letter], len(groups), sample_groups=measured.sample_groups)
    intervals = accuracy_intervals(counted, groups, seed=seed)
    return {
        name: None if weights is None else {"value": 100 * float(weights @ counted.hits), "interval": intervals[name]}
        for name, weights in metric_weights(counted.totals, groups).items()
    }


def _methods(opened: Sequence[MeasuredRun]) -> list[dict[str, Any]]:
    """Return the balanced accuracy of every method of every run, each as the run measured it."""
    methods = {one.letter: one.run.results["methods"] for one in opened}
    values = {
        name: {one.letter: methods[one.letter].get(name, {}).get("metrics", {}).get(one.split) for one in opened}
        for name in dict.fromkeys(name for entries in methods.values() for name in entries)
    }
    return [
        {"method": name, "balanced": {letter: cell and cell["balanced"] for letter, cell in cells.items()}}
        for name, cells in values.items()
    ]


def _classes(paired: Sequence[MeasuredRun], measured: Measured, groups: NDArray[np.str_]) -> list[dict[str, Any]]:
    """Return for each class how many of its shared rows each run finds, the rarest first."""
    first = paired[0]
    hits = {letter: tally(measured.labels, said, len(groups)).hits for letter, said in measured.predictions.items()}
    totals = np.bincount(measured.labels, minlength=len(groups))
    trained: dict[str, NDArray[np.int64]] = {}
    for one in paired:
        trained[one.letter] = np.empty_like(one.run.train_counts)
        trained[one.letter][class_places(first, one)] = one.run.train_counts
    order = np.argsort(first.run.train_counts, kind="stable").tolist()
    return [
        {
            "name": first.run.class_names[number],
            "group": str(groups[number]),
            "train": {letter: int(counts[number]) for letter, counts in trained.items()},
            "rows": int(totals[number]),
            "found": {letter: int(found[number]) for letter, found in hits.items()},
        }
        for number in order
    ]
