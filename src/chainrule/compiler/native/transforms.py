"""Fourier transforms of powers of two, by machine code of their own.

In: a row that transforms along one axis. Out: whether native code computes it: several
times as fast as NumPy's, which is called through Python. Other lengths are NumPy's.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.compiler.native.calls import Call, Function, call_on
from chainrule.compiler.native.fourier_code import Stages, Transform, table
from chainrule.compiler.native.llvm import Functions
from chainrule.compiler.native.sharing import SharedCode
from chainrule.compiler.native.text import Unit
from chainrule.compiler.tracing.calls import named
from chainrule.compiler.tracing.rows import Row
from chainrule.rules.registry import traits_of
from chainrule.values.shapes import Shape

_DOUBLE, _COMPLEX = np.dtype(np.float64), np.dtype(np.complex128)
_DTYPES: dict[str, tuple[np.dtype[Any], np.dtype[Any]]] = {
    "fft": (_COMPLEX, _COMPLEX),
    "ifft": (_COMPLEX, _COMPLEX),
    "rfft": (_DOUBLE, _COMPLEX),
    "irfft": (_COMPLEX, _DOUBLE),
}
"""The dtypes that transforms take and return here."""
SHORTEST, LARGEST = 1 << 5, 1 << 16
"""Points of a transform, and numbers of a stack: more are not kept in the cache."""

Kept = tuple[Any, int, NDArray[Any]]
"""A record, its address, and the numbers that a call keeps beside."""


class _Code(Function):
    """The function of a transform, with roots of unity and what calls keep beside."""

    def __init__(self, functions: Functions, transform: Transform) -> None:
        """Look it up, and compute the roots."""
        super().__init__(functions, "transform")
        self.roots: NDArray[Any] = table(transform.n, is_real=transform.is_real)
        self.work: int = transform.work
        self.free: list[Kept] = []  # each is one call's at a time

    def kept(self) -> Kept:
        """Return what a call keeps, of which there is more where threads call."""
        work = np.empty(self.work)
        record = array("q", (0, 1, 0, 0, id(work), id(self.roots)))
        return record, record.buffer_info()[0], work


class Transformed(SharedCode):
    """A transform along one axis, in machine code."""

    keeps_shape = True
    operations = 150

    def __init__(self, transform: Transform, shape: Shape) -> None:
        """Describe it, with a result of this shape."""
        self.__name__: str = transform.kind
        self.shape = shape
        self.transform = transform
        taken, dtype = _DTYPES[transform.kind]
        self.taken: np.dtype[Any] = taken
        self.dtype: np.dtype[Any] = dtype
        self.text: str = f"transform {tuple(transform)}"

    def compiled(self) -> Any:
        """Compile it."""
        return _compiled(self.transform)

    def __call__(self, x: Any, out: Any = None) -> Any:
        """Return the transform."""
        x = np.ascontiguousarray(x, self.taken)
        z = np.empty(self.shape, self.dtype) if out is None else out
        code = self.code
        try:
            kept = code.free.pop()
        except IndexError:
            kept = code.kept()
        record, place, _ = kept
        record[2], record[3] = id(x), id(z)
        code.run(place)
        code.free.append(kept)
        return z


class TransformedParts(SharedCode):
    """A transform of real and imaginary parts that are arrays of their own."""

    keeps_shape = True
    fills = True
    operations = 150

    def __init__(self, transform: Transform, shape: Shape) -> None:
        """Describe it, with results of this shape."""
        self.__name__: str = transform.kind
        self.transform: Transform = transform._replace(apart=True)
        self.results: int = 1 + (_DTYPES[transform.kind][1] == _COMPLEX)
        self.likes: list[tuple[Shape, np.dtype[Any]]] = [(shape, _DOUBLE)]
        self.likes *= self.results
        self.text: str = f"transform {tuple(self.transform)}"

    def compiled(self) -> Any:
        """Compile it."""
        return _compiled(self.transform)

    def bound(self, given: Sequence[Any], found: Sequence[Any]) -> Call:
        """Return the call that transforms these arrays."""
        code = self.code
        beside = np.empty(code.work), code.roots
        return call_on(code, 0, 1, (*given, *found, *beside))

    def __call__(self, *parts: Any) -> list[Any]:
        """Return the parts of the transform."""
        given = [np.ascontiguousarray(x, _DOUBLE) for x in parts]
        found = [np.empty(*like) for like in self.likes]
        self.bound(given, found)()
        return found


def _compiled(transform: Transform) -> Any:
    unit = Unit()
    Stages(unit, transform).write("transform")
    return _Code(Functions(unit, 2), transform)


def as_transformed(row: Row) -> bool:
    """Let native code transform; tell whether it will."""
    transform = transform_of(row)
    if transform is None:
        return False
    made = Transformed(transform, row.shape or ())
    row.function, row.args, row.given = made, tuple(row.operands), {}
    return True


def transform_of(row: Row) -> Transform | None:
    """Return the transform that a row is, if native code computes it."""
    kind = traits_of(row.function).transform
    if not kind or not row.reads_first:
        return None
    (x,) = row.operands
    call = named(row.function, row.args, row.given)
    n, axis, norm = (call.get(name) for name in ("n", "axis", "norm"))
    taken, made = _DTYPES[kind]
    shape = row.shape or ()
    if (x.dtype, row.dtype) != (taken, made) or call.get("out") is not None:
        return None
    if type(axis) is not int or norm not in _NORMS or not shape:
        return None
    axis %= len(shape)
    n = shape[axis] if kind != "rfft" else n or (x.shape or ())[axis]
    have = n // 2 + 1 if kind == "irfft" else n
    lines, columns = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
    if (x.shape or ())[axis] != have or n < SHORTEST or n & (n - 1):
        return None
    if n * columns > LARGEST or columns in _SLOW or (columns > 1 and "r" in kind):
        return None
    return Transform(kind, lines, n, columns, _NORMS[norm]["i" in kind](n))


_SLOW = (2, 3)
"""Numbers beside each other that do not make a vector."""


def _one(_: int) -> float:
    return 1.0


def _inverse(n: int) -> float:
    return 1.0 / n


def _root(n: int) -> float:
    return float(1.0 / np.sqrt(float(n)))


_NORMS = {
    None: (_one, _inverse),
    "backward": (_one, _inverse),
    "ortho": (_root, _root),
    "forward": (_inverse, _one),
}
"""What transforms and inverses are multiplied by, of a length."""

__all__ = ["Transformed", "TransformedParts", "as_transformed", "transform_of"]
