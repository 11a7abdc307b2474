"""Intervals and tests of rows that come in groups: what they equal in plain cases, and what they promise."""

from itertools import product

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import beta

from longtail.evaluation import (
    accuracy_intervals,
    group_discordance,
    mean_interval,
    paired_differences,
    paired_metric_tests,
    smallest_differences,
    tally,
)
from longtail.evaluation.grouped_mean import FlippedMean, normal_tail
from longtail.evaluation.grouped_share import grouped_binomial_interval
from longtail.evaluation.image_outcomes import ImageOutcomes
from longtail.evaluation.label_shift import expected_accuracy
from longtail.evaluation.likeness import SURE, Spread
from longtail.evaluation.tilting import TiltedMean

KINDS = np.array(["many", "many", "medium", "few", "few"])


def image_set(rng, groups_of_class=(6, 5, 4, 3, 2), rows=6, likeness=0.5):
    """Labels, groups and heights: an image is right where its height is below the quantile of its class's recall."""
    classes = np.repeat(np.arange(len(groups_of_class)), groups_of_class)
    sizes = rng.integers(1, 2 * rows, len(classes))
    labels, groups = np.repeat(classes, sizes), np.repeat(np.arange(len(classes)), sizes)
    own = rng.standard_normal(len(labels))
    heights = np.sqrt(likeness) * rng.standard_normal(len(classes))[groups] + np.sqrt(1 - likeness) * own
    return labels, groups, heights


def predicted(labels, right):
    return np.where(right, labels, (labels + 1) % 5)


@pytest.fixture(scope="module")
def case():
    labels, groups, heights = image_set(np.random.default_rng(1))
    first, second = predicted(labels, heights < 0.5), predicted(labels, heights[::-1] < 0.2)
    return labels, groups, first, second


def test_groups_of_one_row_are_no_groups(case):
    labels, _, first, second = case
    alone = np.random.default_rng(0).permutation(len(labels))
    assert accuracy_intervals(tally(labels, first, 5, sample_groups=alone), KINDS) == accuracy_intervals(
        tally(labels, first, 5), KINDS
    )
    assert paired_differences(labels, first, second, KINDS, sample_groups=alone) == paired_differences(
        labels, first, second, KINDS
    )


def test_one_pair_of_rows_changes_nearly_nothing(case):
    labels, _, first, _ = case
    groups = np.arange(len(labels))
    groups[1] = groups[0]
    plain = accuracy_intervals(tally(labels, first, 5), KINDS)
    for name, limits in accuracy_intervals(tally(labels, first, 5, sample_groups=groups), KINDS).items():
        assert limits == pytest.approx(plain[name], abs=2.0)


def test_names_of_groups_and_order_of_rows_do_not_matter(case):
    labels, groups, first, second = case
    rng = np.random.default_rng(5)
    names, order = rng.permutation(10**6)[: groups.max() + 1], rng.permutation(len(labels))
    one = accuracy_intervals(tally(labels, first, 5, sample_groups=groups), KINDS)
    other = accuracy_intervals(tally(labels[order], first[order], 5, sample_groups=names[groups][order]), KINDS)
    paired = paired_differences(labels, first, second, KINDS, sample_groups=groups)
    again = paired_differences(labels[order], first[order], second[order], KINDS, sample_groups=names[groups][order])
    for name, limits in one.items():
        assert limits == pytest.approx(other[name], abs=1e-6)
        assert paired[name]["interval"] == pytest.approx(again[name]["interval"], abs=1e-6)
        assert paired[name]["p"] == pytest.approx(again[name]["p"], abs=1e-6)


