"""Spheroidal wave functions, with their slopes.

Derivatives in the argument follow from their equation (DLMF 30.2.1), those in the
parameter c are interpolated. Orders m and degrees n are whole numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import scipy.special
from numpy.typing import NDArray

from chainrule.rules import elementwise, general
from chainrule.rules.cases import Cases, Dtypes, case, within
from chainrule.scipy.special.interpolation import in_parameters
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

Name = str
_PROLATE = float(scipy.special.pro_cv(1, 3, 1.5))
_OBLATE = float(scipy.special.obl_cv(1, 3, 1.5))
_DOUBLE: Dtypes = ("float64",)
"""SciPy does not return from eigenvalues in single precision."""
_REFUSED = {k: f"It is a whole number. Pass gd.value({k})." for k in "mn"}


def _refused_with_eigenvalue(name: Name) -> dict[str, str]:
    """Return why m, n, c and v are refused: those are not free of each other."""
    why = f"The function is one of c and its own eigenvalue: call {name}, which finds "
    return {**_REFUSED, **dict.fromkeys("cv", why + "that.")}


def _slopes(polynomial: Sequence[Any], x: Any, count: int) -> list[Any]:
    """Return a polynomial at x and its derivatives, ``count`` of them."""
    found: list[Any] = []
    for i in range(count + 1):
        total: Any = 0.0
        for j in range(i, len(polynomial)):
            total = total + math.perm(j, i) * polynomial[j] * x ** (j - i)
        found.append(total)
    return found


def _equation(name: Name, m: Any, c: Any, level: Any) -> tuple[Sequence[Any], ...]:
    """Return the polynomials that y'', y' and y have in the equation, which sum to 0.

    ``(1 - x**2)**2``, ``-2 x (1 - x**2)`` and ``(L - t c**2 x**2) (1 - x**2) - m**2``,
    with t = -1 of oblate functions. Oblate radial ones are functions of ``i x`` in it.
    """
    square, whole = c * c, m * m
    if name.startswith("obl_rad"):
        last = (whole - level, 0.0, square - level, 0.0, square)
        return (1.0, 0.0, 2.0, 0.0, 1.0), (0.0, 2.0, 0.0, 2.0), last
    square = square if name.startswith("pro") else -square
    last = (level - whole, 0.0, -level - square, 0.0, square)
    return (1.0, 0.0, -2.0, 0.0, 1.0), (0.0, -2.0, 0.0, 2.0), last


def of_equation(
    name: Name, values: Sequence[Any], m: Any, c: Any, level: Any, x: Any, order: int
) -> Any:
    """Return a derivative from the values y and y', by the equation's derivatives."""
    parts = [_slopes(part, x, order) for part in _equation(name, m, c, level)]
    found = list(values)
    while len(found) <= order:
        k = len(found) - 2
        total: Any = 0.0
        for i in range(k + 1):
            for part, up in zip(parts, (2, 1, 0), strict=True):
                if k - i + up < len(found):
                    total = total + math.comb(k, i) * part[i] * found[k - i + up]
        found.append(-total / parts[0][0])
    return found[order]


def _width(c: Any) -> Any:
    """Return how far around c values are taken: functions may have a pole at c = 0."""
    return np.minimum(0.25, c / 2.0)


@computes("pro_cv", "obl_cv")
def of_eigenvalue(
    name: str, orders: Orders, m: NDArray[Any], n: NDArray[Any], c: NDArray[Any]
) -> Any:
    """Return a derivative in c of an eigenvalue."""
    function: Any = getattr(scipy.special, name)
    return in_parameters(function, (m, n, c), (0, 0, orders[2]), (m, n, _width(c)))


@computes("pro_ang1", "pro_rad1", "pro_rad2", "obl_ang1", "obl_rad1", "obl_rad2")
def of_spheroidal(name: str, orders: Orders, *operands: NDArray[Any]) -> Any:
    """Return a partial derivative in c and x of a function of m, n, c, x."""

    def in_x(m: Any, n: Any, c: Any, x: Any) -> Any:
        values: Any = getattr(scipy.special, name)(m, n, c, x)
        level: Any = getattr(scipy.special, f"{name[:3]}_cv")(m, n, c)
        return of_equation(name, values, m, c, level, x, orders[3])

    m, n, c, x = operands
    return in_parameters(in_x, (m, n, c, x), (0, 0, orders[2], 0), (m, n, _width(c), x))


class _spheroidal(general, kind=True):
    """A function of order m, degree n, parameter c, at x, and its slope in x."""

    entrywise = True
    outputs = 2

    @classmethod
    def _slopes(
        cls, xp: Namespace, z: Sequence[Value], m: Value, n: Value, c: Value, x: Value
    ) -> tuple[Finder, ...]:
        """Return what finds the derivatives in c and in x."""
        name = name_of(cls)

        def derivative(*orders: int) -> Value:
            return xp.partial_of_4(m, n, c, x, name=name, orders=orders)

        def in_c() -> Sequence[Value]:
            return derivative(0, 0, 1, 0), derivative(0, 0, 1, 1)

        def in_x() -> Sequence[Value]:
            return z[1], derivative(0, 0, 0, 2)

        return constant, constant, in_c, in_x

    @classmethod
    def pullback(
        cls,
        xp: Namespace,
        z_grad: Grads,
        z: Sequence[Value],
        m: Value,
        n: Value,
        c: Value,
        x: Value,
    ) -> tuple[Cotangent, ...]:
        """The cotangents of c and x: those of the results times their slopes"""
        return tuple(pulled(find, z_grad) for find in cls._slopes(xp, z, m, n, c, x))

    @classmethod
    def pushforward(
        cls,
        xp: Namespace,
        tangents: Grads,
        z: Sequence[Value],
        m: Value,
        n: Value,
        c: Value,
        x: Value,
    ) -> tuple[Value, ...] | None:
        """The tangents of the results: slopes times those of c and x"""
        return pushed(cls._slopes(xp, z, m, n, c, x), tangents)


class _of_known_eigenvalue(general, kind=True):
    """The same where the eigenvalue v is given; of x alone."""

    entrywise = True
    outputs = 2

    @classmethod
    def _in_x(
        cls, z: Sequence[Value], m: Value, c: Value, v: Value, x: Value
    ) -> Sequence[Value]:
        """Return y' and, by the equation, y''."""
        return z[1], of_equation(name_of(cls), z, m, c, v, x, 2)

    @classmethod
    def pullback(
        cls,
        xp: Namespace,
        z_grad: Grads,
        z: Sequence[Value],
        m: Value,
        n: Value,
        c: Value,
        v: Value,
        x: Value,
    ) -> tuple[Cotangent | None, ...]:
        """x_grad = y_grad y' + slope_grad y''"""
        in_x = partial(cls._in_x, z, m, c, v, x)
        return None, None, None, None, pulled(in_x, z_grad)

    @classmethod
    def pushforward(
        cls,
        xp: Namespace,
        tangents: Grads,
        z: Sequence[Value],
        m: Value,
        n: Value,
        c: Value,
        v: Value,
        x: Value,
    ) -> tuple[Value, ...] | None:
        """y_dot = y' x_dot, slope_dot = y'' x_dot"""
        return pushed((partial(cls._in_x, z, m, c, v, x),), tangents[-1:])


