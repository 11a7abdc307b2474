"""Losses, one a file."""

from longtail.losses.balanced_softmax import log_counts
from longtail.losses.cluster_balance import ClusterBalance
from longtail.losses.cluster_separation import cluster_separation
from longtail.losses.weighted_likelihood import likelihood_weights, weighted_likelihood

__all__ = ["ClusterBalance", "cluster_separation", "likelihood_weights", "log_counts", "weighted_likelihood"]
