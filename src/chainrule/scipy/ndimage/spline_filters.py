"""The rule of the filter that finds the coefficients of a spline."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.ndimage

from chainrule.rules import linear
from chainrule.rules.cases import Cases, case
from chainrule.rules.namespace import EXTRA, opaque
from chainrule.values.shapes import dtype_of, shape_of
from chainrule.values.types import Namespace, Operation, Value
from chainrule.wrapping import operation

_theirs: Any = scipy.ndimage
_SYMMETRIC = ("reflect", "grid-mirror", "nearest", "grid-wrap")
"""The modes in which the matrix of the filter is symmetric; others mirror."""
_SHORT = 32
"""Entries up to which SciPy's filter in the first three is not its exact inverse."""


@opaque
def spline_filtered(x: Value, *, order: int, axis: int, mode: str) -> Value:
    """Return SciPy's ``spline_filter1d``, in the precision of ``x``."""
    return _theirs.spline_filter1d(x, order, axis, dtype_of(x), mode)


EXTRA["spline_filtered"] = spline_filtered


class spline_filtered_grad(linear):
    """z = the coefficients of the spline through x at the integers, along an axis

    The filter is the inverse of the matrix of B-splines at the integers. With a mode
    that repeats the ends or the period this is symmetric; with one that mirrors at the
    ends it becomes so when the rows of the ends are halved.
    """

    forward = spline_filtered
    axes: tuple[str, ...] = ("axis",)
    cases: Cases = (
        case((6,), order=3, axis=0, mode="mirror"),
        case((2, 5), order=2, axis=1, mode="grid-wrap"),
        case((4, 2), order=5, axis=0, mode="reflect"),
        case((1, 2), order=4, axis=0, mode="constant"),
    )

    @staticmethod
    def transpose_x(
        xp: Namespace, z_grad: Value, x: Value, *, order: int, axis: int, mode: str
    ) -> Value:
        """x_grad = the filter of z_grad, between weights of the ends if it mirrors"""
        n, real = shape_of(x)[axis], np.finfo(dtype_of(x)).dtype
        if mode in _SYMMETRIC and mode != "grid-wrap" and n <= _SHORT:
            matrix = spline_filtered(
                np.eye(n, dtype=real), order=order, axis=1, mode=mode
            )
            lines = xp.swapaxes(z_grad, axis, -1)
            return xp.swapaxes(xp.matmul(lines, np.transpose(matrix)), axis, -1)
        if mode in _SYMMETRIC or n < 2:
            return xp.spline_filtered(z_grad, order=order, axis=axis, mode=mode)
        ends = np.ones(n, real)
        ends[[0, -1]] = 2.0
        ends = ends.reshape(-1, *(1,) * (len(shape_of(x)) - 1 - axis))
        whole = xp.spline_filtered(z_grad * ends, order=order, axis=axis, mode=mode)
        return whole / ends


coefficients: Operation = operation(spline_filtered_grad)
