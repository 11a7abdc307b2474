"""Which differences between methods the test images show, and which they cannot show."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.evaluation import corrected, group_discordance, paired_differences, paired_p_values, smallest_differences
from longtail.evaluation.paired_tests import Correction

__all__ = ["LEVEL", "POWER", "paired_comparisons"]

LEVEL = 0.05
POWER = 0.8


def paired_comparisons(
    labels: NDArray[np.int64],
    predictions: Mapping[str, NDArray[np.int64]],
    groups: NDArray[np.str_],
    best: str,
    *,
    correction: Correction = "holm",
    seed: int = 0,
) -> dict[str, Any]:
    """Compare each method with joint, and each with the best one, on the same images.

    The p-values of a metric are corrected together: as many as there are pairs.

    Args:
        labels: class indices of the test split, shape (N,).
        predictions: of each method, shape (N,).
        groups: "many", "medium" or "few" for each class, shape (C,).
        best: the recommended method.
        correction: for several comparisons.
        seed: of what is drawn.

    Returns:
        {"split", "best", "correction", "level", "power", "pairs": [{"method", "baseline", "metrics": {NAME: None or
        {"difference", "interval", "p", "p_corrected", "smallest"}}}]}, in percentage points, method minus baseline;
        "smallest" is the difference that would be found at that level with that power, None where none would be.
    """
    pairs = [(name, "joint") for name in predictions if "joint" in predictions and name != "joint"]
    if best != "joint":
        pairs += [(name, best) for name in predictions if name not in ("joint", best)]
    rows = [_pair(labels, predictions, method, baseline, groups, seed) for method, baseline in pairs]
    for name in rows[0]["metrics"] if rows else ():
        found = [row["metrics"][name] for row in rows]
        for cell, p in zip(found, corrected([c and c["p"] for c in found], correction), strict=True):
            if cell is not None:
                cell["p_corrected"] = p
    return {"split": "test", "best": best, "correction": correction, "level": LEVEL, "power": POWER, "pairs": rows}


def _pair(
    labels: NDArray[np.int64],
    predictions: Mapping[str, NDArray[np.int64]],
    method: str,
    baseline: str,
    groups: NDArray[np.str_],
    seed: int,
) -> dict[str, Any]:
    ours, base = predictions[method], predictions[baseline]
    differences = paired_differences(labels, ours, base, groups, seed=seed)
    p_values = paired_p_values(labels, ours, base, groups, seed=seed)
    totals = np.bincount(labels, minlength=len(groups))
    shares = group_discordance(labels, ours, base, groups)
    smallest = smallest_differences(totals, shares, groups, power=POWER, level=LEVEL)
    return {
        "method": method,
        "baseline": baseline,
        "metrics": {
            name: None if found is None else {**found, "p": p_values[name], "smallest": smallest[name]}
            for name, found in differences.items()
        },
    }
