"""The method `ensemble`: which of the fitted heads decide together, on rows that none of them was fitted to."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from longtail.comparison.fitter import Fitter
from longtail.errors import InputError
from longtail.evaluation.selection import choose
from longtail.heads import Ensemble
from longtail.heads.base import Head
from longtail.heads.ensemble import averaged, log_prior_of
from longtail.heads.feature_transform import TransformKind

__all__ = ["choose_ensemble", "choose_members", "uniform_log_probabilities"]

MOST_MEMBERS = 3


def uniform_log_probabilities(head: Head, features: ArrayLike) -> Tensor:
    """Return a head's log-probabilities where all classes are equally common, shape (N, C)."""
    scores = torch.from_numpy(head.logits(features)).float()
    return torch.log_softmax(scores - log_prior_of(head).to(scores), dim=1)


def choose_members(
    scores: dict[str, Tensor], labels: NDArray[np.int64], num_classes: int, choose_by: Mapping[str, Any]
) -> tuple[list[str], dict[str, float]]:
    """Choose the members of an ensemble one after the other.

    The first is the best alone; each further one is that which raises the score of all together most. It ends where
    none does by more than a standard error, and with three members at the latest: a lead that may be chance is not
    worth a second classifier.

    Args:
        scores: log-probabilities of each head in a balanced world, shape (N, C).
        labels: class indices, shape (N,).
        num_classes: C.
        choose_by: what `choose` takes besides: metric, groups, costs.

    Returns:
        Names of the members, and the score after each.

    Example:
        >>> good = torch.tensor([[2.0, 0.0], [0.4, 0.6]]).log_softmax(dim=1)
        >>> other = torch.tensor([[0.4, 0.6], [0.0, 2.0]]).log_softmax(dim=1)
        >>> bad = -good
        >>> choose_members({"good": good, "bad": bad}, np.array([0, 1]), 2, {})[0]
        ['good']
    """
    members: list[str] = []
    reached: dict[str, float] = {}
    while len(members) < min(MOST_MEMBERS, len(scores)):
        together = {name: (*members, name) for name in scores if name not in members}
        if members:
            together = {"as it is": tuple(members)} | together
        candidates = {
            name: averaged([scores[member] for member in each], Ensemble().average).argmax(dim=1).numpy()
            for name, each in together.items()
        }
        choice = choose(candidates, labels, num_classes, **choose_by)
        if members and choice.scores[choice.best] - choice.scores["as it is"] <= choice.errors["as it is"]:
            break
        members.append(choice.best)
        reached[choice.best] = choice.scores[choice.best]
    return members, reached


def choose_ensemble(
    heads: Mapping[str, Head], transforms: Mapping[str, TransformKind], fitter: Fitter
) -> tuple[Ensemble, dict[str, Any]]:
    """Choose which of the fitted heads decide together.

    Args:
        heads: fitted on train.
        transforms: of the features, by method; none for those that are not named.
        fitter: of the problem; its protocol says where choices are made.

    Returns:
        The ensemble, and what results.json says of it: the score after each member.

    Raises:
        InputError: there are no heads.
    """
    if not heads:
        raise InputError("`methods` ensemble alone: it is made of other methods. Name some, such as lda,mlp,ensemble.")
    protocol = fitter.protocol
    parts = []
    if protocol.select_on != "train":
        split = protocol.problem.splits[protocol.select_on]
        parts.append(({n: uniform_log_probabilities(head, split.features) for n, head in heads.items()}, split.labels))
    if protocol.looks_at_train:  # at a fifth of it, with heads of the rest
        rest, rows, labels = fitter.without_a_fifth()
        others = {name: rest.fit(name, transforms.get(name, "none")) for name in heads}
        parts.append(({name: uniform_log_probabilities(head, rows) for name, head in others.items()}, labels))
    scores = {name: torch.cat([part[name] for part, _ in parts]) for name in heads}
    labels = np.concatenate([labels for _, labels in parts])
    members, reached = choose_members(scores, labels, len(protocol.groups), protocol.choose_by)
    where = "train-cv" if protocol.select_on == "train" else "val"
    return Ensemble.of({name: heads[name] for name in members}, selected_on=where), {"members": reached}
