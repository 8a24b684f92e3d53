"""Student's t and Fisher's F distributions, in their degrees of freedom too.

The derivative of ``stdtr`` in the degrees of freedom v is a difference of numbers that
agree to a part of 1 / v: its error, 1e-12 up to 1e3, grows with v. Where v is above
2000 and ``300 (1 + t**2)**2`` it is that of Fisher's series in 1 / v, of four terms.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.rules import elementwise
from chainrule.rules.cases import REAL, Conventions, Domain, Dtypes
from chainrule.rules.namespace import EXTRA, opaque
from chainrule.scipy.special.incomplete_beta import slopes
from chainrule.scipy.special.incomplete_integrals import stirling_rest
from chainrule.scipy.special.normal_distribution import normal_density
from chainrule.scipy.special.precision import dtype_for, in_double
from chainrule.values.types import Namespace, Operation, Value
from chainrule.wrapping import operation


@opaque
def student_density(v: Value, t: Value) -> Value:
    """Return the density of Student's distribution of ``v`` degrees of freedom at t."""
    n, s = in_double(v), in_double(t)
    a = n / 2
    log = a * np.log1p(0.5 / a) - 0.5 + stirling_rest(a + 0.5) - stirling_rest(a)
    log = log - (n + 1) / 2 * np.log1p(s * s / n)
    z: Any = np.exp(log) / math.sqrt(math.tau)
    return z.astype(dtype_for(v, t))[()]


EXTRA["student_density"] = student_density


class student_density_grad(elementwise):
    """z = (1 + t**2 / v)**(-(v + 1) / 2) / (sqrt(v) beta(v / 2, 1 / 2))"""

    forward = student_density
    domain: Domain = {"v": (1.0, 6.0)}
    dtypes: Dtypes = REAL

    @staticmethod
    def d_v(xp: Namespace, z: Value, v: Value, t: Value) -> Value:
        """dz/dv = z times the derivative of the logarithm"""
        s = t * t / v
        rest = xp.psi_difference(v / 2, 0.5, order=0) - 1 / v
        return z / 2 * (rest - xp.log1p(s) + (v + 1) / v * s / (1 + s))

    @staticmethod
    def d_t(xp: Namespace, z: Value, v: Value, t: Value) -> Value:
        """dz/dt = -z (v + 1) t / (v + t**2)"""
        return -z * (v + 1) * t / (v + t * t)


def stdtr_by_df(xp: Namespace, df: Value, t: Value) -> Value:
    """Return the derivative of stdtr(df, t) in the degrees of freedom.

    ``stdtr = 1/2 + sign(t) I(1/2, df / 2, w) / 2`` with ``w = t**2 / (df + t**2)``.
    """
    spread = (1 + t * t) * (1 + t * t)
    is_many = ((df >= 2e3) & (df >= 300 * spread)) | (t == 0)
    v = xp.where(is_many, 2.0, df)
    s = xp.where(is_many, 1.0, t)
    square = s * s
    is_far = square > v
    # betainc(a, b, w) or 1 - betainc(b, a, 1 - w): w has to be exact, and 1 - w
    near = xp.where(is_far, v, square) / (v + square)
    a = xp.where(is_far, v / 2, 0.5)
    b = xp.where(is_far, 0.5, v / 2)
    in_a, in_b = slopes(xp, a, b, near)
    in_half = xp.where(is_far, -in_a, in_b) / 2 - square / (v + square) / (v + square)
    few = xp.sign(s) / 2 * in_half * xp.beta_density(a, b, near)
    t = xp.where(is_many, t, 0.0)
    return xp.where(is_many, _fisher_series(xp, xp.where(is_many, df, 1.0), t), few)


def _fisher_series(xp: Namespace, v: Value, t: Value) -> Value:
    """Return the derivative in v of Fisher's series of Student's distribution."""
    s = t * t
    first = (s + 1) / 4
    second = (((3 * s - 7) * s - 5) * s - 3) / 96
    third = (((((s - 11) * s + 14) * s + 6) * s - 3) * s - 15) / 384
    fourth = ((15 * s - 375) * s + 2225) * s - 2141
    fourth = ((((fourth * s - 939) * s - 213) * s - 915) * s + 945) / 92160
    total = first + (2 * second + (3 * third + 4 * fourth / v) / v) / v
    return normal_density(xp, t) * t * total / (v * v)


