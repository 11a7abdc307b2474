"""What is chosen between: fitted methods, and what each says about rows that it was not fitted to."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from longtail.comparison.cross_validation import out_of_fold_answers, promising
from longtail.comparison.evidence import Asked, Evidence, answers_of, evidence_of
from longtail.comparison.protocol import Protocol
from longtail.heads.base import Head
from longtail.heads.feature_transform import TransformKind

__all__ = ["Candidate", "gathered_evidence"]


@dataclass(frozen=True)
class Candidate:
    """A fitted method.

    Attributes:
        head: fitted on train.
        transform: of the features, which it was fitted behind.
        is_final: whether it was trained elsewhere, and is not to be fitted again.
    """

    head: Head
    transform: TransformKind = "none"
    is_final: bool = False


def gathered_evidence(protocol: Protocol, candidates: Mapping[str, Candidate]) -> Evidence:
    """Ask candidates about the rows that choices are made on: of val, of parts of train, or of both.

    Where train is asked beside val, those that are clearly behind on val are left out.

    Args:
        protocol: the problem, and where choices are made.
        candidates: by name, the simplest first.
    """
    parts, sources = [], []
    names = list(candidates)
    if protocol.select_on != "train":
        split = protocol.problem.splits[protocol.select_on]
        answers = {name: answers_of(candidates[name].head, split.features) for name in names}
        parts.append(Asked(answers, np.asarray(split.labels), split.groups))
        sources.append(str(protocol.select_on))
    known = parts[0].labels if parts else np.empty(0, dtype=np.int64)
    if protocol.looks_at_train:
        if parts:
            names = promising(evidence_of(protocol, parts, sources))
        asked = out_of_fold_answers(protocol, {name: candidates[name].transform for name in names}, known)
        parts.append(asked.asked)
        sources.append(_of_folds(asked.folds, protocol))
    return evidence_of(protocol, parts, sources)


def _of_folds(number: int, protocol: Protocol) -> str:
    folds = protocol.rules.cv_folds
    return f"{number} of {folds} folds of train" if number < folds else f"{folds}-fold cross-validation of train"
