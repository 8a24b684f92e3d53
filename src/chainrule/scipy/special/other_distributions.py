"""Other distributions: noncentral chi-square, Tukey's, and parameters of the normal."""

from __future__ import annotations

import math
from collections.abc import Mapping

from chainrule.rules import elementwise
from chainrule.rules.cases import REAL, Domain, Dtypes
from chainrule.values.types import Namespace, Operation, Value
from chainrule.wrapping import operation

ROOT_2_PI = math.sqrt(math.tau)
_SHAPE = (
    "In the degrees of freedom write the mixture of central distributions: with w = "
    "exp(k * log(nc / 2) - nc / 2 - gammaln(k + 1)) for k = 0, 1, ... it is "
    "np.sum(w * scipy.special.gammainc(df / 2 + k, x / 2))."
)


def _noncentral(xp: Namespace, x: Value, df: Value, nc: Value) -> Value:
    """Return the noncentral chi-square density, x >= 0 and nc >= 0.

    ``exp(-(x + nc) / 2) (x / nc)**(df/4 - 1/2) I(df/2 - 1, sqrt(nc x)) / 2``, with the
    scaled Bessel function; near 0, ``exp(-(x + nc) / 2) (x / 2)**(df/2 - 1)
    0F1(df/2, nc x / 4) / (2 gamma(df/2))`` (DLMF 10.39.9).
    """
    near, half = x * nc < 1, df / 2
    product = xp.where(near, x * nc, 0.0)
    first = xp.xlogy(half - 1, x / 2) - xp.gammaln(half) - (x + nc) / 2
    series = xp.exp(first) * xp.hyp0f1(half, product / 4) / 2
    root, other = (xp.sqrt(xp.where(near, 1.0, v)) for v in (x, nc))
    scale = xp.exp(-0.5 * (root - other) ** 2) * (root / other) ** (half - 1) / 2
    return xp.where(near, series, scale * xp.ive(half - 1, root * other))


_NONE = 1e-300
"""SciPy's search stops below this where there is no such noncentrality."""


class chndtr_grad(elementwise):
    """z = chndtr(x, df, nc), the noncentral chi-square distribution function"""

    forward = "scipy.special:chndtr"
    domain: Domain = {"x": (1.0, 4.0), "nc": (0.5, 2.0), "df": (2.5, 4.0)}
    dtypes: Dtypes = REAL
    refused: Mapping[str, str] = {"df": _SHAPE}

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, df: Value, nc: Value) -> Value:
        """dz/dx = the density"""
        return _noncentral(xp, x, df, nc)

    @staticmethod
    def d_nc(xp: Namespace, z: Value, x: Value, df: Value, nc: Value) -> Value:
        """dz/dnc = minus the density of df + 2"""
        return -_noncentral(xp, x, df + 2, nc)


class chndtrix_grad(elementwise):
    """z = the x where chndtr(x, df, nc) = p"""

    forward = "scipy.special:chndtrix"
    domain: Domain = {"p": (0.3, 0.7), "nc": (0.5, 2.0), "df": (2.5, 4.0)}
    dtypes: Dtypes = REAL
    refused: Mapping[str, str] = {"df": _SHAPE}

    @staticmethod
    def d_p(xp: Namespace, z: Value, p: Value, df: Value, nc: Value) -> Value:
        """dz/dp = 1 / the density"""
        return 1 / _noncentral(xp, z, df, nc)

    @staticmethod
    def d_nc(xp: Namespace, z: Value, p: Value, df: Value, nc: Value) -> Value:
        """dz/dnc = the density of df + 2 / the density"""
        return _noncentral(xp, z, df + 2, nc) / _noncentral(xp, z, df, nc)


class chndtrinc_grad(elementwise):
    """z = the nc where chndtr(x, df, nc) = p; next to 0 where there is none"""

    forward = "scipy.special:chndtrinc"
    domain: Domain = {"x": (3.0, 4.0), "p": (0.25, 0.3), "df": (2.5, 3.0)}
    dtypes: Dtypes = REAL
    refused: Mapping[str, str] = {"df": _SHAPE}

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, df: Value, p: Value) -> Value:
        """dz/dx = the density / the density of df + 2"""
        slope = _noncentral(xp, x, df, z) / _noncentral(xp, x, df + 2, z)
        return xp.where(z > _NONE, slope, 0.0)

    @staticmethod
    def d_p(xp: Namespace, z: Value, x: Value, df: Value, p: Value) -> Value:
        """dz/dp = -1 / the density of df + 2"""
        return xp.where(z > _NONE, -1 / _noncentral(xp, x, df + 2, z), 0.0)


