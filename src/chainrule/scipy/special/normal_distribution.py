"""The normal distribution function, its logarithm and inverses, and Owen's T.

The logarithmic derivative of the distribution function is ``1 / m(x)``, with Mills'
ratio ``m(x) = ndtr(x) / density(x)``, which is ``sqrt(pi / 2) erfcx(-x / sqrt(2))``
(DLMF 7.8.1). In the lower half all derivatives are computed by that, so that they keep
their digits where ``ndtr`` itself is zero.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.special

from chainrule.rules import elementwise
from chainrule.rules.cases import REAL, Conventions, Domain, Dtypes
from chainrule.rules.namespace import EXTRA, opaque
from chainrule.scipy.special.normal_arithmetic import (
    inverse_mills_of,
    log_ndtr_of,
    ndtr_of,
)
from chainrule.scipy.special.precision import dtype_for
from chainrule.values.types import Namespace, Operation, Value
from chainrule.wrapping import operation

_scipy: Any = scipy.special
_where: Any = np.where
ROOT_2, ROOT_2_PI = math.sqrt(2.0), math.sqrt(2.0 * math.pi)
ROOT_HALF_PI = math.sqrt(math.pi / 2)


def normal_density(xp: Namespace, x: Value) -> Value:
    """Return ``exp(-x**2 / 2) / sqrt(2 pi)``."""
    return xp.exp(-0.5 * x * x) / ROOT_2_PI


class ndtr_grad(elementwise):
    """z = ndtr(x) = (1 + erf(x / sqrt(2))) / 2, the normal distribution function"""

    forward = "scipy.special:ndtr"
    expression = "0.5 * math.erfc(-x * 0.7071067811865476)"

    @staticmethod
    def native(x: float) -> float:
        """Return ndtr(x)."""
        return ndtr_of(x)

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = exp(-x**2 / 2) / sqrt(2 pi)"""
        return normal_density(xp, x)


class log_ndtr_grad(elementwise):
    """z = log(ndtr(x))"""

    forward = "scipy.special:log_ndtr"

    @staticmethod
    def native(x: float) -> float:
        """Return log(ndtr(x))."""
        return log_ndtr_of(x)

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = exp(-x**2 / 2) / (sqrt(2 pi) ndtr(x))"""
        return xp.inverse_mills(x)


@opaque
def inverse_mills(x: Value) -> Value:
    """Return ``density(x) / ndtr(x)``, also where both are 0."""
    t: Any = np.asarray(x)
    is_low: Any = np.real(t) < 0
    low, high = _where(is_low, t, 0.0), _where(is_low, 0.0, t)
    mills = ROOT_HALF_PI * _scipy.erfcx(-low / ROOT_2)
    z = _where(is_low, 1 / mills, _density(high) / _scipy.ndtr(high))
    return z.astype(dtype_for(x))[()]


def _density(x: Any) -> Any:
    """Return ``normal_density``, of real numbers by their squares in two parts."""
    if np.iscomplexobj(x):
        return np.exp(-0.5 * x * x) / ROOT_2_PI
    x = np.minimum(x, 40.0)
    head: Any = np.float64(np.float32(x))
    rest = np.exp(-0.5 * (x - head) * (x + head))
    return np.exp(-0.5 * head * head) * rest / ROOT_2_PI


EXTRA["inverse_mills"] = inverse_mills


class inverse_mills_grad(elementwise):
    """z = exp(-x**2 / 2) / (sqrt(2 pi) ndtr(x)), the derivative of log(ndtr(x))"""

    forward = inverse_mills

    @staticmethod
    def native(x: float) -> float:
        """Return density(x) / ndtr(x)."""
        return inverse_mills_of(x)

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = -z (x + z), where x < 0 by the derivative of erfcx"""
        is_low = xp.real(x) < 0
        low = xp.where(is_low, x, 0.0)
        slope = ROOT_HALF_PI / ROOT_2 * xp.erfcx_slope(-low / ROOT_2)
        return xp.where(is_low, z * z * slope, -z * (x + z))


class ndtri_grad(elementwise):
    """z = ndtri(x), the inverse of ndtr"""

    forward = "scipy.special:ndtri"
    domain: Domain = {"x": (0.1, 0.9)}
    dtypes: Dtypes = REAL
    conventions: Conventions = (((0.0,), (np.inf,)), ((1.0,), (np.inf,)))

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = sqrt(2 pi) exp(z**2 / 2)"""
        return ROOT_2_PI * xp.exp(0.5 * z * z)


class ndtri_exp_grad(elementwise):
    """z = ndtri_exp(x), the inverse of log_ndtr"""

    forward = "scipy.special:ndtri_exp"
    domain: Domain = {"x": (-4.0, -0.2)}
    dtypes: Dtypes = REAL

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = sqrt(pi / 2) erfcx(-z / sqrt(2)), Mills' ratio"""
        return ROOT_HALF_PI * xp.erfcx(-z / ROOT_2)


class owens_t_grad(elementwise):
    """z = T(h, a), Owen's function

    The integral of exp(-h**2 (1 + x**2) / 2) / (1 + x**2) over x from 0 to a, divided
    by 2 pi.
    """

    forward = "scipy.special:owens_t"
    dtypes: Dtypes = REAL

    @staticmethod
    def d_h(xp: Namespace, z: Value, h: Value, a: Value) -> Value:
        """dz/dh = -exp(-h**2 / 2) erf(a h / sqrt(2)) / (2 sqrt(2 pi))"""
        return -0.5 * normal_density(xp, h) * xp.erf(a * h / ROOT_2)

    @staticmethod
    def d_a(xp: Namespace, z: Value, h: Value, a: Value) -> Value:
        """dz/da = exp(-h**2 (1 + a**2) / 2) / (2 pi (1 + a**2))"""
        s = 1 + a * a
        return xp.exp(-0.5 * h * h * s) / (2 * math.pi * s)


ndtr: Operation = operation(ndtr_grad)
log_ndtr: Operation = operation(log_ndtr_grad)
of_inverse_mills: Operation = operation(inverse_mills_grad)
ndtri: Operation = operation(ndtri_grad)
ndtri_exp: Operation = operation(ndtri_exp_grad)
owens_t: Operation = operation(owens_t_grad)
