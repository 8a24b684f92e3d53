"""Arithmetic of complex numbers on their parts, as rows of real numbers.

In: real and imaginary parts, each a row or a constant. Out: those of a result, by
NumPy's formulas: a real number beside a complex one has the imaginary part 0, so that
infinite and signed numbers come out as in NumPy's loops.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from chainrule.compiler.native.meanings import CannotLowerError
from chainrule.compiler.tracing.rows import Row, rows_in
from chainrule.values.quiet import quietly
from chainrule.values.shapes import is_complex, ndarray, shape_of
from chainrule.values.types import Shape

REAL: np.dtype[Any] = np.dtype(np.float64)
TRUTH: np.dtype[Any] = np.dtype(np.bool_)
FORMS = "add subtract negative positive conjugate multiply square divide exp".split()
"""The operations with complex results that are methods of ``Arithmetic``."""

Part: TypeAlias = Row | NDArray[Any] | complex
"""A row or a constant."""


class Parts(NamedTuple):
    """The real and the imaginary part: rows or constants that broadcast."""

    re: Part
    im: Part


class Arithmetic:
    """Writes rows; those that are there already are not written again."""

    def __init__(self) -> None:
        """Begin with none."""
        self.rows: list[Row] = []
        self._known: dict[tuple[object, ...], Row] = {}

    def call(self, f: Callable[..., Any], *args: Part) -> Part:
        """Return an elementwise function of rows and constants: one of these too."""
        if f is np.multiply and "1.0" in map(_key, args):
            return args[0] if _key(args[1]) == "1.0" else args[1]
        if f is np.subtract and _key(args[1]) == "0.0":
            return args[0]
        if f is np.where and type(args[0]) is bool:
            return args[1] if args[0] else args[2]
        return self._called(f, args, REAL)

    def test(self, f: Callable[..., Any], *args: Part) -> Part:
        """Return a test of rows and constants."""
        return self._called(f, args, TRUTH)

    def _called(
        self, f: Callable[..., Any], args: Sequence[Part], dtype: np.dtype[Any]
    ) -> Part:
        if not any(isinstance(x, Row) for x in args):
            found = np.asarray(quietly(f, *args))
            return found if found.shape else found.item()
        key = (f, *(x if isinstance(x, Row) else _key(x) for x in args))
        if key not in self._known:
            shape = np.broadcast_shapes(*map(shape_of, args))
            self._known[key] = self.add_row(f, args, shape, dtype)
        return self._known[key]

    def add_row(
        self,
        f: Callable[..., Any],
        args: Sequence[Any],
        shape: Shape | None,
        dtype: np.dtype[Any] | None = REAL,
    ) -> Row:
        """Add the row of a call."""
        row = Row(f, tuple(args), {}, rows_in(tuple(args)), None, len(self.rows))
        row.shape, row.dtype = shape, dtype
        self.rows.append(row)
        return row

    def whole(self, x: Part, shape: Shape) -> Part:
        """Return a part as a row, or an array in one piece, of its full shape."""
        if shape_of(x) == shape:
            return x if isinstance(x, Row) or not shape else np.ascontiguousarray(x)
        if isinstance(x, Row):
            return self.add_row(np.broadcast_to, (x, shape), shape)
        return np.ascontiguousarray(np.broadcast_to(np.asarray(x, REAL), shape))

    # ------------------------------------------------------------------- arithmetic

    def add(self, x: Parts, y: Parts) -> Parts:
        """Return x + y."""
        return Parts(self.call(np.add, x.re, y.re), self.call(np.add, x.im, y.im))

    def subtract(self, x: Parts, y: Parts) -> Parts:
        """Return x - y."""
        re, im = ((a, b) for a, b in zip(x, y, strict=True))
        return Parts(self.call(np.subtract, *re), self.call(np.subtract, *im))

    def negative(self, x: Parts) -> Parts:
        """Return -x."""
        return Parts(self.call(np.negative, x.re), self.call(np.negative, x.im))

    def conjugate(self, x: Parts) -> Parts:
        """Return Re(x) - i Im(x)."""
        return Parts(x.re, self.call(np.negative, x.im))

    def positive(self, x: Parts) -> Parts:
        """Return x."""
        return x

    def multiply(self, x: Parts, y: Parts) -> Parts:
        """Return x y."""
        do, times, (a, b), (c, d) = self.call, np.multiply, x, y
        re = do(np.subtract, do(times, a, c), do(times, b, d))
        return Parts(re, do(np.add, do(times, a, d), do(times, b, c)))

    def square(self, x: Parts) -> Parts:
        """Return x x."""
        return self.multiply(x, x)

    def divide(self, x: Parts, y: Parts) -> Parts:
        """Return x / y, by Smith's method as NumPy computes it."""
        do, (a, b), (c, d) = self.call, x, y
        if type(d) is float and d == 0.0:
            ratio, scale = do(np.copysign, 0.0, c), do(np.divide, 1.0, c)
            re = do(np.add, a, do(np.multiply, b, ratio))
            im = do(np.subtract, b, do(np.multiply, a, ratio))
            size = do(np.absolute, c)
        else:
            sizes = do(np.absolute, c), do(np.absolute, d)
            first, size = self.test(np.greater_equal, *sizes), do(np.maximum, *sizes)
            small, large = do(np.where, first, d, c), do(np.where, first, c, d)
            ratio = do(np.divide, small, large)
            scale = do(np.divide, 1.0, do(np.add, large, do(np.multiply, small, ratio)))
            p, q = do(np.where, first, a, b), do(np.where, first, b, a)
            re = do(np.add, p, do(np.multiply, q, ratio))
            turned = do(np.multiply, p, ratio)
            ahead, behind = do(np.subtract, q, turned), do(np.subtract, turned, q)
            im = do(np.where, first, ahead, behind)
        zero = self.test(np.equal, size, 0.0)

        def part(z: Part, w: Part) -> Part:
            pole = do(np.multiply, z, np.inf)
            return do(np.where, zero, pole, do(np.multiply, w, scale))

        return Parts(part(a, re), part(b, im))

    def exp(self, x: Parts) -> Parts:
        """Return exp(x): exp(a) cos(b) + i exp(a) sin(b), its limits as in C.

        An exponential that overflows may be finite times a cosine: it has two factors.
        """
        do, (a, b) = self.call, x
        rest = do(np.where, self.test(np.greater, a, _LARGEST), _LARGEST, 0.0)
        more = do(np.exp, rest)
        size = do(np.exp, do(np.subtract, a, rest))
        re = do(np.multiply, do(np.multiply, more, do(np.cos, b)), size)
        im = do(np.multiply, do(np.multiply, more, do(np.sin, b)), size)
        im = do(np.where, self.test(np.equal, b, 0.0), b, im)
        far = self.test(np.isinf, a), self.test(np.isfinite, b)
        ends = self.test(np.greater, *far)
        small = self.test(np.less, a, 0.0)
        end = do(np.where, small, 0.0, np.inf)
        last = do(np.where, small, do(np.copysign, 0.0, b), np.nan)
        return Parts(do(np.where, ends, end, re), do(np.where, ends, last, im))

    def where(self, mask: Part, x: Parts, y: Parts) -> Parts:
        """Return x where a mask holds, else y."""
        re, im = ((mask, a, b) for a, b in zip(x, y, strict=True))
        return Parts(self.call(np.where, *re), self.call(np.where, *im))


_LARGEST = 709.0
"""What the exponential of does not overflow."""


def parts_of(x: Part) -> Parts:
    """Return the parts of a constant."""
    constant: Any = np.asarray(x)
    kind = constant.dtype.name
    if kind not in ("complex128", "float64", "int64", "bool"):
        raise CannotLowerError(f"{kind} values")
    parts = [np.array(part, REAL, order="C") for part in (constant.real, constant.imag)]
    re, im = (part if part.shape else part.item() for part in parts)
    return Parts(re, im if is_complex(x) else 0.0)


def _key(x: Part) -> object:
    return id(x) if isinstance(x, ndarray) else repr(x)  # tells 0.0 from -0.0


__all__ = ["FORMS", "REAL", "Arithmetic", "Part", "Parts", "parts_of"]
