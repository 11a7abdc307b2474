"""Which rebalancing of stage 1 helps, and does it still once the classifier is rebalanced?"""

from dataclasses import dataclass, field, replace
from typing import Any

from longtail.errors import InputError
from longtail.jobs.run import RunConfig
from longtail.studies.side_by_side import run_variants

__all__ = ["RULES", "RebalancingConfig", "run"]

# as the released code of the unified perspective trains them; deferred rules begin at 80 % of the epochs
RULES: dict[str, dict[str, Any]] = {
    "ce": {},
    "rs": {"representation": "effective-number"},
    "rw": {"reweight": True},
    "drw": {"reweight": True, "rebalance_from": 0.8},
    "drs": {"representation": "effective-number", "rebalance_from": 0.8},
    "ldam": {"loss": "ldam"},
    "ldam-drw": {"loss": "ldam", "reweight": True, "rebalance_from": 0.8},
    "focal": {"loss": "focal", "focal_gamma": 1.0},
    "balanced-softmax": {"loss": "balanced-softmax"},
}


@dataclass(frozen=True)
class RebalancingConfig:
    """Train with each rule, fit every classifier on each, and compare: the unified perspective's table 1.

    Rules: ce (none), rs and rw (images drawn, or classes weighed, by the inverse of the effective number), drs and drw
    (the same in the last fifth of the epochs), ldam, ldam-drw, focal, balanced-softmax.
    """

    run: RunConfig = field(default_factory=RunConfig)
    rules: str = "ce,rs,rw,drw,ldam-drw"
    """Rules, with commas between."""


def run(config: RebalancingConfig) -> dict[str, Any]:
    """Carry out the study; runs that an earlier call finished are not done again."""
    rules = [rule.strip() for rule in config.rules.split(",") if rule.strip()]
    unknown = [rule for rule in rules if rule not in RULES]
    if unknown or not rules:
        raise InputError(
            f"--rules {config.rules!r}: {f'no rule {unknown[0]!r}' if unknown else 'names none'}. "
            f"Rules: {', '.join(RULES)}."
        )
    stage = config.run.stage
    if stage.loss != "cross-entropy" or stage.reweight or stage.representation != "instance" or stage.rebalance_from:
        raise InputError("--loss, --reweight, --representation and --rebalance-from are set by the --rules here.")
    return run_variants(
        "rebalancing",
        config.run,
        {rule: replace(stage, **RULES[rule]) for rule in rules},
        base="ce",
        words={
            "title": "which rebalancing of stage 1, under which classifier?",
            "question": "Does rebalancing while the network is trained help, and does it still once the classifier is?",
            "source": "unified perspective",
        },
    )
