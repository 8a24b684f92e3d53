"""Values in little space, for people: six digits, shapes, a few entries."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.values import is_inexact

ENTRIES = 3
"""How many entries of an array are shown."""


def short(x: Any, digits: int = 6) -> str:
    """Return a value in little space: a number, or an array's shape and first entries.

    >>> short(0.1), short(np.arange(6.0).reshape(2, 3))
    ('0.1', '(2, 3): 0 1 2 ...')
    """
    if x is None:
        return ""
    if isinstance(x, tuple):
        parts: tuple[Any, ...] = x
        return "(" + ", ".join(short(v, digits) for v in parts) + ")"
    if isinstance(x, bool | np.bool):
        return "True" if x else "False"
    if isinstance(x, int):
        return str(x)
    if isinstance(x, np.ndarray | np.generic) and x.ndim == 0:
        x = x.item()
        return short(x, digits) if isinstance(x, int) else f"{x:.{digits}g}"
    if is_inexact(x) and np.ndim(x) == 0:
        return f"{x:.{digits}g}"
    if isinstance(x, np.ndarray):
        array: Any = x
        entries = " ".join(short(v, 4) for v in array.flat[:ENTRIES])
        return f"{array.shape}: {entries}{' ...' if array.size > ENTRIES else ''}"
    return str(x)


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
