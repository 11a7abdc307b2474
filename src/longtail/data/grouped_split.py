"""Split rows into train, val and test so that each group stays whole: see `longtail.whole_groups.grouped_split`."""

from longtail.whole_groups.grouped_split import GivenUp, GroupedSplit, grouped_folds, grouped_split

__all__ = ["GivenUp", "GroupedSplit", "grouped_folds", "grouped_split"]
