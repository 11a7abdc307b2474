"""Images each of which adds its weight to a sum, adds nothing, or takes its weight away."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["ImageOutcomes"]

FloatArray = NDArray[np.float64]

ENUMERATED = 4_000  # values up to which a distribution is computed, not drawn
DRAWS = 4_000


@dataclass(frozen=True)
class ImageOutcomes:
    """Images of K kinds, independent of each other; T is the sum over all of them.

    Attributes:
        weights: of one image of each kind, above 0, shape (K,).
        images: of each kind, shape (K,).
        gain: probability that an image adds its weight, shape (K,).
        loss: probability that it takes its weight away, shape (K,).
    """

    weights: FloatArray
    images: NDArray[np.int64]
    gain: FloatArray
    loss: FloatArray

    @classmethod
    def of_classes(
        cls, weights: FloatArray, images: NDArray[np.int64], gain: FloatArray, loss: FloatArray
    ) -> "ImageOutcomes":
        """Count classes that do not differ in weight and probabilities together; those without weight fall out."""
        counted = (weights > 0) & (images > 0)
        kinds, number = np.unique(np.stack([weights, gain, loss])[:, counted], axis=1, return_inverse=True)
        return cls(kinds[0], np.bincount(number, weights=images[counted]).astype(np.int64), kinds[1], kinds[2])

    def tilted(self, tilt: float) -> "ImageOutcomes":
        """Return the outcomes with probabilities proportional to gain exp(tilt w), loss exp(-tilt w), and the rest."""
        up, rest, down = self._logs(tilt)
        total = np.logaddexp(np.logaddexp(up, down), rest)
        return ImageOutcomes(self.weights, self.images, np.exp(up - total), np.exp(down - total))

    def log_total(self, tilt: float) -> float:
        """Return log E exp(tilt T)."""
        up, rest, down = self._logs(tilt)
        return float(self.images @ np.logaddexp(np.logaddexp(up, down), rest))

    @property
    def mean(self) -> float:
        """The expected sum."""
        return float(self.images @ (self.weights * (self.gain - self.loss)))

    @property
    def variance(self) -> float:
        """The variance of the sum."""
        each = self.gain + self.loss - (self.gain - self.loss) ** 2
        return float(self.images @ (self.weights**2 * each))

    @property
    def bounds(self) -> tuple[float, float]:
        """The smallest and the largest sum that is possible."""
        most = float(self.images @ self.weights)
        return (-most if self.loss.any() else 0.0), most

    def distribution(self, seed: int) -> tuple[FloatArray, FloatArray]:
        """Return values of the sum with the log of their probabilities: all of them, or equally likely drawn ones."""
        heights, place = np.unique(self.weights, return_inverse=True)
        sizes = np.bincount(place, weights=self.images)
        if np.prod((2 if self.loss.any() else 1) * sizes + 1) > ENUMERATED:
            return self._drawn(seed)
        sums, chances = np.zeros(1), np.ones(1)
        for number, height in enumerate(heights):
            probability = np.ones(1)
            for kind in np.flatnonzero(place == number):
                gain, loss = self.gain[kind], self.loss[kind]
                one = np.array([loss, max(1 - gain - loss, 0.0), gain])
                probability = np.convolve(probability, _power(one, int(self.images[kind])))
            steps = np.arange(len(probability)) - len(probability) // 2
            sums = np.add.outer(sums, height * steps).ravel()
            chances = np.multiply.outer(chances, probability).ravel()
        possible = chances > 0
        return sums[possible], np.log(chances[possible])

    def _drawn(self, seed: int) -> tuple[FloatArray, FloatArray]:
        rng = np.random.default_rng(seed)
        changed = np.minimum(self.gain + self.loss, 1)
        moved = rng.binomial(self.images, changed, size=(DRAWS, len(self.weights)))
        up = rng.binomial(
            moved, np.divide(self.gain, changed, out=np.zeros_like(changed), where=changed > 0).clip(0, 1)
        )
        return (2 * up - moved) @ self.weights, np.full(DRAWS, -np.log(DRAWS))

    def _logs(self, tilt: float) -> tuple[FloatArray, FloatArray, FloatArray]:
        with np.errstate(divide="ignore"):
            rest = np.log(np.maximum(1 - self.gain - self.loss, 0.0))
            return np.log(self.gain) + tilt * self.weights, rest, np.log(self.loss) - tilt * self.weights


def _power(probability: FloatArray, times: int) -> FloatArray:
    """Convolve a distribution with itself."""
    result = np.ones(1)
    while times:
        if times & 1:
            result = np.convolve(result, probability)
        probability = np.convolve(probability, probability) if times > 1 else probability
        times >>= 1
    return result
