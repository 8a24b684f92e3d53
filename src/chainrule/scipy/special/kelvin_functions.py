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
_RIGHT: Domain = {"x": (0.5, 4.0)}


@computes("ber", "bei", "ker", "kei", "berp", "beip", "kerp", "keip")
def of_kelvin(name: str, orders: Orders, x: NDArray[Any]) -> Any:
    """Return a derivative of a Kelvin function (DLMF 10.61.1 and 10.61.2).

    ``ber x + i bei x = J_0(x exp(3 pi i / 4))``, ``ker x + i kei x`` is ``K_0`` of
    ``x exp(pi i / 4)``; for x < 0 the latter are nan.
    """
    order = orders[0] + name.endswith("p")
    first = name[0] == "b"
    turn = _FIRST if first else _SECOND
    own = x if first else np.where(x < 0, np.nan, x)
    found = in_argument("jv" if first else "kv", order, np.zeros(()), turn * own)
    found = turn**order * found
    return found.real if name[1:3] == "er" else found.imag


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
