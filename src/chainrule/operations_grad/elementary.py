"""Rules of the elementary functions: roots, exponentials, logarithms, trigonometry.

Complex partials use the principal branches of NumPy (DLMF 4.2, 4.23, 4.37).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.operations_grad.partials import chosen
from chainrule.rules.cases import Cases, Conventions, Domain, Dtypes, case
from chainrule.rules.kinds import EXTRA, elementwise, general
from chainrule.values.shapes import is_complex

REAL = ("float32", "float64")
LN_2, LN_10 = math.log(2.0), math.log(10.0)
_where: Any = np.where

# -------------------------------------------------------------------- powers and roots


class square_grad(elementwise):
    """z = x**2"""

    forward = np.square

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any) -> Any:
        """dz/dx = 2 x"""
        return 2 * x


class reciprocal_grad(elementwise):
    """z = 1 / x"""

    forward = np.reciprocal
    domain: Domain = {"x": (0.5, 2.0)}

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any) -> Any:
        """dz/dx = -1 / x**2 = -z**2"""
        return -(z * z)


class sqrt_grad(elementwise):
    """z = sqrt(x)

    At 0 the derivative is the one-sided limit, +inf.
    """

    forward = np.sqrt
    domain: Domain = {"x": (0.5, 2.0)}
    conventions: Conventions = (((0.0,), (np.inf,)),)

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any) -> Any:
        """dz/dx = 1 / (2 sqrt(x)) = 1 / (2 z)"""
        return 0.5 / z


class root_grad(elementwise):
    """z = sqrt(x) of a square sum x, as in a standard deviation

    At 0 the derivative is 0: z has its minimum there, and 0 is its subgradient of least
    norm (Rockafellar, Convex Analysis, section 23); second derivatives are nan there.
    """

    forward = np.sqrt
    domain: Domain = {"x": (0.5, 2.0)}
    conventions: Conventions = (((0.0,), (0.0,)),)

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any) -> Any:
        """dz/dx = 1 / (2 z), and 0 where z = 0"""
        steep = 0.5 / xp.where(z == 0, 1.0, z)
        return xp.where(z == 0, chosen(xp, z, z == 0), steep)


class cbrt_grad(elementwise):
    """z = cbrt(x), the real cube root

    At 0 the derivative is its limit from both sides, +inf.
    """

    forward = np.cbrt
    domain: Domain = {"x": (0.5, 2.0)}
    dtypes: Dtypes = REAL
    conventions: Conventions = (((0.0,), (np.inf,)),)

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any) -> Any:
        """dz/dx = 1 / (3 z**2)"""
        return 1 / (3 * (z * z))


class hypot_grad(elementwise):
    """z = hypot(x, y) = sqrt(x**2 + y**2)

    At (0, 0) both partials are 0, the smallest element of the subdifferential of a norm
    (the unit ball; Rockafellar, Convex Analysis, section 23); second derivatives are
    nan there.
    """

    forward = np.hypot
    domain: Domain = {"x": (0.5, 2.0), "y": (0.5, 2.0)}
    dtypes: Dtypes = REAL
    conventions: Conventions = (((0.0, 0.0), (0.0, 0.0)), ((0.0, -2.0), (0.0, -1.0)))

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any, y: Any) -> Any:
        """dz/dx = x / z, and 0 where z = 0"""
        if xp.recorded:
            return xp.direction(x, y)
        return chosen(xp, x / xp.where(z == 0, 1.0 + z, z), z == 0)

    @staticmethod
    def d_y(xp: Any, z: Any, x: Any, y: Any) -> Any:
        """dz/dy = y / z, and 0 where z = 0"""
        if xp.recorded:
            return xp.direction(y, x)
        return chosen(xp, y / xp.where(z == 0, 1.0 + z, z), z == 0)


# --------------------------------------------------------- exponentials and logarithms


class exp_grad(elementwise):
    """z = exp(x)"""

    forward = np.exp

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any) -> Any:
        """dz/dx = exp(x) = z"""
        return z


class exp2_grad(elementwise):
    """z = 2**x"""

    forward = np.exp2

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any) -> Any:
        """dz/dx = z log(2)"""
        return z * LN_2


class expm1_grad(elementwise):
    """z = exp(x) - 1"""

    forward = np.expm1

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any) -> Any:
        """dz/dx = exp(x); z + 1 would lose its digits where x is far below 0"""
        return xp.exp(x)


class log_grad(elementwise):
    """z = log(x)"""

    forward = np.log
    domain: Domain = {"x": (0.5, 2.0)}
    conventions: Conventions = (((0.0,), (np.inf,)),)

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any) -> Any:
        """dz/dx = 1 / x"""
        return 1 / x


class log2_grad(elementwise):
    """z = log(x) / log(2)"""

    forward = np.log2
    domain: Domain = {"x": (0.5, 2.0)}

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any) -> Any:
        """dz/dx = 1 / (x log(2))"""
        return 1 / (x * LN_2)


class log10_grad(elementwise):
    """z = log(x) / log(10)"""

    forward = np.log10
    domain: Domain = {"x": (0.5, 2.0)}

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any) -> Any:
        """dz/dx = 1 / (x log(10))"""
        return 1 / (x * LN_10)


class log1p_grad(elementwise):
    """z = log(1 + x)"""

    forward = np.log1p
    domain: Domain = {"x": (-0.5, 2.0)}

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any) -> Any:
        """dz/dx = 1 / (1 + x)"""
        return 1 / (1 + x)


class logaddexp_grad(elementwise):
    """z = log(exp(x) + exp(y))

    The partials are shares that add up to 1 and never overflow. Where both operands are
    the same infinity each share is 1/2, the limit along x = y; where only one is, the
    larger has all.
    """

    forward = np.logaddexp
    dtypes: Dtypes = REAL
    conventions: Conventions = (
        ((-np.inf, -np.inf), (0.5, 0.5)),
        ((np.inf, np.inf), (0.5, 0.5)),
        ((-np.inf, 1.0), (0.0, 1.0)),
        ((np.inf, 1.0), (1.0, 0.0)),
    )

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any, y: Any) -> Any:
        """dz/dx = 1 / (1 + exp(y - x))"""
        if xp.recorded:
            return xp.share(x, y)
        return xp.where(x == y, 0.5, 1 / (1 + xp.exp(y - x)))

    @staticmethod
    def d_y(xp: Any, z: Any, x: Any, y: Any) -> Any:
        """dz/dy = 1 / (1 + exp(x - y))"""
        if xp.recorded:
            return xp.share(y, x)
        return xp.where(x == y, 0.5, 1 / (1 + xp.exp(x - y)))


class logaddexp2_grad(elementwise):
    """z = log2(2**x + 2**y); infinite operands as in logaddexp"""

    forward = np.logaddexp2
    dtypes: Dtypes = REAL
    conventions: Conventions = (
        ((-np.inf, -np.inf), (0.5, 0.5)),
        ((-np.inf, 1.0), (0.0, 1.0)),
        ((np.inf, 1.0), (1.0, 0.0)),
    )

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any, y: Any) -> Any:
        """dz/dx = 1 / (1 + 2**(y - x))"""
        if xp.recorded:
            return xp.share2(x, y)
        return xp.where(x == y, 0.5, 1 / (1 + xp.exp2(y - x)))

    @staticmethod
    def d_y(xp: Any, z: Any, x: Any, y: Any) -> Any:
        """dz/dy = 1 / (1 + 2**(x - y))"""
        if xp.recorded:
            return xp.share2(y, x)
        return xp.where(x == y, 0.5, 1 / (1 + xp.exp2(x - y)))


# ------------------------------------------------------------------------ trigonometry


class sin_grad(elementwise):
    """z = sin(x)"""

    forward = np.sin

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any) -> Any:
        """dz/dx = cos(x)"""
        return xp.cos(x)


class cos_grad(elementwise):
    """z = cos(x)"""

    forward = np.cos

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any) -> Any:
        """dz/dx = -sin(x)"""
        return -xp.sin(x)


class tan_grad(elementwise):
    """z = tan(x)"""

    forward = np.tan
    domain: Domain = {"x": (-1.0, 1.0)}

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any) -> Any:
        """dz/dx = 1 + tan(x)**2 = 1 + z**2"""
        return 1 + z * z


class arcsin_grad(elementwise):
    """z = arcsin(x)"""

    forward = np.arcsin
    domain: Domain = {"x": (-0.8, 0.8)}

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any) -> Any:
        """dz/dx = 1 / sqrt((1 - x) (1 + x))"""
        if xp.recorded:
            return 1 / xp.sqrt(xp.one_minus_square(x))
        return 1 / xp.sqrt((1 - x) * (1 + x))


class arccos_grad(elementwise):
    """z = arccos(x)"""

    forward = np.arccos
    domain: Domain = {"x": (-0.8, 0.8)}

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any) -> Any:
        """dz/dx = -1 / sqrt((1 - x) (1 + x))"""
        if xp.recorded:
            return -1 / xp.sqrt(xp.one_minus_square(x))
        return -1 / xp.sqrt((1 - x) * (1 + x))


class arctan_grad(elementwise):
    """z = arctan(x)"""

    forward = np.arctan

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any) -> Any:
        """dz/dx = 1 / (1 + x**2)"""
        if xp.recorded:
            return xp.one_over_one_plus_square(x)
        return 1 / (1 + x * x)


class arctan2_grad(elementwise):
    """z = arctan2(x, y), the angle of the point (y, x)

    At the origin the angle has no limit, and both partials are nan.
    """

    forward = np.arctan2
    inline = False
    domain: Domain = {"x": (0.5, 2.0), "y": (0.5, 2.0)}
    dtypes: Dtypes = REAL

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any, y: Any) -> Any:
        """dz/dx = y / (x**2 + y**2), without overflow"""
        if xp.recorded:
            return xp.turning(x, y)
        radius = xp.hypot(x, y)
        return y / radius / radius

    @staticmethod
    def d_y(xp: Any, z: Any, x: Any, y: Any) -> Any:
        """dz/dy = -x / (x**2 + y**2), without overflow"""
        if xp.recorded:
            return -xp.turning(y, x)
        radius = xp.hypot(x, y)
        return -x / radius / radius


class sinh_grad(elementwise):
    """z = sinh(x)"""

    forward = np.sinh

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any) -> Any:
        """dz/dx = cosh(x)"""
        return xp.cosh(x)


class cosh_grad(elementwise):
    """z = cosh(x)"""

    forward = np.cosh

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any) -> Any:
        """dz/dx = sinh(x)"""
        return xp.sinh(x)


class tanh_grad(elementwise):
    """z = tanh(x)"""

    forward = np.tanh
    inline = False

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any) -> Any:
        """dz/dx = 1 / cosh(x)**2; 1 - z**2 would lose its digits where z is near 1"""
        if xp.recorded or is_complex(x):
            return xp.sech_square(x)
        c = xp.cosh(x)
        return 1 / (c * c)


class arcsinh_grad(elementwise):
    """z = arcsinh(x)"""

    forward = np.arcsinh
    inline = False

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any) -> Any:
        """dz/dx = 1 / sqrt(1 + x**2), for real x without overflow"""
        if xp.recorded or is_complex(x):
            return xp.one_over_root(x)
        return 1 / xp.hypot(x, 1.0)


class arccosh_grad(elementwise):
    """z = arccosh(x)"""

    forward = np.arccosh
    domain: Domain = {"x": (1.2, 3.0)}

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any) -> Any:
        """dz/dx = 1 / (sqrt(x - 1) sqrt(x + 1)), on the principal branch"""
        return 1 / (xp.sqrt(x - 1) * xp.sqrt(x + 1))


class arctanh_grad(elementwise):
    """z = arctanh(x)"""

    forward = np.arctanh
    domain: Domain = {"x": (-0.8, 0.8)}

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any) -> Any:
        """dz/dx = 1 / ((1 - x) (1 + x))"""
        if xp.recorded:
            return 1 / xp.one_minus_square(x)
        return 1 / ((1 - x) * (1 + x))


class deg2rad_grad(elementwise):
    """z = pi x / 180"""

    forward = np.deg2rad
    dtypes: Dtypes = REAL

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any) -> Any:
        """dz/dx = pi / 180"""
        return math.pi / 180.0


class rad2deg_grad(elementwise):
    """z = 180 x / pi"""

    forward = np.rad2deg
    dtypes: Dtypes = REAL

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any) -> Any:
        """dz/dx = 180 / pi"""
        return 180.0 / math.pi


class unwrap_grad(general):
    """z = p with multiples of ``period`` added so that neighbours are close

    The multiples are locally constant.
    """

    forward = np.unwrap
    dtypes: Dtypes = REAL
    cases: Cases = (
        case(np.array([0.3, 2.9, 6.1, 9.9, 11.0])),
        case(np.array([[0.1, 3.0], [4.5, 0.2]]), axis=0, period=4.0),
        case(np.array([0.0, 2.5, 5.1]), discont=3.0),
    )

    @staticmethod
    def pullback(
        xp: Any,
        z_grad: Any,
        z: Any,
        p: Any,
        *,
        discont: Any = None,
        axis: int = -1,
        period: float = 2.0 * math.pi,
    ) -> tuple[Any]:
        """p_grad = z_grad"""
        return (z_grad,)

    @staticmethod
    def pushforward(
        xp: Any,
        tangents: Any,
        z: Any,
        p: Any,
        *,
        discont: Any = None,
        axis: int = -1,
        period: float = 2.0 * math.pi,
    ) -> Any:
        """z_dot = p_dot"""
        return tangents[0]


# ---------------------------------------------- functions with all their derivatives


def sinc_derivative(x: Any, *, order: int) -> Any:
    """Return a derivative of ``sin(pi x) / (pi x)``, accurate at and around 0.

    With ``u = pi x`` the derivatives of ``sin(u) / u`` follow from differentiating
    ``u s(u) = sin(u)``: ``u s_k + k s_(k-1) = sin(u + k pi / 2)``. Where ``|u| <= k``
    that recurrence loses digits, and the Taylor series is summed. Sines and cosines are
    those of what is left of ``x`` beside a whole number: ``pi x`` is rounded.
    """
    x = np.asarray(x)
    u: Any = math.pi * x
    near: Any = np.abs(u) < order + 1
    t: Any = np.where(near, u, 0.0)
    far: Any = np.where(near, 1.0, u)
    first = order % 2
    series: Any = 0.0
    term = (t if first else 1.0) * (-1.0) ** ((order + first) // 2)
    for m in range(first, 40 + 4 * order, 2):
        series = series + term / (m + order + 1)
        term = -term * t * t / ((m + 1) * (m + 2))
    real: Any = np.real(x)
    whole: Any = np.rint(real)
    sign: Any = 1 - 2 * (whole % 2)
    left: Any = math.pi * (x - whole)
    sine, cosine = sign * np.sin(left), sign * np.cos(left)
    s: Any = sine / far
    for k in range(1, order + 1):
        turned: Any = (cosine if k % 2 else sine) * (1, 1, -1, -1)[k % 4]
        s = (turned - k * s) / far
    return (_where(near, series, s) * math.pi**order)[()]


def i0(x: Any) -> Any:
    """Return ``np.i0(x)``, a number for a number."""
    return np.i0(x)[()]


def i0_derivative(x: Any, *, order: int) -> Any:
    """Return a derivative of the modified Bessel function ``I0``; ``order`` is not 0.

    DLMF 10.32.1, differentiated ``order`` times: the mean of ``exp(x cos t) cos(t)**k``
    over a period, by the trapezoidal rule. The integrand is periodic, so 256 points
    give full precision wherever ``exp(x)`` is finite; those with cosines ``c`` and
    ``-c`` are taken together.
    """
    x = np.asarray(x)
    total: Any = 0.0
    for j in range(64):
        c = math.cos(math.pi * j / 128.0)
        weight = c**order / (128.0 if j else 256.0)
        both = np.cosh(c * x) if order % 2 == 0 else np.sinh(c * x)
        total = total + 2 * weight * both
    return total[()]


EXTRA["sinc_derivative"] = sinc_derivative
EXTRA["i0_derivative"] = i0_derivative


class sinc_grad(elementwise):
    """z = sin(pi x) / (pi x), and 1 at 0

    The function is smooth: at 0 its derivative is 0, its second one -pi**2 / 3.
    """

    forward = np.sinc
    conventions: Conventions = (((0.0,), (0.0,)),)

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any) -> Any:
        """dz/dx = (cos(pi x) - z) / x"""
        return xp.sinc_derivative(x, order=1)


class sinc_derivative_grad(elementwise):
    """z = sinc differentiated ``order`` times at x"""

    forward = sinc_derivative
    cases: Cases = (case((5,), order=1), case((2, 3), order=4), case((), order=2))

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any, *, order: int) -> Any:
        """dz/dx = the next derivative"""
        return xp.sinc_derivative(x, order=order + 1)


class i0_grad(elementwise):
    """z = I0(x), the modified Bessel function of the first kind, order 0"""

    forward = i0
    dtypes: Dtypes = REAL
    conventions: Conventions = (((0.0,), (0.0,)),)

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any) -> Any:
        """dz/dx = I1(x)"""
        return xp.i0_derivative(x, order=1)


class i0_derivative_grad(elementwise):
    """z = I0 differentiated ``order`` times at x"""

    forward = i0_derivative
    dtypes: Dtypes = REAL
    cases: Cases = (case((5,), order=1), case((2, 3), order=2), case((), order=3))

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any, *, order: int) -> Any:
        """dz/dx = the next derivative"""
        return xp.i0_derivative(x, order=order + 1)
