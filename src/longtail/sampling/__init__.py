"""Which images are seen how often: distributions over classes, and the one sampler that draws from them."""

from longtail.sampling.deferred_sampler import DeferredSampler
from longtail.sampling.distributions import (
    class_probabilities,
    effective_number_probabilities,
    progressive_probabilities,
    repeat_factors,
)
from longtail.sampling.pairs import class_pairs
from longtail.sampling.sampler import Draw, Sampler, Strategy

__all__ = [
    "DeferredSampler",
    "Draw",
    "Sampler",
    "Strategy",
    "class_pairs",
    "class_probabilities",
    "effective_number_probabilities",
    "progressive_probabilities",
    "repeat_factors",
]
