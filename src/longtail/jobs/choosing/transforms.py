"""`--feature-transform auto`: which transform helps which method, on rows that no head was fitted to."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longtail.evaluation.selection import choose
from longtail.heads.base import Head
from longtail.heads.feature_transform import TRANSFORMS, TransformKind
from longtail.jobs.fitting.fitter import Fitter

__all__ = ["TransformChoice", "choose_transforms"]

CHEAP = ("ncm", "lda", "ridge", "knn", "la", "tau")  # fitted in seconds: each is tried with each transform


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


def choose_transforms(
    names: list[str], fitter: Fitter, *, with_train: bool, settings: Mapping[str, Any]
) -> dict[str, TransformChoice]:
    """Fit each cheap method behind each transform and keep the best.

    Args:
        names: of the wanted methods; those that are not cheap are left out.
        fitter: of the problem; says where choices are made.
        with_train: look at a fifth of train too, with heads of the rest; alone, where choices are made on train.
        settings: what `choose` takes besides: metric, groups, costs.
    """
    cheap = [name for name in names if name in CHEAP]
    on_split = fitter.select_on != "train"
    split = fitter.problem.splits[fitter.select_on]
    rest = fitter.without_a_fifth() if with_train and cheap else None
    labels = [np.asarray(split.labels)] * on_split + ([] if rest is None else [rest[2]])
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
                parts.append(rest[0].fit(name, kind).predict(rest[1]))
            predictions[name][kind] = np.concatenate(parts)
            seconds[name] += time.perf_counter() - started
    choices = {}
    for name in cheap:
        found = choose(predictions[name], np.concatenate(labels), len(fitter.problem.train_counts), **settings)
        chosen: Any = found.chosen
        head = heads[name, chosen] if on_split else fitter.fit(name, chosen)
        choices[name] = TransformChoice(chosen, found.scores, head, seconds[name])
    return choices
