"""What is learnt from a teacher, against a loop in float64, with gradients, and its limits."""

import numpy as np
import pytest
import torch
from scipy.special import softmax
from torch.nn import functional

from longtail.losses import distillation

B, C = 5, 4


@pytest.fixture
def logits():
    generator = torch.Generator().manual_seed(0)
    own, given = (3 * torch.randn(2, B, C, dtype=torch.float64, generator=generator)).unbind()
    return own.requires_grad_(), given


@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.5, 20.0])
def test_as_a_loop_computes_it(logits, temperature):
    own, given = logits
    slow = 0.0
    for z, t in zip(own.detach().numpy(), given.numpy(), strict=True):
        p, q = softmax(t / temperature), softmax(z / temperature)
        slow += sum(p[c] * (np.log(p[c]) - np.log(q[c])) for c in range(C)) * temperature**2 / B
    loss = distillation(own, given, temperature)
    assert loss.item() == pytest.approx(slow, rel=1e-12)
    (gradient,) = torch.autograd.grad(loss, own)
    shares = [softmax(rows.detach().numpy() / temperature, axis=1) for rows in (own, given)]
    expected = temperature / B * (shares[0] - shares[1])
    np.testing.assert_allclose(gradient, expected, atol=1e-12)


def test_of_a_teacher_that_is_certain_it_is_cross_entropy(logits):
    own, _ = logits
    labels = torch.arange(B) % C
    certain = 1e6 * functional.one_hot(labels, C).double()
    torch.testing.assert_close(distillation(own, certain), functional.cross_entropy(own, labels))


def test_at_a_high_temperature_it_compares_centred_logits(logits):
    """Hinton et al., section 2.1."""
    own, given = (rows - rows.mean(dim=1, keepdim=True) for rows in logits)
    expected = (own - given).square().sum(dim=1).mean() / (2 * C)
    torch.testing.assert_close(distillation(own, given, 1e4), expected, rtol=1e-3, atol=0)


def test_the_teacher_learns_nothing_and_its_offset_says_nothing(logits):
    own, given = logits
    given.requires_grad_()
    loss = distillation(own, given + 7, 2.0)
    loss.backward()
    assert given.grad is None
    torch.testing.assert_close(loss, distillation(own, given, 2.0))
    assert distillation(given, given, 2.0).item() == pytest.approx(0, abs=1e-12)
