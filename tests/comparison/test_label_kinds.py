"""What `predict` returns is called as the labels in memory are."""

import numpy as np
import pytest

from longtail.comparison import compare

CODES = np.repeat([0, 1], (30, 12))
FEATURES = 4 * np.eye(2, 3)[CODES] + np.random.default_rng(0).normal(size=(42, 3))


class Series:
    """What a column of pandas is here, or a table of one column."""

    columns = ("label",)

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.values, dtype=dtype)


WAYS = {
    "whole": CODES.astype(np.int16),
    "floats": CODES.astype(np.float32),
    "column": CODES[:, None],
    "row": CODES[None],
    "list": CODES.tolist(),
    "series": Series(CODES),
    "table": Series(CODES[:, None]),
    "objects": CODES.astype(object),
    "truth values": CODES.astype(bool),
    "objects of truth": CODES.astype(bool).astype(object),
    "a column a class": np.eye(2)[CODES],
    "a column a class, whole": np.eye(2, dtype=np.uint8)[CODES],
    "a column a class, truth values": np.eye(2, dtype=bool)[CODES],
}


@pytest.mark.parametrize("way", WAYS)
def test_labels_that_are_numbers_come_back_as_whole_numbers(way):
    predicted = compare({"train": (FEATURES, WAYS[way])}, "ncm").predict(FEATURES)
    assert predicted.dtype == (np.int16 if way == "whole" else np.int64)
    assert (predicted == CODES).mean() > 0.9


@pytest.mark.parametrize("kind", [str, object])
def test_words_stay_words(kind):
    labels = CODES.astype(str).astype(kind)
    predicted = compare({"train": (FEATURES, labels)}, "ncm").predict(FEATURES)
    assert predicted.dtype.kind == "U"
    assert (predicted == labels).mean() > 0.9
