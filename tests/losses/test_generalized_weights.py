"""Weights by a power of the class share, against the formula written out and the weights of the effective number."""

import numpy as np
import pytest
import torch

from longtail.errors import InputError
from longtail.losses import effective_number_weights, generalized_weights

COUNTS = [300, 20, 4]


@pytest.mark.parametrize("rho", [0.0, 0.7, 1.0, 2.5])
def test_equals_the_formula_written_out(rho):
    raw = [(n / sum(COUNTS)) ** -rho for n in COUNTS]
    expected = [3 * w / sum(raw) for w in raw]
    np.testing.assert_allclose(generalized_weights(torch.tensor(COUNTS, dtype=torch.float64), rho), expected)


def test_rho_one_is_the_limit_of_the_effective_number():
    counts = torch.tensor(COUNTS, dtype=torch.float64)
    np.testing.assert_allclose(generalized_weights(counts, 1.0), effective_number_weights(counts, 1 - 1e-9), rtol=1e-5)


def test_even_counts_weigh_alike_and_an_absent_class_nothing():
    assert generalized_weights(torch.tensor([7.0, 7.0]), 1.7).tolist() == [1.0, 1.0]
    assert generalized_weights(torch.tensor([7.0, 0.0, 7.0]), 1.7).tolist() == [1.0, 0.0, 1.0]


@pytest.mark.parametrize("rho", [-0.1, float("nan")])
def test_mistakes_are_told(rho):
    with pytest.raises(InputError, match="expected a number of at least 0"):
        generalized_weights(torch.tensor([1.0, 2.0]), rho)
