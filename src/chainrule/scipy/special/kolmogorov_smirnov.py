"""The distributions of Kolmogorov's and Smirnov's statistics, of every order."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.special

from chainrule.rules import elementwise
from chainrule.rules.cases import Cases, Domain, Dtypes, case, within
from chainrule.rules.namespace import EXTRA, opaque
from chainrule.scipy.special.precision import Reals, dtype_for, in_double
from chainrule.scipy.special.quadrature import in_blocks
from chainrule.scipy.special.zeta_functions import Series, product
from chainrule.values.types import Namespace, Operation, Value
from chainrule.wrapping import operation

_scipy: Any = scipy.special
_where: Any = np.where
_WHOLE = {"n": "It is a whole number."}
_LARGEST = 1000


@opaque
def kolmogorov_derivative(x: Value, *, order: int) -> Value:
    """Return ``kolmogorov(x)`` differentiated ``order`` times, ``order`` not 0.

    From 0.8 on by ``2 sum((-1)**(k-1) exp(-2 k**2 x**2))``, below by the other form of
    that theta function (DLMF 20.7.32),
    ``1 - sqrt(2 pi) / x sum(exp(-k**2 pi**2 / (8 x**2)))`` over odd k.
    """
    t = in_double(x)
    far = t >= 0.8
    positive = t > 0
    z = _where(far, _kolmogorov_far(_where(far, t, 1.0), order), 0.0)
    near = positive & ~far
    z = _where(near, _kolmogorov_near(_where(near, t, 0.5), order), z)
    return _where(np.isnan(t), t, z).astype(dtype_for(x))[()]


def _kolmogorov_far(x: Reals, order: int) -> Any:
    total: Any = 0.0
    for k in range(8, 0, -1):
        root = math.sqrt(2) * k
        wave = (-root) ** order * _scipy.eval_hermite(order, root * x)
        total = total + 2 * (-1) ** (k - 1) * wave * np.exp(-root * x * root * x)
    return total


def _kolmogorov_near(x: Reals, order: int) -> Any:
    inverse: Series = [(-1) ** i / x ** (i + 1) for i in range(order + 1)]
    square = product(inverse, inverse)
    total: Any = 0.0
    for k in (7, 5, 3, 1):
        scale = -((k * math.pi) ** 2) / 8
        waves: Series = [np.exp(scale * square[0])]
        for i in range(1, order + 1):
            terms = (j * square[j] * waves[i - j] for j in range(1, i + 1))
            waves.append(scale * sum(terms) / i)
        total = total + product(inverse, waves)[order]
    return -math.sqrt(math.tau) * math.factorial(order) * total


@in_blocks
def smirnov_derivative(n: Reals, d: Reals, *, order: int) -> Any:
    """Return ``smirnov(n, d)`` differentiated ``order`` times in d, n up to 1000.

    Of each term ``C(n, j) d (d + j / n)**(j-1) (1 - d - j / n)**(n-j)`` of it.
    """
    good = (n >= 1) & (n <= _LARGEST) & (d >= 0) & (d < 1)
    n, d = _where(good, n, 1.0), _where(good, d, 0.5)
    total: Any = np.zeros_like(d)
    for j in range(int(np.max(n, initial=0.0))):
        a, b = d + j / n if j else np.ones_like(d), 1 - d - j / n
        inside = (b > 0) & (j < n)
        b = _where(inside, b, 0.5)
        m = _where(inside, n, j + 1.0)
        second = [_scipy.binom(m - j, i) / (-b) ** i for i in range(order + 1)]
        top = second[order]
        if j:  # the first term is (1 - d)**n
            first = [_scipy.binom(j - 1, i) / a**i for i in range(order + 1)]
            terms = product(first, second)
            top = d * terms[order] + (terms[order - 1] if order else 0.0)
        log = (j - 1) * np.log(a) + (m - j) * np.log(b) + _log_binomial(m, j)
        total = total + _where(inside, np.exp(log) * top, 0.0)
    z = math.factorial(order) * total
    outside = 0.0 if order else 1.0
    return _where(good, z, _where((d < 0) | (d >= 1), outside, np.nan))


def _log_binomial(n: Reals, k: int) -> Any:
    return _scipy.gammaln(n + 1) - _scipy.gammaln(k + 1) - _scipy.gammaln(n - k + 1)


EXTRA["kolmogorov_derivative"] = kolmogorov_derivative
EXTRA["smirnov_derivative"] = opaque(smirnov_derivative)


class kolmogorov_grad(elementwise):
    """z = 2 sum((-1)**(k-1) exp(-2 k**2 x**2)), Kolmogorov's survival function"""

    forward = "scipy.special:kolmogorov"
    domain: Domain = {"x": (0.4, 1.5)}
    dtypes: Dtypes = ("float64",)

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = minus the density"""
        return xp.kolmogorov_derivative(x, order=1)


class kolmogorov_derivative_grad(elementwise):
    """z = kolmogorov(x) differentiated ``order`` times"""

    forward = kolmogorov_derivative
    dtypes: Dtypes = ("float64",)
    cases: Cases = (
        case(within(0.4, 0.7, 4), order=1),
        case(within(0.9, 1.5), order=2),
    )

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, *, order: int) -> Value:
        """dz/dx = the next derivative"""
        return xp.kolmogorov_derivative(x, order=order + 1)


class kolmogi_grad(elementwise):
    """z = the x where kolmogorov(x) = p"""

    forward = "scipy.special:kolmogi"
    domain: Domain = {"p": (0.1, 0.9)}
    dtypes: Dtypes = ("float64",)

    @staticmethod
    def d_p(xp: Namespace, z: Value, p: Value) -> Value:
        """dz/dp = -1 / the density"""
        return 1 / xp.kolmogorov_derivative(z, order=1)


class smirnov_grad(elementwise):
    """z = smirnov(n, d), the survival function of Smirnov's one-sided statistic"""

    forward = "scipy.special:smirnov"
    dtypes: Dtypes = ("float64",)
    refused: Mapping[str, str] = _WHOLE
    cases: Cases = (
        case(5, within(0.21, 0.38, 4)),
        case(20, within(0.21, 0.24)),
    )

    @staticmethod
    def d_d(xp: Namespace, z: Value, n: Value, d: Value) -> Value:
        """dz/dd = minus the density; SciPy cuts n to a whole number"""
        return xp.smirnov_derivative(xp.trunc(n), d, order=1)


