"""Accuracy over images, classes and groups, and how sure it is."""

from longtail.evaluation.accuracy import ClassTally, accuracy_of_hits, accuracy_report, group_means, tally
from longtail.evaluation.intervals import accuracy_intervals, paired_differences

__all__ = [
    "ClassTally",
    "accuracy_intervals",
    "accuracy_of_hits",
    "accuracy_report",
    "group_means",
    "paired_differences",
    "tally",
]
