"""Rules that move elements without changing them: reshape, transpose, stack, ..."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.cases import case
from chainrule.rules import linear
from chainrule.shapes import Shape, shape_of, unbroadcast


class reshape_grad(linear):
    """z = x with the elements in another shape"""

    forward = np.reshape
    cases = (case((3, 4), shape=(2, -1)), case((2, 3), shape=6, order="F"))

    @staticmethod
    def transpose_x(
        xp: Any, z_grad: Any, x: Any, *, shape: Any, order: str = "C"
    ) -> Any:
        """x_grad = z_grad in the shape of x"""
        return xp.reshape(z_grad, shape_of(x), order=order)


class broadcast_to_grad(linear):
    """z = x repeated to ``shape``"""

    forward = np.broadcast_to
    cases = (case((3, 1), shape=(2, 3, 4)), case((), shape=(2, 2)))

    @staticmethod
    def transpose_x(xp: Any, z_grad: Any, x: Any, *, shape: Shape) -> Any:
        """x_grad = z_grad summed over the repeated axes"""
        return unbroadcast(xp, z_grad, shape_of(x))


class expand_dims_grad(linear):
    """z = x with axes of length one put in"""

    forward = np.expand_dims
    cases = (case((3, 4), axis=1), case((3,), axis=(0, -1)))

    @staticmethod
    def transpose_x(xp: Any, z_grad: Any, x: Any, *, axis: Any) -> Any:
        """x_grad = z_grad in the shape of x"""
        return xp.reshape(z_grad, shape_of(x))


class swapaxes_grad(linear):
    """z = x with two axes exchanged"""

    forward = np.swapaxes
    cases = (case((2, 3, 4), axis1=0, axis2=-1),)

    @staticmethod
    def transpose_x(xp: Any, z_grad: Any, x: Any, *, axis1: int, axis2: int) -> Any:
        """x_grad = z_grad with the axes exchanged back"""
        return xp.swapaxes(z_grad, axis1, axis2)


class transpose_grad(linear):
    """z = x with its axes permuted"""

    forward = np.transpose
    cases = (case((2, 3, 4)), case((2, 3, 4), axes=(1, -1, 0)))

    @staticmethod
    def transpose_x(xp: Any, z_grad: Any, x: Any, *, axes: Any = None) -> Any:
        """x_grad = z_grad with the permutation undone"""
        if axes is None:
            return xp.transpose(z_grad)
        n = len(shape_of(x))
        return xp.transpose(z_grad, tuple(np.argsort([a % n for a in axes])))


class stack_grad(linear):
    """z = x, y, ... joined along a new axis"""

    @staticmethod
    def forward(*operands: Any, axis: int = 0, dtype: Any = None) -> Any:
        """Call NumPy's stack on the operands."""
        return np.stack(operands, axis=axis, dtype=dtype)

    cases = (case((3,), (3,), axis=1), case((2, 3), (2, 3), (2, 3), axis=-1))

    @staticmethod
    def transpose(
        xp: Any, z_grad: Any, i: int, *operands: Any, axis: int = 0, dtype: Any = None
    ) -> Any:
        """The i-th cotangent is the i-th slice of z_grad"""
        axis = axis % (len(shape_of(operands[0])) + 1)
        return z_grad[(*(slice(None),) * axis, i)]


class concatenate_grad(linear):
    """z = x, y, ... joined along an axis they have"""

    @staticmethod
    def forward(*operands: Any, axis: int | None = 0, dtype: Any = None) -> Any:
        """Call NumPy's concatenate on the operands."""
        return np.concatenate(operands, axis=axis, dtype=dtype)

    cases = (
        case((3,), (2,)),
        case((2, 3), (2, 1), axis=-1),
        case((2, 3), (2,), axis=None),
    )

    @staticmethod
    def transpose(
        xp: Any,
        z_grad: Any,
        i: int,
        *operands: Any,
        axis: int | None = 0,
        dtype: Any = None,
    ) -> Any:
        """The i-th cotangent is its stretch of z_grad"""
        shapes = [shape_of(x) for x in operands]
        if axis is None:
            sizes = [int(np.prod(s)) for s in shapes]
            start = sum(sizes[:i])
            return xp.reshape(z_grad[start : start + sizes[i]], shapes[i])
        axis = axis % len(shapes[0])
        start = sum(s[axis] for s in shapes[:i])
        return z_grad[(*(slice(None),) * axis, slice(start, start + shapes[i][axis]))]


class astype_grad(linear):
    """z = x in another dtype; the cotangent returns to x's own"""

    @staticmethod
    def forward(x: Any, dtype: Any, *, copy: bool = True) -> Any:
        """Cast, also Python floats."""
        return np.asarray(x).astype(dtype)[()]

    cases = (case((3,), dtype=np.float32), case((3,), dtype=np.complex128))

    @staticmethod
    def transpose_x(
        xp: Any, z_grad: Any, x: Any, *, dtype: Any, copy: bool = True
    ) -> Any:
        """x_grad = z_grad; the sweep casts it to x's dtype"""
        return z_grad


__all__ = [
    "astype_grad",
    "broadcast_to_grad",
    "concatenate_grad",
    "expand_dims_grad",
    "reshape_grad",
    "stack_grad",
    "swapaxes_grad",
    "transpose_grad",
]
