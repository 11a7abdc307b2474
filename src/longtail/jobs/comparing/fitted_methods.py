"""Fit the wanted methods, and choose among them, while the labels of test are sealed."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.heads import Joint
from longtail.heads.base import Head
from longtail.heads.feature_transform import TransformKind
from longtail.jobs.choosing.automatic import choice_settings, choose_and_refit, looks_at_train, predict_splits
from longtail.jobs.choosing.ensemble import choose_ensemble
from longtail.jobs.choosing.transforms import choose_transforms
from longtail.jobs.fitting.fitter import Fitter
from longtail.jobs.fitting.head_options import HeadOptions
from longtail.jobs.fitting.methods import SLOW_METHODS, affordable_methods, is_named, wants_auto
from longtail.jobs.fitting.problem import FeatureProblem

__all__ = ["FittedMethods", "Predictions", "Ready", "fit_methods", "selection_split"]

Predictions = dict[str, dict[str, NDArray[np.int64]]]
Ready = Mapping[str, tuple[Head, dict[str, NDArray[np.int64]]]]


@dataclass(frozen=True)
class FittedMethods:
    """Every head by the name of its method.

    Attributes:
        heads: fitted.
        predictions: class indices on val and test.
        seconds: that each took.
        facts: what results.json says of it besides.
        probabilities: the head whose probabilities are measured on each split, where there is one.
    """

    heads: dict[str, Head] = field(default_factory=dict)
    predictions: Predictions = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    probabilities: dict[str, dict[str, Head]] = field(default_factory=dict)


def fit_methods(
    problem: FeatureProblem,
    options: HeadOptions,
    select_on: str,
    groups: NDArray[np.str_],
    seed: int,
    device: str,
    *,
    quiet: bool,
    ready: Ready,
) -> FittedMethods:
    """Fit each wanted method on train, and `auto` from them.

    Args:
        problem: checked features.
        options: methods and their settings.
        select_on: the split that choices are made on.
        groups: "many", "medium" or "few" for each class, shape (C,).
        seed: of initialisation and sampling.
        device: where the heads compute.
        quiet: say nothing.
        ready: heads that were trained elsewhere, with their predictions.
    """
    train = problem.splits["train"]
    started = time.perf_counter()
    joint = Joint(problem.head, random_state=seed, device=device, head_prior=problem.own_prior)
    joint.fit(train.features, train.labels)
    fitter = Fitter(problem, options, select_on, seed, device, joint)
    joint_seconds = time.perf_counter() - started
    names = list(affordable_methods(options.methods, len(train.labels)))
    evidence: dict[str, Any] = {
        "with_train": looks_at_train(problem, select_on),
        "settings": choice_settings(options, groups),
    }
    wanted: Any = options.feature_transform
    choices = choose_transforms(names, fitter, **evidence) if wanted == "auto" else {}
    transforms: dict[str, TransformKind] = dict.fromkeys(names, "none" if wanted == "auto" else wanted)
    transforms |= {name: choice.kind for name, choice in choices.items()}
    spent = {name: choice.seconds for name, choice in choices.items()}
    if transforms.get("joint") == "none":  # fitted above
        spent["joint"] = joint_seconds
    found = FittedMethods()
    for name in names:
        started = time.perf_counter() - spent.get(name, 0.0)
        facts: dict[str, Any] = {}
        if name in ready:
            found.heads[name], found.predictions[name] = ready[name]
        else:
            if name in choices:
                head = choices[name].head
                facts = {"transform": {"chosen": choices[name].kind, "scores": choices[name].scores}}
            elif name == "ensemble":
                members = {other: one for other, one in found.heads.items() if other not in (*SLOW_METHODS, *ready)}
                head, facts = choose_ensemble(members, transforms, fitter, **evidence)
                if len(head.members_) < 2 and not is_named(name, options.methods):
                    continue  # the best method alone, which stands in the table already
            else:
                head = fitter.fit(name, transforms[name])
            found.heads[name], found.predictions[name] = head, predict_splits(head, problem)
            found.probabilities[name] = dict.fromkeys(found.predictions[name], head)  # those of `ready` see others
        found.facts[name] = facts
        found.seconds[name] = time.perf_counter() - started
        if not quiet:
            print(f"  {name} done in {found.seconds[name]:.1f} s")
    if wants_auto(options.methods):
        _add_auto(found, problem, options, select_on, groups, seed, device, ready, transforms)
    return found


def _add_auto(
    found: FittedMethods,
    problem: FeatureProblem,
    options: HeadOptions,
    select_on: str,
    groups: NDArray[np.str_],
    seed: int,
    device: str,
    ready: Ready,
    transforms: Mapping[str, TransformKind],
) -> None:
    """Choose the best of the fitted methods, and fit it again."""
    started = time.perf_counter()
    chosen = choose_and_refit(
        problem,
        options,
        found.heads,
        found.predictions,
        select_on,
        groups,
        seed,
        device,
        final=frozenset(ready),
        transforms=transforms,
    )
    found.heads["auto"], found.predictions["auto"] = chosen.head, chosen.predictions
    found.facts["auto"] = chosen.facts
    first = found.probabilities.get(chosen.facts["choice"]["method"])
    if first is not None:
        # val is measured with the head that had not seen it
        found.probabilities["auto"] = {split: first[split] if split == "val" else chosen.head for split in first}
    found.seconds["auto"] = time.perf_counter() - started


def selection_split(problem: FeatureProblem, options: HeadOptions) -> str:
    """Say on which split choices are made: "val", "train" (a part held out) or, only by an explicit word, "test".

    Raises:
        InputError: the split is not there, or test was not allowed.
    """
    wanted = options.choice.select_on or ("val" if "val" in problem.splits else "train")
    if wanted == "test" and not options.choice.i_know_test_is_spoiled:
        other = "--select-on val (feature_val.h5 is there)" if "val" in problem.splits else "--select-on train"
        raise InputError(
            f"choosing on the test split makes the test result worthless. Use {other}, or, to reproduce a publication "
            'that did so, --select-on test --i-know-test-is-spoiled; every table will carry the mark "chosen on test".'
        )
    if wanted != "train" and wanted not in problem.splits:
        folder = problem.splits["train"].path.parent
        raise InputError(f"--select-on {wanted}: {folder} holds no feature_{wanted}.h5. Use --select-on train.")
    return wanted
