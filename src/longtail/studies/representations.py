"""Which sampling learns the best representation, under each classifier?"""

from dataclasses import dataclass, field, replace
from typing import Any, get_args

from longtail.errors import InputError
from longtail.jobs.run import RunConfig
from longtail.sampling import Strategy

__all__ = ["RepresentationsConfig", "compare_representations", "run"]


@dataclass(frozen=True)
class RepresentationsConfig:
    """Train the backbone once with each sampling, fit every classifier on each, and compare: the paper's figure 1."""

    run: RunConfig = field(default_factory=RunConfig)
    representations: str = "instance,class,square-root,progressive"
    """Samplings of stage 1, with commas between."""


def run(config: RepresentationsConfig) -> dict[str, Any]:
    """Carry out the study; runs that an earlier call finished are not trained again."""
    from longtail.jobs.run import run_seeds
    from longtail.studies.opening import open_study
    from longtail.studies.outcome import finish_study

    strategies = _strategies(config.representations)
    if config.run.stage.representation != "instance":
        raise InputError(
            f"--representation {config.run.stage.representation}: this study trains with several samplings. "
            "Name them in --representations."
        )
    fabric, base, splits, folder = open_study("representations", config.run)
    results: dict[str, list[dict[str, Any]]] = {}
    for strategy in strategies:
        one = replace(base, stage=replace(base.stage, representation=strategy))
        results[strategy] = run_seeds(fabric, one, splits, folder / strategy, table=False)
    if not fabric.is_global_zero:
        return {}
    return finish_study(compare_representations(results), folder, quiet=base.runtime.quiet)


def compare_representations(results: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Put the results of runs that differ in stage 1's sampling alone side by side.

    Args:
        results: for each sampling the results of its seeds, the same seeds and methods for all.

    Returns:
        A study: a table and a panel for each metric, and what they say of the paper's finding.

    Reference:
        Kang et al., "Decoupling Representation and Classifier for Long-Tailed Recognition", ICLR 2020, arXiv
        1910.09217, figure 1.
    """
    from longtail.jobs.seeds import METRICS, mean_and_interval, spread_text

    first = next(iter(results.values()))[0]
    methods = list(first["methods"])
    split = "test" if "test" in first["methods"][methods[0]]["metrics"] else "val"

    def values(strategy: str, method: str, metric: str) -> list[float | None]:
        return [found["methods"][method]["metrics"][split][metric] for found in results[strategy]]

    cells = {
        metric: {
            strategy: {method: mean_and_interval(values(strategy, method, metric)) for method in methods}
            for strategy in results
        }
        for metric in METRICS
    }
    return {
        "name": "representations",
        "title": f"{first['title']}: which representation, under which classifier?",
        "question": (
            "The decoupling paper finds that plain, instance-balanced sampling learns the best representation once the "
            f"classifier is rebalanced. Accuracy in percent on {split}, {spread_text(len(first_seeds(results)))}."
        ),
        "answers": _answers(values, list(results), methods),
        "tables": [
            {
                "title": metric,
                "columns": methods,
                "rows": [
                    {"name": strategy, "cells": [cells[metric][strategy][method] for method in methods]}
                    for strategy in results
                ],
            }
            for metric in METRICS
            if any(cell is not None for row in cells[metric].values() for cell in row.values())
        ],
        "figures": [
            {
                "kind": "points",
                "title": "Accuracy by classifier and sampling of stage 1",
                "caption": "A point is a mean over seeds, the line its 95 % interval.",
                "series": list(results),
                "panels": [
                    {"name": metric, "rows": methods, "values": cells[metric]}
                    for metric in METRICS
                    if any(cell is not None for row in cells[metric].values() for cell in row.values())
                ],
            }
        ],
        "notes": [
            f"Stage 1: {first['stage1']['backbone']}, {first['stage1']['epochs']} epochs. Seeds "
            f"{', '.join(map(str, first_seeds(results)))}; splits and test images are the same for all. Intervals over "
            "seeds cover another training with another seed, not another draw of test images. Hyper-parameters of the "
            "classifiers are those of each run; what they say of their choice stands in its results.json."
        ],
        "data": first["data"],
    }


def first_seeds(results: dict[str, list[dict[str, Any]]]) -> list[int]:
    """Give the seeds that every row of a comparison was run with."""
    return [found["seed"] for found in next(iter(results.values()))]


def _answers(values: Any, strategies: list[str], methods: list[str]) -> list[str]:
    """Say for each classifier which sampling is best in balanced accuracy, and how far instance-balanced is from it."""
    from longtail.jobs.seeds import difference_text, mean_and_interval

    if "instance" not in strategies or len(strategies) < 2:
        return []
    sentences = []
    for method in methods:
        means = {strategy: _mean(values(strategy, method, "balanced")) for strategy in strategies}
        others = {strategy: mean for strategy, mean in means.items() if strategy != "instance"}
        rival = max(others, key=lambda strategy: others[strategy])
        pairs = zip(values("instance", method, "balanced"), values(rival, method, "balanced"), strict=True)
        gap = mean_and_interval([plain - other for plain, other in pairs])
        sentences.append(
            f"{method}, balanced accuracy: instance {means['instance']:.1f}, best other {rival} {means[rival]:.1f}; "
            f"difference {difference_text(gap)}."
        )
    return sentences


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _strategies(text: str) -> list[Strategy]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in get_args(Strategy)]
    if unknown or not names:
        raise InputError(
            f"--representations {text!r}: {f'no sampling {unknown[0]!r}' if unknown else 'names no sampling'}. "
            f"Samplings: {', '.join(get_args(Strategy))}."
        )
    return names  # type: ignore[return-value]
