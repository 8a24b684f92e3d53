"""Rules of functions that are derivatives of others, written so that nothing cancels.

A recorded sweep differentiates the formulas of the partials. ``1 / ((1 - x) (1 + x))``
is exact, but its derivative by the rules of products and quotients is a difference of
two numbers that are equal near 0. So where ``xp.recorded`` holds, such a partial is a
function of its own, with a derivative that keeps its digits. Plain sweeps write the
formula itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.operations_grad.exponentials import FARTHEST, decaying
from chainrule.rules import elementwise, general
from chainrule.rules.cases import (
    REAL,
    Cases,
    Conventions,
    Domain,
    Dtypes,
    case,
    positive,
)
from chainrule.rules.namespace import EXTRA
from chainrule.values.foreign import first_foreign
from chainrule.values.shapes import is_complex
from chainrule.values.types import Namespace, Value
from chainrule.values.vertices import constant, unboxed

LN_2 = math.log(2.0)
_SAFE = 700.0
"""The exponential function of a number below it is finite."""


def chosen(xp: Namespace, partial: Value, there: Value) -> Value:
    """Return a partial that is a choice where ``there`` holds, and a limit elsewhere.

    It is the partial itself, and its derivative, in a recorded sweep, is nan there.
    """
    return xp.chosen(partial, there) if xp.recorded else partial


def power_log(x: Value, y: Value, *, order: int) -> Value:
    """Return ``x**y log(x)**order``, 0 where x = 0 and y > 0."""
    if type(x) is float and type(y) is float and x > 0.0:
        try:
            return x**y * math.log(x) ** order
        except OverflowError:
            pass
    if first_foreign((x, y)) is None:
        x, y = np.asarray(x), np.asarray(y)
    else:
        x, y = unboxed(x), unboxed(y)
    power: Any = np.power(x, y)
    base: Any = x  # of short integers, its logarithm is of float16
    log = np.log(base.astype(power.dtype))
    z: Any = power * log**order
    return np.where((x == 0) & (y > 0), 0.0, z).astype(z.dtype)[()]


def direction(x: Value, y: Value) -> Value:
    """Return ``x / hypot(x, y)``, and 0 at the origin."""
    if type(x) is float and type(y) is float:
        length = math.hypot(x, y)
        if 0.0 < length < math.inf:
            return x / length
    radius = np.hypot(x, y)
    zero = radius == 0
    return np.where(zero, 0.0, x / np.where(zero, 1.0, radius))[()]


def turning(x: Value, y: Value) -> Value:
    """Return ``y / (x**2 + y**2)``, without overflow."""
    radius = np.hypot(x, y)
    return y / radius / radius


def share(x: Value, y: Value) -> Value:
    """Return ``exp(x) / (exp(x) + exp(y))``, and 1/2 where both are one infinity."""
    if type(x) is float and type(y) is float and abs(y - x) < _SAFE:
        return 1 / (1 + math.exp(y - x))
    return np.where(x == y, 0.5, 1 / (1 + np.exp(y - x)))[()]


def share2(x: Value, y: Value) -> Value:
    """Return ``2**x / (2**x + 2**y)``, and 1/2 where both are one infinity."""
    if type(x) is float and type(y) is float and abs(y - x) < _SAFE:
        return 1 / (1 + 2.0 ** (y - x))
    return np.where(x == y, 0.5, 1 / (1 + np.exp2(y - x)))[()]


def one_minus_square(x: Value) -> Value:
    """Return ``1 - x**2``, with all digits also near 1 and -1."""
    return (1 - x) * (1 + x)


def one_over_one_plus_square(x: Value) -> Value:
    """Return ``1 / (1 + x**2)``."""
    return 1 / (1 + x * x)


def one_over_root(x: Value) -> Value:
    """Return ``1 / sqrt(1 + x**2)``, for real ``x`` without overflow."""
    root: Any = np.sqrt(1 + x * x) if is_complex(x) else np.hypot(x, 1.0)
    return 1 / root


def sech_square(x: Value) -> Value:
    """Return ``1 / cosh(x)**2``, for complex ``x`` without overflow."""
    if not is_complex(x):
        return 1 / np.cosh(x) ** 2
    real: Any = np.real(x)
    decaying: Any = np.exp(-2.0 * np.copysign(1.0, real) * x)
    return 4 * decaying / (1 + decaying) ** 2


def unit(x: Value) -> Value:
    """Return ``conj(x) / |x|``, and 0 at 0."""
    size = np.absolute(x)
    zero = size == 0
    return np.where(zero, 0.0, np.conjugate(x) / np.where(zero, 1.0, size))[()]


EXTRA.update(
    power_log=power_log,
    direction=direction,
    turning=turning,
    share=share,
    share2=share2,
    one_minus_square=one_minus_square,
    one_over_one_plus_square=one_over_one_plus_square,
    one_over_root=one_over_root,
    sech_square=sech_square,
    unit=unit,
)


class direction_grad(elementwise):
    """z = x / hypot(x, y), the derivative of hypot(x, y) in x

    At the origin it has no limit, and its partials are nan.
    """

    forward = direction
    domain: Domain = {"x": (0.5, 2.0), "y": (0.5, 2.0)}
    dtypes: Dtypes = REAL
    conventions: Conventions = (((0.0, 0.0), (np.nan, np.nan)),)

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dx = s**2 / hypot(x, y), with s = y / hypot(x, y)"""
        other = xp.direction(y, x)
        return other * (other / xp.hypot(x, y))

    @staticmethod
    def d_y(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dy = -z s / hypot(x, y), with s = y / hypot(x, y)"""
        return -z * (xp.direction(y, x) / xp.hypot(x, y))


class turning_grad(elementwise):
    """z = y / (x**2 + y**2), the derivative of arctan2(x, y) in x"""

    forward = turning
    domain: Domain = {"x": (0.5, 2.0), "y": (0.5, 2.0)}
    dtypes: Dtypes = REAL

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dx = -2 x y / r**4, with r = hypot(x, y)"""
        r = xp.hypot(x, y)
        return -2 * ((x / r) * (y / r)) / r / r

    @staticmethod
    def d_y(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dy = (x - y) (x + y) / r**4, with r = hypot(x, y)"""
        r = xp.hypot(x, y)
        return ((x - y) / r) * ((x + y) / r) / r / r


class share_grad(elementwise):
    """z = exp(x) / (exp(x) + exp(y)), the derivative of logaddexp(x, y) in x"""

    forward = share
    dtypes: Dtypes = REAL

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dx = z times the share of y, and 0 at equal infinities"""
        return xp.where(xp.isinf(x) * (x == y), 0.0, z * xp.share(y, x))

    @staticmethod
    def d_y(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dy = -z times the share of y, and 0 at equal infinities"""
        return xp.where(xp.isinf(x) * (x == y), 0.0, -z * xp.share(y, x))


class share2_grad(elementwise):
    """z = 2**x / (2**x + 2**y), the derivative of logaddexp2(x, y) in x"""

    forward = share2
    dtypes: Dtypes = REAL

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dx = log(2) z times the share of y, and 0 at equal infinities"""
        return xp.where(xp.isinf(x) * (x == y), 0.0, LN_2 * z * xp.share2(y, x))

    @staticmethod
    def d_y(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dy = -log(2) z times the share of y, and 0 at equal infinities"""
        return xp.where(xp.isinf(x) * (x == y), 0.0, -LN_2 * z * xp.share2(y, x))


class one_minus_square_grad(elementwise):
    """z = 1 - x**2"""

    forward = one_minus_square

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = -2 x"""
        return -2 * x


class one_over_one_plus_square_grad(elementwise):
    """z = 1 / (1 + x**2), the derivative of arctan(x)"""

    forward = one_over_one_plus_square

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = -2 x z**2, without underflow"""
        return -2 * (x * z) * z


class one_over_root_grad(elementwise):
    """z = 1 / sqrt(1 + x**2), the derivative of arcsinh(x)"""

    forward = one_over_root

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = -x z**3, without underflow"""
        return -(x * z) * z * z


class sech_square_grad(elementwise):
    """z = 1 / cosh(x)**2, the derivative of tanh(x)"""

    forward = sech_square
    expression = "1 / math.cosh(x) ** 2"
    inline = False

    @staticmethod
    def native(x: float) -> float:
        """Return 4 e / (1 + e)**2 with e = exp(-2 abs(x)); 0 below 2e-307."""
        e = decaying(x, 0.0)
        near = 4.0 * e / ((1.0 + e) * (1.0 + e))
        return 0.0 if abs(x) > FARTHEST else near

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = -2 tanh(x) z"""
        return -2 * xp.tanh(x) * z


class unit_grad(general):
    """z = conj(x) / |x|, the derivative of |x| for complex x

    Only the angle of ``x`` turns it: ``z_dot = -1j z Im(z x_dot) / |x|``, and nan at 0.
    """

    forward = unit
    cases: Cases = (case((3,)), case((2, 3)), case(()))

    @staticmethod
    def pullback(xp: Namespace, z_grad: Value, z: Value, x: Value) -> tuple[Value]:
        """x_grad = -1j z Im(z z_grad) / |x|; 0 for real x"""
        return (_turned(xp, z_grad, z, x),)

    @staticmethod
    def pushforward(
        xp: Namespace, tangents: Sequence[Value], z: Value, x: Value
    ) -> Value:
        """z_dot = -1j z Im(z x_dot) / |x|; 0 for real x"""
        return _turned(xp, tangents[0], z, x)


def _turned(xp: Namespace, moved: Value, z: Value, x: Value) -> Value:
    return -1j * z * (xp.imag(z * moved) / xp.absolute(x))


class chosen_grad(elementwise):
    """z = x, a partial derivative that is chosen where ``there`` holds

    At a kink such as the norm's at 0 the first derivative is a convention, and has no
    derivative of its own: it is nan there, so that no second derivative takes the
    choice for a limit. Rules hand such partials through ``chosen(xp, partial, there)``.
    """

    inline = False
    constant_in: tuple[str, ...] = ("there",)
    cases: Cases = (
        case((3,), np.zeros(3, dtype=bool)),
        case((2, 3), np.zeros((2, 1), dtype=bool)),
        case((), False),
        case((3,), np.zeros((2, 1), dtype=bool)),
    )
    conventions: Conventions = (((2.0, 1.0), (np.nan, None)), ((2.0, 0.0), (1.0, None)))

    @staticmethod
    def forward(x: Value, there: Value) -> Value:
        """Return ``x``, in the shape of both."""
        shape = np.broadcast_shapes(np.shape(x), np.shape(there))
        whole = x if np.shape(x) == shape else np.broadcast_to(x, shape)
        return constant(whole, there)

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, there: Value) -> Value:
        """dz/dx = 1, and nan where the partial was chosen"""
        return xp.where(there, np.nan, 1.0)


class power_log_grad(elementwise):
    """z = x**y log(x)**order, the derivative of x**y of that order in y

    At ``x = 0`` it is its limit: 0 for ``y > 0``, infinite for ``y <= 0``.
    """

    forward = power_log
    domain: Domain = {"x": (0.5, 2.0)}
    cases: Cases = (
        case(positive(3), (3,), order=1),
        case(positive(2, 1), (3,), order=2),
        case(positive(), (), order=1),
    )

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, y: Value, *, order: int) -> Value:
        """dz/dx = x**(y-1) (y log(x)**order + order log(x)**(order-1))"""
        one = y * xp.power_log(x, y - 1, order=order)
        if not order:
            return one
        return one + order * xp.power_log(x, y - 1, order=order - 1)

    @staticmethod
    def d_y(xp: Namespace, z: Value, x: Value, y: Value, *, order: int) -> Value:
        """dz/dy = x**y log(x)**(order+1)"""
        return xp.power_log(x, y, order=order + 1)
