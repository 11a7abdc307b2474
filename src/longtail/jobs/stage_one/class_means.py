"""A classifier that begins at the class means of the features of a network that has not learnt yet."""

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from longtail.backbones import classifier_of, features_of
from longtail.data.source import Subset
from longtail.jobs.stage_one.images import Images
from longtail.jobs.stage_one.setup import TrainingSetup
from longtail.training.inference import features_in_memory

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["class_means", "spread_rows", "start_at_class_means"]

MOST_IMAGES = 100  # of a class


def spread_rows(labels: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Return at most so many rows of each class, spread evenly over all that it has.

    Args:
        labels: class indices, shape (N,).
        most: of a class, at least 1.

    Example:
        >>> spread_rows(np.array([0, 1, 0, 0, 0, 1]), 2).tolist()
        [0, 3, 1, 5]
    """
    chosen = []
    for rows in np.split(np.argsort(labels, kind="stable"), np.cumsum(np.bincount(labels))[:-1]):
        count = min(len(rows), most)
        chosen.append(rows[np.arange(count) * len(rows) // max(count, 1)])
    return np.concatenate(chosen)


def class_means(features: Tensor, labels: Tensor, drawn: Tensor) -> Tensor:
    """Return the mean of the features of each class, at length 1.

    w_c = m_c / |m_c|,  m_c = mean of x over the rows of class c

    Args:
        features: x, shape (N, D).
        labels: class indices, shape (N,).
        drawn: what the weights of a class without rows stay, shape (C, D).

    Returns:
        Shape (C, D).

    Example:
        >>> x, drawn = torch.tensor([[3.0, 1.0], [3.0, 7.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> class_means(x, torch.tensor([0, 0]), drawn)
        tensor([[0.6000, 0.8000],
                [0.0000, 1.0000]])
    """
    sums = torch.zeros_like(drawn).index_add_(0, labels, features.to(drawn))
    is_there = torch.bincount(labels, minlength=len(drawn)) > 0
    return torch.where(is_there[:, None], functional.normalize(sums, dim=1), drawn)


def start_at_class_means(fabric: "Fabric", setup: TrainingSetup, *, workers: int) -> None:
    """Set the weights of a network's cosine classifier to the class means of its features, in place.

    Args:
        fabric: launched; all processes get the same.
        setup: network and training images, of which each class gives at most 100, without augmentation.
        workers: processes that load images.
    """
    model: nn.Module = setup.model.to(fabric.device).eval()
    rows = spread_rows(setup.images.labels, MOST_IMAGES)
    pixels = setup.images.pixels
    chosen = Images(Subset(setup.images.source, rows), None if pixels is None else pixels[torch.from_numpy(rows)])
    weight: Tensor = classifier_of(model).weight
    batches = chosen.batches(fabric, setup.preprocessing, workers=workers)
    features = features_in_memory(fabric, partial(features_of, model), batches, len(rows), weight.shape[1])
    labels = torch.from_numpy(chosen.labels).to(fabric.device)
    with torch.no_grad():
        weight.copy_(class_means(features, labels, weight))
    model.train()
