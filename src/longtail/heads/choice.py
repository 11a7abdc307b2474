"""Choose the best value of a grid by what each gets right."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from longtail.errors import InputError
from longtail.evaluation.accuracy import accuracy_of_hits
from longtail.heads.base import ImpliedPrior
from longtail.heads.rows import Features, SomeRows, chunks
from longtail.holdout import stratified_holdout

__all__ = [
    "RHO_GRID",
    "Evidence",
    "FitsOn",
    "LogitsOf",
    "choose_from_hits",
    "choose_value",
    "evidence_for",
    "hits_by_fitting",
    "linear_logits",
    "prior_of_rho",
    "remembered",
    "tried_values",
]

RHO_GRID = (1.0, 1.5, 2.0, 2.5)  # of generalised re-weighting

LogitsOf = Callable[[Tensor], Tensor]
Setting = TypeVar("Setting")
Fit = TypeVar("Fit")
FitsOn = Callable[[Features, NDArray[np.int64]], Callable[[Setting], Fit]]


def choose_from_hits(
    grid: Sequence[Setting], hits: NDArray[np.int64], totals: NDArray[np.int64]
) -> tuple[Setting, dict[str, Any]]:
    """Choose the setting with the best balanced accuracy, the first of equals.

    Args:
        grid: the settings, most often values of one parameter.
        hits: images of each class that each setting gets right, shape (len(grid), C).
        totals: images of each class, shape (C,).

    Returns:
        The setting, and what was measured at each: {"grid", "all", "balanced", "hits", "totals"}, in percent or rows.

    Example:
        >>> choose_from_hits((0.0, 1.0), np.array([[9, 0], [8, 1]]), np.array([10, 2]))[0]
        1.0
    """
    accuracies = [accuracy_of_hits(row, totals) for row in hits]
    balanced = [row["balanced"] for row in accuracies]
    return grid[int(np.argmax(balanced))], {
        "grid": list(grid),
        "all": [row["all"] for row in accuracies],
        "balanced": balanced,
        "hits": hits.tolist(),
        "totals": totals.tolist(),
    }


def tried_values(given: float | str, grid: Sequence[float]) -> tuple[float, ...]:
    """Return the values of a parameter that are tried: the one that is given, or each of the grid once.

    Example:
        >>> tried_values("auto", (1, 2.0, 1.0)), tried_values(3, (1.0,))
        ((1.0, 2.0), (3.0,))
    """
    return tuple(dict.fromkeys(map(float, grid if isinstance(given, str) else (given,))))


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

    features: Features
    codes: NDArray[np.int64]
    judged_features: Features
    judged_codes: NDArray[np.int64]
    selected_on: Literal["val", "train-cv"]


def evidence_for(
    features: Features,
    codes: NDArray[np.int64],
    validation: tuple[Features, NDArray[np.int64]] | None,
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
    rest, held_out = stratified_holdout(codes, 0.2, seed)
    parts = SomeRows(features, rest), codes[rest], SomeRows(features, held_out), codes[held_out]
    return Evidence(*parts, "train-cv")


def choose_value(
    name: str,
    given: float | str,
    grid: tuple[float, ...],
    evidence: Callable[[], Evidence],
    hits_on: Callable[[Evidence], NDArray[np.int64]],
    num_classes: int,
) -> tuple[float, dict[str, Any] | None, Literal["given", "val", "train-cv", "not selected"]]:
    """Take the value of a parameter that is given, or choose the one with the best balanced accuracy.

    Args:
        name: of the parameter.
        given: a number of at least 0, or "auto".
        grid: the values that "auto" tries.
        evidence: gives what to fit on and judge by; asked for "auto" alone.
        hits_on: counts the judged rows of each class that each value gets right, shape (len(grid), C).
        num_classes: C.

    Returns:
        The value; what was measured at each, or None; and on what it was chosen: nowhere, and the first is taken, where
        every class has a single row.

    Raises:
        InputError: neither a number of at least 0 nor "auto".
    """
    if given != "auto":
        if isinstance(given, str) or not given >= 0:
            raise InputError(f"{name} is {given!r}; expected a number of at least 0, or 'auto'.")
        return float(given), None, "given"
    rows = evidence()
    if not len(rows.judged_codes):
        return float(grid[0]), None, "not selected"
    values = [float(value) for value in grid]
    best, curve = choose_from_hits(values, hits_on(rows), np.bincount(rows.judged_codes, minlength=num_classes))
    return best, curve | {"parameter": name}, rows.selected_on


def remembered(fits_on: FitsOn[Setting, Fit]) -> FitsOn[Setting, Fit]:
    """Fit no setting twice to the same rows: what was chosen on val has learnt from all that there is to learn from.

    Args:
        fits_on: is given features and class indices, and gives what fits a setting to them.

    Returns:
        The same; what was fitted is kept until other rows are asked for.

    Example:
        >>> fits_on = remembered(lambda features, codes: lambda tau: print("fitted") or tau * features)
        >>> rows, codes = np.eye(2), np.arange(2)
        >>> fits_on(rows, codes)(2.0) is fits_on(rows, codes)(2.0)
        fitted
        True
    """
    known: tuple[Features, Callable[[Setting], Fit]] | None = None

    def again(features: Features, codes: NDArray[np.int64]) -> Callable[[Setting], Fit]:
        nonlocal known
        if known is None or known[0] is not features:
            known = features, cache(fits_on(features, codes))
        return known[1]

    return again


def linear_logits(weight: Tensor, bias: Tensor) -> LogitsOf:
    """Return what maps features (B, D) to the logits of a linear layer, whatever their type."""
    return lambda rows: torch.addmm(bias.to(rows), rows, weight.to(rows).T)


def hits_by_fitting(
    grid: Sequence[Setting],
    fitted: Callable[[Setting], LogitsOf],
    evidence: Evidence,
    num_classes: int,
    device: str = "cpu",
) -> NDArray[np.int64]:
    """Fit a candidate for each setting, and count the judged rows of each class that it gets right.

    Args:
        grid: the settings.
        fitted: fits one on `evidence.features`, and gives what maps features (B, D) to logits (B, C).
        evidence: what to fit on and judge by.
        num_classes: C.
        device: where to compute.

    Returns:
        Shape (len(grid), C).

    Example:
        >>> evidence = evidence_for(np.eye(10), np.repeat([0, 1], 5), None, seed=0)
        >>> flip = lambda sign: lambda rows: sign * rows[:, :2]
        >>> hits_by_fitting([1.0], flip, evidence, 2)
        array([[1, 0]])
    """
    return np.stack([_hits(fitted(setting), evidence, num_classes, device) for setting in grid])


def _hits(logits_of: LogitsOf, evidence: Evidence, num_classes: int, device: str) -> NDArray[np.int64]:
    result = np.zeros(num_classes, dtype=np.int64)
    for rows, block in chunks(evidence.judged_features, device):
        truth = evidence.judged_codes[rows]
        result += np.bincount(truth[logits_of(block).argmax(dim=1).cpu().numpy() == truth], minlength=num_classes)
    return result


def prior_of_rho(rho: float) -> ImpliedPrior:
    """Return in which world softmax(logits) is a probability after training with weights (n_c / N)^-rho."""
    return "uniform" if rho > 0 else "train"
