"""Interpolation on grids: in several variables, of values at all their combinations."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.interpolate
from numpy.typing import ArrayLike

from chainrule.scipy.interpolate import basis, pieces, slopes
from chainrule.scipy.interpolate.pieces import lane
from chainrule.scipy.interpolate.splines import make_interp_spline
from chainrule.scipy.moving import (
    array_of,
    example,
    floats_of,
    increasing,
    moves,
    own_floats,
    plain_only,
    refused,
)
from chainrule.values.types import Array
from chainrule.values.vertices import is_refused, raw

_scipy: Any = scipy.interpolate
_np: Any = np
_DEGREES = {"slinear": 1, "cubic": 3, "quintic": 5}


class RegularGridInterpolator(_scipy.RegularGridInterpolator):
    """An interpolant of values on a grid, as SciPy's ``RegularGridInterpolator``.

    It is differentiable in the values, the grid points and the points at which it is
    called. Splines are solved for axis by axis, where SciPy iterates to a tolerance.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as gd
    >>> from chainrule.scipy.interpolate import RegularGridInterpolator
    >>> x = np.arange(3.0)
    >>> f = RegularGridInterpolator((x, x), np.outer(x, x))
    >>> gd.grad(lambda p: f(p)[0])(np.array([0.5, 1.5]))
    array([1.5, 0.5])
    """

    values: plain_only = plain_only()
    grid: plain_only = plain_only()
    _moving: bool = False
    """Whether grid points or values hold nodes or traced values."""

    def __init__(
        self,
        points: Sequence[ArrayLike],
        values: ArrayLike,
        method: str = "linear",
        bounds_error: bool = True,
        fill_value: ArrayLike | None = np.nan,
        **solver: Any,
    ) -> None:
        """Keep the points along each axis, and the values at their combinations."""
        grid = tuple(map(example, points))
        fill = None if fill_value is None else example(fill_value)
        _scipy.RegularGridInterpolator.__init__(
            self, grid, example(values), method, bounds_error, fill, **solver
        )
        self._fill = fill_value
        self._moving = moves(list(points), values, fill_value)
        at, table = [own_floats(p) for p in points], own_floats(values)
        for i, p in enumerate(at):
            falls: Any = p.shape[0] > 1 and raw(p)[0] > raw(p)[-1]
            if not getattr(falls, "may_decide", True):  # in a compiled map or loop
                at[i] = _np.where(falls, _np.flip(p), p)
                table = _np.where(falls, _np.flip(table, axis=i), table)
            elif falls:
                at[i], table = _np.flip(p), _np.flip(table, axis=i)
            increasing(at[i])
        self._points, self._table = at, table

    def __call__(
        self,
        xi: ArrayLike | tuple[ArrayLike, ...],
        method: str | None = None,
        *,
        nu: Sequence[int] | None = None,
    ) -> Any:
        """Return values at points, whose last axis are the coordinates."""
        if not self._moving and not moves(xi):
            return _scipy.RegularGridInterpolator.__call__(self, xi, method, nu=nu)
        kind: Any = self.method if method is None else method
        count = len(self._points)
        at = coordinates(xi, count)
        flat = _np.reshape(at, (-1, count))
        columns = [flat[:, i] for i in range(count)]
        z = _on_grid(kind, self._points, self._table, columns, nu)
        outside = _outside(self._points, columns)
        if self.bounds_error:
            if is_refused(outside):
                raise ValueError("One of the requested xi is out of bounds.")
        elif self._fill is not None:
            z = _np.where(lane(outside, z.ndim), array_of(self._fill), z)
        missing = _np.any(_np.isnan(raw(flat)), axis=-1)
        z = _np.where(lane(missing, z.ndim), np.nan, z)
        return _np.reshape(z, (*at.shape[:-1], *self._table.shape[count:]))


def coordinates(xi: ArrayLike | tuple[ArrayLike, ...], count: int) -> Any:
    """Return points as an array, whose last axis are their coordinates."""
    if isinstance(xi, tuple):
        several = xi[0] if len(xi) == 1 and isinstance(xi[0], tuple) else xi
        return _np.stack(_np.broadcast_arrays(*map(floats_of, several)), axis=-1)
    at = floats_of(xi)
    if at.ndim == 1:
        return _np.reshape(at, (-1, 1) if count == 1 else (1, -1))
    return at


def _outside(grid: Sequence[Array], columns: Sequence[Array]) -> Any:
    found = [(x < p[0]) | (x > p[-1]) for p, x in zip(grid, columns, strict=True)]
    return _np.any(_np.stack(found), axis=0)


def _on_grid(
    method: str,
    grid: Sequence[Array],
    table: Array,
    columns: Sequence[Array],
    nu: Sequence[int] | None,
) -> Any:
    """Return the interpolated values at points, given by their coordinates."""
    if method in _DEGREES:
        k = _DEGREES[method]
        knots: list[Any] = []
        for i, points in enumerate(grid):
            made = make_interp_spline(points, table, k, axis=i)
            knots.append(made.t)
            table = _np.moveaxis(floats_of(made.c), 0, i)
        orders = [0] * len(grid) if nu is None else list(nu)
        return tensor(knots, table, [k] * len(grid), columns, orders)
    if nu is not None:
        raise ValueError(f"Can only compute derivatives for splines, got {method=}.")
    if method == "pchip":
        return _by_pchip(grid, table, columns)
    places = [
        _np.searchsorted(p[1:-1], x, side="right")
        for p, x in zip(grid, columns, strict=True)
    ]
    shares = [
        (x - _np.take(p, i)) / (_np.take(p, i + 1) - _np.take(p, i))
        for p, x, i in zip(grid, columns, places, strict=True)
    ]
    if method == "nearest":
        nearest = [
            _np.where(s <= 0.5, i, i + 1) for s, i in zip(shares, places, strict=True)
        ]
        return gathered(table, nearest)
    weights = [[1 - s, s] for s in shares]
    return _summed(table, places, weights)


def _summed(
    table: Array, places: Sequence[Array], weights: Sequence[Sequence[Any]]
) -> Any:
    """Return the sum of the entries beside places, each times a product of weights."""
    rank = table.ndim - len(places) + 1
    z: Any = 0.0
    for corner in itertools.product(*(range(len(w)) for w in weights)):
        product: Any = 1.0
        for w, j in zip(weights, corner, strict=True):
            product = product * w[j]
        entries = gathered(table, [i + j for i, j in zip(places, corner, strict=True)])
        z = z + entries * lane(product, rank)
    return z


def gathered(table: Array, places: Sequence[Array]) -> Any:
    """Return the entries of a table at places, given for each of its first axes."""
    sizes = table.shape[: len(places)]
    flat = _np.reshape(table, (-1, *table.shape[len(places) :]))
    place: Any = 0
    for i, size in zip(places, sizes, strict=True):
        place = place * size + i
    return _np.take(flat, place, axis=0)


def tensor(
    knots: Sequence[Array],
    c: Array,
    degrees: Sequence[int],
    columns: Sequence[Array],
    orders: Sequence[int],
) -> Any:
    """Return the values of a tensor product of splines, or of its derivatives."""
    places: list[Any] = []
    weights: list[list[Any]] = []
    for t, k, x, nu in zip(knots, degrees, columns, orders, strict=True):
        interval, values = basis.local(t, k, x, nu)
        places.append(interval - k)
        weights.append([values[:, j] for j in range(k + 1)])
    return _summed(c, places, weights)


def _by_pchip(grid: Sequence[Array], table: Array, columns: Sequence[Array]) -> Any:
    """Interpolate along the last axis at all points, then for each along the others."""
    count = len(grid)
    z = _np.moveaxis(table, count - 1, 0)
    last = grid[-1]
    c = pieces.from_slopes(last, z, slopes.pchip_slopes(last, z))
    z = pieces.evaluated(c, last, columns[-1], extrapolate=True)
    for i in range(count - 2, -1, -1):
        points, x = grid[i], columns[i]
        z = _np.moveaxis(z, i + 1, 0)
        c = pieces.from_slopes(points, z, slopes.pchip_slopes(points, z))
        place = pieces.interval_of(points, x)
        points_of: Any = np.arange(x.shape[0])
        own = gathered(_np.moveaxis(c, 0, 2), [place, points_of])
        s = lane(x - _np.take(points, place), z.ndim - 1)
        z = ((own[:, 0] * s + own[:, 1]) * s + own[:, 2]) * s + own[:, 3]
    return z


def interpn(
    points: Sequence[ArrayLike],
    values: ArrayLike,
    xi: ArrayLike | tuple[ArrayLike, ...],
    method: str = "linear",
    bounds_error: bool = True,
    fill_value: ArrayLike | None = np.nan,
) -> Any:
    """Return values on a grid, interpolated at points, as SciPy's ``interpn``."""
    if not moves(list(points), values, xi, fill_value):
        return _scipy.interpn(points, values, xi, method, bounds_error, fill_value)
    if method == "splinef2d":
        raise refused("interpn with method='splinef2d'", "Write method='cubic'.")
    made = RegularGridInterpolator(points, values, method, bounds_error, fill_value)
    return made(xi)


