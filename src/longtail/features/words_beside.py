"""Columns of words beside the features: a split under another name, or classes that are finer than the label."""

import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.features.columns import PERHAPS_LABELS, ColumnChoice, Columns, says_which

__all__ = ["check_words", "telling_columns"]

_SPLIT_NAME = re.compile("split|set|partition|part|phase|usage|fold|stage|purpose|mode|train|role|group")
_SPLIT_WORD = re.compile(
    r"((public|private)[ _-]?)?(train(ing)?|trn|tr|val(id(ation)?)?|dev|test(ing)?|tst|te|eval(uation)?|holdout)"
    r"([ _-]?(set|split|data|\d+))?"
)


def telling_columns(columns: Columns, choice: ColumnChoice) -> tuple[str, ...]:
    """Return which columns of words are to be looked into, by their names.

    Args:
        columns: of the table, by what they are.
        choice: what a person said of them.
    """
    words = [name for name, why in columns.left_out.items() if why == "no numbers"]
    no_split = columns.split is None and choice.split_column is None
    may_be_coarse = choice.label_column is None and str(columns.label).lower() in PERHAPS_LABELS
    return tuple(
        name
        for name in words
        if (no_split and _SPLIT_NAME.search(name.lower())) or (may_be_coarse and not says_which(name))
    )


def check_words(
    words: Mapping[str, NDArray[np.str_]], labels: NDArray[np.int64], columns: Columns, *, origin: str
) -> None:
    """Refuse columns of words that would change what is learnt, or what is measured on, were they not passed over.

    Args:
        words: by the name of the column, shape (N,) each.
        labels: class indices, shape (N,).
        columns: of the table, by what they are.
        origin: the file, for messages.

    Raises:
        InputError: a column that says train and test, or one each of whose words is of one class, and classes of
            several.
    """
    for name, column in words.items():
        there, codes = np.unique(np.char.lower(np.strings.strip(column)), return_inverse=True)
        shown = ", ".join(map(str, there[:3]))
        if len(there) > 1 and all(_SPLIT_WORD.fullmatch(word) for word in there.tolist()):
            if columns.split is None and _SPLIT_NAME.search(name.lower()):
                raise InputError(
                    f"{origin}: the column {name!r} says {shown}. Is it the split: `split_column` {name}. If not: "
                    f"`drop_columns` {name}."
                )
            continue
        classes = len(np.unique(labels))
        pairs = len(np.unique(codes * (labels.max() + 1) + labels))
        if str(columns.label).lower() in PERHAPS_LABELS and pairs == len(there) > classes and 2 * pairs <= len(labels):
            raise InputError(
                f"{origin}: {columns.label}, {name} could each be the label: {name} ({shown}, ...) divides the "
                f"{classes} classes of {columns.label} further. Say which one is: `label_column` {name}, for example."
            )
