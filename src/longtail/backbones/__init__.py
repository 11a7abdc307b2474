"""Networks that map images to features and, by one linear layer, to logits."""

from longtail.backbones.create import classifier_of, classifier_prefix, create_backbone, features_of
from longtail.backbones.last_layer import LastLayer, Term
from longtail.backbones.layer_names import find_last_layer
from longtail.backbones.measured_layer import last_layer_of, measure_last_layer
from longtail.backbones.network_parts import Part, hold_all_but
from longtail.backbones.normalized_linear import NormalizedLinear, linear_parameters, normalize_classifier
from longtail.backbones.split import SplitNetwork, replace_last_layer

__all__ = [
    "LastLayer",
    "NormalizedLinear",
    "Part",
    "SplitNetwork",
    "Term",
    "classifier_of",
    "classifier_prefix",
    "create_backbone",
    "features_of",
    "find_last_layer",
    "hold_all_but",
    "last_layer_of",
    "linear_parameters",
    "measure_last_layer",
    "normalize_classifier",
    "replace_last_layer",
]
