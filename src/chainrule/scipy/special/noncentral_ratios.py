"""The noncentral t and F distributions, in their points and noncentralities.

A noncentral variable mixes central ones by Poisson's weights, or takes a square root of
a chi-squared one: the derivatives of their densities are densities of other degrees of
freedom. In these themselves there is no such formula.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import scipy.stats

from chainrule.rules import elementwise
from chainrule.rules.cases import REAL, Cases, Domain, Dtypes, Sample, case, within
from chainrule.rules.namespace import EXTRA, opaque
from chainrule.scipy.special.precision import dtype_for
from chainrule.values.types import Namespace, Operation, Value
from chainrule.wrapping import operation

_OF_F = (
    "In the degrees of freedom write the mixture of central distributions: with w = "
    "exp(k * log(nc / 2) - nc / 2 - gammaln(k + 1)) for k = 0, 1, ... it is "
    "np.sum(w * scipy.special.betainc(dfn / 2 + k, dfd / 2, dfn * f / (dfd + dfn * f)))"
    "."
)
_OF_T = (
    "In the degrees of freedom write the integral of scipy.special.ndtr(t * s - nc) "
    "times the density of s = sqrt(chi-square / df) as a sum over quadrature nodes."
)
_REFUSED_OF_T: Mapping[str, str] = {"df": _OF_T}
_REFUSED_OF_F: Mapping[str, str] = {"dfn": _OF_F, "dfd": _OF_F}


# ---------------------------------------------------------------------------- of t


@opaque
def noncentral_t_density(df: Value, nc: Value, t: Value) -> Value:
    """Return SciPy's density of the noncentral t distribution."""
    z: Any = scipy.stats.nct.pdf(t, df, nc)
    return z.astype(dtype_for(df, nc, t))[()]


EXTRA["noncentral_t_density"] = noncentral_t_density


def _mean_root(xp: Namespace, df: Value) -> Value:
    """Return the mean of sqrt(V / df) for a chi-squared V of ``df`` degrees."""
    ratio = xp.exp(xp.gammaln(df / 2 + 0.5) - xp.gammaln(df / 2))
    return math.sqrt(2.0) * ratio / xp.sqrt(df)


def _normal_part(xp: Namespace, df: Value, nc: Value, t: Value) -> Value:
    """Return E[phi(t sqrt(V / df) - nc)], minus the slope of nctdtr in ``nc``.

    For ``df <= 1`` it is by parts that of ``df + 2`` and of ``df + 1`` degrees.
    """
    many = df > 1
    v = xp.where(many, 1.0, df)
    two = _of_one_less(xp, v + 2, nc, t * xp.sqrt((v + 2) / v))
    one = _of_one_less(xp, v + 1, nc, t * xp.sqrt((v + 1) / v))
    root = _mean_root(xp, v + 1) * xp.sqrt((v + 1) * v)
    few = (1 + t * t / v) * two - nc * t * one / root
    return xp.where(many, _of_one_less(xp, xp.where(many, df, 2.0), nc, t), few)


def _of_one_less(xp: Namespace, df: Value, nc: Value, t: Value) -> Value:
    """Return E[phi(t sqrt(V / df) - nc)] for ``df > 1``.

    The density is ``E[sqrt(V / df) phi(...)]``, and a factor ``sqrt(V)`` adds 1 to the
    degrees of freedom: it is that of one degree less.
    """
    at = t * xp.sqrt((df - 1) / df)
    return xp.noncentral_t_density(df - 1, nc, at) / _mean_root(xp, df - 1)


class noncentral_t_density_grad(elementwise):
    """z = the density of the noncentral t distribution"""

    forward = noncentral_t_density
    domain: Domain = {"df": (2.5, 5.0), "nc": (-1.0, 2.0), "t": (-1.0, 3.0)}
    dtypes: Dtypes = REAL
    refused: Mapping[str, str] = _REFUSED_OF_T

    @staticmethod
    def d_nc(xp: Namespace, z: Value, df: Value, nc: Value, t: Value) -> Value:
        """dz/dnc = t E[(V / df) phi(t sqrt(V / df) - nc)] - nc z"""
        two = t * xp.sqrt((df + 2) / df)
        return t * _normal_part(xp, df + 2, nc, two) - nc * z

    @staticmethod
    def d_t(xp: Namespace, z: Value, df: Value, nc: Value, t: Value) -> Value:
        """dz/dt = E[(V / df) (nc - t sqrt(V / df)) phi(t sqrt(V / df) - nc)]"""
        ratio = xp.sqrt((df + 2) / df)
        third = ratio * xp.noncentral_t_density(df + 2, nc, t * ratio)
        return nc * _normal_part(xp, df + 2, nc, t * ratio) - t * third


