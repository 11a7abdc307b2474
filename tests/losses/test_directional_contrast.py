"""Bessel functions against mpmath and scipy, and ProCo's closed form against what it is the mean of."""

import math

import mpmath
import numpy as np
import pytest
import torch
from scipy import special

from longtail.errors import InputError
from longtail.losses import bessel_ratio, concentrations_of, directional_logits, log_bessel, log_reduced_bessel

ORDERS = [0, 0.5, 3, 7.5, 15, 16, 17.5, 31, 63, 511, 1024]
VALUES = [1e-3, 0.1, 1.0, 16.0, 100.0, 700.0, 5e3, 1e5]


@pytest.fixture(scope="module")
def exact():
    """log I_nu(x), and I_{nu+1}(x) / I_nu(x), to fifty digits."""
    with mpmath.workdps(50):
        result = {}
        for order in ORDERS:
            for value in VALUES:
                this, next_ = (mpmath.besseli(order + step, value) for step in (0, 1))
                result[order, value] = float(mpmath.log(this)), float(next_ / this)
    return result


@pytest.mark.parametrize("order", ORDERS)
def test_log_and_ratio_are_those_of_mpmath(exact, order):
    x = torch.tensor(VALUES, dtype=torch.float64, requires_grad=True)
    logs, ratios = (torch.tensor([exact[order, v][k] for v in VALUES], dtype=torch.float64) for k in (0, 1))
    torch.testing.assert_close(log_bessel(order, x), logs, rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(bessel_ratio(order, x), ratios, rtol=1e-13, atol=0)
    (slope,) = torch.autograd.grad(log_reduced_bessel(order, x).sum(), x)
    torch.testing.assert_close(slope, ratios, rtol=1e-13, atol=0)
    (slope,) = torch.autograd.grad(log_bessel(order, x).sum(), x)
    torch.testing.assert_close(slope, ratios + order / x.detach(), rtol=1e-12, atol=0)


@pytest.mark.parametrize("order", [16, 63, 511, 1024])
def test_it_goes_on_where_scipy_ends(order):
    """scipy's is exact where it does not underflow, which for large orders is at ten thousands of places."""
    values = np.geomspace(1e-3, 1e5, 200)
    theirs = special.ive(order, values)
    there = theirs > 1e-290
    ours = log_bessel(order, torch.from_numpy(values)).numpy()
    np.testing.assert_allclose(ours[there], np.log(theirs[there]) + values[there], rtol=1e-11, atol=1e-9)
    assert np.isfinite(ours).all()
    assert there.sum() < len(values) or order == 16


@pytest.mark.parametrize("order", [15, 63, 511])
def test_single_precision_is_rounded_double_precision(exact, order):
    x = torch.tensor(VALUES, requires_grad=True)
    result = log_reduced_bessel(order, x)
    assert result.dtype == torch.float32
    wide = log_reduced_bessel(order, x.detach().double())
    torch.testing.assert_close(result, wide.float(), rtol=1e-6, atol=0)
    (slope,) = torch.autograd.grad(result.sum(), x)
    torch.testing.assert_close(slope, torch.tensor([exact[order, v][1] for v in VALUES]), rtol=1e-6, atol=0)


def test_at_zero_and_by_finite_differences():
    zero = torch.zeros(1, dtype=torch.float64)
    for order in (0, 15, 63):
        expected = -order * math.log(2) - math.lgamma(order + 1)
        assert log_reduced_bessel(order, zero).item() == pytest.approx(expected)
        assert bessel_ratio(order, zero).item() == 0
    assert log_bessel(3, zero).item() == -math.inf
    x = torch.tensor([0.3, 7.0, 150.0], dtype=torch.float64, requires_grad=True)
    torch.autograd.gradcheck(lambda x: log_reduced_bessel(31, x), x)
    torch.autograd.gradcheck(lambda x: log_reduced_bessel(1.5, x), x)
    with pytest.raises(InputError, match="order is -1"):
        log_reduced_bessel(-1, zero)


def test_a_ratio_lies_between_its_known_bounds():
    """Amos, 1974: x / (nu + 1 + sqrt(x^2 + (nu + 1)^2)) <= I_{nu+1} / I_nu <= x / (nu + sqrt(x^2 + (nu + 2)^2))."""
    x = torch.logspace(-3, 5, 100, dtype=torch.float64)
    for order in (0, 0.5, 10, 63, 1024):
        ratio = bessel_ratio(order, x)
        assert (ratio.diff() > 0).all()
        lowest = x / (order + 1 + (x**2 + (order + 1) ** 2).sqrt())
        highest = x / (order + (x**2 + (order + 2) ** 2).sqrt())
        assert (lowest * (1 - 1e-14) <= ratio).all()
        assert (ratio <= highest * (1 + 1e-14)).all()


def slow_logits(features, means, kappas, temperature):
    """log C(kappa) - log C(|kappa mu + f / T|) with mpmath, one pair after the other."""
    D = features.shape[1]
    result = torch.empty(len(features), len(means), dtype=torch.float64)

    def log_constant(k):
        return (D / 2 - 1) * mpmath.log(k) - mpmath.log(mpmath.besseli(D / 2 - 1, k))

    for i, feature in enumerate(features):
        for c, (mean, kappa) in enumerate(zip(means, kappas, strict=True)):
            length = (kappa * mean / mean.norm() + feature / temperature).norm()
            with mpmath.workdps(40):
                result[i, c] = float(log_constant(kappa.item()) - log_constant(length.item()))
    return result


@pytest.mark.parametrize("dimension", [8, 128])
@pytest.mark.parametrize("temperature", [0.07, 0.5])
def test_logits_are_mpmaths_and_gradients_hold(dimension, temperature):
    torch.manual_seed(dimension)
    features, means = (torch.nn.functional.normalize(torch.randn(n, dimension).double(), dim=1) for n in (3, 4))
    kappas = torch.tensor([0.5, 60.0, 3e3, 1e5], dtype=torch.float64)
    ours = directional_logits(features, means, kappas, temperature=temperature)
    torch.testing.assert_close(ours, slow_logits(features, means, kappas, temperature), rtol=1e-9, atol=1e-9)
    # differences of the logits of a sharper class are differences of numbers near 1e5
    inputs = (features.requires_grad_(), means[:3], kappas[:3])
    torch.autograd.gradcheck(lambda *a: directional_logits(*a, temperature=temperature), inputs)


def test_they_are_the_log_mean_similarity_of_drawn_samples():
    """In three dimensions a von Mises-Fisher is drawn by its inverse: the cosine to the mean, and an angle."""
    generator = torch.Generator().manual_seed(0)
    kappa, temperature, draws = 8.0, 0.5, 400_000
    uniform, angle = torch.rand(2, draws, generator=generator, dtype=torch.float64)
    cosine = 1 + torch.log(uniform + (1 - uniform) * math.exp(-2 * kappa)) / kappa
    radius, angle = (1 - cosine**2).clamp(min=0).sqrt(), 2 * math.pi * angle
    samples = torch.stack([cosine, radius * angle.cos(), radius * angle.sin()], dim=1)
    mean, feature = torch.tensor([[1.0, 0, 0]]).double(), torch.tensor([[0.6, 0.8, 0]]).double()
    drawn = torch.exp(samples @ feature[0] / temperature).mean().log()
    closed = directional_logits(feature, mean, torch.tensor([kappa]), temperature=temperature)
    assert closed.item() == pytest.approx(drawn.item(), abs=0.01)


def test_a_feature_against_all_classes_of_every_width_stays_finite():
    """Also where class and feature point away from each other, and a mean has length 1 or, by rounding, more."""
    means = torch.tensor([[1.0, 0, 0, 0], [1.0000001, 0, 0, 0], [0.0, 0, 0, 0], [0.9, 0, 0, 0]])
    kappas = concentrations_of(means)
    assert kappas.tolist()[:3] == [1e5, 1e5, 0]
    features = torch.tensor([[-1.0, 0, 0, 0], [1.0, 0, 0, 0]], requires_grad=True)
    for temperature in (1 / kappas[3].item(), 0.07):
        logits = directional_logits(features, means, kappas, temperature=temperature)
        (slope,) = torch.autograd.grad(logits.sum(), features)
        assert logits.isfinite().all()
        assert slope.isfinite().all()
