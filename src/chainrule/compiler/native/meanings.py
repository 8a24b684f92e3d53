"""What a row is among the operations of native code: its name, and its operands.

In: a row. Out: an operation of ``operations``, and over which axes it goes;
``CannotLowerError`` where there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.compiler.native.operations import REDUCTIONS, operation_named
from chainrule.compiler.tracing.calls import named, parameters
from chainrule.compiler.tracing.plain_operators import takes_root
from chainrule.compiler.tracing.rows import Row
from chainrule.rules.registry import traits_of
from chainrule.values.shapes import ARRAYS, normalize_axes

_np: Any = np
FLOATS = np.dtype(np.float64), np.dtype(np.float32)
"""The dtypes of real numbers that native code computes with."""


class CannotLowerError(Exception):
    """A row, or a whole program, has no form on the tape."""


def operation_of(f: Any, rows: Sequence[Row]) -> str:
    """Return the tape's name of a function, if it means the same for these dtypes."""
    known = traits_of(f)
    kinds = {x.dtype.kind for x in rows if x.dtype is not None}
    of_booleans = known.of_booleans if kinds == {"b"} else None
    name = operation_named(of_booleans or f)
    if not name or ("f" not in kinds and not (of_booleans or known.of_integers)):
        raise CannotLowerError
    if rows[-1].dtype == np.bool_ and name == "add":
        raise CannotLowerError  # + of booleans is "or"
    return name


def power_of(row: Row) -> tuple[str, tuple[Any, ...]]:
    """Return the operation and operands of a power."""
    base, exponent = row.args
    if not isinstance(exponent, Row) and np.ndim(exponent) == 0 and exponent == 2:
        return "square", (base,)
    return ("sqrt", (base,)) if takes_root(row) else ("power", row.args)


def reduction_of(row: Row) -> tuple[str, tuple[int, ...], bool]:
    """Return what ``reduced_by`` does, if it is one of ``REDUCTIONS``."""
    pair, axes, kept = reduced_by(row)
    if pair not in REDUCTIONS or (row.args[0].dtype == np.bool_ and pair != "add"):
        raise CannotLowerError
    return pair, axes, kept


def reduced_by(row: Row) -> tuple[str, tuple[int, ...], bool]:
    """Return the operation on two entries that a row reduces by, over which axes.

    The last result tells whether these are kept. ``CannotLowerError`` says that it asks
    for more.
    """
    call = (row.function, row.args, row.given)
    known = traits_of(row.function)
    pair = operation_named(known.reduces) if known.reduces is not None else ""
    if not pair or not isinstance(row.args[0], Row):
        raise CannotLowerError
    given, axis = parameters(*call, 1), known.axes[0]
    others = [v for k, v in given.items() if k not in (axis, "keepdims")]
    if any(v is not None and v is not _np._NoValue for v in others):
        raise CannotLowerError
    x = row.args[0]
    if x.shape is None:
        raise CannotLowerError  # a column
    axes = normalize_axes(named(*call).get(axis), len(x.shape))
    return pair, axes, bool(given.get("keepdims"))


def contracted_axes(row: Row) -> Any:
    """Return the axes that a product of two operands sums over, if it is one."""
    known = traits_of(row.function)
    if not known.contracts or len(row.args) < 2:
        return None
    x, y = (
        np.ndim(v) if not isinstance(v, Row) else len(v.shape) for v in row.args[:2]
    )
    return known.contracts(x, y, **parameters(row.function, row.args, row.given, 2))


def matrix_and_vector(row: Row) -> tuple[Any, Any, int] | None:
    """Return the factors of a product of doubles, and the matrix's axis it sums over.

    ``None`` if the row is no product of a matrix and a vector.
    """
    if row.dtype != np.float64 or len(row.args) < 2 or len(row.shape or ()) != 1:
        return None
    x, y = row.args[:2]
    if not all(isinstance(v, (Row, *ARRAYS)) and v.dtype == row.dtype for v in (x, y)):
        return None
    if sorted((len(x.shape), len(y.shape))) != [1, 2]:
        return None
    pairs = contracted_axes(row)
    if not pairs:
        return None
    (first,), (second,) = pairs
    return (x, y, first) if len(x.shape) == 2 else (y, x, second)


def check_kind(row: Row) -> None:
    """Raise ``CannotLowerError`` for a value that a tape cannot hold."""
    if row.shape is None:
        raise CannotLowerError(f"{name_of(row)} is no part of a tape")
    if row.dtype not in (*FLOATS, np.int64, np.bool_) and not _is_short(row):
        raise CannotLowerError(f"{row.dtype} values")  # they wrap around, or are pairs


def _is_short(row: Row) -> bool:
    """Tell whether a row has integers of less than 64 bits that are not computed."""
    if row.dtype is None or row.dtype.kind not in "iu" or row.dtype.itemsize > 4:
        return False
    known = traits_of(row.function)
    return row.function is None or (known.moves and known.views and row.reads_first)


def is_single(row: Row) -> bool:
    """Tell whether a row computes with numbers of float32, as NumPy decides it.

    Python's numbers are of the dtype of those beside them.
    """
    if row.dtype != np.bool_:
        return row.dtype == np.float32
    others = [x for x in row.args if isinstance(x, ARRAYS)]
    strong = [*(x for x in row.operands if x.number is None), *others]
    return {x.dtype.name for x in strong} - {"bool"} == {"float32"}


def name_of(row: Row) -> str:
    """Return the name of a row's function."""
    return getattr(row.function, "__name__", "an input")


__all__ = [
    "FLOATS",
    "CannotLowerError",
    "check_kind",
    "contracted_axes",
    "is_single",
    "name_of",
    "operation_of",
    "power_of",
    "reduced_by",
    "reduction_of",
]
