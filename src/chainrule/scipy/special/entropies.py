"""Entropies, losses and power transforms: formulas written so that they keep digits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.operations_grad.partials import chosen
from chainrule.rules import elementwise
from chainrule.rules.cases import REAL, Cases, Conventions, Domain, Dtypes, case, within
from chainrule.rules.namespace import EXTRA, opaque
from chainrule.scipy.special.precision import dtype_for, in_double
from chainrule.values.types import Namespace, Operation, Value
from chainrule.wrapping import operation

_where: Any = np.where


class xlog1py_grad(elementwise):
    """z = x log(1 + y), and 0 where x = 0

    At (0, -1) the derivative in ``y`` is 0, as z is constant there; second derivatives
    are nan.
    """

    forward = "scipy.special:xlog1py"
    expression = "0.0 if x == 0.0 and y == y else x * math.log1p(y)"
    formula = "x * math.log(1 + y)"
    domain: Domain = {"y": (-0.5, 2.0)}
    conventions: Conventions = (
        ((0.0, -1.0), (-np.inf, 0.0)),
        ((0.0, 1.0), (math.log(2.0), 0.0)),
        ((1.0, -1.0), (-np.inf, np.inf)),
    )

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dx = log(1 + y)"""
        return xp.log1p(y)

    @staticmethod
    def d_y(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dy = x / (1 + y), and 0 where x = 0 and y = -1"""
        both = (x == 0) * (y == -1)
        return chosen(xp, x / (1 + xp.where(both, 0.0, y)), both)


class entr_grad(elementwise):
    """z = -x log(x), and 0 where x = 0"""

    forward = "scipy.special:entr"
    expression = "-x * math.log(x) if x > 0.0 else 0.0 if x == 0.0 else x - math.inf"
    formula = "-x * math.log(x)"
    domain: Domain = {"x": (0.5, 2.0)}
    dtypes: Dtypes = REAL
    conventions: Conventions = (((0.0,), (np.inf,)),)

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = -log(x) - 1"""
        return -xp.log(x) - 1


def log_ratio(xp: Namespace, x: Value, y: Value) -> Value:
    """Return ``log(x / y)`` with all digits also where ``x`` is near ``y``."""
    is_near = abs(x - y) < 0.5 * abs(y)
    near = xp.log1p(xp.where(is_near, (x - y) / xp.where(is_near, y, 1.0), 0.0))
    far = xp.log(xp.where(is_near, 1.0, x / y))
    return xp.where(is_near, near, far)


class rel_entr_grad(elementwise):
    """z = x log(x / y), and 0 where x = 0"""

    forward = "scipy.special:rel_entr"
    domain: Domain = {"x": (0.5, 2.0), "y": (0.5, 2.0)}
    dtypes: Dtypes = REAL
    conventions: Conventions = (((0.0, 1.0), (-np.inf, 0.0)),)

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dx = log(x / y) + 1"""
        return log_ratio(xp, x, y) + 1

    @staticmethod
    def d_y(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dy = -x / y"""
        return -x / y


class kl_div_grad(elementwise):
    """z = x log(x / y) - x + y, and y where x = 0"""

    forward = "scipy.special:kl_div"
    domain: Domain = {"x": (0.5, 2.0), "y": (0.5, 2.0)}
    dtypes: Dtypes = REAL
    conventions: Conventions = (
        ((0.0, 1.0), (-np.inf, 1.0)),
        ((1.0, 1.0), (0.0, 0.0)),
    )

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dx = log(x / y)"""
        return log_ratio(xp, x, y)

    @staticmethod
    def d_y(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dy = (y - x) / y"""
        return (y - x) / y


class huber_grad(elementwise):
    """z = r**2 / 2 where |r| <= delta, else delta (|r| - delta / 2)

    At the seam |r| = delta the first derivatives of both pieces agree; the second ones
    are nan there.
    """

    forward = "scipy.special:huber"
    domain: Domain = {"delta": (0.3, 0.5), "r": (0.8, 2.0)}
    dtypes: Dtypes = REAL
    conventions: Conventions = (((1.0, 1.0), (0.0, 1.0)), ((1.0, -0.5), (0.0, -0.5)))

    @staticmethod
    def d_delta(xp: Namespace, z: Value, delta: Value, r: Value) -> Value:
        """dz/ddelta = |r| - delta outside, 0 inside"""
        return _beyond(xp, delta, r)

    @staticmethod
    def d_r(xp: Namespace, z: Value, delta: Value, r: Value) -> Value:
        """dz/dr = r inside, delta sign(r) outside"""
        return r - xp.sign(r) * _beyond(xp, delta, r)


def _beyond(xp: Namespace, delta: Value, r: Value) -> Value:
    """Return ``|r| - delta`` where that is positive, else 0."""
    t = abs(r) - delta
    return chosen(xp, (t + abs(t)) / 2, t == 0)


class pseudo_huber_grad(elementwise):
    """z = delta**2 (sqrt(1 + (r / delta)**2) - 1)"""

    forward = "scipy.special:pseudo_huber"
    domain: Domain = {"delta": (0.5, 2.0)}
    dtypes: Dtypes = REAL

    @staticmethod
    def d_delta(xp: Namespace, z: Value, delta: Value, r: Value) -> Value:
        """dz/ddelta = delta (s - 1)**2 / s, s = sqrt(1 + (r / delta)**2)"""
        s = xp.hypot(1.0, r / delta)
        # s - 1, by which nothing cancels
        rest = (r / delta) * (r / delta) / (1 + s)
        return delta * rest * rest / s

    @staticmethod
    def d_r(xp: Namespace, z: Value, delta: Value, r: Value) -> Value:
        """dz/dr = r / s"""
        return r / xp.hypot(1.0, r / delta)


# ------------------------------------------------------------------ power transforms

_gauss: Any = np.polynomial.legendre.leggauss(40)
_NODES, _WEIGHTS = (_gauss[0] + 1) / 2, _gauss[1] / 2


@opaque
def exprel_derivative(x: Value, *, order: int) -> Value:
    """Return ``(exp(x) - 1) / x`` differentiated ``order`` times.

    That is the integral ``G(k)`` of ``s**k exp(x s)`` over s from 0 to 1, beyond 20 +
    order by ``x G(k) = exp(x) - k G(k-1)``.
    """
    t = in_double(x)
    near: Any = np.abs(t) < 20 + order
    z: Any = np.exp(_where(near, t, 0.0)[..., None] * _NODES)
    z = z @ (_NODES**order * _WEIGHTS)
    far: Any = _where(near, 1.0, t)
    g: Any = np.expm1(far) / far
    for k in range(1, order + 1):
        g = (np.exp(far) - k * g) / far
    return _where(near, z, g).astype(dtype_for(x))[()]


@opaque
def logrel_derivative(x: Value, *, order: int) -> Value:
    """Return ``log(1 + x) / x`` differentiated ``order`` times.

    Near 0 that is ``(-1)**k k!`` times the integral of ``s**k / (1 + x s)**(k + 1)``
    over s from 0 to 1; elsewhere ``x h(k) + k h(k-1)`` is a derivative of log(1 + x).
    """
    t = in_double(x)
    near: Any = (t > -0.5) & (t < 2.0)
    sign = (-1) ** order * math.factorial(order)
    z: Any = (1 + _where(near, t, 0.0)[..., None] * _NODES) ** (-order - 1)
    z = sign * (z @ (_NODES**order * _WEIGHTS))
    far: Any = _where(near, 2.0, t)
    h: Any = np.log1p(far) / far
    for k in range(1, order + 1):
        slope = (-1) ** (k - 1) * math.factorial(k - 1) / (1 + far) ** k
        h = (slope - k * h) / far
    return _where(near, z, h).astype(dtype_for(x))[()]


EXTRA["exprel_derivative"] = exprel_derivative
EXTRA["logrel_derivative"] = logrel_derivative


class exprel_grad(elementwise):
    """z = (exp(x) - 1) / x, and 1 at 0"""

    forward = "scipy.special:exprel"
    dtypes: Dtypes = REAL
    conventions: Conventions = (((0.0,), (0.5,)),)

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = the integral of s exp(x s) over s from 0 to 1"""
        return xp.exprel_derivative(x, order=1)


class exprel_derivative_grad(elementwise):
    """z = exprel differentiated ``order`` times at x"""

    forward = exprel_derivative
    dtypes: Dtypes = REAL
    cases: Cases = (case((5,), order=1), case((2, 3), order=2), case((), order=0))

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, *, order: int) -> Value:
        """dz/dx = the next derivative"""
        return xp.exprel_derivative(x, order=order + 1)


class logrel_derivative_grad(elementwise):
    """z = log(1 + x) / x differentiated ``order`` times at x"""

    forward = logrel_derivative
    dtypes: Dtypes = REAL
    cases: Cases = (
        case(within(-0.8, 3.0, 5), order=0),
        case(within(-0.4, 1.0), order=2),
    )

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, *, order: int) -> Value:
        """dz/dx = the next derivative"""
        return xp.logrel_derivative(x, order=order + 1)


class boxcox_grad(elementwise):
    """z = (x**lmbda - 1) / lmbda, and log(x) where lmbda = 0"""

    forward = "scipy.special:boxcox"
    domain: Domain = {"x": (0.5, 2.0)}
    dtypes: Dtypes = REAL
    conventions: Conventions = (((math.e, 0.0), (1 / math.e, 0.5)),)

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, lmbda: Value) -> Value:
        """dz/dx = x**(lmbda - 1)"""
        return x ** (lmbda - 1)

    @staticmethod
    def d_lmbda(xp: Namespace, z: Value, x: Value, lmbda: Value) -> Value:
        """dz/dlmbda = log(x)**2 exprel'(lmbda log(x))"""
        return _bent(xp, xp.log(x), lmbda)


class boxcox1p_grad(elementwise):
    """z = ((1 + x)**lmbda - 1) / lmbda, and log(1 + x) where lmbda = 0"""

    forward = "scipy.special:boxcox1p"
    domain: Domain = {"x": (-0.5, 2.0)}
    dtypes: Dtypes = REAL
    conventions: Conventions = (((math.e - 1, 0.0), (1 / math.e, 0.5)),)

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, lmbda: Value) -> Value:
        """dz/dx = (1 + x)**(lmbda - 1)"""
        return xp.exp((lmbda - 1) * xp.log1p(x))

    @staticmethod
    def d_lmbda(xp: Namespace, z: Value, x: Value, lmbda: Value) -> Value:
        """dz/dlmbda = log(1 + x)**2 exprel'(lmbda log(1 + x))"""
        return _bent(xp, xp.log1p(x), lmbda)


