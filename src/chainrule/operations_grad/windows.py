"""The rule of windows that slide over an array: moving averages, patches of images."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from chainrule.errors import ArgumentError
from chainrule.rules import linear
from chainrule.rules.cases import Cases, case
from chainrule.rules.namespace import plain
from chainrule.values.shapes import ndarray, normalize_axes, shape_of
from chainrule.values.types import Axis, Namespace, Shape, Value
from chainrule.values.vertices import stand_in

_FEW = 32
"""So many windows are added one by one, as slices; more are added by their places."""


def windows(
    x: Value,
    window_shape: int | Shape,
    axis: Axis = None,
    *,
    subok: bool = False,
    writeable: bool = False,
) -> Value:
    """Return NumPy's view; refuse one that could be written."""
    if writeable:
        raise ArgumentError(
            "sliding_window_view(writeable=True) of a node would write one entry at "
            "several places. Leave writeable away and write into the array itself."
        )
    if isinstance(x, stand_in):
        return x.whole(windows, (x,), {"window_shape": window_shape, "axis": axis})
    return sliding_window_view(x, window_shape, axis)


class sliding_window_view_grad(linear):
    """z[i, k] = x[i + k], for places k in a window"""

    nonnegative = True
    views = moves = True
    forward = windows
    cases: Cases = (
        case((5,), window_shape=3),
        case((4, 5), window_shape=(2, 3)),
        case((2, 6), window_shape=2, axis=-1),
        case((6,), window_shape=(2, 3), axis=(0, 0)),
        case((40,), window_shape=36),
        case((2, 0), window_shape=1, axis=0),
    )

    @staticmethod
    def transpose_x(
        xp: Namespace,
        z_grad: Value,
        x: Value,
        *,
        window_shape: int | Shape,
        axis: Axis = None,
        subok: bool = False,
        writeable: bool = False,
    ) -> Value:
        """x_grad[i + k] = the sum of z_grad[i, k]"""
        shape = shape_of(x)
        sizes = [window_shape] if isinstance(window_shape, int) else [*window_shape]
        axes = [*_axes(axis, len(shape))]
        if math.prod(sizes) > _FEW:
            return xp.unindex(z_grad, index=_places(shape, sizes, axes), shape=shape)
        g: Any = z_grad if xp is plain and type(z_grad) is ndarray else None
        x_grad: Any = 0.0 if g is None else np.zeros(shape, g.dtype)
        for offsets in np.ndindex(*sizes):
            starts = [0] * len(shape)
            for a, offset in zip(axes, offsets, strict=True):
                starts[a] += offset
            ends = [b + n for b, n in zip(starts, shape_of(z_grad), strict=False)]
            place = tuple(map(slice, starts, ends))
            if g is not None:
                x_grad[place] += g[(..., *offsets)]
                continue
            part = xp.getitem(z_grad, index=(..., *offsets))
            x_grad = x_grad + xp.unindex(part, index=place, shape=shape)
        return x_grad


def _axes(axis: Axis, ndim: int) -> tuple[int, ...]:
    """Return the axes, of which one may stand there more than once."""
    if axis is None or isinstance(axis, int):
        return normalize_axes(axis, ndim)
    return tuple(a % ndim for a in axis)


def _places(shape: Shape, sizes: list[int], axes: list[int]) -> tuple[Any, ...]:
    """Return the place in the array of each entry of each window, by axis."""
    ndim = len(shape) + len(sizes)
    places: list[Any] = []
    for a, n in enumerate(shape):
        own = [k for k, b in enumerate(axes) if b == a]
        count = n - sum(sizes[k] - 1 for k in own)
        place: Any = _along(np.arange(count), a, ndim)
        for k in own:
            place = place + _along(np.arange(sizes[k]), len(shape) + k, ndim)
        places.append(place)
    return tuple(places)


def _along(x: Any, axis: int, ndim: int) -> Any:
    return x.reshape(*(-1 if i == axis else 1 for i in range(ndim)))


__all__ = ["sliding_window_view_grad"]
