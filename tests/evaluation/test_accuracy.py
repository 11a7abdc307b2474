"""Accuracies against scikit-learn and slow loops; what happens to empty groups and absent classes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    precision_score,
    recall_score,
)

from longtail.errors import InputError
from longtail.evaluation import accuracy_report


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=60),
    st.lists(st.integers(1, 300), min_size=6, max_size=6),
)
def test_equals_scikit_learn(pairs, counts):
    labels, predictions = (np.array(column) for column in zip(*pairs, strict=True))
    report = accuracy_report(labels, predictions, counts)
    present = np.unique(labels)
    assert report["all"] == pytest.approx(100 * accuracy_score(labels, predictions))
    recalls = recall_score(labels, predictions, labels=range(6), average=None, zero_division=np.nan)
    assert report["balanced"] == pytest.approx(100 * np.nanmean(recalls))
    f1 = f1_score(labels, predictions, labels=present, average="macro", zero_division=0)
    assert report["macro_f1"] == pytest.approx(100 * f1)
    assert report["geometric_mean"] == pytest.approx(100 * np.prod(recalls[present]) ** (1 / len(present)))
    precisions = precision_score(labels, predictions, labels=range(6), average=None, zero_division=np.nan)
    np.testing.assert_allclose([np.nan if p is None else p for p in report["per_class_precision"]], 100 * precisions)


def test_balanced_is_scikit_learns_where_every_class_occurs():
    labels, predictions = [0, 0, 0, 1, 1, 2], [0, 1, 0, 1, 1, 0]
    report = accuracy_report(labels, predictions, [5, 5, 5])
    assert report["balanced"] == pytest.approx(100 * balanced_accuracy_score(labels, predictions))


def test_groups_go_by_training_counts_and_thresholds():
    counts = [101, 100, 20, 19]
    report = accuracy_report([0, 1, 2, 3], [0, 1, 0, 3], counts)
    assert (report["many"], report["medium"], report["few"]) == (100, 50, 100)
    report = accuracy_report([0, 1, 2, 3], [0, 1, 0, 3], counts, many_above=50, few_below=30)
    assert (report["many"], report["medium"], report["few"]) == (100, None, 50)


def test_an_empty_group_is_none_and_never_zero():
    report = accuracy_report([0, 1], [1, 0], [500, 400])
    assert report["many"] == 0
    assert report["medium"] is None
    assert report["few"] is None


def test_a_class_without_test_images_counts_in_no_mean():
    report = accuracy_report([0, 0], [0, 1], [10, 10])
    assert report["balanced"] == 50
    assert report["per_class"] == [50, None]


@given(st.lists(st.integers(0, 4), min_size=1, max_size=40), st.randoms(use_true_random=False))
def test_where_every_predicted_class_has_an_image_both_libraries_agree(labels, random):
    predictions = [random.choice(labels) for _ in labels]
    report = accuracy_report(labels, predictions, [5] * 5)
    assert report["macro_f1"] == pytest.approx(100 * f1_score(labels, predictions, average="macro", zero_division=0))
    # imbalanced-learn's geometric mean: the root of the product of the recalls of all labels
    recalls = recall_score(labels, predictions, average=None, zero_division=0)
    assert report["geometric_mean"] == pytest.approx(100 * np.prod(recalls) ** (1 / len(recalls)))


def test_a_class_that_is_predicted_and_has_no_image_is_an_error_and_no_class():
    report = accuracy_report([0, 0, 1, 1], [0, 0, 1, 2], [9, 9, 9])
    assert report["macro_f1"] == pytest.approx(100 * (1 + 2 / 3) / 2)
    assert report["geometric_mean"] == pytest.approx(100 * np.sqrt(0.5))
    assert report["balanced"] == 75


def test_labels_out_of_range_are_named():
    with pytest.raises(InputError, match="label 7 of row 1 is out of range"):
        accuracy_report([0, 7], [0, 0], [10, 10])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (([0, 1], [0, 1], None), "train_counts: expected an array"),
        (([0, 1], [0, 1], []), "train_counts have shape"),
        (([0, 1], [0, 1], [5, -1]), "class 1 has -1 images"),
        (([0, 1], [0, 1], [5, np.nan]), "class 1 has nan images"),
        (([0, 1], [0, 1], ["5", "6"]), "expected one number of images a class"),
        ((["cat", "dog"], ["cat", "cat"], [5, 5]), "labels have shape .* expected whole numbers"),
        (([0, 1], [0.0, 1.0], [5, 5]), "predictions have shape .* expected whole numbers"),
        (([0, 1], [0, 3], [5, 5]), "prediction 3 of row 1 is out of range"),
        (([0, 1], [0, 2**70], [5, 5]), "predictions: expected an array"),
        (([[0], [1]], [[0], [1]], [5, 5]), "labels have shape"),
    ],
)
def test_what_cannot_be_measured_is_told(arguments, told):
    with pytest.raises(InputError, match=told):
        accuracy_report(*arguments)


@pytest.mark.parametrize("thresholds", [{"many_above": float("nan")}, {"few_below": -1}, {"many_above": "100"}])
def test_thresholds_that_are_none(thresholds):
    with pytest.raises(InputError, match="expected a number of images"):
        accuracy_report([0, 1], [0, 1], [5, 5], **thresholds)


def test_nothing_to_measure_and_another_number_of_predictions_are_told():
    with pytest.raises(InputError, match="no image"):
        accuracy_report([], [], [5, 5])
    with pytest.raises(InputError, match="one prediction a label"):
        accuracy_report([0, 1], [0], [5, 5])
