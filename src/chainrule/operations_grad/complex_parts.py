"""Rules of complex numbers: complex_of, real, imag, conj, angle.

Cotangents pair with tangents as ``Re(z_grad * z_dot)``, without a conjugate. The first
four are linear over the real numbers, and their transposes follow from that pairing.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.rules import elementwise, linear
from chainrule.rules.cases import Cases, Domain, case
from chainrule.rules.namespace import EXTRA
from chainrule.values.foreign import first_foreign
from chainrule.values.shapes import is_complex, shape_of, unbroadcast
from chainrule.values.types import Namespace, Parameters, Support, Value
from chainrule.values.vertices import first_stand_in


def complex_of(re: Value, im: Value) -> Any:
    """Return re + i im, each part as it is: ``1j * inf`` would make nan of the other.

    >>> complex_of(-0.0, np.inf)
    np.complex128(-0+infj)
    """
    trace = first_stand_in(re, im)
    if trace is not None:
        return trace.whole(complex_of, (re, im), {})
    if first_foreign((re, im)) is not None:
        return re + 1j * im
    re, im = np.real(re), np.real(im)
    shape = np.broadcast_shapes(np.shape(re), np.shape(im))
    z = np.empty(shape, np.result_type(re, im, 1j))
    z.real, z.imag = re, im
    return z if shape else z[()]


EXTRA["complex_of"] = complex_of


class complex_of_grad(linear):
    """z = re + i im"""

    forward = complex_of
    entrywise = True
    cases: Cases = (
        case((2, 3), (2, 3)),
        case((2, 3), (3,)),
        case((), ()),
        case((0,), (0,)),
    )

    @staticmethod
    def transpose_re(xp: Namespace, z_grad: Value, re: Value, im: Value) -> Value:
        """re_grad = Re(z_grad)"""
        return unbroadcast(xp, xp.real(z_grad), shape_of(re))

    @staticmethod
    def transpose_im(xp: Namespace, z_grad: Value, re: Value, im: Value) -> Value:
        """im_grad = -Im(z_grad), as Re(z_grad i im_dot) = -Im(z_grad) im_dot"""
        return unbroadcast(xp, xp.negative(xp.imag(z_grad)), shape_of(im))

    @classmethod
    def marks(cls, support: Support, shape: tuple[int, ...], like: Any = None) -> Any:
        """Return marks with two parts, of which each transpose takes its own"""
        return (1.0 + 1.0j) * super().marks(support, shape, like)


class real_grad(linear):
    """z = Re(x)"""

    views = True
    forward = np.real
    expression = "x"
    entrywise = True
    cases: Cases = (case((2, 3)), case(()), case((0,)))

    @staticmethod
    def transpose_x(xp: Namespace, z_grad: Value, x: Value) -> Value:
        """x_grad = z_grad"""
        return z_grad

    @classmethod
    def put(cls, xp: Namespace, z: Value, x: Value, parameters: Parameters) -> Any:
        """Return z + i Im(x); ``z`` for a real x"""
        return xp.complex_of(z, xp.imag(x)) if is_complex(x) else xp.positive(z)


class imag_grad(linear):
    """z = Im(x), 0 for a real x"""

    views = True
    forward = np.imag
    entrywise = True
    cases: Cases = (case((2, 3)), case(()), case((0,)))

    @staticmethod
    def transpose_x(xp: Namespace, z_grad: Value, x: Value) -> Value:
        """x_grad = -i z_grad, as Re(-i z_grad x_dot) = z_grad Im(x_dot)"""
        return xp.complex_of(0.0, xp.negative(z_grad))

    @classmethod
    def marks(cls, support: Support, shape: tuple[int, ...], like: Any = None) -> Any:
        """Return marks that have an imaginary part too: it is what is supported"""
        return (1.0 + 1.0j) * super().marks(support, shape, like)

    @classmethod
    def put(cls, xp: Namespace, z: Value, x: Value, parameters: Parameters) -> Any:
        """Return Re(x) + i z"""
        return xp.complex_of(xp.real(x), z)


class conj_grad(linear):
    """z = conj(x)"""

    forward = np.conjugate
    expression = "x"
    latex = r"\operatorname{conj}"
    cases: Cases = (case((2, 3)), case(()), case((0,)))

    @staticmethod
    def transpose_x(xp: Namespace, z_grad: Value, x: Value) -> Value:
        """x_grad = conj(z_grad)"""
        return xp.conjugate(z_grad)


class angle_grad(elementwise):
    """z = arg(x), in radians, or in degrees with ``deg``

    The angle of a real number is locally constant. At 0 it has no limit, and the
    derivative is nan.
    """

    forward = np.angle
    domain: Domain = {"x": (0.5, 2.0)}
    cases: Cases = (case((3,), deg=True),)

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, *, deg: bool = False) -> Any:
        """dz/dx = -1j / x, as z_dot = Im(x_dot / x)"""
        return (-180j / math.pi if deg else -1j) / x