def test_copies_of_rows_say_no_more_than_one_of_each():
    right = np.repeat([True, True, True, False], 10)
    labels, groups = np.zeros(120, dtype=int), np.repeat(np.arange(40), 3)
    predictions = np.where(np.repeat(right, 3), 0, 1)
    found = accuracy_intervals(tally(labels, predictions, 2, sample_groups=groups), np.array(["many", "few"]))["many"]
    tail = normal_tail(0.025, 39.0)  # Clopper and Pearson, with the doubt of 40 groups
    assert found == pytest.approx([100 * beta.ppf(tail, 30, 11), 100 * beta.ppf(1 - tail, 31, 10)], abs=1e-6)
    assert grouped_binomial_interval(predictions == 0, groups) == pytest.approx(found, abs=0.3)


def test_where_all_rows_are_of_one_group_nothing_is_known(case):
    labels, _, first, second = case
    together = np.zeros(len(labels), dtype=int)
    counted = tally(labels, first, 5, sample_groups=together)
    assert all(limits == [0.0, 100.0] for limits in accuracy_intervals(counted, KINDS).values())
    assert expected_accuracy(counted, np.full(5, 0.2))["interval"] == [0.0, 100.0]
    tests = paired_metric_tests(labels, first, second, KINDS, sample_groups=together)
    assert {(test.p, tuple(test.interval())) for test in tests.values()} == {(1.0, (-100.0, 100.0))}
    spreads = {name: test.spread for name, test in tests.items()}
    shares = group_discordance(labels, first, second, KINDS)
    assert set(smallest_differences(np.bincount(labels), shares, KINDS, spreads=spreads).values()) == {None}


@pytest.mark.parametrize("seed", range(6))
def test_limits_hold_what_was_measured_and_agree_with_the_test(seed):
    rng = np.random.default_rng(seed)
    labels, groups, heights = image_set(rng, likeness=rng.choice([0.0, 0.5, 1.0]))
    if seed % 2:
        groups = rng.integers(8, size=len(labels))  # that hold several classes
    first = predicted(labels, heights < rng.choice([-2.0, 0.3, 9.0]))
    second = predicted(labels, rng.random(len(labels)) < 0.5)
    counted = tally(labels, first, 5, sample_groups=groups)
    recall = counted.hits / counted.totals
    for name, (low, high) in accuracy_intervals(counted, KINDS).items():
        members = name == KINDS
        value = {"all": counted.hits.sum() / counted.totals.sum(), "balanced": recall.mean()}.get(name)
        value = 100 * float(recall[members].mean() if value is None else value)
        assert 0 <= low <= value + 1e-9 <= high + 2e-9 <= 100 + 3e-9
    tests = paired_metric_tests(labels, first, second, KINDS, sample_groups=groups)
    swapped = paired_metric_tests(labels, second, first, KINDS, sample_groups=groups)
    for name, test in tests.items():
        for level in (0.5, 0.95):
            low, high = test.interval(level)
            assert low - 1e-9 <= test.difference <= high + 1e-9
            assert (low <= 0 <= high) == (test.p >= 1 - level)
            assert [-high, -low] == pytest.approx(swapped[name].interval(level))
        assert test.p == pytest.approx(swapped[name].p)


def test_signs_of_whole_groups_are_flipped():
    parts = np.array([0.31, -0.07, 0.11, 0.2, 0.02, 0.0])
    sums = np.array(list(product([-1, 1], repeat=6))) @ parts
    share = np.mean(sums >= parts.sum() - 1e-12)
    outcomes = ImageOutcomes(np.array([0.05]), np.array([20]), np.array([0.1]), np.array([0.1]))
    spread = Spread(outcomes.variance, outcomes.variance, SURE, 6)
    assert FlippedMean(outcomes, parts, spread).p_value == pytest.approx(2 * share)
    assert FlippedMean(outcomes, 0 * parts, spread).p_value == 1


def test_five_groups_show_nothing_and_eight_may():
    labels, groups = np.zeros(160, dtype=int), np.repeat(np.arange(8), 20)
    wrong, kinds = np.ones(160, dtype=int), np.array(["many", "few"])
    for number, shown in ((5, False), (8, True)):
        rows = groups < number
        test = paired_metric_tests(labels[rows], labels[rows], wrong[rows], kinds, sample_groups=groups[rows])["all"]
        assert (test.p < 0.05) == shown
        assert test.p >= 2 / 2**number - 1e-12
        found = smallest_differences([rows.sum(), 0], 0.3, kinds, spreads={"all": test.spread})["all"]
        assert (found is not None) == shown


