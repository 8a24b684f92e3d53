"""Elementary functions of SciPy, and some that are nearly so."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.special

from chainrule.operations import namespace as ops
from chainrule.rules import elementwise, locally_constant
from chainrule.rules.cases import REAL, Cases, Domain, Dtypes, case, within
from chainrule.rules.namespace import EXTRA, opaque
from chainrule.scipy.special.precision import dtype_for, in_double
from chainrule.scipy.special.refused import refuse_nodes
from chainrule.values.types import Namespace, Operation, Value
from chainrule.wrapping import implements, operation

_scipy: Any = scipy.special
_where: Any = np.where
DEGREE = math.pi / 180


class exp10_grad(elementwise):
    """z = 10**x"""

    forward = "scipy.special:exp10"
    expression = "10.0 ** x"
    dtypes: Dtypes = REAL

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = log(10) z"""
        return z * math.log(10.0)


class cosm1_grad(elementwise):
    """z = cos(x) - 1"""

    forward = "scipy.special:cosm1"
    expression = "0.0 - 2.0 * (math.sin(0.5 * x) * math.sin(0.5 * x))"
    formula = "math.cos(x) - 1"
    dtypes: Dtypes = REAL

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = -sin(x)"""
        return -xp.sin(x)


class powm1_grad(elementwise):
    """z = x**y - 1"""

    forward = "scipy.special:powm1"
    domain: Domain = {"x": (0.5, 2.0)}
    dtypes: Dtypes = REAL

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dx = y x**(y - 1)"""
        return y * x ** (y - 1)

    @staticmethod
    def d_y(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dy = x**y log(x)"""
        return (1 + z) * xp.log(x)


class sindg_grad(elementwise):
    """z = sin(pi x / 180)"""

    forward = "scipy.special:sindg"
    domain: Domain = {"x": (-100.0, 100.0)}
    dtypes: Dtypes = REAL

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = pi / 180 cos(pi x / 180)"""
        return DEGREE * xp.cosdg(x)


class cosdg_grad(elementwise):
    """z = cos(pi x / 180)"""

    forward = "scipy.special:cosdg"
    domain: Domain = {"x": (-100.0, 100.0)}
    dtypes: Dtypes = REAL

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = -pi / 180 sin(pi x / 180)"""
        return -DEGREE * xp.sindg(x)


class tandg_grad(elementwise):
    """z = tan(pi x / 180)"""

    forward = "scipy.special:tandg"
    domain: Domain = {"x": (-60.0, 60.0)}
    dtypes: Dtypes = REAL

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = pi / 180 (1 + z**2)"""
        return DEGREE * (1 + z * z)


class cotdg_grad(elementwise):
    """z = cot(pi x / 180)"""

    forward = "scipy.special:cotdg"
    domain: Domain = {"x": (30.0, 150.0)}
    dtypes: Dtypes = REAL

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = -pi / 180 (1 + z**2)"""
        return -DEGREE * (1 + z * z)


class radian_grad(elementwise):
    """z = pi / 180 (d + m / 60 + s / 3600)"""

    forward = "scipy.special:radian"
    dtypes: Dtypes = REAL

    @staticmethod
    def d_d(xp: Namespace, z: Value, d: Value, m: Value, s: Value) -> Value:
        """dz/dd = pi / 180"""
        return DEGREE

    @staticmethod
    def d_m(xp: Namespace, z: Value, d: Value, m: Value, s: Value) -> Value:
        """dz/dm = pi / 180 / 60"""
        return DEGREE / 60

    @staticmethod
    def d_s(xp: Namespace, z: Value, d: Value, m: Value, s: Value) -> Value:
        """dz/ds = pi / 180 / 3600"""
        return DEGREE / 3600


class round_grad(locally_constant):
    """z = the nearest whole number"""

    forward = "scipy.special:round"


class wrightomega_grad(elementwise):
    """z = wrightomega(x), where z + log(z) = x"""

    forward = "scipy.special:wrightomega"

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = z / (1 + z)"""
        return z / (1 + z)


# ------------------------------------------------------------------- Lambert's function


@opaque
def lambertw_of(z: Value, *, k: Any = 0, tol: float = 1e-8) -> Value:
    """Return SciPy's ``lambertw``: branch ``k``, computed to ``tol``."""
    return _scipy.lambertw(z, k, tol)


class lambertw_of_grad(elementwise):
    """w = the branch k of Lambert's function, where w exp(w) = z; complex"""

    forward = lambertw_of
    dtypes: Dtypes = ("float64", "complex128")
    cases: Cases = (
        case(within(0.5, 3.0, 4)),
        case(within(0.5, 3.0, 4), k=1),
        case(within(-0.3, -0.1, 3), k=-1),
        case(within(0.5, 3.0)),
    )

    @staticmethod
    def d_z(
        xp: Namespace, w: Value, z: Value, *, k: Any = 0, tol: float = 1e-8
    ) -> Value:
        """dw/dz = exp(-w) / (1 + w) (DLMF 4.13.4)"""
        return xp.exp(-w) / (1 + w)


# --------------------------------------------------------------------- Dirichlet's sinc


@opaque
def diric_of(x: Value, *, n: int, order: int) -> Value:
    """Return ``sin(n x / 2) / (n sin(x / 2))``, differentiated ``order`` times.

    It is the mean of ``cos(m x)`` over m from ``-(n - 1) / 2`` to ``(n - 1) / 2``.
    """
    t = in_double(x)
    total: Any = np.zeros_like(t)
    for i in range(n):
        m = i - (n - 1) / 2
        turned = np.sin(m * t) if order % 2 else np.cos(m * t)
        total = total + m**order * (1, -1, -1, 1)[order % 4] * turned
    return (total / n).astype(dtype_for(x))[()]


EXTRA["diric_of"] = diric_of


class diric_of_grad(elementwise):
    """z = sin(n x / 2) / (n sin(x / 2)), differentiated ``order`` times"""

    forward = diric_of
    dtypes: Dtypes = REAL
    cases: Cases = (
        case((4,), n=3, order=0),
        case((4,), n=4, order=1),
        case((), n=2, order=2),
    )

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, *, n: int, order: int) -> Value:
        """dz/dx = the next derivative"""
        return xp.diric_of(x, n=n, order=order + 1)


