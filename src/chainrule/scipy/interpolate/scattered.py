"""Interpolation of values at scattered points: radial functions, and triangles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.interpolate
import scipy.spatial
from numpy.typing import ArrayLike

from chainrule.rules.namespace import opaque
from chainrule.scipy.interpolate.grids import coordinates
from chainrule.scipy.interpolate.lines import interp1d
from chainrule.scipy.interpolate.pieces import lane
from chainrule.scipy.moving import (
    array_of,
    example,
    floats_of,
    moves,
    own_floats,
    plain_only,
    refused,
    root,
)
from chainrule.values.types import Array, Value
from chainrule.values.vertices import raw

_scipy: Any = scipy.interpolate
_spatial: Any = scipy.spatial
_np: Any = np


class RBFInterpolator(_scipy.RBFInterpolator):
    """A sum of radial functions and a polynomial, as SciPy's ``RBFInterpolator``.

    It is differentiable in ``y``, ``d``, ``smoothing``, ``epsilon`` and the points at
    which it is called. At a point of ``y`` itself the kernel's derivative is that of
    ``np.linalg.norm`` where it has a kink. With ``neighbors`` it takes plain data.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as gd
    >>> from chainrule.scipy.interpolate import RBFInterpolator
    >>> y = np.arange(4.0)[:, None]
    >>> g = gd.grad(lambda d: RBFInterpolator(y, d, kernel="cubic")([[1.5]])[0])
    >>> g(np.ones(4)).sum().round(6)
    np.float64(1.0)
    """

    y: plain_only = plain_only()
    d: plain_only = plain_only()
    _moving: tuple[Any, Any] | None = None
    """The points and coefficients, where they hold nodes or traced values."""

    def __init__(
        self,
        y: ArrayLike,
        d: ArrayLike,
        neighbors: int | None = None,
        smoothing: ArrayLike = 0.0,
        kernel: str = "thin_plate_spline",
        epsilon: ArrayLike | None = None,
        degree: int | None = None,
    ) -> None:
        """Fit the values ``d`` at the points ``y``, (P, N)."""
        width = None if epsilon is None else example(epsilon)
        _scipy.RBFInterpolator.__init__(
            self,
            example(y),
            example(d),
            neighbors,
            example(smoothing),
            kernel,
            width,
            degree,
        )
        moving = moves(y, d, smoothing, epsilon)
        if neighbors is not None:
            if moving:
                raise refused("RBFInterpolator with neighbors=", "Leave it away.")
            return
        self._points: Any = own_floats(y)
        self._scales: Any = self.epsilon if epsilon is None else array_of(epsilon)
        values = own_floats(d)
        self._shape: tuple[int, ...] = values.shape[1:]
        if moving:
            flat = _np.reshape(values, (values.shape[0], -1))
            self._moving = self._points, self._solved(flat, array_of(smoothing))
        self._plain_values: Any = values

    def _coefficients(self) -> Any:
        if self._moving is not None:
            return self._moving[1]
        flat = _np.reshape(self._plain_values, (self._plain_values.shape[0], -1))
        return self._solved(flat, self.smoothing)

    def _solved(self, values: Array, smoothing: Any) -> Any:
        """Return the coefficients, from the system of the kernel and polynomial."""
        y = self._points
        count = y.shape[0]
        own = np.eye(count, dtype=bool)
        difference = y[:, None, :] - y[None, :, :]
        square = _np.sum(difference * difference, axis=-1) * self._scales**2
        square = _np.where(own, 0.0, square)
        kernel = _KERNELS[self.kernel](square, root(square))
        matrix = kernel + np.eye(count) * smoothing
        p = self._polynomials(y)
        size = p.shape[1]
        none = np.zeros((size, size))
        upper = _np.concatenate([matrix, p], axis=1)
        lower = _np.concatenate([_np.transpose(p), none], axis=1)
        below = np.zeros((size, values.shape[1]))
        right = _np.concatenate([values, below])
        return _np.linalg.solve(_np.concatenate([upper, lower]), right)

    def _polynomials(self, x: Array) -> Any:
        """Return the monomials at points, of coordinates brought to [-1, 1].

        The interpolant does not depend on how they are brought there.
        """
        y = raw(self._points)
        low, high = _np.min(y, axis=0), _np.max(y, axis=0)
        half = (high - low) / 2
        scaled = (x - (low + high) / 2) / _np.where(half == 0, 1.0, half)
        columns = [
            _np.prod(scaled ** np.array(power, dtype=float), axis=-1)
            for power in self.powers.tolist()
        ]
        if not columns:
            return np.zeros((x.shape[0], 0))
        return _np.stack(columns, axis=-1) + 0.0 * x[:, :1]

    def __call__(self, x: ArrayLike) -> Any:
        """Return values at points, (Q, N)."""
        if self._moving is None and not moves(x):
            return _scipy.RBFInterpolator.__call__(self, x)
        if self.neighbors is not None:
            raise refused("RBFInterpolator with neighbors=", "Leave it away.")
        at = floats_of(x)
        difference = at[:, None, :] - self._points[None, :, :]
        scaled = difference * self._scales
        square = _np.sum(scaled * scaled, axis=-1)
        kinked = self.kernel in ("linear", "thin_plate_spline")
        r = _np.linalg.norm(scaled, axis=-1) if kinked else root(square)
        if kinked:
            square = r * r
        rows = [_KERNELS[self.kernel](square, r), self._polynomials(at)]
        z = _np.concatenate(rows, axis=1) @ self._coefficients()
        return _np.reshape(z, (at.shape[0], *self._shape))


def _thin_plate(square: Array, root: Array) -> Any:
    return square * _np.log(_np.where(root == 0, 1.0, root))


def _linear(square: Array, root: Array) -> Any:
    return -root


def _cubic(square: Array, root: Array) -> Any:
    return square * root


def _quintic(square: Array, root: Array) -> Any:
    return -square * square * root


def _multiquadric(square: Array, root: Array) -> Any:
    return -_np.sqrt(square + 1.0)


def _inverse_multiquadric(square: Array, root: Array) -> Any:
    return 1.0 / _np.sqrt(square + 1.0)


def _inverse_quadratic(square: Array, root: Array) -> Any:
    return 1.0 / (square + 1.0)


def _gaussian(square: Array, root: Array) -> Any:
    return _np.exp(-square)


_KERNELS: dict[str, Callable[[Any, Any], Any]] = {
    "thin_plate_spline": _thin_plate,
    "linear": _linear,
    "cubic": _cubic,
    "quintic": _quintic,
    "multiquadric": _multiquadric,
    "inverse_multiquadric": _inverse_multiquadric,
    "inverse_quadratic": _inverse_quadratic,
    "gaussian": _gaussian,
}


# --------------------------------------------------------------------------- triangles


@opaque
def _corners(points: Value, at: Value, *, rescale: bool) -> Any:
    """Return the corners of the simplex around each point, -1 where there is none."""
    if rescale:
        shift, scale = np.mean(points, axis=0), np.ptp(points, axis=0)
        points, at = (points - shift) / scale, (at - shift) / scale
    triangles = _spatial.Delaunay(points)
    found = triangles.find_simplex(at)
    corners = triangles.simplices[found]
    return np.where(found[:, None] < 0, -1, corners)


@opaque
def _nearest(points: Value, at: Value, *, rescale: bool) -> Any:
    """Return the nearest of the points to each one."""
    if rescale:
        shift, scale = np.mean(points, axis=0), np.ptp(points, axis=0)
        points, at = (points - shift) / scale, (at - shift) / scale
    return _spatial.cKDTree(points).query(at)[1]


def _in_triangles(
    points: Array, values: Array, at: Array, fill: Array, *, rescale: bool
) -> Any:
    """Return values that are linear in each simplex, by barycentric coordinates."""
    corners = _corners(raw(points), raw(at), rescale=rescale)
    outside = corners[:, 0] < 0
    corners = _np.where(corners < 0, 0, corners)
    around = _np.take(points, corners, axis=0)
    size = corners.shape[1]
    ones = np.ones((at.shape[0], 1))
    rows = _np.swapaxes(
        _np.concatenate([around, ones[:, None] + np.zeros((1, size, 1))], axis=2), 1, 2
    )
    rows = _np.where(outside[:, None, None], np.eye(size), rows)
    right = _np.concatenate([at, ones], axis=1)[:, :, None]
    weights = _np.linalg.solve(rows, right)[:, :, 0]
    known = _np.take(values, corners, axis=0)
    shape = (*weights.shape, *(1,) * (known.ndim - 2))
    z = _np.sum(_np.reshape(weights, shape) * known, axis=1)
    return _np.where(lane(outside, z.ndim), fill, z)


class LinearNDInterpolator(_scipy.LinearNDInterpolator):
    """An interpolant that is linear in triangles, as SciPy's.

    It is differentiable in the points, the values and the points at which it is called;
    which triangles there are is locally constant.
    """

    points: plain_only = plain_only()
    values: plain_only = plain_only()
    _moving: bool = False

    def __init__(
        self,
        points: ArrayLike,
        values: ArrayLike,
        fill_value: ArrayLike = np.nan,
        rescale: bool = False,
    ) -> None:
        """Keep points, (P, N), and the values there."""
        _scipy.LinearNDInterpolator.__init__(
            self, example(points), example(values), example(fill_value), rescale
        )
        self._moving = moves(points, values, fill_value)
        self._given = own_floats(points), own_floats(values), array_of(fill_value)
        self._rescale = rescale

    def __call__(self, *args: ArrayLike | tuple[ArrayLike, ...]) -> Any:
        """Return values at points: their coordinates, or an array of points."""
        if not self._moving and not moves(*args):
            return _scipy.LinearNDInterpolator.__call__(self, *args)
        points, values, fill = self._given
        at = _points_of(args, points.shape[1])
        flat = _np.reshape(at, (-1, at.shape[-1]))
        z = _in_triangles(points, values, flat, fill, rescale=self._rescale)
        return _np.reshape(z, (*at.shape[:-1], *values.shape[1:]))


class NearestNDInterpolator(_scipy.NearestNDInterpolator):
    """The value at the nearest point, as SciPy's: differentiable in the values."""

    points: plain_only = plain_only()
    values: plain_only = plain_only()
    _moving: bool = False

    def __init__(
        self, x: ArrayLike, y: ArrayLike, rescale: bool = False, **options: Any
    ) -> None:
        """Keep points, (P, N), and the values there."""
        _scipy.NearestNDInterpolator.__init__(
            self, example(x), example(y), rescale, **options
        )
        self._moving = moves(x, y)
        self._given = own_floats(x), own_floats(y)
        self._rescale = rescale

    def __call__(self, *args: ArrayLike | tuple[ArrayLike, ...], **options: Any) -> Any:
        """Return values at points: their coordinates, or an array of points."""
        if not self._moving and not moves(*args):
            return _scipy.NearestNDInterpolator.__call__(self, *args, **options)
        if options:
            raise refused(
                "A nearest value with options of the search", "Leave them away."
            )
        points, values = self._given
        at = _points_of(args, points.shape[1])
        flat = _np.reshape(at, (-1, at.shape[-1]))
        place = _nearest(raw(points), raw(flat), rescale=self._rescale)
        return _np.reshape(
            _np.take(values, place, axis=0), (*at.shape[:-1], *values.shape[1:])
        )