_CALLED = "Call it: its values have one."


class RectBivariateSpline(_scipy.RectBivariateSpline):
    """A spline of two variables on a grid, as SciPy's ``RectBivariateSpline``.

    It is differentiable in the points at which it is called, and for ``s=0`` and odd
    degrees in ``x``, ``y`` and ``z``.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as gd
    >>> from chainrule.scipy.interpolate import RectBivariateSpline
    >>> x = np.arange(5.0)
    >>> f = RectBivariateSpline(x, x, np.outer(x, x**2))
    >>> round(gd.grad(lambda t: f.ev(t, 2.0))(1.5), 6)
    4.0
    """

    tck: plain_only = plain_only(_CALLED)
    get_coeffs: plain_only = plain_only(_CALLED)
    get_knots: plain_only = plain_only(_CALLED)
    get_residual: plain_only = plain_only("It is 0 where s=0.")
    integral: plain_only = plain_only("Add values at the nodes of a quadrature.")
    partial_derivative: plain_only = plain_only("Call it with dx and dy.")
    _moving: tuple[Any, Any] | None = None
    """The knots of both axes and the coefficients, where they hold nodes."""

    def __init__(
        self,
        x: ArrayLike,
        y: ArrayLike,
        z: ArrayLike,
        bbox: Sequence[float | None] = (None,) * 4,
        kx: int = 3,
        ky: int = 3,
        s: float = 0,
        **options: Any,
    ) -> None:
        """Fit the values ``z`` at all combinations of ``x`` and ``y``."""
        plain = map(example, (x, y, z))
        _scipy.RectBivariateSpline.__init__(
            self, *plain, bbox=list(bbox), kx=kx, ky=ky, s=s, **options
        )
        if not moves(x, y, z):
            return
        if s or kx % 2 == 0 or ky % 2 == 0 or any(b is not None for b in bbox):
            raise refused(
                "RectBivariateSpline with s > 0, an even degree or bbox",
                "Leave them away, or hold the data constant: gd.value(z).",
            )
        first = make_interp_spline(x, z, kx, axis=0)
        second = make_interp_spline(y, first.c, ky, axis=1)
        self._moving = (first.t, second.t), _np.moveaxis(floats_of(second.c), 0, 1)

    def __call__(
        self, x: ArrayLike, y: ArrayLike, dx: int = 0, dy: int = 0, grid: bool = True
    ) -> Any:
        """Return values, or derivatives, at all combinations or at pairs."""
        if self._moving is None and not moves(x, y):
            return _scipy.RectBivariateSpline.__call__(self, x, y, dx, dy, grid)
        at = [floats_of(x), floats_of(y)]
        if grid:
            at = [lane(_np.reshape(at[0], (-1,)), 2), _np.reshape(at[1], (1, -1))]
        at = _np.broadcast_arrays(*at)
        columns = [_np.reshape(v, (-1,)) for v in at]
        knots, c = self._moving or self._plain_pieces()
        inside = [
            _np.clip(v, t[k], t[t.shape[0] - k - 1])
            for v, t, k in zip(columns, knots, self.degrees, strict=True)
        ]
        z = tensor(knots, c, self.degrees, inside, (dx, dy))
        return _np.reshape(z, at[0].shape)

    def _plain_pieces(self) -> tuple[Any, Any]:
        tx, ty, c = self.tck
        kx, ky = self.degrees
        return (tx, ty), np.reshape(c, (len(tx) - kx - 1, len(ty) - ky - 1))

    def ev(self, xi: ArrayLike, yi: ArrayLike, dx: int = 0, dy: int = 0) -> Any:
        """Return values, or derivatives, at pairs of coordinates."""
        return self(xi, yi, dx, dy, grid=False)
