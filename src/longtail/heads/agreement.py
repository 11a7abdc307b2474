"""Weights of heads by how much they agree on two views of an image, which need no labels."""

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn import functional

from longtail.errors import InputError
from longtail.ranges import Range

__all__ = ["agreement", "agreement_weights"]

LEAST = 0.05  # where a head is left with less after an epoch, the weights stay as they are


def agreement(first: ArrayLike, second: ArrayLike, weights: ArrayLike) -> float:
    """Return how much a mix of heads agrees with itself on two views of each image.

    agreement = mean_i cos( softmax(sum_m w_m z_mi), softmax(sum_m w_m z'_mi) )

    Args:
        first: logits z of M heads on one view, shape (M, N, C).
        second: logits z' on the other view of the same images.
        weights: w, shape (M,).

    Raises:
        InputError: other shapes, or numbers that are not finite.

    Example:
        >>> views = np.zeros((2, 1, 2)), np.array([[[9.0, -9.0]], [[0.0, 0.0]]])
        >>> round(agreement(*views, [1, 0]), 3), round(agreement(*views, [0, 1]), 3)
        (0.707, 1.0)
    """
    views = _checked(first, second)
    return float(_cosines(*views, torch.as_tensor(np.asarray(weights)).to(views[0])).mean())


def agreement_weights(
    first: ArrayLike,
    second: ArrayLike,
    *,
    epochs: int = 5,
    learning_rate: float = 0.025,
    weight_decay: float = 5e-4,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Learn weights of heads by which their mix agrees the most with itself on two views of each image.

    w = softmax(v), v learnt to maximise `agreement` by stochastic gradient descent from v_m = 1 / M on, 128 images a
    step, with Nesterov's momentum of 0.9. After an epoch that leaves a head with a weight below 0.05 it ends. A head
    that is sure of classes which are common among these images, whatever the view, gets more.

    Args:
        first: logits of M heads on one random view of each image, shape (M, N, C).
        second: logits on another view, the same.
        epochs: at most, at least 1.
        learning_rate: published 0.025 for ImageNet-LT, 0.1 for CIFAR-100-LT.
        weight_decay: of v, at least 0.
        seed: of the order of the images.

    Returns:
        w, of sum 1, shape (M,): the logits to predict by are sum_m w_m z_m.

    Raises:
        InputError: other shapes, numbers that are not finite, or a setting out of its range.

    Reference:
        Zhang, Hooi, Hong, Feng, "Self-Supervised Aggregation of Diverse Experts for Test-Agnostic Long-Tailed
        Recognition", NeurIPS 2022, arXiv 2107.09249; the cosine and all settings are those of its released code, which
        draws new views in each epoch.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> steady = np.tile(3 * np.eye(4), (64, 1))
        >>> views = [np.stack([steady, steady + 3 * rng.normal(size=steady.shape)]) for _ in range(2)]
        >>> weights = agreement_weights(*views, learning_rate=0.1)
        >>> bool(weights[0] > 0.5 > weights[1])
        True
    """
    views = _checked(first, second)
    Range(1).check(epochs, "epochs", whole=True)
    Range(above=0).check(learning_rate, "learning_rate")
    Range(0).check(weight_decay, "weight_decay")
    num_heads, num_images, _ = views[0].shape
    free = torch.full((num_heads,), 1 / num_heads, dtype=views[0].dtype, requires_grad=True)
    optimizer = torch.optim.SGD([free], lr=learning_rate, momentum=0.9, weight_decay=weight_decay, nesterov=True)
    rng = np.random.default_rng(seed)
    for _ in range(epochs):
        for rows in torch.split(torch.from_numpy(rng.permutation(num_images)), 128):
            agrees = _cosines(views[0][:, rows], views[1][:, rows], functional.softmax(free, dim=0)).mean()
            (-agrees).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            optimizer.zero_grad()
        weights = functional.softmax(free.detach().double(), dim=0).numpy()
        if weights.min() < LEAST:
            break
    return weights


def _cosines(first: Tensor, second: Tensor, weights: Tensor) -> Tensor:
    """Return the cosine of each image's two rows of mixed probabilities, shape (N,)."""
    one, other = (functional.softmax(torch.einsum("m,mnc->nc", weights, view), dim=1) for view in (first, second))
    return functional.cosine_similarity(one, other, dim=1)


def _checked(first: ArrayLike, second: ArrayLike) -> tuple[Tensor, Tensor]:
    arrays = [np.asarray(view) for view in (first, second)]
    shapes = [view.shape for view in arrays]
    if shapes[0] != shapes[1] or len(shapes[0]) != 3 or 0 in shapes[0]:
        raise InputError(
            f"logits of two views have the shapes {shapes[0]} and {shapes[1]}; expected (heads, images, classes) twice."
        )
    views = [torch.from_numpy(view if view.dtype.kind == "f" else view.astype(np.float64)) for view in arrays]
    if not all(bool(torch.isfinite(view).all()) for view in views):
        raise InputError("logits of views hold NaN or infinity; expected finite numbers.")
    return views[0], views[1]
