"""`--budget`: which methods there is time for."""

import time
from collections.abc import Iterable, Mapping

import numpy as np

from longtail.comparison.fitter import Fitter
from longtail.comparison.method_settings import last_settings
from longtail.comparison.methods import METHODS
from longtail.comparison.protocol import Protocol
from longtail.heads.feature_transform import TransformKind
from longtail.heads.left_out import spread_rows

__all__ = ["beyond_budget", "expected_seconds", "over"]

PROBED = 8  # one in so many rows is fitted to, to see what all of them would take
ALWAYS = "joint"  # what others are compared with


def beyond_budget(protocol: Protocol, kinds: Mapping[str, TransformKind], spared: Iterable[str]) -> dict[str, float]:
    """Return the methods that there is no time for, with the seconds that each would take.

    Each is fitted to an eighth of the rows first. Those of the largest usual part come first, and each that fits into
    what is left of the budget stays; the rest is left out. What probing takes is part of the budget.

    Args:
        protocol: of the comparison; without a budget in its rules nothing is left out, and nothing probed.
        kinds: of the transform before each wanted method.
        spared: methods that are fitted in any case.
    """
    budget = protocol.rules.budget
    if budget is None:
        return {}
    started = time.perf_counter()
    seconds = expected_seconds(protocol, kinds)
    stays = {ALWAYS, *spared}
    left = budget - (time.perf_counter() - started) - sum(seconds[name] for name in stays if name in seconds)
    return over(left, {name: taken for name, taken in seconds.items() if name not in stays})


def over(left: float, seconds: Mapping[str, float]) -> dict[str, float]:
    """Return the methods that do not fit into what is left, those of the largest usual part taken first.

    Example:
        >>> over(10.0, {"lda": 4.0, "mlp": 7.0, "ridge": 1.0})
        {'lda': 4.0}
    """
    result = {}
    for name in sorted(seconds, key=_part_of, reverse=True):
        if seconds[name] <= left:
            left -= seconds[name]
        else:
            result[name] = seconds[name]
    return {name: seconds[name] for name in seconds if name in result}


def expected_seconds(protocol: Protocol, kinds: Mapping[str, TransformKind]) -> dict[str, float]:
    """Return what each method is expected to take: its fit to train, to the folds and to all in the end.

    Args:
        protocol: of the comparison.
        kinds: of the transform before each method.
    """
    labels = np.asarray(protocol.problem.splits["train"].labels)
    rows = spread_rows(labels, len(labels) // PROBED)
    fitter, rules = Fitter(protocol.on_train(rows)), protocol.rules
    folds = rules.cv_folds * rules.cv_repeats * (1 - 1 / rules.cv_folds) * protocol.looks_at_train
    result = {}
    for name, kind in kinds.items():
        started = time.perf_counter()
        fitter.fit(name, kind)
        last = last_settings(name, protocol.settings)
        fits = 1 + folds + float(last.get("members", 1)) * bool(rules.refit or last)
        result[name] = (time.perf_counter() - started) * len(labels) / len(rows) * fits
    return result


def _part_of(name: str) -> float:
    part = METHODS[name].part
    return 0.0 if part is None else part.weight
