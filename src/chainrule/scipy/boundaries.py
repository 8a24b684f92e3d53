"""What stands beyond the ends of an array: extension by a mode, and its transpose.

A filter with any boundary mode is an extension followed by a filter that reads inside
alone. The extension is a map of indices, so its transpose adds what was repeated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import ArgumentError
from chainrule.rules import linear
from chainrule.rules.cases import Cases, case
from chainrule.rules.namespace import EXTRA, opaque
from chainrule.rules.traits import Depends, Numbers
from chainrule.values.types import Namespace, Operation, Value
from chainrule.wrapping import operation

Widths = tuple[tuple[int, int], ...]
"""How many entries stand before and after each axis."""
Modes = str | tuple[str, ...]
"""A boundary mode of SciPy's, one for all axes or one for each."""


def source(n: int, before: int, after: int, mode: str) -> NDArray[np.intp]:
    """Return which of ``n`` entries stands at each place of a line; -1 for none.

    >>> source(3, 4, 2, "reflect")
    array([2, 2, 1, 0, 0, 1, 2, 2, 1])
    >>> source(3, 4, 2, "mirror")
    array([0, 1, 2, 1, 0, 1, 2, 1, 0])
    >>> source(3, 1, 2, "constant")
    array([-1,  0,  1,  2, -1, -1])
    """
    return _entry_at(np.arange(-before, n + after), n, mode)


def _beyond(n: int, widths: tuple[int, int], mode: str) -> tuple[Any, Any]:
    """Return which entry stands at each place before a line, and after it."""
    before, after = widths
    places = np.arange(-before, 0), np.arange(n, n + after)
    return _entry_at(places[0], n, mode), _entry_at(places[1], n, mode)


def _entry_at(i: NDArray[np.intp], n: int, mode: str) -> NDArray[np.intp]:
    """Return which of ``n`` entries stands at places of an endless line."""
    if mode in ("constant", "grid-constant"):
        return np.where((i >= 0) & (i < n), i, -1)
    if mode == "nearest":
        return np.clip(i, 0, n - 1)
    if mode in ("wrap", "grid-wrap"):
        return i % n
    if mode in ("reflect", "grid-mirror"):
        i = i % (2 * n)
        return np.minimum(i, 2 * n - 1 - i)
    if mode == "mirror":
        i = i % max(2 * n - 2, 1)
        return np.minimum(i, 2 * n - 2 - i)
    raise ArgumentError(
        f"mode={mode!r} is no boundary mode. Write reflect, grid-mirror, constant, "
        "grid-constant, nearest, mirror, wrap or grid-wrap."
    )


def mode_of(modes: Modes, axis: int) -> str:
    """Return the mode of an axis."""
    return modes if isinstance(modes, str) else modes[axis]


def at(axis: int, chosen: Any) -> tuple[Any, ...]:
    """Return the index that chooses along an axis."""
    return (*(slice(None),) * axis, chosen)


@opaque
def extended(x: Any, *, widths: Widths, mode: Modes, cval: complex = 0.0) -> Value:
    """Return an array with entries before and after each axis, by the mode."""
    z = np.asarray(x)
    for axis, (before, after) in enumerate(widths):
        if before or after:
            ends = _beyond(z.shape[axis], (before, after), mode_of(mode, axis))
            first, last = (_taken(z, axis, index, cval) for index in ends)
            z = np.concatenate([first, z, last], axis)
    return z


def _taken(x: Any, axis: int, index: NDArray[np.intp], cval: complex) -> NDArray[Any]:
    """Return the entries of an axis at an index; ``cval`` where it is -1."""
    if index.size and index[0] < 0:
        shape = (*x.shape[:axis], index.size, *x.shape[axis + 1 :])
        return np.full(shape, cval, x.dtype)
    return np.take(x, index, axis)


@opaque
def folded(x: Any, *, widths: Widths, mode: Modes) -> Value:
    """Return the inside of an extended array, with the rest added where it came from"""
    z = np.asarray(x)
    for axis, (before, after) in enumerate(widths):
        if before or after:
            n = z.shape[axis] - before - after
            ends = _beyond(n, (before, after), mode_of(mode, axis))
            inside = z[at(axis, slice(before, before + n))].copy()
            for start, index in zip((0, before + n), ends, strict=True):
                for k, entry in enumerate(index.tolist(), start):
                    if entry >= 0:
                        inside[at(axis, entry)] += z[at(axis, k)]
            z = inside
    return z


EXTRA.update(extended=extended, folded=folded)
_WIDTHS = ((2, 1), (0, 4))


class extended_grad(linear):
    """z = x with entries before and after each axis, which the mode takes from x"""

    forward = extended
    nonnegative = True

    @staticmethod
    def depends(
        z: Numbers, x: Numbers, *, widths: Widths, mode: Modes, cval: complex = 0.0
    ) -> Depends:
        """Return which entry stands at each place."""
        return ((z, extended(x + 1, widths=widths, mode=mode) - 1),)

    zeroed: ClassVar[Mapping[str, Any]] = {"cval": 0.0}
    cases: Cases = (
        case((2, 3), widths=_WIDTHS, mode="reflect"),
        case((2, 3), widths=_WIDTHS, mode=("mirror", "wrap")),
        case((2, 3), widths=_WIDTHS, mode="constant", cval=0.5),
        case((3,), widths=((7, 8),), mode="nearest"),
    )

    @staticmethod
    def transpose_x(
        xp: Namespace,
        z_grad: Value,
        x: Value,
        *,
        widths: Widths,
        mode: Modes,
        cval: complex = 0.0,
    ) -> Value:
        """x_grad = z_grad inside, with the rest added where it came from"""
        return xp.folded(z_grad, widths=widths, mode=mode)


class folded_grad(linear):
    """z = the inside of an extended array, with the rest added where it came from"""

    forward = folded
    nonnegative = True

    @staticmethod
    def depends(z: Numbers, x: Numbers, *, widths: Widths, mode: Modes) -> Depends:
        """Return where each entry is added."""
        return ((extended(z + 1, widths=widths, mode=mode) - 1, x),)

    cases: Cases = (
        case((5, 7), widths=_WIDTHS, mode="reflect"),
        case((5, 7), widths=_WIDTHS, mode=("mirror", "constant")),
    )

    @staticmethod
    def transpose_x(
        xp: Namespace, z_grad: Value, x: Value, *, widths: Widths, mode: Modes
    ) -> Value:
        """x_grad = z_grad, extended"""
        return xp.extended(z_grad, widths=widths, mode=mode)


extend: Operation = operation(extended_grad)
fold: Operation = operation(folded_grad)


def widths_of(
    ndim: int, axes: Sequence[int], each: Sequence[tuple[int, int]]
) -> Widths:
    """Return the widths of all axes from those of some."""
    found = dict(zip(axes, each, strict=True))
    return tuple(found.get(axis, (0, 0)) for axis in range(ndim))
