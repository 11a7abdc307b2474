"""Which candidates decide together: by hand, by brute force, and where there is little to go by."""

import itertools

import numpy as np
import pytest

from longtail.comparison.blend import blend_weights, log_losses, loss_error

ROWS = 400


def parts(rows=ROWS):
    return np.full(rows, 1 / max(rows, 1))


def candidates(seed=0, rows=ROWS):
    """Two that are right about different rows, one that repeats the first, one that knows nothing."""
    rng = np.random.default_rng(seed)
    easy = rng.random(rows) < 0.5
    first = np.where(easy, 0.9, 0.3) + rng.uniform(-0.05, 0.05, rows)
    second = np.where(easy, 0.3, 0.9) + rng.uniform(-0.05, 0.05, rows)
    return {"first": first, "second": second, "same": first.copy(), "nothing": np.full(rows, 0.1)}


def test_what_complements_the_best_joins_and_a_copy_does_not():
    weights = blend_weights(candidates(), parts(), {})
    assert set(weights) == {"first", "second"}
    assert sum(weights.values()) == pytest.approx(1)
    assert weights["first"] == pytest.approx(0.5, abs=0.11)


def test_the_loss_comes_near_that_of_the_best_weights_of_all():
    named = candidates(3)
    weights = blend_weights(named, parts(), {})

    def loss(shares):
        mean = sum(share * named[name] for name, share in shares.items())
        return float(log_losses(mean[None], parts())[0])

    grid = np.linspace(0, 1, 21)
    every = [
        {"first": a, "second": b, "nothing": 1 - a - b} for a, b in itertools.product(grid, grid) if a + b <= 1 + 1e-9
    ]
    assert loss(weights) <= min(map(loss, every)) + 0.005
    assert loss(weights) < min(loss({name: 1.0}) for name in named) - 0.1


def test_what_may_be_chance_is_no_member():
    """A second head that is better on a single row of many, by little, stays out."""
    rng = np.random.default_rng(0)
    first = rng.uniform(0.4, 0.9, 30)
    second = first + rng.normal(0, 0.01, 30)
    assert len(blend_weights({"first": first, "second": second.clip(0.01, 0.99)}, parts(30), {})) == 1


def test_few_rows_are_drawn_towards_what_is_usual():
    usual = {"nothing": 1.0}
    shares = [
        blend_weights(candidates(rows=rows), parts(rows), usual).get("nothing", 0.0) for rows in (0, 10, 100, 4000)
    ]
    assert shares[0] == 1
    assert shares == sorted(shares, reverse=True)
    assert shares[1] == pytest.approx(50 / 60)
    assert shares[3] == 0  # below a twentieth: no member


def test_without_rows_or_anything_usual_all_are_alike():
    assert blend_weights({"a": np.empty(0), "b": np.empty(0)}, np.empty(0), {}) == {"a": 0.5, "b": 0.5}


def test_the_order_of_candidates_decides_between_equals_alone():
    named = candidates(5)
    turned = dict(reversed(named.items()))
    one, other = (blend_weights(each, parts(), {}) for each in (named, turned))
    assert one["first"] == pytest.approx(other["same"])
    assert one["second"] == pytest.approx(other["second"])


def test_rows_of_no_weight_say_nothing():
    named = candidates(7)
    doubled = {name: np.concatenate([values, np.full(ROWS, 0.5)]) for name, values in named.items()}
    weights = np.concatenate([parts(), np.zeros(ROWS)])
    assert blend_weights(doubled, weights, {}) == pytest.approx(blend_weights(named, parts(), {}), abs=0.06)


def test_a_probability_of_zero_is_a_large_loss_and_no_infinity():
    loss = log_losses(np.array([[0.0, 1.0]]), parts(2))
    assert np.isfinite(loss).all()
    assert loss[0] > 300
    assert blend_weights({"a": np.array([0.0, 1.0]), "b": np.array([0.5, 0.5])}, parts(2), {})


def test_the_error_of_a_mean_is_that_of_draws():
    rng = np.random.default_rng(0)
    weights = rng.random(200)
    weights /= weights.sum()
    means = [weights @ rng.normal(size=200) for _ in range(4000)]
    errors = [loss_error(rng.normal(size=200), weights) for _ in range(200)]
    assert np.mean(errors) == pytest.approx(np.std(means), rel=0.05)
    assert loss_error(np.ones(1), np.ones(1)) == 0
