"""`--budget`: which methods there is time for."""

import time
from collections.abc import Iterable, Mapping

from longtail.comparison.fit_times import FitTimes
from longtail.comparison.methods import METHODS
from longtail.comparison.protocol import Protocol
from longtail.heads.feature_transform import TransformKind

__all__ = ["beyond_budget", "over"]

PROBING = 0.25  # of the budget, after which the methods that are left are not probed, and left out
ALWAYS = "joint"  # what others are compared with


def beyond_budget(
    protocol: Protocol,
    kinds: Mapping[str, TransformKind],
    spared: Iterable[str],
    *,
    begun: float,
    chooses: bool = True,
) -> dict[str, float | None]:
    """Return the methods that there is no time for, with the seconds that each is expected to take.

    Each is fitted to an eighth and to a quarter of the rows first, those of the largest usual part before others. In
    that order each that fits into what is left of the budget stays; the rest is left out. What probing takes is part of
    the budget, and ends after a quarter of it.

    Args:
        protocol: of the comparison; without a budget in its rules nothing is left out, and nothing probed.
        kinds: of the transform before each method that is still to be fitted.
        spared: methods that are fitted in any case.
        begun: when the time of the budget began, by `time.perf_counter`.
        chooses: whether methods are fitted to folds and in the end again, because one or several are chosen.

    Returns:
        None instead of seconds where a method was not probed.
    """
    budget = protocol.rules.budget
    if budget is None:
        return {}
    started = time.perf_counter()
    probe = FitTimes(protocol, chooses)
    seconds: dict[str, float | None] = dict.fromkeys(kinds)
    stays = {ALWAYS, *spared}
    for name in sorted(kinds, key=lambda name: (name not in stays, -_part_of(name))):
        if time.perf_counter() - started < PROBING * budget:
            seconds[name] = probe.seconds(name, kinds[name])
    left = budget - (time.perf_counter() - begun) - sum(seconds[name] or 0 for name in stays if name in seconds)
    return over(left, {name: taken for name, taken in seconds.items() if name not in stays})


def over(left: float, seconds: Mapping[str, float | None]) -> dict[str, float | None]:
    """Return the methods that do not fit into what is left, those of the largest usual part taken first.

    Example:
        >>> over(10.0, {"lda": 4.0, "mlp": 7.0, "ridge": 1.0, "rfr": None})
        {'lda': 4.0, 'rfr': None}
    """
    result = set()
    for name in sorted(seconds, key=_part_of, reverse=True):
        taken = seconds[name]
        if taken is not None and taken <= left:
            left -= taken
        else:
            result.add(name)
    return {name: taken for name, taken in seconds.items() if name in result}


def _part_of(name: str) -> float:
    part = METHODS[name].part
    return 0.0 if part is None else part.weight