class pro_cv_grad(elementwise):
    """z = the eigenvalue of prolate functions of order m, degree n (DLMF 30.3)"""

    forward = "scipy.special:pro_cv"
    refused: Mapping[str, str] = _REFUSED
    dtypes: Dtypes = _DOUBLE
    cases: Cases = (case(1.0, 3.0, within(0.5, 3.0, 3)),)

    @staticmethod
    def d_c(xp: Namespace, z: Value, m: Value, n: Value, c: Value) -> Value:
        """dz/dc, interpolated"""
        return xp.partial_of_3(m, n, c, name="pro_cv", orders=(0, 0, 1))


class obl_cv_grad(elementwise):
    """z = the eigenvalue of oblate functions of order m, degree n (DLMF 30.3)"""

    forward = "scipy.special:obl_cv"
    refused: Mapping[str, str] = _REFUSED
    dtypes: Dtypes = _DOUBLE
    cases: Cases = (case(1.0, 3.0, within(0.5, 3.0, 3)),)

    @staticmethod
    def d_c(xp: Namespace, z: Value, m: Value, n: Value, c: Value) -> Value:
        """dz/dc, interpolated"""
        return xp.partial_of_3(m, n, c, name="obl_cv", orders=(0, 0, 1))


class pro_ang1_grad(_spheroidal):
    """z = angular prolate, of the first kind, and its slope (DLMF 30)"""

    forward = "scipy.special:pro_ang1"
    refused: Mapping[str, str] = _REFUSED
    dtypes: Dtypes = _DOUBLE
    cases: Cases = (case(1.0, 3.0, within(1.5, 2.5, 3), within(0.1, 0.8)),)


class pro_ang1_cv_grad(_of_known_eigenvalue):
    """z = angular prolate, of the first kind, of eigenvalue v, and its slope"""

    forward = "scipy.special:pro_ang1_cv"
    refused: Mapping[str, str] = _refused_with_eigenvalue("pro_ang1")
    dtypes: Dtypes = _DOUBLE
    cases: Cases = (case(1.0, 3.0, 1.5, _PROLATE, within(0.1, 0.8, 3)),)


class pro_rad1_grad(_spheroidal):
    """z = radial prolate, of the first kind, and its slope (DLMF 30)"""

    forward = "scipy.special:pro_rad1"
    refused: Mapping[str, str] = _REFUSED
    dtypes: Dtypes = _DOUBLE
    cases: Cases = (case(1.0, 3.0, within(1.5, 2.5, 3), within(2.2, 2.6)),)


