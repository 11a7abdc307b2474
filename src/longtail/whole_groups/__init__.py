"""Keep what belongs together on one side: whole groups go to train, val and test, or to folds, rarest classes first.

The path: `group_counts` (a sparse table) -> `assignment` (which part each group goes to, and the distance from the
wish) -> `promises` (every class into each part, the rarest first) -> `improvement` (moves and exchanges) -> `splits`
and `folds`.
"""

from longtail.whole_groups.folds import grouped_folds
from longtail.whole_groups.row_arrays import checked_labels, group_codes
from longtail.whole_groups.splits import SharedOut, share_out

__all__ = ["SharedOut", "checked_labels", "group_codes", "grouped_folds", "share_out"]
