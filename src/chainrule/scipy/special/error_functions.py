"""The error function's relatives: erfc, erfcx, erfi, Dawson, Faddeeva, Fresnel.

All derivatives of ``erfcx`` come from one integral (DLMF 7.7.1, differentiated), which
is computed so that nothing cancels; those of ``wofz``, and far out those of ``dawsn``,
are the same numbers, turned.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.special

from chainrule.operations import namespace as ops
from chainrule.operations_grad.special import (
    TWO_OVER_ROOT_PI,
    erf_less_x,
    far_erfc,
)
from chainrule.rules import elementwise
from chainrule.rules.cases import REAL, Cases, Conventions, Domain, Dtypes, case, within
from chainrule.rules.namespace import EXTRA, opaque
from chainrule.scipy.special.normal_arithmetic import erfcx_of, erfcx_slope_of
from chainrule.scipy.special.precision import dtype_for
from chainrule.scipy.special.scaled_error_function import erfcx_derivative
from chainrule.values.types import Namespace, Operation, Value
from chainrule.wrapping import implements, operation

_scipy: Any = scipy.special
_where: Any = np.where
ROOT_PI = math.sqrt(math.pi)


class erfc_grad(elementwise):
    """z = erfc(x) = 1 - erf(x)"""

    forward = "scipy.special:erfc"
    expression = "math.erfc(x)"

    @staticmethod
    def native(x: float) -> float:
        """Return erfc(x) within 4 units in the last place: near 0 by erf."""
        y = abs(x)
        far = far_erfc(27.5 if y > 27.5 else y)
        near = (1.0 - x) - x * erf_less_x(x)
        return near if y <= 1.0 else far if x > 0.0 else 2.0 - far

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = -2 / sqrt(pi) exp(-x**2) (DLMF 7.2.2)"""
        return -TWO_OVER_ROOT_PI * xp.exp(-(x * x))


class erfi_grad(elementwise):
    """z = erfi(x) = -i erf(i x)"""

    forward = "scipy.special:erfi"

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = 2 / sqrt(pi) exp(x**2)"""
        return TWO_OVER_ROOT_PI * xp.exp(x * x)


class erfcx_grad(elementwise):
    """z = erfcx(x) = exp(x**2) erfc(x)"""

    forward = "scipy.special:erfcx"

    @staticmethod
    def native(x: float) -> float:
        """Return exp(x**2) erfc(x)."""
        return erfcx_of(x)

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = 2 x z - 2 / sqrt(pi), computed so that nothing cancels"""
        return xp.erfcx_slope(x)


@opaque
def erfcx_slope(x: Value) -> Value:
    """Return the derivative of erfcx at ``x``."""
    return erfcx_derivative(x, order=1)


EXTRA["erfcx_derivative"] = opaque(erfcx_derivative)
EXTRA["erfcx_slope"] = erfcx_slope


class erfcx_slope_grad(elementwise):
    """z = the derivative of erfcx at x"""

    forward = erfcx_slope
    domain: Domain = {"x": (-1.0, 3.0)}

    @staticmethod
    def native(x: float) -> float:
        """Return the derivative of erfcx at x."""
        return erfcx_slope_of(x)

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = the next derivative"""
        return xp.erfcx_derivative(x, order=2)


class erfcx_derivative_grad(elementwise):
    """z = erfcx differentiated ``order`` times at x"""

    forward = EXTRA["erfcx_derivative"]
    cases: Cases = (
        case((5,), order=1),
        case(within(0.0, 5.0, 2, 3), order=2),
        case((), order=3),
    )

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, *, order: int) -> Value:
        """dz/dx = the next derivative"""
        return xp.erfcx_derivative(x, order=order + 1)


class wofz_grad(elementwise):
    """z = wofz(x) = exp(-x**2) erfc(-i x), the Faddeeva function, complex"""

    forward = "scipy.special:wofz"
    dtypes: Dtypes = ("float64", "complex128")

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = -2 x z + 2 i / sqrt(pi) (DLMF 7.10.2) = -i erfcx'(-i x)"""
        return -1j * xp.erfcx_derivative(-1j * x, order=1)


