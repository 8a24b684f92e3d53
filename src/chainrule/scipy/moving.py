"""What the parts share: which arguments hold nodes or traced values, and their values.

Objects, such as splines, are made by SciPy from plain values first: it checks them and
says what it has to say. What depends on nodes is then computed beside that.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from chainrule import operations
from chainrule.errors import MissingRuleError
from chainrule.nodes.admission import holds_nodes
from chainrule.values.vertices import first_stand_in, is_refused, raw, stand_in


def moves(*values: object) -> bool:
    """Tell whether nodes or traced values are among arguments, also inside lists."""
    return any(map(holds_nodes, values)) or first_stand_in(*values) is not None


def array_of(x: ArrayLike) -> Any:
    """Return nodes and traced values in lists as one, a plain argument as an array."""
    return operations.asarray(x) if moves(x) else np.asarray(x)


def floats_of(x: ArrayLike) -> Any:
    """Return an array as ``array_of`` does, of floats where it holds whole numbers."""
    array = array_of(x)
    return array.astype(np.float64) if array.dtype.kind in "biu" else array


def own_floats(x: ArrayLike) -> Any:
    """Return an array of floats that its owner cannot change afterwards."""
    array = floats_of(x)
    return array.copy() if type(array) is np.ndarray else array


def increasing(x: ArrayLike) -> Any:
    """Return ``own_floats`` of positions, or raise where they do not increase.

    SciPy has looked at plain ones. Those of a trace are looked at in each call.
    """
    array = own_floats(x)
    _np: Any = np
    if is_refused(_np.any(_np.diff(raw(array)) <= 0)):
        raise ValueError("`x` must be strictly increasing.")
    return array


def example(x: ArrayLike) -> Any:
    """Return the plain value of an argument; in a trace, that for the example."""
    value = raw(array_of(x)) if moves(x) else x
    return value.example if isinstance(value, stand_in) else value


def refused(what: str, instead: str) -> MissingRuleError:
    """Return the error for what has no derivative."""
    return MissingRuleError(f"{what} has no derivative. {instead}")


class plain_only:
    """An attribute or a method of SciPy's objects that knows plain numbers alone.

    SciPy's own object has the plain values of what moves: there it raises, as its
    result would be a constant.
    """

    def __init__(self, instead: str = "Use the array that was given.") -> None:
        """Keep what to write instead."""
        self.instead = instead

    def __set_name__(self, owner: type, name: str) -> None:
        """Find what SciPy has under the name, if its class has anything."""
        self.name = name
        held: list[Any] = [vars(base) for base in owner.__mro__[1:]]
        self.theirs: Any = next((names[name] for names in held if name in names), None)

    def __get__(self, made: Any, owner: type[Any]) -> Any:
        """Return what SciPy has, or raise."""
        if made is None:
            return self.theirs
        if getattr(made, "_moving", None):
            raise refused(f"{owner.__name__}.{self.name} of nodes", self.instead)
        if self.theirs is not None:
            return self.theirs.__get__(made, owner)
        held: Any = made.__dict__
        if self.name not in held:
            raise AttributeError(self.name)
        return held[self.name]

    def __set__(self, made: Any, value: Any) -> None:
        """Keep a value, as SciPy does."""
        if hasattr(self.theirs, "__set__"):
            self.theirs.__set__(made, value)
        else:
            made.__dict__[self.name] = value


def divided(x: Any, y: Any) -> Any:
    """Return x / y, and 0 where y is."""
    _np: Any = np
    none = y == 0
    return _np.where(none, 0.0, x / _np.where(none, 1.0, y))


def root(square: Any) -> Any:
    """Return square roots, of which those of 0 have the derivative 0, structurally."""
    _np: Any = np
    none = square == 0
    return _np.where(none, 0.0, _np.sqrt(_np.where(none, 1.0, square)))
