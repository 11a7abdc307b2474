"""A weighted mean over images of few classes: how likely its values are, and what its true value may be."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr

from longtail.evaluation.image_outcomes import ImageOutcomes

__all__ = ["TiltedMean"]

FloatArray = NDArray[np.float64]

FEW_KINDS = 50  # of images, up to which a distribution is computed or drawn
TOLERANCE = 1e-9  # sums of the same weights in another order differ by rounding
DOUBLINGS = 200


class TiltedMean:
    """What the true value of an observed weighted mean may be, by shifting all probabilities together.

    T = sum_i w_i v_i,  v_i in {-1, 0, 1},  P_t(v_i) proportional to P_0(v_i) exp(t w_i v_i)

    The limits of an interval are the expectations E_t T at those tilts t at which what was observed is as rare as the
    level allows: P_t(T >= observed) = (1 - level) / 2 below, P_t(T <= observed) = (1 - level) / 2 above. Of one class
    these are the limits of Clopper and Pearson. Of several, an image that weighs more gives way more: the path leads
    through probabilities that explain what was observed nearly best, so that a class of one image keeps its doubt. Test
    and interval agree: P_0 is the null hypothesis, and the interval leaves its expectation out exactly where p is
    below 1 - level.

    Up to 4,000 values of T the distribution is computed; above, 4,000 are drawn at the tilt at which the observed value
    is the expected one, and weighed for other tilts. Of more than 50 kinds of images, whose sum has no steps worth the
    name, the tails are those of the saddlepoint approximation.

    Args:
        outcomes: at tilt 0.
        observed: the sum that was observed.
        seed: of the draws.
        between: the observed sum may lie between two that are possible; tails are then drawn straight from one to the
            other.

    Reference:
        Efron, "Nonparametric standard errors and confidence intervals", Canadian Journal of Statistics 9, 1981, section
        11 (tilting); DiCiccio, Romano, "Nonparametric confidence limits by resampling methods and least favorable
        families", International Statistical Review 58, 1990. Lugannani, Rice, "Saddle point approximation for the
        distribution of the sum of independent random variables", Advances in Applied Probability 12, 1980.

    Example:
        >>> one_class = ImageOutcomes(np.array([0.1]), np.array([10]), np.array([0.8]), np.zeros(1))
        >>> [round(limit, 3) for limit in TiltedMean(one_class, observed=0.9).interval(0.95)]
        [0.555, 0.997]
    """

    def __init__(self, outcomes: ImageOutcomes, observed: float, *, seed: int = 0, between: bool = False) -> None:
        self.outcomes, self.observed = outcomes, observed
        self._start = self._centre()
        self._above = self._below = None
        self._least = (0.0, 0.0)  # to which the tails below and above fall, whatever the tilt
        if len(outcomes.weights) <= FEW_KINDS:
            values, logs = outcomes.tilted(self._start).distribution(seed)
            # so that a further term tilt * T - log E exp(tilt T) gives the log probability at that tilt
            logs = logs - self._start * values + outcomes.log_total(self._start)
            above, below = values >= observed - TOLERANCE, values <= observed + TOLERANCE
            self._above, self._below = (values[above], logs[above]), (values[below], logs[below])
            if between and not (above & below).any() and above.any() and below.any():
                self._add_neighbours(values, logs)

    def _add_neighbours(self, values: FloatArray, logs: FloatArray) -> None:
        """Let each tail have a part of the next value on the other side, the larger the nearer it is."""
        lower, upper = values[values < self.observed].max(), values[values > self.observed].min()
        part = (self.observed - lower) / (upper - lower)
        lowest, highest = self.outcomes.bounds
        self._least = (1 - part if lower <= lowest + TOLERANCE else 0.0, part if upper >= highest - TOLERANCE else 0.0)
        at_lower, at_upper = np.abs(values - lower) <= TOLERANCE, np.abs(values - upper) <= TOLERANCE
        self._above = _joined(self._above, (values[at_lower], logs[at_lower] + math.log(1 - part)))
        self._below = _joined(self._below, (values[at_upper], logs[at_upper] + math.log(part)))

    def at_least(self, tilt: float) -> float:
        """Return P_tilt(T >= observed)."""
        return self._saddlepoint(tilt, 1.0) if self._above is None else self._tail(self._above, tilt)

    def at_most(self, tilt: float) -> float:
        """Return P_tilt(T <= observed)."""
        return self._saddlepoint(tilt, -1.0) if self._below is None else self._tail(self._below, tilt)

    @property
    def p_value(self) -> float:
        """Two-sided: how often the outcomes at tilt 0 give a sum as far out, twice the smaller tail."""
        return min(1.0, 2 * min(self.at_least(0.0), self.at_most(0.0)))

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the limits of the expected sum.

        Args:
            level: coverage, above 0 and below 1.
        """
        return self.limits((1 - level) / 2)

    def limits(self, tail: float) -> tuple[float, float]:
        """Return the expected sums at which what was observed, or more, or less, is as rare as this.

        Args:
            tail: probability on each side, above 0 and below 1/2.
        """
        lowest, highest = self.outcomes.bounds
        low = high = self.observed
        if self._least[0] >= tail:
            low = lowest
        elif self.observed > lowest + TOLERANCE:
            low = self._expected(self._solve(self.at_least, tail, -1.0))
        if self._least[1] >= tail:
            high = highest
        elif self.observed < highest - TOLERANCE:
            high = self._expected(self._solve(self.at_most, tail, 1.0))
        # sums of rounded weights may leave the bounds by a bit
        return max(low, lowest), min(high, highest)

    def _expected(self, tilt: float) -> float:
        return self.outcomes.tilted(tilt).mean

    def _tail(self, part: tuple[FloatArray, FloatArray], tilt: float) -> float:
        values, logs = part
        return float(np.exp(np.minimum(logs + tilt * values - self.outcomes.log_total(tilt), 0.0)).sum())

    def _saddlepoint(self, tilt: float, side: float) -> float:
        """Return P_tilt(T >= observed), of side -1 P_tilt(T <= observed); the saddlepoint is the centre."""
        away = self._start - tilt
        gained = away * self.observed - self.outcomes.log_total(self._start) + self.outcomes.log_total(tilt)
        root = math.copysign(math.sqrt(2 * max(gained, 0.0)), away)
        if abs(root) < 1e-4:
            return 0.5
        scaled = away * math.sqrt(self.outcomes.tilted(self._start).variance)
        density = math.exp(-(root**2) / 2) / math.sqrt(2 * math.pi)
        return min(max(float(ndtr(-side * root)) + side * density * (1 / scaled - 1 / root), 0.0), 1.0)

    def _centre(self) -> float:
        """Return the tilt at which what was observed is expected, or nearly so where it is the most extreme value."""
        lowest, highest = self.outcomes.bounds
        inside = (highest - lowest) / (float(self.outcomes.images.sum()) + 2)
        target = min(max(self.observed, lowest + inside), highest - inside)
        distance = self._expected(0.0) - target
        if abs(distance) < TOLERANCE:
            return 0.0
        far = _beyond(lambda tilt: (self._expected(tilt) - target) * distance < 0, 0.0, -np.sign(distance), self._unit)
        return float(brentq(lambda tilt: self._expected(tilt) - target, 0.0, far))

    def _solve(self, tail_at: Callable[[float], float], tail: float, direction: float) -> float:
        """Return the tilt, from the centre in one direction, at which a tail has shrunk to what is wanted."""
        near = self._start
        if tail_at(near) < tail:  # of a single image, at levels far below the usual ones
            near = _beyond(lambda tilt: tail_at(tilt) >= tail, near, -direction, self._unit)
        far = _beyond(lambda tilt: tail_at(tilt) < tail, self._start, direction, self._unit)
        # the sign of the tilt is the outcome of the test: it is decided by the tail at 0 itself, not by rounding
        if min(near, far) < 0 < max(near, far):
            near, far = (0.0, far) if tail_at(0.0) >= tail else (near, 0.0)
        xtol = 1e-12 * max(abs(near), abs(far))
        return float(brentq(lambda tilt: tail_at(tilt) - tail, near, far, xtol=xtol, maxiter=500))

    @property
    def _unit(self) -> float:
        return 1 / float(self.outcomes.weights.max())


def _joined(part: Any, further: tuple[FloatArray, FloatArray]) -> tuple[FloatArray, FloatArray]:
    return np.append(part[0], further[0]), np.append(part[1], further[1])


def _beyond(holds: Callable[[float], bool], start: float, direction: float, step: float) -> float:
    """Double a step until something holds there."""
    for _ in range(DOUBLINGS):
        if holds(start + direction * step):
            break
        step *= 2
    return float(start + direction * step)
