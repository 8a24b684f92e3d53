"""Rules of correlation along axes: with weights, and of two arrays at small lags.

The derivative of one of them in any operand is the other.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.fft
import scipy.ndimage

from chainrule.rules import general, multilinear
from chainrule.rules.cases import Cases, case
from chainrule.rules.namespace import EXTRA, opaque
from chainrule.rules.traits import Depends, Numbers
from chainrule.scipy.boundaries import Modes, Widths, extended, widths_of
from chainrule.values.shapes import shape_of
from chainrule.values.types import Namespace, Operation, Shape, Value
from chainrule.wrapping import operation

Part = Callable[[], Value]
"""A cotangent that is computed if it is wanted."""
_filters: Any = scipy.ndimage
_fft: Any = scipy.fft
Axes = tuple[int, ...]
"""Axes in ascending order."""


@opaque
def correlated(
    x: Value,
    w: Any,
    *,
    axes: Axes,
    mode: str,
    cval: complex = 0.0,
    origin: tuple[int, ...],
) -> Value:
    """Return SciPy's ``correlate1d`` or ``correlate``, without conjugation."""
    w = np.conjugate(w)
    if len(axes) == 1:
        return _filters.correlate1d(x, w, axes[0], None, mode, cval, origin[0])
    return _filters.correlate(x, w, None, mode, cval, origin, axes=axes)


EXTRA["correlated"] = correlated


def reach(x: Value, axes: Axes, sizes: Sequence[int], origin: Sequence[int]) -> Widths:
    """Return how far a window reads beyond each axis: ``z[i]`` reads from ``i``."""
    before = [n // 2 + o for n, o in zip(sizes, origin, strict=True)]
    each = [(b, n - 1 - b) for b, n in zip(before, sizes, strict=True)]
    return widths_of(len(shape_of(x)), axes, each)


def read_by_windows(
    x: Numbers, axes: Axes, sizes: Sequence[int], mode: Modes, origin: Sequence[int]
) -> Any:
    """Return the numbers of the first entries of all windows, of the second, ..."""
    longer = extended(x + 1, widths=reach(x, axes, sizes, origin), mode=mode) - 1
    shown: Any = np.lib.stride_tricks.sliding_window_view(longer, tuple(sizes), axes)
    return np.moveaxis(shown.reshape(*x.shape, -1), -1, 0)


class correlated_grad(general):
    """z[i] = sum over k of w[k] x[i + k - n // 2 - origin], x extended by the mode"""

    forward = correlated

    @staticmethod
    def depends(
        z: Numbers,
        x: Numbers,
        w: Numbers,
        *,
        axes: Axes,
        mode: str,
        cval: complex = 0.0,
        origin: tuple[int, ...],
    ) -> Depends:
        """Return which entries are in each window."""
        return (z, read_by_windows(x, axes, w.shape, mode, origin)), None

    cases: Cases = (
        case((5,), (3,), axes=(0,), mode="reflect", origin=(0,)),
        case((3, 4), (2,), axes=(1,), mode="mirror", origin=(-1,)),
        case((3, 4), (2, 5), axes=(0, 1), mode="wrap", origin=(0, 1)),
        case((3, 4), (5,), axes=(0,), mode="constant", cval=0.5, origin=(0,)),
    )

    @staticmethod
    def pullback(
        xp: Namespace,
        z_grad: Value,
        z: Value,
        x: Value,
        w: Value,
        *,
        axes: Axes,
        mode: str,
        cval: complex = 0.0,
        origin: tuple[int, ...],
    ) -> tuple[Part, Part]:
        """x_grad: z_grad convolved with w, folded; w_grad: products of z_grad and x"""
        widths = reach(x, axes, shape_of(w), origin)

        def x_grad() -> Value:
            whole = convolved_fully(xp, z_grad, w, axes)
            return xp.folded(whole, widths=widths, mode=mode)

        def w_grad() -> Value:
            longer = xp.extended(x, widths=widths, mode=mode, cval=cval)
            return xp.lagged(z_grad, longer, axes=axes)

        return x_grad, w_grad

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Value | None],
        z: Value,
        x: Value,
        w: Value,
        *,
        axes: Axes,
        mode: str,
        cval: complex = 0.0,
        origin: tuple[int, ...],
    ) -> Value:
        """z_dot = the correlation of x_dot with w, and of x with w_dot"""
        x_dot, w_dot = tangents
        total: Any = 0.0
        if x_dot is not None:
            total = xp.correlated(x_dot, w, axes=axes, mode=mode, origin=origin)
        if w_dot is not None:
            total = total + xp.correlated(
                x, w_dot, axes=axes, mode=mode, cval=cval, origin=origin
            )
        return total


