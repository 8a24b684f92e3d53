"""Kelvin functions: real and imaginary parts of Bessel functions on a diagonal."""

from __future__ import annotations

import cmath
import math
from typing import Any

import numpy as np
import scipy.special
from numpy.typing import ArrayLike, NDArray

from chainrule.rules.cases import REAL, Domain, Dtypes
from chainrule.scipy.special.cylinder_functions import in_argument
from chainrule.scipy.special.partial_derivatives import Orders, computes, of_one
from chainrule.values.types import Operation, Value
from chainrule.wrapping import implements, operation

_FIRST, _SECOND = cmath.exp(0.75j * math.pi), cmath.exp(0.25j * math.pi)
_NEAR, _TERMS = 5.0, 30
"""Up to where the functions are not those on the diagonal, and how many terms then."""
_where: Any = np.where
_RIGHT: Domain = {"x": (0.5, 4.0)}


@computes("ber", "bei", "ker", "kei", "berp", "beip", "kerp", "keip")
def of_kelvin(name: str, orders: Orders, x: NDArray[Any]) -> Any:
    """Return a derivative of a Kelvin function (DLMF 10.61.1 and 10.61.2).

    ``ber x + i bei x = J_0(x exp(3 pi i / 4))``, ``ker x + i kei x`` is ``K_0`` of
    ``x exp(pi i / 4)``; for x < 0 the latter are nan.
    """
    order = orders[0] + name.endswith("p")
    near: Any = np.abs(x) < _NEAR
    if name[0] == "b":
        close = _series(order, _where(near, x, 0.0))
        found = _where(near, close, _by_bessel("jv", _FIRST, order, x))
    else:
        own = _where(x < 0, np.nan, x)
        close = _by_equation(order, _where(near, own, 1.0))
        found = _where(near, close, _by_bessel("kv", _SECOND, order, own))
    return found.real if name[1:3] == "er" else found.imag


def _by_bessel(kind: str, turn: complex, order: int, x: NDArray[Any]) -> Any:
    """Return a derivative of a Bessel function of order 0 on a diagonal."""
    return turn**order * in_argument(kind, order, np.zeros(()), turn * x)


def _series(order: int, x: NDArray[Any]) -> Any:
    """Return a derivative of ``ber + i bei`` by the power series (DLMF 10.65.1).

    Both parts keep their digits near 0, where the real one is much larger.
    """
    total: Any = 0.0
    for k in range(_TERMS):
        degree = 2 * k
        if degree >= order:
            share = math.perm(degree, order) / math.factorial(k) ** 2
            total = total + 1j**k * share * (x / 2.0) ** (degree - order)
    return total / 2.0**order


def _by_equation(order: int, x: NDArray[Any]) -> Any:
    """Return a derivative of ``w = ker + i kei`` by ``x w'' + w' = i x w``.

    It is differentiated as often as is needed; DLMF 10.61.3.
    """
    found: list[Any] = [
        scipy.special.ker(x) + 1j * scipy.special.kei(x),
        scipy.special.kerp(x) + 1j * scipy.special.keip(x),
    ]
    while len(found) <= order:
        n = len(found) - 2
        source = x * found[n] + (n * found[n - 1] if n else 0.0)
        found.append((1j * source - (n + 1.0) * found[n + 1]) / x)
    return found[order]


class ber_grad(of_one):
    """z = ber(x), Re J_0(x exp(3 pi i / 4)) (DLMF 10.61.1)"""

    forward = "scipy.special:ber"
    dtypes: Dtypes = REAL


class bei_grad(of_one):
    """z = bei(x), Im J_0(x exp(3 pi i / 4)) (DLMF 10.61.1)"""

    forward = "scipy.special:bei"
    dtypes: Dtypes = REAL


class ker_grad(of_one):
    """z = ker(x), Re K_0(x exp(pi i / 4)) (DLMF 10.61.2)"""

    forward = "scipy.special:ker"
    dtypes: Dtypes = REAL
    domain: Domain = _RIGHT


class kei_grad(of_one):
    """z = kei(x), Im K_0(x exp(pi i / 4)) (DLMF 10.61.2)"""

    forward = "scipy.special:kei"
    dtypes: Dtypes = REAL
    domain: Domain = _RIGHT


class berp_grad(of_one):
    """z = ber'(x), the derivative of ber"""

    forward = "scipy.special:berp"
    dtypes: Dtypes = REAL


class beip_grad(of_one):
    """z = bei'(x), the derivative of bei"""

    forward = "scipy.special:beip"
    dtypes: Dtypes = REAL


class kerp_grad(of_one):
    """z = ker'(x), the derivative of ker"""

    forward = "scipy.special:kerp"
    dtypes: Dtypes = REAL
    domain: Domain = _RIGHT


class keip_grad(of_one):
    """z = kei'(x), the derivative of kei"""

    forward = "scipy.special:keip"
    dtypes: Dtypes = REAL
    domain: Domain = _RIGHT


ber: Operation = operation(ber_grad)
bei: Operation = operation(bei_grad)
ker: Operation = operation(ker_grad)
kei: Operation = operation(kei_grad)
berp: Operation = operation(berp_grad)
beip: Operation = operation(beip_grad)
kerp: Operation = operation(kerp_grad)
keip: Operation = operation(keip_grad)


@implements(scipy.special.kelvin)
def kelvin(x: ArrayLike) -> tuple[Value, Value, Value, Value]:
    """Return ``ber + i bei``, ``ker + i kei`` and the derivatives of these at x."""
    return (
        ber(x) + 1j * bei(x),
        ker(x) + 1j * kei(x),
        berp(x) + 1j * beip(x),
        kerp(x) + 1j * keip(x),
    )
