"""`longtail predict --aggregate`: several heads, or the experts of a network, mixed by agreement on two views."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from longtail.errors import InputError
from longtail.files.hub import hub_address
from longtail.files.text import printable
from longtail.heads import Joint, agreement_weights
from longtail.heads.agreement import agreement
from longtail.heads.base import Head, check_same_classes
from longtail.jobs.predicting.inputs import Inputs
from longtail.jobs.predicting.predictor import Predictor, check_stored_features, open_predictor
from longtail.published import is_published
from longtail.runs import Run

__all__ = ["Mix", "aggregated", "check_aggregate", "open_members", "views_of"]

ENOUGH = 2**28  # logits of a view that weights are learnt from: 1 GiB
_RATES = (0.025, 0.1)  # published for ImageNet-LT; for CIFAR-100-LT


class _MixedHead(Head):
    """The sum of several heads' logits, each times its weight."""

    def __init__(self, members: Mapping[str, Head], weights: NDArray[np.float64]) -> None:
        self.members, self.weights = members, weights
        first = next(iter(members.values()))
        self.classes_, self.n_features_in_ = first.classes_, first.n_features_in_

    def fit(self, X: object, y: object) -> NoReturn:
        """Refuse: what is mixed is fitted already."""
        raise InputError("heads that are mixed are fitted already. Mix those that were fitted to other rows.")

    def _chunk_logits(self, features: Tensor) -> Tensor:
        parts = [
            weight * head._chunk_logits(features.to(head._device)).cpu()
            for head, weight in zip(self.members.values(), self.weights.tolist(), strict=True)
        ]
        return torch.stack(parts).sum(dim=0)


@dataclass(frozen=True)
class Mix:
    """Heads with the weights that were learnt for them.

    Attributes:
        head: predicts by the weighted sum of their logits.
        weights: by name, of sum 1.
        agreements: of the mix on two views, with these weights and with equal ones.
        num_images: that they were learnt from.
    """

    head: Head
    weights: dict[str, float]
    agreements: tuple[float, float]
    num_images: int

    @property
    def sentence(self) -> str:
        """What a person should know."""
        shares = ", ".join(f"{name} {weight:.2f}" for name, weight in self.weights.items())
        learnt, equal = self.agreements
        return (
            f"weights   {shares}: by agreement on two views of {self.num_images:,} images, {learnt:.4f} (all alike: "
            f"{equal:.4f})"
        )

    @property
    def facts(self) -> dict[str, Any]:
        """The same, for JSON."""
        learnt, equal = self.agreements
        return {"weights": self.weights, "agreement": learnt, "agreement_equal": equal, "images": self.num_images}


def check_aggregate(aggregate: str | None, given: Collection[str]) -> None:
    """Refuse what does not go with a mix, and its passes without one.

    Args:
        aggregate: as typed, or None.
        given: names of settings of `predict` that are not the usual ones.

    Raises:
        InputError: naming the two.
    """
    if aggregate is None:
        if "aggregate_epochs" in given:
            raise InputError("--aggregate-epochs does nothing without --aggregate. Add it, or leave this out.")
        return
    whose = {
        "method": "names one head",
        "prior": "moves probabilities of a known world, and a mix is of none",
        "sets": "needs the calibration of one head",
        "reject": "needs the calibration of one head",
    }
    if refused := next((name for name in whose if name in given), None):
        raise InputError(f"--{refused} {whose[refused]}, --aggregate mixes several. Leave one of them out.")


