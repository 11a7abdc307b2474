"""Choose the best value of a grid by what each gets right."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from longtail.errors import InputError
from longtail.evaluation.accuracy import accuracy_of_hits
from longtail.heads.base import ImpliedPrior, chunks
from longtail.holdout import fifth_for_choices

__all__ = [
    "RHO_GRID",
    "Evidence",
    "choose_by_fitting",
    "choose_from_hits",
    "choose_rho",
    "evidence_for",
    "prior_of_rho",
]

RHO_GRID = (1.0, 1.5, 2.0, 2.5)  # of generalised re-weighting

LogitsOf = Callable[[Tensor], Tensor]
Setting = TypeVar("Setting")


def choose_from_hits(
    grid: tuple[float, ...], hits: NDArray[np.int64], totals: NDArray[np.int64]
) -> tuple[float, dict[str, Any]]:
    """Choose the value with the best balanced accuracy, the first of equals.

    Args:
        grid: the values.
        hits: images of each class that each value gets right, shape (len(grid), C).
        totals: images of each class, shape (C,).

    Returns:
        The value, and what was measured at each: {"grid", "all", "balanced", "hits", "totals"}, accuracies in percent.

    Example:
        >>> choose_from_hits((0.0, 1.0), np.array([[9, 0], [8, 1]]), np.array([10, 2]))[0]
        1.0
    """
    best, measured = _best(hits, totals)
    return float(grid[best]), {"grid": [float(value) for value in grid], **measured}


def _best(hits: NDArray[np.int64], totals: NDArray[np.int64]) -> tuple[int, dict[str, Any]]:
    accuracies = [accuracy_of_hits(row, totals) for row in hits]
    balanced = [row["balanced"] for row in accuracies]
    return int(np.argmax(balanced)), {
        "all": [row["all"] for row in accuracies],
        "balanced": balanced,
        "hits": hits.tolist(),
        "totals": totals.tolist(),
    }


@dataclass(frozen=True)
class Evidence:
    """Rows to fit every candidate on, and rows to judge it by.

    Attributes:
        features: to fit on, shape (N, D).
        codes: their class indices, shape (N,).
        judged_features: shape (M, D).
        judged_codes: shape (M,).
        selected_on: "val", or "train-cv" where the rows were held out of training.
    """

    features: NDArray[Any]
    codes: NDArray[np.int64]
    judged_features: NDArray[Any]
    judged_codes: NDArray[np.int64]
    selected_on: Literal["val", "train-cv"]


def evidence_for(
    features: NDArray[Any],
    codes: NDArray[np.int64],
    validation: tuple[NDArray[Any], NDArray[np.int64]] | None,
    seed: int,
) -> Evidence:
    """Judge by the validation data, or by a stratified fifth of training that is held out.

    Args:
        features: of training, shape (N, D).
        codes: their class indices, shape (N,).
        validation: features and class indices, or None.
        seed: of the fifth.

    Example:
        >>> evidence_for(np.eye(10), np.repeat([0, 1], 5), None, seed=0).judged_codes
        array([0, 1])
    """
    if validation is not None:
        return Evidence(features, codes, *validation, "val")
    rest, held_out = fifth_for_choices(codes, seed)
    return Evidence(features[rest], codes[rest], features[held_out], codes[held_out], "train-cv")


def choose_by_fitting(
    grid: Sequence[Setting],
    fitted: Callable[[Setting], LogitsOf],
    evidence: Evidence,
    num_classes: int,
    device: str = "cpu",
) -> tuple[Setting, dict[str, Any]]:
    """Fit a candidate for each setting, and choose the one with the best balanced accuracy, the first of equals.

    Args:
        grid: the settings.
        fitted: fits one on `evidence.features`, and gives what maps features (B, D) to logits (B, C).
        evidence: what to fit on and judge by.
        num_classes: C.
        device: where to compute.

    Returns:
        The setting, and what was measured at each, as `choose_from_hits` gives it.

    Example:
        >>> evidence = evidence_for(np.eye(10), np.repeat([0, 1], 5), None, seed=0)
        >>> flip = lambda sign: lambda rows: sign * rows[:, :2]
        >>> choose_by_fitting([1.0], flip, evidence, 2)[0]
        1.0
    """
    hits = np.stack([_hits(fitted(setting), evidence, num_classes, device) for setting in grid])
    best, measured = _best(hits, np.bincount(evidence.judged_codes, minlength=num_classes))
    return grid[best], {"grid": list(grid), **measured}


def _hits(logits_of: LogitsOf, evidence: Evidence, num_classes: int, device: str) -> NDArray[np.int64]:
    found = np.zeros(num_classes, dtype=np.int64)
    for rows, block in chunks(evidence.judged_features, device):
        truth = evidence.judged_codes[rows]
        found += np.bincount(truth[logits_of(block).argmax(dim=1).cpu().numpy() == truth], minlength=num_classes)
    return found


def choose_rho(
    rho: float | str,
    grid: tuple[float, ...],
    evidence: Callable[[], Evidence],
    fitted_to: Callable[[Evidence], Callable[[float], LogitsOf]],
    num_classes: int,
    device: str = "cpu",
) -> tuple[float, dict[str, Any] | None, Literal["given", "val", "train-cv"]]:
    """Take the exponent of generalised re-weighting that is given, or choose it by fitting with each value.

    Args:
        rho: a number of at least 0, or "auto".
        grid: the values that "auto" tries.
        evidence: gives what to fit on and judge by; asked for "auto" alone.
        fitted_to: prepares a fit on `evidence.features` once, and gives what fits with one value.
        num_classes: C.
        device: where to compute.

    Returns:
        The exponent; what was measured at each value, or None; and on what it was chosen.

    Raises:
        InputError: neither a number of at least 0 nor "auto".
    """
    if rho != "auto":
        if isinstance(rho, str) or not rho >= 0:
            raise InputError(f"rho is {rho!r}; expected a number of at least 0, or 'auto'.")
        return float(rho), None, "given"
    rows = evidence()
    best, curve = choose_by_fitting(grid, fitted_to(rows), rows, num_classes, device)
    return best, curve | {"parameter": "rho"}, rows.selected_on


def prior_of_rho(rho: float) -> ImpliedPrior:
    """Say in which world softmax(logits) is a probability after training with weights (n_c / N)^-rho."""
    return "uniform" if rho > 0 else "train"
