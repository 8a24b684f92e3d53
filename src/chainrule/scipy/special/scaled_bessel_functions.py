"""Bessel functions scaled by the size of a part of their argument, of complex ones.

Their scale is no analytic function, so that they are composed of Hankel's functions and
of ``np.real`` and ``np.imag``, whose conventions they have (DLMF 10.4.4, 10.27.6).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.special

from chainrule import operations as ops
from chainrule.nodes.admission import plain_operand
from chainrule.scipy.special import bessel_functions
from chainrule.values.shapes import is_complex
from chainrule.values.types import Value
from chainrule.wrapping import implements


@implements(scipy.special.jve)
def jve(v: Value, x: Value, **given: Any) -> Value:
    """Return ``J_v(x) exp(-|Im x|)``.

    Examples
    --------
    >>> import chainrule as gd, numpy as np, scipy.special
    >>> np.round(gd.grad(lambda z: np.real(scipy.special.jve(1.4, z)))(800j), 9)
    np.complex128(0.011391668+5.165e-06j)
    """
    if given or not is_complex(x):
        return bessel_functions.jve(v, x, **given)
    far, near, beyond = _split(v, x)
    first, second = _waves(v, beyond)
    close = bessel_functions.jv(v, near) * ops.exp(-ops.absolute(ops.imag(near)))
    return ops.where(far, (first + second) / 2.0, close)


@implements(scipy.special.yve)
def yve(v: Value, x: Value, **given: Any) -> Value:
    """Return ``Y_v(x) exp(-|Im x|)``."""
    if given or not is_complex(x):
        return bessel_functions.yve(v, x, **given)
    far, near, beyond = _split(v, x)
    first, second = _waves(v, beyond)
    close = bessel_functions.yv(v, near) * ops.exp(-ops.absolute(ops.imag(near)))
    return ops.where(far, (first - second) / 2j, close)


@implements(scipy.special.ive)
def ive(v: Value, x: Value, **given: Any) -> Value:
    """Return ``I_v(x) exp(-|Re x|)``."""
    if given or not is_complex(x):
        return bessel_functions.ive(v, x, **given)
    far, near, beyond = _split(v, x)
    turn: Any = np.where(plain_operand(ops.imag(beyond)) < 0.0, 1j, -1j)
    first, second = _waves(v, turn * beyond)
    close = bessel_functions.iv(v, near) * ops.exp(-ops.absolute(ops.real(near)))
    return ops.where(
        far, ops.exp(-turn * math.pi / 2.0 * v) * (first + second) / 2.0, close
    )


def _split(v: Value, x: Value) -> tuple[Any, Value, Value]:
    """Tell where ``x`` is large for the order; return ``x`` there, and elsewhere."""
    bound: Any = np.maximum(25.0, 2.0 * np.absolute(plain_operand(v)))
    far = np.absolute(plain_operand(x)) > bound
    return far, ops.where(far, 1.0 + 0j, x), ops.where(far, x, 2.0 * bound + 0j)


def _waves(v: Value, x: Value) -> tuple[Value, Value]:
    """Return both of Hankel's functions, scaled by ``exp(-|Im x|)``."""
    along, across = ops.real(x), ops.imag(x)
    size = ops.absolute(across)
    first = bessel_functions.hankel1e(v, x) * ops.exp(1j * along - across - size)
    second = bessel_functions.hankel2e(v, x) * ops.exp(across - size - 1j * along)
    return first, second
