"""Judging a grid by rough products gives what float64 gives."""

import numpy as np
import pytest
import torch

from longtail.heads import grid_hits as module
from longtail.heads import rough_judge
from longtail.heads.grid_hits import grid_hits
from longtail.heads.grid_scores import GridScores
from longtail.heads.logit_adjusted import adjustment_sweep
from longtail.heads.tau_normalized import TAU_GRID, tau_sweep

CLASSES, DIMENSION = 301, 40


def by_arg_max(features, codes, scores):
    """Score every row at every setting in float64."""
    products = features.astype(np.float64) @ scores.weight.astype(np.float64).T
    shifts = np.zeros((1, 1)) if scores.shifts is None else scores.shifts
    hits = [
        np.bincount(codes[(products * factor + shift).argmax(axis=1) == codes], minlength=len(scores.weight))
        for factor, shift in zip(
            np.broadcast_to(scores.factors, (len(scores), len(scores.weight))),
            np.broadcast_to(shifts, (len(scores), shifts.shape[1])),
            strict=True,
        )
    ]
    return np.stack(hits)


@pytest.fixture(params=["bfloat16", "float32"])
def arithmetic(request, monkeypatch):
    """Both ways, whatever this processor has."""
    monkeypatch.setattr(module, "cpu_has_bfloat16", lambda: request.param == "bfloat16")
    return request.param


def problem(signal, classes=CLASSES, rows=900, dtype=np.float32, seed=0):
    rng = np.random.default_rng(seed)
    weight = rng.normal(size=(classes, DIMENSION)) * np.geomspace(1, 5, classes)[rng.permutation(classes), None]
    codes = np.arange(rows) % classes
    features = rng.normal(size=(rows, DIMENSION)) + signal * weight[codes]
    return features.astype(dtype), codes, weight.astype(np.float32)


def tau_scores(weight, grid=TAU_GRID, bias=None):
    lengths = np.linalg.norm(weight.astype(np.float64), axis=1)
    factors = np.where(lengths > 0, lengths, 1.0) ** -np.array(grid)[:, None]
    return GridScores(weight, factors, None if bias is None else np.tile(bias, (len(grid), 1)))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("signal", [0.0, 0.2, 1.0])
def test_the_same_as_float64(arithmetic, signal, dtype):
    features, codes, weight = problem(signal, dtype=dtype)
    expected = by_arg_max(features, codes, tau_scores(weight))
    np.testing.assert_array_equal(tau_sweep(features, codes, weight), expected)
    assert signal == 0 or expected.sum() > 1000


@pytest.mark.parametrize("classes", [1, 2, 7, 255, 256, 384])
@pytest.mark.parametrize("with_bias", [False, True])
def test_any_number_of_classes(arithmetic, classes, with_bias):
    features, codes, weight = problem(0.2, classes=classes, rows=300)
    bias = np.random.default_rng(1).normal(size=classes) if with_bias else None
    expected = by_arg_max(features, codes, tau_scores(weight, bias=bias))
    np.testing.assert_array_equal(tau_sweep(features, codes, weight, bias=bias), expected)


def test_logit_adjustment(arithmetic):
    features, codes, weight = problem(0.2)
    rng = np.random.default_rng(1)
    bias, shares = rng.normal(size=CLASSES), np.log(rng.dirichlet(np.ones(CLASSES)))
    shifts = bias - np.outer(TAU_GRID, shares)
    expected = by_arg_max(features, codes, GridScores(weight, np.ones((1, CLASSES)), shifts))
    np.testing.assert_array_equal(adjustment_sweep(features, codes, weight, bias, shares), expected)


def test_near_ties_are_settled_in_float64(arithmetic):
    """Classes that differ by less than float32 tells, and classes that are the same."""
    features, codes, weight = problem(0.5)
    twins = weight.astype(np.float64)
    twins[1::3] = twins[: len(twins[1::3]) * 3 : 3] * (1 + 1e-10)
    twins[2::3] = twins[: len(twins[2::3]) * 3 : 3]
    features = features + twins[codes]
    expected = by_arg_max(features, codes, tau_scores(twins, (0.0, 0.5)))
    hits = tau_sweep(features, codes, twins, (0.0, 0.5))
    np.testing.assert_array_equal(hits, expected)
    assert hits[:, 1::3].sum() > 100
    assert hits[:, 2::3].sum() == 0


@pytest.mark.parametrize("scale", [1e-44, 1e-30, 1e-12, 1e12, 1e30])
def test_any_unit_of_the_features(arithmetic, scale):
    features, codes, weight = problem(0.2, dtype=np.float64)
    features = (features * scale).astype(np.float32)
    expected = by_arg_max(features, codes, tau_scores(weight))
    np.testing.assert_array_equal(tau_sweep(features, codes, weight), expected)


