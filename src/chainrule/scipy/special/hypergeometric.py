"""Hypergeometric functions, with derivatives in the argument and the parameters.

In the argument they are the functions of raised parameters (DLMF 13.3.16, 13.3.22,
15.5.2, 16.3.1), in the parameters they are interpolated, or from the second order on
the derivatives of the series where it converges.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special
from numpy.typing import NDArray

from chainrule.rules.cases import REAL, Cases, Domain, Dtypes, case, positive, within
from chainrule.scipy.special.interpolation import in_parameters
from chainrule.scipy.special.parameter_series import differentiated
from chainrule.scipy.special.partial_derivatives import (
    Orders,
    computes,
    of_four,
    of_three,
    of_two,
)
from chainrule.values.types import Operation
from chainrule.wrapping import operation


def _rising(a: NDArray[Any], count: int) -> Any:
    """Return ``a (a + 1) ...``, ``count`` factors."""
    return math.prod((a + i for i in range(count)), start=np.ones(()))


def from_poles(b: NDArray[Any]) -> NDArray[Any]:
    """Return a width that stays away from the poles at 0, -1, -2, ..."""
    distance = np.where(b > 0, b, np.abs(b - np.rint(b)))
    return distance / 4.0


_NEAR = 0.05
"""Arguments so small that a derivative in a parameter is small too."""


def _where(
    mask: NDArray[Any],
    one: Callable[..., Any],
    other: Callable[..., Any],
    *operands: NDArray[Any],
) -> Any:
    """Return what one function computes where a mask holds, another one elsewhere."""
    mask, *whole = np.broadcast_arrays(mask, *operands)
    z = np.empty(mask.shape, np.result_type(*operands))
    for chosen, f in ((mask, one), (~mask, other)):
        if chosen.any():
            z[chosen] = f(*(x[chosen] for x in whole))
    return z


@computes("hyp0f1")
def of_hyp0f1(name: str, orders: Orders, b: NDArray[Any], x: NDArray[Any]) -> Any:
    """Return a partial derivative of ``0F1(; b; x)``."""
    k = orders[1]

    def raised(b: NDArray[Any], x: NDArray[Any]) -> Any:
        return scipy.special.hyp0f1(b + k, x) / _rising(b, k)

    width = np.minimum(from_poles(b), 1.5 / np.log1p(np.sqrt(np.abs(x)) / np.abs(b)))
    return in_parameters(raised, (b, x), (orders[0], 0), (width, x))


@computes("hyp1f1")
def of_hyp1f1(
    name: str, orders: Orders, a: NDArray[Any], b: NDArray[Any], x: NDArray[Any]
) -> Any:
    """Return a partial derivative of Kummer's ``M(a, b, x)``."""
    k = orders[2]

    def raised(a: NDArray[Any], b: NDArray[Any], x: NDArray[Any]) -> Any:
        factor = _rising(a, k) / _rising(b, k)
        return factor * scipy.special.hyp1f1(a + k, b + k, x)

    def by_values(a: NDArray[Any], b: NDArray[Any], x: NDArray[Any]) -> Any:
        share = 1.0 / (1.0 + np.log1p(np.abs(x)))
        widths = (share, np.minimum(from_poles(b), 1.0) * share, x)
        return in_parameters(raised, (a, b, x), (*orders[:2], 0), widths)

    def by_terms(a: NDArray[Any], b: NDArray[Any], x: NDArray[Any]) -> Any:
        given = [(a, (1.0, 0.0))], [(b, (0.0, 1.0))]
        return differentiated(*given, x, orders[:2], k)

    def of_negative(a: NDArray[Any], b: NDArray[Any], x: NDArray[Any]) -> Any:
        # M(a, b, x) = exp(x) M(b - a, b, -x), DLMF 13.2.39: terms of one sign
        given = [(b - a, (-1.0, 1.0))], [(b, (0.0, 1.0))]
        total: Any = 0.0
        for j in range(k + 1):
            part = differentiated(*given, -x, orders[:2], j)
            total = total + math.comb(k, j) * (-1.0) ** j * part
        return np.exp(x) * total

    def of_others(a: NDArray[Any], b: NDArray[Any], x: NDArray[Any]) -> Any:
        return _where((x < 0) & (x >= -reach), of_negative, by_values, a, b, x)

    if not any(orders[:2]):
        return raised(a, b, x)
    reach = _NEAR if sum(orders[:2]) < 2 else 40.0
    near = (x >= -min(reach, 1.0)) & (x <= reach)
    return _where(near, by_terms, of_others, a, b, x)


