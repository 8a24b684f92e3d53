"""Bessel functions, with derivatives of every order in the argument and the order.

Formulas are those of DLMF 10; see ``cylinder_functions``. Orders may be real numbers;
those of ``kn`` and ``yn`` are whole numbers.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from chainrule.rules import elementwise
from chainrule.rules.cases import (
    REAL,
    Cases,
    Conventions,
    Domain,
    Dtypes,
    case,
    positive,
)
from chainrule.scipy.special.partial_derivatives import of_two
from chainrule.values.types import Namespace, Operation, Value
from chainrule.wrapping import operation

_NEAR: Domain = {"v": (0.2, 3.0), "x": (0.5, 4.0)}
_FROM_0: Domain = {"x": (0.5, 4.0)}


class jv_grad(of_two):
    """z = J_v(x), of the first kind (DLMF 10.2.2, 10.6.7, 10.15)"""

    forward = "scipy.special:jv"
    domain: Domain = _NEAR
    dtypes: Dtypes = REAL


class yv_grad(of_two):
    """z = Y_v(x), of the second kind (DLMF 10.2.3, 10.6.7, 10.15)"""

    forward = "scipy.special:yv"
    domain: Domain = _NEAR
    dtypes: Dtypes = REAL


class iv_grad(of_two):
    """z = I_v(x), modified, of the first kind (DLMF 10.25.2, 10.29.5, 10.38)"""

    forward = "scipy.special:iv"
    domain: Domain = _NEAR
    dtypes: Dtypes = REAL


class kv_grad(of_two):
    """z = K_v(x), modified, of the second kind (DLMF 10.27.4, 10.29.5, 10.38)"""

    forward = "scipy.special:kv"
    domain: Domain = _NEAR
    dtypes: Dtypes = REAL


class jve_grad(of_two):
    """z = J_v(x), scaled by exp(-|Im x|) (DLMF 10.2.2)"""

    forward = "scipy.special:jve"
    domain: Domain = _NEAR
    dtypes: Dtypes = REAL


class yve_grad(of_two):
    """z = Y_v(x), scaled by exp(-|Im x|) (DLMF 10.2.3)"""

    forward = "scipy.special:yve"
    domain: Domain = _NEAR
    dtypes: Dtypes = REAL


class ive_grad(of_two):
    """z = exp(-|x|) I_v(x) (DLMF 10.25.2)"""

    forward = "scipy.special:ive"
    domain: Domain = _NEAR
    dtypes: Dtypes = REAL


class kve_grad(of_two):
    """z = exp(x) K_v(x) (DLMF 10.27.4)"""

    forward = "scipy.special:kve"
    domain: Domain = _NEAR
    dtypes: Dtypes = REAL


class hankel1_grad(of_two):
    """z = H1_v(x), Hankel's function (DLMF 10.2.5, 10.6.7)"""

    forward = "scipy.special:hankel1"
    domain: Domain = _NEAR
    dtypes: Dtypes = REAL


class hankel2_grad(of_two):
    """z = H2_v(x), Hankel's function (DLMF 10.2.5, 10.6.7)"""

    forward = "scipy.special:hankel2"
    domain: Domain = _NEAR
    dtypes: Dtypes = REAL


class hankel1e_grad(of_two):
    """z = H1_v(x) exp(-i x), Hankel's function (DLMF 10.2.5, 10.6.7)"""

    forward = "scipy.special:hankel1e"
    domain: Domain = _NEAR
    dtypes: Dtypes = REAL


class hankel2e_grad(of_two):
    """z = H2_v(x) exp(i x), Hankel's function (DLMF 10.2.5, 10.6.7)"""

    forward = "scipy.special:hankel2e"
    domain: Domain = _NEAR
    dtypes: Dtypes = REAL


class j0_grad(elementwise):
    """z = J_0(x)"""

    forward = "scipy.special:j0"
    dtypes: Dtypes = REAL

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = -J_1(x) (DLMF 10.6.3)"""
        return -xp.j1(x)


class y0_grad(elementwise):
    """z = Y_0(x)"""

    forward = "scipy.special:y0"
    dtypes: Dtypes = REAL
    domain: Domain = _FROM_0

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = -Y_1(x) (DLMF 10.6.3)"""
        return -xp.y1(x)


class j1_grad(elementwise):
    """z = J_1(x)"""

    forward = "scipy.special:j1"
    dtypes: Dtypes = REAL

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = (J_0(x) - J_2(x)) / 2 (DLMF 10.6.1)"""
        return xp.partial_of_2(1.0, x, name="jv", orders=(0, 1))


class y1_grad(elementwise):
    """z = Y_1(x)"""

    forward = "scipy.special:y1"
    dtypes: Dtypes = REAL
    domain: Domain = _FROM_0

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = (Y_0(x) - Y_2(x)) / 2 (DLMF 10.6.1)"""
        return xp.partial_of_2(1.0, x, name="yv", orders=(0, 1))


