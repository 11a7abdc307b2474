"""Accuracy over images, classes and groups, and how sure it is."""

from longtail.evaluation.accuracy import (
    ClassTally,
    accuracy_of_hits,
    accuracy_report,
    group_means,
    metric_weights,
    tally,
)
from longtail.evaluation.detectable import group_discordance, smallest_differences
from longtail.evaluation.event_pooling import pooled_by_event
from longtail.evaluation.grouped_share import grouped_binomial_interval
from longtail.evaluation.intervals import accuracy_intervals, mean_interval
from longtail.evaluation.paired_tests import PairedTest, corrected, paired_differences, paired_metric_tests

__all__ = [
    "ClassTally",
    "PairedTest",
    "accuracy_intervals",
    "accuracy_of_hits",
    "accuracy_report",
    "corrected",
    "group_discordance",
    "group_means",
    "grouped_binomial_interval",
    "mean_interval",
    "metric_weights",
    "paired_differences",
    "paired_metric_tests",
    "pooled_by_event",
    "smallest_differences",
    "tally",
]
