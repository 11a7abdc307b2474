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


def posterior(named, rows, usual, shares):
    """What the weights maximise, up to a constant, with k = 50."""
    table, weights = np.stack(list(named.values())), np.array([shares.get(name, 0.0) for name in named])
    prior = np.array([usual.get(name, 0.0) for name in named])
    prior = prior / prior.sum() if prior.any() else np.full(len(prior), 1 / len(prior))
    size = 1 / (rows**2).sum()
    usually = 50 * (prior[prior > 0] @ np.log(np.maximum(weights[prior > 0], 1e-300)))
    return size * np.log(weights @ table) @ rows + usually


def test_what_complements_the_best_joins_and_what_knows_nothing_does_not():
    weights = blend_weights(candidates(rows=10_000), parts(10_000), {})
    assert set(weights) == {"first", "second", "same"}
    assert sum(weights.values()) == pytest.approx(1)
    assert weights["first"] + weights["same"] == pytest.approx(0.5, abs=0.02)
    assert weights["first"] == pytest.approx(weights["same"], abs=0.02)


@pytest.mark.parametrize("usual", [{}, {"first": 0.2, "second": 0.2, "nothing": 0.6}])
def test_no_weights_of_a_grid_are_better(usual):
    named = candidates(3, rows=300)
    del named["same"]
    weights = blend_weights(named, parts(300), usual)
    assert min(weights.values()) > 0.05  # nothing was left out, which the best weights need not be
    best = posterior(named, parts(300), usual, weights)
    grid = np.linspace(0.01, 0.99, 50)
    for first, second in itertools.product(grid, grid):
        if first + second < 1:
            shares = {"first": first, "second": second, "nothing": 1 - first - second}
            assert posterior(named, parts(300), usual, shares) <= best + 1e-4


def test_many_rows_decide_by_the_loss_of_the_mean():
    named = candidates(3, rows=20_000)
    weights = blend_weights(named, parts(20_000), {"nothing": 1.0})

    def loss(shares):
        return float(log_losses(sum(share * named[name] for name, share in shares.items())[None], parts(20_000))[0])

    assert loss(weights) < min(loss({name: 1.0}) for name in named) - 0.1
    assert "nothing" not in weights


def test_few_rows_are_drawn_towards_what_is_usual():
    usual = {"nothing": 1.0}
    shares = [
        blend_weights(candidates(rows=rows), parts(rows), usual).get("nothing", 0.0) for rows in (0, 40, 100, 10_000)
    ]
    assert shares[0] == 1
    assert shares == sorted(shares, reverse=True)
    assert 0.05 < shares[2] < shares[1] < 1
    assert shares[3] == 0  # below a twentieth: no member


def test_how_much_the_usual_weights_are_worth_can_be_said():
    usual, named = {"nothing": 1.0}, candidates(rows=200)
    shares = [blend_weights(named, parts(200), usual, usual_rows=rows).get("nothing", 0.0) for rows in (0, 50, 1e9)]
    assert shares[0] == 0 < shares[1] < shares[2] == 1
    assert blend_weights(named, parts(200), usual) == blend_weights(named, parts(200), usual, usual_rows=50)
    few = blend_weights(named, parts(200), {"nothing": 0.02, "first": 0.98}, usual_rows=1e9, least=0)
    assert few["nothing"] == pytest.approx(0.02, abs=1e-4)
    assert "nothing" not in blend_weights(named, parts(200), {"nothing": 0.02, "first": 0.98}, usual_rows=1e9)


def test_a_part_that_is_not_usual_comes_by_its_rows():
    """Weights begin at what is usual; a candidate that is not could never join from 0."""
    named = candidates(2, rows=10_000)
    weights = blend_weights(named, parts(10_000), {"first": 1.0})
    assert weights["second"] > 0.4


def test_without_rows_or_anything_usual_all_are_alike():
    assert blend_weights({"a": np.empty(0), "b": np.empty(0)}, np.empty(0), {}) == {"a": 0.5, "b": 0.5}


def test_the_order_of_candidates_decides_nothing():
    named = candidates(5)
    turned = dict(reversed(named.items()))
    one, other = (blend_weights(each, parts(), {}) for each in (named, turned))
    assert one == pytest.approx(other)


def test_rows_of_no_weight_say_nothing():
    named = candidates(7)
    doubled = {name: np.concatenate([values, np.full(ROWS, 0.5)]) for name, values in named.items()}
    weights = np.concatenate([parts(), np.zeros(ROWS)])
    assert blend_weights(doubled, weights, {}) == pytest.approx(blend_weights(named, parts(), {}))


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
