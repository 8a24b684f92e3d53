"""Sums of groups of entries: ``reduceat`` of ufuncs, and histograms with weights."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from chainrule.errors import ArgumentError
from chainrule.nodes.admission import holds_nodes, missing
from chainrule.nodes.tables import FUNCTIONS
from chainrule.numpy.shape_functions import moveaxis
from chainrule.operations import namespace as ops
from chainrule.values.foreign import zeros
from chainrule.values.shapes import own_axes
from chainrule.values.types import Array
from chainrule.values.vertices import as_array
from chainrule.wrapping import implements

_where: Any = np.where

# ---------------------------------------------------------------------------- reduceat


@implements(np.ufunc.reduceat)
def reduceat(
    ufunc: np.ufunc,
    array: ArrayLike,
    indices: ArrayLike,
    axis: int = 0,
    dtype: DTypeLike | None = None,
) -> Any:
    """Return the ufunc reduced over the stretches that begin at ``indices``.

    Each ends where the next begins; where that is not behind it, it is one entry.
    """
    if holds_nodes(indices):
        raise ArgumentError(
            f"np.{ufunc.__name__}.reduceat needs plain indices; received a node. Pass "
            "gd.value(indices).astype(int)."
        )
    x = ops.asarray(array)
    x = x if dtype is None else ops.astype(x, dtype)
    (axis,) = own_axes(axis, x.ndim)
    x = moveaxis(x, axis, 0)
    starts: Any = np.asarray(indices)
    casting = "same_kind" if starts.size else "unsafe"  # an empty list has floats
    starts = starts.astype(np.intp, casting=casting)
    if starts.ndim != 1 or np.any((starts < 0) | (starts >= x.shape[0])):
        raise IndexError(
            f"index out of bounds or not a vector in {ufunc.__name__}.reduceat: "
            f"{starts} for {x.shape[0]} entries"
        )
    ends = np.maximum(np.append(starts[1:], x.shape[0]), starts + 1)
    z = (_sums if ufunc is np.add else _each(ufunc))(x, starts, ends)
    return moveaxis(z, 0, axis)


def _sums(x: Array, starts: NDArray[np.intp], ends: NDArray[np.intp]) -> Any:
    """Return the sums of x[start:end], by one gathering and one scattering."""
    lengths = ends - starts
    group = np.repeat(np.arange(starts.size), lengths)
    first = np.cumsum(lengths) - lengths
    offset = np.arange(group.size) - np.repeat(first, lengths)
    parts = ops.getitem(x, index=starts[group] + offset)
    return ops.unindex(parts, index=group, shape=(starts.size, *x.shape[1:]))


def _each(ufunc: np.ufunc) -> Any:
    def reduced(x: Array, starts: NDArray[np.intp], ends: NDArray[np.intp]) -> Any:
        parts = zip(starts.tolist(), ends.tolist(), strict=True)
        one = FUNCTIONS[ufunc, "reduce"]
        return ops.stack([one(x[i:j], axis=0) for i, j in parts])

    return reduced


# -------------------------------------------------------------------------- histograms

_COUNTS = (
    "It counts the values in each bin, and counts have no derivative. Pass gd.value(x) "
    "if the result is to be treated as constant; weights may be nodes."
)


def _refuse(name: str, *given: ArrayLike | None) -> None:
    """Raise where samples or bins are nodes."""
    if any(map(holds_nodes, given)):
        raise missing(f"np.{name}", _COUNTS)


def _bins_of(sample: NDArray[Any], edges: NDArray[Any]) -> Any:
    """Return the bin of each value; one behind the last for those outside."""
    count = edges.shape[0] - 1
    found: Any = _where(
        sample == edges[-1],
        count - 1,
        np.searchsorted(edges, sample, side="right") - 1,
    )
    return _where(found < 0, count, found)


@implements(np.histogram, primitive=True, may_raise=True)
def histogram(
    a: ArrayLike,
    bins: ArrayLike = 10,
    range: tuple[float, float] | None = None,
    density: bool | None = None,
    weights: ArrayLike | None = None,
) -> Any:
    """Return the weights that fall into each bin, and the edges of the bins, plain."""
    _refuse("histogram", a, bins, range)
    if weights is None:
        return np.histogram(a, bins, range, density)  # type: ignore[call-overload]
    w = ops.asarray(weights)
    none: Any = zeros((), np.float64, a)  # edges depend on no weight
    like: Any = np.broadcast_to(none, w.shape)
    edges: Any = np.histogram(a, bins, range, weights=like)[1]
    places = _bins_of(np.ravel(as_array(a)), edges)
    count = edges.shape[0] - 1
    z = ops.unindex(ops.reshape(w, (w.size,)), index=places, shape=(count + 1,))
    z = ops.getitem(z, index=slice(0, count))
    return (z / np.diff(edges) / ops.sum(z) if density else z), edges


@implements(np.histogramdd, primitive=True, may_raise=True)
def histogramdd(
    sample: ArrayLike,
    bins: ArrayLike = 10,
    range: Sequence[tuple[float, float]] | None = None,
    density: bool | None = None,
    weights: ArrayLike | None = None,
) -> Any:
    """Return the weights that fall into each cell of a grid, and its plain edges."""
    _refuse("histogramdd", sample, bins, range)
    _, edges = np.histogramdd(sample, bins, range)
    if weights is None:
        return np.histogramdd(sample, bins, range, density)
    points = np.asarray(sample)
    is_array = isinstance(sample, np.ndarray) and points.ndim == 2
    points = points if is_array else np.atleast_2d(points).T
    w = ops.astype(ops.asarray(weights), np.float64)
    counts = [len(e) - 1 for e in edges]
    cells = [_bins_of(points[:, i], np.asarray(e)) for i, e in enumerate(edges)]
    shape = tuple(n + 1 for n in counts)
    z = ops.unindex(
        w, index=np.ravel_multi_index(cells, shape), shape=(np.prod(shape),)
    )
    z = ops.reshape(z, shape)
    z = ops.getitem(z, index=tuple(slice(0, n) for n in counts))
    if density:
        widths: Any = functools.reduce(np.multiply.outer, map(np.diff, edges))
        z = z / widths / ops.sum(z)
    return z, edges


@implements(np.histogram2d, primitive=True, may_raise=True)
def histogram2d(
    x: ArrayLike,
    y: ArrayLike,
    bins: ArrayLike = 10,
    range: Sequence[tuple[float, float]] | None = None,
    density: bool | None = None,
    weights: ArrayLike | None = None,
) -> Any:
    """Return the weights in each cell of a grid of two axes, and their plain edges."""
    _refuse("histogram2d", x, y, bins, range)
    given: Any = bins
    if not np.isscalar(bins) and len(given) not in (1, 2):
        given = [bins, bins]
    z, edges = histogramdd([x, y], given, range, density, weights)
    return z, edges[0], edges[1]
