"""The splitters as scikit-learn calls them."""

import numpy as np
import pytest
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate

from longtail.data.group_splitters import LongTailGroupKFold, LongTailGroupShuffleSplit
from longtail.data.grouped_split import grouped_folds
from longtail.errors import InputError

SPLITTERS = [LongTailGroupKFold(3), LongTailGroupShuffleSplit(4, test_size=0.3)]


@pytest.fixture(scope="module")
def rows():
    """Features, names of classes (the rarest with two groups) and names of groups."""
    rng = np.random.default_rng(0)
    classes_of_groups = np.repeat([0, 1, 2], [12, 5, 2])
    groups = np.repeat(np.arange(19), 6)
    labels = classes_of_groups[groups]
    features = np.eye(3)[labels] + 0.3 * rng.normal(size=(len(labels), 3))
    return features, np.array(["ant", "bee", "cow"])[labels], np.array([f"site {group}" for group in groups])


@pytest.mark.parametrize("splitter", SPLITTERS, ids=lambda splitter: type(splitter).__name__)
def test_scikit_learn_scores_with_it(splitter, rows):
    features, labels, groups = rows
    scores = cross_val_score(LogisticRegression(), features, labels, groups=groups, cv=splitter)
    assert len(scores) == splitter.get_n_splits() == splitter.n_splits
    assert scores.min() > 0.7
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=splitter).fit(features, labels, groups=groups)
    assert search.n_splits_ == splitter.n_splits


@pytest.mark.parametrize("splitter", SPLITTERS, ids=lambda splitter: type(splitter).__name__)
def test_metadata_are_routed(splitter, rows):
    features, labels, groups = rows
    with sklearn.config_context(enable_metadata_routing=True):
        result = cross_validate(LogisticRegression(), features, labels, params={"groups": groups}, cv=splitter)
    assert len(result["test_score"]) == splitter.n_splits


@pytest.mark.parametrize("splitter", SPLITTERS, ids=lambda splitter: type(splitter).__name__)
def test_groups_stay_whole_and_classes_can_be_learnt(splitter, rows):
    features, labels, groups = rows
    for train, test in splitter.split(features, labels, groups):
        assert not set(groups[train]) & set(groups[test])
        assert set(labels[train]) == {"ant", "bee", "cow"}
        assert len(train) + len(test) == len(labels)


def test_each_split_has_every_class_of_two_groups(rows):
    for _, test in LongTailGroupShuffleSplit(3).split(*rows):
        assert set(rows[1][test]) == {"ant", "bee", "cow"}


def test_folds_are_those_of_the_function_and_each_row_is_in_one(rows):
    _features, labels, groups = rows
    tests = [test for _, test in LongTailGroupKFold(3, random_state=np.random.RandomState(4)).split(*rows)]
    np.testing.assert_array_equal(np.sort(np.concatenate(tests)), np.arange(len(labels)))
    again = [test for _, test in LongTailGroupKFold(3, random_state=4).split(*rows)]
    assert all(np.array_equal(one, other) for one, other in zip(tests, again, strict=True))
    folds = grouped_folds(
        np.unique(labels, return_inverse=True)[1], groups, 3, np.random.RandomState(4).randint(2**31 - 1)
    )
    np.testing.assert_array_equal(np.flatnonzero(folds == 0), tests[0])


def test_what_cannot_be_split_is_refused():
    y, groups = np.array([0, 0, 1]), np.array([0, 0, 1])
    for splitter in SPLITTERS:
        name = type(splitter).__name__
        with pytest.raises(InputError, match=f"{name} needs `groups`; expected one for each row"):
            next(splitter.split(y, y))
        with pytest.raises(InputError, match=f"{name} needs `y`"):
            next(splitter.split(y, None, groups))
    with pytest.raises(InputError, match="`n_splits` is 3, but whole groups fill 2 folds"):
        next(LongTailGroupKFold(3).split(y, np.zeros(4, dtype=int), [0, 0, 1, 1]))
    with pytest.raises(InputError, match="nothing can be measured on"):
        next(LongTailGroupShuffleSplit(3).split(y, y, groups))
    with pytest.raises(InputError, match="`test_size` is 1; expected above 0 and below 1"):
        next(LongTailGroupShuffleSplit(3, test_size=1).split(y, y, groups))
    assert repr(LongTailGroupKFold(3)) == "LongTailGroupKFold(n_splits=3, random_state=0)"
