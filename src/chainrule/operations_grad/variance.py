"""The rule of variances."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.operations_grad.reductions import put_back
from chainrule.rules import general
from chainrule.rules.cases import Cases, case
from chainrule.values.shapes import dtype_of, is_complex, normalize_axes, shape_of
from chainrule.values.types import Axis, Mask, Namespace, Value
from chainrule.values.vertices import stand_in

_add: Any = np.add
_var: Any = np.var


class var_grad(general):
    """z = sum(|x - mean(x)|**2) / (n - ddof) over the axes in ``axis``"""

    axes: tuple[str, ...] = ("axis",)
    cases: Cases = (
        case((3, 4)),
        case((3, 4), axis=0, ddof=1),
        case((2, 3, 4), axis=(0, -1), keepdims=True),
        case((3, 3), axis=0, where=np.array([[True], [False], [True]])),
        case((3, 2), axis=0, ddof=1, where=np.array([[True], [False], [True]])),
        case(()),
    )

    @staticmethod
    def forward(
        x: Value,
        *,
        axis: Axis = None,
        ddof: float = 0,
        keepdims: bool = False,
        where: Mask = True,
    ) -> Value:
        """Call NumPy's variance; in a trace, take its steps one by one."""
        shape = shape_of(x)
        count: Any = math.prod(shape[i] for i in normalize_axes(axis, len(shape)))
        real = isinstance(x, stand_in) and dtype_of(x).char in "fd"
        if not real or not 0 < count > ddof:
            options = {"axis": axis, "ddof": ddof, "keepdims": keepdims}
            masked = {} if where is True else {"where": where}
            return _var(x, **options, **masked)
        left = count - ddof
        if where is not True:
            where = np.broadcast_to(where, shape)
            x = np.where(where, x, 0.0)
            count = np.sum(where, axis=axis, keepdims=True).astype(dtype_of(x))
            left = np.sum(where, axis=axis, keepdims=keepdims).astype(dtype_of(x))
            left = np.maximum(left - ddof, 0.0)
        centred = x - _add.reduce(x, axis=axis, keepdims=True) / count
        if where is not True:
            centred = np.where(where, centred, 0.0)
        total = _add.reduce(centred * centred, axis=axis, keepdims=keepdims)
        return total / left

    @staticmethod
    def pullback(
        xp: Namespace,
        z_grad: Value,
        z: Value,
        x: Value,
        *,
        axis: Axis = None,
        ddof: float = 0,
        keepdims: bool = False,
        where: Mask = True,
    ) -> tuple[Value]:
        """x_grad[i] = 2 z_grad conj(x[i] - mean(x)) / (n - ddof)"""
        z_grad = put_back(xp, z_grad, shape_of(x), axis)
        return (z_grad * _twice_centred(xp, x, axis, ddof, where),)

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Value],
        z: Value,
        x: Value,
        *,
        axis: Axis = None,
        ddof: float = 0,
        keepdims: bool = False,
        where: Mask = True,
    ) -> Value:
        """z_dot = 2 sum(Re(conj(x - mean(x)) x_dot)) / (n - ddof)"""
        terms = _twice_centred(xp, x, axis, ddof, where) * tangents[0]
        terms = xp.real(terms) if is_complex(terms) else terms
        return xp.sum(terms, axis=axis, keepdims=keepdims)


def _twice_centred(
    xp: Namespace, x: Value, axis: Axis, ddof: float, where: Mask
) -> Value:
    """Return 2 conj(x - mean(x)) / (n - ddof); 0 where ``where`` excludes an entry."""
    masked: Any = {} if where is True else {"where": where}
    centred = x - xp.mean(x, axis=axis, keepdims=True, **masked)
    centred = xp.conjugate(centred) if is_complex(x) else centred
    shape = shape_of(x)
    if where is not True:
        count = np.sum(np.broadcast_to(where, shape), axis=axis, keepdims=True)
        scale = (2.0 / np.maximum(count - ddof, 0)).astype(dtype_of(x))
        return xp.where(where, centred * scale, 0.0)
    left = math.prod(shape[i] for i in normalize_axes(axis, len(shape))) - ddof
    return centred * (2.0 / left if left > 0 else math.nan)
