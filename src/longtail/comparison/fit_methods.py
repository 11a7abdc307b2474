"""Fit the wanted methods, and choose among them, while the labels of test are sealed."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.comparison.automatic import Candidates, choose_and_refit, predict_splits
from longtail.comparison.choose_ensemble import choose_ensemble
from longtail.comparison.choose_transform import TransformChoice, choose_transforms
from longtail.comparison.fitter import Fitter, fitted_joint
from longtail.comparison.method_names import affordable_methods, is_named, wants_auto
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
    """

    head: Head
    predictions: dict[str, NDArray[np.int64]]
    facts: dict[str, Any] = field(default_factory=dict)
    measured_by: dict[str, Head] = field(default_factory=dict)


@dataclass(frozen=True)
class FittedMethods:
    """Every head by the name of its method.

    Attributes:
        methods: fitted.
        seconds: that each took.
    """

    methods: dict[str, FittedMethod]
    seconds: dict[str, float]

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
    ready = ready or {}
    started = time.perf_counter()
    fitter = Fitter(protocol, fitted_joint(protocol))
    joint_seconds = time.perf_counter() - started
    names = affordable_methods(methods, len(protocol.problem.splits["train"].labels))
    wanted: Any = protocol.rules.feature_transform
    choices = choose_transforms(names, fitter) if wanted == "auto" else {}
    transforms: dict[str, TransformKind] = dict.fromkeys(names, "none" if wanted == "auto" else wanted)
    transforms |= {name: choice.kind for name, choice in choices.items()}
    spent = {name: choice.seconds for name, choice in choices.items()}
    if transforms.get("joint") == "none":  # fitted above
        spent["joint"] = joint_seconds
    result = FittedMethods({}, {})
    for name in names:
        started = time.perf_counter() - spent.get(name, 0.0)
        if name in ready:
            fitted = FittedMethod(*ready[name])
        elif METHODS[name].cost == "others":
            members = {
                other: head
                for other, head in result.heads.items()
                if METHODS[other].cost != "minutes" and other not in ready
            }
            head, facts = choose_ensemble(members, transforms, fitter)
            if len(head.members_) < 2 and not is_named(name, methods):
                continue  # the best method alone, which stands in the table already
            fitted = _measured(head, protocol, facts)
        elif name in choices:
            fitted = _measured(choices[name].head, protocol, _facts_of(choices[name]))
        else:
            fitted = _measured(fitter.fit(name, transforms[name]), protocol, {})
        result.methods[name], result.seconds[name] = fitted, time.perf_counter() - started
        if on_fitted is not None:
            on_fitted(name, result.seconds[name])
    if wants_auto(methods):
        started = time.perf_counter()
        candidates = Candidates(result.heads, result.predictions, transforms, frozenset(ready))
        result.methods["auto"] = _best(protocol, candidates, result.methods)
        result.seconds["auto"] = time.perf_counter() - started
    return result


def _measured(head: Head, protocol: Protocol, facts: dict[str, Any]) -> FittedMethod:
    predictions = predict_splits(head, protocol.problem)
    return FittedMethod(head, predictions, facts, dict.fromkeys(predictions, head))


def _facts_of(choice: TransformChoice) -> dict[str, Any]:
    return {"transform": {"chosen": choice.kind, "scores": choice.scores}}


def _best(protocol: Protocol, candidates: Candidates, methods: Mapping[str, FittedMethod]) -> FittedMethod:
    """Choose the best of the fitted methods, and fit it again."""
    best = choose_and_refit(protocol, candidates)
    first = methods[best.facts["choice"]["method"]].measured_by
    # val is measured with the head that had not seen it
    measured_by = {split: head if split == "val" else best.head for split, head in first.items()}
    return FittedMethod(best.head, best.predictions, best.facts, measured_by)
