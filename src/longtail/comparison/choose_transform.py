"""`--feature-transform auto`: which transform helps which method, on rows that no head was fitted to."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longtail.comparison.fitter import Fitter
from longtail.evaluation.selection import choose
from longtail.heads.base import Head
from longtail.heads.feature_transform import TRANSFORMS, TransformKind

__all__ = ["TransformChoice", "choose_transforms"]


@dataclass(frozen=True)
class TransformChoice:
    """What was chosen for one method.

    Attributes:
        kind: of the transform.
        scores: what was measured with each; percent, or minus the mean cost.
        head: fitted on train with the chosen one.
        seconds: that its fits took.
    """

    kind: TransformKind
    scores: dict[str, float]
    head: Head
    seconds: float


def choose_transforms(tried: Mapping[str, Sequence[TransformKind]], fitter: Fitter) -> dict[str, TransformChoice]:
    """Fit methods behind several transforms each, and keep the best.

    Args:
        tried: transforms by method.
        fitter: of the problem; its protocol says where choices are made.
    """
    protocol = fitter.protocol
    on_split = protocol.select_on != "train"
    split = protocol.problem.splits[protocol.select_on]
    # a fifth of train, with heads of the rest
    rest = fitter.without_a_fifth() if protocol.looks_at_train and tried else None
    labels = [np.asarray(split.labels)] * on_split + ([] if rest is None else [rest[2]])
    predictions: dict[str, dict[str, ArrayLike]] = {name: {} for name in tried}
    heads: dict[tuple[str, str], Head] = {}
    seconds = dict.fromkeys(tried, 0.0)
    for kind in TRANSFORMS:  # what is transformed serves all methods
        for name in (name for name, kinds in tried.items() if kind in kinds):
            started = time.perf_counter()
            parts: list[NDArray[Any]] = []
            if on_split:
                heads[name, kind] = fitter.fit(name, kind)
                parts.append(heads[name, kind].predict(split.features))
            if rest is not None:
                parts.append(rest[0].fit(name, kind).predict(rest[1]))
            predictions[name][kind] = np.concatenate(parts)
            seconds[name] += time.perf_counter() - started
    choices = {}
    for name in tried:
        choice = choose(predictions[name], np.concatenate(labels), len(protocol.groups), **protocol.choose_by)
        chosen: Any = choice.chosen
        head = heads[name, chosen] if on_split else fitter.fit(name, chosen)
        choices[name] = TransformChoice(chosen, choice.scores, head, seconds[name])
    return choices
