"""Paired tests against scipy, against enumerating every flip, and against what they promise under the null."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import binomtest, false_discovery_control

from longtail.errors import InputError
from longtail.evaluation import (
    corrected,
    group_discordance,
    mcnemar,
    metric_weights,
    paired_differences,
    paired_p_values,
    smallest_differences,
    stratified_sign_test,
)

GROUPS = np.array(["many", "many", "medium", "few", "few"])
TOTALS = np.array([40, 30, 20, 7, 4])


def answers(rng, labels, rates):
    """Predictions that are right at the rates of each class, and else the next class."""
    right = rng.random(len(labels)) < np.asarray(rates)[labels]
    return np.where(right, labels, (labels + 1) % len(rates))


@pytest.mark.parametrize(("gained", "lost"), [(0, 0), (1, 0), (7, 2), (2, 7), (40, 40), (130, 90), (3, 200)])
def test_mcnemar_is_the_binomial_test(gained, lost):
    expected = binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
    assert mcnemar(gained, lost) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_sign_test_equals_flipping_every_image(seed):
    rng = np.random.default_rng(seed)
    gained, lost = rng.integers(0, 4, 3), rng.integers(0, 3, 3)
    weights = np.array([0.1, 0.25, 0.25])
    signs = np.repeat(weights, gained + lost)
    observed = abs(weights @ (gained - lost))
    flips = [abs(np.dot(signs, flip)) >= observed - 1e-9 for flip in product((-1, 1), repeat=len(signs))]
    assert stratified_sign_test(gained, lost, weights) == pytest.approx(np.mean(flips), rel=1e-9)


def test_drawn_distribution_agrees_with_the_computed_one(monkeypatch):
    gained, lost, weights = [6, 3, 2], [2, 1, 2], [0.02, 0.05, 0.11]
    exact = stratified_sign_test(gained, lost, weights)
    monkeypatch.setattr("longtail.evaluation.paired_tests.ENUMERATED", 1)
    drawn = stratified_sign_test(gained, lost, weights, draws=40_000)
    assert 0.02 < exact < 0.9
    assert drawn == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 40_000))


def test_equal_class_sizes_make_balanced_and_all_one_test():
    rng = np.random.default_rng(3)
    labels = np.repeat(np.arange(5), 12)
    found = paired_p_values(labels, answers(rng, labels, [0.9] * 5), answers(rng, labels, [0.6] * 5), GROUPS)
    assert found["balanced"] == pytest.approx(found["all"], rel=1e-9)


def test_swapping_the_two_changes_nothing_and_permuting_classes_neither():
    rng = np.random.default_rng(4)
    labels = np.repeat(np.arange(5), TOTALS)
    one, other = answers(rng, labels, [0.8] * 5), answers(rng, labels, [0.9, 0.6, 0.5, 0.7, 0.2])
    found = paired_p_values(labels, one, other, GROUPS)
    assert paired_p_values(labels, other, one, GROUPS) == found
    new = rng.permutation(5)
    groups = np.empty_like(GROUPS)
    groups[new] = GROUPS
    again = paired_p_values(new[labels], new[one], new[other], groups)
    assert again == pytest.approx(found, rel=1e-9)


def test_same_predictions_are_no_evidence_and_an_empty_group_is_null():
    labels = np.repeat(np.arange(3), 5)
    found = paired_p_values(labels, labels, labels, np.array(["many", "many", "few"]))
    assert found == {"all": 1.0, "balanced": 1.0, "many": 1.0, "medium": None, "few": 1.0}


def test_false_alarms_under_the_null_are_as_rare_as_promised():
    labels = np.repeat(np.arange(5), TOTALS)
    rates, trials = [0.8, 0.7, 0.6, 0.5, 0.4], 500
    p_values = []
    for trial in range(trials):
        rng = np.random.default_rng(trial)
        found = paired_p_values(labels, answers(rng, labels, rates), answers(rng, labels, rates), GROUPS)
        p_values.append([found[name] for name in ("all", "balanced", "few")])
    for level in (0.05, 0.2, 0.5):
        shares = (np.array(p_values) <= level).mean(axis=0)
        assert (shares <= level + 3 * np.sqrt(level * (1 - level) / trials)).all(), (level, shares)
    # a test that never speaks would pass too: balanced has many outcomes, so that it is nearly uniform
    assert (np.array(p_values)[:, 1] <= 0.2).mean() > 0.13


def test_opposite_changes_make_it_careful_not_bold():
    labels = np.repeat([0, 1], 60)
    groups = np.array(["many", "few"])
    alarms = 0
    for trial in range(300):
        rng = np.random.default_rng(trial)
        one, other = answers(rng, labels, [0.8, 0.5]), answers(rng, labels, [0.5, 0.8])
        alarms += paired_p_values(labels, one, other, groups)["balanced"] <= 0.05
    assert alarms / 300 <= 0.05


def test_holm_equals_rejecting_one_after_another():
    rng = np.random.default_rng(5)
    p = rng.random(9) ** 3
    found = np.array(corrected(p.tolist()))
    for level in (0.01, 0.05, 0.2, 0.5):
        rejected = set()
        for step, index in enumerate(np.argsort(p)):
            if p[index] > level / (len(p) - step):
                break
            rejected.add(int(index))
        assert set(np.flatnonzero(found <= level).tolist()) == rejected


def test_benjamini_hochberg_equals_scipy():
    p = np.random.default_rng(6).random(12) ** 2
    assert corrected(p.tolist(), "benjamini-hochberg") == pytest.approx(false_discovery_control(p).tolist())


def test_one_comparison_needs_no_correction_and_none_stays_none():
    assert corrected([None, 0.03, None]) == [None, 0.03, None]
    assert corrected([]) == []
    with pytest.raises(InputError, match="Corrections: holm, benjamini-hochberg"):
        corrected([0.1], "bonferoni")


def test_shapes_are_checked():
    with pytest.raises(InputError, match=r"expected \(N,\)"):
        paired_p_values([0, 1], [0, 1], [0], np.array(["many", "few"]))


@pytest.mark.parametrize("metric", ["all", "balanced", "few"])
def test_the_smallest_difference_is_found_four_times_in_five(metric):
    totals, trials = np.array([200, 120, 90, 60, 50]), 600
    weights = metric_weights(totals, GROUPS)[metric]
    delta = smallest_differences(totals, 0.3, GROUPS)[metric] / 100
    # of 30 % of the images where only one is right
    shares = [(0.3 + delta) / 2, (0.3 - delta) / 2, 0.7]
    drawn = np.random.default_rng(0).multinomial(totals, shares, size=(trials, 5))
    found = sum(stratified_sign_test(draw[:, 0], draw[:, 1], weights, draws=2000) <= 0.05 for draw in drawn)
    # exact tests are somewhat stricter than the formula
    assert 0.72 <= found / trials <= 0.86


def test_what_can_be_shown_depends_on_images_as_it_should():
    few_images = smallest_differences(TOTALS, 0.3, GROUPS)
    many_images = smallest_differences(4 * TOTALS, 0.3, GROUPS)
    assert all(many_images[name] < few_images[name] for name in few_images)
    # where the discordance bounds nothing, four times the images show half the difference
    large = (
        smallest_differences(400 * TOTALS, 0.3, GROUPS)["all"] / smallest_differences(100 * TOTALS, 0.3, GROUPS)["all"]
    )
    assert large == pytest.approx(0.5, rel=0.01)
    assert few_images["few"] > few_images["balanced"] > 0
    assert smallest_differences([1, 1], 0.5, np.array(["many", "few"]))["few"] is None
    assert smallest_differences([9, 9], 0.5, np.array(["many", "many"]))["few"] is None
    with pytest.raises(InputError, match="0 to 1"):
        smallest_differences(TOTALS, 30, GROUPS)
    with pytest.raises(InputError, match="power"):
        smallest_differences(TOTALS, 0.3, GROUPS, power=1.0)


def test_discordance_is_counted_by_group():
    labels = np.array([0] * 9 + [1] * 9 + [2] * 4 + [3, 4])
    other = labels.copy()
    other[[0, 1, 10]] = 4
    found = group_discordance(labels, labels, other, GROUPS)
    assert found.tolist() == pytest.approx([3.5 / 19, 3.5 / 19, 0.5 / 5, 0.5 / 3, 0.5 / 3])
    assert paired_differences(labels, labels, other, GROUPS)["all"]["difference"] == pytest.approx(300 / 24)