class tklmbda_grad(elementwise):
    """z = the p where x = (p**lam - (1 - p)**lam) / lam, Tukey's lambda distribution

    Where x is outside of the support, |x| >= 1 / lam, z is constant.
    """

    forward = "scipy.special:tklmbda"
    domain: Domain = {"x": (-0.8, 0.8), "lam": (0.2, 0.9)}
    dtypes: Dtypes = REAL
    untested = "x at the end of the support: a kink"

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, lam: Value) -> Value:
        """dz/dx = 1 / (p**(lam - 1) + (1 - p)**(lam - 1)) at p = z"""
        outside = (z == 0) | (z == 1)
        p = xp.where(outside, 0.5, z)
        return xp.where(outside, 0.0, _tukey_density(p, lam))

    @staticmethod
    def d_lam(xp: Namespace, z: Value, x: Value, lam: Value) -> Value:
        """dz/dlam = -(dx/dlam) dz/dx"""
        outside = (z == 0) | (z == 1)
        p = xp.where(outside, 0.5, z)
        log, other = xp.log(p), xp.log1p(-p)
        first = log * log * xp.exprel_derivative(lam * log, order=1)
        second = other * other * xp.exprel_derivative(lam * other, order=1)
        return xp.where(outside, 0.0, (second - first) * _tukey_density(p, lam))


def _tukey_density(p: Value, lam: Value) -> Value:
    return 1 / (p ** (lam - 1) + (1 - p) ** (lam - 1))


class nrdtrimn_grad(elementwise):
    """z = x - std ndtri(p), the mean of a normal distribution"""

    forward = "scipy.special:nrdtrimn"
    domain: Domain = {"p": (0.2, 0.8), "std": (0.5, 2.0)}
    dtypes: Dtypes = REAL

    @staticmethod
    def d_p(xp: Namespace, z: Value, p: Value, std: Value, x: Value) -> Value:
        """dz/dp = -std / the normal density at ndtri(p)"""
        u = xp.ndtri(p)
        return -std * ROOT_2_PI * xp.exp(0.5 * u * u)

    @staticmethod
    def d_std(xp: Namespace, z: Value, p: Value, std: Value, x: Value) -> Value:
        """dz/dstd = -ndtri(p)"""
        return -xp.ndtri(p)

    @staticmethod
    def d_x(xp: Namespace, z: Value, p: Value, std: Value, x: Value) -> Value:
        """dz/dx = 1"""
        return 1


class nrdtrisd_grad(elementwise):
    """z = (x - mn) / ndtri(p), the deviation of a normal distribution"""

    forward = "scipy.special:nrdtrisd"
    domain: Domain = {"mn": (0.5, 1.0), "p": (0.75, 0.9), "x": (1.5, 2.0)}
    dtypes: Dtypes = REAL

    @staticmethod
    def d_mn(xp: Namespace, z: Value, mn: Value, p: Value, x: Value) -> Value:
        """dz/dmn = -1 / ndtri(p)"""
        return -1 / xp.ndtri(p)

    @staticmethod
    def d_p(xp: Namespace, z: Value, mn: Value, p: Value, x: Value) -> Value:
        """dz/dp = -(x - mn) / ndtri(p)**2 / the normal density at ndtri(p)"""
        u = xp.ndtri(p)
        return (mn - x) / (u * u) * ROOT_2_PI * xp.exp(0.5 * u * u)

    @staticmethod
    def d_x(xp: Namespace, z: Value, mn: Value, p: Value, x: Value) -> Value:
        """dz/dx = 1 / ndtri(p)"""
        return 1 / xp.ndtri(p)


chndtr: Operation = operation(chndtr_grad)
chndtrix: Operation = operation(chndtrix_grad)
chndtrinc: Operation = operation(chndtrinc_grad)
tklmbda: Operation = operation(tklmbda_grad)
nrdtrimn: Operation = operation(nrdtrimn_grad)
nrdtrisd: Operation = operation(nrdtrisd_grad)