class dawsn_grad(elementwise):
    """z = dawsn(x) = sqrt(pi) / 2 exp(-x**2) erfi(x), Dawson's integral"""

    forward = "scipy.special:dawsn"

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = 1 - 2 x z (DLMF 7.10.4), by its asymptotic series far out"""
        return xp.dawsn_derivative(x, order=1)


@opaque
def dawsn_derivative(x: Value, *, order: int) -> Value:
    """Return Dawson's integral, differentiated ``order`` times.

    Near the origin by ``D(k+1) = -2 x D(k) - 2 k D(k-1)``, where ``D' = 1 - 2 x D``;
    beyond 7, where that cancels, by the asymptotic series (DLMF 7.12.1), termwise.
    """
    t: Any = np.asarray(x)
    before, now = _scipy.dawsn(t), 1 - 2 * t * _scipy.dawsn(t)
    for k in range(1, order):
        before, now = now, -2 * t * now - 2 * k * before
    is_far: Any = np.abs(t.real) > np.maximum(7.0, np.abs(t.imag))
    u = _where(is_far, t, 10.0)
    term = 0.5 / u ** (order + 1) * math.factorial(order) * (-1) ** order
    total = term
    for n in range(1, 30):
        growth = (2 * n - 1) / 2 * (2 * n + order) * (2 * n + order - 1)
        term = term * growth / (2 * n * (2 * n - 1)) / (u * u)
        total = total + term
    return _where(is_far, total, now).astype(dtype_for(x))[()]


EXTRA["dawsn_derivative"] = dawsn_derivative


class dawsn_derivative_grad(elementwise):
    """z = Dawson's integral differentiated ``order`` times at x"""

    forward = dawsn_derivative
    cases: Cases = (
        case((5,), order=1),
        case((2, 3), order=2),
        case(within(8.0, 12.0), order=1),
    )

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, *, order: int) -> Value:
        """dz/dx = the next derivative"""
        return xp.dawsn_derivative(x, order=order + 1)


class erfinv_grad(elementwise):
    """z = erfinv(x), the inverse of erf"""

    forward = "scipy.special:erfinv"
    domain: Domain = {"x": (-0.8, 0.8)}
    dtypes: Dtypes = REAL
    conventions: Conventions = (((1.0,), (np.inf,)), ((-1.0,), (np.inf,)))

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = sqrt(pi) / 2 exp(z**2)"""
        return ROOT_PI / 2 * xp.exp(z * z)


class erfcinv_grad(elementwise):
    """z = erfcinv(x), the inverse of erfc"""

    forward = "scipy.special:erfcinv"
    domain: Domain = {"x": (0.2, 1.8)}
    dtypes: Dtypes = REAL
    conventions: Conventions = (((0.0,), (-np.inf,)), ((2.0,), (-np.inf,)))

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = -sqrt(pi) / 2 exp(z**2)"""
        return -ROOT_PI / 2 * xp.exp(z * z)


class voigt_profile_grad(elementwise):
    """z = Re w(t) / (s sqrt(2 pi)), t = (x + i g) / (s sqrt(2)): Voigt's profile

    The density of the sum of a normal variable of deviation ``s = sigma`` and a
    Cauchy variable of scale ``g = gamma`` (DLMF 7.19). Not differentiable by this
    formula where ``sigma = 0``: the derivatives are nan there.
    """

    forward = "scipy.special:voigt_profile"
    domain: Domain = {"sigma": (0.5, 2.0), "gamma": (0.5, 2.0)}
    dtypes: Dtypes = REAL

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, sigma: Value, gamma: Value) -> Value:
        """dz/dx = Re w'(t) / (2 sqrt(pi) s**2)"""
        slope, _ = _voigt_slope(xp, x, sigma, gamma)
        return xp.real(slope) / (2 * ROOT_PI * sigma * sigma)

    @staticmethod
    def d_sigma(xp: Namespace, z: Value, x: Value, sigma: Value, gamma: Value) -> Value:
        """dz/dsigma = -(z + Re(t w'(t)) / (s sqrt(2 pi))) / s"""
        slope, t = _voigt_slope(xp, x, sigma, gamma)
        moved = xp.real(slope * t) / (math.sqrt(2) * ROOT_PI * sigma)
        return -(z + moved) / sigma

    @staticmethod
    def d_gamma(xp: Namespace, z: Value, x: Value, sigma: Value, gamma: Value) -> Value:
        """dz/dgamma = -Im w'(t) / (2 sqrt(pi) s**2)"""
        slope, _ = _voigt_slope(xp, x, sigma, gamma)
        return -xp.imag(slope) / (2 * ROOT_PI * sigma * sigma)


