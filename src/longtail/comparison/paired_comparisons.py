"""Which differences between methods the test images show, and which they cannot show."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from longtail.evaluation import corrected, group_discordance, paired_metric_tests, smallest_differences
from longtail.evaluation.paired_tests import Correction

__all__ = ["LEVEL", "POWER", "Measured", "compared_pairs", "paired_comparisons"]

LEVEL = 0.05
POWER = 0.8


class Measured(NamedTuple):
    """What methods predict on the test split.

    Attributes:
        labels: class indices, shape (N,).
        predictions: of each method, shape (N,).
        sample_groups: a number for each row, equal for rows that belong together, shape (N,); None: independent rows.
    """

    labels: NDArray[np.int64]
    predictions: Mapping[str, NDArray[np.int64]]
    sample_groups: NDArray[np.int64] | None = None


def paired_comparisons(
    measured: Measured,
    groups: NDArray[np.str_],
    best: str,
    *,
    correction: Correction = "holm",
    seed: int = 0,
) -> dict[str, Any]:
    """Compare each method with joint, and each with the best one, on the same images.

    The p-values of a metric are corrected together: as many as there are pairs. Each interval is taken at the level
    that the correction leaves its comparison, 1 - LEVEL p / p_corrected, so that it leaves 0 out exactly where the
    corrected p is below LEVEL.

    Args:
        measured: labels and predictions of the test split.
        groups: "many", "medium" or "few" for each class, shape (C,).
        best: the recommended method.
        correction: for several comparisons.
        seed: of what is drawn.

    Returns:
        {"split", "best", "correction", "level", "power", "pairs": [{"method", "baseline", "metrics": {NAME: None or
        {"difference", "interval", "p", "p_corrected", "smallest"}}}]}, in percentage points, method minus baseline;
        "smallest" is the difference that would be found at the corrected level with that power, None where none would
        be.
    """
    predictions = measured.predictions
    pairs = [(name, "joint") for name in predictions if "joint" in predictions and name != "joint"]
    if best != "joint":
        pairs += [(name, best) for name in predictions if name not in ("joint", best)]
    rows = compared_pairs(measured, groups, pairs, correction=correction, seed=seed)
    return {"split": "test", "best": best, "correction": correction, "level": LEVEL, "power": POWER, "pairs": rows}


def compared_pairs(
    measured: Measured,
    groups: NDArray[np.str_],
    pairs: Sequence[tuple[str, str]],
    *,
    correction: Correction = "holm",
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Test pairs of methods on the same images, one family of comparisons a metric.

    Args:
        measured: labels and predictions of the images.
        groups: "many", "medium" or "few" for each class, shape (C,).
        pairs: method and baseline.
        correction: for several comparisons.
        seed: of what is drawn.

    Returns:
        The part `pairs` of what `paired_comparisons` returns.
    """
    labels, predictions, together = measured
    tests = [
        paired_metric_tests(
            labels, predictions[method], predictions[baseline], groups, sample_groups=together, seed=seed
        )
        for method, baseline in pairs
    ]
    totals = np.bincount(labels, minlength=len(groups))
    shares = [
        group_discordance(labels, predictions[method], predictions[baseline], groups) for method, baseline in pairs
    ]
    cells: list[dict[str, Any]] = [{} for _ in pairs]
    for metric in tests[0] if tests else ():
        of_metric = [result[metric] for result in tests]
        p_corrected = corrected([None if test is None else test.p for test in of_metric], correction)
        for place, (test, p) in enumerate(zip(of_metric, p_corrected, strict=True)):
            if test is None or p is None:
                cells[place][metric] = None
                continue
            level = LEVEL * test.p / p if p > 0 else LEVEL / len(pairs)
            spreads = {name: None if one is None else one.spread for name, one in tests[place].items()}
            could_show = smallest_differences(totals, shares[place], groups, power=POWER, level=level, spreads=spreads)
            cells[place][metric] = {
                "difference": test.difference,
                "interval": test.interval(1 - level),
                "p": test.p,
                "p_corrected": p,
                "smallest": could_show[metric],
            }
    return [
        {"method": method, "baseline": baseline, "metrics": metrics}
        for (method, baseline), metrics in zip(pairs, cells, strict=True)
    ]
