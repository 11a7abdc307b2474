"""Make image classifiers recognise rare classes.

The public names are imported when they are first used, so that `import longtail` takes no time.

Example:
    >>> import longtail
    >>> longtail.exponential_counts(3, 100, 100).tolist()
    [100, 10, 1]
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "DLSA": "longtail.heads",
    "ClassifierRetraining": "longtail.heads",
    "CosineClassifier": "longtail.heads",
    "DisAlign": "longtail.heads",
    "Ensemble": "longtail.heads",
    "FeatureTransform": "longtail.heads.feature_transform",
    "InputError": "longtail.errors",
    "Joint": "longtail.heads",
    "LearnableWeightScaling": "longtail.heads",
    "LinearDiscriminant": "longtail.heads",
    "LogitAdjusted": "longtail.heads",
    "MarginCalibration": "longtail.heads",
    "MaxNorm": "longtail.heads",
    "MultilayerPerceptron": "longtail.heads",
    "NearestClassMean": "longtail.heads",
    "NearestNeighbours": "longtail.heads",
    "Sampler": "longtail.sampling",
    "TauNormalized": "longtail.heads",
    "Transformed": "longtail.heads",
    "WeightedRidge": "longtail.heads",
    "accuracy_report": "longtail.evaluation",
    "balance_model": "longtail.jobs.balancing.model",
    "create_backbone": "longtail.backbones",
    "estimate_prior_bbse": "longtail.priors",
    "estimate_prior_em": "longtail.priors",
    "exponential_counts": "longtail.counts",
    "fit_calibrator": "longtail.evaluation.scaling",
    "fit_sets": "longtail.evaluation.conformal",
    "open_data": "longtail.data",
    "open_features": "longtail.features",
    "pareto_counts": "longtail.counts",
    "shift_logits": "longtail.priors",
    "shift_probabilities": "longtail.priors",
    "step_counts": "longtail.counts",
}

__all__ = [
    "__version__",
    *sorted(_HOME),
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'longtail' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
