"""Does a deeper network miss the tail less?"""

from dataclasses import dataclass, field, replace
from typing import Any

from longtail.backbones import create_backbone
from longtail.errors import InputError
from longtail.jobs.run import RunConfig
from longtail.studies.opening import open_study
from longtail.studies.side_by_side import run_variants

__all__ = ["ArchitecturesConfig", "run"]


@dataclass(frozen=True)
class ArchitecturesConfig:
    """Train each backbone alike, fit every classifier on each, and compare: the unified perspective's table 11."""

    run: RunConfig = field(default_factory=RunConfig)
    backbones: str = "resnet32,resnet44,resnet56,resnet110"
    """Backbones, with commas between; the others are compared with the first."""


def run(config: ArchitecturesConfig) -> dict[str, Any]:
    """Carry out the study; runs that an earlier call finished are not done again."""
    names = list(dict.fromkeys(name.strip() for name in config.backbones.split(",") if name.strip()))
    if not names:
        raise InputError("--backbones is empty; expected names such as resnet32,resnet56.")
    opened = open_study("architectures", config.run)
    for name in set(names) - {"auto"}:
        # a name that is not there is told before the first network is trained
        create_backbone(name, num_classes=len(opened.splits.class_names), in_chans=opened.splits.train.load(0).shape[0])
    return run_variants(
        opened,
        {name: {"stage": replace(config.run.stage, backbone=name)} for name in names},
        base=names[0],
        words={
            "title": "which architecture?",
            "question": "Does a deeper network miss the tail less?",
            "source": "unified perspective",
        },
    )
