"""The k-NN monitor against scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier

import longtail.pretraining.knn as module
from longtail.errors import InputError
from longtail.pretraining import knn_accuracy, knn_predictions


def data(seed, count):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 5, count)
    centers = np.random.default_rng(7).normal(size=(5, 8))
    return (centers[labels] + 1.5 * rng.normal(size=(count, 8))).astype(np.float32), labels


@pytest.mark.parametrize(("k", "chunks"), [(1, False), (20, False), (20, True), (300, False)])
def test_votes_are_those_of_scikit_learn(k, chunks, monkeypatch):
    if chunks:
        monkeypatch.setattr(module, "LARGEST_PRODUCT", 1000)
    known, known_labels = data(0, 300)
    features, labels = data(1, 150)
    reference = KNeighborsClassifier(k, metric="cosine", weights=lambda distance: np.exp((1 - distance) / 0.07))
    expected = reference.fit(known.astype(np.float64), known_labels).predict(features.astype(np.float64))
    there = torch.from_numpy(known), torch.from_numpy(known_labels)
    found = knn_predictions(torch.from_numpy(features), *there, 5, k=k).numpy()
    assert (found == expected).all()
    accuracy = knn_accuracy(torch.from_numpy(features), labels, there[0], known_labels, 5, k=k)
    assert accuracy["all"] == pytest.approx((expected == labels).mean() * 100)
    recalls = [(expected == labels)[labels == c].mean() for c in range(5)]
    assert accuracy["balanced"] == pytest.approx(np.mean(recalls) * 100)


def test_more_neighbours_than_images_is_all_of_them():
    known, labels = torch.eye(3), torch.arange(3)
    assert knn_predictions(known, known, labels, 3, k=20).tolist() == [0, 1, 2]
    assert knn_predictions(known[:0], known, labels, 3).shape == (0,)


def test_mistakes_are_told():
    with pytest.raises(InputError, match="k is 0"):
        knn_predictions(torch.eye(3), torch.eye(3), torch.arange(3), 3, k=0)
