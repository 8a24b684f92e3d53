"""Arguments that are no numbers: as parts of a key, or refused with their cause."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.nodes.admission import numeric_array
from chainrule.values.shapes import describe, ndarray


class Frozen:
    """A constant for people to see, in a key that has its value beside it."""

    def __init__(self, x: Any) -> None:
        """Keep what it looks like."""
        self._text: str = repr(x)

    def __repr__(self) -> str:
        """Show the constant as it was."""
        return self._text

    def __eq__(self, other: object) -> bool:
        """Leave the comparison to the value in the key."""
        return isinstance(other, Frozen)

    def __hash__(self) -> int:
        """Leave the hash to the value in the key."""
        return 0


def plain_array(x: Any) -> Any:
    """Return an array as one of NumPy's own class: a memmap as what it shows."""
    return np.asarray(x) if is_mapped(x) else x


def is_mapped(x: Any) -> bool:
    """Tell whether an array is a memmap."""
    return isinstance(x, _memmap)


_memmap: Any = np.memmap


def check_static(name: str, x: Any, key: Any) -> None:
    """Raise if a static argument cannot be part of a key."""
    error = _hashing(key)
    if error is not None:
        raise ArgumentError(
            f"The static argument {name!r} must be hashable; received {describe(x)} "
            f"({error}). Pass a tuple instead of a list or an array, or leave {name!r} "
            "out of static= if it holds numbers to compute with."
        ) from error


def check_leaf(x: Any, key: Any) -> None:
    """Raise if an argument, or a value in a container, cannot be part of a key."""
    error = _hashing(key)
    if error is None:
        return
    if isinstance(x, ndarray) or hasattr(x, "mask"):
        numeric_array(x, "A compiled function")  # says what is wrong with some
    what = f"A compiled function received {describe(x)}, which "
    if isinstance(x, Mapping):
        raise ArgumentError(
            f"{what}is not looked into as a dict is. Pass dict(x)."
        ) from error
    if hasattr(x, "__array__"):
        raise ArgumentError(
            f"{what}is no array of NumPy's own class. Pass np.asarray(x), or a dict of "
            "the arrays that it holds."
        ) from error
    raise ArgumentError(
        f"{what}is neither a number, an array nor a container of them (a dict, list, "
        f"tuple or dataclass). It would be a constant, and must be hashable for that "
        f"({error}). Pass the numbers that it holds, or give its class a __hash__."
    ) from error


def _hashing(key: Any) -> TypeError | None:
    """Return the error that hashing raises, if it does."""
    try:
        hash(key)
    except TypeError as error:
        return error
    return None
