"""A training that ends far from its optimum carries a note; one that reaches it carries none."""

import numpy as np
import pytest
import torch

import longtail.heads as heads
from longtail.heads import linear_fit
from longtail.heads.convergence import learned_nothing, unfinished
from longtail.heads.linear_solver import LinearProblem, LinearSolution

KINDS = {
    "joint": lambda **settings: heads.Joint(random_state=0, **settings),
    "crt": lambda **settings: heads.ClassifierRetraining(random_state=0, **settings),
    "bsm": lambda **settings: heads.ClassifierRetraining(
        loss="balanced-softmax", sampling="instance", random_state=0, **settings
    ),
}
SHORT = {"solver": "sgd", "epochs": 1, "learning_rate": 1e-5}
AS_THEY_ARE = {"solver": "sgd", "standardise": False}

every_kind = pytest.mark.parametrize("kind", KINDS)


@every_kind
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_converges_says_nothing(kind, dtype, tailed):
    (train, labels), _ = tailed
    head = KINDS[kind]().fit(train.astype(dtype), labels)
    assert head.converged_
    assert head.notes_ == ()


@every_kind
def test_a_training_that_is_too_short_is_told(kind, tailed):
    (train, labels), _ = tailed
    head = KINDS[kind](**SHORT).fit(train, labels)
    assert not head.converged_
    assert "loss of" in head.notes_[0]


@every_kind
@pytest.mark.parametrize("factor", [1e-3, 1e2])
def test_steps_that_do_not_fit_the_features_are_told(kind, factor, tailed):
    (train, labels), _ = tailed
    head = KINDS[kind](**AS_THEY_ARE).fit(train * np.float32(factor), labels)
    assert not head.converged_
    assert "standardised features" in head.notes_[0]
    assert KINDS[kind]().fit(train * np.float32(factor), labels).notes_ == ()


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (heads.CosineClassifier, {"learning_rate": 1e-7}),
        (heads.MultilayerPerceptron, {"learning_rate": 1e-9, "hidden": 64}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_trainings_that_learn_nothing_are_told(kind, settings, tailed):
    (train, labels), _ = tailed
    assert "next to nothing" in kind(random_state=0, epochs=1, **settings).fit(train, labels).notes_[0]
    assert kind(random_state=0).fit(train, labels).notes_ == ()


def test_a_solver_that_is_stopped_is_told_and_the_note_travels(tailed, monkeypatch):
    (train, labels), _ = tailed

    def stopped(problem):
        return LinearSolution(*(torch.zeros(6, 8), torch.zeros(6)), [1.0] * 200, False)

    monkeypatch.setattr(linear_fit, "maximise_likelihood", stopped)
    head = heads.Joint().fit(train, labels)
    assert not head.converged_
    assert "not reached in 200 steps" in head.notes_[0]
    for start in (heads.TauNormalized(tau=0.5), heads.LogitAdjusted(tau=1.0)):
        assert "of the head that it starts from: the optimum" in start.fit(train, labels).notes_[0]
    whole = heads.Ensemble([heads.Joint(), heads.Transformed(heads.LogitAdjusted(tau=1.0), "centre")])
    assert [note.partition(":")[0] for note in whole.fit(train, labels).notes_] == ["Joint", "Transformed"]


def test_an_optimum_is_none_for_other_rows(tailed):
    """The judgement is of the rows that it was trained on, whatever the penalty."""
    (train, labels), (test, truth) = tailed
    head = heads.Joint(penalty=0.2).fit(train, labels)
    rows = [torch.from_numpy(part) for part in (head.weight_, head.bias_)]
    counts = torch.ones(6, dtype=torch.float64)
    shared = {"class_weights": counts, "offset": 0 * counts, "penalty": 0.0}
    assert unfinished(LinearProblem(train, labels, **shared), *rows) is None
    assert unfinished(LinearProblem(test, truth[::-1].copy(), **shared), *rows) is not None


def test_nothing_is_what_the_shares_alone_give():
    shares = torch.tensor([0.7, 0.2, 0.1])
    entropy = float(-(shares * shares.log()).sum())
    assert learned_nothing(0.9 * entropy, shares) is None
    assert learned_nothing(entropy, shares) is not None
