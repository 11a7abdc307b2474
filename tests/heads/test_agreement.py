"""Weights by agreement of two views, against a slow descent in float64 and scipy's optimum; no labels are seen."""

import numpy as np
import pytest
from scipy.optimize import minimize

from longtail.errors import InputError
from longtail.heads import agreement_weights
from longtail.heads.agreement import agreement

M, N, C = 3, 150, 6


@pytest.fixture
def views():
    """The second head is the steadiest, the third the least."""
    rng = np.random.default_rng(0)
    truth = 4 * np.eye(C)[rng.integers(0, C, N)]
    scales = np.array([1.0, 0.5, 2.5])[:, None, None]
    return [truth + scales * rng.normal(size=(M, N, C)) for _ in range(2)]


def softmax(row):
    shares = np.exp(row - np.max(row))
    return shares / shares.sum()


def slow_agreement(views, weights):
    total = 0.0
    for i in range(views[0].shape[1]):
        p, q = (softmax(sum(w * view[m, i] for m, w in enumerate(weights))) for view in views)
        total += p @ q / np.sqrt((p @ p) * (q @ q))
    return total / views[0].shape[1]


def slow_gradient(views, free, step=1e-5):
    """By the free numbers whose softmax the weights are."""
    ups = [free + step * unit for unit in np.eye(len(free))]
    downs = [free - step * unit for unit in np.eye(len(free))]
    values = [slow_agreement(views, softmax(point)) for point in (*ups, *downs)]
    return (np.array(values[: len(free)]) - values[len(free) :]) / (2 * step)


def slow_descent(views, *, epochs, rate, decay, seed):
    """Nesterov's momentum written out; it ends where a weight is below 0.05."""
    free, speed, rng = np.full(M, 1 / M), np.zeros(M), np.random.default_rng(seed)
    for _ in range(epochs):
        order = rng.permutation(N)
        for rows in (order[:128], order[128:]):
            slope = -slow_gradient([view[:, rows] for view in views], free) + decay * free
            speed = 0.9 * speed + slope
            free = free - rate * (slope + 0.9 * speed)
        if softmax(free).min() < 0.05:
            break
    return softmax(free)


@pytest.mark.parametrize(("epochs", "rate", "decay"), [(2, 0.1, 5e-4), (4, 3.0, 0.0)])
def test_it_is_the_slow_descent(views, epochs, rate, decay):
    weights = agreement_weights(*views, epochs=epochs, learning_rate=rate, weight_decay=decay, seed=3)
    expected = slow_descent(views, epochs=epochs, rate=rate, decay=decay, seed=3)
    np.testing.assert_allclose(weights, expected, atol=1e-6)
    assert weights.sum() == pytest.approx(1)
    assert (weights > 0).all()


def test_agreement_is_the_slow_loop_and_rises(views):
    weights = agreement_weights(*views, epochs=20, learning_rate=0.3, weight_decay=0.0)
    assert agreement(*views, weights) == pytest.approx(slow_agreement(views, weights), rel=1e-12)
    assert agreement(*views, weights) > agreement(*views, np.full(M, 1 / M))
    assert weights.argmax() == 1
    assert weights.argmin() == 2


def test_two_heads_come_to_the_optimum_of_scipy(views):
    """One batch, so that the descent is one of the whole; it may end before, where a head has next to nothing."""
    pair = [view[[0, 2], :128] for view in views]
    weights = agreement_weights(*pair, epochs=200, learning_rate=1.0, weight_decay=0.0)
    best = minimize(lambda free: -agreement(*pair, softmax([free[0], 0.0])), [0.0], method="Nelder-Mead")
    reached, optimum = agreement(*pair, weights), -best.fun
    assert reached == pytest.approx(optimum, abs=2e-4) or weights.min() < 0.05


def test_equal_heads_get_equal_weights_and_a_seed_decides_the_rest(views):
    same = [np.repeat(view[:1], 4, axis=0) for view in views]
    np.testing.assert_array_equal(agreement_weights(*same, learning_rate=1.0), np.full(4, 0.25))
    first = agreement_weights(*views, seed=1)
    np.testing.assert_array_equal(first, agreement_weights(*views, seed=1))
    assert not np.array_equal(first, agreement_weights(*views, seed=2))
    np.testing.assert_array_equal(agreement_weights(views[0][:1], views[1][:1]), [1.0])


def test_order_of_heads_and_constants_of_a_row_do_not_matter(views):
    weights = agreement_weights(*views, learning_rate=0.5)
    turned = agreement_weights(*(view[::-1].copy() for view in views), learning_rate=0.5)
    np.testing.assert_allclose(turned[::-1], weights, atol=1e-12)
    shifted = agreement_weights(*(view + np.arange(N)[:, None] for view in views), learning_rate=0.5)
    np.testing.assert_allclose(shifted, weights, atol=1e-9)
    single = agreement_weights(*(view.astype(np.float32) for view in views), learning_rate=0.5)
    np.testing.assert_allclose(single, weights, atol=1e-4)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda one, other: (one, other[:, :-1]), r"shapes \(3, 150, 6\) and \(3, 149, 6\); expected"),
        (lambda one, other: (one[0], other[0]), "expected \\(heads, images, classes\\) twice"),
        (lambda one, other: (one[:, :0], other[:, :0]), "expected \\(heads, images, classes\\) twice"),
        (lambda one, other: (one + np.nan, other), "NaN or infinity"),
    ],
)
def test_what_cannot_be_is_told(views, change, told):
    with pytest.raises(InputError, match=told):
        agreement_weights(*change(*views))


@pytest.mark.parametrize("setting", [{"epochs": 0}, {"learning_rate": 0.0}, {"weight_decay": -1.0}])
def test_settings_out_of_their_range(views, setting):
    with pytest.raises(InputError, match=next(iter(setting))):
        agreement_weights(*views, **setting)
