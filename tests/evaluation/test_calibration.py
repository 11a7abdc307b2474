"""Calibration measures against slow loops and scikit-learn, and on probabilities that are known to hold."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss

from longtail.errors import InputError
from longtail.evaluation.calibration import (
    ImageScores,
    classwise_calibration_error,
    expected_calibration_error,
    image_scores,
    reliability_curve,
)
from longtail.evaluation.probability_report import probability_report, probability_summary, reliability_facts


def made_up(seed=0, images=400, classes=5, truthful=True, fall=0.0):
    """Probabilities, and labels that are drawn from them; the further a class, the rarer it is."""
    rng = np.random.default_rng(seed)
    logits = 2 * rng.normal(size=(images, classes)) - fall * np.arange(classes)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = np.array([rng.choice(classes, p=row) for row in probabilities])
    return (probabilities if truthful else probabilities**3 / (probabilities**3).sum(axis=1, keepdims=True)), labels


def slow_error(values, truth, bins, weights):
    total = 0.0
    for b in range(bins):
        low, high = b / bins, (b + 1) / bins
        members = [i for i, v in enumerate(values) if low < v <= high or (b == 0 and v == 0)]
        if members:
            mass = sum(weights[i] for i in members)
            gap = sum(weights[i] * (truth[i] - values[i]) for i in members) / mass
            total += mass / sum(weights) * abs(gap)
    return 100 * total


@pytest.mark.parametrize("bins", [1, 7, 15])
def test_errors_equal_slow_loops(bins):
    probabilities, labels = made_up()
    scores = image_scores(probabilities, labels)
    weights = np.random.default_rng(1).random(len(labels))
    found = expected_calibration_error(scores.confidence, scores.right, bins=bins, weights=weights)
    assert found == pytest.approx(slow_error(scores.confidence, scores.right.astype(float), bins, weights))
    by_class = [
        slow_error(probabilities[:, c], (labels == c).astype(float), bins, np.ones(len(labels))) for c in range(5)
    ]
    np.testing.assert_allclose(classwise_calibration_error(probabilities, labels, bins=bins), by_class)


def test_adaptive_bins_hold_equally_many_images_and_never_part_equals():
    rng = np.random.default_rng(0)
    sure = rng.random(300)
    curve = reliability_curve(sure, rng.random(300) < sure, bins=10, equal_mass=True)
    assert curve.images.tolist() == [30] * 10
    order = np.sort(sure)
    np.testing.assert_allclose(curve.confidence, order.reshape(10, 30).mean(axis=1))
    equal = np.full(40, 0.7)
    assert reliability_curve(equal, np.arange(40) % 2, bins=8, equal_mass=True).images.tolist() == [40]


@pytest.mark.parametrize("equal_mass", [False, True])
def test_order_and_doubling_change_nothing(equal_mass):
    probabilities, labels = made_up()
    scores = image_scores(probabilities.round(1) / probabilities.round(1).sum(axis=1, keepdims=True), labels)
    once = expected_calibration_error(scores.confidence, scores.right, equal_mass=equal_mass)
    order = np.random.default_rng(3).permutation(len(labels))
    again = expected_calibration_error(scores.confidence[order], scores.right[order], equal_mass=equal_mass)
    twice = expected_calibration_error(np.tile(scores.confidence, 2), np.tile(scores.right, 2), equal_mass=equal_mass)
    weighed = expected_calibration_error(
        scores.confidence, scores.right, equal_mass=equal_mass, weights=np.full(len(labels), 2.0)
    )
    assert once == pytest.approx(again) == pytest.approx(twice) == pytest.approx(weighed)


def test_brier_and_log_loss_are_those_of_scikit_learn():
    probabilities, labels = made_up()
    summary = probability_summary(image_scores(probabilities, labels))
    assert summary["brier"] == pytest.approx(
        brier_score_loss(labels, probabilities, labels=range(5), scale_by_half=False)
    )
    assert summary["log_loss"] == pytest.approx(log_loss(labels, probabilities, labels=range(5)))
    weights = np.random.default_rng(0).random(len(labels))
    weighed = probability_summary(image_scores(probabilities, labels), weights)
    assert weighed["log_loss"] == pytest.approx(log_loss(labels, probabilities, labels=range(5), sample_weight=weights))


def test_permuting_classes_permutes_and_blocks_join():
    probabilities, labels = made_up()
    order = np.array([3, 0, 4, 1, 2])
    renamed = np.argsort(order)[labels]
    np.testing.assert_allclose(
        classwise_calibration_error(probabilities[:, order], renamed),
        classwise_calibration_error(probabilities, labels)[order],
    )
    parts = ImageScores.join(
        [image_scores(probabilities[:100], labels[:100]), image_scores(probabilities[100:], labels[100:])]
    )
    whole = image_scores(probabilities, labels)
    for name in ("predicted", "confidence", "right", "brier", "log_loss"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))


def test_labels_drawn_from_the_probabilities_are_calibrated_and_sharpened_ones_are_not():
    true, labels = made_up(images=20000)
    good = probability_summary(image_scores(true, labels))
    bad = probability_summary(image_scores(made_up(images=20000, truthful=False)[0], labels))
    assert good["ece"] < 1.5
    assert good["adaptive_ece"] < 1.5
    assert bad["ece"] > 10
    assert bad["brier"] > good["brier"]
    assert bad["log_loss"] > good["log_loss"]


def test_groups_condition_calibration_on_the_answer_and_scores_on_the_truth():
    """Perfect probabilities are calibrated among images taken for a rare class, not among those that are of it."""
    true, labels = made_up(images=30000, fall=0.7)
    groups = np.array(["many", "many", "medium", "few", "few"])
    scores = image_scores(true, labels)
    report = probability_report(scores, labels, groups)
    assert report["few"]["ece"] < 2
    belongs = groups[labels] == "few"
    assert expected_calibration_error(scores.confidence[belongs], scores.right[belongs]) > 2 * report["few"]["ece"]
    means = [scores.log_loss[labels == c].mean() for c in range(5)]
    assert report["balanced"]["log_loss"] == pytest.approx(np.mean(means))
    assert report["few"]["log_loss"] == pytest.approx(np.mean(means[3:]))
    assert report["few"]["images"] == (labels >= 3).sum()
    assert report["all"]["accuracy"] == pytest.approx(100 * scores.right.mean())
    assert probability_report(scores, labels, np.array(["many"] * 5))["few"] is None
    facts = reliability_facts(scores)
    assert sum(facts["images"]) == len(labels)


@pytest.mark.parametrize(
    ("probabilities", "labels", "message"),
    [
        ([[0.5, 0.6]], [0], "row 0 is no row of probabilities"),
        ([[1.2, -0.2]], [0], "row 0 is no row of probabilities"),
        ([[0.5, 0.5]], [2], "label 2 of row 0 is out of range"),
        ([[0.5, 0.5]], ["ant"], "expected whole numbers"),
        ([[0.5, 0.5]], [0, 1], "expected N x C numbers and N"),
        ([["a", "b"]], [0], "expected N x C numbers and N"),
        ([[np.nan, 1.0]], [0], "row 0 is no row of probabilities"),
    ],
)
def test_what_is_no_probability_is_refused(probabilities, labels, message):
    with pytest.raises(InputError, match=message):
        image_scores(probabilities, labels)


def test_impossible_labels_cost_a_finite_loss():
    scores = image_scores(np.array([[1.0, 0.0]], dtype=np.float32), [1])
    assert 80 < scores.log_loss[0] < 100
    with pytest.raises(InputError, match="no image"):
        expected_calibration_error([], [])
