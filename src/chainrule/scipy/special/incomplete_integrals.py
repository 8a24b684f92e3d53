"""The integrals that derivatives of incomplete gamma and beta functions are made of.

In its shape parameters ``gammainc(a, x)`` has no derivative in closed form. With
``D = x**a exp(-x) / gamma(a)`` it is ``D T(0)``, or ``1 + D T(0)``, of

    T(k) = integral of (t / x)**a exp(x - t) log(t / x)**k / t

over t from 0 to x, or minus that from x on. Each derivative of ``T(k)`` is made of
others. Both tails are right, and one of them cancels in the derivative: it does not
below ``x = exp(psi(a))`` for the lower one, and not above for the upper one. The
incomplete beta functions are alike, of two parameters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.special

from chainrule.scipy.special.polygamma_functions import psi_difference
from chainrule.scipy.special.precision import Reals
from chainrule.scipy.special.quadrature import in_blocks, integral, width_of

_scipy: Any = scipy.special
_where: Any = np.where


def _height(order: int) -> float:
    """Return the exponent where an integrand is no more than a rounding error."""
    return 44.0 + 6.0 * order


@in_blocks
def gamma_tail(a: Reals, x: Reals, *, order: int) -> Any:
    """Return ``T(order)`` of ``gammainc(a, x)``, a > 0, 0 < x < inf."""
    good = (a > 0) & (x > 0) & (x < np.inf)
    a, x = _where(good, a, 1.0), _where(good, x, 1.0)
    is_lower = np.log(x) < _scipy.digamma(a)
    z = np.full(a.shape, np.nan)
    for where, part in ((is_lower, _gamma_lower), (~is_lower, _gamma_upper)):
        z[where] = part(a[where], x[where], order)
    return _where(good, z, np.nan)


def _gamma_lower(a: Reals, x: Reals, order: int) -> Any:
    """Return the integral over t = x exp(-v)."""
    height = _height(order)
    width = width_of(
        lambda v: a * v + x * np.expm1(-v),
        lambda v: a - x * np.exp(-v),
        (height + x) / a,
        height,
    )
    b, y = a[..., None], x[..., None]
    return integral(lambda v: np.exp(-b * v - y * np.expm1(-v)) * (-v) ** order, width)


def _gamma_upper(a: Reals, x: Reals, order: int) -> Any:
    """Return minus the integral over t = x exp(v)."""
    height = _height(order)
    log = 60.0 + order + np.maximum(0.0, -np.log(x))
    bound = np.minimum(
        (0.5 + np.sqrt(0.25 + 2 * height * x)) / x, np.log1p((height + a * log) / x)
    )
    width = width_of(
        lambda v: x * np.expm1(v) - a * v,
        lambda v: x * np.exp(v) - a,
        bound,
        height,
    )
    b, y = a[..., None], x[..., None]
    seam = np.maximum(0.0, -np.log(x))
    return -integral(lambda v: np.exp(b * v - y * np.expm1(v)) * v**order, width, seam)


@in_blocks
def beta_tail(a: Reals, b: Reals, x: Reals, *, orders: tuple[int, int], by: str) -> Any:
    """Return the integral of betainc(a, b, x), 0 < x < 1.

    ``(t / x)**a ((1 - t) / (1 - x))**b log(t / x)**i log((1 - t) / (1 - x))**j``,
    divided by ``t (1 - t)``, with ``i, j = orders``: over t from 0 to x, or minus that
    from x on. The tail is the one by which the derivative in the parameter ``by`` does
    not cancel.
    """
    good = (a > 0) & (b > 0) & (x > 0) & (x < 1)
    a, b, x = _where(good, a, 1.0), _where(good, b, 1.0), _where(good, x, 0.5)
    if by == "a":
        is_lower = np.log(x) + psi_difference(a, b, order=0) < 0
    else:
        is_lower = np.log1p(-x) + psi_difference(b, a, order=0) > 0
    z = np.full(a.shape, np.nan)
    i, j = orders
    c, d, u, v = (w[is_lower] for w in (a, b, x, 1 - x))
    z[is_lower] = _beta_lower(c, d, u, v, i, j)
    c, d, u, v = (w[~is_lower] for w in (b, a, 1 - x, x))
    z[~is_lower] = -_beta_lower(c, d, u, v, j, i)
    return _where(good, z, np.nan)


def _beta_lower(a: Reals, b: Reals, x: Reals, y: Reals, i: int, j: int) -> Any:
    """Return the integral over logit(t) = logit(x) - w, where y = 1 - x."""
    height = _height(i + j)

    def logs(w: Any, x: Any, y: Any) -> tuple[Any, Any]:
        """Return log(t / x) and log((1 - t) / (1 - x))."""
        near = w < 1
        whole = near | (x < 0.5)  # else 1 - x may be far less exact than y
        second = -np.log1p(x * np.expm1(_where(whole, -w, 0.0)))
        second = _where(whole, second, -np.log(y + x * np.exp(-w)))
        first = -np.log1p(y * np.expm1(_where(near, w, 0.0)))
        return _where(near, first, second - w), second

    def exponent(w: Any) -> Any:
        first, second = logs(w, x, y)
        return -a * first - b * second

    def slope(w: Any) -> Any:
        return a - (a + b) * x * np.exp(logs(w, x, y)[0])

    width = width_of(exponent, slope, (height - (a + b) * np.log(y)) / a, height)
    c, d, p, q = (v[..., None] for v in (a, b, x, y))

    def integrand(w: Any) -> Any:
        first, second = logs(w, p, q)
        return np.exp(c * first + d * second) * first**i * second**j

    return integral(integrand, width, np.maximum(0.0, np.log(x) - np.log(y)))


# ---------------------------------------------------------------------- the densities


def log1p_rest(x: Reals) -> Any:
    """Return ``log(1 + x) - x`` for ``|x| <= 1/2``, with all its digits."""
    r = x / (2 + x)
    square = r * r
    total: Any = 0.0
    for k in range(20, 0, -1):
        total = total * square + 1 / (2 * k + 1)
    return -r * x + 2 * r * square * total


def stirling_rest(x: Reals) -> Any:
    """Return ``log gamma(x) - (x - 1/2) log(x) + x - log(2 pi) / 2`` (DLMF 5.11.1)."""
    is_near = x < 10
    direct = _scipy.gammaln(x) - (x - 0.5) * np.log(x) + x - math.log(math.tau) / 2
    if is_near.all():
        return direct
    power = 1 / np.maximum(x, 10.0)
    square, total = power * power, 0.0
    for scale in _STIRLING[::-1]:
        total = total * square + scale
    return _where(is_near, direct, total * power)


_STIRLING: Sequence[float] = [
    float(b / (2 * k * (2 * k - 1)))
    for k, b in enumerate(_scipy.bernoulli(20)[2::2], start=1)
]


def power_rest(x: Reals, mean: Reals, difference: Reals) -> Any:
    """Return ``log(x / mean) - (x - mean) / mean``, given ``x - mean``."""
    u = difference / mean
    is_near = np.abs(u) < 0.5
    far = np.log(_where(is_near, 1.0, x / mean)) - u
    return _where(is_near, log1p_rest(_where(is_near, u, 0.0)), far)


def _times_exp(factor: Reals, log: Reals) -> Any:
    """Return ``factor * exp(log)``, also where the exponential alone underflows."""
    half = np.exp(0.5 * log)
    return _where(log < -690.0, half * factor * half, factor * np.exp(log))


@in_blocks
def gamma_density(a: Reals, x: Reals) -> Any:
    """Return ``x**(a - 1) exp(-x) / gamma(a)``, with its digits for large ``a`` too."""
    inside = (a > 0) & (x > 0) & (x < np.inf)
    b, y = _where(inside, a, 1.0), _where(inside, x, 1.0)
    z = np.exp((b - 1) * np.log(y) - y) * _scipy.rgamma(b)
    if not (b < 10).all():
        log = b * power_rest(y, b, y - b) - stirling_rest(b)
        z = _where(b < 10, z, _times_exp(np.sqrt(b / math.tau) / y, log))
    if inside.all():
        return z
    at_zero = _where(a == 1, 1.0, _where(a > 1, 0.0, np.inf))
    outside = _where(x == 0, at_zero, _where(x == np.inf, 0.0, np.nan))
    return _where(inside, z, outside)


@in_blocks
def beta_density(a: Reals, b: Reals, x: Reals) -> Any:
    """Return ``x**(a-1) (1-x)**(b-1) / beta(a, b)``, with its digits for large a, b."""
    inside = (a > 0) & (b > 0) & (x > 0) & (x < 1)
    c, d, y = _where(inside, a, 1.0), _where(inside, b, 1.0), _where(inside, x, 0.5)
    s = c + d
    difference = (y * d - (1 - y) * c) / s
    log = c * power_rest(y, c / s, difference)
    log = log + d * power_rest(1 - y, d / s, -difference)
    log = log + stirling_rest(s) - stirling_rest(c) - stirling_rest(d)
    z = _times_exp(np.sqrt(c * d / (math.tau * s)) / (y * (1 - y)), log)
    near = _where(x == 0, a, b)
    other = _where(x == 0, b, a)
    at_end = _where(near == 1, other, _where(near > 1, 0.0, np.inf))
    return _where(inside, z, _where((x == 0) | (x == 1), at_end, np.nan))
