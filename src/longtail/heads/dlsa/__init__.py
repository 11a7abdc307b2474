"""DLSA: flow filters that split the data into blocks, each with a classifier of its own."""

from longtail.heads.dlsa.estimator import DLSA
from longtail.heads.dlsa.published_configurations import DLSA_PUBLISHED, published_settings

__all__ = ["DLSA", "DLSA_PUBLISHED", "published_settings"]
