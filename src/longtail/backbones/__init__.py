"""Networks that map images to features and, by one linear layer, to logits."""

from longtail.backbones.create import classifier_of, classifier_prefix, create_backbone, features_of
from longtail.backbones.last_layer import LastLayer, SplitNetwork, find_last_layer, replace_last_layer
from longtail.backbones.normalized_linear import NormalizedLinear, linear_parameters, normalize_classifier
from longtail.backbones.parts import Part, hold_all_but

__all__ = [
    "LastLayer",
    "NormalizedLinear",
    "Part",
    "SplitNetwork",
    "classifier_of",
    "classifier_prefix",
    "create_backbone",
    "features_of",
    "find_last_layer",
    "hold_all_but",
    "linear_parameters",
    "normalize_classifier",
    "replace_last_layer",
]
