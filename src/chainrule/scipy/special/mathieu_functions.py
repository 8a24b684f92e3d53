"""Mathieu functions: solutions of ``y'' = p y``, with their slopes.

Derivatives in the argument follow from that equation (DLMF 28.2.1, 28.20.1); those in
the parameter q are interpolated. Orders m are whole numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.special
from numpy.typing import NDArray

from chainrule.rules import elementwise, general
from chainrule.rules.cases import Cases, Dtypes, case, within
from chainrule.scipy.special.interpolation import in_parameters
from chainrule.scipy.special.parabolic_cylinder import solution
from chainrule.scipy.special.partial_derivatives import Orders, computes, name_of
from chainrule.scipy.special.several import (
    Cotangent,
    Finder,
    Grads,
    constant,
    pulled,
    pushed,
)
from chainrule.values.types import Namespace, Operation, Value
from chainrule.wrapping import operation

_WIDTH = 0.3
"""In q: eigenvalues are analytic up to a distance of 1.4 and more (DLMF 28.7)."""
_DEGREE = math.pi / 180.0
_DOUBLE: Dtypes = ("float64",)
"""SciPy's functions are nan in single precision."""
_REFUSED = {"m": "It is a whole number. Pass gd.value(m)."}


@computes("mathieu_a", "mathieu_b")
def of_eigenvalue(name: str, orders: Orders, m: NDArray[Any], q: NDArray[Any]) -> Any:
    """Return a derivative in q of an eigenvalue."""
    width = np.full(np.shape(q), _WIDTH)
    function: Any = getattr(scipy.special, name)
    return in_parameters(function, (m, q), (0, orders[1]), (m, width))


def is_angular(name: str) -> bool:
    """Tell whether a function is one of an angle, in degrees."""
    return name in ("mathieu_cem", "mathieu_sem")


@computes(
    "mathieu_cem",
    "mathieu_sem",
    "mathieu_modcem1",
    "mathieu_modcem2",
    "mathieu_modsem1",
    "mathieu_modsem2",
)
def of_mathieu(
    name: str, orders: Orders, m: NDArray[Any], q: NDArray[Any], x: NDArray[Any]
) -> Any:
    """Return a partial derivative of a Mathieu function of order m at x."""
    order = orders[2]
    scale = _DEGREE if is_angular(name) else 1.0

    def in_x(m: NDArray[Any], q: NDArray[Any], x: NDArray[Any]) -> Any:
        letter = "a" if "cem" in name else "b"
        level: Any = getattr(scipy.special, f"mathieu_{letter}")(m, q)
        values: Any = getattr(scipy.special, name)(m, q, x)
        coefficients = _coefficients(name, level, q, scale * x, order)
        return scale**order * solution(values, coefficients, order)

    # modified functions have powers of sqrt(q), and logarithms, at q = 0
    near = _WIDTH if is_angular(name) else np.minimum(_WIDTH, q / 2.0)
    width = np.broadcast_to(near, np.shape(q))
    return in_parameters(in_x, (m, q, x), (0, orders[1], 0), (m, width, x))


def _coefficients(name: str, level: Any, q: Any, t: Any, order: int) -> list[Any]:
    """Return p and its derivatives: ``2 q cos(2 t) - a``, or ``a - 2 q cosh(2 t)``."""
    found: list[Any] = []
    for i in range(order + 1):
        if is_angular(name):
            found.append(2.0 * q * 2.0**i * np.cos(2.0 * t + i * math.pi / 2.0))
        else:
            found.append(-2.0 * q * 2.0**i * (np.sinh if i % 2 else np.cosh)(2.0 * t))
    found[0] = found[0] + (-level if is_angular(name) else level)
    return found


class _mathieu(general, kind=True):
    """A function of order m, parameter q, at x, and its slope."""

    entrywise = True
    outputs = 2

    @classmethod
    def _slopes(
        cls, xp: Namespace, z: Sequence[Value], m: Value, q: Value, x: Value
    ) -> tuple[Finder, Finder, Finder]:
        """Return what finds the derivatives in q and in x; the slope is in radians."""
        name = name_of(cls)
        unit = _DEGREE if is_angular(name) else 1.0

        def derivative(*orders: int) -> Value:
            return xp.partial_of_3(m, q, x, name=name, orders=orders)

        def in_q() -> Sequence[Value]:
            return derivative(0, 1, 0), derivative(0, 1, 1) / unit

        def in_x() -> Sequence[Value]:
            return unit * z[1], derivative(0, 0, 2) / unit

        return constant, in_q, in_x

    @classmethod
    def pullback(
        cls,
        xp: Namespace,
        z_grad: Grads,
        z: Sequence[Value],
        m: Value,
        q: Value,
        x: Value,
    ) -> tuple[Cotangent, ...]:
        """The cotangents of q and x: those of the results times their slopes"""
        return tuple(pulled(find, z_grad) for find in cls._slopes(xp, z, m, q, x))

    @classmethod
    def pushforward(
        cls,
        xp: Namespace,
        tangents: Grads,
        z: Sequence[Value],
        m: Value,
        q: Value,
        x: Value,
    ) -> tuple[Value, ...] | None:
        """The tangents of the results: slopes times those of q and x"""
        return pushed(cls._slopes(xp, z, m, q, x), tangents)


