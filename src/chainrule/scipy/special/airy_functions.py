"""Airy functions and their integrals: several results at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.special

from chainrule import operations as ops
from chainrule.rules.cases import REAL, Cases, Dtypes, case, within
from chainrule.scipy.special.bessel_functions import hankel1e, hankel2e, kve
from chainrule.scipy.special.scaled_bessel_functions import ive, jve
from chainrule.scipy.special.several import several_of_one
from chainrule.values.shapes import is_complex
from chainrule.values.types import Namespace, Operation, Value
from chainrule.wrapping import implements, operation

_AROUND_0: Cases = (case(within(-3.0, 3.0, 2, 3)), case(within(-3.0, 3.0)))


class airy_grad(several_of_one):
    """z = Ai(x), Ai'(x), Bi(x), Bi'(x) (DLMF 9.2)"""

    forward = "scipy.special:airy"
    outputs = 4
    cases: Cases = _AROUND_0

    @staticmethod
    def _d_x(xp: Namespace, z: Sequence[Value], x: Value) -> tuple[Value, ...]:
        """Ai'' = x Ai, Bi'' = x Bi (DLMF 9.2.1)"""
        return z[1], x * z[0], z[3], x * z[2]


_NEAR_0: Cases = (case(within(-0.6, 0.6, 2, 3)), case(within(-0.6, 0.6)))
"""Where SciPy's integrals have ten digits; beyond they have five to seven."""


class itairy_grad(several_of_one):
    """z = the integrals of Ai(t), Bi(t), Ai(-t) and Bi(-t), from 0 to x"""

    forward = "scipy.special:itairy"
    outputs = 4
    dtypes: Dtypes = REAL
    cases: Cases = _NEAR_0

    @staticmethod
    def _d_x(xp: Namespace, z: Sequence[Value], x: Value) -> tuple[Value, ...]:
        """The integrands at x"""
        ai, _, bi, _ = xp.airy(x)
        ai_left, _, bi_left, _ = xp.airy(-x)
        return ai, bi, ai_left, bi_left


airy: Operation = operation(airy_grad)
itairy: Operation = operation(itairy_grad)


@implements(scipy.special.airye)
def airye(x: Value) -> tuple[Value, Value, Value, Value]:
    """Return ``Ai, Ai', Bi, Bi'``, scaled.

    The scales are ``exp(s)`` for Ai and ``exp(-|Re s|)`` for Bi, ``s = 2/3 x**1.5``.
    Beyond 1 they are scaled Bessel functions of s, which do not cancel (DLMF 9.6); for
    real x < 0 the scaled Ai is nan, as SciPy's is.
    """
    if is_complex(x):
        return _of_complex(x)
    far = x > 1.0
    near = ops.where(far, 1.0, x)
    beyond = ops.where(far, x, 1.0)
    root = ops.sqrt(ops.where(near < 0.0, np.nan, near))
    scale = ops.exp(2.0 / 3.0 * root**3)
    shrink = ops.where(near < 0.0, 1.0, 1.0 / scale)
    ai, aip, bi, bip = airy(near)
    s = 2.0 / 3.0 * beyond**1.5
    third, slope = ops.sqrt(beyond / 3.0), beyond / math.sqrt(3.0)
    parts: Any = (
        (ai * scale, third / math.pi * kve(1 / 3, s)),
        (aip * scale, -slope / math.pi * kve(2 / 3, s)),
        (bi * shrink, third * (ive(-1 / 3, s) + ive(1 / 3, s))),
        (bip * shrink, slope * (ive(-2 / 3, s) + ive(2 / 3, s))),
    )
    of_ai, of_aip, of_bi, of_bip = (ops.where(far, b, a) for a, b in parts)
    return of_ai, of_aip, of_bi, of_bip


def _of_complex(x: Value) -> tuple[Value, Value, Value, Value]:
    """Return what ``airye`` does of a complex number.

    Right of the imaginary axis it is functions of s, left of it of ``2/3 (-x)**1.5``.
    """
    far = ops.absolute(x) > 1.0
    left = ops.real(x) < 0.0
    near = ops.where(far, 0.5 + 0.0 * x, x)
    s = 2.0 / 3.0 * ops.sqrt(near) ** 3
    ai, aip, bi, bip = airy(near)
    shrink = ops.exp(-ops.absolute(ops.real(s)))
    right = _beyond(ops.where(far & ~left, x, 1.0 + 0.0 * x))
    turned = _turned(ops.where(far & left, x, -1.0 + 0.0 * x))
    scaled: Any = (ai * ops.exp(s), aip * ops.exp(s), bi * shrink, bip * shrink)
    a, b, c, d = (
        ops.where(far, ops.where(left, there, here), own)
        for there, here, own in zip(turned, right, scaled, strict=True)
    )
    return a, b, c, d


def _beyond(x: Value) -> tuple[Value, ...]:
    """Return the scaled functions right of the imaginary axis (DLMF 9.6.2 to 9.6.5)."""
    s = 2.0 / 3.0 * ops.sqrt(x) ** 3
    third, slope = ops.sqrt(x / 3.0), x / math.sqrt(3.0)
    return (
        third / math.pi * kve(1 / 3, s),
        -slope / math.pi * kve(2 / 3, s),
        third * (ive(-1 / 3, s) + ive(1 / 3, s)),
        slope * (ive(-2 / 3, s) + ive(2 / 3, s)),
    )


def _turned(x: Value) -> tuple[Value, ...]:
    """Return the scaled functions left of the imaginary axis (DLMF 9.6.6 to 9.6.9)."""
    above = ~np.signbit(ops.imag(x))
    w = -x
    s = 2.0 / 3.0 * ops.sqrt(w) ** 3
    third, slope = ops.sqrt(w / 3.0), w / math.sqrt(3.0)
    up = ops.exp(ops.where(above, 0.0 * s, 2j * s))
    down = ops.exp(ops.where(above, -2j * s, 0.0 * s))
    turn = np.exp(1j * math.pi / 6)

    def of(v: float, turn: complex) -> Value:
        waves = turn * up * hankel1e(v, s), down * hankel2e(v, s) / turn
        return (waves[0] + waves[1]) / 2.0

    return (
        third * of(1 / 3, turn),
        slope * of(2 / 3, 1.0 / turn),
        third * (jve(-1 / 3, s) - jve(1 / 3, s)),
        slope * (jve(-2 / 3, s) + jve(2 / 3, s)),
    )