def _bent(xp: Namespace, log: Value, lmbda: Value) -> Value:
    """Return the derivative of ``expm1(lmbda log) / lmbda`` in ``lmbda``."""
    return log * log * xp.exprel_derivative(lmbda * log, order=1)


class inv_boxcox_grad(elementwise):
    """z = (1 + lmbda y)**(1 / lmbda), and exp(y) where lmbda = 0"""

    forward = "scipy.special:inv_boxcox"
    domain: Domain = {"y": (0.2, 2.0), "lmbda": (0.2, 2.0)}
    dtypes: Dtypes = REAL
    conventions: Conventions = (((1.0, 0.0), (math.e, -math.e / 2)),)

    @staticmethod
    def d_y(xp: Namespace, z: Value, y: Value, lmbda: Value) -> Value:
        """dz/dy = z / (1 + lmbda y)"""
        return z / (1 + lmbda * y)

    @staticmethod
    def d_lmbda(xp: Namespace, z: Value, y: Value, lmbda: Value) -> Value:
        """dz/dlmbda = z y**2 h'(lmbda y), h(t) = log(1 + t) / t"""
        return z * y * y * xp.logrel_derivative(lmbda * y, order=1)


class inv_boxcox1p_grad(elementwise):
    """z = (1 + lmbda y)**(1 / lmbda) - 1, and exp(y) - 1 where lmbda = 0"""

    forward = "scipy.special:inv_boxcox1p"
    domain: Domain = {"y": (0.2, 2.0), "lmbda": (0.2, 2.0)}
    dtypes: Dtypes = REAL
    conventions: Conventions = (((1.0, 0.0), (math.e, -math.e / 2)),)

    @staticmethod
    def d_y(xp: Namespace, z: Value, y: Value, lmbda: Value) -> Value:
        """dz/dy = (1 + z) / (1 + lmbda y)"""
        return (1 + z) / (1 + lmbda * y)

    @staticmethod
    def d_lmbda(xp: Namespace, z: Value, y: Value, lmbda: Value) -> Value:
        """dz/dlmbda = (1 + z) y**2 h'(lmbda y), h(t) = log(1 + t) / t"""
        return (1 + z) * y * y * xp.logrel_derivative(lmbda * y, order=1)


xlog1py: Operation = operation(xlog1py_grad)
entr: Operation = operation(entr_grad)
rel_entr: Operation = operation(rel_entr_grad)
kl_div: Operation = operation(kl_div_grad)
huber: Operation = operation(huber_grad)
pseudo_huber: Operation = operation(pseudo_huber_grad)
exprel: Operation = operation(exprel_grad)
boxcox: Operation = operation(boxcox_grad)
boxcox1p: Operation = operation(boxcox1p_grad)
inv_boxcox: Operation = operation(inv_boxcox_grad)
inv_boxcox1p: Operation = operation(inv_boxcox1p_grad)
of_exprel: Operation = operation(exprel_derivative_grad)
of_logrel: Operation = operation(logrel_derivative_grad)
