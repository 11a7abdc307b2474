"""What candidates say about rows that none of them was fitted to: the ground of every choice between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from longtail.comparison.protocol import Protocol
from longtail.heads.base import Head
from longtail.heads.ensemble import log_prior_of
from longtail.heads.left_out import fitted_scale
from longtail.priors import prior_of_counts

__all__ = ["Answers", "Asked", "Evidence", "answers_of", "evidence_of"]


class Answers(NamedTuple):
    """What a head says about rows.

    Attributes:
        scores: whose softmax is a probability where all classes are equally common, shape (N, C).
        decisions: class indices that it predicts by itself, shape (N,).
    """

    scores: Tensor
    decisions: NDArray[np.int64]


class Asked(NamedTuple):
    """What candidates say about some rows.

    Attributes:
        answers: of each candidate.
        labels: class indices, shape (N,).
        sample_groups: a number for each row, equal for rows that belong together, shape (N,); None: independent rows.
    """

    answers: Mapping[str, Answers]
    labels: NDArray[np.int64]
    sample_groups: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class Evidence:
    """Probabilities that candidates give to rows which none of them was fitted to, each as sure as it may be.

    Attributes:
        log_probabilities: of each candidate, for the world that is chosen for, shape (N', C).
        scales: what each one's scores were multiplied by.
        decisions: class indices that each candidate predicts by itself, shape (N',).
        labels: class indices, shape (N',).
        row_weights: part of each row in the score, of sum 1, shape (N',).
        sources: where the rows come from.
        class_counts: training images of each class, shape (C,).
        sample_groups: a number for each row, equal for rows that belong together, shape (N',); None: independent rows.
    """

    log_probabilities: dict[str, NDArray[np.float32]]
    scales: dict[str, float]
    decisions: dict[str, NDArray[np.int64]]
    labels: NDArray[np.int64]
    row_weights: NDArray[np.float64]
    sources: tuple[str, ...]
    class_counts: NDArray[np.int64]
    sample_groups: NDArray[np.int64] | None = None

    @cached_property
    def of_labels(self) -> NDArray[np.float64]:
        """Probability that each candidate gives to the true class, shape (M, N')."""
        rows = np.arange(len(self.labels))
        return np.exp([table[rows, self.labels] for table in self.log_probabilities.values()], dtype=np.float64)

    def mean(self, weights: Mapping[str, float]) -> NDArray[np.float64]:
        """Return the logarithm of a weighted mean of candidates' probabilities, shape (N', C)."""
        total: Any = sum(weight * np.exp(self.log_probabilities[name]) for name, weight in weights.items())
        return np.asarray(np.log(np.maximum(total, np.finfo(np.float32).tiny)), dtype=np.float64)

    def together(self, weights: Mapping[str, float], tau: float = 0.0) -> NDArray[np.int64]:
        """Return the class indices that a weighted mean of candidates predicts, shape (N',).

        Args:
            weights: of the candidates.
            tau: how much of the log class counts is taken out of it.
        """
        return np.asarray((self.mean(weights) - tau * np.log(self.class_counts)).argmax(axis=1))

    def of_rows(self, rows: NDArray[np.int64]) -> "Evidence":
        """Return what the candidates say about some of the rows, which may come again."""
        weights = self.row_weights[rows]
        total = float(weights.sum()) or 1.0
        return replace(
            self,
            log_probabilities={name: table[rows] for name, table in self.log_probabilities.items()},
            decisions={name: decided[rows] for name, decided in self.decisions.items()},
            labels=self.labels[rows],
            row_weights=weights / total,
            sample_groups=None if self.sample_groups is None else self.sample_groups[rows],
        )


def answers_of(head: Head, features: ArrayLike) -> Answers:
    """Ask a head whose labels are class indices about rows of features (N, D)."""
    logits = head.logits(features)
    scores = torch.from_numpy(logits).float()
    return Answers(scores - log_prior_of(head).to(scores), logits.argmax(axis=1))


def evidence_of(protocol: Protocol, parts: Sequence[Asked], sources: Sequence[str]) -> Evidence:
    """Put together what candidates say about several sets of rows.

    Each candidate's scores are multiplied by the number that makes their softmax fit the labels best, all classes
    counting alike, and moved to the world that is chosen for: that of train where all images count alike, else one in
    which all classes are equally common.

    Args:
        protocol: of the choice: metric and groups.
        parts: what candidates answer about which rows; those count that are asked about all.
        sources: where each part comes from.
    """
    labels = np.concatenate([np.empty(0, dtype=np.int64), *(part.labels for part in parts)])
    groups = [part.sample_groups for part in parts if part.sample_groups is not None]
    num_classes = len(protocol.groups)
    shared = [name for name in (parts[0].answers if parts else ()) if all(name in part.answers for part in parts)]
    balance = torch.from_numpy(1 / np.maximum(np.bincount(labels, minlength=num_classes), 1))
    world = np.log(prior_of_counts(protocol.problem.train_counts)) if protocol.rules.metric == "all" else 0.0
    tables, scales, decisions, counts = {}, {}, {}, protocol.problem.train_counts
    for name in shared:
        scores = torch.cat([part.answers[name].scores for part in parts])
        decisions[name] = np.concatenate([part.answers[name].decisions for part in parts])
        scales[name] = fitted_scale(scores, torch.from_numpy(labels), balance)
        moved = scales[name] * scores + torch.as_tensor(world).to(scores)
        tables[name] = torch.log_softmax(moved, dim=1).numpy()
    together = np.concatenate(groups) if groups and len(groups) == len(parts) else None
    weights = protocol.row_weights(labels)
    return Evidence(tables, scales, decisions, labels, weights, tuple(sources), counts, together)
