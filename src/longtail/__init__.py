"""Make image classifiers recognise rare classes.

The public names and rooms (`longtail.heads`, `longtail.losses`, ...) are imported when they are first used, so that
`import longtail` takes no time; type checkers see all of them. `LogitAdjusted` is the head; the loss of that name is
`longtail.losses.LogitAdjusted`.

Example:
    >>> import longtail
    >>> longtail.exponential_counts(3, 100, 100).tolist()
    [100, 10, 1]
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from longtail import across_runs as across_runs
    from longtail import backbones as backbones
    from longtail import comparison as comparison
    from longtail import contrast as contrast
    from longtail import counts as counts
    from longtail import data as data
    from longtail import deploy as deploy
    from longtail import errors as errors
    from longtail import evaluation as evaluation
    from longtail import features as features
    from longtail import flows as flows
    from longtail import heads as heads
    from longtail import losses as losses
    from longtail import pretraining as pretraining
    from longtail import priors as priors
    from longtail import recipes as recipes
    from longtail import report as report
    from longtail import runs as runs
    from longtail import sampling as sampling
    from longtail import schedules as schedules
    from longtail import studies as studies
    from longtail import training as training
    from longtail.across_runs import RunComparison, compare_runs
    from longtail.backbones import create_backbone
    from longtail.comparison import METHODS, Comparison, FeatureProblem, Protocol, Rules, compare, open_problem
    from longtail.counts import (
        class_counts,
        exponential_counts,
        group_of_class,
        imbalance_ratio,
        pareto_counts,
        step_counts,
    )
    from longtail.data import open_data
    from longtail.data.group_splitters import LongTailGroupKFold, LongTailGroupShuffleSplit
    from longtail.data.grouped_split import GroupedSplit, grouped_folds, grouped_split
    from longtail.data.manifests import Manifest, ManifestChoice, read_manifest
    from longtail.errors import InputError
    from longtail.evaluation import accuracy_report
    from longtail.evaluation.conformal import ConformalSets, fit_sets
    from longtail.evaluation.scaling import Calibrator, fit_calibrator
    from longtail.evaluation.scaling_choice import choose_calibrator
    from longtail.evaluation.selective import AcceptanceRule
    from longtail.features import ColumnChoice, FeatureFile, FeatureSplits, Reading, open_features, write_features
    from longtail.grouping import Grouping
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
        Transformed,
        VectorScaled,
        WeightedRidge,
        load_head,
        save_head,
    )
    from longtail.heads.feature_transform import FeatureTransform
    from longtail.jobs.balancing.balanced_model import balance_model
    from longtail.losses import LDAM, ClusterBalance, Deferred, Focal, build_loss, effective_number_weights
    from longtail.priors import (
        BlackBoxEstimate,
        PriorEstimate,
        estimate_prior_bbse,
        estimate_prior_em,
        named_prior,
        prior_interval,
        prior_of_counts,
        shift_logits,
        shift_probabilities,
        uniform_prior,
    )
    from longtail.runs import Run
    from longtail.sampling import (
        DeferredSampler,
        Sampler,
        class_probabilities,
        effective_number_probabilities,
        progressive_probabilities,
        repeat_factors,
    )
    from longtail.verbs import Predictions, extract, predict, run

__version__ = "0.2.0"

__all__ = [
    "DLSA",
    "LDAM",
    "METHODS",
    "AcceptanceRule",
    "BlackBoxEstimate",
    "Calibrator",
    "ClassifierRetraining",
    "ClusterBalance",
    "ColumnChoice",
    "Comparison",
    "ConformalSets",
    "CosineClassifier",
    "Deferred",
    "DeferredSampler",
    "DisAlign",
    "Distilled",
    "Ensemble",
    "FeatureFile",
    "FeatureProblem",
    "FeatureSplits",
    "FeatureTransform",
    "Focal",
    "GroupedSplit",
    "Grouping",
    "InputError",
    "Joint",
    "LearnableWeightScaling",
    "LinearDiscriminant",
    "Logistic",
    "LogitAdjusted",
    "LongTailGroupKFold",
    "LongTailGroupShuffleSplit",
    "Manifest",
    "ManifestChoice",
    "MarginCalibration",
    "MaxNorm",
    "MiSLAS",
    "MultilayerPerceptron",
    "NearestClassMean",
    "NearestNeighbours",
    "Predictions",
    "PriorEstimate",
    "Protocol",
    "RandomFeatureRidge",
    "Reading",
    "Rules",
    "Run",
    "RunComparison",
    "Sampler",
    "TauNormalized",
    "Transformed",
    "VectorScaled",
    "WeightedRidge",
    "__version__",
    "accuracy_report",
    "balance_model",
    "build_loss",
    "choose_calibrator",
    "class_counts",
    "class_probabilities",
    "compare",
    "compare_runs",
    "create_backbone",
    "effective_number_probabilities",
    "effective_number_weights",
    "estimate_prior_bbse",
    "estimate_prior_em",
    "exponential_counts",
    "extract",
    "fit_calibrator",
    "fit_sets",
    "group_of_class",
    "grouped_folds",
    "grouped_split",
    "imbalance_ratio",
    "load_head",
    "named_prior",
    "open_data",
    "open_features",
    "open_problem",
    "pareto_counts",
    "predict",
    "prior_interval",
    "prior_of_counts",
    "progressive_probabilities",
    "read_manifest",
    "repeat_factors",
    "run",
    "save_head",
    "shift_logits",
    "shift_probabilities",
    "step_counts",
    "uniform_prior",
    "write_features",
]

# where each name of `__all__` lives; a test holds that this table and the imports for type checkers agree
_HOME = {
    "RandomFeatureRidge": "longtail.heads",
    "Reading": "longtail.features",
    "FeatureSplits": "longtail.features",
    "ColumnChoice": "longtail.features",
    "DLSA": "longtail.heads",
    "LDAM": "longtail.losses",
    "METHODS": "longtail.comparison",
    "AcceptanceRule": "longtail.evaluation.selective",
    "BlackBoxEstimate": "longtail.priors",
    "Calibrator": "longtail.evaluation.scaling",
    "ClassifierRetraining": "longtail.heads",
    "ClusterBalance": "longtail.losses",
    "Comparison": "longtail.comparison",
    "ConformalSets": "longtail.evaluation.conformal",
    "CosineClassifier": "longtail.heads",
    "Deferred": "longtail.losses",
    "DeferredSampler": "longtail.sampling",
    "DisAlign": "longtail.heads",
    "Distilled": "longtail.heads",
    "Ensemble": "longtail.heads",
    "FeatureFile": "longtail.features",
    "FeatureProblem": "longtail.comparison",
    "FeatureTransform": "longtail.heads.feature_transform",
    "Focal": "longtail.losses",
    "Grouping": "longtail.grouping",
    "GroupedSplit": "longtail.data.grouped_split",
    "InputError": "longtail.errors",
    "Joint": "longtail.heads",
    "LearnableWeightScaling": "longtail.heads",
    "LinearDiscriminant": "longtail.heads",
    "Logistic": "longtail.heads",
    "LogitAdjusted": "longtail.heads",
    "Manifest": "longtail.data.manifests",
    "ManifestChoice": "longtail.data.manifests",
    "LongTailGroupKFold": "longtail.data.group_splitters",
    "LongTailGroupShuffleSplit": "longtail.data.group_splitters",
    "MarginCalibration": "longtail.heads",
    "MaxNorm": "longtail.heads",
    "MiSLAS": "longtail.heads",
    "MultilayerPerceptron": "longtail.heads",
    "NearestClassMean": "longtail.heads",
    "NearestNeighbours": "longtail.heads",
    "Predictions": "longtail.verbs",
    "PriorEstimate": "longtail.priors",
    "Protocol": "longtail.comparison",
    "Rules": "longtail.comparison",
    "Run": "longtail.runs",
    "RunComparison": "longtail.across_runs",
    "Sampler": "longtail.sampling",
    "TauNormalized": "longtail.heads",
    "Transformed": "longtail.heads",
    "VectorScaled": "longtail.heads",
    "WeightedRidge": "longtail.heads",
    "accuracy_report": "longtail.evaluation",
    "balance_model": "longtail.jobs.balancing.balanced_model",
    "build_loss": "longtail.losses",
    "choose_calibrator": "longtail.evaluation.scaling_choice",
    "class_counts": "longtail.counts",
    "class_probabilities": "longtail.sampling",
    "compare": "longtail.comparison",
    "compare_runs": "longtail.across_runs",
    "create_backbone": "longtail.backbones",
    "effective_number_probabilities": "longtail.sampling",
    "effective_number_weights": "longtail.losses",
    "estimate_prior_bbse": "longtail.priors",
    "estimate_prior_em": "longtail.priors",
    "exponential_counts": "longtail.counts",
    "extract": "longtail.verbs",
    "fit_calibrator": "longtail.evaluation.scaling",
    "fit_sets": "longtail.evaluation.conformal",
    "group_of_class": "longtail.counts",
    "grouped_folds": "longtail.data.grouped_split",
    "grouped_split": "longtail.data.grouped_split",
    "imbalance_ratio": "longtail.counts",
    "load_head": "longtail.heads",
    "named_prior": "longtail.priors",
    "open_data": "longtail.data",
    "open_features": "longtail.features",
    "open_problem": "longtail.comparison",
    "pareto_counts": "longtail.counts",
    "predict": "longtail.verbs",
    "prior_interval": "longtail.priors",
    "prior_of_counts": "longtail.priors",
    "progressive_probabilities": "longtail.sampling",
    "read_manifest": "longtail.data.manifests",
    "repeat_factors": "longtail.sampling",
    "run": "longtail.verbs",
    "save_head": "longtail.heads",
    "shift_logits": "longtail.priors",
    "shift_probabilities": "longtail.priors",
    "step_counts": "longtail.counts",
    "uniform_prior": "longtail.priors",
    "write_features": "longtail.features",
}
# what `longtail.NAME` imports as a module
_ROOMS = (
    "across_runs",
    "backbones",
    "comparison",
    "contrast",
    "counts",
    "data",
    "deploy",
    "errors",
    "evaluation",
    "features",
    "flows",
    "heads",
    "losses",
    "pretraining",
    "priors",
    "recipes",
    "report",
    "runs",
    "sampling",
    "schedules",
    "studies",
    "training",
)

if not TYPE_CHECKING:  # a type checker takes a module with `__getattr__` for one that has every name

    def __getattr__(name: str) -> object:
        if name in _HOME:
            return getattr(import_module(_HOME[name]), name)
        if name in _ROOMS:
            return import_module(f"longtail.{name}")
        raise AttributeError(f"module 'longtail' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_ROOMS])
