"""Losses, one a file."""

from longtail.losses.balanced_softmax import log_counts
from longtail.losses.build import LossName, build_loss, prior_of_loss
from longtail.losses.cluster_balance import ClusterBalance
from longtail.losses.cluster_separation import cluster_separation
from longtail.losses.deferred import Deferred
from longtail.losses.effective_number import effective_number_weights
from longtail.losses.focal import Focal
from longtail.losses.generalized_weights import generalized_weights
from longtail.losses.ldam import LDAM, ldam_margins
from longtail.losses.logit_adjustment import LogitAdjusted
from longtail.losses.loss_gradient import LossOfLogits, cross_entropy_gradient, loss_gradient
from longtail.losses.over_smoothed import OverSmoothed
from longtail.losses.weighted_likelihood import likelihood_weights, weighted_likelihood

__all__ = [
    "LDAM",
    "ClusterBalance",
    "Deferred",
    "Focal",
    "LogitAdjusted",
    "LossName",
    "LossOfLogits",
    "OverSmoothed",
    "build_loss",
    "cluster_separation",
    "cross_entropy_gradient",
    "effective_number_weights",
    "generalized_weights",
    "ldam_margins",
    "likelihood_weights",
    "log_counts",
    "loss_gradient",
    "prior_of_loss",
    "weighted_likelihood",
]
