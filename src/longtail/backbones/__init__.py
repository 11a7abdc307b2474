"""Networks that map images to features and, by one linear layer, to logits."""

from longtail.backbones.create import classifier_of, create_backbone, features_of

__all__ = ["classifier_of", "create_backbone", "features_of"]
