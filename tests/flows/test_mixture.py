"""The prior against loops and torch's own mixture."""

import math

import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from longtail.flows import GaussianMixture


def mixture_of(clusters, dimension, scale=1.0, seed=0):
    return GaussianMixture(clusters, dimension, scale=scale, generator=torch.Generator().manual_seed(seed)).double()


def latents(rows, dimension, seed=1):
    return 2 * torch.randn(rows, dimension, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(("clusters", "dimension"), [(1, 1), (1, 3), (5, 1), (4, 3), (30, 64)])
def test_log_densities_equal_the_slow_loop(clusters, dimension):
    mixture, u = mixture_of(clusters, dimension), latents(6, dimension)
    slow = torch.empty(6, clusters, dtype=torch.float64)
    for b in range(6):
        for k in range(clusters):
            squares = sum(float(u[b, d] - mixture.means[k, d]) ** 2 for d in range(dimension))
            slow[b, k] = -dimension / 2 * math.log(2 * math.pi) - squares / 2 - math.log(clusters)
    torch.testing.assert_close(mixture.log_densities(u), slow)


@pytest.mark.parametrize(("clusters", "dimension"), [(1, 2), (7, 2), (20, 128)])
def test_likelihood_and_posterior_are_those_of_torchs_mixture(clusters, dimension):
    mixture, u = mixture_of(clusters, dimension), latents(9, dimension)
    weights = Categorical(torch.ones(clusters, dtype=torch.float64))
    normals = Independent(Normal(mixture.means, torch.ones((), dtype=torch.float64)), 1)
    theirs = MixtureSameFamily(weights, normals)
    ours = mixture.log_densities(u)
    torch.testing.assert_close(torch.logsumexp(ours, dim=1), theirs.log_prob(u))
    posterior = torch.softmax(normals.log_prob(u[:, None]) + weights.logits, dim=1)
    torch.testing.assert_close(torch.softmax(ours, dim=1), posterior)


def test_gradient_is_that_of_the_squared_distance():
    mixture, u = mixture_of(4, 5), latents(3, 5).requires_grad_()
    weights = torch.randn(3, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    (ours,) = torch.autograd.grad((weights * mixture.log_densities(u)).sum(), u)
    torch.testing.assert_close(ours, (weights[..., None] * (mixture.means - u[:, None])).sum(dim=1).detach())


def test_autocast_does_not_round_densities():
    """At D = 2048 they lie near -2000, where bfloat16 goes in steps of 8, and clusters differ by about 5."""
    mixture = GaussianMixture(20, 2048, scale=0.05, generator=torch.Generator().manual_seed(0))
    u = mixture.means + latents(20, 2048).float() / 8
    plain = mixture.log_densities(u)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = mixture.log_densities(u)
    torch.testing.assert_close(rounded, plain)
    assert torch.equal(plain.argmax(dim=1), torch.arange(20))


def test_one_precision_is_as_good_as_two_at_the_published_size():
    mixture = GaussianMixture(50, 2048, scale=0.05, generator=torch.Generator().manual_seed(0))
    u = latents(10, 2048) / 2
    exact = mixture.double().log_densities(u)
    single = mixture.float().log_densities(u.float())
    torch.testing.assert_close(single.double(), exact, rtol=0, atol=5e-3)


def test_centres_have_the_given_scale_and_come_from_the_generator():
    first, same, other = (mixture_of(400, 20, scale=0.7, seed=seed).means for seed in (3, 3, 4))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    assert first.std().item() == pytest.approx(0.7, rel=0.03)
    assert first.mean().item() == pytest.approx(0, abs=0.03)