def _voigt_slope(
    xp: Namespace, x: Value, sigma: Value, gamma: Value
) -> tuple[Value, Value]:
    """Return ``w'(t)`` and ``t`` of Voigt's profile."""
    t: Any = (x + 1j * gamma) / (math.sqrt(2) * sigma)
    return -1j * xp.erfcx_derivative(-1j * t, order=1), t


# --------------------------------------------------------------------------- Fresnel


class fresnel_s_grad(elementwise):
    """z = S(x), the integral of sin(pi t**2 / 2) from 0: the first of ``fresnel``"""

    @staticmethod
    @opaque
    def forward(x: Value) -> Value:
        """Return the first result of SciPy's function."""
        return _scipy.fresnel(x)[0]

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = sin(pi x**2 / 2) (DLMF 7.2.8)"""
        return xp.sin(math.pi / 2 * x * x)


class fresnel_c_grad(elementwise):
    """z = C(x), the integral of cos(pi t**2 / 2) from 0: the second of ``fresnel``"""

    @staticmethod
    @opaque
    def forward(x: Value) -> Value:
        """Return the second result of SciPy's function."""
        return _scipy.fresnel(x)[1]

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = cos(pi x**2 / 2) (DLMF 7.2.7)"""
        return xp.cos(math.pi / 2 * x * x)


class modfresnelp_f_grad(elementwise):
    """z = the integral of exp(i t**2) from x on: the first of ``modfresnelp``

    SciPy 1.17 returns another imaginary part where x < 0; the derivative is that of the
    integral.
    """

    domain: Domain = {"x": (0.1, 2.0)}
    dtypes: Dtypes = ("float64",)

    @staticmethod
    @opaque
    def forward(x: Value) -> Value:
        """Return the first result of SciPy's function."""
        return _scipy.modfresnelp(x)[0]

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = -exp(i x**2)"""
        return -xp.exp(1j * (x * x))


class modfresnelp_k_grad(elementwise):
    """z = exp(-i (x**2 + pi / 4)) F(x) / sqrt(pi), F the first of ``modfresnelp``"""

    dtypes: Dtypes = ("float64",)

    @staticmethod
    @opaque
    def forward(x: Value) -> Value:
        """Return the second result of SciPy's function."""
        return _scipy.modfresnelp(x)[1]

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = erfcx'(t) exp(-i pi / 4) / 2, t = exp(-i pi / 4) x"""
        turn = (1 - 1j) / math.sqrt(2)
        return turn / 2 * xp.erfcx_derivative(turn * x, order=1)


erfc: Operation = operation(erfc_grad)
erfi: Operation = operation(erfi_grad)
erfcx: Operation = operation(erfcx_grad)
wofz: Operation = operation(wofz_grad)
dawsn: Operation = operation(dawsn_grad)
erfinv: Operation = operation(erfinv_grad)
erfcinv: Operation = operation(erfcinv_grad)
voigt_profile: Operation = operation(voigt_profile_grad)
of_erfcx_slope: Operation = operation(erfcx_slope_grad)
of_erfcx: Operation = operation(erfcx_derivative_grad)
of_dawsn: Operation = operation(dawsn_derivative_grad)
fresnel_s: Operation = operation(fresnel_s_grad)
fresnel_c: Operation = operation(fresnel_c_grad)
modfresnelp_f: Operation = operation(modfresnelp_f_grad)
modfresnelp_k: Operation = operation(modfresnelp_k_grad)


@implements(_scipy.fresnel)
def fresnel(z: Value, /) -> tuple[Value, Value]:
    """Return the integrals of sin(pi t**2 / 2) and cos(pi t**2 / 2) from 0 to ``z``."""
    return fresnel_s(z), fresnel_c(z)


@implements(_scipy.modfresnelp)
def modfresnelp(x: Value, /) -> tuple[Value, Value]:
    """Return the integral of exp(i t**2) from ``x`` on, also scaled."""
    return modfresnelp_f(x), modfresnelp_k(x)


@implements(_scipy.modfresnelm)
def modfresnelm(x: Value, /) -> tuple[Value, Value]:
    """Return the integral of exp(-i t**2) from ``x`` on, also scaled: conjugates."""
    return ops.conjugate(modfresnelp_f(x)), ops.conjugate(modfresnelp_k(x))
