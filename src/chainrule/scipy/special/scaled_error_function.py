"""The derivatives of ``erfcx(x) = exp(x**2) erfc(x)``, real and complex, of any order.

They are ``(-2)**k 2 / sqrt(pi) m(k)``, with the moments
``m(k) = integral of t**k exp(-t**2 - 2 x t) from t = 0 on`` (DLMF 7.7.1).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.special

from chainrule.scipy.special.precision import Reals, dtype_for, in_double
from chainrule.values.types import Value

_scipy: Any = scipy.special
_where: Any = np.where
_NEAR = 0.75
"""Where the real part is below it, upwards recurrence loses no digits."""
_TERMS = 160


def erfcx_derivative(x: Value, *, order: int) -> Value:
    """Return erfcx at ``x``, differentiated ``order`` times."""
    t = in_double(x)
    scale = (-2.0) ** order * 2 / math.sqrt(math.pi)
    far: Any = (t.real > _NEAR) | ((np.abs(t) > 5.0) & (t.real >= 0))
    near = moment_upwards(t, order)
    z = _where(far, moment_of_ratios(_where(far, t, 1.0), order), near)
    z = _where(t.real == math.inf, 0.0, z)
    return (scale * z).astype(dtype_for(x))[()]


def moment_upwards(x: Reals, order: int) -> Any:
    """Return ``m(order)`` by ``2 m(k+1) = k m(k-1) - 2 x m(k)``, from ``m(0)``."""
    before: Any = 0.0
    now: Any = math.sqrt(math.pi) / 2 * _scipy.erfcx(x)
    for k in range(order):
        lower = (k * before if k else 1.0) / 2
        before, now = now, lower - x * now
    return now


def moment_of_ratios(x: Reals, order: int) -> Any:
    """Return ``m(order)`` for ``x`` in the right half plane.

    There the moments are the minimal solution of their recurrence, whose ratios
    ``m(k) / m(k-1)`` are a continued fraction (DLMF 7.9.1), taken from behind.
    """
    ratio: Any = (np.sqrt(x * x + 2 * _TERMS) - x) / 2
    product: Any = 1.0
    for k in range(_TERMS - 1, 0, -1):
        ratio = k / 2 / (x + ratio)
        if k <= order:
            product = product * ratio
    return product / (2 * (x + ratio))
