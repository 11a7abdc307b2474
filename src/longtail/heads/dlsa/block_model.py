"""The blocks of a fitted DLSA, as modules that predict and as arrays that are stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from longtail.errors import InputError
from longtail.flows import MixtureFlow
from longtail.heads.dlsa.block_classifier import BlockClassifier
from longtail.heads.dlsa.blocks import Block

__all__ = ["BlockModel", "arrays_of", "check_flow_states", "check_sizes"]

SMALLEST = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class BlockModel:
    """Blocks in their order, and the classifier of what none takes.

    Attributes:
        flows: T of them.
        thresholds: log-likelihood from which on a block takes a row, T of them.
        priors: class shares of each block's clusters, T of shape (K, C).
        classifiers: of the blocks and, last, of the rest, T + 1 of them.
    """

    flows: list[MixtureFlow]
    thresholds: list[float]
    priors: list[Tensor]
    classifiers: list[BlockClassifier]

    @torch.no_grad()
    def route(self, features: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the block of each row (B,), T for the rest, and for each block the class shares (n, C) of its rows."""
        block = torch.full((len(features),), len(self.flows), dtype=torch.int64, device=features.device)
        waiting = torch.arange(len(features), device=features.device)
        shares = []
        for number, flow in enumerate(self.flows):
            densities = flow.log_densities(features[waiting])
            takes = torch.logsumexp(densities, dim=1) >= self.thresholds[number]
            shares.append(self.priors[number][densities[takes].argmax(dim=1)])
            block[waiting[takes]] = number
            waiting = waiting[~takes]
        return block, shares

    @torch.no_grad()
    def logits(self, features: Tensor) -> Tensor:
        """Return the scores of features (B, D), each row's by its block, shape (B, C)."""
        block, shares = self.route(features)
        scores = features.new_empty(len(features), len(self.classifiers[0].weight))
        for number, classifier in enumerate(self.classifiers):
            members = block == number
            rows = features[members]
            inputs = torch.cat([rows, shares[number]], dim=1) if number < len(shares) else rows
            scores[members] = classifier.logits(inputs)
        return scores

    @torch.no_grad()
    def log_likelihood(self, features: Tensor) -> Tensor:
        """Return log p_t(x) of features (B, D) under each flow, shape (T, B)."""
        result = [flow.log_likelihood(features) for flow in self.flows]
        return torch.stack(result) if result else features.new_empty(0, len(features))

    @classmethod
    def from_arrays(
        cls, arrays: dict[str, Any], *, clusters: int, flow_blocks: int, cosine: bool, dtype: torch.dtype, device: str
    ) -> "BlockModel":
        """Put the modules together from what `arrays_of` gave."""
        weights, prior_weights = arrays["weights"], arrays["prior_weights"]

        def tensor(array: NDArray[Any]) -> Tensor:
            return torch.from_numpy(np.array(array)).to(device, dtype)

        flows = []
        for number in range(len(arrays["thresholds"])):
            flow = MixtureFlow(weights.shape[2], clusters, blocks=flow_blocks)
            start = f"{number}."
            state = {
                name.removeprefix(start): torch.from_numpy(np.array(value))
                for name, value in arrays["flow_states"].items()
                if name.startswith(start)
            }
            flow.to(dtype).load_state_dict({**flow.state_dict(), **state})
            flows.append(flow.eval().requires_grad_(False).to(device))
        classifiers = [
            BlockClassifier(
                tensor(weight),
                tensor(bias),
                tensor(prior_weights[number]) if number < len(prior_weights) else None,
                cosine,
            )
            for number, (weight, bias) in enumerate(zip(weights, arrays["biases"], strict=True))
        ]
        priors = [tensor(shares) for shares in arrays["cluster_priors"]]
        return cls(flows, [float(value) for value in arrays["thresholds"]], priors, classifiers)


