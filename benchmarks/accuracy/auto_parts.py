"""The parts of `auto` on one set: what each says about the rows that weights are found on, and about test rows."""

from dataclasses import dataclass

import numpy as np
import torch
from auto_sets.splits import DataSet
from numpy.typing import NDArray

from longtail.comparison.candidates import Candidate, gathered_evidence
from longtail.comparison.evidence import Evidence, answers_of
from longtail.comparison.fitter import Fitter, fitted_joint, learns_from_rows
from longtail.comparison.method_settings import last_settings, settings_of_parts
from longtail.comparison.methods import METHODS
from longtail.comparison.opened_problem import check_opened
from longtail.comparison.protocol import Protocol
from longtail.comparison.refitting import fitted_again
from longtail.features import splits_of_arrays

__all__ = ["FittedParts", "class_balanced", "fitted_parts"]


@dataclass(frozen=True)
class FittedParts:
    """Probabilities of the parts of `auto`.

    Attributes:
        evidence: of rows that no part was fitted to, which `auto` finds its weights on.
        test: probabilities of each part, fitted on train and val, shape (N, C).
        labels: of test, shape (N,).
    """

    evidence: Evidence
    test: dict[str, NDArray[np.float64]]
    labels: NDArray[np.int64]


def fitted_parts(data: DataSet, seed: int) -> FittedParts:
    """Fit every part of `auto` as `compare(data, "auto")` does, behind its transform and with its settings.

    Args:
        data: with train, test and perhaps val.
        seed: of everything drawn.
    """
    opened = splits_of_arrays({name: (split.features, split.labels) for name, split in data.splits.items()})
    protocol = Protocol(check_opened(opened, head=data.head), settings=settings_of_parts({}), seed=seed)
    fitter, train = Fitter(protocol, fitted_joint(protocol)), protocol.problem.splits["train"]
    candidates = {}
    for name, method in METHODS.items():
        if method.part is not None:
            kind = method.part.transform_of(train.features)
            candidates[name] = Candidate(fitter.fit(name, kind), kind)
    evidence = gathered_evidence(protocol, candidates)
    splits, test = [name for name in ("train", "val") if name in data.splits], data.splits["test"]
    probabilities = {}
    for name, candidate in candidates.items():
        head = candidate.head
        if learns_from_rows(head):
            head = fitted_again(head, protocol, splits, last_settings(name, protocol.settings))
        scores = evidence.scales.get(name, 1.0) * answers_of(head, test.features).scores
        probabilities[name] = torch.softmax(scores.double(), dim=1).numpy()
    return FittedParts(evidence, probabilities, test.labels)


def class_balanced(labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the part of each row where classes count alike, of sum 1, shape (N,)."""
    rows = 1 / np.bincount(labels)[labels]
    return np.asarray(rows / rows.sum())
