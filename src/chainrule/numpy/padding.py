"""``np.pad``: arrays with entries added at their ends."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule.errors import ArgumentError
from chainrule.nodes.admission import plain_operand
from chainrule.nodes.node_class import node
from chainrule.numpy.in_place import own
from chainrule.numpy.shape_functions import moveaxis
from chainrule.numpy.statistics import cast
from chainrule.operations import namespace as ops
from chainrule.values.shapes import own_axes
from chainrule.values.types import Array
from chainrule.values.vertices import as_array, may_hold
from chainrule.wrapping import implements

_np: Any = np

_FOLDED = ("edge", "wrap", "reflect", "symmetric")
"""Modes whose new entries are entries of the array."""
_OF_ENDS = "maximum minimum mean median".split()
"""Modes whose new entries are a statistic of what is at an end."""
_OPTIONS = {
    "constant": "constant_values",
    "linear_ramp": "end_values",
    "reflect": "reflect_type",
    "symmetric": "reflect_type",
    **dict.fromkeys(_OF_ENDS, "stat_length"),
}


@implements(np.pad)
def pad(array: ArrayLike, pad_width: Any, mode: str = "constant", **kwargs: Any) -> Any:
    """Return array with entries added at its ends, along each axis.

    All of NumPy's modes but ``empty`` and functions; differentiable in
    ``constant_values`` and ``end_values`` too.
    """
    x = ops.asarray(array)
    widths = _pairs(pad_width, x.ndim)
    option = kwargs.pop(_OPTIONS.get(mode, ""), None)
    odd = _OPTIONS.get(mode) == "reflect_type" and option not in (None, "even")
    if kwargs or mode not in (*_OPTIONS, *_FOLDED) or (odd and option != "odd"):
        given = {"reflect_type": option, **kwargs} if odd else kwargs
        options = ", ".join(f"{k}={v!r}" for k, v in given.items())
        raise ArgumentError(
            f"np.pad on nodes has the modes edge, wrap, {', '.join(_OPTIONS)}; "
            f"received mode={mode!r}{', ' if options else ''}{options}. Build the "
            "borders and join them with np.concatenate."
        )
    if mode in _OF_ENDS:
        return own(
            _with_statistics(x, widths, getattr(np, mode.removesuffix("imum")), option),
            x,
        )
    if odd or mode == "linear_ramp":
        return own(_with_lines(x, widths, mode, option), x)
    if mode != "constant":
        return own(_folded(x, widths, mode), x)
    constants: Any = 0 if option is None else option
    if not isinstance(constants, node) and not may_hold(as_array(constants)):
        index = tuple(
            slice(b, b + n) for (b, _), n in zip(widths, x.shape, strict=True)
        )
        shape = tuple(b + n + e for (b, e), n in zip(widths, x.shape, strict=True))
        return ops.unindex(x, index=index, shape=shape)
    return _framed(x, widths, cast(constants, x.dtype))


def _pairs(pad_width: Any, ndim: int) -> list[tuple[int, int]]:
    """Return how many entries go before and after, for each axis."""
    if isinstance(pad_width, dict):
        pairs: dict[int, tuple[int, int]] = dict.fromkeys(range(ndim), (0, 0))
        for axis in pad_width:  # pyright: ignore[reportUnknownVariableType]
            (place,) = own_axes(axis, ndim)  # pyright: ignore
            pairs[place] = _pairs(pad_width[axis], 1)[0]
        return list(pairs.values())
    widths = np.asarray(plain_operand(pad_width))
    if widths.dtype.kind not in "iu" or np.any(widths < 0):
        raise ArgumentError(
            f"np.pad needs pad_width in whole numbers >= 0; received {pad_width!r}."
        )
    return [(int(b), int(e)) for b, e in np.broadcast_to(widths, (ndim, 2))]


def _folded(x: Array, widths: list[tuple[int, int]], mode: str) -> Array:
    """Take the new entries from the array: NumPy pads the indices instead of it."""
    for axis, (before, after) in enumerate(widths):
        if before or after:
            places = np.pad(np.arange(x.shape[axis]), (before, after), mode=mode)  # type: ignore
            x = ops.getitem(x, index=(*(slice(None),) * axis, places))
    return x


def _framed(x: Array, widths: list[tuple[int, int]], constants: ArrayLike) -> Array:
    """Join constants to both ends, axis by axis."""
    if x.ndim == 0:
        return x
    constants = ops.broadcast_to(constants, (x.ndim, 2))
    for axis, ends in enumerate(widths):
        frame: list[Any] = []
        for side, count in enumerate(ends):
            shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
            frame.append(ops.broadcast_to(constants[axis, side], shape))
        x = ops.concatenate([frame[0], x, frame[1]], axis=axis)
    return x


def _with_statistics(
    x: Array, widths: list[tuple[int, int]], statistic: Any, lengths: Any
) -> Array:
    """Join a statistic of the first entries before them, and of the last behind."""
    if lengths is not None and np.min(lengths) < 1:
        raise ArgumentError(f"np.pad needs stat_length above 0; received {lengths!r}.")
    for axis, ends in enumerate(widths):
        count = x.shape[axis]
        counts = np.broadcast_to(count if lengths is None else lengths, (x.ndim, 2))
        parts: list[Any] = []
        for side, n in enumerate(np.minimum(counts[axis], count).tolist()):
            kept = slice(count - n, None) if side else slice(n)
            part = ops.getitem(x, index=(*(slice(None),) * axis, kept))
            shape = (*x.shape[:axis], ends[side], *x.shape[axis + 1 :])
            known = statistic(part, axis=axis, keepdims=True)
            parts.append(ops.broadcast_to(known, shape))
        x = ops.concatenate([parts[0], x, parts[1]], axis=axis)
    return x


def _with_lines(x: Array, widths: list[tuple[int, int]], mode: str, ends: Any) -> Array:
    """Join what is linear in the array and in end values: NumPy pads the identity."""
    odd = {"reflect_type": "odd"} if mode != "linear_ramp" else {}
    values = ops.broadcast_to(0.0 if odd or ends is None else ends, (x.ndim, 2))
    values = cast(values, x.dtype)
    real = np.finfo(x.dtype).dtype
    for axis, (before, after) in enumerate(widths):
        count = x.shape[axis]
        sides = (before, after)
        rows = _np.pad(np.eye(count, dtype=real), (sides, (0, 0)), mode, **odd)
        rest = np.zeros(count + before + after, real)
        if not odd:
            rest = _np.pad(np.zeros(count, real), sides, mode, end_values=1.0)
        along = moveaxis(x, axis, -1)
        last = before + count
        first = _combined(along, rows[:before], 0) + values[axis, 0] * rest[:before]
        second = _combined(along, rows[last:], -1) + values[axis, 1] * rest[last:]
        whole = ops.concatenate([first, along, second], axis=-1)
        x = moveaxis(whole, -1, axis)
    return x


def _combined(x: Array, rows: NDArray[Any], edge: int) -> Array:
    """Return the products of few weights of each row with the entries that they are of.

    Entries without a weight are not read, so that a nan there is none here; where there
    is no weight at all it is 0 for the entry at the edge.
    """
    read = rows != 0
    read[~read.any(axis=1), edge] = True
    most = int(np.count_nonzero(read, axis=1).max(initial=1))
    places = np.argsort(~read, axis=1, kind="stable")[:, :most]
    places = np.where(np.take_along_axis(read, places, 1), places, places[:, :1])
    # An entry that is repeated to fill a row has its weight once.
    weights = np.take_along_axis(rows, places, 1)
    weights[:, 1:][places[:, 1:] == places[:, :1]] = 0
    return ops.sum(ops.getitem(x, index=(..., places)) * weights, axis=-1)
