"""Is it enough to train the classifier again, or should the backbone follow?"""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from longtail.backbones import Part
from longtail.errors import InputError
from longtail.files.text import counted
from longtail.jobs.head_options import HeadOptions, ImageOptions
from longtail.jobs.run import RunConfig

if TYPE_CHECKING:
    from longtail.data.source import DataSplits

__all__ = ["RetrainedPartsConfig", "compare_parts", "run"]


@dataclass(frozen=True)
class RetrainedPartsConfig:
    """Go on from stage 1 on class-balanced images with more or less of the network learning."""

    run: RunConfig = field(default_factory=RunConfig)
    parts: str = "classifier,last-block,all:0.1,all"
    """Parts that learn, with commas between; behind a colon the backbone's rate, times the classifier's."""


def run(config: RetrainedPartsConfig) -> dict[str, Any]:
    """Carry out the study; trainings that an earlier call finished are not done again."""
    from longtail.evaluation import accuracy_report
    from longtail.jobs.run import run_seeds
    from longtail.jobs.stage_one.retrain import RetrainingOptions, retrain_from_images
    from longtail.jobs.stage_one.trained_model import open_model
    from longtail.studies.opening import open_study
    from longtail.studies.study_outcome import finish_study
    from longtail.training.checkpoints import find_checkpoint

    parts = _parts(config.parts)
    _refuse_what_the_study_sets(config.run)
    heads, images = replace(config.run.heads, methods="joint"), replace(config.run.images, crt_from="images")
    study = open_study("retrained-parts", replace(config.run, heads=heads, images=images))
    fabric, base, splits, folder = study.fabric, study.config, study.splits, study.folder
    if splits.test is None or not len(splits.test):
        raise InputError("the study measures on test, and this data has no test split. Set --test-fraction.")
    _refuse_parts_it_lacks(parts, base, splits)
    results = run_seeds(fabric, base, splits, folder, table=False)
    labels = np.asarray(splits.test.labels)
    reports: dict[str, list[dict[str, Any]]] = {}
    for name, (part, rate) in parts.items():
        images = replace(base.images, crt_from="images", crt_part=part, crt_backbone_rate=rate)
        reports[name] = []
        for seed in range(base.runtime.seed, base.runtime.seed + base.seeds):
            place = folder if base.seeds == 1 else folder / f"seed-{seed}"
            model = open_model(find_checkpoint(place, base.stage.use), fabric.device)
            options = RetrainingOptions(base.stage, base.heads, images, replace(base.runtime, seed=seed))
            checkpoints = place / "checkpoints" / f"retrained-{name.replace(':', '-')}"
            _, predictions = retrain_from_images(fabric, model, splits, options, checkpoints)
            if fabric.is_global_zero:
                counts = results[0]["data"]["train_counts"]
                bounds = {"many_above": base.heads.many_above, "few_below": base.heads.few_below}
                reports[name].append(accuracy_report(labels, predictions["test"], counts, **bounds))
    if not fabric.is_global_zero:
        return {}
    joint = [result["methods"]["joint"]["metrics"]["test"] for result in results]
    result = compare_parts({"joint (not retrained)": joint, **reports}, results[0], _crt_epochs(base))
    return finish_study(result, folder, quiet=base.runtime.quiet)


def _crt_epochs(config: RunConfig) -> int:
    from longtail.comparison import read_settings
    from longtail.comparison.method_settings import unfitted_head

    crt: Any = unfitted_head("crt", read_settings(config.heads.set))
    return int(crt.epochs)


