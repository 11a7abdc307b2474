"""What a head measured at each value of the parameter that it chose."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.evaluation import group_means
from longtail.heads.base import Head

__all__ = ["choice_curve"]


def choice_curve(head: Head, groups: NDArray[np.str_], select_on: str) -> dict[str, Any] | None:
    """Return the accuracies at each value of the parameter that a head chose, for its figure.

    Args:
        head: fitted.
        groups: "many", "medium" or "few" for each class, shape (C,).
        select_on: the split that choices are made on.

    Returns:
        {"parameter", "grid", "split", "chosen", "metrics"}; None where no single parameter was chosen.
    """
    curve: dict[str, Any] | None = getattr(head, "curve_", None)
    parameter = None if curve is None else curve.get("parameter", "tau")
    if curve is None or parameter is None:  # None: a grid of several parameters, which no curve shows
        return None
    hits, totals = np.array(curve["hits"]), np.array(curve["totals"])
    by_group = group_means(100 * hits / np.maximum(totals, 1), totals > 0, groups)
    return {
        "parameter": parameter,
        "grid": curve["grid"],
        "split": "train-cv" if head.selected_on_ == "train-cv" else select_on,
        "chosen": getattr(head, f"{parameter}_"),
        "metrics": {
            "all": curve["all"],
            "balanced": curve["balanced"],
            **{group: None if values is None else values.tolist() for group, values in by_group.items()},
        },
    }
