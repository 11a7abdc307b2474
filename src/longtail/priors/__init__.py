"""Class priors: how common classes are in a world, what that does to a classifier's scores, and how to estimate it."""

from longtail.priors.bias_correction import BiasCorrection, fit_bias_correction
from longtail.priors.black_box import BlackBoxEstimate, confusion_matrix, estimate_prior_bbse
from longtail.priors.interval import prior_interval
from longtail.priors.likelihood import PriorEstimate, estimate_prior_em
from longtail.priors.shares import (
    check_prior,
    log_odds_shift,
    named_prior,
    prior_of_counts,
    shift_logits,
    shift_probabilities,
    uniform_prior,
)

__all__ = [
    "BiasCorrection",
    "BlackBoxEstimate",
    "PriorEstimate",
    "check_prior",
    "confusion_matrix",
    "estimate_prior_bbse",
    "estimate_prior_em",
    "fit_bias_correction",
    "log_odds_shift",
    "named_prior",
    "prior_interval",
    "prior_of_counts",
    "shift_logits",
    "shift_probabilities",
    "uniform_prior",
]
