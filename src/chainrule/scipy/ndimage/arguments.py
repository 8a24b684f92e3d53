"""What the functions of ``scipy.ndimage`` do with arguments that most of them have."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from chainrule.errors import ArgumentError
from chainrule.operations import namespace as ops
from chainrule.values.types import Array
from chainrule.values.vertices import stand_in, vertex

Output = DTypeLike | None
"""The dtype of the result; ``None`` for that of the input."""
Axes = int | tuple[int, ...] | None


def image(x: ArrayLike, output: Output = None) -> Array:
    """Return an input as an array of the dtype that the result is to have.

    Raises
    ------
    ArgumentError
        If that is no dtype, or one in which the result would be rounded.
    """
    if isinstance(output, np.ndarray | vertex | stand_in):
        raise ArgumentError(
            "output= an array does not take nodes. Leave it away and use the result, "
            "or pass its dtype."
        )
    x = ops.asarray(x)
    dtype = np.dtype(x.dtype if output is None else output)
    if dtype.kind not in "fc":
        raise ArgumentError(
            f"A result of dtype {dtype} is rounded, and has no derivative. Pass "
            "floating-point numbers, such as x.astype(float), or output=float."
        )
    if x.dtype.kind == "c" and dtype.kind != "c":
        raise ArgumentError(f"output={dtype} does not hold complex numbers.")
    return x if x.dtype == dtype else x.astype(dtype)


def axes_of(axes: Axes, ndim: int) -> tuple[int, ...]:
    """Return the axes that a filter works along, in SciPy's order."""
    if axes is None:
        return tuple(range(ndim))
    several = axes if isinstance(axes, Iterable) else (axes,)
    listed = tuple(operator.index(a) for a in several)
    if not all(-ndim <= a < ndim for a in listed):
        raise ArgumentError(f"axes={axes!r} are not all axes of {ndim} dimensions.")
    listed = tuple(a % ndim for a in listed)
    if len(set(listed)) != len(listed):
        raise ArgumentError(f"axes={axes!r} name an axis twice.")
    return listed


def for_each(given: Any, count: int) -> list[Any]:
    """Return one value for each axis: those of a sequence, or the same for all."""
    if isinstance(given, str) or np.ndim(given) == 0:
        return [given] * count
    listed = list(given)
    if len(listed) != count:
        raise ArgumentError(
            f"{given!r} has {len(listed)} values for {count} axes. Give one, or one "
            "for each axis."
        )
    return listed


def in_order(given: Sequence[int], axes: tuple[int, ...], ndim: int) -> tuple[int, ...]:
    """Return origins, given for axes, in ascending order of these.

    Where all axes are named SciPy takes them in ascending order already.
    """
    if len(axes) == ndim:
        return tuple(given)
    return tuple(o for _, o in sorted(zip(axes, given, strict=True)))