class nctdtr_grad(elementwise):
    """z = nctdtr(df, nc, t), the noncentral t distribution function"""

    forward = "scipy.special:nctdtr"
    domain: Domain = {"df": (2.5, 5.0), "nc": (-1.0, 2.0), "t": (-1.0, 3.0)}
    dtypes: Dtypes = REAL
    refused: Mapping[str, str] = _REFUSED_OF_T

    @staticmethod
    def d_nc(xp: Namespace, z: Value, df: Value, nc: Value, t: Value) -> Value:
        """dz/dnc = -E[phi(t sqrt(V / df) - nc)]"""
        return -_normal_part(xp, df, nc, t)

    @staticmethod
    def d_t(xp: Namespace, z: Value, df: Value, nc: Value, t: Value) -> Value:
        """dz/dt = the density"""
        return xp.noncentral_t_density(df, nc, t)


class nctdtrit_grad(elementwise):
    """z = the t where nctdtr(df, nc, t) = p"""

    forward = "scipy.special:nctdtrit"
    domain: Domain = {"df": (2.5, 5.0), "nc": (-1.0, 2.0), "p": (0.3, 0.7)}
    dtypes: Dtypes = REAL
    refused: Mapping[str, str] = _REFUSED_OF_T

    @staticmethod
    def d_nc(xp: Namespace, z: Value, df: Value, nc: Value, p: Value) -> Value:
        """dz/dnc = E[phi(z sqrt(V / df) - nc)] / the density"""
        slope = _normal_part(xp, df, nc, z)
        return slope / xp.noncentral_t_density(df, nc, z)

    @staticmethod
    def d_p(xp: Namespace, z: Value, df: Value, nc: Value, p: Value) -> Value:
        """dz/dp = 1 / the density"""
        return 1 / xp.noncentral_t_density(df, nc, z)


class nctdtrinc_grad(elementwise):
    """z = the nc where nctdtr(df, nc, t) = p"""

    forward = "scipy.special:nctdtrinc"
    domain: Domain = {"df": (2.5, 5.0), "p": (0.3, 0.7), "t": (0.5, 2.0)}
    dtypes: Dtypes = REAL
    refused: Mapping[str, str] = _REFUSED_OF_T

    @staticmethod
    def d_p(xp: Namespace, z: Value, df: Value, p: Value, t: Value) -> Value:
        """dz/dp = -1 / E[phi(t sqrt(V / df) - z)]"""
        return -1 / _normal_part(xp, df, z, t)

    @staticmethod
    def d_t(xp: Namespace, z: Value, df: Value, p: Value, t: Value) -> Value:
        """dz/dt = the density / E[phi(t sqrt(V / df) - z)]"""
        density = xp.noncentral_t_density(df, z, t)
        return density / _normal_part(xp, df, z, t)


# ---------------------------------------------------------------------------- of F


@opaque
def noncentral_f_density(dfn: Value, dfd: Value, nc: Value, f: Value) -> Value:
    """Return SciPy's density of the noncentral F distribution."""
    z: Any = scipy.stats.ncf.pdf(f, dfn, dfd, nc)
    return z.astype(dtype_for(dfn, dfd, nc, f))[()]


EXTRA["noncentral_f_density"] = noncentral_f_density


def _mixed(xp: Namespace, dfn: Value, dfd: Value, nc: Value, f: Value) -> Value:
    """Return the density with one more of Poisson's terms: of ``dfn + 2``."""
    share = dfn / (dfn + 2)
    return share * xp.noncentral_f_density(dfn + 2, dfd, nc, f * share)