def test_the_smallest_difference_grows_with_the_design_effect():
    totals, kinds = [300, 300], np.array(["many", "few"])
    plain = smallest_differences(totals, 0.3, kinds)
    same = smallest_differences(totals, 0.3, kinds, spreads=dict.fromkeys(plain, Spread(1.0, 1.0, SURE, 100)))
    four = smallest_differences(totals, 0.3, kinds, spreads=dict.fromkeys(plain, Spread(1.0, 4.0, SURE, 100)))
    doubtful = smallest_differences(totals, 0.3, kinds, spreads=dict.fromkeys(plain, Spread(1.0, 4.0, 8.0, 100)))
    quarter = smallest_differences([75, 75], 0.3, kinds)
    for name in ("all", "balanced", "few"):
        assert same[name] == pytest.approx(plain[name], rel=1e-6)
        assert four[name] == pytest.approx(quarter[name], rel=1e-6)
        assert doubtful[name] > four[name]
    assert smallest_differences(totals, 0.3, kinds, spreads={"all": None}) == plain


def test_limits_between_two_possible_sums_lie_between_theirs():
    outcomes = ImageOutcomes(np.array([0.1]), np.array([10]), np.array([0.6]), np.zeros(1))
    plain = [TiltedMean(outcomes, hits / 10).interval() for hits in range(11)]
    for hits in range(10):
        for part in (0.2, 0.7):
            found = TiltedMean(outcomes, (hits + part) / 10, between=True).interval()
            for low, limit, high in zip(plain[hits], found, plain[hits + 1], strict=True):
                assert low - 1e-9 <= limit <= high + 1e-9
        on_a_sum = TiltedMean(outcomes, hits / 10, between=True).interval()
        assert on_a_sum == plain[hits]


DRAWS = 30
RECALL = np.array([0.95, 0.85, 0.7, 0.5, 0.8])


def of_classes(rng):
    return image_set(rng, (7, 6, 5, 4, 3), likeness=0.6)


def of_sites(rng):
    labels, groups = rng.choice(5, 240, p=[0.4, 0.25, 0.15, 0.1, 0.1]), rng.choice(12, 240)
    cell = rng.standard_normal((12, 5))[groups, labels]
    site, own = rng.standard_normal(12)[groups], rng.standard_normal(240)
    return labels, groups, np.sqrt(0.4) * site + np.sqrt(0.3) * cell + np.sqrt(0.3) * own


@pytest.mark.parametrize("make", [of_classes, of_sites])
def test_the_truth_is_held_where_images_of_a_group_are_alike(make):
    rng, held, truth = np.random.default_rng(0), {False: 0, True: 0}, 100 * RECALL.mean()
    for _ in range(DRAWS):
        labels, groups, heights = make(rng)
        answers, weights = predicted(labels, heights < ndtri(RECALL)[labels]), 0.2 / np.bincount(labels)
        for grouped in held:
            counted = tally(labels, answers, 5, sample_groups=groups if grouped else None)
            low, high = mean_interval(counted, weights, KINDS)
            held[grouped] += low <= truth <= high
    assert held[True] >= 26
    assert held[False] <= 24


@pytest.mark.parametrize("make", [of_classes, of_sites])
def test_equally_good_classifiers_are_not_told_apart(make):
    rng, shown, kinds = np.random.default_rng(0), 0, np.full(5, "few")
    for _ in range(12):
        labels, groups, heights = make(rng)
        first, second = predicted(labels, heights > -1), predicted(labels, heights < 1)
        shown += paired_metric_tests(labels, first, second, kinds, sample_groups=groups)["all"].p < 0.05
    assert shown <= 2
