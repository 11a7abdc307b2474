"""Problems out of what people have: what errors ask can be answered in Python."""

import numpy as np
import pytest

from longtail.comparison import compare, open_problem
from longtail.errors import InputError

LABELS = np.repeat(["ant", "bee", "cow"], [60, 30, 9])
FEATURES = np.random.default_rng(0).normal(size=(99, 5))


def test_a_column_in_question_can_be_left_out(tmp_path):
    patients, path = np.random.default_rng(0).permutation(99) + 100, tmp_path / "patient.csv"
    rows = [f"{patients[n]},{','.join(map(str, FEATURES[n]))},{LABELS[n]}" for n in range(99)]
    path.write_text("\n".join(["patient,a,b,c,d,e,label", *rows]))
    with pytest.raises(InputError, match=r"`longtail.open_problem\(data, drop_columns=...\)`"):
        compare(path, "joint")
    problem = open_problem(path, drop_columns="patient")
    assert problem.feature_names == open_problem(path, drop_columns=["patient"]).feature_names == tuple("abcde")
    with pytest.raises(InputError, match="Did you mean drop_columns"):
        open_problem(path, drop_colums="patient")
    with pytest.raises(InputError, match="`drop_columns` is of a path"):
        open_problem({"train": (FEATURES, LABELS)}, drop_columns="patient")


def test_rows_with_gaps_can_be_left_out():
    gap = FEATURES.copy()
    gap[0, 0] = np.nan
    with pytest.raises(InputError, match=r"`longtail.open_problem\(data, drop_nonfinite=...\)`"):
        compare({"train": (gap, LABELS)}, "joint")
    problem = open_problem({"train": (gap, LABELS)}, drop_nonfinite=True)
    assert len(problem.splits["train"].features) == 98
    compare(problem, "joint")
