"""Filters that choose an entry of each window, and grey morphology made of them."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import scipy.ndimage
from numpy.typing import ArrayLike, NDArray

from chainrule.errors import ArgumentError
from chainrule.operations import namespace as ops
from chainrule.scipy.ndimage.arguments import (
    Axes,
    Output,
    axes_of,
    for_each,
    image,
    in_order,
)
from chainrule.scipy.ndimage.ranks import extreme_of_window, rank_of_window
from chainrule.values.types import Array
from chainrule.wrapping import implements

Size = int | tuple[int, ...] | None
Bools = NDArray[np.bool_]
Modes = str | tuple[str, ...]


def real_image(x: ArrayLike, output: Output) -> Array:
    """Return an input as an array of real numbers, of the dtype of the result."""
    x = image(x, output)
    if x.dtype.kind == "c":
        raise ArgumentError("Complex numbers have no order: no rank, no minimum.")
    return x


def window(
    ndim: int,
    size: Size,
    footprint: ArrayLike | None,
    origin: Any,
    axes: Axes,
    *,
    by_axes: bool = False,
) -> tuple[Bools, tuple[int, ...]]:
    """Return the footprint of a window along all axes, and its origin.

    SciPy takes a size in the order in which the axes are named where it filters along
    one after the other (``by_axes``), and in ascending order elsewhere.
    """
    along = axes_of(axes, ndim)
    if footprint is None:
        if size is None:
            raise ArgumentError("Neither size nor footprint says what a window is.")
        inside = np.ones(tuple(int(n) for n in for_each(size, len(along))), bool)
    else:
        inside = np.asarray(footprint, bool)
    if inside.ndim != len(along) or not inside.any():
        raise ArgumentError(
            f"A footprint of shape {inside.shape} is no window along {len(along)} axes."
        )
    origins = for_each(origin, len(along))
    if by_axes and inside.all():
        inside = np.transpose(inside, np.argsort(along))
        origins = [o for _, o in sorted(zip(along, origins, strict=True))]
    else:
        origins = in_order(origins, along, ndim)
    whole, shape = [0] * ndim, [1] * ndim
    for n, o, a in zip(inside.shape, origins, sorted(along), strict=True):
        if not 0 <= n // 2 + o < n:
            raise ArgumentError(f"origin={o} leaves a window of {n} entries.")
        whole[a], shape[a] = int(o), n
    return inside.reshape(shape), tuple(whole)


def _all_modes(mode: Modes, ndim: int, axes: Axes) -> Modes:
    """Return a mode for all axes, or one for each."""
    if isinstance(mode, str):
        return mode
    along = axes_of(axes, ndim)
    given = dict(zip(along, for_each(mode, len(along)), strict=True))
    return tuple(given.get(a, "constant") for a in range(ndim))


def _ranked(
    x: Array,
    rank: int | None,
    size: Size,
    footprint: ArrayLike | None,
    mode: Modes,
    cval: float,
    origin: Any,
    axes: Axes,
    *,
    by_axes: bool = False,
) -> Any:
    """Return the entry of a rank in each window; ``None`` is the last one."""
    inside, origins = window(x.ndim, size, footprint, origin, axes, by_axes=by_axes)
    count = int(np.count_nonzero(inside))
    rank = count - 1 if rank is None else rank
    rank = rank + count if rank < 0 else rank
    if not 0 <= rank < count:
        raise ArgumentError(f"A window of {count} entries has none of rank {rank}.")
    modes = _all_modes(mode, x.ndim, axes)
    if not isinstance(modes, str) and (0 < rank < count - 1 or not inside.all()):
        raise ArgumentError("A sequence of modes needs a whole window and an extreme.")
    return rank_of_window(
        x, rank=rank, footprint=inside, mode=modes, cval=cval, origin=origins
    )


@implements(scipy.ndimage.minimum_filter)
def minimum_filter(
    input: ArrayLike,
    size: Size = None,
    footprint: ArrayLike | None = None,
    output: Output = None,
    mode: Modes = "reflect",
    cval: float = 0.0,
    origin: int | tuple[int, ...] = 0,
    *,
    axes: Axes = None,
) -> Any:
    """Return the least entry of each window."""
    x = real_image(input, output)
    return _ranked(x, 0, size, footprint, mode, cval, origin, axes, by_axes=True)


@implements(scipy.ndimage.maximum_filter)
def maximum_filter(
    input: ArrayLike,
    size: Size = None,
    footprint: ArrayLike | None = None,
    output: Output = None,
    mode: Modes = "reflect",
    cval: float = 0.0,
    origin: int | tuple[int, ...] = 0,
    *,
    axes: Axes = None,
) -> Any:
    """Return the largest entry of each window."""
    x = real_image(input, output)
    return _ranked(x, None, size, footprint, mode, cval, origin, axes, by_axes=True)


@implements(scipy.ndimage.minimum_filter1d)
def minimum_filter1d(
    input: ArrayLike,
    size: int,
    axis: int = -1,
    output: Output = None,
    mode: str = "reflect",
    cval: float = 0.0,
    origin: int = 0,
) -> Any:
    """Return the least entry of each window along an axis."""
    x = real_image(input, output)
    return _ranked(x, 0, size, None, mode, cval, origin, axis)


@implements(scipy.ndimage.maximum_filter1d)
def maximum_filter1d(
    input: ArrayLike,
    size: int,
    axis: int = -1,
    output: Output = None,
    mode: str = "reflect",
    cval: float = 0.0,
    origin: int = 0,
) -> Any:
    """Return the largest entry of each window along an axis."""
    x = real_image(input, output)
    return _ranked(x, None, size, None, mode, cval, origin, axis)


@implements(scipy.ndimage.rank_filter)
def rank_filter(
    input: ArrayLike,
    rank: int,
    size: Size = None,
    footprint: ArrayLike | None = None,
    output: Output = None,
    mode: Modes = "reflect",
    cval: float = 0.0,
    origin: int | tuple[int, ...] = 0,
    *,
    axes: Axes = None,
) -> Any:
    """Return the entry of a rank in each window, the least being 0."""
    x = real_image(input, output)
    rank = operator.index(rank)
    return _ranked(x, rank, size, footprint, mode, cval, origin, axes)


@implements(scipy.ndimage.median_filter)
def median_filter(
    input: ArrayLike,
    size: Size = None,
    footprint: ArrayLike | None = None,
    output: Output = None,
    mode: Modes = "reflect",
    cval: float = 0.0,
    origin: int | tuple[int, ...] = 0,
    *,
    axes: Axes = None,
) -> Any:
    """Return the entry in the middle of each window, the upper one of two."""
    x = real_image(input, output)
    inside, _ = window(x.ndim, size, footprint, origin, axes)
    rank = int(np.count_nonzero(inside)) // 2
    return _ranked(x, rank, size, footprint, mode, cval, origin, axes)


@implements(scipy.ndimage.percentile_filter)
def percentile_filter(
    input: ArrayLike,
    percentile: float,
    size: Size = None,
    footprint: ArrayLike | None = None,
    output: Output = None,
    mode: Modes = "reflect",
    cval: float = 0.0,
    origin: int | tuple[int, ...] = 0,
    *,
    axes: Axes = None,
) -> Any:
    """Return the entry of a percentile in each window."""
    x = real_image(input, output)
    inside, _ = window(x.ndim, size, footprint, origin, axes)
    count = int(np.count_nonzero(inside))
    wanted = percentile + 100.0 if percentile < 0.0 else percentile
    if not 0 <= wanted <= 100:
        raise ArgumentError(f"percentile={percentile} is not from -100 to 100.")
    rank = count - 1 if wanted == 100.0 else int(float(count) * wanted / 100.0)
    return _ranked(x, rank, size, footprint, mode, cval, origin, axes)


# --------------------------------------------------------------------- grey morphology


def morphed(
    x: Array,
    size: Size,
    footprint: ArrayLike | None,
    structure: ArrayLike | None,
    mode: Modes,
    cval: float,
    origin: Any,
    axes: Axes,
    *,
    largest: bool,
) -> Any:
    """Erode, or dilate: by the window turned round, as SciPy does."""
    heights = None if structure is None else ops.asarray(structure)
    if heights is not None and footprint is None:
        size, footprint = None, np.ones(heights.shape, bool)
    inside = None if footprint is None else np.asarray(footprint, bool)
    if largest:
        along = axes_of(axes, x.ndim)
        shape = for_each(size, len(along)) if inside is None else inside.shape
        origins = for_each(origin, len(along))
        origin = [-o - 1 + n % 2 for o, n in zip(origins, shape, strict=True)]
        inside = None if inside is None else np.flip(inside)
        heights = None if heights is None else ops.flip(heights)
    if heights is None:
        rank = None if largest else 0
        return _ranked(x, rank, size, inside, mode, cval, origin, axes, by_axes=True)
    if heights.ndim != x.ndim:
        raise ArgumentError("A structure needs as many axes as the input.")
    whole, origins = window(x.ndim, None, inside, origin, axes)
    if not isinstance(mode, str):
        raise ArgumentError("A structure takes one mode for all axes.")
    return extreme_of_window(
        x,
        heights.astype(np.float64),
        largest=largest,
        footprint=whole,
        mode=mode,
        cval=cval,
        origin=origins,
    )
