"""What the parameters of DLSA may be."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from longtail.errors import InputError

__all__ = ["check_parameters"]

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
