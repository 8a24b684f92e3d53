"""Rules that move elements without changing them: reshape, transpose, stack, ..."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from chainrule.errors import ArgumentError
from chainrule.rules import linear
from chainrule.rules.cases import Cases, case
from chainrule.rules.namespace import EXTRA
from chainrule.values.foreign import alike, is_foreign, library_of
from chainrule.values.shapes import SEQUENCES, normalize_axes, shape_of, unbroadcast
from chainrule.values.types import Array, Axis, Casting, Namespace, Shape, Value
from chainrule.values.vertices import is_stand_in


def broadcast_to(x: Value, shape: Shape | int, *, chunks: Any = None) -> Value:
    """Return ``x`` repeated to ``shape``: NumPy's, short for a number.

    A foreign array is cut into ``chunks``, which are those of another one.
    """
    library = library_of(x)
    if library is not None:
        f: Any = library.broadcast_to
        if f is None or chunks is None:
            return np.broadcast_to(x, shape)
        return f(x, shape, chunks=chunks)
    x = np.asarray(x)
    if x.ndim or not isinstance(shape, tuple) or min(shape, default=0) < 0:
        return np.broadcast_to(x, shape)
    view = np.ndarray(shape, x.dtype, x, 0, (0,) * len(shape))
    view.flags.writeable = False
    return view


EXTRA["broadcast_to"] = broadcast_to


class reshape_grad(linear):
    """z = x with the elements in another shape"""

    moves = in_order = True
    nonnegative = True
    views = True
    of_memory: ClassVar[tuple[str, tuple[Any, ...]]] = ("order", ("A",))

    @staticmethod
    def forward(
        x: Value, shape: Shape, *, order: str = "C", copy: bool | None = None
    ) -> Value:
        """Reshape; the order 'A' depends on the memory, and was resolved before."""
        if order not in ("C", "F"):
            raise ArgumentError(
                f"np.reshape has the orders 'C', 'F' and 'A'; received {order!r}. "
                "np.ravel has 'K' too."
            )
        z = np.reshape(x, shape, order=order) if order != "C" else np.reshape(x, shape)
        return np.copy(z) if copy else z

    cases: Cases = (
        case((3, 4), shape=(2, -1)),
        case((2, 3), shape=6, order="F"),
        case((), shape=(1, 1)),
        case((0, 3), shape=(3, 0)),
    )

    @staticmethod
    def transpose_x(
        xp: Namespace,
        z_grad: Value,
        x: Value,
        *,
        shape: Shape,
        order: str = "C",
        copy: bool | None = None,
    ) -> Value:
        """x_grad = z_grad in the shape of x"""
        if order == "C":
            return xp.reshape(z_grad, shape_of(x))
        return xp.reshape(z_grad, shape_of(x), order=order)


class broadcast_to_grad(linear):
    """z = x repeated to ``shape``"""

    nonnegative = True
    views = True
    forward = broadcast_to
    moves = in_order = True
    cases: Cases = (case((3, 1), shape=(2, 3, 4)), case((), shape=(2, 2)))

    @staticmethod
    def transpose_x(
        xp: Namespace, z_grad: Value, x: Value, *, shape: Shape, chunks: Any = None
    ) -> Value:
        """x_grad = z_grad summed over the repeated axes"""
        return unbroadcast(xp, z_grad, shape_of(x))


class expand_dims_grad(linear):
    """z = x with axes of length one put in"""

    nonnegative = True
    views = True
    forward = np.expand_dims
    moves = in_order = True
    cases: Cases = (case((3, 4), axis=1), case((3,), axis=(0, -1)))

    @staticmethod
    def transpose_x(xp: Namespace, z_grad: Value, x: Value, *, axis: Axis) -> Value:
        """x_grad = z_grad in the shape of x"""
        return xp.reshape(z_grad, shape_of(x))


class squeeze_grad(linear):
    """z = x without axes of length one"""

    nonnegative = True
    views = True
    forward = np.squeeze
    moves = in_order = True
    cases: Cases = (
        case((1, 3, 1)),
        case((1, 3, 1), axis=0),
        case((1, 1, 2), axis=(0, 1)),
    )

    @staticmethod
    def transpose_x(
        xp: Namespace, z_grad: Value, x: Value, *, axis: Axis = None
    ) -> Value:
        """x_grad = z_grad in the shape of x"""
        return xp.reshape(z_grad, shape_of(x))


class flip_grad(linear):
    """z = x reversed along the axes in ``axis``"""

    nonnegative = True
    views = True
    forward = np.flip
    moves = True
    axes: tuple[str, ...] = ("axis",)
    cases: Cases = (case((2, 3)), case((2, 3), axis=1), case((2, 3, 2), axis=(0, -1)))

    @staticmethod
    def transpose_x(
        xp: Namespace, z_grad: Value, x: Value, *, axis: Axis = None
    ) -> Value:
        """x_grad = z_grad reversed again (a view)"""
        return xp.flip(z_grad, axis=axis)


class roll_grad(linear):
    """z = x moved on by ``shift`` along the axes in ``axis``, around its ends"""

    nonnegative = True
    forward = np.roll
    moves = flattens = True
    axes: tuple[str, ...] = ("axis",)
    cases: Cases = (
        case((2, 3), shift=2),
        case((2, 3), shift=-1, axis=1),
        case((2, 3), shift=(1, 4), axis=(0, 1)),
        case((2, 3), shift=2, axis=(0, 1)),
        case((0,), shift=1),
    )

    @staticmethod
    def transpose_x(
        xp: Namespace, z_grad: Value, x: Value, *, shift: Value, axis: Axis = None
    ) -> Value:
        """x_grad = z_grad moved back"""
        if type(shift) is int:
            return xp.roll(z_grad, -shift, axis=axis)
        shifts: Any = shift if isinstance(shift, SEQUENCES) else [shift]
        back: list[Any] = [
            -(s if is_stand_in(s) else np.asarray(s, int)) for s in shifts
        ]
        return xp.roll(z_grad, back[0] if len(back) == 1 else tuple(back), axis=axis)


class repeat_grad(linear):
    """z = each element of x repeated along ``axis`` (of the flat array if ``None``)"""

    nonnegative = True
    forward = np.repeat
    moves = flattens = True
    axes: tuple[str, ...] = ("axis",)
    cases: Cases = (
        case((3,), repeats=2),
        case((2, 3), repeats=2),
        case((2, 3), repeats=3, axis=0),
        case((2, 3), repeats=np.array([2, 0, 1]), axis=-1),
        case((2,), repeats=0),
        case((), repeats=3),
        case((), repeats=2, axis=-1),
        case((), repeats=np.array([2]), axis=0),
    )

    @staticmethod
    def transpose_x(
        xp: Namespace, z_grad: Value, x: Value, *, repeats: Any, axis: int | None = None
    ) -> Value:
        """x_grad[i] = sum of z_grad over the copies of x[i]"""
        shape = shape_of(x)
        flat = shape if axis is not None and shape else (int(np.prod(shape)),)
        axis = normalize_axes(axis or 0, len(flat))[0]
        if np.size(repeats) == 1:
            count = int(np.reshape(repeats, ()))
            copies = (*flat[: axis + 1], count, *flat[axis + 1 :])
            x_grad = xp.sum(xp.reshape(z_grad, copies), axis=axis + 1)
        else:
            source = np.repeat(np.arange(flat[axis]), repeats)
            index = (*(slice(None),) * axis, source)
            x_grad = xp.unindex(z_grad, index=index, shape=flat)
        return xp.reshape(x_grad, shape)


class swapaxes_grad(linear):
    """z = x with two axes exchanged"""

    nonnegative = True
    views = True
    forward = np.swapaxes
    moves = True
    axes: tuple[str, ...] = ("axis1", "axis2")
    cases: Cases = (case((2, 3, 4), axis1=0, axis2=-1),)

    @staticmethod
    def transpose_x(
        xp: Namespace, z_grad: Value, x: Value, *, axis1: int, axis2: int
    ) -> Value:
        """x_grad = z_grad with the axes exchanged back"""
        return xp.swapaxes(z_grad, axis1, axis2)


class transpose_grad(linear):
    """z = x with its axes permuted"""

    nonnegative = True
    views = True
    forward = np.transpose
    moves = True
    cases: Cases = (case((2, 3, 4)), case((2, 3, 4), axes=(1, -1, 0)))

    @staticmethod
    def transpose_x(
        xp: Namespace, z_grad: Value, x: Value, *, axes: Sequence[int] | None = None
    ) -> Value:
        """x_grad = z_grad with the permutation undone"""
        if axes is None:
            return xp.transpose(z_grad)
        n = len(shape_of(x))
        places = [a % n for a in axes]
        return xp.transpose(z_grad, tuple(sorted(range(n), key=places.__getitem__)))


class stack_grad(linear):
    """z = x, y, ... joined along a new axis"""

    moves = True
    axes: tuple[str, ...] = ("axis",)
    nonnegative = True

    @staticmethod
    def forward(
        *operands: Value,
        axis: int = 0,
        dtype: DTypeLike | None = None,
        casting: Casting = "same_kind",
    ) -> Value:
        """Call NumPy's stack on the operands."""
        given: Any = {} if dtype is None else {"dtype": dtype, "casting": casting}
        return np.stack(alike(operands, numbers=True), axis=axis, **given)

    cases: Cases = (
        case((3,), (3,), axis=1),
        case((2, 3), (2, 3), (2, 3), axis=-1),
        case((), ()),
        case((2,), (2,), dtype=np.complex128),
    )

    @staticmethod
    def transposes(
        xp: Namespace,
        z_grad: Array,
        *operands: Value,
        axis: int = 0,
        dtype: DTypeLike | None = None,
        casting: Casting = "same_kind",
    ) -> list[Value]:
        """The i-th cotangent is the i-th slice of z_grad (a view)"""
        lead = (slice(None),) * (axis % (len(shape_of(operands[0])) + 1))
        return [z_grad[(*lead, i)] for i in range(len(operands))]


