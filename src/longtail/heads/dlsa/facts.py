"""What DLSA's blocks did, for results.json and its pictures."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.counts import GROUPS
from longtail.heads.dlsa.estimator import DLSA

__all__ = ["dlsa_facts", "group_confusion"]


def dlsa_facts(head: DLSA, groups: NDArray[np.str_]) -> dict[str, Any]:
    """Put together which training rows each block took, how likely rows of each group were, and its clusters.

    Args:
        head: fitted.
        groups: "many", "medium" or "few" for each class, shape (C,).

    Returns:
        {"depth": blocks in use, "helps", "choice": what validation said, "blocks": one entry for each that was built}.
    """
    blocks = []
    for number, facts in enumerate(head.blocks_):
        by_class = np.array(facts["likelihood"]["by_class"])
        taken = np.array(facts["taken_by_class"])
        blocks.append(
            {
                **{name: value for name, value in facts.items() if name not in ("likelihood", "taken_by_class")},
                "in_use": number < head.depth_,
                "taken": {group: int(taken[groups == group].sum()) for group in GROUPS},
                "reached": {group: int(by_class[groups == group].sum()) for group in GROUPS},
                "likelihood": {
                    "edges": facts["likelihood"]["edges"],
                    **{group: by_class[groups == group].sum(axis=0).tolist() for group in GROUPS},
                },
            }
        )
    return {"depth": head.depth_, "helps": head.helps_, "choice": head.choice_, "blocks": blocks}


def group_confusion(
    labels: NDArray[np.int64], predicted: NDArray[np.int64], groups: NDArray[np.str_]
) -> dict[str, dict[str, float]]:
    """Return where images of each group of classes go.

    Args:
        labels: class indices, shape (N,).
        predicted: class indices, shape (N,).
        groups: "many", "medium" or "few" for each class, shape (C,).

    Returns:
        For each group with images, in percent of them: "right", and, of the wrong ones, the group of the class that was
        predicted.

    Example:
        >>> group_confusion(np.array([0, 1, 1, 1]), np.array([0, 0, 0, 1]), np.array(["many", "few"]))["few"]
        {'right': 33.3, 'many': 66.7, 'medium': 0.0, 'few': 0.0}
    """
    is_right, into = labels == predicted, groups[predicted]
    result = {}
    for group in GROUPS:
        members = groups[labels] == group
        if members.any():
            shares = {"right": is_right[members].mean()}
            shares |= {other: (~is_right & (into == other))[members].mean() for other in GROUPS}
            result[group] = {name: round(float(100 * share), 1) for name, share in shares.items()}
    return result