def arrays_of(blocks: Sequence[Block], classifiers: Sequence[BlockClassifier], clusters: int) -> dict[str, Any]:
    """Return all that prediction needs, as arrays.

    Args:
        blocks: those in use, T of them.
        classifiers: of theirs and, last, of the rows that none takes, T + 1 of them.
        clusters: K.

    Returns:
        `thresholds` (T,), `cluster_priors` (T, K, C), `weights` (T + 1, C, D), `biases` (T + 1, C), `prior_weights`
        (T, C, C), and `flow_states`, a dict of arrays.
    """
    num_classes = len(classifiers[-1].weight)
    prior_weights = [one.prior_weight.cpu().numpy() for one in classifiers if one.prior_weight is not None]
    return {
        "thresholds": np.array([block.threshold for block in blocks], dtype=np.float64),
        "cluster_priors": np.array([block.priors for block in blocks]).reshape(-1, clusters, num_classes),
        "weights": np.stack([one.weight.cpu().numpy() for one in classifiers]),
        "biases": np.stack([one.bias.cpu().numpy() for one in classifiers]),
        "prior_weights": np.array(prior_weights).reshape(-1, num_classes, num_classes),
        "flow_states": {
            f"{number}.{name}": value.cpu().numpy()
            for number, block in enumerate(blocks)
            for name, value in _stored_state(block.flow).items()
        },
    }


def check_sizes(sizes: Mapping[str, int], depth: int, clusters: int) -> None:
    """Make sure that stored arrays are of as many blocks and clusters as a head says.

    Raises:
        InputError: they are not.
    """
    if depth != sizes["T"]:
        raise InputError(f"thresholds_ are of {sizes['T']} blocks; expected depth_, which is {depth}")
    if sizes["T"] and clusters != sizes["K"]:
        raise InputError(f"cluster_priors_ are of {sizes['K']} clusters; expected clusters, which is {clusters}")


def check_flow_states(
    states: dict[str, NDArray[Any]], *, number: int, dimension: int, clusters: int, flow_blocks: int
) -> None:
    """Check that stored arrays are those of flows.

    Args:
        states: as `arrays_of` gives them.
        number: of flows, T.
        dimension: D.
        clusters: K.
        flow_blocks: of each flow.

    Raises:
        InputError: an array is missing, too much, of another shape, or a spread or variance that is none.
    """
    of_each = {f"{flow}.norms.{block}.gamma" for flow in range(number) for block in range(len(states))} & states.keys()
    if len(of_each) != number * flow_blocks:  # before a flow is built of a number that may be a slip
        raise InputError(f"flow_states_ hold {len(of_each)} blocks; expected {number} times flow_blocks, {flow_blocks}")
    first = states.get("0.blocks.0.hyper.0.weight")
    if number and dimension > 1 and (first is None or first.shape != (dimension, dimension)):
        raise InputError(f"flow_states_ 0.blocks.0.hyper.0.weight is missing or not ({dimension}, {dimension})")
    wanted = {
        f"{flow}.{name}": tuple(value.shape)
        for name, value in (
            _stored_state(MixtureFlow(dimension, clusters, blocks=flow_blocks)) if number else {}
        ).items()
        for flow in range(number)
    }
    for name in sorted(states.keys() ^ wanted.keys()):
        raise InputError(f"flow_states_ {name!r:.80} is {'unknown' if name in states else 'missing'}")
    for name, array in states.items():
        if array.shape != wanted[name]:
            raise InputError(f"flow_states_ {name} has shape {array.shape}; expected {wanted[name]}")
        if name.endswith(("spread", "running_var")) and array.min() < (0 if name.endswith("var") else SMALLEST):
            raise InputError(f"flow_states_ {name} holds {array.min()}; expected numbers above 0")


def _stored_state(flow: MixtureFlow) -> dict[str, Tensor]:
    # masks and order follow from D
    return {name: value for name, value in flow.state_dict().items() if not name.endswith((".mask", ".order"))}
