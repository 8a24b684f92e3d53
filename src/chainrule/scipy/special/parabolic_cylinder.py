"""Parabolic cylinder functions and their slopes, and Wright's Bessel functions.

In the argument of the former the second derivative follows from the first two by their
equation (DLMF 12.2.2, 12.14.1); in the order both are interpolated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.special
from numpy.typing import NDArray

from chainrule.rules.cases import REAL, Cases, Domain, Dtypes, case, within
from chainrule.scipy.special.interpolation import in_parameters
from chainrule.scipy.special.partial_derivatives import (
    Orders,
    computes,
    name_of,
    of_three,
)
from chainrule.scipy.special.several import several_of_two
from chainrule.values.types import Namespace, Operation, Value
from chainrule.wrapping import operation


def solution(
    values: Sequence[Any], coefficients: Sequence[Any], order: int
) -> NDArray[Any]:
    """Return a derivative of the solution of ``y'' = q y``.

    ``values`` are y and y', ``coefficients`` q and its derivatives, 0 beyond.
    """
    found = list(values)
    while len(found) <= order:
        k = len(found) - 2
        terms = [
            math.comb(k, i) * q * found[k - i]
            for i, q in enumerate(coefficients[: k + 1])
        ]
        found.append(sum(terms[1:], start=terms[0]))
    return found[order]


@computes("pbdv", "pbvv", "pbwa")
def of_parabolic(name: str, orders: Orders, v: NDArray[Any], x: NDArray[Any]) -> Any:
    """Return a partial derivative of D_v, V_v or W(v, x)."""

    def in_x(v: NDArray[Any], x: NDArray[Any]) -> Any:
        values: Any = getattr(scipy.special, name)(v, x)
        sign = -1.0 if name == "pbwa" else 1.0
        level = v if name == "pbwa" else -v - 0.5
        coefficients = (sign * x * x / 4.0 + level, sign * x / 2.0, sign * 0.5)
        return solution(values, coefficients, orders[1])

    width = 0.75 / (1.0 + np.log1p(np.abs(x)) + np.log1p(np.abs(v)) / 2.0)
    return in_parameters(in_x, (v, x), (orders[0], 0), (width, x))


class _parabolic(several_of_two, kind=True):
    """A function of the order v at x, and its slope in x."""

    outputs = 2

    @classmethod
    def _d_v(
        cls, xp: Namespace, z: Sequence[Value], v: Value, x: Value
    ) -> tuple[Value, ...]:
        """Return the derivatives in the order, interpolated."""
        name = name_of(cls)
        first = xp.partial_of_2(v, x, name=name, orders=(1, 0))
        return first, xp.partial_of_2(v, x, name=name, orders=(1, 1))


_CASES: Cases = (
    case(within(-2.0, 2.0, 2, 1), within(-2.0, 2.0, 3)),
    case(within(0.2, 1.0), within(-1.0, 1.0)),
)


class pbdv_grad(_parabolic):
    """z = D_v(x) and D_v'(x) (DLMF 12.1, 12.2.2)"""

    forward = "scipy.special:pbdv"
    outputs = 2
    dtypes: Dtypes = REAL
    cases: Cases = _CASES

    @staticmethod
    def _d_x(
        xp: Namespace, z: Sequence[Value], v: Value, x: Value
    ) -> tuple[Value, ...]:
        """Return D' and D'' = (x**2 / 4 - v - 1/2) D."""
        return z[1], (x * x / 4.0 - v - 0.5) * z[0]


class pbvv_grad(_parabolic):
    """z = V_v(x) and V_v'(x), V(-v - 1/2, x) of DLMF 12.2.2"""

    forward = "scipy.special:pbvv"
    outputs = 2
    dtypes: Dtypes = REAL
    cases: Cases = _CASES

    @staticmethod
    def _d_x(
        xp: Namespace, z: Sequence[Value], v: Value, x: Value
    ) -> tuple[Value, ...]:
        """Return V' and V'' = (x**2 / 4 - v - 1/2) V."""
        return z[1], (x * x / 4.0 - v - 0.5) * z[0]


class pbwa_grad(_parabolic):
    """z = W(v, x) and its slope in x (DLMF 12.14)"""

    forward = "scipy.special:pbwa"
    outputs = 2
    dtypes: Dtypes = REAL
    cases: Cases = _CASES

    @staticmethod
    def _d_x(
        xp: Namespace, z: Sequence[Value], v: Value, x: Value
    ) -> tuple[Value, ...]:
        """Return W' and W'' = (v - x**2 / 4) W."""
        return z[1], (v - x * x / 4.0) * z[0]


# ---------------------------------------------------------------------------- Wright's


@computes("wright_bessel", "log_wright_bessel")
def of_wright(
    name: str, orders: Orders, a: NDArray[Any], b: NDArray[Any], x: NDArray[Any]
) -> Any:
    """Return a partial derivative of Wright's function or its logarithm.

    In x it is the function with ``b + a`` in place of b (DLMF 10.46.1). In a and b it
    is interpolated between values where both are positive: at 0 it is nan.
    """
    k = orders[2]

    def in_x(a: NDArray[Any], b: NDArray[Any], x: NDArray[Any]) -> Any:
        if name == "wright_bessel":
            return scipy.special.wright_bessel(a, b + k * a, x)
        function: Any = scipy.special.log_wright_bessel
        value: Any = function(a, b, x)
        ratios = [np.exp(function(a, b + j * a, x) - value) for j in range(1, k + 1)]
        return logarithmic(ratios) if k else value

    # the logarithm is singular at b = 0
    share = 1.0 if name == "wright_bessel" else 0.25
    widths = (np.minimum(0.25, a), np.minimum(0.5, share * b), x)
    return in_parameters(in_x, (a, b, x), (*orders[:2], 0), widths)


def logarithmic(ratios: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return the last derivative of ``log f`` from all ``f^(j) / f``, j from 1 on."""
    found: list[Any] = []
    for k, ratio in enumerate(ratios, start=1):
        known = sum(
            math.comb(k - 1, j - 1) * found[j - 1] * ratios[k - j - 1]
            for j in range(1, k)
        )
        found.append(ratio - known)
    return found[-1]


_POSITIVE: Domain = {"a": (0.3, 2.0), "b": (0.5, 2.0), "x": (0.3, 2.0)}


class wright_bessel_grad(of_three):
    """z = the sum of x**k / (k! gamma(a k + b)), Wright's function (DLMF 10.46.1)"""

    forward = "scipy.special:wright_bessel"
    domain: Domain = _POSITIVE
    dtypes: Dtypes = REAL


class log_wright_bessel_grad(of_three):
    """z = the logarithm of Wright's function (DLMF 10.46.1)"""

    forward = "scipy.special:log_wright_bessel"
    domain: Domain = _POSITIVE
    dtypes: Dtypes = REAL


pbdv: Operation = operation(pbdv_grad)
pbvv: Operation = operation(pbvv_grad)
pbwa: Operation = operation(pbwa_grad)
wright_bessel: Operation = operation(wright_bessel_grad)
log_wright_bessel: Operation = operation(log_wright_bessel_grad)
