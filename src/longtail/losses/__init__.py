"""Losses, one a file."""

from longtail.losses.balanced_contrast import balanced_contrast
from longtail.losses.balanced_softmax import log_counts
from longtail.losses.build import LossName, build_loss, prior_of_loss
from longtail.losses.cluster_balance import ClusterBalance
from longtail.losses.cluster_separation import cluster_separation
from longtail.losses.deferred import Deferred
from longtail.losses.directional_contrast import concentrations_of, directional_logits
from longtail.losses.distillation import distillation
from longtail.losses.effective_number import effective_number_weights
from longtail.losses.focal import Focal
from longtail.losses.generalized_weights import generalized_weights
from longtail.losses.label_aware import LabelAware, smoothing_of_classes
from longtail.losses.ldam import LDAM, ldam_margins
from longtail.losses.log_bessel import bessel_ratio, log_bessel, log_reduced_bessel
from longtail.losses.logit_adjustment import LogitAdjusted
from longtail.losses.loss_gradient import LossOfLogits, cross_entropy_gradient, loss_gradient
from longtail.losses.over_smoothed import OverSmoothed
from longtail.losses.parametric_contrast import parametric_contrast
from longtail.losses.ride import RIDE, class_temperatures, expert_diversity
from longtail.losses.sade import SADE, reversed_counts
from longtail.losses.weighted_likelihood import likelihood_weights, weighted_likelihood

__all__ = [
    "LDAM",
    "RIDE",
    "SADE",
    "ClusterBalance",
    "Deferred",
    "Focal",
    "LabelAware",
    "LogitAdjusted",
    "LossName",
    "LossOfLogits",
    "OverSmoothed",
    "balanced_contrast",
    "bessel_ratio",
    "build_loss",
    "class_temperatures",
    "cluster_separation",
    "concentrations_of",
    "cross_entropy_gradient",
    "directional_logits",
    "distillation",
    "effective_number_weights",
    "expert_diversity",
    "generalized_weights",
    "ldam_margins",
    "likelihood_weights",
    "log_bessel",
    "log_counts",
    "log_reduced_bessel",
    "loss_gradient",
    "parametric_contrast",
    "prior_of_loss",
    "reversed_counts",
    "smoothing_of_classes",
    "weighted_likelihood",
]
