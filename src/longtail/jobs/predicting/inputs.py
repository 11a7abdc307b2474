"""The features of what is to be predicted, in blocks: of any number of rows, in little memory."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.features import FeatureBlock, are_probabilities, check_finite, feature_blocks, log_probabilities
from longtail.files.text import printable
from longtail.jobs.predicting.input_rows import InputRows, rows_of_images, rows_of_names
from longtail.runs import Run

__all__ = ["Inputs", "inputs_of_features", "some_rows"]

ENOUGH = 2**26  # numbers of features that the shares of classes are estimated from: 256 MiB


@dataclass(frozen=True)
class Inputs:
    """What is to be predicted.

    Attributes:
        blocks: walks over the features from the first row on, as often as it is called.
        notes: what a person should know.
        is_first: whether this process tells and writes; others compute along.
        source: the images, as `open_unlabelled` opens them; None of features.
        event_by: what says by their names which are of one event, or None.
    """

    blocks: Callable[[], Iterator[FeatureBlock]]
    notes: tuple[str, ...] = ()
    is_first: bool = True
    source: Any = None
    event_by: str | None = None

    def described(self) -> InputRows:
        """Return what is known of the inputs beside their features.

        Raises:
            InputError: `event_by` that fits none.
        """
        if self.source is not None:
            return rows_of_images(self.source, self.event_by)
        return rows_of_names((name for block in self.blocks() for name in block.names), self.event_by)


def some_rows(blocks: Iterator[FeatureBlock], enough: int = ENOUGH) -> NDArray[Any]:
    """Return the features of all rows or, where they are many, of every second, fourth, ... one.

    Args:
        blocks: all rows.
        enough: numbers that are kept at most.

    Returns:
        Shape (rows, D).

    Example:
        >>> blocks = [FeatureBlock(np.arange(3 * k, 3 * k + 3)[:, None], ["a"] * 3) for k in range(4)]
        >>> some_rows(iter(blocks), enough=5)[:, 0].tolist()
        [0, 4, 8]
    """
    parts: list[NDArray[Any]] = []
    step, seen = 1, 0
    for block in blocks:
        parts.append(np.array(block.values[-seen % step :: step]))
        seen += len(block.values)
        while sum(part.size for part in parts) > enough and sum(map(len, parts)) > 1:
            parts = [np.concatenate(parts)[::2].copy()]
            step *= 2
    return np.concatenate(parts)


def inputs_of_features(
    path: Path, run: Run, names: tuple[str, ...] | None, dimension: int, origin: str, event_by: str | None = None
) -> Inputs:
    """Open a file of features for a head.

    Args:
        path: the file, with or without labels.
        run: that the head belongs to, which says whether its features were logits.
        names: of the columns that the head was fitted on, or None: columns are then matched by their places.
        dimension: D of the head.
        origin: the head, for messages.
        event_by: what says by the rows' names which are of one event, or None.

    Raises:
        InputError: unusable, or of other columns than the head's.
    """
    kind, _ = feature_blocks(path, run.reading.columns, features=names)
    as_logits = kind == "logits" or run.reading.logits

    def blocks() -> Iterator[FeatureBlock]:
        for block in feature_blocks(path, run.reading.columns, features=names)[1]:
            if block.values.shape[1] != dimension:
                raise InputError(
                    f"{origin} was fitted on {dimension} features, {printable(path)} has {block.values.shape[1]}."
                )
            check_finite(block.values, printable(path), name_row=block.names.__getitem__)
            values = block.values
            if as_logits and are_probabilities(values):
                values = log_probabilities(values)  # as `fit` took them
            yield FeatureBlock(np.asarray(values), block.names)

    return Inputs(blocks, event_by=event_by)