_ORDERS = np.array([[1.0], [2.0]])


class mathieu_a_grad(elementwise):
    """z = a_m(q), the eigenvalue of the even solution (DLMF 28.2.6)"""

    forward = "scipy.special:mathieu_a"
    refused: Mapping[str, str] = _REFUSED
    dtypes: Dtypes = _DOUBLE
    cases: Cases = (case(_ORDERS, within(0.5, 4.0, 3)),)

    @staticmethod
    def d_q(xp: Namespace, z: Value, m: Value, q: Value) -> Value:
        """dz/dq, interpolated"""
        return xp.partial_of_2(m, q, name="mathieu_a", orders=(0, 1))


class mathieu_b_grad(elementwise):
    """z = b_m(q), the eigenvalue of the odd solution (DLMF 28.2.6)"""

    forward = "scipy.special:mathieu_b"
    refused: Mapping[str, str] = _REFUSED
    dtypes: Dtypes = _DOUBLE
    cases: Cases = (case(_ORDERS, within(0.5, 4.0, 3)),)

    @staticmethod
    def d_q(xp: Namespace, z: Value, m: Value, q: Value) -> Value:
        """dz/dq, interpolated"""
        return xp.partial_of_2(m, q, name="mathieu_b", orders=(0, 1))


class mathieu_cem_grad(_mathieu):
    """z = ce_m of x in degrees, even, and its slope in radians (DLMF 28.2.18)"""

    forward = "scipy.special:mathieu_cem"
    refused: Mapping[str, str] = _REFUSED
    dtypes: Dtypes = _DOUBLE
    cases: Cases = (
        case(_ORDERS, within(0.5, 4.0, 3), within(5.0, 80.0)),
        case(2.0, within(0.5, 4.0), within(5.0, 80.0)),
    )


class mathieu_sem_grad(_mathieu):
    """z = se_m of x in degrees, odd, and its slope in radians (DLMF 28.2.19)"""

    forward = "scipy.special:mathieu_sem"
    refused: Mapping[str, str] = _REFUSED
    dtypes: Dtypes = _DOUBLE
    cases: Cases = (
        case(_ORDERS, within(0.5, 4.0, 3), within(5.0, 80.0)),
        case(2.0, within(0.5, 4.0), within(5.0, 80.0)),
    )


class mathieu_modcem1_grad(_mathieu):
    """z = Mc1_m, modified, even, of the first kind, and its slope (DLMF 28.20)"""

    forward = "scipy.special:mathieu_modcem1"
    refused: Mapping[str, str] = _REFUSED
    dtypes: Dtypes = _DOUBLE
    cases: Cases = (case(_ORDERS, within(0.8, 4.0, 3), within(0.3, 1.2)),)


class mathieu_modcem2_grad(_mathieu):
    """z = Mc2_m, modified, even, of the second kind, and its slope (DLMF 28.20)"""

    forward = "scipy.special:mathieu_modcem2"
    refused: Mapping[str, str] = _REFUSED
    dtypes: Dtypes = _DOUBLE
    cases: Cases = (case(_ORDERS, within(0.8, 4.0, 3), within(0.3, 1.2)),)


class mathieu_modsem1_grad(_mathieu):
    """z = Ms1_m, modified, odd, of the first kind, and its slope (DLMF 28.20)"""

    forward = "scipy.special:mathieu_modsem1"
    refused: Mapping[str, str] = _REFUSED
    dtypes: Dtypes = _DOUBLE
    cases: Cases = (case(_ORDERS, within(0.8, 4.0, 3), within(0.3, 1.2)),)


class mathieu_modsem2_grad(_mathieu):
    """z = Ms2_m, modified, odd, of the second kind, and its slope (DLMF 28.20)"""

    forward = "scipy.special:mathieu_modsem2"
    refused: Mapping[str, str] = _REFUSED
    dtypes: Dtypes = _DOUBLE
    cases: Cases = (case(_ORDERS, within(0.8, 4.0, 3), within(0.3, 1.2)),)


mathieu_a: Operation = operation(mathieu_a_grad)
mathieu_b: Operation = operation(mathieu_b_grad)
mathieu_cem: Operation = operation(mathieu_cem_grad)
mathieu_sem: Operation = operation(mathieu_sem_grad)
mathieu_modcem1: Operation = operation(mathieu_modcem1_grad)
mathieu_modcem2: Operation = operation(mathieu_modcem2_grad)
mathieu_modsem1: Operation = operation(mathieu_modsem1_grad)
mathieu_modsem2: Operation = operation(mathieu_modsem2_grad)
