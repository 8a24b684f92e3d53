"""Rules of complex numbers: real, imag, conj, angle.

Cotangents pair with tangents as ``Re(z_grad * z_dot)``, without a conjugate. The first
three are linear over the real numbers, and their transposes follow from that pairing.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.rules import elementwise, linear
from chainrule.rules.cases import Cases, Domain, case
from chainrule.values.shapes import is_complex
from chainrule.values.types import Namespace, Parameters, Support, Value


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
        return z + 1j * xp.imag(x) if is_complex(x) else xp.positive(z)


class imag_grad(linear):
    """z = Im(x), 0 for a real x"""

    views = True
    forward = np.imag
    entrywise = True
    cases: Cases = (case((2, 3)), case(()), case((0,)))

    @staticmethod
    def transpose_x(xp: Namespace, z_grad: Value, x: Value) -> Value:
        """x_grad = -1j z_grad, as Re(-1j z_grad x_dot) = z_grad Im(x_dot)"""
        return xp.multiply(-1j, z_grad)

    @classmethod
    def marks(cls, support: Support, shape: tuple[int, ...], like: Any = None) -> Any:
        """Return marks that have an imaginary part too: it is what is supported"""
        return (1.0 + 1.0j) * super().marks(support, shape, like)

    @classmethod
    def put(cls, xp: Namespace, z: Value, x: Value, parameters: Parameters) -> Any:
        """Return Re(x) + i z"""
        return xp.real(x) + 1j * z


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