def _by_noncentrality(
    xp: Namespace, dfn: Value, dfd: Value, nc: Value, f: Value
) -> Value:
    """Return minus the slope of ncfdtr in ``nc``.

    Two degrees more take twice a density of ``X`` from its distribution function: of
    the ratio, one of ``dfd - 2`` degrees, if there are more than 2. Otherwise it is
    half the difference of the two distribution functions.
    """
    many = dfd > 2
    less = xp.where(many, dfd - 2, 1.0)
    at = f * dfn / (dfn + 2) * less / dfd
    density = xp.noncentral_f_density(dfn + 2, less, nc, at) / (dfn + 2)
    more = xp.ncfdtr(dfn + 2, dfd, nc, f * dfn / (dfn + 2))
    return xp.where(many, density, (xp.ncfdtr(dfn, dfd, nc, f) - more) / 2)


_RATIO = within(2.5, 5.0, 3), within(3.0, 8.0, 3)


def _cases(third: Sample, fourth: Sample) -> Cases:
    return (case(*_RATIO, third, fourth), case(4.0, 1.5, third, fourth))


class noncentral_f_density_grad(elementwise):
    """z = the density of the noncentral F distribution"""

    forward = noncentral_f_density
    cases: Cases = _cases(within(0.5, 3.0, 3), within(0.5, 3.0, 3))
    dtypes: Dtypes = REAL
    refused: Mapping[str, str] = _REFUSED_OF_F

    @staticmethod
    def d_nc(
        xp: Namespace, z: Value, dfn: Value, dfd: Value, nc: Value, f: Value
    ) -> Value:
        """dz/dnc = half the difference of the densities of dfn + 2 and dfn"""
        return (_mixed(xp, dfn, dfd, nc, f) - z) / 2

    @staticmethod
    def d_f(
        xp: Namespace, z: Value, dfn: Value, dfd: Value, nc: Value, f: Value
    ) -> Value:
        """dz/df = by the densities of dfn + 2 and of dfd + 2"""
        more = xp.noncentral_f_density(dfn, dfd + 2, nc, f * (dfd + 2) / dfd)
        of_power = (dfn / 2 - 1) * z + nc / 2 * _mixed(xp, dfn, dfd, nc, f)
        return of_power / f - dfn * (dfd + 2) / (2 * dfd) * more


class ncfdtr_grad(elementwise):
    """z = ncfdtr(dfn, dfd, nc, f), the noncentral F distribution function"""

    forward = "scipy.special:ncfdtr"
    cases: Cases = _cases(within(0.5, 3.0, 3), within(0.5, 3.0, 3))
    dtypes: Dtypes = REAL
    refused: Mapping[str, str] = _REFUSED_OF_F

    @staticmethod
    def d_nc(
        xp: Namespace, z: Value, dfn: Value, dfd: Value, nc: Value, f: Value
    ) -> Value:
        """dz/dnc = -f_X, by a density of dfn + 2 and dfd - 2"""
        return -_by_noncentrality(xp, dfn, dfd, nc, f)

    @staticmethod
    def d_f(
        xp: Namespace, z: Value, dfn: Value, dfd: Value, nc: Value, f: Value
    ) -> Value:
        """dz/df = the density"""
        return xp.noncentral_f_density(dfn, dfd, nc, f)


class ncfdtri_grad(elementwise):
    """z = the f where ncfdtr(dfn, dfd, nc, f) = p"""

    forward = "scipy.special:ncfdtri"
    cases: Cases = _cases(within(0.5, 3.0, 3), within(0.3, 0.7, 3))
    dtypes: Dtypes = REAL
    refused: Mapping[str, str] = _REFUSED_OF_F

    @staticmethod
    def d_nc(
        xp: Namespace, z: Value, dfn: Value, dfd: Value, nc: Value, p: Value
    ) -> Value:
        """dz/dnc = minus the slope of ncfdtr / the density"""
        slope = _by_noncentrality(xp, dfn, dfd, nc, z)
        return slope / xp.noncentral_f_density(dfn, dfd, nc, z)

    @staticmethod
    def d_p(
        xp: Namespace, z: Value, dfn: Value, dfd: Value, nc: Value, p: Value
    ) -> Value:
        """dz/dp = 1 / the density"""
        return 1 / xp.noncentral_f_density(dfn, dfd, nc, z)


t_density: Operation = operation(noncentral_t_density_grad)
nctdtr: Operation = operation(nctdtr_grad)
nctdtrit: Operation = operation(nctdtrit_grad)
nctdtrinc: Operation = operation(nctdtrinc_grad)
f_density: Operation = operation(noncentral_f_density_grad)
ncfdtr: Operation = operation(ncfdtr_grad)
ncfdtri: Operation = operation(ncfdtri_grad)
