"""A share of rows that come in groups, and how high it may truly be."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, ndtri  # what scipy.stats has, which takes long to load

from longtail.arguments import as_array, brief, check_share
from longtail.errors import InputError
from longtail.evaluation.grouped_mean import normal_tail
from longtail.evaluation.likeness import SURE, Likeness
from longtail.evaluation.sample_groups import GroupCells, check_sample_groups

__all__ = ["GroupedShare", "grouped_binomial_interval"]


@dataclass(frozen=True)
class GroupedShare:
    """A share as if it were of independent rows.

    Attributes:
        share: of the rows, 0 to 1.
        effective: as many independent rows say as much.
        freedom: degrees of freedom of that estimate; 0 where nothing shows it.
        within: correlation of two rows of a group, 0 to 1.
    """

    share: float
    effective: float
    freedom: float
    within: float

    @classmethod
    def of_rows(cls, hits: NDArray[np.bool_], sample_groups: NDArray[np.int64], least: float = 0.0) -> "GroupedShare":
        """Estimate how many independent rows say as much: N V_alone / V_together, at least 1.

        Args:
            hits: did it happen, shape (N,), N at least 1.
            sample_groups: 0 .. G - 1, shape (N,).
            least: correlation that two rows of a group have at least, 0 to 1.
        """
        rows, numbers = len(hits), np.unique(sample_groups, return_inverse=True)[1]
        share = float(hits.mean())
        if numbers.max() == rows - 1:
            return cls(share, float(rows), SURE if rows > 1 else 0.0, least)
        cells = GroupCells.of_rows(hits, np.zeros(rows, dtype=np.int64), numbers, 1)
        # shrunk as one share: half a hit more of one more row
        guess = (hits.sum() + 0.5) / (rows + 1)
        deviations = np.array([np.sqrt(guess * (1 - guess))])
        likeness = Likeness.of_cells(cells, deviations)
        within = max(likeness.within, least)
        spread = Likeness(within, within, likeness.freedom, likeness.others).spread(cells, np.ones(1), deviations)
        return cls(share, max(rows / spread.design_effect, 1.0), spread.freedom, within)

    def bounds(self, tail: float) -> tuple[float, float]:
        """Return the limits of Korn and Graubard, each missed with this probability.

        Args:
            tail: above 0 and below 1/2.
        """
        if not self.freedom:
            return 0.0, 1.0
        wider = float(ndtri(tail) / ndtri(normal_tail(tail, self.freedom))) ** 2
        rows = self.effective * wider
        hits, misses = self.share * rows, (1 - self.share) * rows
        low = float(betaincinv(hits, misses + 1, tail)) if hits > 0 else 0.0
        high = float(betaincinv(hits + 1, misses, 1 - tail)) if misses > 0 else 1.0
        # of less than one row the limits may pass each other by
        return min(low, self.share), max(high, self.share)


def grouped_binomial_interval(hits: ArrayLike, sample_groups: ArrayLike, level: float = 0.95) -> list[float]:
    """Return the interval of a share of rows that come in groups, in percent.

    Limits of Clopper and Pearson for N* = N V_alone / V_together (z / t_f)^2 rows, where rows of a group are as alike
    as `Likeness` finds. Where all rows are of one group nothing is known: 0 and 100.

    Args:
        hits: did it happen, shape (N,), N at least 1.
        sample_groups: a whole number for each row, equal for rows of one group, shape (N,).
        level: coverage, above 0 and below 1.

    Raises:
        InputError: no rows, answers other than yes and no, or groups or a level that are none.

    Reference:
        Korn, Graubard, "Confidence Intervals for Proportions With Small Expected Number of Positive Counts Estimated
        From Survey Data", Survey Methodology 24, 1998.

    Example:
        >>> hits = np.repeat([True, True, True, True, False, True, True, False], 5)
        >>> [round(limit) for limit in grouped_binomial_interval(hits, np.repeat(np.arange(8), 5))]
        [27, 98]
    """
    check_share("level", level)
    happened = as_array(hits, "hits")
    if happened.ndim != 1 or not len(happened) or not np.isin(happened, (0, 1)).all():
        raise InputError(f"hits are {brief(hits)}; expected true or false for each row, shape (N,), N at least 1.")
    together = check_sample_groups(sample_groups, len(happened))
    together = np.arange(len(happened)) if together is None else together
    low, high = GroupedShare.of_rows(happened.astype(bool), together).bounds((1 - level) / 2)
    return [100 * low, 100 * high]
