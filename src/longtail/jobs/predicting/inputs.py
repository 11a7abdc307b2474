"""The features of what is to be predicted, in blocks: of any number of rows, in little memory."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from longtail.data.source import events_of, groups_of
from longtail.errors import InputError
from longtail.features import (
    ColumnChoice,
    FeatureBlock,
    are_probabilities,
    check_finite,
    feature_blocks,
    log_probabilities,
    row_groups,
)
from longtail.features.table import WITH_COLUMNS
from longtail.files.text import printable
from longtail.grouping import Grouping
from longtail.jobs.predicting.input_rows import InputRows, rows_of_images, rows_of_names

if TYPE_CHECKING:
    from longtail.jobs.predicting.predictor import Predictor

__all__ = ["Inputs", "inputs_of_features", "some_rows"]

ROUNDING = 1e-3  # by which a probability may be above 1
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
        groups: of rows of features, or None; images bring theirs along.
        events: the same of the event that a row is of.
        views: of images: walks over the features of two random views of every so many-th of them, (2, rows, D).
        is_small: whether they are images of up to 64 pixels.
        pace: measures the seconds of an image, from some of them; None of features.
        is_compiled: whether so many images come that the network is going to be.
    """

    blocks: Callable[[], Iterator[FeatureBlock]]
    notes: tuple[str, ...] = ()
    is_first: bool = True
    source: Any = None
    event_by: str | None = None
    groups: Grouping | None = None
    events: Grouping | None = None
    views: Callable[[int], Iterator[NDArray[np.float32]]] | None = None
    is_small: bool = False
    pace: Callable[[], float] | None = None
    is_compiled: bool = False

    @property
    def together(self) -> Grouping | None:
        """What belongs together: groups where there are some, else events."""
        if self.source is None:
            return self.groups or self.events
        return groups_of(self.source) or events_of(self.source)

    def described(self) -> InputRows:
        """Return what is known of the inputs beside their features.

        Raises:
            InputError: `event_by` that fits none.
        """
        if self.source is not None:
            return rows_of_images(self.source, self.event_by)
        named = rows_of_names((name for block in self.blocks() for name in block.names), self.event_by)
        rows = named.rows if self.groups is None else replace(named.rows, groups=self.groups.words)
        return replace(named, rows=rows, events=named.events or self.events)


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
    path: Path,
    predictor: "Predictor",
    *,
    group_column: str | None = None,
    event_column: str | None = None,
    event_by: str | None = None,
) -> Inputs:
    """Open a file of features for a head.

    Args:
        path: the file, with or without labels.
        predictor: whose columns are matched by their names, where they have any; its run says whether its features were
            logits.
        group_column: column or array of what belongs together, or "none"; None takes the run's column where it is
            there, or an array `groups`.
        event_column: the same of the event that a row is of.
        event_by: what says the event by the rows' names, or None.

    Raises:
        InputError: unusable, or of other columns than the head's.
    """
    columns, names, dimension = predictor.run.reading.columns, predictor.feature_names, predictor.head.n_features_in_
    kind, _ = feature_blocks(path, columns, features=names)
    as_logits = kind == "logits" or predictor.run.reading.logits

    def blocks() -> Iterator[FeatureBlock]:
        of_probabilities = _fitted_to_probabilities(predictor)
        for block in feature_blocks(path, columns, features=names)[1]:
            if block.values.shape[1] != dimension:
                raise InputError(
                    f"{predictor.path} was fitted on {dimension} features, {printable(path)} has "
                    f"{block.values.shape[1]}."
                )
            check_finite(block.values, printable(path), name_row=block.names.__getitem__)
            values = block.values
            if as_logits and of_probabilities is None:
                of_probabilities = are_probabilities(values)
            if as_logits and of_probabilities:
                values = _logs_of(values, block, path)
            yield FeatureBlock(np.asarray(values), block.names)

    typed = {"group_column": group_column, "event_column": event_column}
    groups, events = _belonging(path, columns, typed)
    return Inputs(blocks, event_by=event_by, groups=groups, events=events)


def _fitted_to_probabilities(predictor: "Predictor") -> bool | None:
    """Return True where `fit` took the logarithm of probabilities; None: that is to be seen from the first rows."""
    run = predictor.run
    return True if run.is_measured and run.results["data"].get("values") == "probabilities" else None


def _logs_of(values: NDArray[Any], block: FeatureBlock, path: Path) -> NDArray[np.float32]:
    """Return the logarithm of probabilities, as `fit` took them.

    Raises:
        InputError: a number that is none.
    """
    wrong = np.flatnonzero(((values < 0) | (values > 1 + ROUNDING)).any(axis=1))
    if len(wrong):
        raise InputError(
            f"{printable(path)}, {block.names[wrong[0]]}: holds a number below 0 or above 1. Expected probabilities in "
            "every row, as the head was fitted to."
        )
    return log_probabilities(values)


def _belonging(
    path: Path, known: ColumnChoice, typed: Mapping[str, str | None]
) -> tuple[Grouping | None, Grouping | None]:
    """Return groups and events of the rows of a file, by the columns that are named or those of the run."""
    given: dict[str, Any] = {argument: name for argument, name in typed.items() if name is not None}
    # arrays go by their usual names, whatever the columns of a table were called
    usual = known if path.suffix.lower() in WITH_COLUMNS else ColumnChoice(orientation=known.orientation)
    result = row_groups(path, replace(usual, **given))
    for argument, role in (("group_column", "groups"), ("event_column", "events")):
        name = given.get(argument)
        if name not in (None, "none") and role not in result:
            raise InputError(f"{printable(path)}: `{argument}` {name}: there is no such column.")

    def grouping(role: str) -> Grouping | None:
        if role not in result:
            return None
        numbers, names = result[role]
        return Grouping(names, numbers)

    return grouping("groups"), grouping("events")
