"""Values in little space, for people: six digits, shapes, a few entries."""

from __future__ import annotations

from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from chainrule.nodes.admission import is_inexact
from chainrule.values.foreign import is_foreign
from chainrule.values.foreign import shown as described
from chainrule.values.types import Result


def is_array(x: Result | None) -> TypeGuard[NDArray[Any]]:
    """Tell whether a value is an array with axes."""
    return isinstance(x, np.ndarray) and x.ndim > 0


def is_bool(x: Result | None) -> TypeGuard[bool | np.bool]:
    """Tell whether a value is a single truth value."""
    return isinstance(x, bool | np.bool)


def is_tuple(x: Result | None) -> TypeGuard[tuple[Any, ...]]:
    """Tell whether a value is the tuple of an operation's several results."""
    return isinstance(x, tuple)


def as_numbers(partial: Result | None) -> Result | None:
    """Return a local derivative as numbers: a mask is zeros and ones."""
    if is_bool(partial):
        return int(partial)
    if is_array(partial) and partial.dtype == bool:
        return partial.astype(float)
    return partial


def short(x: Result | None, digits: int = 6, entries: int = 3) -> str:
    """Return a value in little space: a number, or an array's shape and first entries.

    >>> short(0.1), short(np.arange(6.0).reshape(2, 3))
    ('0.1', '(2, 3): 0 1 2 ...')
    """
    if x is None:
        return ""
    if is_foreign(x):
        return described(x)
    if is_tuple(x):
        return f"({', '.join(short(v, digits, entries) for v in x)})"
    if is_bool(x):
        return "True" if x else "False"
    if isinstance(x, int):
        return str(x)
    if is_array(x):
        shown = [short(v, 4) for v in x.flat[:entries]]
        more = ["..."] if x.size > entries else []
        return f"{x.shape}: {' '.join([*shown, *more])}"
    return f"{x:.{digits}g}" if is_inexact(x) else str(x)


def steps_of(first: int, last: int, count: int) -> str:
    """Return steps of a loop in words.

    >>> steps_of(3, 99, 100), steps_of(99, 3, 100), steps_of(2, 2, 5)
    ('steps 3 to 99 of 100', 'steps 99 to 3 of 100', 'step 2 of 5')
    """
    if first == last:
        return f"step {first} of {count}"
    return f"steps {first} to {last} of {count}"


def counted(count: int, noun: str, plural: str = "") -> str:
    """Return a count with its noun.

    >>> counted(1, "operation"), counted(1200, "operation")
    ('1 operation', '1,200 operations')
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def printable(text: str) -> str:
    r"""Return text on one line, without control characters.

    >>> printable("a\n  b"), printable("\x1b[31mred")
    ('a b', '\\x1b[31mred')
    """
    text = " ".join(text.split()) if not text.isprintable() else text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