class pro_rad1_cv_grad(_of_known_eigenvalue):
    """z = radial prolate, of the first kind, of eigenvalue v, and its slope"""

    forward = "scipy.special:pro_rad1_cv"
    refused: Mapping[str, str] = _refused_with_eigenvalue("pro_rad1")
    dtypes: Dtypes = _DOUBLE
    cases: Cases = (case(1.0, 3.0, 1.5, _PROLATE, within(2.2, 2.6, 3)),)


class pro_rad2_grad(_spheroidal):
    """z = radial prolate, of the second kind, and its slope (DLMF 30)"""

    forward = "scipy.special:pro_rad2"
    refused: Mapping[str, str] = _REFUSED
    dtypes: Dtypes = _DOUBLE
    cases: Cases = (case(1.0, 3.0, within(1.5, 2.5, 3), within(2.2, 2.6)),)


class pro_rad2_cv_grad(_of_known_eigenvalue):
    """z = radial prolate, of the second kind, of eigenvalue v, and its slope"""

    forward = "scipy.special:pro_rad2_cv"
    refused: Mapping[str, str] = _refused_with_eigenvalue("pro_rad2")
    dtypes: Dtypes = _DOUBLE
    cases: Cases = (case(1.0, 3.0, 1.5, _PROLATE, within(2.2, 2.6, 3)),)


class obl_ang1_grad(_spheroidal):
    """z = angular oblate, of the first kind, and its slope (DLMF 30)"""

    forward = "scipy.special:obl_ang1"
    refused: Mapping[str, str] = _REFUSED
    dtypes: Dtypes = _DOUBLE
    cases: Cases = (case(1.0, 3.0, within(1.5, 2.5, 3), within(0.1, 0.8)),)


class obl_ang1_cv_grad(_of_known_eigenvalue):
    """z = angular oblate, of the first kind, of eigenvalue v, and its slope"""

    forward = "scipy.special:obl_ang1_cv"
    refused: Mapping[str, str] = _refused_with_eigenvalue("obl_ang1")
    dtypes: Dtypes = _DOUBLE
    cases: Cases = (case(1.0, 3.0, 1.5, _OBLATE, within(0.1, 0.8, 3)),)


class obl_rad1_grad(_spheroidal):
    """z = radial oblate, of the first kind, and its slope (DLMF 30)"""

    forward = "scipy.special:obl_rad1"
    refused: Mapping[str, str] = _REFUSED
    dtypes: Dtypes = _DOUBLE
    cases: Cases = (case(1.0, 3.0, within(1.5, 2.5, 3), within(2.2, 2.6)),)


class obl_rad1_cv_grad(_of_known_eigenvalue):
    """z = radial oblate, of the first kind, of eigenvalue v, and its slope"""

    forward = "scipy.special:obl_rad1_cv"
    refused: Mapping[str, str] = _refused_with_eigenvalue("obl_rad1")
    dtypes: Dtypes = _DOUBLE
    cases: Cases = (case(1.0, 3.0, 1.5, _OBLATE, within(2.2, 2.6, 3)),)


class obl_rad2_grad(_spheroidal):
    """z = radial oblate, of the second kind, and its slope (DLMF 30)"""

    forward = "scipy.special:obl_rad2"
    refused: Mapping[str, str] = _REFUSED
    dtypes: Dtypes = _DOUBLE
    cases: Cases = (case(1.0, 3.0, within(1.5, 2.5, 3), within(2.2, 2.6)),)


class obl_rad2_cv_grad(_of_known_eigenvalue):
    """z = radial oblate, of the second kind, of eigenvalue v, and its slope"""

    forward = "scipy.special:obl_rad2_cv"
    refused: Mapping[str, str] = _refused_with_eigenvalue("obl_rad2")
    dtypes: Dtypes = _DOUBLE
    cases: Cases = (case(1.0, 3.0, 1.5, _OBLATE, within(2.2, 2.6, 3)),)


pro_cv: Operation = operation(pro_cv_grad)
obl_cv: Operation = operation(obl_cv_grad)
pro_ang1: Operation = operation(pro_ang1_grad)
pro_ang1_cv: Operation = operation(pro_ang1_cv_grad)
pro_rad1: Operation = operation(pro_rad1_grad)
pro_rad1_cv: Operation = operation(pro_rad1_cv_grad)
pro_rad2: Operation = operation(pro_rad2_grad)
pro_rad2_cv: Operation = operation(pro_rad2_cv_grad)
obl_ang1: Operation = operation(obl_ang1_grad)
obl_ang1_cv: Operation = operation(obl_ang1_cv_grad)
obl_rad1: Operation = operation(obl_rad1_grad)
obl_rad1_cv: Operation = operation(obl_rad1_cv_grad)
obl_rad2: Operation = operation(obl_rad2_grad)
obl_rad2_cv: Operation = operation(obl_rad2_cv_grad)