class stdtr_grad(elementwise):
    """z = stdtr(df, t), Student's distribution function"""

    forward = "scipy.special:stdtr"
    domain: Domain = {"df": (1.0, 6.0), "t": (0.2, 2.0)}
    dtypes: Dtypes = REAL
    conventions: Conventions = (((1.0, 0.0), (0.0, None)),)

    @staticmethod
    def d_df(xp: Namespace, z: Value, df: Value, t: Value) -> Value:
        """dz/ddf = by incomplete beta functions"""
        return stdtr_by_df(xp, df, t)

    @staticmethod
    def d_t(xp: Namespace, z: Value, df: Value, t: Value) -> Value:
        """dz/dt = the density"""
        return xp.student_density(df, t)


class stdtrit_grad(elementwise):
    """z = the t where stdtr(df, t) = p"""

    forward = "scipy.special:stdtrit"
    domain: Domain = {"df": (2.0, 6.0), "p": (0.6, 0.8)}
    dtypes: Dtypes = REAL

    @staticmethod
    def d_df(xp: Namespace, z: Value, df: Value, p: Value) -> Value:
        """dz/ddf = -(d stdtr/ddf) / the density"""
        return -stdtr_by_df(xp, df, z) / xp.student_density(df, z)

    @staticmethod
    def d_p(xp: Namespace, z: Value, df: Value, p: Value) -> Value:
        """dz/dp = 1 / the density"""
        return 1 / xp.student_density(df, z)


class stdtridf_grad(elementwise):
    """z = the df where stdtr(df, t) = p"""

    forward = "scipy.special:stdtridf"
    domain: Domain = {"p": (0.74, 0.76), "t": (1.2, 1.3)}
    dtypes: Dtypes = REAL

    @staticmethod
    def d_p(xp: Namespace, z: Value, p: Value, t: Value) -> Value:
        """dz/dp = 1 / (d stdtr/ddf)"""
        return 1 / stdtr_by_df(xp, z, t)

    @staticmethod
    def d_t(xp: Namespace, z: Value, p: Value, t: Value) -> Value:
        """dz/dt = -the density / (d stdtr/ddf)"""
        return -xp.student_density(z, t) / stdtr_by_df(xp, z, t)


# ------------------------------------------------------------------- Fisher's F


def _fisher(xp: Namespace, m: Value, n: Value, x: Value) -> tuple[Value, Value, Value]:
    """Return the derivatives of fdtr(m, n, x) in m, n and x.

    It is ``I(m / 2, n / 2, w)`` with ``w = m x / (n + m x)``, where w > 1/2 turned, so
    that neither w nor 1 - w loses digits.
    """
    outside = (x == 0) | (x == np.inf)
    y = xp.where(outside, 1.0, x)
    total = n + m * y
    is_far = m * y > n
    w = xp.where(is_far, n, m * y) / total
    a = xp.where(is_far, n, m) / 2
    b = xp.where(is_far, m, n) / 2
    in_a, in_b = slopes(xp, a, b, w)
    # w (1 - w) is that of both; it is x dw/dx, m dw/dm and -n dw/dn
    both = m * y * n / (total * total)
    in_m = xp.where(is_far, -in_b, in_a) / 2 + both / m
    in_n = xp.where(is_far, -in_a, in_b) / 2 - both / n
    density = xp.beta_density(a, b, w)
    by_x = xp.where(x == 0, _at_zero(xp, m), both / y * density)
    by_x = xp.where(x == np.inf, 0.0, by_x)
    in_m = xp.where(outside, 0.0, in_m * density)
    return in_m, xp.where(outside, 0.0, in_n * density), by_x


def _at_zero(xp: Namespace, m: Value) -> Value:
    """Return Fisher's density at 0."""
    return xp.where(m == 2, 1.0, xp.where(m > 2, 0.0, np.inf))


_FISHER: Domain = {"dfn": (1.0, 6.0), "dfd": (1.0, 6.0), "x": (0.3, 3.0)}


