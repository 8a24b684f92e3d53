"""Geometric transforms: a spline through an input, read at coordinates.

All of them filter the input, compute coordinates, and read the spline of the one at the
other, so that they are differentiable in both.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.ndimage
import scipy.special
from numpy.typing import ArrayLike

from chainrule.errors import ArgumentError
from chainrule.nodes.admission import holds_nodes
from chainrule.operations import namespace as ops
from chainrule.scipy.boundaries import extend
from chainrule.scipy.ndimage.arguments import Output, axes_of, for_each, image
from chainrule.scipy.ndimage.interpolations import spline_at
from chainrule.scipy.ndimage.spline_filters import coefficients
from chainrule.values.types import Array, Shape, Value
from chainrule.values.vertices import raw, stand_in
from chainrule.wrapping import implements

_PADDED = 12
"""How far SciPy extends an input in the modes in which no filter is exact."""


@implements(scipy.ndimage.spline_filter1d)
def spline_filter1d(
    input: ArrayLike,
    order: int = 3,
    axis: int = -1,
    output: Output = np.float64,
    mode: str = "mirror",
) -> Any:
    """Return the coefficients of the spline through lines along an axis."""
    x = _doubled(input, output)
    (along,) = axes_of(axis, x.ndim)
    if order < 2:
        return x
    return coefficients(x, order=order, axis=along, mode=mode)


@implements(scipy.ndimage.spline_filter)
def spline_filter(
    input: ArrayLike,
    order: int = 3,
    output: Output = np.float64,
    mode: str = "mirror",
) -> Any:
    """Return the coefficients of the spline through an input."""
    if not 2 <= order <= 5:
        raise ArgumentError(f"order={order} is not supported: it is from 2 to 5.")
    x = _doubled(input, output)
    for axis in range(x.ndim):
        x = coefficients(x, order=order, axis=axis, mode=mode)
    return x


def _doubled(x: ArrayLike, output: Output) -> Array:
    """Return an input in a dtype, or the complex one that belongs to it."""
    x = ops.asarray(x)
    if x.dtype.kind == "c" and output is not None:
        output = np.result_type(output, np.complex64)
    return image(x, output)


class Reading(NamedTuple):
    """How a spline is read: SciPy's keywords of this name."""

    order: int
    mode: str
    cval: complex
    prefilter: bool


def read(x: Array, p: Array, how: Reading) -> Any:
    """Return the values of a spline through ``x`` at coordinates ``p``."""
    order, mode, cval, prefilter = how
    if not 0 <= order <= 5:
        raise ArgumentError(f"order={order} is not supported: it is from 0 to 5.")
    c = x
    if prefilter and order > 1:
        if mode in ("nearest", "grid-constant"):
            both = ((_PADDED, _PADDED),) * x.ndim
            c, p = extend(c, widths=both, mode=mode, cval=cval), p + _PADDED
        c = spline_filter(c, order, mode=mode)
    slopes = (0,) * x.ndim
    z = spline_at(c, p, order=order, mode=mode, cval=cval, slopes=slopes)
    return z if z.dtype == x.dtype else z.astype(x.dtype)


@implements(scipy.ndimage.map_coordinates)
def map_coordinates(
    input: ArrayLike,
    coordinates: ArrayLike,
    output: Output = None,
    order: int = 3,
    mode: str = "constant",
    cval: complex = 0.0,
    prefilter: bool = True,
) -> Any:
    """Return the values of a spline through an input at coordinates.

    Both may be nodes. Splines of order 0 are locally constant in the coordinates; at
    the knots of those of order 1 the derivative is that to the right.
    """
    x, p = image(input, output), ops.asarray(coordinates)
    if p.ndim < 2 or p.shape[0] != x.ndim or p.dtype.kind == "c":
        raise ArgumentError(
            f"coordinates of shape {p.shape} do not name places in {x.ndim} dimensions."
        )
    return read(x, p.astype(np.float64), Reading(order, mode, cval, prefilter))


