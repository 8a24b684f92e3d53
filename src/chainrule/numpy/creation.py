"""Functions that make arrays: linspace, logspace, geomspace, full, array of nodes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from chainrule.errors import ArgumentError
from chainrule.nodes.admission import plain_operand
from chainrule.nodes.node_class import node
from chainrule.numpy.in_place import own
from chainrule.numpy.mirror import stands_for
from chainrule.numpy.products import moved_axis
from chainrule.numpy.shape_functions import array_copy
from chainrule.operations import namespace as ops
from chainrule.rules import declare
from chainrule.values.buffered import current
from chainrule.values.shapes import dtype_of, lies_in
from chainrule.values.types import Array, Order, Shape
from chainrule.values.versions import array_of
from chainrule.values.vertices import is_refused, raw, stand_in
from chainrule.wrapping import implements

# ----------------------------------------------------------------------------- ranges


@implements(np.linspace)
def linspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: DTypeLike | None = None,
    axis: int = 0,
    *,
    device: str | None = None,
) -> Any:
    """Return start + i (stop - start) / parts for i = 0, 1, ...

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as gd
    >>> stop = gd.node(1.0)
    >>> np.sum(np.linspace(0.0, stop, 5)).backward()
    >>> stop.grad
    2.5
    """
    start, stop = _operand(start), _operand(stop)
    if dtype_of(start).kind in "biu" and dtype_of(stop).kind in "biu":
        start, stop = (ops.astype(x, np.float64) for x in (start, stop))
    num = plain_count(num, "linspace")
    parts = num - 1 if endpoint else num
    difference = stop - start
    step = difference / parts if parts > 0 else difference * np.nan
    index = np.arange(num, dtype=difference.dtype).reshape(-1, *(1,) * difference.ndim)
    z = start + index * (step if parts > 0 else difference)
    if endpoint and num > 1:
        z = ops.where(index == num - 1, stop, z)
    z = moved_axis(in_dtype(z, dtype), 0, axis)
    return (z, step) if retstep else z


@implements(np.logspace)
def logspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    base: ArrayLike = 10.0,
    dtype: DTypeLike | None = None,
    axis: int = 0,
) -> Any:
    """Return base ** linspace(start, stop)."""
    base = _operand(base)
    if np.ndim(base):
        shape = np.broadcast_shapes(base.shape, np.shape(start), np.shape(stop))
        start = ops.broadcast_to(start, shape)
        base = ops.expand_dims(ops.broadcast_to(base, shape), axis)
    exponents = linspace(start, stop, num, endpoint=endpoint, axis=axis)
    return in_dtype(ops.power(base, exponents), dtype)


@implements(np.geomspace)
def geomspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    dtype: DTypeLike | None = None,
    axis: int = 0,
) -> Any:
    """Return start (stop / start) ** linspace(0, 1)."""
    start, stop = ops.asarray(start), ops.asarray(stop)
    if any(is_refused(plain_operand(x) == 0) for x in (start, stop)):
        raise ValueError("Geometric sequence cannot include zero")
    ratio = stop / start
    powers = np.linspace(0.0, 1.0, num, endpoint=endpoint)
    powers = powers.reshape(-1, *(1,) * ratio.ndim)
    z = start * ops.power(ratio, powers)
    if endpoint and num > 1:
        z = ops.where(np.arange(num).reshape(powers.shape) == num - 1, stop, z)
    return moved_axis(in_dtype(z, dtype), 0, axis)


def _operand(x: Any) -> Array:
    """Return a Python number as it is, so that float32 stays so, or an array."""
    return x if type(x) in (int, float, complex) else ops.asarray(x)


def plain_count(num: SupportsIndex, name: str) -> int:
    """Return how many elements there are; a node cannot say it."""
    if isinstance(num, node):
        raise ArgumentError(
            f"{name}() needs a plain integer num; received {num!r}. Pass "
            "int(gd.value(num))."
        )
    return int(num)


def in_dtype(x: Array, dtype: DTypeLike | None) -> Any:
    """Return ``x`` in a floating-point or complex dtype; refuse what would round it.

    An array of objects would hold nodes as they are, and so they stay.
    """
    if dtype is None or np.dtype(dtype) == object:
        return x
    if np.dtype(dtype).kind not in "fc":
        raise ArgumentError(
            f"dtype={dtype!r} would round a node and lose its derivative. Use a "
            "floating-point or complex dtype, or gd.value(x)."
        )
    return ops.astype(x, dtype)


# ------------------------------------------------------------------------- full, array


@stands_for(np.full)
def full(
    shape: int | Shape,
    fill_value: ArrayLike,
    dtype: DTypeLike | None = None,
    order: str = "C",
    **options: Any,
) -> Any:
    """Return fill_value repeated to a shape."""
    _refuse(options, "full")
    return own(in_dtype(ops.broadcast_to(ops.asarray(fill_value), shape), dtype))


declare(np.asarray, moves=True, views=True)


@stands_for(np.array)
def array(
    object: ArrayLike,
    dtype: DTypeLike | None = None,
    *,
    copy: bool = True,
    order: Order | None = "K",
    ndmin: int = 0,
    **options: Any,
) -> Any:
    """Return the nodes of a list, joined along a first axis; a copy of an array.

    A number becomes an array without axes, which can be written.

    Examples
    --------
    >>> import chainrule as gd
    >>> x, y = gd.node(3.0), gd.node(4.0)
    >>> gd.numpy.array([x, y]).shape
    (2,)
    """
    _refuse(options, "array")
    z = in_dtype(_known(object), dtype)
    known = array_of(raw(z))
    if copy or known is None or not lies_in(known, order):
        z = array_copy(z, order or "K")
    missing = (1,) * (ndmin - z.ndim)
    return ops.reshape(z, (*missing, *z.shape)) if missing else z


def _known(x: ArrayLike) -> Any:
    """Return a node or a traced value, itself; or such values in a list, joined."""
    x = current(x)
    return x if isinstance(x, (node, stand_in)) else ops.asarray(x)


@stands_for(np.ndenumerate)
def ndenumerate(arr: ArrayLike) -> Iterator[tuple[Shape, Any]]:
    """Iterate over the places and entries of an array; those of a node are nodes."""
    x = ops.asarray(arr)
    return ((place, x[place]) for place in np.ndindex(x.shape))


@stands_for(np.asarray, np.asanyarray)
def asarray(
    a: ArrayLike,
    dtype: DTypeLike | None = None,
    order: Order | None = None,
    **options: Any,
) -> Any:
    """Return an array of nodes as it is, a list of nodes joined along a first axis.

    A number becomes an array without axes, which can be written.
    """
    copy = options.pop("copy", None)
    return array(a, dtype, copy=copy, order=order, **options)


@stands_for(np.ascontiguousarray)
def ascontiguousarray(
    a: ArrayLike, dtype: DTypeLike | None = None, **options: Any
) -> Any:
    """Return an array as it is, or a copy where it does not lie by rows."""
    return array(a, dtype, copy=False, order="C", ndmin=1, **options)


@stands_for(np.asfortranarray)
def asfortranarray(a: ArrayLike, dtype: DTypeLike | None = None, **options: Any) -> Any:
    """Return an array as it is, or a copy where it does not lie by columns."""
    return array(a, dtype, copy=False, order="F", ndmin=1, **options)


@stands_for(np.asarray_chkfinite)
def asarray_chkfinite(
    a: ArrayLike, dtype: DTypeLike | None = None, order: Order | None = None
) -> Any:
    """Return what ``asarray`` does, or raise where there is an inf or a nan."""
    np.asarray_chkfinite(plain_operand(a))
    return asarray(a, dtype, order)


@stands_for(np.require)
def require(
    a: ArrayLike,
    dtype: DTypeLike | None = None,
    requirements: str | Sequence[str] | None = None,
    *,
    like: ArrayLike | None = None,
) -> Any:
    """Return what ``asarray`` does, in the order that is required."""
    words = (requirements,) if isinstance(requirements, str) else requirements or ()
    letters = {word[0].upper() for word in words}
    return asarray(a, dtype, "C" if "C" in letters else "F" if "F" in letters else None)


@stands_for(np.asmatrix, np.bmat)
def asmatrix(*args: Any, **options: Any) -> Any:
    """Refuse to make a matrix of nodes."""
    raise ArgumentError(
        "np.asmatrix and np.bmat of nodes would be a np.matrix, whose * is a product "
        "of matrices. Use array or block, and write @ for the product."
    )


def _refuse(options: dict[str, Any], name: str) -> None:
    if options.get("device") in ("cpu", None):
        options.pop("device", None)
    if options:
        first = next(iter(options))
        raise ArgumentError(
            f"chainrule.numpy.{name}() on nodes does not support {', '.join(options)}. "
            f"Leave {first}= away."
        )
