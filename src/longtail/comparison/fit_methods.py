"""Fit the wanted methods, and choose among them, while the labels of test are sealed."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.comparison.automatic import (
    TOGETHER,
    choice_facts,
    decide,
    decided_head,
    fitted_on_all,
    predict_splits,
)
from longtail.comparison.budget import beyond_budget
from longtail.comparison.candidates import Candidate, gathered_evidence
from longtail.comparison.choose_transform import choose_transforms
from longtail.comparison.fitter import Fitter, fitted_joint
from longtail.comparison.method_names import affordable_methods, is_alone, is_named, wants_auto
from longtail.comparison.method_settings import settings_of_parts
from longtail.comparison.methods import METHODS
from longtail.comparison.protocol import Protocol
from longtail.heads.base import Head
from longtail.heads.feature_transform import TransformKind

__all__ = ["FittedMethods", "OnFitted", "Predictions", "Ready", "fit_methods"]

Predictions = dict[str, dict[str, NDArray[np.int64]]]
Ready = Mapping[str, tuple[Head, dict[str, NDArray[np.int64]]]]
OnFitted = Callable[[str, float], object]


@dataclass(frozen=True)
class FittedMethod:
    """One head, and what is known of it.

    Attributes:
        head: fitted.
        predictions: class indices on val and test.
        facts: what results.json says of it besides.
        measured_by: the head whose probabilities are measured on each split, where there is one.
        seconds: that fitting and choosing took.
    """

    head: Head
    predictions: dict[str, NDArray[np.int64]]
    facts: dict[str, Any] = field(default_factory=dict)
    measured_by: dict[str, Head] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True)
class FittedMethods:
    """Every method by its name.

    Attributes:
        methods: fitted.
        left_out: methods that there was no time for, with the seconds that they would take, or None.
    """

    methods: Mapping[str, FittedMethod]
    left_out: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def heads(self) -> dict[str, Head]:
        """The heads by the name of their method."""
        return {name: fitted.head for name, fitted in self.methods.items()}

    @property
    def predictions(self) -> Predictions:
        """Class indices of each on val and test."""
        return {name: fitted.predictions for name, fitted in self.methods.items()}


def fit_methods(
    protocol: Protocol, methods: str, *, ready: Ready | None = None, on_fitted: OnFitted | None = None
) -> FittedMethods:
    """Fit each wanted method on train, and `auto` from them.

    Args:
        protocol: the problem, and how methods are fitted to it.
        methods: such as "tau,lws", "usual", "all" or "auto".
        ready: heads that were trained elsewhere, with their predictions.
        on_fitted: is told the name of each method that is done, and its seconds.

    Raises:
        InputError: an unknown method, or settings that cannot be.
    """
    ready, begun = ready or {}, time.perf_counter()
    if is_alone("auto", methods):
        protocol = replace(protocol, settings=settings_of_parts(protocol.settings))
    started = time.perf_counter()
    fitter = Fitter(protocol, fitted_joint(protocol))
    joint_seconds = time.perf_counter() - started
    names = affordable_methods(methods, len(protocol.problem.splits["train"].labels))
    wanted: Any = protocol.rules.feature_transform
    choices = choose_transforms(names, fitter) if wanted == "auto" else {}
    kinds: dict[str, TransformKind] = {name: _transform(name, protocol, is_alone("auto", methods)) for name in names}
    kinds |= {name: choice.kind for name, choice in choices.items()}
    open_kinds = {
        name: kind
        for name, kind in kinds.items()
        if METHODS[name].cost != "others" and name not in ready and name not in choices
    }
    spared, chooses = [name for name in names if is_named(name, methods)], wants_auto(methods) or TOGETHER in names
    left_out = beyond_budget(protocol, open_kinds, spared, chooses=chooses, begun=begun)
    names = tuple(name for name in names if name not in left_out)
    result: dict[str, FittedMethod] = {}
    candidates: dict[str, Candidate] = {}

    def add(name: str, fitted: FittedMethod, seconds: float) -> None:
        result[name] = replace(fitted, seconds=seconds)
        if on_fitted is not None and name != "auto":
            on_fitted(name, seconds)

    for name in (name for name in names if METHODS[name].cost != "others"):
        started, kind = time.perf_counter(), kinds[name]
        spent = (
            choices[name].seconds if name in choices else joint_seconds if (name, kind) == ("joint", "none") else 0.0
        )
        if name in ready:
            fitted = FittedMethod(*ready[name])
        elif name in choices:
            facts, spent = {"transform": {"chosen": kind, "scores": choices[name].scores}}, choices[name].seconds
            fitted = _measured(choices[name].head, protocol, facts)
        else:
            fitted = _measured(fitter.fit(name, kind), protocol, {})
        candidates[name] = Candidate(fitted.head, kind, name in ready)
        add(name, fitted, time.perf_counter() - started + spent)
    if TOGETHER in names or wants_auto(methods):
        for name, (fitted, seconds) in _decided(protocol, methods, candidates, result).items():
            add(name, fitted, seconds)
    return FittedMethods(result, left_out)


def _transform(name: str, protocol: Protocol, alone: bool) -> TransformKind:
    """Return what stands before a method: what is wanted, or where nothing is and `auto` alone, what serves it best."""
    wanted, part = protocol.rules.feature_transform, METHODS[name].part
    if wanted == "none" and alone and part is not None:
        return part.transform_of(protocol.problem.splits["train"].features)
    return "none" if wanted == "auto" else wanted


def _decided(
    protocol: Protocol, methods: str, candidates: Mapping[str, Candidate], fitted: Mapping[str, FittedMethod]
) -> dict[str, tuple[FittedMethod, float]]:
    """Return who decides, fitted on train as `ensemble` where they are several, and on all there is as `auto`."""
    started, result = time.perf_counter(), {}
    evidence = gathered_evidence(protocol, candidates)
    decision = decide(evidence, protocol)
    heads = {name: candidate.head for name, candidate in candidates.items()}
    first = fitted.get(decision.choice.chosen)
    if len(decision.weights) > 1 or is_named(TOGETHER, methods):
        several = replace(decision, choice=replace(decision.choice, chosen=TOGETHER))
        first = _measured(decided_head(several, heads, evidence, protocol), protocol, {})
        result[TOGETHER] = first, time.perf_counter() - started
    if wants_auto(methods) and first is not None:
        started = time.perf_counter()
        head, fitted_on = fitted_on_all(decision, candidates, evidence, protocol)
        predictions = dict(first.predictions)
        if "test" in predictions and head is not first.head:
            predictions["test"] = head.predict(protocol.problem.splits["test"].features)
        # val is measured with the head that had not seen it
        measured_by = {split: by if split == "val" else head for split, by in first.measured_by.items()}
        best = FittedMethod(head, predictions, choice_facts(decision, evidence, protocol, fitted_on), measured_by)
        result["auto"] = best, time.perf_counter() - started
    return result


def _measured(head: Head, protocol: Protocol, facts: dict[str, Any]) -> FittedMethod:
    predictions = predict_splits(head, protocol.problem)
    return FittedMethod(head, predictions, facts, dict.fromkeys(predictions, head))