def convolved_fully(xp: Namespace, x: Value, w: Value, axes: tuple[int, ...]) -> Value:
    """Return all of the convolution of ``x`` with ``w`` along axes."""
    count = shape_of(w)
    room = widths_of(len(shape_of(x)), axes, [(0, n - 1) for n in count])
    longer = xp.extended(x, widths=room, mode="constant")
    turned = xp.flip(w)
    origin = tuple((n - 1) // 2 for n in count)
    return xp.correlated(longer, turned, axes=axes, mode="constant", origin=origin)


MANY = 200
"""Lags from which on products of Fourier transforms are faster."""


@opaque
def lagged(x: Any, y: Any, *, axes: tuple[int, ...]) -> Value:
    """Return the sums of ``x[i] * y[i + k]`` for each lag k that ``y`` has room for."""
    count = tuple(y.shape[a] - x.shape[a] + 1 for a in axes)
    if math.prod(count) > MANY:
        return _by_transforms(x, y, axes, count)
    z = np.empty(count, np.result_type(x, y))
    index, places = [slice(None)] * y.ndim, list(range(y.ndim))
    for lags in itertools.product(*map(range, count)):
        for a, k in zip(axes, lags, strict=True):
            index[a] = slice(k, k + x.shape[a])
        z[lags] = np.einsum(x, places, y[tuple(index)], places, [])
    return z


def _by_transforms(x: Any, y: Any, axes: tuple[int, ...], count: Shape) -> Value:
    others = tuple(a for a in range(y.ndim) if a not in axes)
    lengths = [_fft.next_fast_len(y.shape[a], True) for a in axes]
    turned = x[tuple(slice(None, None, -1 if a in axes else 1) for a in range(x.ndim))]
    if np.iscomplexobj(x) or np.iscomplexobj(y):
        forth, back = _fft.fftn, _fft.ifftn
    else:
        forth, back = _fft.rfftn, _fft.irfftn
    product = forth(turned, lengths, axes) * forth(y, lengths, axes)
    spectrum = np.transpose(np.sum(product, others, keepdims=True), (*axes, *others))
    z = back(spectrum.reshape(spectrum.shape[: len(axes)]), lengths)
    start = [x.shape[a] - 1 for a in axes]
    return z[tuple(slice(s, s + n) for s, n in zip(start, count, strict=True))]


EXTRA["lagged"] = lagged


class lagged_grad(multilinear):
    """z[k] = sum over i of x[i] y[i + k], for all k that y has room for"""

    forward = lagged
    cases: Cases = (
        case((4,), (6,), axes=(0,)),
        case((3, 2), (3, 4), axes=(1,)),
        case((3, 2), (4, 4), axes=(0, 1)),
        case((3, 2), (3, 220), axes=(1,)),
    )

    @staticmethod
    def transpose_x(
        xp: Namespace, z_grad: Value, x: Value, y: Value, *, axes: tuple[int, ...]
    ) -> Value:
        """x_grad[i] = sum over k of z_grad[k] y[i + k]"""
        origin = tuple(-(n // 2) for n in shape_of(z_grad))
        z = xp.correlated(y, z_grad, axes=axes, mode="constant", origin=origin)
        return z[tuple(map(slice, shape_of(x)))]

    @staticmethod
    def transpose_y(
        xp: Namespace, z_grad: Value, x: Value, y: Value, *, axes: tuple[int, ...]
    ) -> Value:
        """y_grad[j] = sum over k of z_grad[k] x[j - k]"""
        return convolved_fully(xp, x, z_grad, axes)


correlation: Operation = operation(correlated_grad)
products_at_lags: Operation = operation(lagged_grad)
