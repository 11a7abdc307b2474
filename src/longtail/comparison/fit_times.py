"""What fitting a method to all rows will take, from fits to few of them."""

import time
from dataclasses import replace

import numpy as np

from longtail.comparison.fitter import Fitter
from longtail.comparison.method_names import affordable_methods, is_alone, wants_auto
from longtail.comparison.method_settings import last_settings, settings_of_parts
from longtail.comparison.methods import METHODS
from longtail.comparison.protocol import Protocol
from longtail.heads.feature_transform import TransformKind
from longtail.heads.left_out import spread_rows
from longtail.holdout import stratified_folds

__all__ = ["FitTimes", "expected_times"]

PROBED = (8, 4)  # one in so many rows is fitted to, to see what all of them would take
MOST_PROBED = 2000  # rows, where times are only to be told


def expected_times(
    protocol: Protocol, methods: str, *, patience: float, rows: int | None = None
) -> dict[str, float | None]:
    """Return the seconds that each of the wanted methods will take, choices included.

    Args:
        protocol: the problem, and how methods are fitted to it.
        methods: such as "tau,lws", "usual", "all" or "auto".
        patience: seconds after which no further method is tried.
        rows: of all that will be fitted to, where the problem has a part of them; default: those of train.

    Returns:
        By method; None for one that was not tried.

    Raises:
        InputError: an unknown method, or settings that cannot be.
    """
    if is_alone("auto", methods):
        protocol = replace(protocol, settings=settings_of_parts(protocol.settings))
    begun = time.perf_counter()
    times = FitTimes(protocol, wants_auto(methods), most=MOST_PROBED, rows=rows)
    result: dict[str, float | None] = {}
    for name in affordable_methods(methods, times.rows):
        if METHODS[name].cost == "others":
            continue
        wanted = protocol.rules.feature_transform
        kind: TransformKind = "none" if wanted == "auto" else wanted
        result[name] = times.seconds(name, kind) if time.perf_counter() - begun < patience else None
    return result


class FitTimes:
    """What methods will take, from their fits to few rows: an eighth and a quarter of them.

    Args:
        protocol: of the comparison.
        chooses: whether they are fitted to folds and in the end again.
        most: rows to be fitted to; default: a quarter of train, however many they are.
        rows: of all that will be fitted to; default: those of train.
    """

    def __init__(self, protocol: Protocol, chooses: bool, *, most: int | None = None, rows: int | None = None) -> None:
        self.protocol, self.chooses = protocol, chooses
        train = protocol.problem.splits["train"]
        self.labels, self.groups = np.asarray(train.labels), train.groups
        self.rows = len(self.labels) if rows is None else rows
        few, many = (len(self.labels) // part for part in PROBED)
        if most is not None and many > most:
            few, many = most // 2, most
        parts = [spread_rows(self.labels, number) for number in (few, many)]
        self.sizes = [len(each) for each in parts]
        self.fitters = [Fitter(protocol.on_train(each)) for each in parts]
        self.folds = self._folds() if chooses else 0

    def seconds(self, name: str, kind: TransformKind) -> float:
        """Return what a method is expected to take in all; what a fit takes grows by a straight line with its rows."""
        measured = []
        for fitter in self.fitters:
            started = time.perf_counter()
            fitter.fit(name, kind)
            measured.append(time.perf_counter() - started)
        (few, many), (first, second) = self.sizes, measured
        slope = max(second - first, 0.0) / max(many - few, 1)
        once = second + slope * (self.rows - many)
        last = last_settings(name, self.protocol.settings)
        again = float(last.get("members", 1)) if self.chooses and (self.protocol.rules.refit or last) else 0.0
        return once * (1 + self.folds + again)

    def _folds(self) -> int:
        """Return how many folds will be asked, which ends as soon as enough is known."""
        protocol = self.protocol
        if not protocol.looks_at_train:
            return 0
        val = protocol.problem.splits["val"].labels if protocol.select_on == "val" else self.labels[:0]
        number, known = 0, np.asarray(val)
        folds = stratified_folds(self.labels, protocol.rules.cv_folds, protocol.seed, self.groups)
        while number < protocol.rules.cv_folds * protocol.rules.cv_repeats and not protocol.is_enough(known):
            known = np.concatenate([known, self.labels[folds == number % protocol.rules.cv_folds]])
            number += 1
        return number
