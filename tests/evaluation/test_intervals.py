"""Limits of accuracies and differences against exact ones, against drawing images, and against their own tests."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from longtail.errors import InputError
from longtail.evaluation import accuracy_intervals, mean_interval, paired_differences, paired_metric_tests, tally
from longtail.evaluation.image_outcomes import ImageOutcomes
from longtail.evaluation.tilting import TiltedMean

GROUPS = np.array(["many", "many", "few"])


def made_up(rng, rates=(0.9, 0.7, 0.4), totals=(60, 50, 30)):
    labels = np.repeat(np.arange(3), totals)
    right = rng.random(len(labels)) < np.asarray(rates)[labels]
    return labels, np.where(right, labels, (labels + 1) % 3)


@pytest.mark.parametrize(("hits", "total"), [(0, 4), (4, 4), (1, 1), (9, 10), (63, 200), (0, 1)])
def test_one_class_has_the_limits_of_clopper_and_pearson(hits, total):
    labels = np.zeros(total, dtype=int)
    found = accuracy_intervals(tally(labels, np.where(np.arange(total) < hits, 0, 1), 2), np.array(["few", "many"]))
    low = 0.0 if hits == 0 else beta.ppf(0.025, hits, total - hits + 1)
    high = 1.0 if hits == total else beta.ppf(0.975, hits + 1, total - hits)
    assert found["few"] == pytest.approx([100 * low, 100 * high], abs=1e-6)
    assert found["balanced"] == found["all"] == found["few"]
    assert found["many"] is None


def test_with_many_images_equals_drawing_them():
    labels, predictions = made_up(np.random.default_rng(0), totals=(600, 500, 300))
    members = [np.flatnonzero(labels == c) for c in range(3)]
    rng = np.random.default_rng(1)
    drawn = []
    for _ in range(2000):
        drawn.append(100 * np.mean([(predictions[rng.choice(m, len(m))] == c).mean() for c, m in enumerate(members)]))
    found = accuracy_intervals(tally(labels, predictions, 3), GROUPS)
    np.testing.assert_allclose(found["balanced"], np.quantile(drawn, [0.025, 0.975]), atol=0.3)
    assert found["medium"] is None


def test_an_image_that_is_a_class_by_itself_keeps_its_doubt():
    # nine classes of 200 images, all found, and one of a single image, found too: it may be found once in forty times
    counted = tally(np.repeat(np.arange(10), [200] * 9 + [1]), np.repeat(np.arange(10), [200] * 9 + [1]), 10)
    low, high = mean_interval(counted, np.array([1 / 2000] * 9 + [1 / 10]), np.full(10, "all"))
    assert low == pytest.approx(90 + 0.25, abs=0.2)
    assert high == pytest.approx(100)


def test_of_many_kinds_of_images_the_saddlepoint_agrees_with_drawing(monkeypatch):
    rng = np.random.default_rng(2)
    totals = rng.integers(1, 60, 80)
    weights = 1 / (80 * totals)
    rates = rng.random(80)
    hits = rng.binomial(totals, rates)
    shares = (hits + 1) / (totals + 2)
    outcomes = ImageOutcomes.of_classes(weights, totals, shares, np.zeros(80))
    found = TiltedMean(outcomes, float(weights @ hits)).interval()
    monkeypatch.setattr("longtail.evaluation.tilting.FEW_KINDS", 1000)
    drawn = TiltedMean(outcomes, float(weights @ hits)).interval()
    assert len(outcomes.weights) > 50
    np.testing.assert_allclose(found, drawn, atol=0.02 * (drawn[1] - drawn[0]))


def test_drawing_agrees_with_computing_all(monkeypatch):
    labels = np.repeat(np.arange(3), (12, 7, 5))
    one, other = (made_up(np.random.default_rng(seed), totals=(12, 7, 5))[1] for seed in (1, 2))
    exact = paired_metric_tests(labels, one, other, GROUPS)["balanced"]
    monkeypatch.setattr("longtail.evaluation.image_outcomes.ENUMERATED", 1)
    monkeypatch.setattr("longtail.evaluation.image_outcomes.DRAWS", 40_000)
    drawn = paired_metric_tests(labels, one, other, GROUPS)["balanced"]
    assert drawn.p == pytest.approx(exact.p, rel=0.05)
    np.testing.assert_allclose(drawn.interval(), exact.interval(), atol=0.6)


def test_paired_limits_equal_drawing_pairs_where_there_are_many():
    rng = np.random.default_rng(1)
    sizes = (600, 500, 300)
    labels, first = made_up(rng, totals=sizes)
    _, second = made_up(rng, rates=(0.8, 0.75, 0.6), totals=sizes)
    found = paired_differences(labels, second, first, GROUPS)
    point = 100 * np.mean([((second == labels) * 1.0 - (first == labels))[labels == c].mean() for c in range(3)])
    assert found["balanced"]["difference"] == pytest.approx(point)
    members = [np.flatnonzero(labels == c) for c in range(3)]
    drawn = []
    for _ in range(2000):
        rows = [rng.choice(r, len(r)) for r in members]
        drawn.append(100 * np.mean([((second[r] == labels[r]) * 1.0 - (first[r] == labels[r])).mean() for r in rows]))
    np.testing.assert_allclose(found["balanced"]["interval"], np.quantile(drawn, [0.025, 0.975]), atol=0.4)


def test_two_that_never_differ_on_few_images_may_differ_on_others():
    labels = np.zeros(20, dtype=int)
    found = paired_differences(labels, labels, labels, np.array(["few", "many"]))["few"]
    assert found["difference"] == 0
    assert found["p"] == 1
    low, high = found["interval"]
    assert low == pytest.approx(-high)
    # on at most 1 - 0.025^(1/20) of the images the one is right and the other is not
    assert high == pytest.approx(100 * (1 - 0.025 ** (1 / 20)), abs=1.0)


counts = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(0, 12)).filter(lambda cell: sum(cell) > 0),
    min_size=1,
    max_size=5,
)


@given(counts, st.sampled_from([0.05, 0.01, 0.2, 0.003]))
def test_the_interval_leaves_zero_out_exactly_where_p_is_below_the_level(cells, level):
    gained, lost, same = (np.array(column) for column in zip(*cells, strict=True))
    labels = np.repeat(np.arange(len(cells)), gained + lost + same)
    kinds = np.concatenate([np.repeat([0, 1, 2], cell) for cell in cells])
    other = (labels + 1) % (len(cells) + 1)
    groups = np.resize(["few", "many"], len(cells) + 1)
    found = paired_metric_tests(
        labels, np.where(kinds == 1, other, labels), np.where(kinds == 0, other, labels), groups
    )
    for test in found.values():
        if test is None:
            continue
        low, high = test.interval(1 - level)
        assert (low > 0 or high < 0) == (test.p < level)
        assert low <= test.difference + 1e-6
        assert high >= test.difference - 1e-6
        assert -100 - 1e-9 <= low < high <= 100 + 1e-9


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)).filter(sum), min_size=1, max_size=6))
def test_no_interval_has_no_width(cells):
    hits, misses = (np.array(column) for column in zip(*cells, strict=True))
    labels = np.repeat(np.arange(len(cells)), hits + misses)
    right = np.concatenate([np.repeat([True, False], cell) for cell in cells])
    groups = np.resize(["few", "many", "medium"], len(cells) + 1)
    counted = tally(labels, np.where(right, labels, len(cells)), len(cells) + 1)
    for limits in accuracy_intervals(counted, groups).values():
        assert limits is None or (0 <= limits[0] < limits[1] <= 100)


def test_more_images_narrow_it_and_a_higher_level_widens_it():
    widths = []
    for times in (1, 4, 16):
        labels, predictions = np.repeat([0, 1], [8 * times, 4 * times]), np.repeat([0, 1, 0], [6 * times] * 2 + [0])
        low, high = accuracy_intervals(tally(labels, predictions, 2), GROUPS[1:])["balanced"]
        widths.append(high - low)
    assert widths[0] > 1.5 * widths[1] > 2.25 * widths[2]
    counted = tally([0, 0, 1], [0, 1, 1], 2)
    assert (
        accuracy_intervals(counted, GROUPS[1:], level=0.99)["all"][0]
        < accuracy_intervals(counted, GROUPS[1:])["all"][0]
    )
    for level in (0, 1, float("nan"), 95):
        with pytest.raises(InputError, match="level is"):
            accuracy_intervals(counted, GROUPS[1:], level=level)
