"""Carlson's elliptic integrals: symmetric ones, of which all others are made.

Their derivatives of every order are integrals of one kind over positive numbers, ``t``
from 0 to infinity of a product of powers ``(t + x)**-a`` (DLMF 19.16, 19.18). Nothing
cancels in such an integral: the trapezoidal rule in ``log t`` gives all digits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.special
from numpy.typing import NDArray

from chainrule.rules.cases import REAL, Cases, Domain, Dtypes, case, positive
from chainrule.scipy.special.partial_derivatives import (
    Orders,
    computes,
    of_four,
    of_three,
    of_two,
)
from chainrule.values.types import Operation
from chainrule.wrapping import operation

_STEP = 0.4
"""In log t: the integrand is analytic up to a distance of pi, for positive operands."""
_NARROWEST = 0.05
"""What is nearer is nan: complex operands on both sides of the cut."""
_AT_ONCE = 1_000_000
"""Values of the integrand that are computed together."""
_where: Any = np.where


def rising(a: float, count: int) -> float:
    """Return ``a (a + 1) ...``, ``count`` factors."""
    return math.prod(a + i for i in range(count))


def integral(
    operands: Sequence[NDArray[Any]], exponents: Sequence[float], power: int = 0
) -> Any:
    """Return the integral of ``t**power`` times ``(t + x)**-exponent`` of each operand.

    It is infinite where operands that are 0 make it so, nan for negative operands. With
    complex ones ``t`` is on the ray in the middle between the poles.
    """
    shape = np.broadcast_shapes(*(np.shape(x) for x in operands))
    x = np.stack([np.broadcast_to(x, shape).ravel() for x in operands])
    a = np.reshape(exponents, (-1, 1))
    unit: Any = np.max(np.abs(x), axis=0)
    x = _where((np.real(x) < 0) & (np.imag(x) == 0), np.nan, x)
    distance = math.pi
    if np.iscomplexobj(x):
        turns: Any = np.concatenate([0.0 * unit.real[None], np.angle(x)])
        last_turn, first_turn = np.max(turns, axis=0), np.min(turns, axis=0)
        unit = unit * np.exp(0.5j * (last_turn + first_turn))
        free: Any = math.pi - (last_turn - first_turn) / 2.0
        wide: Any = free >= _NARROWEST
        x = _where(wide, x, np.nan)
        distance = float(np.min(_where(wide, free, math.pi), initial=math.pi))
    x = x / unit
    zero = x == 0
    first = 1.0 + power - np.sum(a * zero, axis=0)
    last = float(np.sum(a)) - 1.0 - power
    smallest = np.min(_where(zero, 1.0, np.abs(x)), axis=0)
    low = np.log(smallest) - 38.0 / np.maximum(first, 0.25)
    high = 38.0 / last
    longest: Any = np.max(_where(np.isfinite(low), high - low, 1.0), initial=1.0)
    step = _STEP * distance / math.pi
    count = math.ceil(longest / step)
    size = max(1, _AT_ONCE // count)
    found = np.zeros(x.shape[1], x.dtype)
    for begin in range(0, x.shape[1], size):
        part = slice(begin, begin + size)
        found[part] = _trapezoids(x[:, part], a, power, (low[part], high), count)
    found = _where(first <= 0, np.inf, found)
    return (found * unit**-last).reshape(shape)


def _trapezoids(
    x: NDArray[Any], a: NDArray[Any], power: int, ends: Any, count: int
) -> Any:
    """Return the trapezoidal sums of an integrand, a column each."""
    low, high = ends
    step = (high - low) / count
    s = low + step * np.arange(count + 1)[:, None]
    t = np.exp(s)
    exponent: Any = (1.0 + power) * s
    for operand, own in zip(x, a[:, 0], strict=True):
        exponent = exponent - own * np.log(t + operand)
    return step * np.sum(np.exp(exponent), axis=0)


_FACTORS: dict[str, tuple[float, tuple[float, ...], int]] = {
    "elliprf": (0.5, (0.5, 0.5, 0.5), 0),
    "elliprd": (1.5, (0.5, 0.5, 1.5), 0),
    "elliprj": (1.5, (0.5, 0.5, 0.5, 1.0), 0),
    "elliprc": (0.5, (0.5, 1.0), 0),
    "elliprg": (-0.25, (0.5, 0.5, 0.5), 1),
}
"""The factor before the integral, the exponents and the power of t (DLMF 19.16.1, 5, 2,
19.2.17, 19.23.7); that of R_G exists from the first derivative on."""


@computes(*_FACTORS)
def of_carlson(name: str, orders: Orders, *operands: NDArray[Any]) -> Any:
    """Return a partial derivative of one of Carlson's integrals."""
    if not any(orders):
        return getattr(scipy.special, name)(*operands)
    if name == "elliprf" and sum(orders) == 1:
        i = orders.index(1)
        others = [x for j, x in enumerate(operands) if j != i]
        slope: Any = scipy.special.elliprd(others[0], others[1], operands[i])
        return slope / -6.0
    factor, exponents, power = _FACTORS[name]
    for own, order in zip(exponents, orders, strict=True):
        factor *= (-1.0) ** order * rising(own, order)
    raised = [own + order for own, order in zip(exponents, orders, strict=True)]
    found = factor * integral(operands, raised, power)
    if name == "elliprj" and np.iscomplexobj(found):  # SciPy has a part of the plane
        return _where(np.isnan(scipy.special.elliprj(*operands)), np.nan, found)
    return found


_POSITIVE: Domain = dict.fromkeys("abcvx", (0.5, 3.0))


class elliprf_grad(of_three):
    """z = R_F(a, b, x), the symmetric integral of the first kind (DLMF 19.16.1)"""

    forward = "scipy.special:elliprf"
    domain: Domain = {k: _POSITIVE[k] for k in "abx"}
    dtypes: Dtypes = REAL


class elliprd_grad(of_three):
    """z = R_D(a, b, x), the degenerate integral of the third kind (DLMF 19.16.5)"""

    forward = "scipy.special:elliprd"
    domain: Domain = {k: _POSITIVE[k] for k in "abx"}
    dtypes: Dtypes = REAL


class elliprg_grad(of_three):
    """z = R_G(a, b, x), the symmetric integral of the second kind (DLMF 19.16.3)"""

    forward = "scipy.special:elliprg"
    domain: Domain = {k: _POSITIVE[k] for k in "abx"}
    dtypes: Dtypes = REAL


class elliprj_grad(of_four):
    """z = R_J(a, b, c, x), the symmetric integral of the third kind (DLMF 19.16.2)

    Where x < 0 it is Cauchy's principal value, which has no derivative here: nan.
    """

    forward = "scipy.special:elliprj"
    dtypes: Dtypes = REAL
    cases: Cases = (case(positive(3), positive(2, 1), positive(), positive(3)),)


class elliprc_grad(of_two):
    """z = R_C(v, x), the degenerate integral of the first kind (DLMF 19.2.17)

    Where x < 0 it is Cauchy's principal value, which has no derivative here: nan.
    """

    forward = "scipy.special:elliprc"
    domain: Domain = {k: _POSITIVE[k] for k in "vx"}
    dtypes: Dtypes = REAL


elliprf: Operation = operation(elliprf_grad)
elliprd: Operation = operation(elliprd_grad)
elliprg: Operation = operation(elliprg_grad)
elliprj: Operation = operation(elliprj_grad)
elliprc: Operation = operation(elliprc_grad)
