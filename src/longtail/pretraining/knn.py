"""How good are features while they are learnt? The nearest labelled images vote."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from longtail.errors import InputError
from longtail.evaluation import accuracy_of_hits, tally
from longtail.heads.nearest_rows import class_votes, nearest_rows
from longtail.ranges import Range

__all__ = ["knn_accuracy", "knn_predictions"]

LARGEST_PRODUCT = 2**25  # similarities at once: 128 MiB


@torch.no_grad()
def knn_predictions(
    features: Tensor,
    known: Tensor,
    known_labels: Tensor,
    num_classes: int,
    *,
    k: int = 20,
    temperature: float = 0.07,
) -> Tensor:
    """Classify features by a vote of the k most similar known ones, weighed by similarity.

    votes_c = sum over the k nearest i of class c of exp(s_i / T), s_i the cosine of the two features

    Args:
        features: to classify, shape (M, D).
        known: with labels, shape (N, D).
        known_labels: class indices, shape (N,).
        num_classes: C.
        k: nearest ones that vote; all of them where there are fewer.
        temperature: T.

    Returns:
        Class indices, int64, shape (M,).

    Raises:
        InputError: k or temperature is out of range, or nothing is known.

    Reference:
        Wu, Xiong, Yu, Lin, "Unsupervised Feature Learning via Non-Parametric Instance Discrimination", CVPR 2018, arXiv
        1805.01978, section 3.4 (there k = 200, T = 0.07).

    Example:
        >>> known = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> knn_predictions(torch.tensor([[0.9, 0.2]]), known, torch.tensor([4, 2]), 5, k=1).tolist()
        [4]
    """
    Range(1).check(k, "k", whole=True)
    Range(above=0).check(temperature, "temperature")
    if len(known) == 0:
        raise InputError("there are no known features; expected at least one whose label votes.")
    blocks, weights = [(slice(0, len(known)), known.float())], torch.ones(num_classes, device=features.device)
    predictions = []
    step = max(LARGEST_PRODUCT // len(known), 1)
    for start in range(0, len(features), step):
        part = features[start : start + step]
        nearest, rows = nearest_rows(part.float(), blocks, k)
        predictions.append(class_votes(nearest, known_labels[rows], weights, temperature).argmax(dim=1))
    return torch.cat(predictions) if predictions else known_labels.new_empty(0)


def knn_accuracy(
    features: Tensor,
    labels: NDArray[np.int64],
    known: Tensor,
    known_labels: NDArray[np.int64],
    num_classes: int,
    *,
    k: int = 20,
    temperature: float = 0.07,
) -> dict[str, float]:
    """Measure how often the vote of the nearest known features is right.

    Args:
        features: to classify, shape (M, D).
        labels: their class indices, shape (M,).
        known, known_labels, num_classes, k, temperature: as in `knn_predictions`.

    Returns:
        `all`: correct share of the images; `balanced`: mean recall of the classes that occur; percent.

    Example:
        >>> known, classes = torch.eye(3), np.arange(3)
        >>> knn_accuracy(known, classes, known, classes, 3, k=1)
        {'all': 100.0, 'balanced': 100.0}
    """
    there = torch.from_numpy(known_labels).to(known.device)
    predictions = knn_predictions(features, known, there, num_classes, k=k, temperature=temperature)
    counted = tally(labels, predictions.cpu().numpy(), num_classes)
    return accuracy_of_hits(counted.hits, counted.totals)
