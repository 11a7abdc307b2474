"""Accuracy over images, classes and groups, and how sure it is."""

from longtail.evaluation.accuracy import ClassTally, accuracy_of_hits, accuracy_report, group_means, tally
from longtail.evaluation.detectable import group_discordance, smallest_differences
from longtail.evaluation.intervals import accuracy_intervals, paired_differences
from longtail.evaluation.paired_tests import corrected, mcnemar, metric_weights, paired_p_values, stratified_sign_test

__all__ = [
    "ClassTally",
    "accuracy_intervals",
    "accuracy_of_hits",
    "accuracy_report",
    "corrected",
    "group_discordance",
    "group_means",
    "mcnemar",
    "metric_weights",
    "paired_differences",
    "paired_p_values",
    "smallest_differences",
    "stratified_sign_test",
    "tally",
]
