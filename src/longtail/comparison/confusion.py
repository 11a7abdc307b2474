"""What test images are taken for: the whole matrix of few classes, the most frequent mistakes of many."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["confusions"]

MOST_CLASSES = 25  # above which a matrix is too large to be read
MOST_MISTAKES = 12


def confusions(
    labels: NDArray[np.int64], predictions: Mapping[str, NDArray[np.int64]], num_classes: int, methods: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Count how many images of each class are taken for which.

    Args:
        labels: class indices of test, shape (N,).
        predictions: class indices by method, shape (N,).
        num_classes: C.
        methods: which of them are counted.

    Returns:
        By method `matrix`: images by true class (row) and predicted class, None above 25 classes; and `most`: the most
        frequent mistakes, [{"class", "predicted", "count", "images"}], of which `images` is the size of the class.

    Example:
        >>> found = confusions(np.array([0, 0, 1]), {"tau": np.array([0, 1, 1])}, 2, ["tau"])["tau"]
        >>> found["matrix"], found["most"]
        ([[1, 1], [0, 1]], [{'class': 0, 'predicted': 1, 'count': 1, 'images': 2}])
    """
    images = np.bincount(labels, minlength=num_classes)
    result: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(methods):
        pairs, counts = np.unique(labels * num_classes + predictions[name], return_counts=True)
        truth, answer = np.divmod(pairs, num_classes)
        wrong = np.flatnonzero(truth != answer)
        order = wrong[np.argsort(-counts[wrong], kind="stable")][:MOST_MISTAKES]
        matrix = None
        if num_classes <= MOST_CLASSES:
            cells = np.zeros((num_classes, num_classes), dtype=np.int64)
            cells[truth, answer] = counts
            matrix = cells.tolist()
        most = [
            {
                "class": int(truth[i]),
                "predicted": int(answer[i]),
                "count": int(counts[i]),
                "images": int(images[truth[i]]),
            }
            for i in order
        ]
        result[name] = {"matrix": matrix, "most": most}
    return result
