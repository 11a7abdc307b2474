"""`--feature-transform auto`: which transform helps which method, on rows that no head was fitted to."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.evaluation.selection import choose
from longtail.heads.base import Head
from longtail.heads.feature_transform import TRANSFORMS, TransformKind
from longtail.jobs.feature_problem import FeatureProblem
from longtail.jobs.fitter import Fitter, held_out_fifth
from longtail.jobs.options import HeadOptions

__all__ = ["TransformChoice", "choose_transforms"]

CHEAP = ("ncm", "lda", "ridge", "knn", "la", "tau")  # fitted in seconds: each is tried with each transform


@dataclass(frozen=True)
class TransformChoice:
    """What was chosen for one method.

    Attributes:
        kind: of the transform.
        scores: what was measured with each; percent, or minus the mean cost.
        head: fitted on train with the chosen one.
    """

    kind: TransformKind
    scores: dict[str, float]
    head: Head


def choose_transforms(
    names: list[str],
    problem: FeatureProblem,
    options: HeadOptions,
    fitter: Fitter,
    select_on: str,
    seed: int,
    device: str,
    *,
    with_train: bool,
    settings: dict[str, Any],
) -> dict[str, TransformChoice]:
    """Fit each cheap method behind each transform and keep the best.

    Args:
        names: of the wanted methods.
        problem: checked features.
        options: settings of the methods.
        fitter: of this problem.
        select_on: "val", "train" or "test".
        seed: of the held-out fifth and the fits.
        device: where to compute.
        with_train: look at a fifth of train too, which heads of the rest have not seen; alone, where select_on is
            "train".
        settings: what `choose` takes besides: metric, groups, costs.
    """
    cheap = [name for name in names if name in CHEAP]
    labels: list[NDArray[np.int64]] = [] if select_on == "train" else [np.asarray(problem.splits[select_on].labels)]
    found: dict[str, dict[TransformKind, list[NDArray[np.int64]]]] = {name: {} for name in cheap}
    heads: dict[tuple[str, TransformKind], Head] = {}
    held_out = held_out_fifth(problem, seed) if with_train and cheap else None
    inner = None if held_out is None else Fitter(held_out[0], options, "train", seed, device)
    if held_out is not None:
        labels.append(held_out[2])
    for kind in TRANSFORMS:
        for name in cheap:
            predicted = []
            if select_on != "train":
                heads[name, kind] = fitter.fit(name, kind)
                predicted.append(heads[name, kind].predict(problem.splits[select_on].features))
            if inner is not None and held_out is not None:
                predicted.append(inner.fit(name, kind).predict(held_out[1]))
            found[name][kind] = predicted
    choices = {}
    for name in cheap:
        candidates = {kind: np.concatenate(parts) for kind, parts in found[name].items()}
        best = choose(candidates, np.concatenate(labels), len(problem.train_counts), **settings)
        chosen: Any = best.chosen
        head = heads[name, chosen] if (name, chosen) in heads else fitter.fit(name, chosen)
        choices[name] = TransformChoice(chosen, best.scores, head)
    return choices
