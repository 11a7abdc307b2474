"""A linear layer trained by a loss: its optimum over all rows where that can be had, else by stochastic descent."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from longtail.errors import InputError
from longtail.heads.convergence import not_reached, unfinished
from longtail.heads.linear_solver import LinearProblem, maximise_likelihood
from longtail.heads.linear_training import Reweighting, SGDPlan, fit_linear, initial_linear
from longtail.heads.precision import Precision
from longtail.heads.rows import Features, compute_dtype
from longtail.heads.standardisation import AutoOrNot, Standardisation
from longtail.losses import LossName, effective_number_weights, log_counts
from longtail.sampling import Sampler, Strategy

__all__ = ["DRAWN", "LayerPlan", "Solver", "TrainedLayer", "idle_for_solver", "train_layer"]

Solver = Literal["auto", "lbfgs", "sgd"]
# the convex losses, and whether they add log n_c to the logits
CONVEX: dict[LossName, bool] = {"cross-entropy": False, "balanced-softmax": True, "logit-adjusted": True}
NOT_WEIGHED = Reweighting()
DRAWN: dict[Strategy, float] = {"instance": 0.0, "square-root": -0.5, "class": -1.0}  # each row n_c to this often
OF_SGD = (
    *("epochs", "batch_size", "learning_rate", "momentum", "weight_decay", "schedule"),
    *("repeat_threshold", "run_length"),
)
OF_LBFGS = ("penalty",)
MOST_WEIGHTS = 2**22  # of L-BFGS: it keeps 25 numbers of float64 for each, 840 MB


@dataclass(frozen=True)
class LayerPlan:
    """How a linear layer is trained.

    Attributes:
        loss: by name.
        solver: "lbfgs" finds the optimum over all rows, "sgd" follows `sgd`; "auto" takes the first where the loss is
            convex, every row counts alike from the first step to the last, and memory allows it.
        standardise: train on features of mean 0 and deviation 1; "auto": always, but for the cosines of "ldam" only
            where `Standardisation.for_angles` does.
        penalty: of "lbfgs", see `LinearProblem`.
        sgd: length and rates of "sgd".
        reweighting: of the classes in the loss.
        seed: of initialisation.
        precision: of the matrix products.
        device: where to compute.
    """

    loss: LossName
    solver: Solver
    standardise: AutoOrNot
    penalty: float
    sgd: SGDPlan
    seed: int
    reweighting: Reweighting = NOT_WEIGHED
    precision: Precision = "float32"
    device: str = "cpu"


@dataclass(frozen=True)
class TrainedLayer:
    """A linear layer on features as they are.

    Attributes:
        weight: shape (C, D).
        bias: shape (C,).
        losses: after each step of "lbfgs", or the mean of each epoch of "sgd".
        converged: whether it is near its optimum.
        notes: what a person should know of it.
    """

    weight: Tensor
    bias: Tensor
    losses: list[float]
    converged: bool
    notes: tuple[str, ...]


def train_layer(
    features: Features, codes: NDArray[np.int64], sampling: Strategy, sampler: Sampler, plan: LayerPlan
) -> TrainedLayer:
    """Train a linear layer.

    Args:
        features: shape (N, D), memory-mapped or not.
        codes: class indices, shape (N,).
        sampling: of the rows; "lbfgs" weighs each class by how often its rows are drawn.
        sampler: that draws them, for "sgd".
        plan: how.

    Raises:
        InputError: "lbfgs" for a loss that is not convex, or for what changes from epoch to epoch.
    """
    if plan.loss == "ldam":
        scaling = Standardisation.for_angles(features, codes, wanted=plan.standardise, device=plan.device)
    else:
        scaling = Standardisation.of(features, wanted=bool(plan.standardise), device=plan.device)
    problem = _likelihood(scaling.rows(features), codes, sampling, plan)
    num_weights = (int(codes.max()) + 1) * (features.shape[1] + 1)
    if problem is not None and _takes_all_rows_at_once(num_weights, sampling, plan.solver):
        solution = maximise_likelihood(problem)
        note = None if solution.converged else not_reached(len(solution.losses), plan.penalty)
        return _layer(scaling, solution.weight, solution.bias, solution.losses, note)
    if plan.solver == "lbfgs":
        raise InputError(
            f"solver is 'lbfgs' with loss {plan.loss!r}, sampling {sampling!r} and rebalance_from "
            f"{plan.reweighting.start:g}; expected one of {', '.join(CONVEX)}, a sampling that stays the same, and "
            "rebalance_from 0. Take solver='sgd'."
        )
    weight, bias = initial_linear(
        int(codes.max()) + 1, features.shape[1], plan.seed, compute_dtype(features), plan.device
    )
    losses = fit_linear(
        scaling.rows(features),
        codes,
        weight,
        bias,
        loss=plan.loss,
        plan=plan.sgd,
        sampler=sampler,
        reweighting=plan.reweighting,
        device=plan.device,
    )
    return _layer(scaling, weight, bias, losses, None if problem is None else unfinished(problem, weight, bias))


def _layer(
    scaling: Standardisation, weight: Tensor, bias: Tensor, losses: list[float], note: str | None
) -> TrainedLayer:
    return TrainedLayer(*scaling.folded(weight, bias), losses, note is None, () if note is None else (note,))


def _likelihood(rows: Features, codes: NDArray[np.int64], sampling: Strategy, plan: LayerPlan) -> LinearProblem | None:
    """Return what is maximised, or None where it is not convex or not the same in all epochs."""
    if not _has_optimum(plan.loss, sampling, plan.reweighting.start):
        return None
    counts = torch.from_numpy(np.bincount(codes)).double()
    weights = counts ** DRAWN[sampling]
    if plan.reweighting.beta is not None:
        weights = weights * effective_number_weights(counts, plan.reweighting.beta)
    offset = log_counts(counts / counts.sum()) if CONVEX[plan.loss] else torch.zeros_like(counts)
    shared: dict[str, Any] = {"precision": plan.precision, "device": plan.device}
    return LinearProblem(rows, codes, weights, offset, plan.penalty, **shared)


def _has_optimum(loss: LossName, sampling: Strategy, start: float) -> bool:
    return loss in CONVEX and start == 0 and sampling in DRAWN


def _takes_all_rows_at_once(num_weights: int, sampling: Strategy, solver: Solver) -> bool:
    if solver != "auto":
        return solver == "lbfgs"
    return sampling == "instance" and num_weights <= MOST_WEIGHTS


def idle_for_solver(head: Any, num_classes: int, num_features: int) -> dict[str, str]:
    """Return the parameters of an estimator that its solver does not use, each with the reason.

    Args:
        head: whose layer `train_layer` trains; without `sampling` its rows are drawn alike.
        num_classes: C.
        num_features: D.

    Example:
        >>> from longtail.heads import Joint
        >>> sorted(idle_for_solver(Joint(solver="sgd"), 3, 8)), "epochs" in idle_for_solver(Joint(), 3, 8)
        (['penalty'], True)
    """
    sampling: Strategy = getattr(head, "sampling", "instance")
    start: float = getattr(head, "rebalance_from", 0.0)
    at_once = _has_optimum(head.loss, sampling, start) and _takes_all_rows_at_once(
        num_classes * (num_features + 1), sampling, head.solver
    )
    used, names = ("lbfgs", OF_SGD) if at_once else ("sgd", OF_LBFGS)
    return {name: f"the solver is {used}" for name in names if hasattr(head, name)}
