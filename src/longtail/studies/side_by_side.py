"""Trainings that differ in one setting of stage 1, and what each classifier makes of them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from longtail.files.text import counted
from longtail.studies.opening import OpenStudy

__all__ = ["gain_text", "measured_split", "run_variants", "side_by_side", "values_of"]

Results = dict[str, list[dict[str, Any]]]  # of each variant: those of its seeds


def run_variants(
    opened: OpenStudy,
    variants: Mapping[str, Mapping[str, Any]],
    *,
    base: str,
    words: dict[str, str],
    more_answers: Callable[[Results], list[str]] = lambda results: [],
) -> dict[str, Any]:
    """Train each variant with each seed, fit the classifiers, and write the study.

    Runs that an earlier call finished are not done again.

    Args:
        opened: the study.
        variants: for each name the fields of the run's config that are its own.
        base: the variant that the others are compared with.
        words: `title`, `question`, and `source` of the paper.
        more_answers: sentences that the results of all variants give besides.
    """
    from longtail.jobs.run import run_seeds
    from longtail.studies.study_outcome import finish_study

    results = {
        variant: run_seeds(
            opened.fabric, replace(opened.config, **changes), opened.splits, opened.folder / variant, table=False
        )
        for variant, changes in variants.items()
    }
    if not opened.fabric.is_global_zero:
        return {}
    study = side_by_side(results, base=base, words=words)
    study["answers"] += more_answers(results)
    return finish_study({"name": opened.name, **study}, opened.folder, quiet=opened.config.runtime.quiet)


def side_by_side(results: Results, *, base: str, words: dict[str, str]) -> dict[str, Any]:
    """Put the results of runs that differ in stage 1 alone side by side.

    Args:
        results: for each variant the results of its seeds, the same seeds and methods for all.
        base: the variant that the others are compared with; no comparison where it is missing.
        words: `title`, `question`, and `source` of the paper.

    Returns:
        A study without its name: a table and a panel for each metric, and the differences in words.
    """
    from longtail.jobs.seeds import METRICS, mean_and_interval, spread_text

    first = next(iter(results.values()))[0]
    methods = list(first["methods"])
    split = measured_split(first)
    seeds = [result["seed"] for result in next(iter(results.values()))]

    def values(variant: str, method: str, metric: str) -> list[float | None]:
        return values_of(results[variant], method, metric)

    cells = {
        metric: {
            variant: {method: mean_and_interval(values(variant, method, metric)) for method in methods}
            for variant in results
        }
        for metric in METRICS
    }
    shown = [
        metric for metric in METRICS if any(cell is not None for row in cells[metric].values() for cell in row.values())
    ]
    return {
        "title": f"{first['title']}: {words['title']}",
        "question": f"{words['question']} Accuracy in percent on {split}, {spread_text(len(seeds))}.",
        "answers": _answers(values, list(results), methods, base),
        "source": words["source"],
        "tables": [
            {
                "title": metric,
                "columns": methods,
                "rows": [
                    {"name": variant, "cells": [cells[metric][variant][method] for method in methods]}
                    for variant in results
                ],
            }
            for metric in shown
        ],
        "figures": [
            {
                "kind": "points",
                "title": "Accuracy by classifier and stage 1",
                "caption": "A point is a mean over seeds, the line its 95 % interval.",
                "series": list(results),
                "panels": [{"name": metric, "rows": methods, "values": cells[metric]} for metric in shown],
            }
        ],
        "notes": [
            f"Stage 1: {_stages(results)}. Seeds {', '.join(map(str, seeds))}; splits and test images are the same for "
            "all. Intervals over seeds cover another training with another seed, not another draw of test images. "
            "Hyper-parameters of the classifiers are those of each run; what they say of their choice stands in its "
            "results.json.",
            *(
                ["The best other one is named after it was measured, out of several, which flatters it a little."]
                if len(results) > 2
                else []
            ),
        ],
        "data": first["data"],
    }


def measured_split(results: dict[str, Any]) -> str:
    """Return on which split a run was measured: test where there is one."""
    return "test" if "test" in next(iter(results["methods"].values()))["metrics"] else "val"


def values_of(runs: list[dict[str, Any]], method: str, metric: str) -> list[Any]:
    """Return one metric of one method for each seed of a variant; None where its group is empty."""
    return [result["methods"][method]["metrics"][measured_split(result)][metric] for result in runs]


def gain_text(after: list[Any], before: list[Any]) -> str:
    """Say by how much one variant is better than another, paired by seed."""
    from longtail.jobs.seeds import difference_text, mean_and_interval

    return difference_text(mean_and_interval([a - b for a, b in zip(after, before, strict=True)]))


def _stages(results: Results) -> str:
    stages = [result[0]["stage1"] for result in results.values()]
    return ", ".join(dict.fromkeys(f"{stage['backbone']}, {counted(stage['epochs'], 'epoch')}" for stage in stages))


def _answers(values: Any, variants: list[str], methods: list[str], base: str) -> list[str]:
    """Say for each classifier which variant is best in balanced accuracy, and how far the base is from it."""
    if base not in variants or len(variants) < 2:
        return []
    sentences = []
    for method in methods:
        means = {variant: _mean(values(variant, method, "balanced")) for variant in variants}
        others = {variant: mean for variant, mean in means.items() if variant != base}
        rival = max(others, key=lambda variant: others[variant])
        gap = gain_text(values(base, method, "balanced"), values(rival, method, "balanced"))
        sentences.append(
            f"{method}, balanced accuracy: {base} {means[base]:.1f}, best other {rival} {means[rival]:.1f}; "
            f"difference {gap}."
        )
    return sentences


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
