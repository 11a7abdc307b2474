"""The flow as mathematics: Jacobian, volume, inverse, gradients, and what depends on what."""

import copy

import pytest
import torch

from longtail.flows import MixtureFlow, center_scale
from longtail.flows.staircase import StaircaseLinear


def bent(rows, dimension, seed=0):
    """Features that are no Gaussian: each depends on the square of the one before."""
    x = torch.randn(rows, dimension, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    for d in range(1, dimension):
        x[:, d] = 0.5 * x[:, d] + 0.4 * x[:, d - 1] ** 2
    return 0.8 * x + 0.3


def trained(dimension, *, steps=40, seed=0, clusters=3, learning_rate=0.05, **options):
    """A flow some steps away from its beginning, in float64: nothing about it is trivial any more."""
    flow = MixtureFlow(dimension, clusters, seed=seed, **options).double()
    optimizer = torch.optim.SGD(flow.parameters(), lr=learning_rate, momentum=0.5)
    features = bent(256, dimension, seed)
    for step in range(steps):
        loss = -flow.log_likelihood(features[(step % 4) * 64 :][:64]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return flow.eval()


@pytest.mark.parametrize("standardized", [False, True])
@pytest.mark.parametrize("dimension", [1, 2, 3, 5])
def test_log_determinant_is_that_of_the_jacobian(dimension, standardized):
    options = {}
    if standardized:
        features = bent(100, dimension)
        options = {"location": features.mean(dim=0) + 2, "spread": 3 * features.std(dim=0)}
    flow = trained(dimension, blocks=3, **options)
    probes = 2 * bent(6, dimension, seed=5)
    latent, log_det = flow(probes)
    for x, u, ladj in zip(probes, latent, log_det, strict=True):
        jacobian = torch.autograd.functional.jacobian(lambda row: flow(row[None])[0][0], x)
        torch.testing.assert_close(ladj, torch.linalg.slogdet(jacobian).logabsdet, rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(u, flow(x[None])[0][0], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("blocks", [1, 2])
def test_density_in_the_plane_has_volume_one(blocks):
    place = {"location": torch.tensor([0.3, 0.5]), "spread": torch.tensor([0.9, 0.7])}
    flow = trained(2, steps=150, blocks=blocks, hidden=(16, 16), **place)
    edge, points = 15.0, 601
    axis = torch.linspace(-edge, edge, points, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis)
    with torch.no_grad():
        density = torch.cat([flow.log_likelihood(part).exp() for part in grid.split(50_000)])
    assert density.sum().item() * (axis[1] - axis[0]).item() ** 2 == pytest.approx(1, abs=1e-4)
    # of a flow that has learned something: its density is higher here than that of a normal distribution
    features = bent(256, 2)
    normal = torch.distributions.MultivariateNormal(features.mean(dim=0), torch.cov(features.T))
    assert flow.log_likelihood(features).mean() > normal.log_prob(features).mean() + 0.1


@pytest.mark.parametrize("dimension", [1, 2, 3, 7])
def test_the_inverse_leads_back(dimension):
    flow = trained(dimension, location=torch.full((dimension,), 0.4), spread=torch.full((dimension,), 1.7))
    features = 3 * bent(50, dimension, seed=9)
    with torch.no_grad():
        latent, _ = flow(features)
        torch.testing.assert_close(flow.inverse(latent), features, rtol=1e-8, atol=1e-8)
        torch.testing.assert_close(flow(flow.inverse(features))[0], features, rtol=1e-8, atol=1e-8)
        assert (latent - features).abs().max() > 0.1


@pytest.mark.parametrize("dimension", [1, 2, 6])
def test_gradient_reaches_every_parameter_and_no_masked_one(dimension):
    flow = trained(dimension, steps=3, hidden=(24, 24))
    flow.train()
    flow.log_likelihood(bent(512, dimension, seed=3)).sum().backward()
    masks = {f"{name}.weight": m.mask.bool() for name, m in flow.named_modules() if isinstance(m, StaircaseLinear)}
    assert len(masks) == (8 if dimension > 1 else 0)
    for name, parameter in flow.named_parameters():
        if name in masks:
            assert (parameter.grad[~masks[name]] == 0).all(), name
            # a hidden unit may be silent on all rows; a layer may not
            assert (parameter.grad[masks[name]] != 0).float().mean() > 0.5, name
        else:
            assert (parameter.grad != 0).any(), name


@pytest.mark.parametrize("blocks", [1, 2])
def test_a_latent_depends_on_the_features_before_it_in_the_order_of_its_block(blocks):
    dimension = 5
    flow = trained(dimension, blocks=blocks, hidden=(32, 32))
    for number, block in enumerate(flow.blocks):
        found = torch.zeros(dimension, dimension, dtype=torch.bool)
        for x in bent(20, dimension, seed=2):
            found |= torch.autograd.functional.jacobian(lambda row, block=block: block(row[None])[0][0], x) != 0
        below = torch.ones(dimension, dimension).tril().bool()
        # u_d of x_0 .. x_d, every one of them; from behind in every other block
        torch.testing.assert_close(found, below.flip(0, 1) if number % 2 else below)


def test_without_standardising_location_and_spread_are_zero_and_one():
    plain = trained(3)
    given = MixtureFlow(3, 3, location=torch.tensor([1.0, -2.0, 3.0]), spread=torch.tensor([2.0, 0.5, 4.0])).double()
    given.load_state_dict({**plain.state_dict(), "location": given.location, "spread": given.spread})
    x = bent(20, 3)
    ours, expected = given.eval().log_likelihood(x), plain.log_likelihood((x - given.location) / given.spread)
    torch.testing.assert_close(ours, expected - torch.tensor(4.0).double().log())  # 2 * 0.5 * 4


def test_likelihood_is_the_sum_over_clusters():
    flow = trained(3, clusters=4)
    x = bent(10, 3)
    latent, log_det = flow(x)
    torch.testing.assert_close(flow.log_densities(x), flow.mixture.log_densities(latent) + log_det[:, None])
    torch.testing.assert_close(flow.log_likelihood(x).exp(), flow.log_densities(x).exp().sum(dim=1))


def test_the_same_seed_gives_the_same_flow_and_leaves_other_randomness_alone():
    state = torch.random.get_rng_state()
    first, second, other = (MixtureFlow(4, 3, seed=seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(first[name], second[name]) for name in first)
    for name in ("mixture.means", *(name for name in first if name.endswith(("weight", "bias")))):
        assert not torch.equal(first[name], other[name]), name


def test_seeding_touches_no_other_device(monkeypatch):
    """Only the processor's generator is put back afterwards."""
    monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda seed: pytest.fail("seeded the GPUs"))
    MixtureFlow(3, 2, seed=5)


@pytest.mark.parametrize("dimension", [1, 2, 5])
def test_no_rows_give_no_densities(dimension):
    flow = trained(dimension, steps=1, clusters=4)
    assert flow.log_densities(torch.zeros(0, dimension).double()).shape == (0, 4)
    assert flow.log_likelihood(torch.zeros(0, dimension).double()).shape == (0,)


def test_centres_are_as_far_apart_in_any_dimension():
    for dimension in (16, 256):
        means = MixtureFlow(dimension, 200).mixture.means
        assert torch.pdist(means).mean().item() == pytest.approx(3.2, rel=0.05)
        assert means.std().item() == pytest.approx(center_scale(dimension), rel=0.05)
    assert MixtureFlow(16, 200, scale=0.05).mixture.means.std().item() == pytest.approx(0.05, rel=0.05)


def test_centres_are_no_parameters():
    flow = trained(3, steps=0)
    before = copy.deepcopy(flow.mixture.means)
    assert list(flow.mixture.parameters()) == []
    flow = trained(3, steps=5)
    torch.testing.assert_close(flow.mixture.means, before, rtol=0, atol=0)


@pytest.mark.parametrize("dimension", [1, 2, 5])
def test_sides_are_what_they_are_alone_one_after_the_other(dimension):
    flow, same = (trained(dimension, steps=2).train() for _ in range(2))
    x = bent(40, dimension)
    together = flow.log_densities(x, sides=2)
    apart = torch.cat([same.log_densities(part) for part in x.chunk(2)])
    torch.testing.assert_close(together, apart)
    weights = bent(40, 3, seed=1)
    for result in (together, apart):
        (result * weights).sum().backward()
    for one, other in zip(flow.parameters(), same.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)
    for name, value in flow.state_dict().items():
        torch.testing.assert_close(value, same.state_dict()[name])
    flow.eval()
    torch.testing.assert_close(flow.log_densities(x, sides=2), flow.log_densities(x))


@pytest.mark.parametrize("rows", [1, 17, 501])
def test_the_same_row_is_as_likely_anywhere_in_a_batch(rows):
    flow = trained(8, clusters=6).float()
    x = torch.linspace(-1, 1, 8).expand(rows, 8)
    densities = flow.log_densities(x)
    assert torch.equal(densities, densities[:1].expand(rows, 6))