class concatenate_grad(linear):
    """z = x, y, ... joined along an axis they have"""

    moves = flattens = True
    axes: tuple[str, ...] = ("axis",)
    nonnegative = True

    @staticmethod
    def forward(
        *operands: Value,
        axis: int | None = 0,
        dtype: DTypeLike | None = None,
        casting: Casting = "same_kind",
    ) -> Value:
        """Call NumPy's concatenate on the operands."""
        given: Any = {} if dtype is None else {"dtype": dtype, "casting": casting}
        return np.concatenate(alike(operands, numbers=True), axis=axis, **given)

    cases: Cases = (
        case((3,), (2,)),
        case((2, 3), (2, 1), axis=-1),
        case((2, 3), (2,), axis=None),
        case((0, 2), (3, 2), (1, 2)),
    )

    @staticmethod
    def transposes(
        xp: Namespace,
        z_grad: Array,
        *operands: Value,
        axis: int | None = 0,
        dtype: DTypeLike | None = None,
        casting: Casting = "same_kind",
    ) -> list[Value]:
        """The i-th cotangent is its stretch of z_grad (a view)"""
        shapes = [shape_of(x) for x in operands]
        if axis is None:
            ends = np.cumsum([0, *(int(np.prod(s)) for s in shapes)]).tolist()
            return [
                xp.reshape(z_grad[start:end], shape)
                for start, end, shape in zip(ends[:-1], ends[1:], shapes, strict=True)
            ]
        axis = axis % len(shapes[0])
        lead = (slice(None),) * axis
        ends = np.cumsum([0, *(s[axis] for s in shapes)]).tolist()
        return [z_grad[(*lead, slice(start, end))] for start, end in pairwise(ends)]


class astype_grad(linear):
    """z = x in another dtype; the cotangent returns to x's own"""

    entrywise = in_order = primitive = True
    nonnegative = True

    @staticmethod
    def forward(x: Value, dtype: DTypeLike, *, copy: bool = True) -> Value:
        """Cast, also Python floats."""
        if is_foreign(x):
            array: Any = x
            return array.astype(dtype)
        return np.asarray(x).astype(dtype, copy=False)[()]

    cases: Cases = (case((3,), dtype=np.float32), case((3,), dtype=np.complex128))

    @staticmethod
    def transpose_x(
        xp: Namespace, z_grad: Value, x: Value, *, dtype: DTypeLike, copy: bool = True
    ) -> Value:
        """x_grad = z_grad; the sweep casts it to x's dtype"""
        return z_grad
