"""The rule of a digital filter: one difference equation along an axis."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.signal

from chainrule.rules import general
from chainrule.rules.cases import Cases, case, within
from chainrule.rules.namespace import EXTRA, opaque
from chainrule.scipy.boundaries import at, widths_of
from chainrule.scipy.correlations import Part
from chainrule.values.shapes import dtype_of, shape_of
from chainrule.values.types import Array, Namespace, Operation, Value
from chainrule.wrapping import operation

_theirs: Any = scipy.signal
_POLES = np.array([2.0, -0.6, 0.3])


@opaque
def filtered(b: Value, a: Value, x: Value, *, axis: int) -> Value:
    """Return SciPy's ``lfilter`` of a signal that begins at rest."""
    return _theirs.lfilter(b, a, x, axis)


EXTRA["filtered"] = filtered


def backwards(x: Array, axis: int) -> Array:
    """Return a signal in reverse order."""
    return x[at(axis, slice(None, None, -1))]


class filtered_grad(general):
    """sum over k of a[k] z[n - k] = sum over k of b[k] x[n - k]

    The transpose of a filter is the filter backwards in time.
    """

    forward = filtered
    cases: Cases = (
        case((3,), _POLES, (6,), axis=0),
        case((2,), within(1, 2, 1), (2, 4), axis=1),
        case((4,), _POLES[:2], (4, 2), axis=0),
        case((2,), within(0.6, 0.9, 2), (2, 4), axis=1),
    )

    @staticmethod
    def pullback(
        xp: Namespace,
        z_grad: Array,
        z: Value,
        b: Value,
        a: Value,
        x: Value,
        *,
        axis: int,
    ) -> tuple[Part, Part, Part]:
        """With y = z_grad filtered by 1 / a backwards: the products with x and z"""

        @functools.cache
        def adjoint() -> Value:
            one = np.ones(1, dtype_of(z))
            y = xp.filtered(one, a, backwards(z_grad, axis), axis=axis)
            return backwards(y, axis)

        def products(signal: Value, count: int) -> Value:
            room = widths_of(len(shape_of(z)), (axis,), [(0, count - 1)])
            longer = xp.extended(adjoint(), widths=room, mode="constant")
            return xp.lagged(signal, longer, axes=(axis,))

        def b_grad() -> Value:
            return products(x, shape_of(b)[0])

        def a_grad() -> Value:
            return -products(z, shape_of(a)[0])

        def x_grad() -> Value:
            y = xp.filtered(b, a, backwards(z_grad, axis), axis=axis)
            return backwards(y, axis)

        return b_grad, a_grad, x_grad

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Value | None],
        z: Value,
        b: Value,
        a: Value,
        x: Value,
        *,
        axis: int,
    ) -> Value:
        """z_dot = x_dot filtered, x filtered by b_dot / a, less z by a_dot / a"""
        b_dot, a_dot, x_dot = tangents
        total: Any = 0.0
        if x_dot is not None:
            total = xp.filtered(b, a, x_dot, axis=axis)
        if b_dot is not None:
            total = total + xp.filtered(b_dot, a, x, axis=axis)
        if a_dot is not None:
            total = total - xp.filtered(a_dot, a, z, axis=axis)
        return total


filter_at_rest: Operation = operation(filtered_grad)
