"""Which steps of a loop nest a row is, and with what kind of numbers.

In: an elementwise row. Out: ``Meant`` steps; ``CannotLowerError`` if there are none. A
nest computes with numbers of one kind, ``double`` or ``float``: that of the loop which
NumPy takes for the dtypes of a row. Arrays of others are cast where they are read or
written. Complex numbers are pairs of such numbers: their sums and parts are written
out, and NumPy's own loops compute all else.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from chainrule.compiler.native.meanings import (
    CannotLowerError,
    operation_of,
    power_of,
)
from chainrule.compiler.native.operations import operation_named
from chainrule.compiler.native.ufunc_loops import loop_of
from chainrule.compiler.tracing.plain_operators import is_of_numbers
from chainrule.compiler.tracing.rows import Row
from chainrule.operations_grad.complex_parts import complex_of
from chainrule.operations_grad.shaping import astype_grad
from chainrule.rules import rule_of
from chainrule.rules.registry import traits_of
from chainrule.rules.supports import masked_result
from chainrule.values.shapes import ARRAYS, is_complex

DTYPES: Any = tuple(map(np.dtype, "?fdFD"))
"""What a nest may read."""
KINDS = {"f": "float", "F": "float", "d": "double", "D": "double"}
REALS: Mapping[str, np.dtype[Any]] = {
    "float": np.dtype(np.float32),
    "double": np.dtype(np.float64),
}
PARTS = ("complex", "real", "imag")
_OWN = ("add", "subtract", "negative", "positive", "conjugate", "where", *PARTS)


class Meant(NamedTuple):
    """A step: the operation, and its operands, in which ``...`` is the step before."""

    name: str
    args: tuple[Any, ...]
    of_complex: bool = False
    is_complex: bool = False


def kind_of_row(row: Row) -> str:
    """Return the kind of numbers that NumPy's loop computes with.

    It is empty for booleans alone. Python's numbers take the kind of the others.
    """
    strong = [row, *(x for x in row.operands if x.number is None)]
    constants = [x for x in row.args if isinstance(x, ARRAYS)]
    chars = {x.dtype.char for x in (*strong, *constants) if x.dtype is not None}
    kinds = {KINDS[c] for c in chars if c in KINDS}
    return min(kinds, default="")  # "double" < "float"


def holds(kind: str, dtype: Any) -> bool:
    """Tell whether a result of a dtype is what a nest of a kind has computed."""
    return dtype == np.bool_ or KINDS.get(dtype.char) == kind


def steps_of(row: Row) -> list[Meant]:
    """Return the steps of a row."""
    f: Any = row.function
    if rule_of(f) is astype_grad:
        return [_cast(row)]
    args = row.args
    if not all(map(_is_plain, args)):
        raise CannotLowerError
    if f is masked_result:
        inner = row.given["forward"]
        if set(row.given) != {"forward", "where"} or not isinstance(inner, np.ufunc):
            raise CannotLowerError
        first = _step(inner, row, args)
        return [first, _chosen(row.given["where"], ..., 0.0, first.is_complex)]
    if not traits_of(f).entrywise or row.given:
        raise CannotLowerError
    return _quotient_by_real(f, row, args) or [_step(f, row, args)]


def _quotient_by_real(f: Any, row: Row, args: tuple[Any, ...]) -> list[Meant]:
    """Return the steps of a complex array over real numbers: one over these, a product.

    NumPy's loop computes it so, but looks at the size of both parts for each number. It
    takes -0 for 0.
    """
    if f is not np.divide or not _is_complex(row) or _is_complex(args[1]):
        return []
    x, y = args
    if getattr(y, "dtype", None) != np.float64 or not is_written("multiply", "double"):
        return []
    by_inverse = Meant("multiply", (x, ...), of_complex=True, is_complex=True)
    return [Meant("add", (y, 0.0)), Meant("divide", (1.0, ...)), by_inverse]


def _is_plain(x: Any) -> bool:
    return (
        isinstance(x, Row)
        or type(x) in (float, int, complex)
        or (isinstance(x, ARRAYS) and x.dtype in DTYPES)
    )


def _step(f: Any, row: Row, args: tuple[Any, ...]) -> Meant:
    if any(map(_is_complex, (row, *args))):
        return _of_complex(f, row, args)
    name = operation_of(f, [*row.operands, row])
    if name == "power":
        name, args = power_of(row)
    elif name == "divide":
        name, args = _scaled(args)
    if kind_of_row(row) == "float" and not _is_close(name):
        raise CannotLowerError
    return Meant(name, args)


def _scaled(args: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """Return a quotient as the product that it is exactly, if it is by 2, 4 or 0.5."""
    x, y = args
    if type(y) in (int, float) and abs(y) in _POWERS_OF_TWO:
        return "multiply", (x, 1.0 / y)
    return "divide", args


_POWERS_OF_TWO = {2.0**k for k in range(-100, 101)}


def _chosen(mask: Any, x: Any, y: Any, is_complex: bool) -> Meant:  # noqa: FBT001
    return Meant("where", (mask, x, y), is_complex, is_complex)


def _is_complex(x: Any) -> bool:
    return x.dtype.kind == "c" if isinstance(x, Row) else is_complex(x)


def _is_close(name: str) -> bool:
    """Tell whether float64 arithmetic, rounded, is as good as that of float32."""
    return name != "nextafter" or loop_of(name, "f") is not None


def _cast(row: Row) -> Meant:
    """Return the cast to another dtype, which is made where the result is written."""
    (x,) = row.operands or (None,)
    if x is None or x is not row.args[0] or x.number is not None:
        raise CannotLowerError
    if _is_complex(row):
        return Meant("complex", (x,), True, True)
    if _is_complex(x) or row.dtype == np.bool_:
        raise CannotLowerError
    return Meant("copy", (x,))


@functools.cache
def is_written(name: str, kind: str) -> bool:
    """Tell whether an operation on complex numbers is written out.

    Products are where NumPy's have the bits of ours: a fused operation in each part.
    """
    return name in _OWN or (name == "multiply" and _multiplies_fused(REALS[kind]))


def _multiplies_fused(real: Any) -> bool:
    """Tell whether NumPy computes x y as fma(a, c, -(b d)) and fma(a, d, b c)."""
    parts: Any = np.random.default_rng(0).uniform(-1.0, 1.0, (4, 64)).astype(real)
    a, b, c, d = parts
    product: Any = (a + 1j * b) * (c + 1j * d)

    def fused(x: Any, y: Any, z: Any) -> Any:
        numbers = zip(*(map(Fraction, v.tolist()) for v in (x, y, z)), strict=True)
        return np.array([float(x * y + z) for x, y, z in numbers]).astype(real)

    same = (product.real == fused(a, c, -(b * d))) & (
        product.imag == fused(a, d, b * c)
    )
    return bool(same.all())


@functools.cache
def _has_loop(name: str, kind: str, *, is_complex: bool) -> bool:
    return loop_of(name, kind, of_complex=True, is_complex=is_complex) is not None


def _of_complex(f: Any, row: Row, args: tuple[Any, ...]) -> Meant:
    """Return the step of a row on complex numbers."""
    if f is np.real or f is np.imag:
        if not _is_complex(args[0]):
            raise CannotLowerError
        return Meant(f.__name__, args, True, False)
    if f is complex_of:
        if any(map(_is_complex, args)):
            raise CannotLowerError
        return Meant("complex", args, True, True)
    name, complex_result = operation_named(f), _is_complex(row)
    if name == "where":
        return _chosen(*args, is_complex=True)
    if row.dtype == np.bool_ or (f is np.power and is_of_numbers(row)):
        raise CannotLowerError
    kind = kind_of_row(row)
    written = complex_result and is_written(name, kind)
    called = name and _has_loop(name, kind[0], is_complex=complex_result)
    if not (written or called):
        raise CannotLowerError
    return Meant(name, args, True, complex_result)


__all__ = ["DTYPES", "REALS", "Meant", "holds", "is_written", "kind_of_row", "steps_of"]
