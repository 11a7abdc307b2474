"""What the true value of a weighted mean may be where rows come in groups: by effective numbers of rows."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from longtail.evaluation.image_outcomes import ImageOutcomes
from longtail.evaluation.likeness import Spread
from longtail.evaluation.tilting import TiltedMean

__all__ = ["FlippedMean", "GroupedMean", "normal_tail"]

FARTHEST = 30.0  # standard deviations; tails beyond are no numbers


class GroupedMean(TiltedMean):
    """A `TiltedMean` of effective rows, whose tails allow for what is not known of how alike groups are.

    tail' = Phi(-t_f(tail) sqrt(V / V'))

    V is the variance with rows of one group alike, V' that of the effective rows, which are whole numbers a class; t_f
    the quantile of Student's distribution with f degrees of freedom. The limits are those of the tilted mean at
    tail', p-values go the other way. Of one class this is the interval of Korn and Graubard, but for the rounding of
    the effective rows and that the likeness is estimated over all classes.

    Args:
        outcomes: of the effective rows at tilt 0.
        observed: the sum that was observed; it may lie between the sums that effective rows can have.
        spread: of the sum.
        seed: of the draws.

    Reference:
        Korn, Graubard, "Confidence Intervals for Proportions With Small Expected Number of Positive Counts Estimated
        From Survey Data", Survey Methodology 24, 1998.
    """

    def __init__(self, outcomes: ImageOutcomes, observed: float, spread: Spread, *, seed: int = 0) -> None:
        super().__init__(outcomes, observed, seed=seed, between=True)
        self._spread = spread
        self._factor = math.sqrt(spread.together / outcomes.variance)

    @property
    def p_value(self) -> float:
        """Two-sided; 1 where nothing shows how alike groups are."""
        if not self._spread.freedom:
            return 1.0
        away = -float(ndtri(max(super().p_value / 2, 1e-300))) / self._factor
        return min(1.0, 2 * float(stdtr(self._spread.freedom, -away)))

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the limits of the expected sum; all that is possible where nothing shows how alike groups are.

        Args:
            level: coverage, above 0 and below 1.
        """
        if not self._spread.freedom:
            return self.outcomes.bounds
        return self.limits(normal_tail((1 - level) / 2, self._spread.freedom, self._factor))


class FlippedMean(GroupedMean):
    """A difference of two classifiers by groups, shown only where the flipped signs of whole groups show it too.

    p = max(p of the grouped mean, P(|sum_g +-D_g| as far out as |sum_g D_g|)),  each sign with probability 1/2

    D_g is what group g adds to the difference. With few groups the signs are counted out, so that five groups can never
    give a p below 2 / 2^5. The interval is that of the grouped mean, made to hold 0 where p is not below 1 - level.

    Args:
        outcomes: of the effective rows if both classifiers are equally good.
        parts: D_g, shape (G,); their sum is not negative.
        spread: of the sum.
        seed: of the draws.
    """

    def __init__(self, outcomes: ImageOutcomes, parts: NDArray[np.float64], spread: Spread, *, seed: int = 0) -> None:
        observed = float(parts.sum())
        super().__init__(outcomes, observed, spread, seed=seed)
        sizes = np.abs(parts).round(12)
        half = np.full(len(sizes), 0.5)
        flips = ImageOutcomes.of_classes(sizes, np.ones(len(sizes), dtype=np.int64), half, half)
        # the rounded sum, which is one of those that flips can give
        rounded = float((np.sign(parts) * sizes).sum())
        self._flipped = TiltedMean(flips, rounded, seed=seed).p_value if len(flips.weights) else 1.0

    @property
    def p_value(self) -> float:
        """Two-sided."""
        return max(super().p_value, self._flipped)

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the limits of the expected sum; they leave 0 out exactly where p is below 1 - level.

        Args:
            level: coverage, above 0 and below 1.
        """
        low, high = super().interval(level)
        return (low, high) if self.p_value < 1 - level else (min(low, 0.0), high)


def normal_tail(tail: float, freedom: float, factor: float = 1.0) -> float:
    """Return the normal tail that lies as far out as Student's, times a factor.

    Args:
        tail: of Student's distribution, above 0 and below 1/2.
        freedom: its degrees of freedom, above 0.
        factor: of standard deviations.

    Example:
        >>> round(normal_tail(0.025, 4.0), 4), round(normal_tail(0.025, 1e9), 4)
        (0.0027, 0.025)
    """
    return float(ndtr(-min(-float(stdtrit(freedom, tail)) * factor, FARTHEST)))
