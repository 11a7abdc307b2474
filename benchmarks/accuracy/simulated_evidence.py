"""Made-up answers of candidates that are about equally good and wrong about much the same rows."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from longtail.comparison.evidence import Answers, Asked, Evidence, evidence_of
from longtail.comparison.methods import METHODS
from longtail.comparison.opened_problem import check_opened
from longtail.comparison.protocol import Protocol
from longtail.counts import exponential_counts
from longtail.features import splits_of_arrays

__all__ = ["World", "made_up_world"]

LARGEST, RATIO = 1000, 100  # of the training rows, by class
SIGNAL, COMMON, OF_CLASS, OF_CANDIDATE, SHARED = 1.8, 0.5, 0.6, 0.1, 0.8

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class World:
    """Where answers are drawn from.

    score of class c for a row of class y = (s_y + a_y + b_m) [c = y] + sqrt(r) e_c + sqrt(1 - r) e_mc,  r = 0.8

    Attributes:
        protocol: a problem of C classes with a long tail.
        lift: s_y + a_y + b_m, of each candidate and class, shape (M, C): s_y falls from the most common class to the
            rarest, a_y and b_m are normal.
    """

    protocol: Protocol
    lift: Mapping[str, NDArray[np.float64]]

    def tail_labels(self, number: int, rng: np.random.Generator) -> Labels:
        """Draw labels of so many rows, classes as common as in training: some may be missing."""
        counts = self.protocol.problem.train_counts
        return np.sort(rng.choice(len(counts), size=number, p=counts / counts.sum()))

    def answers(self, labels: Labels, rng: np.random.Generator) -> dict[str, Answers]:
        """Draw what each candidate says about rows of these labels."""
        rows, size = np.arange(len(labels)), (len(labels), len(self.protocol.groups))
        shared, result = rng.standard_normal(size, dtype=np.float32), {}
        for name, lift in self.lift.items():
            scores = SHARED**0.5 * shared + (1 - SHARED) ** 0.5 * rng.standard_normal(size, dtype=np.float32)
            scores[rows, labels] += lift[labels]
            result[name] = Answers(torch.from_numpy(scores), scores.argmax(axis=1))
        return result

    def evidence(self, labels: Labels, rng: np.random.Generator) -> Evidence:
        """Draw the evidence of rows of these labels, scaled as `auto` scales it."""
        return evidence_of(self.protocol, [Asked(self.answers(labels, rng), labels)], ["made up"])


def made_up_world(num_classes: int, candidates: int, rng: np.random.Generator) -> World:
    """Draw how good candidates are, and how hard classes.

    Args:
        num_classes: C.
        candidates: M; the parts of `auto` first, so that they have usual weights.
        rng: of all draws.
    """
    labels = np.repeat(np.arange(num_classes), exponential_counts(num_classes, LARGEST, RATIO))
    features = rng.standard_normal((len(labels), 2)).astype(np.float32)
    protocol = Protocol(check_opened(splits_of_arrays({"train": (features, labels)})))
    names = sorted((name for name in METHODS if name != "ensemble"), key=lambda name: METHODS[name].part is None)
    easiness = SIGNAL + COMMON * np.linspace(1, -1, num_classes) + OF_CLASS * rng.standard_normal(num_classes)
    lift = {name: easiness + OF_CANDIDATE * rng.standard_normal() for name in names[:candidates]}
    return World(protocol, lift)
