"""``log(1 + u) / u`` and its derivatives, smooth at 0."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.rules import elementwise
from chainrule.rules.cases import REAL, Cases, Domain, Dtypes, case, within
from chainrule.rules.namespace import EXTRA
from chainrule.values.types import Namespace, Operation, Value
from chainrule.wrapping import operation

_where: Any = np.where
_SMALL = 0.1
"""Where ``|u|`` is smaller, the power series is summed."""
_TERMS = 20


def log1p_ratio_of(u: Value, *, order: int = 0) -> Value:
    """Return a derivative of ``h(u) = log(1 + u) / u``; 1 at 0 for ``order`` 0.

    Differentiating ``u h(u) = log(1 + u)`` gives ``u h_n + n h_(n-1) = l_n``, with
    ``l_n = (-1)**(n-1) (n-1)! / (1 + u)**n``. Near 0 that loses digits, and the series
    of ``h``, the sum of ``(-u)**k / (k + 1)``, is differentiated.
    """
    u = np.asarray(u)
    near: Any = np.abs(u) < _SMALL
    small: Any = np.where(near, u, 0.0)
    far: Any = np.where(near, 1.0, u)
    series: Any = 0.0
    for k in reversed(range(_TERMS)):
        factor = math.factorial(k + order) / math.factorial(k) / (k + order + 1)
        series = series * small + (-1.0) ** (k + order) * factor
    h: Any = np.log1p(far) / far
    for n in range(1, order + 1):
        slope = (-1.0) ** (n - 1) * math.factorial(n - 1) / (1.0 + far) ** n
        h = (slope - n * h) / far
    return _where(near, series, h).astype(u.dtype)[()]


EXTRA["log1p_ratio_of"] = log1p_ratio_of


class log1p_ratio_of_grad(elementwise):
    """z = log(1 + u) / u differentiated ``order`` times"""

    forward = log1p_ratio_of
    domain: Domain = {"u": (-0.5, 2.0)}
    dtypes: Dtypes = REAL
    cases: Cases = (
        case(within(-0.5, 2.0, 5), order=0),
        case(within(-0.5, 2.0, 2, 3), order=2),
    )

    @staticmethod
    def d_u(xp: Namespace, z: Value, u: Value, *, order: int = 0) -> Value:
        """dz/du = the next derivative"""
        return xp.log1p_ratio_of(u, order=order + 1)


log1p_ratio: Operation = operation(log1p_ratio_of_grad)