class fdtr_grad(elementwise):
    """z = I(dfn / 2, dfd / 2, dfn x / (dfd + dfn x)), Fisher's distribution function"""

    forward = "scipy.special:fdtr"
    domain: Domain = _FISHER
    dtypes: Dtypes = REAL

    @staticmethod
    def d_dfn(xp: Namespace, z: Value, dfn: Value, dfd: Value, x: Value) -> Value:
        """dz/ddfn = by incomplete beta functions"""
        return _fisher(xp, dfn, dfd, x)[0]

    @staticmethod
    def d_dfd(xp: Namespace, z: Value, dfn: Value, dfd: Value, x: Value) -> Value:
        """dz/ddfd = by incomplete beta functions"""
        return _fisher(xp, dfn, dfd, x)[1]

    @staticmethod
    def d_x(xp: Namespace, z: Value, dfn: Value, dfd: Value, x: Value) -> Value:
        """dz/dx = the density"""
        return _fisher(xp, dfn, dfd, x)[2]


class fdtrc_grad(elementwise):
    """z = 1 - fdtr(dfn, dfd, x), Fisher's survival function"""

    forward = "scipy.special:fdtrc"
    domain: Domain = _FISHER
    dtypes: Dtypes = REAL

    @staticmethod
    def d_dfn(xp: Namespace, z: Value, dfn: Value, dfd: Value, x: Value) -> Value:
        """dz/ddfn = minus that of fdtr"""
        return -_fisher(xp, dfn, dfd, x)[0]

    @staticmethod
    def d_dfd(xp: Namespace, z: Value, dfn: Value, dfd: Value, x: Value) -> Value:
        """dz/ddfd = minus that of fdtr"""
        return -_fisher(xp, dfn, dfd, x)[1]

    @staticmethod
    def d_x(xp: Namespace, z: Value, dfn: Value, dfd: Value, x: Value) -> Value:
        """dz/dx = minus the density"""
        return -_fisher(xp, dfn, dfd, x)[2]


class fdtri_grad(elementwise):
    """z = the x where fdtr(dfn, dfd, x) = p"""

    forward = "scipy.special:fdtri"
    domain: Domain = {"dfn": (1.0, 6.0), "dfd": (1.0, 6.0), "p": (0.2, 0.8)}
    dtypes: Dtypes = REAL

    @staticmethod
    def d_dfn(xp: Namespace, z: Value, dfn: Value, dfd: Value, p: Value) -> Value:
        """dz/ddfn = -(d fdtr/ddfn) / the density"""
        in_m, _, in_x = _fisher(xp, dfn, dfd, z)
        return -in_m / in_x

    @staticmethod
    def d_dfd(xp: Namespace, z: Value, dfn: Value, dfd: Value, p: Value) -> Value:
        """dz/ddfd = -(d fdtr/ddfd) / the density"""
        _, in_n, in_x = _fisher(xp, dfn, dfd, z)
        return -in_n / in_x

    @staticmethod
    def d_p(xp: Namespace, z: Value, dfn: Value, dfd: Value, p: Value) -> Value:
        """dz/dp = 1 / the density"""
        return 1 / _fisher(xp, dfn, dfd, z)[2]


class fdtridfd_grad(elementwise):
    """z = the dfd where fdtr(dfn, dfd, x) = p"""

    forward = "scipy.special:fdtridfd"
    domain: Domain = {"dfn": (2.0, 4.0), "p": (0.42, 0.45), "x": (1.1, 1.2)}
    dtypes: Dtypes = REAL

    @staticmethod
    def d_dfn(xp: Namespace, z: Value, dfn: Value, p: Value, x: Value) -> Value:
        """dz/ddfn = -(d fdtr/ddfn) / (d fdtr/ddfd)"""
        in_m, in_n, _ = _fisher(xp, dfn, z, x)
        return -in_m / in_n

    @staticmethod
    def d_p(xp: Namespace, z: Value, dfn: Value, p: Value, x: Value) -> Value:
        """dz/dp = 1 / (d fdtr/ddfd)"""
        return 1 / _fisher(xp, dfn, z, x)[1]

    @staticmethod
    def d_x(xp: Namespace, z: Value, dfn: Value, p: Value, x: Value) -> Value:
        """dz/dx = -the density / (d fdtr/ddfd)"""
        _, in_n, in_x = _fisher(xp, dfn, z, x)
        return -in_x / in_n


student_densities: Operation = operation(student_density_grad)
stdtr: Operation = operation(stdtr_grad)
stdtrit: Operation = operation(stdtrit_grad)
stdtridf: Operation = operation(stdtridf_grad)
fdtr: Operation = operation(fdtr_grad)
fdtrc: Operation = operation(fdtrc_grad)
fdtri: Operation = operation(fdtri_grad)
fdtridfd: Operation = operation(fdtridfd_grad)
