"""Networks that map images to features and, by one linear layer, to logits."""

from longtail.backbones.create import classifier_of, classifier_prefix, create_backbone, features_of
from longtail.backbones.normalized_linear import NormalizedLinear, linear_parameters, normalize_classifier
from longtail.backbones.parts import Part, hold_all_but

__all__ = [
    "NormalizedLinear",
    "Part",
    "classifier_of",
    "classifier_prefix",
    "create_backbone",
    "features_of",
    "hold_all_but",
    "linear_parameters",
    "normalize_classifier",
]
