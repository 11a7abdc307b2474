"""Predictions as a CSV, written block by block, and what is said of them."""

import csv
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from longtail.files.atomic import atomic_path

if TYPE_CHECKING:
    from longtail.jobs.calibrating.file import StoredCalibration

__all__ = ["MOST_FIRST", "PredictionReport", "most_likely", "write_predicted"]

MOST_FIRST = 5  # predictions that are printed, where there are no more
Blocks = Iterator[tuple[list[str], NDArray[Any]]]


class PredictionReport:
    """What was predicted, counted block by block.

    Args:
        calibration: of the head, or None.
        sets: write its sets of candidates.
        reject: write whether its rule accepts a prediction.
    """

    def __init__(self, calibration: "StoredCalibration | None" = None, *, sets: bool, reject: bool) -> None:
        self.rows, self.first = 0, list[str]()
        self._sets = calibration.sets if calibration is not None and sets else None
        self._rule = calibration.rule if calibration is not None and reject else None
        self._in_sets = self._accepted = 0

    def columns(self, probabilities: NDArray[Any], names: tuple[str, ...]) -> dict[str, list[str]]:
        """Return further columns of a block."""
        columns = {}
        if self._sets is not None:
            inside = self._sets.contains(probabilities)
            order = np.argsort(-probabilities, axis=1, kind="stable")
            members = (ranked[is_in[ranked]] for ranked, is_in in zip(order, inside, strict=True))
            columns["set"] = [" | ".join(names[c] for c in one) for one in members]
            self._in_sets += int(inside.sum())
        if self._rule is not None:
            accepted = self._rule.accepts(probabilities.max(axis=1))
            columns["accepted"] = ["yes" if is_sure else "no" for is_sure in accepted]
            self._accepted += int(accepted.sum())
        return columns

    def promises(self) -> list[str]:
        """Return what the further columns promise."""
        promises = []
        if self._sets is not None:
            promised, kind = 100 * (1 - self._sets.alpha), self._sets.kind
            promises.append(f"set: {kind} sets of {promised:g} %, {self._in_sets / max(self.rows, 1):.1f} classes each")
        if self._rule is not None:
            promises.append(f"accepted: {self._accepted:,}, for {self._rule.wanted:g} % of right answers")
        return promises

    def note(self, names: list[str], probabilities: NDArray[Any], class_names: tuple[str, ...]) -> None:
        """Keep the first predictions, to be printed where they are few."""
        for name, row in zip(names[: MOST_FIRST - len(self.first)], probabilities, strict=False):
            best = np.argsort(-row, kind="stable")[:3]
            self.first.append(f"{name}: {', '.join(f'{class_names[c]} {100 * row[c]:.1f} %' for c in best)}")
        self.rows += len(names)


def write_predicted(
    path: Path, blocks: Blocks, names: tuple[str, ...], report: PredictionReport, top: int | None = None
) -> None:
    """Write a row an input: its name, the class, further columns, and probabilities.

    Args:
        path: of the CSV.
        blocks: what inputs are called, and their probabilities (B, C).
        names: of the classes, C of them.
        report: counts what is written.
        top: classes a row, the most likely first; None: all, in their order.
    """
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file,
    ):
        writer = csv.writer(file)
        for identities, probabilities in blocks:
            further = report.columns(probabilities, names)
            if not report.rows:
                writer.writerow(_heading(names, top, further))
            writer.writerows(_rows(identities, probabilities, names, top, further))
            report.note(identities, probabilities, names)


def _heading(names: tuple[str, ...], top: int | None, further: dict[str, list[str]]) -> list[str]:
    if top is None:
        return ["input", "prediction", *further, *names]
    return ["input", *further, *(f"{what}_{k + 1}" for k in range(top) for what in ("class", "probability"))]


def _rows(
    identities: list[str],
    probabilities: NDArray[Any],
    names: tuple[str, ...],
    top: int | None,
    further: dict[str, list[str]],
) -> Iterator[list[str]]:
    best = most_likely(probabilities, top or 1)
    # numbers of Python are formatted several times faster than those of numpy
    values = (probabilities if top is None else np.take_along_axis(probabilities, best, axis=1)).tolist()
    besides = zip(*further.values(), strict=True) if further else repeat(())
    for identity, classes, more, row in zip(identities, best.tolist(), besides, values, strict=False):
        if top is None:
            yield [identity, names[classes[0]], *more, *[f"{p:.6g}" for p in row]]
        else:
            pairs = zip(classes, row, strict=True)
            yield [identity, *more, *[text for c, p in pairs for text in (names[c], f"{p:.6g}")]]


def most_likely(probabilities: NDArray[Any], top: int) -> NDArray[np.intp]:
    """Return the most likely classes of each row, the first of equals first, shape (B, top)."""
    if top == 1:
        return np.asarray(probabilities.argmax(axis=1, keepdims=True))
    return np.argsort(-probabilities, axis=1, kind="stable")[:, :top]
