"""Neither size nor unit of the features decides what a head learns; where its geometry wants one unit, it says so."""

import functools
import inspect

import numpy as np
import pytest

import longtail.heads as heads

KINDS = [kind for name in heads.__all__ if inspect.isclass(kind := getattr(heads, name))]
BY_DISTANCE = {  # or by a penalty that is the same for every feature
    *(heads.NearestClassMean, heads.NearestNeighbours, heads.LinearDiscriminant, heads.WeightedRidge),
    heads.RandomFeatureRidge,
    *(heads.Ensemble, heads.Transformed),  # by default of those
}
QUICK = {
    "DLSA": {"clusters": 4, "flow_epochs": 2, "epochs": 5},
    "DisAlign": {"grid": (1.0, 2.0)},
    "Distilled": {"penalties": (0.1, 0.01, 0.001)},
    "MarginCalibration": {"grid": (1.0, 2.0)},
    "MultilayerPerceptron": {"hidden": 32},
}
PROBLEMS = {"balanced": [50] * 4, "1:100": [300, 60, 15, 3], "1:482": [482, 60, 12, 1]}
WIDTH = 12

every_head = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
every_problem = pytest.mark.parametrize(
    "problem", [pytest.param(name, marks=() if name == "1:482" else pytest.mark.slow) for name in PROBLEMS]
)


def rows(counts, seed):
    rng = np.random.default_rng(seed)
    centers = 3.6 * np.random.default_rng(99).normal(size=(len(counts), WIDTH)) / np.sqrt(WIDTH)
    labels = np.repeat(np.arange(len(counts)), counts)
    features = centers[labels] + 2.6 * rng.normal(size=(len(labels), WIDTH)) / np.sqrt(WIDTH) + 0.3
    return features.astype(np.float32), labels


def as_they_are(features):
    return features


def thousandfold(features):
    return features * np.float32(1e3)


def thousandth(features):
    return features * np.float32(1e-3)


def unit_length(features):
    return features / np.linalg.norm(features, axis=1, keepdims=True)


def unlike(features):
    """Give every feature a factor from 1/1000 to 1000, and a shift of a few of its deviations."""
    rng = np.random.default_rng(5)
    factors = 10 ** rng.uniform(-3, 3, WIDTH)
    return (features * factors + factors * 3 * rng.normal(size=WIDTH)).astype(np.float32)


@functools.cache
def fitted(kind, problem, change):
    """Return balanced accuracy on other rows of the same classes, in percent, and the head."""
    settings = {"random_state": 0} if "random_state" in inspect.signature(kind).parameters else {}
    counts = PROBLEMS[problem]
    features, labels = rows(counts, 1)
    head = kind(**settings, **QUICK.get(kind.__name__, {})).fit(change(features), labels)
    others, truth = rows([100] * len(counts), 2)
    predicted = head.predict(change(others))
    return 100 * np.mean([(predicted[truth == code] == code).mean() for code in range(len(counts))]), head


@every_head
@every_problem
def test_a_common_factor_changes_nothing(kind, problem):
    plain, _ = fitted(kind, problem, as_they_are)
    for change in (thousandth, thousandfold):
        scaled, head = fitted(kind, problem, change)
        assert scaled == pytest.approx(plain, abs=1)
        assert head.notes_ == ()


@every_head
@every_problem
def test_rows_of_length_one_are_as_good(kind, problem):
    plain, _ = fitted(kind, problem, as_they_are)
    unit, head = fitted(kind, problem, unit_length)
    assert unit >= plain - 6  # the lengths say a little about the class
    assert head.notes_ == ()


@every_head
@every_problem
def test_features_in_unlike_units_are_as_good_or_told(kind, problem):
    plain, _ = fitted(kind, problem, as_they_are)
    other, head = fitted(kind, problem, unlike)
    if kind in BY_DISTANCE:
        assert any("few features alone decide" in note for note in head.notes_)
    else:
        assert head.notes_ == ()
        assert other >= plain - 2


@pytest.mark.parametrize("kind", [heads.NearestClassMean, heads.LinearDiscriminant], ids=lambda kind: kind.__name__)
def test_what_the_note_advises_helps(kind):
    plain, _ = fitted(kind, "1:482", as_they_are)
    features, labels = rows(PROBLEMS["1:482"], 1)
    head = heads.Transformed(kind(), "standardise").fit(unlike(features), labels)
    others, truth = rows([100] * 4, 2)
    assert head.notes_ == ()
    assert 100 * (head.predict(unlike(others)) == truth).mean() >= plain - 2