def compare_parts(reports: dict[str, list[dict[str, Any]]], first: dict[str, Any], epochs: int) -> dict[str, Any]:
    """Put the test results of networks that were retrained in part side by side.

    Args:
        reports: for each part the accuracy reports of its seeds; the stage-1 network first.
        first: results of the first seed's stage 1.
        epochs: of the retraining.

    Returns:
        A study with one table and one figure.

    Reference:
        Kang et al., "Decoupling Representation and Classifier for Long-Tailed Recognition", ICLR 2020, arXiv
        1910.09217, its comparison of retrained parts.
    """
    from longtail.jobs.seeds import METRICS, difference_text, mean_and_interval, spread_text

    cells = {
        name: {metric: mean_and_interval([report[metric] for report in result]) for metric in METRICS}
        for name, result in reports.items()
    }
    plain = [report["balanced"] for report in reports["classifier"]] if "classifier" in reports else []
    gaps = {
        name: mean_and_interval([r["balanced"] - base for r, base in zip(result, plain, strict=True)])
        for name, result in list(reports.items())[1:]
        if plain and name != "classifier"
    }
    return {
        "name": "retrained-parts",
        "title": f"{first['title']}: what to train again",
        "question": (
            "The decoupling paper finds that it is enough to train the classifier again on class-balanced samples, and "
            f"that training the backbone too does harm. {counted(epochs, 'epoch')} on class-balanced, augmented "
            f"images; accuracy in percent on test, {spread_text(len(next(iter(reports.values()))))}."
        ),
        "answers": [
            f"{name}, balanced accuracy against the classifier alone: {difference_text(gap)}."
            for name, gap in gaps.items()
        ],
        "tables": [
            {
                "title": "What was trained again; behind a colon the backbone's learning rate over the classifier's",
                "columns": list(METRICS),
                "rows": [{"name": name, "cells": [result[m] for m in METRICS]} for name, result in cells.items()],
            }
        ],
        "figures": [
            {
                "kind": "points",
                "title": "Accuracy by what was trained again",
                "caption": "A point is a mean over seeds, the line its 95 % interval.",
                "series": ["accuracy"],
                "panels": [
                    {
                        "name": metric,
                        "rows": list(cells),
                        "values": {"accuracy": {name: result[metric] for name, result in cells.items()}},
                    }
                    for metric in METRICS
                    if any(result[metric] is not None for result in cells.values())
                ],
            }
        ],
        "notes": [
            f"Stage 1: {first['stage1']['backbone']}, {counted(first['stage1']['epochs'], 'epoch')}. Batch norm of "
            "what does not learn keeps the statistics of stage 1, unless --bn-mode reestimated is set."
        ],
        "data": first["data"],
    }


def _refuse_what_the_study_sets(config: RunConfig) -> None:
    images, default = config.images, ImageOptions()
    for option, given, plain in (
        ("--methods", config.heads.methods, HeadOptions().methods),
        ("--crt-part", images.crt_part, default.crt_part),
        ("--crt-backbone-rate", images.crt_backbone_rate, default.crt_backbone_rate),
    ):
        if given != plain:
            raise InputError(f"{option} {given} does nothing in this study. Say with --parts what is trained again.")


def _refuse_parts_it_lacks(parts: dict[str, tuple[Part, float]], config: RunConfig, splits: "DataSplits") -> None:
    """Tell before stage 1, not after hours of it, that the network has no such part."""
    from longtail.backbones import create_backbone, hold_all_but
    from longtail.jobs.stage_one.images import stage_preprocessing
    from longtail.jobs.stage_one.setup import backbone_for

    preprocessing = stage_preprocessing(splits, config.stage)
    name = backbone_for(config.stage, preprocessing)
    model = create_backbone(name, num_classes=len(splits.class_names), in_chans=preprocessing.channels)
    for part, _ in parts.values():
        hold_all_but(model, part)


def _parts(text: str) -> dict[str, tuple[Part, float]]:
    parts: dict[str, tuple[Part, float]] = {}
    for name in (word.strip() for word in text.split(",") if word.strip()):
        part, _, rate = name.partition(":")
        if part not in get_args(Part):
            raise InputError(f"--parts: no part {part!r}. Parts: {', '.join(get_args(Part))}.")
        try:
            parts[name] = (part, float(rate or 1.0))  # type: ignore[assignment]
        except ValueError:
            raise InputError(f"--parts {name!r}: {rate!r} is no number. Expected such as all:0.1.") from None
        if not 0 <= parts[name][1] < float("inf"):
            raise InputError(f"--parts {name!r}: expected a finite rate of at least 0, such as all:0.1.")
    if not parts:
        raise InputError(f"--parts is empty; expected some of {', '.join(get_args(Part))}.")
    return parts