@implements(scipy.ndimage.geometric_transform)
def geometric_transform(
    input: ArrayLike,
    mapping: Callable[..., Sequence[Value]],
    output_shape: Shape | None = None,
    output: Output = None,
    order: int = 3,
    mode: str = "constant",
    cval: complex = 0.0,
    prefilter: bool = True,
    extra_arguments: tuple[Any, ...] = (),
    extra_keywords: Mapping[str, Any] | None = None,
) -> Any:
    """Return a spline through an input at what ``mapping`` makes of each place.

    The mapping is called for one place after the other. It may compute with nodes, if
    the input is a node or an argument of it is.
    """
    x = image(input, output)
    shape = x.shape if output_shape is None else output_shape
    places = itertools.product(*map(range, shape))
    found = [
        ops.stack([*mapping(place, *extra_arguments, **(extra_keywords or {}))])
        for place in places
    ]
    p = ops.reshape(ops.transpose(ops.stack(found)), (x.ndim, *shape))
    return read(x, p.astype(np.float64), Reading(order, mode, cval, prefilter))


# ------------------------------------------------------------------------ affine maps


def _grid(shape: Shape) -> list[Any]:
    """Return the coordinates of an output, an array for each axis."""
    return [
        np.arange(n, dtype=np.float64).reshape(-1, *(1,) * (len(shape) - 1 - a))
        for a, n in enumerate(shape)
    ]


def _stacked(p: Sequence[Any], shape: Shape) -> Any:
    return ops.stack([ops.broadcast_to(x, shape) for x in p])


def _affine(x: Array, matrix: Array, offset: Any, shape: Shape, how: Reading) -> Any:
    """Read an input at ``matrix @ o + offset``, added up as SciPy does."""
    o = _grid(shape)
    p: list[Any] = []
    for a in range(x.ndim):
        total: Any = 0.0
        for b, place in enumerate(o):
            total = total + place * matrix[a, b]
        p.append(total + offset[a])
    return read(x, _stacked(p, shape), how)


@implements(scipy.ndimage.affine_transform)
def affine_transform(
    input: ArrayLike,
    matrix: ArrayLike,
    offset: ArrayLike = 0.0,
    output_shape: Shape | None = None,
    output: Output = None,
    order: int = 3,
    mode: str = "constant",
    cval: complex = 0.0,
    prefilter: bool = True,
) -> Any:
    """Return a spline through an input at ``matrix @ o + offset`` for each place o.

    The input, the matrix in each of its forms, and the offset may be nodes.
    """
    x, m = image(input, output), ops.asarray(matrix).astype(np.float64)
    shape = x.shape if output_shape is None else tuple(output_shape)
    how, n = Reading(order, mode, cval, prefilter), x.ndim
    if m.ndim == 2 and m.shape in ((n, n + 1), (n + 1, n + 1)):
        _check_bottom(m, n)
        return _affine(x, m[:n, :n], m[:n, n], shape, how)
    offset = for_each(ops.asarray(offset), n)
    if m.ndim == 1 and m.shape == (n,) and len(shape) == n:
        # SciPy adds the offset before it multiplies.
        p = [
            s if raw(f) == 0 else (o + s / f) * f
            for o, s, f in zip(_grid(shape), offset, m, strict=True)
        ]
        return read(x, _stacked(p, shape), how)
    if m.shape != (n, len(shape)):
        raise ArgumentError(
            f"A matrix of shape {m.shape} does not map places of {len(shape)} "
            f"dimensions to places of {n}."
        )
    return _affine(x, m, offset, shape, how)


def _check_bottom(m: Array, n: int) -> None:
    """Raise if the last row of homogeneous coordinates is none."""
    row: Any = raw(m[n]) if m.shape[0] == n + 1 else None
    if row is None or isinstance(row, stand_in):
        return
    if row.tolist() != [0.0] * n + [1.0]:
        raise ArgumentError(
            f"The last row of a homogeneous matrix is 0 ... 0 1; received {row}."
        )


@implements(scipy.ndimage.shift)
def shift(
    input: ArrayLike,
    shift: ArrayLike,
    output: Output = None,
    order: int = 3,
    mode: str = "constant",
    cval: complex = 0.0,
    prefilter: bool = True,
) -> Any:
    """Return a spline through an input at ``o - shift`` for each place o."""
    x = image(input, output)
    steps = for_each(ops.asarray(shift), x.ndim)
    p = [o - s for o, s in zip(_grid(x.shape), steps, strict=True)]
    return read(x, _stacked(p, x.shape), Reading(order, mode, cval, prefilter))