def _points_of(args: Sequence[Any], count: int) -> Any:
    """Return points as SciPy's interpolators of scattered points take them."""
    only: Any = args[0] if len(args) == 1 else tuple(args)
    if type(only) is tuple:
        return coordinates(only, count)  # pyright: ignore[reportUnknownArgumentType]
    at = floats_of(only)
    return _np.reshape(at, (-1, 1)) if at.ndim == 1 and count == 1 else at


def griddata(
    points: ArrayLike | tuple[ArrayLike, ...],
    values: ArrayLike,
    xi: ArrayLike | tuple[ArrayLike, ...],
    method: str = "linear",
    fill_value: ArrayLike = np.nan,
    rescale: bool = False,
) -> Any:
    """Return values at scattered points, interpolated: ``scipy.interpolate.griddata``.

    Of nodes the method is linear or nearest; along a line it is cubic, too.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as gd
    >>> from chainrule.scipy.interpolate import griddata
    >>> corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> gd.grad(lambda v: griddata(corners, v, [[0.25, 0.5]])[0])(np.ones(3))
    array([0.25, 0.25, 0.5 ])
    """
    if not moves(points, values, xi, fill_value):
        return _scipy.griddata(points, values, xi, method, fill_value, rescale)
    if isinstance(points, tuple):
        rows = coordinates(points, len(points))
    else:
        rows = floats_of(points)
    if rows.ndim < 2 or rows.shape[-1] == 1:
        at = xi[0] if isinstance(xi, tuple) else xi
        fill = "extrapolate" if method == "nearest" else fill_value
        made = interp1d(_np.reshape(rows, (-1,)), values, method, 0, True, False, fill)
        return made(at)
    if method == "cubic":
        raise refused(
            "griddata with method='cubic' in several variables",
            "Write RBFInterpolator(points, values), which is smooth as well.",
        )
    if method == "nearest":
        return NearestNDInterpolator(rows, values, rescale)(xi)
    return LinearNDInterpolator(rows, values, fill_value, rescale)(xi)
