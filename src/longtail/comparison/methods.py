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
    Distilled,
    Ensemble,
    Joint,
    LearnableWeightScaling,
    LinearDiscriminant,
    Logistic,
    LogitAdjusted,
    MarginCalibration,
    MaxNorm,
    MiSLAS,
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
from longtail.heads.rows import Features, chunks

__all__ = ["METHODS", "Cost", "Method", "Part"]

Cost = Literal["one pass", "training", "all rows", "minutes", "others"]


@dataclass(frozen=True)
class Part:
    """What a method is where `auto` alone chooses.

    Attributes:
        weight: in the mean, where nothing was measured; those of all parts have the sum 1.
        transform: of the features before it.
        signed: the same where features are negative too, as those of principal components; None: no other.
        settings: parameters that cost less than its own, and are as good in a mean.
        last: parameters of the one fit that is kept in the end, where they would cost too much in each trial.
    """

    weight: float
    transform: TransformKind = "none"
    signed: TransformKind | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    last: Mapping[str, Any] = field(default_factory=dict)

    def transform_of(self, features: Features) -> TransformKind:
        """Return the transform for features (N, D)."""
        if self.signed is None or not any((rows < 0).any() for _, rows in chunks(features)):
            return self.transform
        return self.signed


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
        part: its part in what `auto` alone makes, where it has one.
        presets: named groups of parameters; `published=NAME` sets all of a group.
    """

    estimator: type[Head]
    summary: str
    fixed: Mapping[str, Any] = field(default_factory=dict)
    cost: Cost = "training"
    named_only: bool = False
    part: Part | None = None
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
    "joint": Method(Joint, "the network's own classifier, as trained", part=Part(0.0)),
    "ncm": Method(NearestClassMean, "nearest class mean", cost="one pass"),
    "lda": Method(
        LinearDiscriminant,
        "linear discriminant, all classes equally probable",
        cost="one pass",
        part=Part(0.1, "power-l2"),
    ),
    "ridge": Method(
        WeightedRidge,
        "regression on the classes, each weighed alike",
        cost="one pass",
        part=Part(0.1, "power-l2"),
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
        part=Part(0.25, "power-l2", settings={"penalties": (0.03, 0.01, 0.003, 0.001), "tolerance": 1e-3}),
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
    "mislas": Method(MiSLAS, "the trained classifier learning on slowly, times a factor a class, on smoothed targets"),
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
    ),
    "rfr": Method(
        RandomFeatureRidge,
        "regression on random cosines of the features, each class weighed alike",
        part=Part(0.05),
    ),
    "mlp": Method(
        MultilayerPerceptron,
        "a network with one hidden layer, trained by balanced softmax",
        part=Part(0.5, "power-l2", signed="none", last={"members": 3}),
    ),
    "distilled": Method(Distilled, "logistic regression on the labels and what mlp says of the same rows"),
    "ensemble": Method(Ensemble, "the mean of several of these", cost="others"),
    "dlsa": Method(
        DLSA,
        "flow filters with a classifier for each block of classes that look alike",
        cost="minutes",
        named_only=True,
        presets={name: published_settings(name) for name in DLSA_PUBLISHED},
    ),
}
