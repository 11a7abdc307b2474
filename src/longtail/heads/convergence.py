"""Has a training ended near its optimum? If not, the sentence that says so."""

from dataclasses import replace

import torch
from torch import Tensor

from longtail.heads.linear_solver import CURVATURE, LinearProblem
from longtail.heads.precision import Precision
from longtail.processor import cpu_has_bfloat16

__all__ = ["learned_nothing", "not_reached", "unfinished"]

LEFT = 0.5  # of the loss, which one more step is expected to take off: trainings that are long enough have 0.04 to 0.4
FINISHED = 0.1  # of the loss of a classifier that knows the class shares alone, below which little is left to learn
LARGE = 2**35  # multiplications of a product over all rows
NOTHING = 0.97  # of the loss of a classifier that knows the class shares alone


def not_reached(steps: int, penalty: float) -> str:
    """Return what to say where L-BFGS was stopped."""
    return (
        f"the optimum was not reached in {steps} steps with penalty {penalty:g}: results may change with a larger "
        "penalty, whose optimum is nearer"
    )


def unfinished(problem: LinearProblem, weight: Tensor, bias: Tensor) -> str | None:
    """Judge a layer by how much its likelihood would gain from one more step, whatever penalty it was trained with.

    sum_j g_j^2 / (2 h_j),   h_j the curvature of a weight as `maximise_likelihood` takes it, the features uncorrelated

    Args:
        problem: whose rows it was trained on; its penalty is left out.
        weight: shape (C, D).
        bias: shape (C,).

    Returns:
        A sentence, or None where it is near enough.
    """
    likelihood, shares = replace(problem, penalty=0.0, precision=_precision(problem)), problem.shares
    loss, of_weight, of_bias = likelihood.value_and_gradient(weight.double().cpu(), bias.double().cpu())
    of_shares = float(-(shares * shares.log()).sum())
    if loss > of_shares:
        return (
            f"the training ended with a loss of {loss:.3g} on train, and a classifier that knows the class shares "
            f"alone has {of_shares:.3g}; take standardised features, more epochs, or another rate"
        )
    squares = likelihood.squares().cpu()
    curvature = CURVATURE * shares.sqrt()
    of_features = (of_weight.square() / (squares + 1e-6 * squares.mean()).clamp(min=1e-300)).sum(dim=1)
    left = float(((of_features + of_bias.square()) / curvature).sum() / 2)
    if left <= LEFT * max(loss, FINISHED * of_shares):
        return None
    return (
        f"the training ended far from its optimum, at a loss of {loss:.3g} on train (class shares alone: "
        f"{of_shares:.3g}); train for more epochs, at a higher rate, or on standardised features"
    )


def _precision(problem: LinearProblem) -> Precision:
    """Return bfloat16 where the gradient of all rows would take seconds: of 8 bits, it says the same."""
    products = len(problem.features) * problem.features.shape[1] * len(problem.class_weights)
    is_fast = torch.device(problem.device).type == "cpu" and cpu_has_bfloat16()
    return "bfloat16" if products > LARGE and is_fast else problem.precision


def learned_nothing(loss: float, shares: Tensor) -> str | None:
    """Judge a training by its last loss: return a sentence where it is that of a classifier that knows shares alone.

    Args:
        loss: mean cross-entropy of the last epoch.
        shares: part of each class in it, of sum 1, shape (C,).

    Example:
        >>> learned_nothing(0.69, torch.tensor([0.5, 0.5]))
        'it learned next to nothing: its loss on train is 0.69, and that of a classifier that knows the class shares...
        >>> learned_nothing(0.3, torch.tensor([0.5, 0.5]))
    """
    of_shares = float(-(shares * shares.log()).sum())
    if loss < NOTHING * of_shares:
        return None
    return (
        f"it learned next to nothing: its loss on train is {loss:.3g}, and that of a classifier that knows the class "
        f"shares alone {of_shares:.3g}; take more epochs, or a learning_rate that is larger or smaller"
    )
