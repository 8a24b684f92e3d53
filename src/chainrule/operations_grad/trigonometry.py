"""Rules of trigonometric functions, their inverses, and angles.

Complex partials use the principal branches of NumPy (DLMF 4.23).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from chainrule.operations_grad.plain_arithmetic import (
    ROUND,
    bits_of,
    of_bits,
    poly7,
    u,
)
from chainrule.rules import elementwise, general
from chainrule.rules.cases import REAL, Cases, Domain, Dtypes, case
from chainrule.values.shapes import is_complex
from chainrule.values.types import Namespace, Value

# (sin(r) - r) / r**3 for abs(r) <= pi/4, in r**2.
SIN = (
    -0.16666666666666666,
    0.008333333333333331,
    -0.00019841269841265017,
    2.755731921930192e-06,
    -2.5052106219521895e-08,
    1.6058529572267877e-10,
    -7.586576588171073e-13,
)
# (cos(r) - 1 + r**2/2) / r**4 for abs(r) <= pi/4, in r**2.
COS = (
    0.041666666666666664,
    -0.0013888888888888887,
    2.4801587301584618e-05,
    -2.7557319221382114e-07,
    2.087675578389404e-09,
    -1.1470459749675607e-11,
    4.745804889760674e-14,
)
NEAR = 1.0e6
PER_HALF_PI = 0.6366197723675814
# pi/2 in pieces of 33 bits, and the rest: exact times any multiple below 2**20.
HALF_PI = (
    1.5707963267341256,
    6.077100506303966e-11,
    2.0222662487111665e-21,
    8.4784276603689e-32,
)


def circular(x: float, quarters: np.uint64) -> float:
    """Return sin(x + quarters*pi/2) for abs(x) <= NEAR; quarters is 0 or 1."""
    rounded = x * PER_HALF_PI + ROUND
    n = rounded - ROUND
    turn = bits_of(rounded) + quarters
    # x - n*pi/2 as r + tail: each product is exact, each difference keeps its error.
    a = x - n * HALF_PI[0]
    b = n * HALF_PI[1]
    d = a - b
    back = d - a
    tail = (a - (d - back)) - (b + back)
    b = n * HALF_PI[2]
    e = d - b
    back = e - d
    tail = tail + ((d - (e - back)) - (b + back)) - n * HALF_PI[3]
    r = e + tail
    tail = (e - r) + tail
    t = r * r
    sine = r + (r * t * poly7(SIN, t) + tail)
    half = 0.5 * t
    head = 1.0 - half
    cosine = head + (((1.0 - head) - half) + (t * t * poly7(COS, t) - r * tail))
    result = sine if (turn & u(1)) == u(0) else cosine
    return of_bits(bits_of(result) ^ ((turn & u(2)) << u(62)))


def _near_sine(x: float) -> float:
    """Return the sine for abs(x) <= NEAR, nan at inf."""
    result = circular(x, u(0))
    return x if x == 0.0 else result


class sin_grad(elementwise):
    """z = sin(x)"""

    forward = np.sin
    expression = "math.sin(x)"
    latex = r"\sin"

    @staticmethod
    def native(x: float) -> float:
        """Return the sine, by the C library where x is far away."""
        return math.sin(x) if abs(x) > NEAR else _near_sine(x)

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = cos(x)"""
        return xp.cos(x)


class cos_grad(elementwise):
    """z = cos(x)"""

    forward = np.cos
    expression = "math.cos(x)"
    latex = r"\cos"

    @staticmethod
    def native(x: float) -> float:
        """Return the cosine, by the C library where x is far away."""
        return math.cos(x) if abs(x) > NEAR else circular(x, u(1))

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = -sin(x)"""
        return -xp.sin(x)


class tan_grad(elementwise):
    """z = tan(x)"""

    forward = np.tan
    vector_loop = True
    expression = "math.tan(x)"
    latex = r"\tan"
    domain: Domain = {"x": (-1.0, 1.0)}

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = 1 + tan(x)**2 = 1 + z**2"""
        return 1 + z * z


