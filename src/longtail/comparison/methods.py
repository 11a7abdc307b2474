"""The methods that are compared: which estimator each is, and what makes it this method. Everything else is read off.

A new head is one row here, beside its own file and its name in `longtail.heads`.
"""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from longtail.heads import (
    DLSA,
    ClassifierRetraining,
    CosineClassifier,
    DisAlign,
    Ensemble,
    Joint,
    LearnableWeightScaling,
    LinearDiscriminant,
    Logistic,
    LogitAdjusted,
    MarginCalibration,
    MaxNorm,
    MultilayerPerceptron,
    NearestClassMean,
    NearestNeighbours,
    RandomFeatureRidge,
    TauNormalized,
    VectorScaled,
    WeightedRidge,
)
from longtail.heads.base import Head
from longtail.heads.dlsa import DLSA_PUBLISHED, published_settings
from longtail.heads.feature_transform import TransformKind

__all__ = ["METHODS", "Cost", "Method"]

Cost = Literal["one pass", "training", "all rows", "minutes", "others"]


@dataclass(frozen=True)
class Method:
    """A way to a head.

    Attributes:
        estimator: class of the head.
        summary: what it does, as a phrase.
        fixed: parameters that make it this method, where they are not the estimator's defaults.
        cost: "one pass" over the rows, so that each transform can be tried; "training"; "all rows" are kept and
            compared with; "minutes"; "others" are fitted, and it is made of them.
        named_only: whether it is fitted only where it is named: not as one of all, nor for `auto` alone.
        transform: of the features, that `auto` alone puts before it.
        last_fit: parameters of the one fit that is kept in the end, where they would cost too much in each trial.
        usual_weight: part of it in the mean that `auto` makes, where nothing was measured yet.
        presets: named groups of parameters; `published=NAME` sets all of a group.
    """

    estimator: type[Head]
    summary: str
    fixed: Mapping[str, Any] = field(default_factory=dict)
    cost: Cost = "training"
    named_only: bool = False
    transform: TransformKind = "none"
    last_fit: Mapping[str, Any] = field(default_factory=dict)
    usual_weight: float = 0.0
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def parameters(self) -> dict[str, Any]:
        """Parameters of the estimator by name, with what they are where nobody sets them."""
        signature = inspect.signature(self.estimator)
        return {name: parameter.default for name, parameter in signature.parameters.items()} | dict(self.fixed)

    @property
    def starts_from_head(self) -> bool:
        """Whether it mends a trained linear head."""
        return "head" in inspect.signature(self.estimator).parameters

    @property
    def chooses(self) -> bool:
        """Whether it chooses parameters on rows that it does not learn from."""
        return "validation" in inspect.signature(self.estimator.fit).parameters


# balanced losses learn few rare images by heart where the decay is small
_BALANCED = {"sampling": "instance", "weight_decay": 5e-3, "epochs": 10}

# from the simplest to the most elaborate: the one-standard-error rule prefers the earlier, of equals the first is taken
METHODS: dict[str, Method] = {
    "joint": Method(Joint, "the network's own classifier, as trained"),
    "ncm": Method(NearestClassMean, "nearest class mean", cost="one pass"),
    "lda": Method(
        LinearDiscriminant,
        "linear discriminant, all classes equally probable",
        cost="one pass",
        transform="power-l2",
        usual_weight=0.1,
    ),
    "ridge": Method(
        WeightedRidge,
        "regression on the classes, each weighed alike",
        cost="one pass",
        transform="power-l2",
        usual_weight=0.1,
    ),
    "la": Method(LogitAdjusted, "the log share of each class taken out of the scores", cost="one pass"),
    "mla": Method(
        VectorScaled, "the scores of a class divided by a power of its share of images", {"tau": 0.0}, cost="one pass"
    ),
    "vs": Method(VectorScaled, "scores stretched and moved by the class counts", cost="one pass"),
    "tau": Method(TauNormalized, "each class's weights divided by their length to the power tau", cost="one pass"),
    "logistic": Method(
        Logistic,
        "logistic regression at its optimum, the log share of each class taken out",
        transform="power-l2",
        usual_weight=0.3,
    ),
    "lws": Method(LearnableWeightScaling, "a learned factor for each class's weights"),
    "marc": Method(MarginCalibration, "a learned factor and bias a class on the trained scores"),
    "bsm": Method(
        ClassifierRetraining, "classifier trained by balanced softmax", {"loss": "balanced-softmax", **_BALANCED}
    ),
    "cb": Method(
        ClassifierRetraining,
        "classifier trained with weights by the effective number of images",
        {"reweight": True, **_BALANCED},
    ),
    "crt": Method(ClassifierRetraining, "classifier trained again, each class drawn equally often", {"epochs": 10}),
    "los": Method(
        ClassifierRetraining,
        "classifier trained on targets that are nearly the same for all classes",
        {"loss": "over-smoothed", "weight_decay": 2e-3},
    ),
    "cosine": Method(CosineClassifier, "classifier on cosines, trained by balanced softmax", {"epochs": 10}),
    "ldam": Method(
        ClassifierRetraining,
        "classifier trained with wider margins for rare classes",
        {"loss": "ldam", "reweight": True, "rebalance_from": 0.8, "sampling": "instance", "epochs": 20},
    ),
    "maxnorm": Method(MaxNorm, "classifier whose weights have a largest length"),
    "disalign": Method(DisAlign, "scores corrected where the image asks for it"),
    "knn": Method(
        NearestNeighbours,
        "votes of the nearest training images, weighed by class size",
        cost="all rows",
        transform="power-l2",
    ),
    "rfr": Method(
        RandomFeatureRidge,
        "regression on random cosines of the features, each class weighed alike",
        usual_weight=0.1,
    ),
    "mlp": Method(
        MultilayerPerceptron,
        "a network with one hidden layer, trained by balanced softmax",
        last_fit={"members": 3},
        usual_weight=0.4,
    ),
    "ensemble": Method(Ensemble, "the mean of several of these", cost="others"),
    "dlsa": Method(
        DLSA,
        "flow filters with a classifier for each block of classes that look alike",
        cost="minutes",
        named_only=True,
        presets={name: published_settings(name) for name in DLSA_PUBLISHED},
    ),
}
