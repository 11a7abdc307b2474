"""Accuracy in other worlds: exact expectations against test sets that are really drawn."""

import numpy as np
import pytest

from longtail.errors import InputError
from longtail.evaluation import accuracy_of_hits, tally
from longtail.evaluation.label_shift import (
    SHIFT_RATIOS,
    expected_accuracy,
    resampled_rows,
    shifted_priors,
    subsampled_rows,
)

COUNTS = np.array([40, 300, 7, 90])


@pytest.fixture
def predicted():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), [60, 50, 40, 30])
    wrong = rng.random(len(labels)) < np.array([0.1, 0.3, 0.6, 0.8])[labels]
    return labels, np.where(wrong, (labels + 1) % 4, labels)


def test_forward_follows_train_and_backward_is_its_reverse():
    found = shifted_priors(COUNTS)
    names = [f"forward-{ratio:g}" for ratio in SHIFT_RATIOS] + ["uniform"]
    names += [f"backward-{ratio:g}" for ratio in reversed(SHIFT_RATIOS)]
    assert list(found) == names
    order = np.argsort(-COUNTS)
    for ratio in SHIFT_RATIOS:
        forward, backward = found[f"forward-{ratio:g}"][order], found[f"backward-{ratio:g}"][order]
        np.testing.assert_allclose(forward, backward[::-1])
        assert forward[0] / forward[-1] == pytest.approx(ratio)
        np.testing.assert_allclose(forward[1:] / forward[:-1], ratio ** (-1 / 3))
        assert forward.sum() == pytest.approx(1)
    np.testing.assert_allclose(found["uniform"], 0.25)


def test_renaming_classes_renames_the_worlds():
    order = np.array([2, 0, 3, 1])
    renamed = shifted_priors(COUNTS[order])
    for name, prior in shifted_priors(COUNTS).items():
        np.testing.assert_allclose(renamed[name], prior[order])


def test_the_expectation_is_what_drawn_test_sets_give_on_average(predicted):
    labels, predictions = predicted
    prior, rng = shifted_priors(COUNTS)["backward-10"], np.random.default_rng(1)
    drawn = [resampled_rows(labels, prior, 400, rng) for _ in range(400)]
    measured = [100 * (predictions[rows] == labels[rows]).mean() for rows in drawn]
    found = expected_accuracy(tally(labels, predictions, 4), prior)
    assert found["accuracy"] == pytest.approx(np.mean(measured), abs=0.5)
    assert found["interval"][0] < found["accuracy"] < found["interval"][1]
    shares = np.mean([np.bincount(labels[rows], minlength=4) / 400 for rows in drawn], axis=0)
    np.testing.assert_allclose(shares, prior, atol=0.01)


def test_uniform_is_balanced_accuracy_and_the_tests_own_prior_is_accuracy_over_images(predicted):
    labels, predictions = predicted
    counted = tally(labels, predictions, 4)
    known = accuracy_of_hits(counted.hits, counted.totals)
    assert expected_accuracy(counted, np.full(4, 0.25))["accuracy"] == pytest.approx(known["balanced"])
    assert expected_accuracy(counted, counted.totals)["accuracy"] == pytest.approx(known["all"])


def test_classes_without_an_image_are_left_out_and_told(predicted):
    labels, predictions = predicted
    kept = labels != 2
    counted = tally(labels[kept], predictions[kept], 4)
    found = expected_accuracy(counted, [0.1, 0.2, 0.6, 0.1])
    recall = counted.hits[[0, 1, 3]] / counted.totals[[0, 1, 3]]
    assert found["accuracy"] == pytest.approx(100 * recall @ np.array([0.25, 0.5, 0.25]))
    assert found["unseen"] == pytest.approx(0.6)
    with pytest.raises(InputError, match="nothing to measure on"):
        expected_accuracy(counted, [0.0, 0.0, 1.0, 0.0])


def test_subsets_are_as_large_as_the_scarcest_class_allows_and_hold_no_row_twice():
    labels = np.repeat(np.arange(4), 50)  # balanced, as the benchmarks' test sets are
    prior = shifted_priors(COUNTS)["forward-10"]
    rows = subsampled_rows(labels, prior, np.random.default_rng(0))
    assert len(np.unique(rows)) == len(rows)
    counts = np.bincount(labels[rows], minlength=4)
    np.testing.assert_array_equal(counts[np.argsort(-COUNTS)], np.floor(50 * 10 ** (-np.arange(4) / 3) + 1e-9))


def test_a_ratio_that_is_none_is_refused():
    with pytest.raises(InputError, match="expected numbers above 1"):
        shifted_priors(COUNTS, ratios=(10.0, 1.0))
