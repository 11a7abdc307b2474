"""`--feature-transform auto`: which transform helps which method, on rows that no head was fitted to."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longtail.comparison.fitter import Fitter
from longtail.comparison.methods import METHODS
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


def choose_transforms(names: Sequence[str], fitter: Fitter) -> dict[str, TransformChoice]:
    """Fit each cheap method behind each transform and keep the best.

    Args:
        names: of the wanted methods; those that take more than a pass over the rows are left out.
        fitter: of the problem; its protocol says where choices are made.
    """
    protocol = fitter.protocol
    cheap = [name for name in names if METHODS[name].cost in ("one pass", "all rows")]
    on_split = protocol.select_on != "train"
    split = protocol.problem.splits[protocol.select_on]
    # a fifth of train, with heads of the rest
    rest = fitter.without_a_fifth() if protocol.looks_at_train and cheap else None
    judged = [split] * on_split + ([] if rest is None else [rest[1]])
    labels = np.concatenate([np.asarray(one.labels) for one in judged]) if judged else np.empty(0, dtype=np.int64)
    groups = [one.groups for one in judged if one.groups is not None]
    together = np.concatenate(groups) if groups and len(groups) == len(judged) else None
    predictions: dict[str, dict[str, ArrayLike]] = {name: {} for name in cheap}
    heads: dict[tuple[str, str], Head] = {}
    seconds = dict.fromkeys(cheap, 0.0)
    for kind in TRANSFORMS:
        for name in cheap:
            started = time.perf_counter()
            parts: list[NDArray[Any]] = []
            if on_split:
                heads[name, kind] = fitter.fit(name, kind)
                parts.append(heads[name, kind].predict(split.features))
            if rest is not None:
                parts.append(rest[0].fit(name, kind).predict(rest[1].features))
            predictions[name][kind] = np.concatenate(parts)
            seconds[name] += time.perf_counter() - started
    choices = {}
    for name in cheap:
        how = {**protocol.choose_by, "sample_groups": together}
        choice = choose(predictions[name], labels, len(protocol.groups), **how)
        chosen: Any = choice.chosen
        head = heads[name, chosen] if on_split else fitter.fit(name, chosen)
        choices[name] = TransformChoice(chosen, choice.scores, head, seconds[name])
    return choices
