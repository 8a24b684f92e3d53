"""Elementary functions of float64 in plain arithmetic, so that LLVM vectorises them.

Each is a function of one number, written without branches (a condition picks between
two computed values) and without calls into the C library, and within 2 units in the
last place of the correctly rounded result for every operand: nan, infinities, signed
zeros, subnormals and the edges of overflow included. ``sin`` and ``cos`` hold for
``abs(x) <= NEAR``; ``far_sin`` and ``far_cos`` ask the C library beyond. They run in
Python too (on ``np.float64``); for LLVM they are translated
(:mod:`chainrule.compiler.native.expressions`). At the end stand functions that call the
C library once per number.

Notes
-----
The methods are the textbook's: J.-M. Muller, *Elementary Functions* (3rd ed., 2016),
and W. J. Cody and W. Waite, *Software Manual for the Elementary
Functions* (1980). An operand is reduced by subtracting a multiple of log(2) or pi/2,
kept in pieces so short that their products with the multiple are exact (Cody and
Waite); what is left goes into a polynomial; sums that must not lose their tail are made
with Knuth's and Dekker's exact additions. A number becomes the nearest integer by
adding 1.5*2**52, after which its low bits hold the integer.

The coefficients were computed for this file: near-minimax polynomials by Chebyshev
interpolation with 60 digits, ``mpmath.chebyfit``; the tests compute them again.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

u = np.uint64

# (exp(r) - 1 - r) / r**2 for abs(r) <= log(2)/2, ascending powers of r.
EXP = (
    0.5, 0.1666666666666667, 0.04166666666666667, 0.008333333333326136,
    0.0013888888888883748, 0.00019841269874820627, 2.4801587325547743e-05,
    2.7557255400206422e-06, 2.75572736431103e-07, 2.5105217004720745e-08,
    2.0914686968086876e-09,
)  # fmt: skip
# (2*atanh(s) - 2*s) / s**3 for abs(s) <= (sqrt(2)-1)/(sqrt(2)+1), in s**2.
LOG = (
    0.666666666666667, 0.3999999999989889, 0.28571428626253836, 0.22222211089379496,
    0.1818289243253687, 0.15331611722055008, 0.14617807153417325,
)  # fmt: skip
# (sin(r) - r) / r**3 for abs(r) <= pi/4, in r**2.
SIN = (
    -0.16666666666666666, 0.008333333333333331, -0.00019841269841265017,
    2.755731921930192e-06, -2.5052106219521895e-08, 1.6058529572267877e-10,
    -7.586576588171073e-13,
)  # fmt: skip
# (cos(r) - 1 + r**2/2) / r**4 for abs(r) <= pi/4, in r**2.
COS = (
    0.041666666666666664, -0.0013888888888888887, 2.4801587301584618e-05,
    -2.7557319221382114e-07, 2.087675578389404e-09, -1.1470459749675607e-11,
    4.745804889760674e-14,
)  # fmt: skip
# (sinh(x) - x) / x**3 for abs(x) <= 1, in x**2.
SINH = (
    0.16666666666666666, 0.008333333333333299, 0.00019841269841324198,
    2.7557319191381816e-06, 2.5052117695907823e-08, 1.6057679623801638e-10,
    7.746178593018827e-13,
)  # fmt: skip
# (tanh(x) - x) / x**3 for abs(x) <= 0.55, in x**2.
TANH = (
    -0.3333333333333333, 0.13333333333332714, -0.053968253967434016,
    0.021869488493666944, -0.008863234397814355, 0.003592110378689024,
    -0.001455661830100716, 0.0005889360520074057, -0.0002346347410887237,
    8.511313685577672e-05, -2.060276537636634e-05,
)  # fmt: skip

ROUND = 6755399441055744.0  # 1.5 * 2**52
PER_LN2 = 1.4426950408889634
LN2_HIGH = 0.6931471805601177  # 41 bits; times an exponent it is exact
LN2_LOW = -1.7239444525614835e-13
NEAR = 1.0e6
PER_HALF_PI = 0.6366197723675814
# pi/2 in pieces of 33 bits, and the rest: exact times any multiple below 2**20.
HALF_PI = (
    1.5707963267341256,
    6.077100506303966e-11,
    2.0222662487111665e-21,
    8.4784276603689e-32,
)
SMALLEST_NORMAL = 2.2250738585072014e-308
ROOT_HALF_BITS = u(0x3FE6A09E667F3BCD)  # sqrt(1/2)
ROOT_SHIFT = u(0x3FF0000000000000 - 0x3FE6A09E667F3BCD)
FRACTION = u(0x000FFFFFFFFFFFFF)
TWO_52_BITS = u(0x4330000000000000)


def _bits(x: Any) -> Any:
    """Return the 64 bits of a float as an unsigned integer."""
    return np.float64(x).view(np.uint64)


def _float(bits: Any) -> Any:
    """Return the float of 64 bits."""
    return np.uint64(bits).view(np.float64)


def _power_of_two(rounded: Any) -> Any:
    """Return 2**k from ``ROUND + k``, for k in -1022..1023."""
    return _float((_bits(rounded) + u(1023)) << u(52))


def _poly7(c: Any, t: Any) -> Any:
    """Return the polynomial of seven coefficients, in pairs: short chains."""
    t2 = t * t
    return ((c[0] + c[1] * t) + (c[2] + c[3] * t) * t2) + (
        (c[4] + c[5] * t) + c[6] * t2
    ) * (t2 * t2)


def _poly11(c: Any, t: Any) -> Any:
    """Return the polynomial of eleven coefficients, in pairs."""
    t2 = t * t
    t4 = t2 * t2
    low = (c[0] + c[1] * t) + (c[2] + c[3] * t) * t2
    middle = (c[4] + c[5] * t) + (c[6] + c[7] * t) * t2
    high = (c[8] + c[9] * t) + c[10] * t2
    return low + (middle + high * t4) * t4


def _exp_scaled(x: Any, shift: Any) -> Any:
    """Return exp(x) * 2**shift for x in -746..711."""
    k = (x * PER_LN2 + ROUND) - ROUND
    r = (x - k * LN2_HIGH) - k * LN2_LOW
    p = 1.0 + (r + r * r * _poly11(EXP, r))
    # In two factors, for 2**k may be beyond the floats where the result is not.
    k = k + shift
    half = k * 0.5 + ROUND
    rest = (k - (half - ROUND)) + ROUND
    return p * _power_of_two(half) * _power_of_two(rest)


def exp(x: Any) -> Any:
    """Return e**x."""
    y = 710.0 if x > 710.0 else x
    return _exp_scaled(-746.0 if y < -746.0 else y, 0.0)


def expm1(x: Any) -> Any:
    """Return e**x - 1, accurate near 0."""
    y = 710.0 if x > 710.0 else x
    y = -50.0 if y < -50.0 else y
    k = (y * PER_LN2 + ROUND) - ROUND
    head = y - k * LN2_HIGH
    r = head - k * LN2_LOW
    tail = (head - r) - k * LN2_LOW
    # Half of (2**k - 1) + 2**k * (e**r - 1), the first sum exact: 2**1024 is no float.
    s = _power_of_two((k - 1.0) + ROUND)
    g = s - 0.5
    h = g + s * r
    low = (g - h) + s * r
    result = 2.0 * (h + (low + s * (r * r * _poly11(EXP, r) + tail)))
    return x if abs(x) < 1e-17 else result


def log(x: Any) -> Any:
    """Return the natural logarithm: -inf at 0, nan below."""
    tiny = x < SMALLEST_NORMAL
    y = x * 18014398509481984.0 if tiny else x  # 2**54
    bits = _bits(y) + ROOT_SHIFT
    f = _float((bits & FRACTION) + ROOT_HALF_BITS) - 1.0
    k = _float((bits >> u(52)) | TWO_52_BITS) - 4503599627370496.0
    k = k - (1077.0 if tiny else 1023.0)
    s = f / (2.0 + f)
    t = s * s
    result = k * LN2_HIGH + (f - (s * (f - t * _poly7(LOG, t)) - k * LN2_LOW))
    result = result if x < math.inf else x
    result = -math.inf if x == 0.0 else result
    return math.nan if x < 0.0 else result


def log1p(x: Any) -> Any:
    """Return log(1 + x), accurate near 0: -inf at -1, nan below."""
    v = 1.0 + x
    lost = 1.0 - (v - x) if x >= 1.0 else x - (v - 1.0)
    bits = _bits(v) + ROOT_SHIFT
    f = _float((bits & FRACTION) + ROOT_HALF_BITS) - 1.0
    k = _float((bits >> u(52)) | TWO_52_BITS) - 4503599627371519.0
    s = f / (2.0 + f)
    t = s * s
    low = k * LN2_LOW + lost / v
    result = k * LN2_HIGH + (f - (s * (f - t * _poly7(LOG, t)) - low))
    result = result if x < math.inf else x
    result = x if x == 0.0 else result
    result = -math.inf if x == -1.0 else result
    return math.nan if x < -1.0 else result


def _circular(x: Any, quarters: Any) -> Any:
    """Return sin(x + quarters*pi/2) for abs(x) <= NEAR; quarters is 0 or 1."""
    rounded = x * PER_HALF_PI + ROUND
    n = rounded - ROUND
    turn = _bits(rounded) + quarters
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
    sine = r + (r * t * _poly7(SIN, t) + tail)
    half = 0.5 * t
    head = 1.0 - half
    cosine = head + (((1.0 - head) - half) + (t * t * _poly7(COS, t) - r * tail))
    result = sine if (turn & u(1)) == u(0) else cosine
    return _float(_bits(result) ^ ((turn & u(2)) << u(62)))


def sin(x: Any) -> Any:
    """Return the sine for abs(x) <= NEAR, nan at inf."""
    result = _circular(x, u(0))
    return x if x == 0.0 else result


def cos(x: Any) -> Any:
    """Return the cosine for abs(x) <= NEAR, nan at inf."""
    return _circular(x, u(1))


def far_sin(x: Any) -> Any:
    """Return the sine of any number."""
    return math.sin(x) if abs(x) > NEAR else sin(x)


def far_cos(x: Any) -> Any:
    """Return the cosine of any number."""
    return math.cos(x) if abs(x) > NEAR else cos(x)


def sinh(x: Any) -> Any:
    """Return (e**x - e**-x) / 2."""
    a = abs(x)
    t = x * x
    small = x + x * t * _poly7(SINH, t)
    half = _exp_scaled(711.0 if a > 711.0 else a, -1.0)
    large = math.copysign(half - 0.25 / half, x)
    return small if a < 1.0 else large


def cosh(x: Any) -> Any:
    """Return (e**x + e**-x) / 2."""
    a = abs(x)
    half = _exp_scaled(711.0 if a > 711.0 else a, -1.0)
    return half + 0.25 / half


def tanh(x: Any) -> Any:
    """Return the hyperbolic tangent."""
    a = abs(x)
    t = x * x
    small = x + x * t * _poly11(TANH, t)
    square = _exp_scaled(2.0 * (20.0 if a > 20.0 else a), 0.0)
    large = 1.0 - 2.0 / (square + 1.0)
    return math.copysign(small if a < 0.55 else large, x)


def logaddexp(x: Any, y: Any) -> Any:
    """Return log(e**x + e**y), within 2 units of the largest of x, y and itself."""
    largest = x if x > y or x != x else y
    apart = 0.0 if x == y else abs(x - y)  # inf - inf is nan
    return largest + log1p(exp(-apart))


def cbrt(x: Any) -> Any:
    """Return the cube root: the C library's, which may be 4 units off, corrected."""
    y = np.cbrt(x)
    nearer = y - (y - x / (y * y)) / 3.0
    return y if y == 0.0 or not abs(y) < math.inf else nearer


def remainder(a: Any, b: Any) -> Any:
    """Return a - b*floor(a/b), with the sign of b, as NumPy's ``remainder``."""
    rest = np.fmod(a, b)
    if rest == 0.0:
        return math.copysign(0.0, b)
    return rest + b if (b < 0.0) != (rest < 0.0) else rest


def floor_divide(a: Any, b: Any) -> Any:
    """Return floor(a/b) as NumPy's ``floor_divide``: from the remainder."""
    if b == 0.0:
        return a / b
    rest = np.fmod(a, b)
    quotient = (a - rest) / b
    if rest != 0.0 and (b < 0.0) != (rest < 0.0):
        quotient -= 1.0
    if quotient == 0.0:
        return math.copysign(0.0, a / b)
    whole = np.floor(quotient)
    return whole + 1.0 if quotient - whole > 0.5 else whole


HELPERS = (_bits, _float, _power_of_two, _poly7, _poly11, _exp_scaled, _circular)
"""What the functions are made of."""

FUNCTIONS = (
    exp, expm1, log, log1p, sin, cos, far_sin, far_cos, sinh, cosh, tanh, logaddexp,
    cbrt, remainder, floor_divide,
)  # fmt: skip
"""What expressions may call."""