@implements(scipy.ndimage.zoom)
def zoom(
    input: ArrayLike,
    zoom: float | Sequence[float],
    output: Output = None,
    order: int = 3,
    mode: str = "constant",
    cval: complex = 0.0,
    prefilter: bool = True,
    *,
    grid_mode: bool = False,
) -> Any:
    """Return a spline through an input at more or fewer places.

    The zoom says how many there are, and no more: what is read depends on the shapes.
    """
    if holds_nodes(zoom):
        raise ArgumentError(
            "zoom only chooses the shape of the result, which is locally constant in "
            "it. Pass gd.value(zoom), or write affine_transform(x, 1 / zoom)."
        )
    x = image(input, output)
    factors = for_each(zoom, x.ndim)
    shape = tuple(round(n * f) for n, f in zip(x.shape, factors, strict=True))
    if prefilter and all(f == 1 for f in factors):
        return x
    less = 0 if grid_mode else 1
    p: list[Any] = []
    for o, n, m in zip(_grid(shape), x.shape, shape, strict=True):
        step = (n - less) / (m - less) if m != less else 1.0
        p.append((o + 0.5) * step - 0.5 if grid_mode else o * step)
    return read(x, _stacked(p, shape), Reading(order, mode, cval, prefilter))


@implements(scipy.ndimage.rotate)
def rotate(
    input: ArrayLike,
    angle: Value,
    axes: Sequence[int] = (1, 0),
    reshape: bool = True,
    output: Output = None,
    order: int = 3,
    mode: str = "constant",
    cval: complex = 0.0,
    prefilter: bool = True,
) -> Any:
    """Return a spline through an input, turned in the plane of two axes by degrees.

    The angle may be a node; the shape of the result is constant.
    """
    x = image(input, output)
    plane = sorted(axes_of(tuple(axes), x.ndim))
    if len(plane) != 2:
        raise ArgumentError(f"axes={axes!r} are not the two axes of a plane.")
    c, s = _turn(angle)
    inside = np.array([x.shape[a] for a in plane])
    shape = inside
    if reshape:
        if isinstance(raw(c), stand_in):
            raise ArgumentError(
                "The shape of the result depends on the angle. Pass reshape=False "
                "where it is an argument of a compiled function."
            )
        turn = np.array([[raw(c), raw(s)], [-raw(s), raw(c)]])
        bounds = turn @ [[0, 0, inside[0], inside[0]], [0, inside[1], 0, inside[1]]]
        shape = (np.ptp(bounds, axis=1) + 0.5).astype(int)
    matrix = ops.stack([ops.stack([c, s]), ops.stack([-s, c])])
    offset = (inside - 1) / 2 - matrix @ ((shape - 1) / 2)
    how = Reading(order, mode, cval, prefilter)
    return _in_planes(x, plane, matrix, offset, tuple(shape.tolist()), how)


def _turn(angle: Value) -> tuple[Any, Any]:
    """Return cosine and sine of degrees, exact at right angles as SciPy's are."""
    radians = ops.deg2rad(ops.asarray(angle))
    c, s = ops.cos(radians), ops.sin(radians)
    if isinstance(raw(angle), stand_in):
        return c, s
    exact: Any = scipy.special
    more = exact.cosdg(raw(angle)) - raw(c), exact.sindg(raw(angle)) - raw(s)
    return c + more[0], s + more[1]


def _in_planes(
    x: Array, plane: list[int], matrix: Array, offset: Any, shape: Shape, how: Reading
) -> Any:
    """Apply an affine map to all planes of two axes."""
    others = [a for a in range(x.ndim) if a not in plane]
    order = (*others, *plane)
    if not others:
        return _affine(x, matrix, offset, shape, how)
    moved = ops.transpose(x, order)
    lead = moved.shape[:-2]
    flat = ops.reshape(moved, (-1, *moved.shape[-2:]))
    planes = [
        _affine(flat[k], matrix, offset, shape, how) for k in range(flat.shape[0])
    ]
    z = ops.reshape(ops.stack(planes), (*lead, *shape))
    return ops.transpose(z, tuple(np.argsort(order).tolist()))