class smirnov_derivative_grad(elementwise):
    """z = smirnov(n, d) differentiated ``order`` times in d"""

    forward = EXTRA["smirnov_derivative"]
    dtypes: Dtypes = ("float64",)
    refused: Mapping[str, str] = _WHOLE
    cases: Cases = (case(5, within(0.21, 0.38, 4), order=1),)

    @staticmethod
    def d_d(xp: Namespace, z: Value, n: Value, d: Value, *, order: int) -> Value:
        """dz/dd = the next derivative"""
        return xp.smirnov_derivative(n, d, order=order + 1)


class smirnovi_grad(elementwise):
    """z = the d where smirnov(n, d) = p"""

    forward = "scipy.special:smirnovi"
    dtypes: Dtypes = ("float64",)
    refused: Mapping[str, str] = _WHOLE
    cases: Cases = (case(5, within(0.2, 0.3, 4)), case(20, within(0.2, 0.3)))

    @staticmethod
    def d_p(xp: Namespace, z: Value, n: Value, p: Value) -> Value:
        """dz/dp = -1 / the density"""
        return 1 / xp.smirnov_derivative(xp.trunc(n), z, order=1)


kolmogorov: Operation = operation(kolmogorov_grad)
of_kolmogorov: Operation = operation(kolmogorov_derivative_grad)
kolmogi: Operation = operation(kolmogi_grad)
smirnov: Operation = operation(smirnov_grad)
of_smirnov: Operation = operation(smirnov_derivative_grad)
smirnovi: Operation = operation(smirnovi_grad)