def open_members(model: Path, wanted: str) -> tuple[Predictor, dict[str, Head]]:
    """Open what is to be mixed.

    Args:
        model: folder of a run; with "experts" also a checkpoint of it.
        wanted: "experts" of the network, "all" heads of the run that take its features, or names with commas between.

    Returns:
        What would predict by itself, with classes and network; and each head by its name, two or more.

    Raises:
        InputError: a published model, no such heads, fewer than two, or a network without experts.
    """
    if hub_address(model) is not None or is_published(model):
        raise InputError(
            f"--aggregate {wanted}: {printable(model)} is a published model, which has one head and not the "
            "classifiers of its experts. Expected the run that it was published from."
        )
    if wanted == "experts":
        return _experts(model)
    if model.suffix in (".npz", ".pt"):
        raise InputError(f"--aggregate {wanted}: {printable(model)} is one model. Expected the folder of a run.")
    run = Run(model)
    names = list(run.heads) if wanted == "all" else [name.strip() for name in wanted.split(",")]
    paths = {name: run.head_path(name) for name in dict.fromkeys(names)}
    if wanted == "all":
        paths = {name: path for name, path in paths.items() if path.is_file() and _takes_stored(path)}
    else:
        for path in paths.values():
            check_stored_features(path)
    if len(paths) < 2:
        raise InputError(
            f"--aggregate {wanted}: one head alone has nothing to be mixed with. Expected two or more of "
            f"{', '.join(run.heads)}, or experts."
        )
    predictors = {name: open_predictor(path) for name, path in paths.items()}
    first = next(iter(predictors.values()))
    for name, predictor in predictors.items():
        check_same_classes(name, predictor.head, first.head)
    return first, {name: predictor.head for name, predictor in predictors.items()}


def _takes_stored(path: Path) -> bool:
    try:
        check_stored_features(path)
    except InputError:
        return False
    return True


def _experts(model: Path) -> tuple[Predictor, dict[str, Head]]:
    """Return each expert's classifier as a head on the features of all: those of the others have weight 0."""
    from longtail.backbones import linear_parameters
    from longtail.jobs.stage_one.trained_model import open_model

    path = model if model.suffix == ".pt" else Run(model).checkpoint()
    if not path.is_file():
        raise InputError(f"--aggregate experts: {printable(model)} has no network. Expected a run or its checkpoint.")
    network = open_model(path).model
    num_experts = getattr(network, "num_experts", 1)
    if not isinstance(num_experts, int) or num_experts < 2:
        raise InputError(
            f"--aggregate experts: {printable(path)} has no experts. Train some (--experts sade), or name heads."
        )
    weight, bias = (part.numpy() for part in linear_parameters(network))
    heads: dict[str, Head] = {}
    for number, columns in enumerate(np.array_split(np.arange(weight.shape[1]), num_experts)):
        own = np.zeros_like(weight)
        own[:, columns] = num_experts * weight[:, columns]
        heads[f"expert {number + 1}"] = Joint().take(own, bias)
    return open_predictor(path), heads


def views_of(inputs: Inputs) -> Callable[[int], Iterator[NDArray[np.float32]]]:
    """Return what computes two views of the inputs.

    Raises:
        InputError: features, of which there are none.
    """
    if inputs.views is None:
        raise InputError(
            "--aggregate looks at two random views of each image, and rows of features have none. Give the images; or "
            "in Python, with logits of two views, longtail.heads.agreement_weights."
        )
    return inputs.views


def aggregated(members: Mapping[str, Head], inputs: Inputs, *, epochs: int, seed: int) -> Mix:
    """Learn the weights of heads on the inputs.

    Args:
        members: by name.
        inputs: images.
        epochs: passes over them.
        seed: of views and batches.

    Raises:
        InputError: features, of which there are no views.
    """
    compute = views_of(inputs)
    num_classes = len(next(iter(members.values())).classes_)
    numbers = len(inputs.source) * len(members) * num_classes
    every = -(-numbers // ENOUGH)
    logits: list[list[NDArray[np.float32]]] = [[], []]
    for views in compute(every):
        for part, features in zip(logits, views, strict=True):
            part.append(np.stack([head.logits(features).astype(np.float32) for head in members.values()]))
    first, second = (np.concatenate(parts, axis=1) for parts in logits)
    rate = _RATES[inputs.is_small]
    weights = agreement_weights(first, second, epochs=epochs, learning_rate=rate, seed=seed)
    agreements = agreement(first, second, weights), agreement(first, second, np.full(len(members), 1 / len(members)))
    named = {name: round(weight, 4) for name, weight in zip(members, weights.tolist(), strict=True)}
    return Mix(_MixedHead(members, weights), named, agreements, first.shape[1])