class arcsin_grad(elementwise):
    """z = arcsin(x)"""

    forward = np.arcsin
    vector_loop = True
    expression = "math.asin(x)"
    inline = False
    latex = r"\arcsin"
    domain: Domain = {"x": (-0.8, 0.8)}
    remedy = (
        "It needs an argument between -1 and 1, such as np.clip({x}, -1.0, 1.0), and "
        "its slope is infinite at both: for an angle take np.arctan2 of its sine and "
        "cosine."
    )

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = 1 / sqrt((1 - x) (1 + x))"""
        if is_complex(x):
            return 1 / _roots(xp, x)
        if xp.recorded:
            return 1 / xp.sqrt(xp.one_minus_square(x))
        return 1 / xp.sqrt((1 - x) * (1 + x))


class arccos_grad(elementwise):
    """z = arccos(x)"""

    forward = np.arccos
    vector_loop = True
    expression = "math.acos(x)"
    inline = False
    latex = r"\arccos"
    domain: Domain = {"x": (-0.8, 0.8)}
    remedy = (
        "It needs an argument between -1 and 1, such as np.clip({x}, -1.0, 1.0), and "
        "its slope is infinite at both: for an angle take np.arctan2 of its sine and "
        "cosine."
    )

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = -1 / sqrt((1 - x) (1 + x))"""
        if is_complex(x):
            return -1 / _roots(xp, x)
        if xp.recorded:
            return -1 / xp.sqrt(xp.one_minus_square(x))
        return -1 / xp.sqrt((1 - x) * (1 + x))


def _roots(xp: Namespace, x: Value) -> Value:
    """Return sqrt(1 - x) sqrt(1 + x) of complex numbers, on their side of the cuts.

    A cut has two sides, which the sign of a zero tells: ``1 + x`` would lose it.
    """
    return xp.sqrt(-(x - 1)) * xp.sqrt(-(-x - 1))


class arctan_grad(elementwise):
    """z = arctan(x)"""

    forward = np.arctan
    vector_loop = True
    expression = "math.atan(x)"
    latex = r"\arctan"

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = 1 / (1 + x**2)"""
        if xp.recorded:
            return xp.one_over_one_plus_square(x)
        return 1 / (1 + x * x)


class arctan2_grad(elementwise):
    """z = arctan2(x, y), the angle of the point (y, x)

    At the origin the angle has no limit, and both partials are nan.
    """

    forward = np.arctan2
    vector_loop = True
    expression = "math.atan2(x, y)"
    inline = False
    domain: Domain = {"x": (0.5, 2.0), "y": (0.5, 2.0)}
    dtypes: Dtypes = REAL
    remedy = (
        "The origin has no direction: choose with np.where what the angle is where "
        "{x} and {y} are both 0."
    )

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dx = y / (x**2 + y**2), without overflow"""
        if xp.recorded:
            return xp.turning(x, y)
        radius = xp.hypot(x, y)
        return y / radius / radius

    @staticmethod
    def d_y(xp: Namespace, z: Value, x: Value, y: Value) -> Value:
        """dz/dy = -x / (x**2 + y**2), without overflow"""
        if xp.recorded:
            return -xp.turning(y, x)
        radius = xp.hypot(x, y)
        return x / -radius / radius  # x may be unsigned, or a boolean


class deg2rad_grad(elementwise):
    """z = pi x / 180"""

    forward = np.deg2rad
    expression = "x * (math.pi / 180.0)"
    dtypes: Dtypes = REAL

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = pi / 180"""
        return math.pi / 180.0


class rad2deg_grad(elementwise):
    """z = 180 x / pi"""

    forward = np.rad2deg
    expression = "x * (180.0 / math.pi)"
    dtypes: Dtypes = REAL

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = 180 / pi"""
        return 180.0 / math.pi


class unwrap_grad(general):
    """z = p with multiples of ``period`` added so that neighbours are close

    The multiples are locally constant.
    """

    forward = np.unwrap
    axes: tuple[str, ...] = ("axis",)
    dtypes: Dtypes = REAL
    cases: Cases = (
        case(np.array([0.3, 2.9, 6.1, 9.9, 11.0])),
        case(np.array([[0.1, 3.0], [4.5, 0.2]]), axis=0, period=4.0),
        case(np.array([0.0, 2.5, 5.1]), discont=3.0),
    )

    @staticmethod
    def pullback(
        xp: Namespace,
        z_grad: Value,
        z: Value,
        p: Value,
        *,
        discont: float | None = None,
        axis: int = -1,
        period: float = 2.0 * math.pi,
    ) -> tuple[Value]:
        """p_grad = z_grad"""
        return (z_grad,)

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Value | None],
        z: Value,
        p: Value,
        *,
        discont: float | None = None,
        axis: int = -1,
        period: float = 2.0 * math.pi,
    ) -> Value | None:
        """z_dot = p_dot"""
        return tangents[0]
