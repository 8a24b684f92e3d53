"""interp1d: interpolation along a line, of any kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.interpolate
from numpy.typing import ArrayLike

from chainrule.scipy.interpolate import pieces
from chainrule.scipy.interpolate.pieces import lane, moved_to
from chainrule.scipy.interpolate.splines import make_interp_spline
from chainrule.scipy.moving import (
    array_of,
    example,
    floats_of,
    moves,
    own_floats,
    plain_only,
)
from chainrule.values.shapes import normalize_axes
from chainrule.values.types import Array
from chainrule.values.vertices import is_refused

_scipy: Any = scipy.interpolate
_np: Any = np
_ORDERS = {"zero": 0, "slinear": 1, "quadratic": 2, "cubic": 3}
Fill = ArrayLike | tuple[ArrayLike, ArrayLike]


class interp1d(_scipy.interp1d):
    """An interpolant along a line, as ``scipy.interpolate.interp1d``, of all kinds.

    It is differentiable in ``x``, ``y``, the fill values and the points at which it is
    called; in what the nearest, next or previous value is, it is locally constant.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as gd
    >>> from chainrule.scipy.interpolate import interp1d
    >>> x = np.arange(3.0)
    >>> gd.grad(lambda y: interp1d(x, y)(0.25))(x)
    array([0.75, 0.25, 0.  ])
    """

    x: plain_only = plain_only()
    y: plain_only = plain_only()
    fill_value: plain_only = plain_only()
    _moving: tuple[Any, Any, Any] | None = None
    """The sorted x, the y with their axis first, and the fill value."""

    def __init__(
        self,
        x: ArrayLike,
        y: ArrayLike,
        kind: str | int = "linear",
        axis: int = -1,
        copy: bool = True,
        bounds_error: bool | None = None,
        fill_value: Fill = np.nan,
        assume_sorted: bool = False,
    ) -> None:
        """Interpolate ``y`` along an axis."""
        fill: Any = fill_value
        pair = isinstance(fill, tuple)
        plain = tuple(map(example, _both(fill))) if pair else example(fill)
        _scipy.interp1d.__init__(
            self,
            example(x),
            example(y),
            kind,
            axis,
            copy,
            bounds_error,
            plain,
            assume_sorted,
        )
        at, values = own_floats(x), own_floats(y)
        axis = normalize_axes(axis, values.ndim)[0]
        values = _np.moveaxis(values, axis, 0)
        if not assume_sorted:
            order = _np.argsort(at, kind="stable")
            at, values = _np.take(at, order), _np.take(values, order, axis=0)
        self._given: tuple[Any, Any, Any] = at, values, fill
        self._kind_given = kind
        self._at: Callable[[Any], Any] | None = None
        if moves(x, y, fill):
            self._moving = self._given

    def __call__(self, x: ArrayLike) -> Any:
        """Return values at points."""
        if self._moving is None and not moves(x):
            return _scipy.interp1d.__call__(self, x)
        at = floats_of(x)
        flat = _np.reshape(at, (-1,))
        knots, values, fill = self._given
        if self._at is None:
            self._at = _interpolant(self._kind_given, knots, values)
        z = self._at(flat)
        below, above = flat < knots[0], flat > knots[-1]
        if self.bounds_error:
            if is_refused(below) or is_refused(above):
                raise ValueError(
                    "A value in x_new is outside of the interpolation range."
                )
        elif not isinstance(fill, str):
            low, high = _both(fill)
            z = _np.where(lane(below, z.ndim), array_of(low), z)
            z = _np.where(lane(above, z.ndim), array_of(high), z)
        elif self._kind_given in ("next", "previous"):
            beyond = above if self._kind_given == "next" else below
            z = _np.where(lane(beyond, z.ndim), np.nan, z)
        z = _np.reshape(z, (*at.shape, *values.shape[1:]))
        return moved_to(z, at.ndim, self.axis)


def _both(fill: Any) -> tuple[Any, Any]:
    """Return the values below and above."""
    return fill if isinstance(fill, tuple) else (fill, fill)  # pyright: ignore


def _interpolant(kind: str | int, x: Array, y: Array) -> Callable[[Any], Any]:
    """Return a kind of interpolant as a function of points on one axis."""
    if kind == "linear":
        slopes = _np.diff(y, axis=0) / lane(_np.diff(x), y.ndim)
        c = _np.stack([slopes, y[:-1]])
        return lambda at: pieces.evaluated(c, x, at, extrapolate=True)
    order = _ORDERS.get(kind, kind) if isinstance(kind, str) else kind
    if isinstance(order, int):
        return make_interp_spline(x, y, order, check_finite=False)
    return lambda at: _np.take(y, _place(order, x, at), axis=0)


def _place(kind: str, x: Array, at: Array) -> Any:
    """Return the place of the nearest, next or previous x of each point."""
    if kind in ("nearest", "nearest-up"):
        middles = x[1:] / 2.0 + x[:-1] / 2.0
        return _np.searchsorted(
            middles, at, side="left" if kind == "nearest" else "right"
        )
    if kind == "previous":
        return _np.searchsorted(x[1:], at, side="right")
    return _np.searchsorted(x[:-1], at, side="left")