class i1_grad(elementwise):
    """z = I_1(x)"""

    forward = "scipy.special:i1"
    dtypes: Dtypes = REAL

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = (I_0(x) + I_2(x)) / 2 (DLMF 10.29.1)"""
        return xp.partial_of_2(1.0, x, name="iv", orders=(0, 1))


class k0_grad(elementwise):
    """z = K_0(x)"""

    forward = "scipy.special:k0"
    dtypes: Dtypes = REAL
    domain: Domain = _FROM_0

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = -K_1(x) (DLMF 10.29.3)"""
        return -xp.k1(x)


class k1_grad(elementwise):
    """z = K_1(x)"""

    forward = "scipy.special:k1"
    dtypes: Dtypes = REAL
    domain: Domain = _FROM_0

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = -(K_0(x) + K_2(x)) / 2 (DLMF 10.29.1)"""
        return xp.partial_of_2(1.0, x, name="kv", orders=(0, 1))


class i0e_grad(elementwise):
    """z = exp(-|x|) I_0(x)"""

    forward = "scipy.special:i0e"
    dtypes: Dtypes = REAL
    domain: Domain = _FROM_0
    conventions: Conventions = (((0.0,), (0.0,)),)

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = exp(-|x|) (I_1(x) - sign(x) I_0(x)), and 0 at 0"""
        return xp.partial_of_2(0.0, x, name="ive", orders=(0, 1))


class i1e_grad(elementwise):
    """z = exp(-|x|) I_1(x)"""

    forward = "scipy.special:i1e"
    dtypes: Dtypes = REAL
    domain: Domain = _FROM_0
    conventions: Conventions = (((0.0,), (0.5,)),)

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = exp(-|x|) (I_1'(x) - sign(x) I_1(x)), and 1/2 at 0"""
        return xp.partial_of_2(1.0, x, name="ive", orders=(0, 1))


class k0e_grad(elementwise):
    """z = exp(x) K_0(x)"""

    forward = "scipy.special:k0e"
    dtypes: Dtypes = REAL
    domain: Domain = _FROM_0

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = exp(x) (K_0(x) - K_1(x))"""
        return xp.partial_of_2(0.0, x, name="kve", orders=(0, 1))


class k1e_grad(elementwise):
    """z = exp(x) K_1(x)"""

    forward = "scipy.special:k1e"
    dtypes: Dtypes = REAL
    domain: Domain = _FROM_0

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = exp(x) (K_1(x) + K_1'(x))"""
        return xp.partial_of_2(1.0, x, name="kve", orders=(0, 1))


class yn_grad(elementwise):
    """z = Y_n(x), n a whole number"""

    forward = "scipy.special:yn"
    refused: Mapping[str, str] = {"n": "It is a whole number: call yv(v, x)."}
    dtypes: Dtypes = ("float64",)
    cases: Cases = (case(np.array([[0], [3]]), positive(3)), case(2, positive()))

    @staticmethod
    def d_x(xp: Namespace, z: Value, n: Value, x: Value) -> Value:
        """dz/dx: see ``yv``; SciPy cuts n to a whole number"""
        return xp.partial_of_2(xp.trunc(n), x, name="yv", orders=(0, 1))


class kn_grad(elementwise):
    """z = K_n(x), n a whole number"""

    forward = "scipy.special:kn"
    refused: Mapping[str, str] = {"n": "It is a whole number: call kv(v, x)."}
    dtypes: Dtypes = ("float64",)
    cases: Cases = (case(np.array([[0], [3]]), positive(3)), case(2, positive()))

    @staticmethod
    def d_x(xp: Namespace, z: Value, n: Value, x: Value) -> Value:
        """dz/dx: see ``kv``; SciPy cuts n to a whole number"""
        return xp.partial_of_2(xp.trunc(n), x, name="kv", orders=(0, 1))


jv: Operation = operation(jv_grad)
yv: Operation = operation(yv_grad)
iv: Operation = operation(iv_grad)
kv: Operation = operation(kv_grad)
jve: Operation = operation(jve_grad)
yve: Operation = operation(yve_grad)
ive: Operation = operation(ive_grad)
kve: Operation = operation(kve_grad)
hankel1: Operation = operation(hankel1_grad)
hankel2: Operation = operation(hankel2_grad)
hankel1e: Operation = operation(hankel1e_grad)
hankel2e: Operation = operation(hankel2e_grad)
j0: Operation = operation(j0_grad)
y0: Operation = operation(y0_grad)
j1: Operation = operation(j1_grad)
y1: Operation = operation(y1_grad)
i1: Operation = operation(i1_grad)
k0: Operation = operation(k0_grad)
k1: Operation = operation(k1_grad)
i0e: Operation = operation(i0e_grad)
i1e: Operation = operation(i1e_grad)
k0e: Operation = operation(k0e_grad)
k1e: Operation = operation(k1e_grad)
yn: Operation = operation(yn_grad)
kn: Operation = operation(kn_grad)
