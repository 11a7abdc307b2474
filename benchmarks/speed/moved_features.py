"""How far features move where a network or its images are computed in another way."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["moved"]

CLASSES = 1000


def moved(features: NDArray[np.float32], expected: NDArray[np.float32]) -> str:
    """Say how far features (N, D) are from those expected, and how many rows get another class of a drawn layer."""
    shares = np.linalg.norm(features - expected, axis=1) / np.linalg.norm(expected, axis=1)
    # of drawn networks all images have nearly the same features: without their mean, the layer says the same of all
    center = expected.mean(axis=0)
    weight = np.random.default_rng(0).normal(size=(expected.shape[1], CLASSES)) / np.sqrt(expected.shape[1])
    changed = ((features - center) @ weight).argmax(axis=1) != ((expected - center) @ weight).argmax(axis=1)
    return (
        f"apart by {100 * shares.mean():.2f} % of a row's length, {100 * shares.max():.2f} % at most; "
        f"another class of {CLASSES}: {changed.sum()} of {len(features)}"
    )
