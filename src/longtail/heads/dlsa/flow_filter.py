"""Train the flow of one block, and say with it which rows are likely and which cluster they fall in."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from longtail.errors import InputError
from longtail.flows import MixtureFlow
from longtail.heads.optimizers import SGD
from longtail.heads.precision import Precision, computing_in
from longtail.heads.rows import Features, SomeRows, chunks, torch_rows
from longtail.heads.standardisation import feature_moments
from longtail.losses import ClusterBalance, cluster_separation, likelihood_weights, weighted_likelihood
from longtail.sampling import class_pairs

__all__ = ["FlowPlan", "assign", "fit_flow", "flow_loss", "new_flow"]


@dataclass(frozen=True)
class FlowPlan:
    """How the flow of a block looks, and how it learns.

    Attributes:
        clusters: K of the mixture.
        center_scale: standard deviation of the centres; None sets it from D.
        blocks: autoregressive layers.
        epochs: of as many pairs as the block has rows.
        batch_size: pairs a step.
        learning_rate: constant.
        momentum: 0 to 1.
        weight_power: q of the likelihood's class weights.
        likelihood_weight: of the weighted likelihood.
        balance_weight: of the cluster balance.
        separation_weight: of the cluster separation.
        posterior_momentum: of the balance's moving average.
        clip_norm: longest gradient; None does not clip.
        standardize: give each feature mean 0 and variance 1 before the flow.
        precision: of the matrix products.
    """

    clusters: int
    center_scale: float | None
    blocks: int
    epochs: int
    batch_size: int
    learning_rate: float
    momentum: float
    weight_power: float
    likelihood_weight: float
    balance_weight: float
    separation_weight: float
    posterior_momentum: float
    clip_norm: float | None
    standardize: bool
    precision: Precision


def new_flow(features: Features, rows: NDArray[np.int64], plan: FlowPlan, seed: int, device: str) -> MixtureFlow:
    """Build an untrained flow for some rows of features (N, D)."""
    dimension = features.shape[1]
    location = spread = None
    if plan.standardize:
        moments = feature_moments(SomeRows(features, rows))
        location, spread = moments.mean, moments.divisor
    flow = MixtureFlow(
        dimension,
        plan.clusters,
        blocks=plan.blocks,
        scale=plan.center_scale,
        location=location,
        spread=spread,
        seed=seed,
    )
    return flow.to(device, torch_rows(features, rows[:1]).dtype)


def flow_loss(first: Tensor, second: Tensor, weights: Tensor, balance: ClusterBalance, plan: FlowPlan) -> Tensor:
    """Add up the three losses of a step.

    loss = l_1 weighted likelihood(first) + l_2 separation(first, second) + l_3 balance(first)

    Args:
        first: log p(x_b, k) of the first row of each pair, shape (B, K).
        second: the same of the second, whose class differs.
        weights: of the classes of the first rows, shape (B,).
        balance: carries the moving average.
        plan: the weights of the losses.
    """
    likelihood = weighted_likelihood(torch.logsumexp(first, dim=1), weights)
    separation = cluster_separation(first, second)
    evenness = balance(torch.softmax(first, dim=1))
    return plan.likelihood_weight * likelihood + plan.separation_weight * separation + plan.balance_weight * evenness


def fit_flow(
    flow: MixtureFlow,
    features: Features,
    rows: NDArray[np.int64],
    codes: NDArray[np.int64],
    plan: FlowPlan,
    *,
    seed: int,
    device: str,
    after_epoch: Callable[[int], None],
) -> list[float]:
    """Train a flow in place on class-balanced pairs.

    Args:
        flow: as `new_flow` gives it.
        features: shape (N, D), memory-mapped or not.
        rows: those that the flow learns from.
        codes: class indices of all rows, shape (N,).
        plan: length, rates and weights.
        seed: of the pairs.
        device: where to compute.
        after_epoch: called with the number of each finished epoch, from 1.

    Returns:
        The mean loss of each epoch.

    Raises:
        InputError: the loss is not finite.
    """
    labels = codes[rows]
    class_weights = likelihood_weights(torch.from_numpy(np.bincount(labels).astype(np.float64)), plan.weight_power)
    weight_of_row = class_weights.to(device, flow.location.dtype)[torch.from_numpy(labels).to(device)]
    parameters = list(flow.parameters())
    optimizer = SGD(parameters, momentum=plan.momentum)
    balance = ClusterBalance(plan.posterior_momentum)
    rng = np.random.default_rng(seed)
    batch_size = min(plan.batch_size, len(rows))
    steps = max(len(rows) // batch_size, 1)
    losses = []
    for epoch in range(1, plan.epochs + 1):
        flow.train()
        total = torch.zeros((), device=device)
        pairs = class_pairs(labels, steps * batch_size, rng)
        for step in range(steps):
            first, second = (chosen[step * batch_size : (step + 1) * batch_size] for chosen in pairs)
            both = torch_rows(features, rows[np.concatenate([first, second])], device)
            with computing_in(plan.precision, device):
                # batch normalisation is to see each side alone
                ours, others = flow.log_densities(both, sides=2).chunk(2)
            weights = weight_of_row[torch.from_numpy(first).to(device)]
            loss = flow_loss(ours, others, weights, balance, plan)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            if plan.clip_norm is not None:
                torch.nn.utils.clip_grad_norm_(parameters, plan.clip_norm)
            optimizer.step(plan.learning_rate)
            total += loss.detach()
        losses.append(float(total) / steps)
        if not math.isfinite(losses[-1]):
            raise InputError(
                f"the loss of the flow filter became {losses[-1]} in epoch {epoch}. "
                "Lower flow_learning_rate or set clip_norm."
            )
        after_epoch(epoch)
    flow.eval()
    return losses


@torch.no_grad()
def assign(flow: MixtureFlow, features: Features, device: str) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the log-likelihood and the likeliest cluster of each row of features (N, D), each of shape (N,)."""
    flow.eval()
    likelihoods, clusters = [np.empty(0)], [np.empty(0, dtype=np.int64)]
    for _, rows in chunks(features, device):
        densities = flow.log_densities(rows)
        likelihoods.append(torch.logsumexp(densities, dim=1).cpu().numpy())
        clusters.append(densities.argmax(dim=1).cpu().numpy())
    return np.concatenate(likelihoods), np.concatenate(clusters)
