"""Do unlabelled images help the tail, and does it matter how long-tailed they are?"""

from dataclasses import dataclass, field, replace
from typing import Any

from longtail.errors import InputError
from longtail.jobs.options import UnlabelledOptions
from longtail.jobs.run import RunConfig
from longtail.jobs.unlabelled_images import open_extra
from longtail.studies.opening import open_study
from longtail.studies.side_by_side import run_variants
from longtail.studies.tail_curve import numbers_of

__all__ = ["SemiSupervisedConfig", "run"]


@dataclass(frozen=True)
class SemiSupervisedConfig:
    """Train on the labelled images, let that network label images that were held back, train on both.

    The held-back images are drawn with exponential profiles of several ratios. Heads are fitted on the labelled images
    alone: what differs is the representation.
    """

    run: RunConfig = field(default_factory=RunConfig)
    imb_ratios: str = "1,50,100"
    """Ratios of the unlabelled images, with commas between."""


def run(config: SemiSupervisedConfig) -> dict[str, Any]:
    """Carry out the study; runs that an earlier call finished are not done again."""
    asked = config.run.unlabelled
    if asked.unlabelled is not None or asked.imb_unlabelled is not None or asked.teacher is not None:
        raise InputError("--unlabelled, --imb-unlabelled and --teacher are set by the study. Name --imb-ratios.")
    ratios = numbers_of(config.imb_ratios, "--imb-ratios")
    # the first training has labelled images alone, and its teacher's options nothing to do
    alone = replace(config.run, unlabelled=UnlabelledOptions())
    opened = open_study("semi-supervised", alone)
    labelled = opened.folder / "labelled"
    teacher = labelled / ("." if config.run.seeds == 1 else "seed-{seed}") / "checkpoints" / "last.pt"
    variants: dict[str, dict[str, Any]] = {"labelled": {}}
    for ratio in ratios:
        unlabelled = replace(asked, unlabelled="held-back", imb_unlabelled=ratio, teacher=teacher)
        # too few images held back are told before the first network is trained
        open_extra(opened.splits, unlabelled, opened.config.data)
        variants[f"unlabelled-{ratio:g}"] = {"unlabelled": unlabelled}
    return run_variants(
        opened,
        variants,
        base="labelled",
        words={
            "title": "do unlabelled images help?",
            "question": f"Stage 1 learns from {asked.unlabelled_times:g} times as many unlabelled images besides, as a "
            "network that was trained on the labelled ones labels them. In the name: how long-tailed they are. The "
            "number of training steps grows with the images.",
            "source": "rethinking the value of labels",
        },
    )