exp10: Operation = operation(exp10_grad)
cosm1: Operation = operation(cosm1_grad)
powm1: Operation = operation(powm1_grad)
sindg: Operation = operation(sindg_grad)
cosdg: Operation = operation(cosdg_grad)
tandg: Operation = operation(tandg_grad)
cotdg: Operation = operation(cotdg_grad)
radian: Operation = operation(radian_grad)
wrightomega: Operation = operation(wrightomega_grad)
of_lambertw: Operation = operation(lambertw_of_grad)
of_diric: Operation = operation(diric_of_grad)


@implements(_scipy.lambertw)
def lambertw(z: Value, k: Any = 0, tol: float = 1e-8) -> Value:
    """Return the branch ``k`` of Lambert's function, complex, where w exp(w) = z.

    At its branch points the derivative is infinite. ``k`` is a plain whole number.

    Examples
    --------
    >>> import numpy as np, chainrule as gd
    >>> from chainrule.scipy import special
    >>> gd.grad(lambda x: np.real(special.lambertw(x)))(0.0)
    1.0
    """
    refuse_nodes("scipy.special.lambertw", k=k, tol=tol)
    return of_lambertw(z, k=k, tol=tol)


@implements(_scipy.diric)
def diric(x: Value, n: int) -> Value:
    """Return ``sin(n x / 2) / (n sin(x / 2))``, Dirichlet's function, periodic.

    ``n`` is a plain positive whole number; nan for any other, as in SciPy.
    """
    refuse_nodes("scipy.special.diric", n=n)
    if np.ndim(n) or n != int(n) or n <= 0:
        raise ValueError(
            f"diric(x, n) on nodes needs one positive whole number n; received {n!r}."
        )
    return of_diric(ops.asarray(x), n=int(n), order=0)


@implements(_scipy.agm)
def agm(a: Value, b: Value, /) -> Value:
    """Return the arithmetic-geometric mean (DLMF 19.8.1), nan for unequal signs.

    Fourteen steps of the means, which is enough for all floats.
    """
    x: Any = ops.asarray(a)
    y: Any = ops.asarray(b)
    sign = ops.sign(x + y)
    x, y = sign * x, sign * y
    for _ in range(14):
        x, y = (x + y) / 2, ops.sqrt(x) * ops.sqrt(y)
    return sign * x