def test_lengths_to_a_power_that_single_precision_does_not_hold(arithmetic):
    features, codes, weight = problem(0.2)
    weight *= 10 / np.linalg.norm(weight, axis=1, keepdims=True) * np.geomspace(1, 1.3, CLASSES)[:, None]
    grid = (0.0, 30.0, 38.0, 44.0, 46.0, 60.0, 100.0)
    expected = by_arg_max(features, codes, tau_scores(weight, grid))
    np.testing.assert_array_equal(tau_sweep(features, codes, weight, grid), expected)


def test_products_that_are_all_negative(arithmetic):
    features, codes, weight = problem(0.2)
    features, weight = np.abs(features), -np.abs(weight)
    expected = by_arg_max(features, codes, tau_scores(weight))
    np.testing.assert_array_equal(tau_sweep(features, codes, weight), expected)
    assert expected.sum() > 0


def test_classes_without_weights(arithmetic):
    features, codes, weight = problem(1.0)
    weight[::5] = 0
    expected = by_arg_max(features, codes, tau_scores(weight))
    np.testing.assert_array_equal(tau_sweep(features, codes, weight), expected)


def test_no_rows_and_rows_that_are_no_numbers(arithmetic):
    features, codes, weight = problem(1.0)
    assert tau_sweep(features[:0], codes[:0], weight).tolist() == np.zeros((21, CLASSES), dtype=int).tolist()
    expected = tau_sweep(features, codes, weight)
    features[0] = np.nan
    hits = tau_sweep(features, codes, weight)
    assert (hits[:, 1:] == expected[:, 1:]).all()
    assert (hits[:, 0] <= expected[:, 0]).all()
    assert tau_sweep(features[:1], codes[:1], weight).sum() == 0


def test_rows_that_run_backwards_or_cannot_be_written(arithmetic):
    features, codes, weight = problem(0.2)
    expected = tau_sweep(features, codes, weight)
    features.flags.writeable = False
    np.testing.assert_array_equal(tau_sweep(features[::-1], codes[::-1], weight), expected)


def test_faster_products_that_a_person_allowed_change_nothing(arithmetic):
    features, codes, weight = problem(0.2)
    expected = by_arg_max(features, codes, tau_scores(weight))
    torch.set_float32_matmul_precision("medium")
    try:
        np.testing.assert_array_equal(tau_sweep(features, codes, weight), expected)
    finally:
        torch.set_float32_matmul_precision("highest")


def test_few_rows_are_left_for_float64(arithmetic):
    """Else the sweep would be right, but slow."""
    features, codes, weight = problem(1.0)
    judges = module._judges(tau_scores(weight), "cpu")
    undecided = [judge(torch.from_numpy(features), torch.from_numpy(codes))[1].float().mean() for judge in judges]
    assert undecided[-1] == 0
    assert undecided[-2] < 0.01
    assert undecided[0] < 0.8


def test_many_features(arithmetic, monkeypatch):
    """Sums of several parts."""
    monkeypatch.setattr(rough_judge, "DEPTH", 16)
    features, codes, weight = problem(0.2)
    expected = by_arg_max(features, codes, tau_scores(weight))
    np.testing.assert_array_equal(tau_sweep(features, codes, weight), expected)


@pytest.mark.gpu
def test_the_same_on_a_gpu():
    features, codes, weight = problem(0.2)
    expected = by_arg_max(features, codes, tau_scores(weight))
    np.testing.assert_array_equal(tau_sweep(features, codes, weight, device="cuda"), expected)


def test_scores_of_the_whole_grid_as_given():
    scores = GridScores(np.eye(2), np.ones((1, 2)), np.array([[0.0, 0.0], [0.0, 2.0]]))
    assert grid_hits(np.eye(2), np.array([0, 1]), scores).tolist() == [[1, 1], [0, 1]]


@pytest.mark.parametrize("with_bias", [False, True])
def test_classes_that_come_twice_are_told_without_exact_products(arithmetic, monkeypatch, with_bias):
    """Of equals the first wins: a head that was never trained would else be judged in float64, row by row."""
    features, codes, weight = problem(0.5, classes=150)
    twice, bias = np.concatenate([weight, weight]), np.tile(np.arange(150) % 3, 2) if with_bias else None
    codes = np.where(np.arange(len(codes)) % 2, codes, codes + 150)
    # of twice, even the last bits of a product differ by where its column lies
    able = codes < 150
    once = tau_scores(weight, bias=bias[:150] if with_bias else None)
    expected = by_arg_max(features[able], codes[able], once)
    asked = []
    judge = module.ExactJudge.__call__
    monkeypatch.setattr(
        module.ExactJudge, "__call__", lambda self, block, truth: asked.append(len(block)) or judge(self, block, truth)
    )
    hits = tau_sweep(features, codes, twice, bias=bias)
    np.testing.assert_array_equal(hits, np.pad(expected, ((0, 0), (0, 150))))
    assert expected.sum() > 1000
    assert sum(asked) < 0.02 * len(features)


def test_where_all_classes_are_equal_the_first_wins(arithmetic):
    hits = tau_sweep(np.ones((30, 4)), np.arange(30) % 3, np.zeros((3, 4)))
    assert (hits == [10, 0, 0]).all()
