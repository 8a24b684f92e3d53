"""Rules of indexing: getitem, and its transpose unindex."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.cases import case
from chainrule.rules import EXTRA, linear
from chainrule.shapes import Shape, shape_of


def getitem(x: Any, *, index: Any) -> Any:
    """Return ``x[index]``."""
    return x[index]


def unindex(x: Any, *, index: Any, shape: Shape) -> Any:
    """Return zeros of ``shape`` with ``x`` added at ``index``; repeats add up."""
    x = np.asarray(x)
    out = np.zeros(shape, dtype=x.dtype)
    if is_basic(index):
        out[index] = x
    else:
        np.add.at(out, index, x)
    return out


EXTRA["unindex"] = unindex


def is_basic(index: Any) -> bool:
    """Tell whether an index picks each element at most once, by slices and integers."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        p is None or p is Ellipsis or isinstance(p, slice | int | np.integer)
        for p in parts
        if not isinstance(p, bool)
    ) and not any(isinstance(p, bool) for p in parts)


class getitem_grad(linear):
    """z = x[index]"""

    forward = getitem
    structural = True
    cases = (
        case((3,), index=1),
        case((3, 4), index=(slice(None), 1)),
        case((3, 4), index=(Ellipsis, None, slice(None, None, -2))),
        case((4,), index=np.array([0, 2, 2, -1])),
        case((3, 4), index=(np.array([[0], [2]]), np.array([1, 1, 3]))),
        case((2, 3), index=np.array([[True, False, True], [False, True, False]])),
        case((2, 3, 4), index=(slice(None), np.array([0, 2]), 1)),
        case((0, 3), index=(slice(None), 1)),
    )

    @staticmethod
    def transpose_x(xp: Any, z_grad: Any, x: Any, *, index: Any) -> Any:
        """x_grad = zeros with z_grad added at index"""
        return xp.unindex(z_grad, index=index, shape=shape_of(x))


class unindex_grad(linear):
    """z = zeros(shape); z[index] += x"""

    forward = unindex
    structural = True
    cases = (
        case((), index=1, shape=(3,)),
        case((4,), index=np.array([0, 2, 2, 1]), shape=(3,)),
        case((2, 2), index=(slice(None), slice(0, 2)), shape=(2, 3)),
    )

    @staticmethod
    def transpose_x(xp: Any, z_grad: Any, x: Any, *, index: Any, shape: Shape) -> Any:
        """x_grad = z_grad[index]"""
        return z_grad[index]


__all__ = ["getitem_grad", "unindex_grad"]
