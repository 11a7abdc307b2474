"""What the parameters of DLSA may be, and the plan that they make."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from longtail.errors import InputError
from longtail.heads.dlsa.block_classifier import ClassifierPlan
from longtail.heads.dlsa.construction import BuildPlan
from longtail.heads.dlsa.flow_filter import FlowPlan
from longtail.heads.linear_training import FEWEST_STEPS, SGDPlan
from longtail.schedules import Schedule

__all__ = ["build_plan_of", "check_parameters"]

LEARNING_RATES = (0.1, 0.01)  # that "auto" tries

WHOLE_NUMBERS = (
    "depth",
    "clusters",
    "flow_blocks",
    "flow_epochs",
    "flow_batch_size",
    "epochs",
    "batch_size",
    "eval_every",
)
OPTIONAL = ("center_scale", "threshold", "clip_norm")

Test = tuple[Callable[[float], bool], str]
SHARE: Test = (lambda value: 0 < value < 1, "above 0 and below 1")
POSITIVE: Test = (lambda value: 0 < value < math.inf, "above 0")
NOT_NEGATIVE: Test = (lambda value: 0 <= value < math.inf, "of at least 0")
BELOW_ONE: Test = (lambda value: 0 <= value < 1, "of at least 0 and below 1")
UP_TO_ONE: Test = (lambda value: 0 <= value <= 1, "between 0 and 1")
NUMBERS: dict[str, Test] = {
    "proportion": SHARE,
    "center_scale": POSITIVE,
    "clip_norm": POSITIVE,
    "threshold": (lambda value: not math.isnan(value), "that is not NaN"),
    "prior_smoothing": NOT_NEGATIVE,
    "weight_power": (math.isfinite, "that is finite"),
    **dict.fromkeys(("likelihood_weight", "balance_weight", "separation_weight"), NOT_NEGATIVE),
    **dict.fromkeys(("flow_learning_rate", "learning_rate", "weight_decay"), NOT_NEGATIVE),
    **dict.fromkeys(("flow_momentum", "momentum"), UP_TO_ONE),
    "posterior_momentum": BELOW_ONE,
}


def check_parameters(parameters: dict[str, Any]) -> None:
    """Check the numbers among the parameters of DLSA.

    Args:
        parameters: as `get_params` gives them, with a number for the learning rate.

    Raises:
        InputError: naming the first that is out of range.

    Example:
        >>> from longtail.heads import DLSA
        >>> check_parameters(DLSA(proportion=0.5, learning_rate=0.1).get_params())
    """
    for name in WHOLE_NUMBERS:
        value = parameters[name]
        if not (isinstance(value, int | np.integer) and value >= 1):
            raise InputError(f"{name} is {value!r}; expected a whole number of at least 1.")
    for name, (is_allowed, words) in NUMBERS.items():
        value = parameters[name]
        if value is None and name in OPTIONAL:
            continue
        if not (isinstance(value, int | float | np.integer | np.floating) and is_allowed(float(value))):
            raise InputError(
                f"{name} is {value!r}; expected a number {words}{', or None' if name in OPTIONAL else ''}"
                f"{', or auto' if name == 'learning_rate' and not parameters['original'] else ''}."
            )


def build_plan_of(head: Any) -> BuildPlan:
    """Read all that decides how DLSA is built from an estimator's parameters.

    Args:
        head: a `DLSA`.

    Raises:
        InputError: a parameter is out of range.
    """
    is_auto = isinstance(head.learning_rate, str) and head.learning_rate == "auto" and not head.original
    rate = LEARNING_RATES[0] if is_auto else head.learning_rate
    check_parameters(head.get_params(deep=False) | {"learning_rate": rate})
    flow = FlowPlan(
        clusters=head.clusters,
        center_scale=head.center_scale,
        blocks=head.flow_blocks,
        epochs=head.flow_epochs,
        batch_size=head.flow_batch_size,
        learning_rate=head.flow_learning_rate,
        momentum=head.flow_momentum,
        weight_power=head.weight_power,
        likelihood_weight=head.likelihood_weight,
        balance_weight=head.balance_weight,
        separation_weight=head.separation_weight,
        posterior_momentum=head.posterior_momentum,
        clip_norm=head.clip_norm,
        standardize=head.standardize,
        precision=head.precision,
    )
    sgd = SGDPlan(
        head.epochs,
        head.batch_size,
        float(rate),
        head.momentum,
        head.weight_decay,
        Schedule(head.schedule),
        head.precision,
        fewest_steps=1 if head.original else FEWEST_STEPS,
        drop_last=not head.original,
    )
    classifier = ClassifierPlan(head.classifier, sgd, head.eval_every, head.original)
    smoothing = 0.0 if head.original else head.prior_smoothing
    return BuildPlan(
        head.depth,
        head.proportion,
        head.threshold,
        smoothing,
        flow,
        classifier,
        head.original,
        learning_rates=LEARNING_RATES if is_auto else None,
    )
