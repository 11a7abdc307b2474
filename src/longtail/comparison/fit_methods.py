"""Fit the wanted methods, and choose among them, while the labels of test are sealed."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.comparison.automatic import Candidates, choose_and_refit, predict_splits
from longtail.comparison.choose_ensemble import choose_ensemble
from longtail.comparison.choose_transform import choose_transforms
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
    """

    methods: Mapping[str, FittedMethod]

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
    result: dict[str, FittedMethod] = {}
    for name in names:
        started = time.perf_counter() - spent.get(name, 0.0)
        if name in ready:
            fitted = FittedMethod(*ready[name])
        elif METHODS[name].cost == "others":
            quick = {other: one.head for other, one in result.items() if METHODS[other].cost != "minutes"}
            members = {other: head for other, head in quick.items() if other not in ready}
            head, facts = choose_ensemble(members, transforms, fitter)
            if len(head.members_) < 2 and not is_named(name, methods):
                continue  # the best method alone, which stands in the table already
            fitted = _measured(head, protocol, facts)
        elif name in choices:
            facts = {"transform": {"chosen": choices[name].kind, "scores": choices[name].scores}}
            fitted = _measured(choices[name].head, protocol, facts)
        else:
            fitted = _measured(fitter.fit(name, transforms[name]), protocol, {})
        result[name] = replace(fitted, seconds=time.perf_counter() - started)
        if on_fitted is not None:
            on_fitted(name, result[name].seconds)
    if wants_auto(methods):
        started = time.perf_counter()
        best = _best(protocol, FittedMethods(result), transforms, frozenset(ready))
        result["auto"] = replace(best, seconds=time.perf_counter() - started)
    return FittedMethods(result)


def _measured(head: Head, protocol: Protocol, facts: dict[str, Any]) -> FittedMethod:
    predictions = predict_splits(head, protocol.problem)
    return FittedMethod(head, predictions, facts, dict.fromkeys(predictions, head))


def _best(
    protocol: Protocol, fitted: FittedMethods, transforms: Mapping[str, TransformKind], final: frozenset[str]
) -> FittedMethod:
    """Choose the best of the fitted methods, and fit it again."""
    best = choose_and_refit(protocol, Candidates(fitted.heads, fitted.predictions, transforms, final))
    first = fitted.methods[best.facts["choice"]["method"]].measured_by
    # val is measured with the head that had not seen it
    measured_by = {split: head if split == "val" else best.head for split, head in first.items()}
    return FittedMethod(best.head, best.predictions, best.facts, measured_by)
