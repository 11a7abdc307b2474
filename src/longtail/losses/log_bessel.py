"""Modified Bessel functions of the first kind on a log scale, for orders up to thousands and arguments up to 1e5."""

import math
from fractions import Fraction
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from longtail.ranges import Range

__all__ = ["bessel_ratio", "log_bessel", "log_reduced_bessel"]

# from this order on, so many terms of the expansion in 1 / order leave an error of rounding alone
_LARGE_ORDER, _TERMS = 16, 12


def log_reduced_bessel(order: float, values: Tensor) -> Tensor:
    """Return the log of a modified Bessel function without the power that it begins with.

    h(x) = log(I_nu(x) / x^nu),   h'(x) = I_{nu+1}(x) / I_nu(x)

    It is finite and smooth at 0, where h = -nu log 2 - log Gamma(nu + 1). Computed by the uniform expansion for large
    orders; smaller orders are reached from it downwards, by I_nu = I_{nu+2} + 2 (nu + 1) / x I_{nu+1}. No step
    subtracts what is nearly equal or leaves the range of numbers. Derivatives of first order only.

    Args:
        order: nu, at least 0.
        values: x, at least 0, of any shape; computed in float64 where the device has it.

    Returns:
        h, of the same shape and type.

    Raises:
        InputError: an order below 0.

    Reference:
        Olver, "Asymptotics and Special Functions", 1974, chapter 10, eq. 7.16; NIST Digital Library of Mathematical
        Functions, 10.41.3 and 10.41.9.

    Example:
        >>> x = torch.tensor([0.5, 800.0], dtype=torch.float64)
        >>> exact = torch.log(torch.special.i0e(x)) + x  # order 0
        >>> torch.allclose(log_reduced_bessel(0, x), exact)
        True
    """
    Range(0).check(order, "order")
    result: Tensor = _LogReducedBessel.apply(values, float(order))
    return result


def log_bessel(order: float, values: Tensor) -> Tensor:
    """Return log I_nu(x), -inf at x = 0 for nu > 0; `log_reduced_bessel` says how.

    Args:
        order: nu, at least 0.
        values: x, at least 0, of any shape.

    Raises:
        InputError: an order below 0.

    Example:
        >>> [round(log.item(), 4) for log in log_bessel(63, torch.tensor([1e-3, 1e5], dtype=torch.float64))]
        [-679.8662, 99993.3048]
    """
    reduced = log_reduced_bessel(order, values)
    return reduced + torch.xlogy(torch.full_like(values, order), values)


def bessel_ratio(order: float, values: Tensor) -> Tensor:
    """Return I_{nu+1}(x) / I_nu(x), which rises from 0 to 1: the mean length of vectors drawn from a von Mises-Fisher.

    Args:
        order: nu, at least 0; D / 2 - 1 in D dimensions.
        values: x, at least 0, of any shape; the concentration.

    Raises:
        InputError: an order below 0.

    Example:
        >>> bessel_ratio(63, torch.tensor([0.0, 128.0, 1e5], dtype=torch.float64)).round(decimals=4)
        tensor([0.0000, 0.6192, 0.9994], dtype=torch.float64)
    """
    Range(0).check(order, "order")
    return _both(float(order), values)[1].to(values.dtype)


class _LogReducedBessel(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, values: Tensor, order: float) -> Tensor:
        reduced, ratio = _both(order, values)
        context.save_for_backward(ratio.to(values.dtype))
        return reduced.to(values.dtype)

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (ratio,) = context.saved_tensors
        return gradient * ratio, None


@torch.no_grad()
def _both(order: float, values: Tensor) -> tuple[Tensor, Tensor]:
    """Return h and I_{nu+1} / I_nu at once."""
    x = values if values.device.type == "mps" else values.double()
    steps = max(0, math.ceil(_LARGE_ORDER - order))
    reduced, ratio = _expansion(order + steps, x)
    for above in range(steps, 0, -1):
        # of order nu = order + above - 1, from nu + 1: I_nu / I_{nu+1} = (2 (nu + 1) + x I_{nu+2} / I_{nu+1}) / x
        divisor = torch.addcmul(torch.full_like(x, 2 * (order + above)), x, ratio)
        reduced, ratio = reduced + divisor.log(), x / divisor
    return reduced, ratio


def _expansion(order: float, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return h and its derivative by the uniform expansion, I_nu(nu z) ~ e^(nu eta) p^(1/2) / (2 pi nu)^(1/2) S(p)."""
    z = x / order
    s = torch.sqrt(1 + z * z)
    p = 1 / s
    series, slope = torch.zeros_like(p), torch.zeros_like(p)
    for coefficient in _coefficients(order):  # Horner's rule, of S - 1 and its derivative at once
        slope = slope * p + series
        series = series * p + coefficient
    constant = order * math.log(order) + 0.5 * math.log(2 * math.pi * order)
    reduced = order * (s - torch.log1p(s)) - 0.5 * torch.log(s) + torch.log1p(series) - constant
    ratio = z * (1 / (1 + s) - p * p / (2 * order) - p**3 * slope / (order * (1 + series)))
    return reduced, ratio


@cache
def _coefficients(order: float) -> tuple[float, ...]:
    """Return those of the polynomial sum_k U_k(p) / nu^k, k from 1, the highest power of p first."""
    total = [0.0] * (3 * _TERMS + 1)
    for k, polynomial in enumerate(_debye_polynomials()):
        for power, coefficient in enumerate(polynomial):
            total[power] += float(coefficient) / order ** (k + 1)
    return tuple(reversed(total))


@cache
def _debye_polynomials() -> list[list[Fraction]]:
    """Return the coefficients of U_1, U_2, ..., the constant first.

    U_{k+1}(p) = p^2 (1 - p^2) U_k'(p) / 2 + 1/8 integral from 0 to p of (1 - 5 t^2) U_k(t) dt,   U_0 = 1
    """
    polynomials = [[Fraction(1)]]
    for _ in range(_TERMS):
        before = polynomials[-1]
        after = [Fraction(0)] * (len(before) + 3)
        for power, coefficient in enumerate(before):
            after[power + 1] += coefficient * (Fraction(power, 2) + Fraction(1, 8 * (power + 1)))
            after[power + 3] -= coefficient * (Fraction(power, 2) + Fraction(5, 8 * (power + 3)))
        polynomials.append(after)
    return polynomials[1:]
