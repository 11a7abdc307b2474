"""Bootstrap intervals against drawing images one by one, and their coverage."""

import numpy as np
import pytest

from longtail.evaluation import accuracy_intervals, paired_differences, tally

GROUPS = np.array(["many", "many", "few"])


def made_up(rng, rates=(0.9, 0.7, 0.4), totals=(60, 50, 30)):
    labels = np.repeat(np.arange(3), totals)
    right = rng.random(len(labels)) < np.asarray(rates)[labels]
    return labels, np.where(right, labels, (labels + 1) % 3)


def test_equals_drawing_images():
    rng = np.random.default_rng(0)
    labels, predictions = made_up(rng)
    members = [np.flatnonzero(labels == c) for c in range(3)]
    drawn = []
    for _ in range(4000):
        recalls = [(predictions[rng.choice(rows, len(rows))] == c).mean() for c, rows in enumerate(members)]
        drawn.append(100 * np.mean(recalls))
    found = accuracy_intervals(tally(labels, predictions, 3), GROUPS, resamples=4000)
    np.testing.assert_allclose(found["balanced"], np.quantile(drawn, [0.025, 0.975]), atol=0.7)
    assert found["medium"] is None


def test_covers_the_truth_about_as_often_as_it_says():
    covered = 0
    for trial in range(300):
        labels, predictions = made_up(np.random.default_rng(trial))
        low, high = accuracy_intervals(tally(labels, predictions, 3), GROUPS, resamples=300, seed=trial)["balanced"]
        covered += low <= 100 * np.mean([0.9, 0.7, 0.4]) <= high
    assert 0.90 <= covered / 300 <= 0.98


def test_paired_differences_equal_drawing_pairs():
    rng = np.random.default_rng(1)
    labels, first = made_up(rng)
    _, second = made_up(rng, rates=(0.8, 0.75, 0.6))
    found = paired_differences(labels, second, first, GROUPS, resamples=4000)
    point = 100 * np.mean([((second == labels) * 1.0 - (first == labels))[labels == c].mean() for c in range(3)])
    assert found["balanced"]["difference"] == pytest.approx(point)
    members = [np.flatnonzero(labels == c) for c in range(3)]
    drawn = []
    for _ in range(4000):
        rows = [rng.choice(r, len(r)) for r in members]
        drawn.append(100 * np.mean([((second[r] == labels[r]) * 1.0 - (first[r] == labels[r])).mean() for r in rows]))
    np.testing.assert_allclose(found["balanced"]["interval"], np.quantile(drawn, [0.025, 0.975]), atol=0.9)


def test_a_method_against_itself_differs_by_nothing():
    labels, predictions = made_up(np.random.default_rng(2))
    found = paired_differences(labels, predictions, predictions, GROUPS)
    assert found["all"] == {"difference": 0.0, "interval": [0.0, 0.0]}
    assert found["medium"] is None
