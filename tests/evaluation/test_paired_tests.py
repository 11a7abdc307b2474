"""Paired tests against slow loops and scipy, and against what they promise under the null."""

import numpy as np
import pytest
from scipy.stats import binomtest, false_discovery_control, multinomial

from longtail.errors import InputError
from longtail.evaluation import (
    corrected,
    group_discordance,
    paired_differences,
    paired_metric_tests,
    smallest_differences,
)

GROUPS = np.array(["many", "many", "medium", "few", "few"])
TOTALS = np.array([40, 30, 20, 7, 4])


def answers(rng, labels, rates):
    """Predictions that are right at the rates of each class, and else the next class."""
    right = rng.random(len(labels)) < np.asarray(rates)[labels]
    return np.where(right, labels, (labels + 1) % len(rates))


def p_values(labels, first, second, groups=GROUPS):
    found = paired_metric_tests(labels, first, second, groups)
    return {name: None if test is None else test.p for name, test in found.items()}


def of_one_class(gained, lost, total):
    """Labels and answers of two classifiers, of which each is right alone so often."""
    labels = np.zeros(total, dtype=int)
    place = np.arange(total)
    first = np.where((place >= gained) & (place < gained + lost), 1, 0)
    return labels, first, np.where(place < gained, 1, 0)


@pytest.mark.parametrize(("gained", "lost", "total"), [(0, 0, 5), (1, 0, 4), (5, 0, 10), (7, 2, 30), (2, 7, 30)])
def test_one_class_equals_summing_over_all_outcomes(gained, lost, total):
    seen = (gained + lost + 0.5) / (total + 1)
    share = (gained + lost + 2 * seen + 0.5) / (total + 2.5)
    far_up = far_down = 0.0
    for up in range(total + 1):
        for down in range(total + 1 - up):
            chance = multinomial.pmf([up, down, total - up - down], total, [share / 2, share / 2, 1 - share])
            far_up += chance * (up - down >= gained - lost)
            far_down += chance * (up - down <= gained - lost)
    found = p_values(*of_one_class(gained, lost, total), np.array(["few", "many"]))["few"]
    assert found == pytest.approx(min(1, 2 * min(far_up, far_down)), rel=1e-9)


@pytest.mark.parametrize(("gained", "lost"), [(40, 40), (60, 42), (130, 90), (30, 70)])
def test_with_many_images_it_is_nearly_the_test_of_mcnemar(gained, lost):
    found = p_values(*of_one_class(gained, lost, 2000), np.array(["few", "many"]))["all"]
    assert found == pytest.approx(binomtest(gained, gained + lost).pvalue, rel=0.15)


def test_equal_class_sizes_make_balanced_and_all_one_test():
    rng = np.random.default_rng(3)
    labels = np.repeat(np.arange(5), 12)
    found = p_values(labels, answers(rng, labels, [0.9] * 5), answers(rng, labels, [0.6] * 5))
    assert found["balanced"] == pytest.approx(found["all"], rel=1e-6)


def test_swapping_the_two_changes_the_sign_alone_and_permuting_classes_nothing():
    rng = np.random.default_rng(4)
    labels = np.repeat(np.arange(5), TOTALS)
    one, other = answers(rng, labels, [0.8] * 5), answers(rng, labels, [0.9, 0.6, 0.5, 0.7, 0.2])
    found, swapped = paired_differences(labels, one, other, GROUPS), paired_differences(labels, other, one, GROUPS)
    new = rng.permutation(5)
    groups = np.empty_like(GROUPS)
    groups[new] = GROUPS
    again = paired_differences(new[labels], new[one], new[other], groups)
    for name, cell in found.items():
        assert swapped[name]["p"] == cell["p"]
        assert swapped[name]["interval"] == pytest.approx([-edge for edge in reversed(cell["interval"])], abs=1e-9)
        assert again[name]["p"] == pytest.approx(cell["p"], rel=1e-9)
        assert again[name]["interval"] == pytest.approx(cell["interval"], abs=1e-9)


def test_same_predictions_are_no_evidence_and_an_empty_group_is_null():
    labels = np.repeat(np.arange(3), 5)
    found = p_values(labels, labels, labels, np.array(["many", "many", "few"]))
    assert found == {"all": 1.0, "balanced": 1.0, "many": 1.0, "medium": None, "few": 1.0}


def test_false_alarms_under_the_null_are_as_rare_as_promised():
    labels = np.repeat(np.arange(5), TOTALS)
    rates, trials = [0.8, 0.7, 0.6, 0.5, 0.4], 100
    rows = []
    for trial in range(trials):
        rng = np.random.default_rng(trial)
        found = p_values(labels, answers(rng, labels, rates), answers(rng, labels, rates))
        rows.append([found[name] for name in ("all", "balanced", "few")])
    for level in (0.05, 0.2, 0.5):
        shares = (np.array(rows) <= level).mean(axis=0)
        assert (shares <= level + 3 * np.sqrt(level * (1 - level) / trials)).all(), (level, shares)
    # a test that never speaks would pass too: balanced has many outcomes, so that it is nearly uniform
    assert (np.array(rows)[:, 1] <= 0.2).mean() > 0.1


def test_opposite_changes_make_it_careful_not_bold():
    labels = np.repeat([0, 1], 60)
    groups = np.array(["many", "few"])
    alarms = 0
    for trial in range(100):
        rng = np.random.default_rng(trial)
        one, other = answers(rng, labels, [0.8, 0.5]), answers(rng, labels, [0.5, 0.8])
        alarms += p_values(labels, one, other, groups)["balanced"] <= 0.05
    assert alarms / 100 <= 0.05 + 0.065


def test_a_gain_in_one_large_class_says_nothing_of_a_class_of_one_image():
    # the mean of two recalls: what a class of a single image does is not known
    labels = np.repeat([0, 1], [1000, 1])
    joint = labels.copy()
    joint[:50] = 1
    found = p_values(labels, labels, joint, np.array(["few", "few"]))
    assert found["all"] < 1e-6
    assert found["balanced"] > 0.05


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
        paired_metric_tests([0, 1], [0, 1], [0], np.array(["many", "few"]))
    with pytest.raises(InputError, match="expected numbers from 0 to 1"):
        corrected([0.1, float("nan")])


@pytest.mark.slow
def test_the_smallest_difference_is_found_four_times_in_five():
    totals, trials = np.array([200, 120, 90, 60, 50]), 300
    labels = np.repeat(np.arange(5), totals)
    other = (labels + 1) % 5
    rng = np.random.default_rng(0)
    for metric in ("all", "balanced", "few"):
        delta = smallest_differences(totals, 0.3, GROUPS)[metric] / 100
        found = 0
        for _ in range(trials):
            # of 30 % of the images where only one is right
            kind = rng.random(len(labels))
            up, down = kind < (0.3 + delta) / 2, kind > 1 - (0.3 - delta) / 2
            found += p_values(labels, np.where(down, other, labels), np.where(up, other, labels))[metric] <= 0.05
        assert 0.72 <= found / trials <= 0.88, metric


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
