"""What is still to be taken out of the class counts: by a grid, by what was put in, and where nothing can be said."""

import numpy as np
import pytest
from scipy.special import log_softmax

from longtail.comparison.rest_of_counts import rest_of_counts

COUNTS = np.array([1000, 100, 10])


def made_up(tau, rows=3000, seed=0):
    """Rows of three equally common classes, and probabilities that hold too much of the log counts."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(3), rows // 3)
    features = 1.5 * np.eye(3)[labels] + rng.normal(size=(len(labels), 3))
    fair = 1.5 * features  # log likelihood up to a constant
    return log_softmax(fair + tau * np.log(COUNTS), axis=1), labels


@pytest.mark.parametrize("tau", [-0.3, 0.0, 0.25, 0.8])
def test_what_was_put_in_is_found(tau):
    assert rest_of_counts(*made_up(tau), COUNTS) == pytest.approx(tau, abs=0.03)


def test_no_value_of_a_grid_is_better():
    log_p, labels = made_up(0.4, rows=60, seed=1)
    rows = np.r_[0:20, 20:30, 40:45]  # unequal classes
    log_p, labels = log_p[rows], labels[rows]
    weights = 1 / np.bincount(labels, minlength=3)[labels]
    weights /= weights.sum()

    def loss(tau):
        right = log_softmax(log_p - tau * np.log(COUNTS), axis=1)[np.arange(len(labels)), labels]
        return 0.5 * (weights**2).sum() * tau**2 - weights @ right

    best = rest_of_counts(log_p, labels, COUNTS)
    assert loss(best) <= min(map(loss, np.linspace(-0.5, 1, 301))) + 1e-6


def test_where_nothing_can_be_said_nothing_is_taken_out():
    log_p, labels = made_up(0.5)
    assert rest_of_counts(log_p, labels, np.array([7, 7, 7])) == 0
    assert rest_of_counts(log_p[:0], labels[:0], COUNTS) == 0
    assert rest_of_counts(log_p[labels == 0], labels[labels == 0], COUNTS) == 0


def test_a_class_that_no_row_shows_has_no_part():
    """Its probability could only be too high, and it is the rarest: all would be given to the common ones."""
    log_p, labels = made_up(0.4)
    shown = labels < 2
    with_it = rest_of_counts(log_p[shown], labels[shown], COUNTS)
    without = rest_of_counts(log_softmax(log_p[shown, :2], axis=1), labels[shown], COUNTS[:2])
    assert with_it == pytest.approx(without)
    assert with_it == pytest.approx(0.4, abs=0.05)


def test_few_rows_move_it_less():
    log_p, labels = made_up(0.8)
    few = rest_of_counts(log_p[::1000], labels[::1000], COUNTS)
    assert abs(few) <= 1
    assert rest_of_counts(np.zeros((3, 3)), np.arange(3), COUNTS) == pytest.approx(0, abs=0.01)