@computes("hyperu")
def of_hyperu(
    name: str, orders: Orders, a: NDArray[Any], b: NDArray[Any], x: NDArray[Any]
) -> Any:
    """Return a partial derivative of Tricomi's ``U(a, b, x)``."""
    k = orders[2]

    def raised(a: NDArray[Any], b: NDArray[Any], x: NDArray[Any]) -> Any:
        factor = (-1.0) ** k * _rising(a, k)
        return factor * scipy.special.hyperu(a + k, b + k, x)

    share = 1.0 / (1.0 + np.abs(np.log(x)))
    return in_parameters(raised, (a, b, x), (*orders[:2], 0), (share, share, x))


@computes("hyp2f1")
def of_hyp2f1(
    name: str,
    orders: Orders,
    a: NDArray[Any],
    b: NDArray[Any],
    c: NDArray[Any],
    x: NDArray[Any],
) -> Any:
    """Return a partial derivative of Gauss's ``F(a, b; c; x)``."""
    k = orders[3]

    def raised(
        a: NDArray[Any], b: NDArray[Any], c: NDArray[Any], x: NDArray[Any]
    ) -> Any:
        factor = _rising(a, k) * _rising(b, k) / _rising(c, k)
        return factor * scipy.special.hyp2f1(a + k, b + k, c + k, x)

    def by_values(*operands: NDArray[Any]) -> Any:
        c, x = operands[2:]
        share = 1.0 / (1.0 + np.abs(np.log(np.abs(1.0 - x))))
        widths = (share, share, np.minimum(from_poles(c), 1.0) * share, x)
        return in_parameters(raised, operands, (*orders[:3], 0), widths)

    def by_terms(
        a: NDArray[Any], b: NDArray[Any], c: NDArray[Any], x: NDArray[Any]
    ) -> Any:
        above = [(a, (1.0, 0.0, 0.0)), (b, (0.0, 1.0, 0.0))]
        return differentiated(above, [(c, (0.0, 0.0, 1.0))], x, orders[:3], k)

    if not any(orders[:3]):
        return raised(a, b, c, x)
    reach = _NEAR if sum(orders[:3]) < 2 else 0.9
    return _where(np.abs(x) <= reach, by_terms, by_values, a, b, c, x)


class hyp0f1_grad(of_two):
    """z = 0F1(; v; x), the confluent hypergeometric limit function (DLMF 16.2.1)"""

    forward = "scipy.special:hyp0f1"
    domain: Domain = {"v": (0.5, 3.0)}
    dtypes: Dtypes = REAL


class hyp1f1_grad(of_three):
    """z = M(a, b, x), Kummer's function (DLMF 13.2.2)"""

    forward = "scipy.special:hyp1f1"
    domain: Domain = {"b": (0.5, 3.0)}
    dtypes: Dtypes = REAL


class hyperu_grad(of_three):
    """z = U(a, b, x), Tricomi's function (DLMF 13.2.6)"""

    forward = "scipy.special:hyperu"
    domain: Domain = {"a": (0.5, 2.0), "b": (0.5, 3.0), "x": (0.5, 3.0)}
    dtypes: Dtypes = REAL


class hyp2f1_grad(of_four):
    """z = F(a, b; c; x), Gauss's function (DLMF 15.2.1)"""

    forward = "scipy.special:hyp2f1"
    domain: Domain = {"c": (0.5, 3.0), "x": (-0.8, 0.8)}
    dtypes: Dtypes = REAL
    cases: Cases = (
        case(positive(2, 1), positive(3), positive(), within(-0.8, 0.8, 3)),
        case(positive(2), positive(2), positive(2), within(-0.8, 0.8, 2)),
    )


hyp0f1: Operation = operation(hyp0f1_grad)
hyp1f1: Operation = operation(hyp1f1_grad)
hyperu: Operation = operation(hyperu_grad)
hyp2f1: Operation = operation(hyp2f1_grad)
