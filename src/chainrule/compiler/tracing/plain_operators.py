"""Python's operators on its own numbers: functions of rows, beside NumPy's.

NumPy's functions wrap around at 2**63, add booleans logically, and return 0, inf or nan
where Python raises ``ZeroDivisionError``. So a row says which of the two it is: its
function is ``operator.add`` for an operator on Python's integers, booleans and complex
numbers, and ``np.add`` for NumPy's function, whatever it is given. Operators on Python
floats are NumPy's, which differ only where Python raises.

A power is an exception: ``operator.pow`` stands for every ``**`` but that of arrays of
floats. For two NumPy numbers it is C's ``pow``, where NumPy's function takes the square
root for the exponent 0.5, which differs at -0 and -inf; of booleans and complex arrays
it has other results than NumPy's function.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from chainrule.operations_grad import bits
from chainrule.rules.registry import operators, serve_by
from chainrule.values.shapes import ARRAYS, generic, kind_of

if TYPE_CHECKING:
    from chainrule.compiler.tracing.rows import Row

_of: Any = operator


def inverted(x: Any) -> Any:
    """Return ``~x``, also of a boolean, for which Python has a warning."""
    return ~(int(x) if x is True or x is False else x)


UFUNCS: Mapping[Callable[..., Any], Any] = {
    inverted if f is _of.invert else f: ufunc for f, ufunc in operators().items()
}
"""Python's operators, and the ufunc that each is for arrays."""
OPERATORS: Mapping[Any, Callable[..., Any]] = {u: f for f, u in UFUNCS.items()}
"""The operator that stands for a ufunc."""
serve_by(bits.invert, inverted)

WHOLE = (int, bool)
_OTHERS = (int, bool, complex)


def is_python(x: type | None, y: type | None = int) -> bool:
    """Tell whether an operator on these numbers, given by class, is Python's.

    ``None`` is the class of what is no Python number.
    """
    if x is complex or y is complex:
        return x is not None and y is not None
    return x in WHOLE and y in WHOLE


def class_of(x: Any) -> type | None:
    """Return the class of a Python number; ``None`` for anything else."""
    kind = kind_of(x)
    return kind if kind is float or kind in _OTHERS else None


def is_of_whole(row: Row) -> bool:
    """Tell whether all operands of a row are Python's integers and booleans."""
    return all((class_of(x) or getattr(x, "number", None)) in WHOLE for x in row.args)


def is_of_integers(row: Row) -> bool:
    """Tell whether arithmetic on integers alone made a number.

    It decides as they do: ``np.arange(n / 2)`` asks for the quotient of n / 2 and 1.
    """
    waiting: list[Any] = [row]
    while waiting:
        x = waiting.pop()
        if x.dtype is not None and x.dtype.kind in "biu":
            continue
        known = isinstance(x.function, np.ufunc) or x.function in UFUNCS
        if not x.operands or not known or len(waiting) > 9:
            return False
        waiting += x.operands
    return True


def is_scalar(x: Any) -> bool:
    """Tell whether a value is a number, NumPy's or Python's, and no array."""
    return isinstance(x, generic) or class_of(x) is not None


def at_numpy_pole(function: Callable[..., Any], numbers: Sequence[complex]) -> Any:
    """Return an operation's result on Python's numbers as NumPy computes it."""
    if function not in UFUNCS:
        return function(*numbers)
    kind: Any = np.complex128 if complex in map(class_of, numbers) else np.float64
    return function(kind(numbers[0]), *numbers[1:])


class Entrywise:
    """One of Python's operators, on each entry of arrays, as a function of a row.

    It raises ``OverflowError`` where an integer does not fit into the dtype.
    """

    keeps_shape = True

    def __init__(
        self, function: Callable[..., Any], dtype: np.dtype[Any] | None
    ) -> None:
        """Keep the operator, and the dtype of the results."""
        self.function = function
        self.dtype = dtype
        self.__name__: str = f"each_{function.__name__}"

    def __call__(self, *operands: Any) -> Any:
        """Return the results."""
        results = np.frompyfunc(self.function, len(operands), 1)(
            *(np.asarray(x).astype(object) for x in operands)
        )
        return np.asarray(results).astype(self.dtype)


def power(x: ArrayLike, y: ArrayLike) -> Any:
    """Return x ** y of arrays, as ``operator.pow`` of each two numbers in them."""
    shape = np.broadcast_shapes(np.shape(x), np.shape(y))
    exponents = np.empty(shape, np.result_type(x, y))  # 0.5 makes no float64 of float32
    exponents[...] = y
    return np.power(x, exponents)


def is_of_numbers(row: Row) -> bool:
    """Tell whether a row is a power of numbers, which is C's also for exponent 0.5.

    That of a node of a Python float is: its row is a Python number.
    """
    if row.function is np.power:
        return row.number is not None
    return row.function is _of.pow and row.shape == ()


def takes_root(row: Row) -> bool:
    """Tell whether a power is a square root: ``np.power`` for the exponent 0.5.

    For -inf the root is nan, and for -0 it is -0, where C's ``pow`` gives inf and 0.
    """
    if row.function is not np.power or row.number is not None:
        return False
    exponent = row.args[1]
    return isinstance(exponent, (float, *ARRAYS)) and bool(
        np.ndim(exponent) == 0 and exponent == 0.5
    )


__all__ = [
    "OPERATORS",
    "UFUNCS",
    "WHOLE",
    "Entrywise",
    "class_of",
    "inverted",
    "is_of_integers",
    "is_of_whole",
    "is_python",
    "is_scalar",
    "power",
    "takes_root",
]
