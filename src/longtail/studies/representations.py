"""Which sampling learns the best representation, under each classifier?"""

from dataclasses import dataclass, field, replace
from typing import Any, get_args

from longtail.errors import InputError
from longtail.jobs.run import RunConfig
from longtail.sampling import Strategy
from longtail.studies.opening import open_study
from longtail.studies.side_by_side import run_variants

__all__ = ["RepresentationsConfig", "run"]


@dataclass(frozen=True)
class RepresentationsConfig:
    """Train the backbone once with each sampling, fit every classifier on each, and compare: the paper's figure 1."""

    run: RunConfig = field(default_factory=RunConfig)
    representations: str = "instance,class,square-root,progressive"
    """Samplings of stage 1, with commas between."""


def run(config: RepresentationsConfig) -> dict[str, Any]:
    """Carry out the study; runs that an earlier call finished are not done again."""
    strategies = _strategies(config.representations)
    stage = config.run.stage
    if stage.representation != "instance":
        raise InputError(
            f"--representation {stage.representation}: this study trains with several samplings. "
            "Name them in --representations."
        )
    return run_variants(
        open_study("representations", config.run),
        {strategy: {"stage": replace(stage, representation=strategy)} for strategy in strategies},
        base="instance",
        words={
            "title": "which representation, under which classifier?",
            "question": (
                "The decoupling paper (figure 1) finds that plain, instance-balanced sampling learns the best "
                "representation once the classifier is rebalanced."
            ),
            "source": "decoupling",
        },
    )


def _strategies(text: str) -> list[Strategy]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in get_args(Strategy)]
    if unknown or not names:
        raise InputError(
            f"--representations {text!r}: {f'no sampling {unknown[0]!r}' if unknown else 'names no sampling'}. "
            f"Samplings: {', '.join(get_args(Strategy))}."
        )
    return names  # type: ignore[return-value]
