"""What became of the rarest classes on test: how many were found, and what the others were taken for."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.comparison.problem import FeatureProblem

__all__ = ["rare_classes"]


def rare_classes(
    problem: FeatureProblem,
    predictions: Mapping[str, Mapping[str, NDArray[np.int64]]],
    groups: NDArray[np.str_],
    most: int = 12,
) -> list[dict[str, Any]]:
    """Count the test images of each rare class that each method finds, and those of the others by what they are called.

    Args:
        problem: with the test split, unsealed.
        predictions: of each method on each split.
        groups: "many", "medium" or "few" for each class, shape (C,).
        most: classes, rarest first; where no class is "few", the rarest quarter.
    """
    test = problem.splits.get("test")
    if test is None:
        return []
    test_counts = np.bincount(test.labels, minlength=len(groups))
    rarest = [int(c) for c in np.argsort(problem.train_counts, kind="stable") if test_counts[c] > 0]
    few = [c for c in rarest if groups[c] == "few"] or rarest[: max(len(rarest) // 4, 1)]
    rows = []
    for c in few[:most]:
        members = test.labels == c
        result, confused = {}, {}
        for name, predicted in predictions.items():
            votes = np.bincount(predicted["test"][members], minlength=len(groups))
            result[name] = int(votes[c])
            votes[c] = 0
            others = np.argsort(-votes, kind="stable")[:3]
            confused[name] = [{"class": int(o), "count": int(votes[o])} for o in others if votes[o] > 0]
        rows.append(
            {
                "class": c,
                "train_count": int(problem.train_counts[c]),
                "test_count": int(test_counts[c]),
                "found": result,
                "confused_with": confused,
                "examples": [],
                "train_example": None,
            }
        )
    return rows
