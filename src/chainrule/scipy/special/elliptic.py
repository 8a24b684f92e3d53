"""Legendre's elliptic integrals and Jacobi's elliptic functions, of the parameter m."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.special
from numpy.typing import NDArray

from chainrule.rules import elementwise
from chainrule.rules.cases import REAL, Cases, Domain, Dtypes, case, positive, within
from chainrule.rules.namespace import EXTRA, opaque
from chainrule.scipy.special.carlson import integral, rising
from chainrule.scipy.special.partial_derivatives import (
    Orders,
    computes,
    in_double,
    of_one,
)
from chainrule.scipy.special.several import several_of_two
from chainrule.values.types import Namespace, Operation, Value
from chainrule.wrapping import operation

_BELOW_1: Domain = {"x": (-1.0, 0.8)}


@computes("ellipk", "ellipe", "ellipkm1")
def of_complete(name: str, orders: Orders, x: NDArray[Any]) -> Any:
    """Return a derivative of a complete integral (DLMF 19.25.1).

    ``K(m) = R_F(0, 1 - m, 1)`` and ``E(m) = 2 R_G(0, 1 - m, 1)``; the derivatives are
    integrals that do not cancel at m = 0.
    """
    (k,) = orders
    if not k:
        return getattr(scipy.special, name)(x)
    own = x if name == "ellipkm1" else 1.0 - x
    sign = (-1.0) ** k if name == "ellipkm1" else 1.0
    if k == 1 and name != "ellipe":
        return sign * scipy.special.elliprd(0.0, 1.0, own) / 6.0
    if k == 1:
        return -scipy.special.elliprd(0.0, own, 1.0) / 6.0
    operands = [np.zeros(()), own, np.ones(())]
    if name == "ellipe":
        return -0.5 * rising(0.5, k) * integral(operands, (0.5, 0.5 + k, 0.5), 1)
    return sign * 0.5 * rising(0.5, k) * integral(operands, (0.5, 0.5 + k, 0.5))


class ellipk_grad(of_one):
    """z = K(x), the complete integral of the first kind of the parameter x"""

    forward = "scipy.special:ellipk"
    domain: Domain = _BELOW_1
    dtypes: Dtypes = REAL


class ellipe_grad(of_one):
    """z = E(x), the complete integral of the second kind of the parameter x"""

    forward = "scipy.special:ellipe"
    domain: Domain = _BELOW_1
    dtypes: Dtypes = REAL


class ellipkm1_grad(of_one):
    """z = K(1 - x), the complete integral of the first kind, for a parameter near 1"""

    forward = "scipy.special:ellipkm1"
    domain: Domain = {"x": (0.2, 2.0)}
    dtypes: Dtypes = REAL


# ------------------------------------------------------------------------- incomplete


@opaque
def elliptic_in_parameter(phi: Value, m: Value, *, kind: int, order: int) -> Value:
    """Return a derivative in m of an incomplete integral of the first or second kind.

    With ``q = 1 - m sin(phi)**2`` it is the integral of ``sin**(2 order) q**(1/2 or
    -1/2, less order)`` up to a factor, one over positive numbers in Carlson's form
    (DLMF 19.25.5); each half turn of phi adds two complete ones.
    """
    dtype: Any = np.result_type(phi, m)
    angle, m = in_double(phi), in_double(m)
    with np.errstate(all="ignore"):
        turns = np.rint(angle / math.pi)
        left = angle - turns * math.pi
        sine, cosine = np.sin(left), np.cos(left)
        own = 1.0 - m * sine * sine
        name, shift = ("ellipk", 0.5) if kind == 1 else ("ellipe", -0.5)
        exponents = (0.5, order + shift, 1.0 - shift)
        part: Any = integral([cosine**2, own, np.ones(())], exponents)
        part = 0.5 * rising(shift, order) * sine ** (2 * order + 1) * part
        whole = np.where(turns == 0, 0.0, turns * of_complete(name, (order,), m))
        found: Any = np.asarray(2.0 * whole + np.where(sine == 0, 0.0, part))
    return found.astype(np.float32)[()] if dtype == np.float32 else found[()]


EXTRA["elliptic_in_parameter"] = elliptic_in_parameter


def _integrand(xp: Namespace, phi: Value, m: Value, kind: int, order: int) -> Value:
    """Return the derivative in m of the integrand at phi."""
    shift = 0.5 if kind == 1 else -0.5
    square = xp.sin(phi) ** 2
    power = (1.0 - m * square) ** (-shift - order)
    return rising(shift, order) * square**order * power if order else power


class elliptic_in_parameter_grad(elementwise):
    """z = a derivative in m, ``order`` times, of F(phi, m) or E(phi, m)"""

    forward = elliptic_in_parameter
    dtypes: Dtypes = REAL
    cases: Cases = (
        case(within(-4.0, 4.0, 3, 1), within(-0.9, 0.9, 2), kind=1, order=1),
        case(within(-4.0, 4.0, 3), within(-0.9, 0.9), kind=2, order=1),
        case(within(-1.0, 1.0, 3), within(-0.9, 0.9), kind=2, order=2),
    )

    @staticmethod
    def d_phi(
        xp: Namespace, z: Value, phi: Value, m: Value, *, kind: int, order: int
    ) -> Value:
        """dz/dphi = the integrand at phi"""
        return _integrand(xp, phi, m, kind, order)

    @staticmethod
    def d_m(
        xp: Namespace, z: Value, phi: Value, m: Value, *, kind: int, order: int
    ) -> Value:
        """dz/dm = the next derivative"""
        return xp.elliptic_in_parameter(phi, m, kind=kind, order=order + 1)


_ANGLES: Domain = {"phi": (-4.0, 4.0), "m": (-0.9, 0.9)}


class ellipkinc_grad(elementwise):
    """z = F(phi, m), the incomplete integral of the first kind (DLMF 19.2.4)"""

    forward = "scipy.special:ellipkinc"
    domain: Domain = _ANGLES
    dtypes: Dtypes = REAL

    @staticmethod
    def d_phi(xp: Namespace, z: Value, phi: Value, m: Value) -> Value:
        """dz/dphi = (1 - m sin(phi)**2)**(-1/2)"""
        return _integrand(xp, phi, m, 1, 0)

    @staticmethod
    def d_m(xp: Namespace, z: Value, phi: Value, m: Value) -> Value:
        """dz/dm, an integral of the same kind"""
        return xp.elliptic_in_parameter(phi, m, kind=1, order=1)


class ellipeinc_grad(elementwise):
    """z = E(phi, m), the incomplete integral of the second kind (DLMF 19.2.5)"""

    forward = "scipy.special:ellipeinc"
    domain: Domain = _ANGLES
    dtypes: Dtypes = REAL

    @staticmethod
    def d_phi(xp: Namespace, z: Value, phi: Value, m: Value) -> Value:
        """dz/dphi = (1 - m sin(phi)**2)**(1/2)"""
        return _integrand(xp, phi, m, 2, 0)

    @staticmethod
    def d_m(xp: Namespace, z: Value, phi: Value, m: Value) -> Value:
        """dz/dm, an integral of the same kind"""
        return xp.elliptic_in_parameter(phi, m, kind=2, order=1)


# --------------------------------------------------------------------------- functions


class ellipj_grad(several_of_two):
    """z = sn, cn, dn and the amplitude of v, of parameter x (DLMF 22.2, 22.16.1)"""

    forward = "scipy.special:ellipj"
    outputs = 4
    dtypes: Dtypes = REAL
    cases: Cases = (
        case(within(-3.0, 3.0, 3, 1), within(0.1, 0.9, 2)),
        case(positive(), within(0.1, 0.9)),
    )

    @classmethod
    def _d_v(
        cls, xp: Namespace, z: Sequence[Value], v: Value, x: Value
    ) -> tuple[Value, ...]:
        """Return cn dn, -sn dn, -m sn cn, dn (DLMF 22.13.1)."""
        sn, cn, dn, _ = z
        return cn * dn, -sn * dn, -x * sn * cn, dn

    @staticmethod
    def _d_x(
        xp: Namespace, z: Sequence[Value], v: Value, x: Value
    ) -> tuple[Value, ...]:
        """Return what ``F(amplitude, m) = v`` says of the amplitude's slope."""
        sn, cn, dn, amplitude = z
        slope = -dn * xp.elliptic_in_parameter(amplitude, x, kind=1, order=1)
        of_dn = -sn * (sn / 2.0 + x * cn * slope) / dn
        return cn * slope, -sn * slope, of_dn, slope


ellipk: Operation = operation(ellipk_grad)
ellipe: Operation = operation(ellipe_grad)
ellipkm1: Operation = operation(ellipkm1_grad)
ellipkinc: Operation = operation(ellipkinc_grad)
ellipeinc: Operation = operation(ellipeinc_grad)
elliptic_derivative: Operation = operation(elliptic_in_parameter_grad)
ellipj: Operation = operation(ellipj_grad)
