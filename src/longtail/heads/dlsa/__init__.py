"""DLSA: flow filters that split the data into blocks, each with a classifier of its own."""

from longtail.heads.dlsa.estimator import DLSA

__all__ = ["DLSA"]
