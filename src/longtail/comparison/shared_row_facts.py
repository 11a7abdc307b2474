"""Rows that stand in two splits, and what the methods measure without them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.comparison.problem import FeatureProblem
from longtail.comparison.protocol import Protocol
from longtail.evaluation.shared_rows import accuracy_without, find_copies, shared_rows

__all__ = ["shared_row_facts", "split_rows"]

QUICK_COMPARISONS = 2e11  # sum of the squared class sizes x D up to which near rows are looked for: seconds


def split_rows(problem: FeatureProblem) -> dict[str, tuple[NDArray[Any], NDArray[np.int64]]]:
    """Return features and labels of each split; the labels of test have to be unsealed."""
    return {name: (file.features, file.labels) for name, file in problem.splits.items()}


def shared_row_facts(
    protocol: Protocol, predictions: Mapping[str, Mapping[str, NDArray[np.int64]]]
) -> dict[str, Any] | None:
    """Count rows of val and test that stand in an earlier split too, and measure the methods on the other test rows.

    Args:
        protocol: the problem, unsealed; bounds of the groups, and whether near rows are looked for however
            long it takes.
        predictions: of each method on each split, class indices.

    Returns:
        None where train is the only split; else {"identical", "near": numbers of test rows (of val rows where there is
        no test split), "pairs": {SPLIT: {"rows", "identical", "near", "of": splits before}}, "not_looked_for": why near
        rows were not looked for, or None, "without": None or {METHOD: {"images", "all", "balanced", GROUP}} on the test
        rows that stand in no other split}.
    """
    problem, rules = protocol.problem, protocol.rules
    if len(problem.splits) < 2:
        return None
    copies = find_copies(split_rows(problem), across=False, most=None if rules.exhaustive else QUICK_COMPARISONS)
    result = shared_rows(copies)
    names = list(problem.splits)
    pairs = {
        name: {
            "rows": len(mask),
            "identical": int(mask.sum()),
            "near": int(result.near[name].sum()),
            "of": names[: names.index(name)],
        }
        for name, mask in result.identical.items()
    }
    measured = names[-1]
    without = None
    if measured == "test":
        shared = result.identical["test"] | result.near["test"]
        if shared.any():
            without = accuracy_without(
                problem.splits["test"].labels,
                {name: predicted["test"] for name, predicted in predictions.items()},
                shared,
                problem.train_counts,
                many_above=rules.many_above,
                few_below=rules.few_below,
            )
    return {
        "identical": pairs[measured]["identical"],
        "near": pairs[measured]["near"],
        "pairs": pairs,
        "not_looked_for": result.left_out,
        "without": without,
    }
