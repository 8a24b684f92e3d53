"""Plain arithmetic: what elementary functions of float64 are made of for LLVM.

The ``native`` functions of rules are written without branches (a condition picks
between two computed values) and without calls into the C library, so that LLVM makes
vectors of them (:mod:`chainrule.compiler.native.expressions`). They are within 2 units
in the last place of the correctly rounded result for every operand: nan, infinities,
signed zeros, subnormals and the edges of overflow included. They run in Python too, on
``np.float64``.

Notes
-----
The methods are the textbook's: J.-M. Muller, *Elementary Functions* (3rd ed., 2016),
and W. J. Cody and W. Waite, *Software Manual for the Elementary
Functions* (1980). An operand is reduced by subtracting a multiple of log(2) or pi/2,
kept in pieces so short that their products with the multiple are exact (Cody and
Waite); what is left goes into a polynomial; sums that must not lose their tail are made
with Knuth's and Dekker's exact additions. A number becomes the nearest integer by
adding 1.5*2**52, after which its low bits hold the integer.

The coefficients are near-minimax polynomials by Chebyshev interpolation with 60 digits,
``mpmath.chebyfit``; the tests compute them again.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

u = np.uint64
ROUND = 6755399441055744.0  # 1.5 * 2**52


def bits_of(x: float) -> np.uint64:
    """Return the 64 bits of a float as an unsigned integer."""
    return np.float64(x).view(np.uint64)


def of_bits(bits: np.uint64) -> float:
    """Return the float of 64 bits."""
    return np.uint64(bits).view(np.float64)


def power_of_two(rounded: float) -> float:
    """Return 2**k from ``ROUND + k``, for k in -1022..1023."""
    return of_bits((bits_of(rounded) + u(1023)) << u(52))


def poly7(c: Sequence[float], t: float) -> float:
    """Return the polynomial of seven coefficients, in pairs: short chains."""
    t2 = t * t
    return ((c[0] + c[1] * t) + (c[2] + c[3] * t) * t2) + (
        (c[4] + c[5] * t) + c[6] * t2
    ) * (t2 * t2)


def poly11(c: Sequence[float], t: float) -> float:
    """Return the polynomial of eleven coefficients, in pairs."""
    t2 = t * t
    t4 = t2 * t2
    low = (c[0] + c[1] * t) + (c[2] + c[3] * t) * t2
    middle = (c[4] + c[5] * t) + (c[6] + c[7] * t) * t2
    high = (c[8] + c[9] * t) + c[10] * t2
    return low + (middle + high * t4) * t4


def poly18(c: Sequence[float], t: float) -> float:
    """Return the polynomial of eighteen coefficients, in pairs."""
    t2 = t * t
    t4 = t2 * t2
    t8 = t4 * t4
    first = (c[0] + c[1] * t) + (c[2] + c[3] * t) * t2
    second = (c[4] + c[5] * t) + (c[6] + c[7] * t) * t2
    third = (c[8] + c[9] * t) + (c[10] + c[11] * t) * t2
    fourth = (c[12] + c[13] * t) + (c[14] + c[15] * t) * t2
    fifth = c[16] + c[17] * t
    return (first + second * t4) + ((third + fourth * t4) + fifth * t8) * t8


def poly24(c: Sequence[float], t: float) -> float:
    """Return the polynomial of twenty-four coefficients, in pairs."""
    t2 = t * t
    t4 = t2 * t2
    t8 = t4 * t4
    first = (c[0] + c[1] * t) + (c[2] + c[3] * t) * t2
    second = (c[4] + c[5] * t) + (c[6] + c[7] * t) * t2
    third = (c[8] + c[9] * t) + (c[10] + c[11] * t) * t2
    fourth = (c[12] + c[13] * t) + (c[14] + c[15] * t) * t2
    fifth = (c[16] + c[17] * t) + (c[18] + c[19] * t) * t2
    sixth = (c[20] + c[21] * t) + (c[22] + c[23] * t) * t2
    high = (third + fourth * t4) + (fifth + sixth * t4) * t8
    return (first + second * t4) + high * t8
