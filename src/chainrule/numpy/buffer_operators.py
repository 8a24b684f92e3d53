"""The operators of arrays that take nodes, and the attributes that are assigned."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from chainrule.errors import EscapeError
from chainrule.numpy.buffer_operands import is_recorded
from chainrule.values.buffered import buffered, current
from chainrule.values.shapes import kind_of, ndarray
from chainrule.values.types import Index, Value

_PLAIN: Any = (float, int, complex, bool, np.ndarray, np.float64)


class operated(buffered):  # noqa: N801
    """An array whose operators are those of what it is now."""

    __slots__ = ()

    @staticmethod
    def fresh(results: Any) -> Any:
        """Return what an operation on arrays of this class made, as it is given out."""
        return results


def _called(operate: Callable[..., Any], step: int = 1) -> Callable[..., Any]:
    """Return an operator on what buffers are now, reflected where ``step`` is -1."""

    def call(self: operated, *others: Value) -> Any:
        kind: Any = kind_of(self)
        operands = [kind.current(self)]
        for x in others:
            if type(x) not in _PLAIN:
                kind = kind_of(x) if isinstance(x, kind) else kind
                x = current(x)
            operands.append(x)
        z = operate(*operands[::step])
        return kind.fresh(z)

    return call


def _in_place(operate: Callable[..., Any]) -> Callable[..., Any]:
    """Return an operator that writes its result into the buffer."""

    def call(self: operated, other: Value) -> Any:
        other = current(other)
        if is_recorded(other):
            self.hand_over(other)
        operate(kind_of(self).current(self), other)
        return self

    return call


def _function(name: str) -> Callable[..., Any]:
    """Return a method that is the function of its name where nodes come in."""
    of_array, function = getattr(ndarray, name), getattr(np, name)

    @functools.wraps(of_array)
    def call(self: operated, *args: Any, **given: Any) -> Any:
        call = function if is_recorded([self, args, given]) else of_array
        return call(self, *args, **given)

    return call


def _writable(name: str) -> property:
    """Return an attribute of arrays that may be assigned: ``y.imag = value``."""
    of_array: Any = getattr(ndarray, name)

    def write(self: operated, value: Value) -> None:
        value = current(value)
        if is_recorded(value):
            self.hand_over(value)
        z = kind_of(self).current(self)
        if kind_of(z) is ndarray:
            of_array.__set__(self, value)
            return
        setattr(z, name, value)

    return property(
        of_array.__get__, write, doc=f"That of the array, or of the node: ``{name}``."
    )


def _fixed(name: str) -> property:
    """Return an attribute that is assigned while the array is plain: ``y.shape``."""
    of_array: Any = getattr(ndarray, name)

    def write(self: operated, value: Value) -> None:
        if kind_of(kind_of(self).current(self)) is not ndarray:
            raise EscapeError(
                f"y.{name} = ... cannot change an array that has taken a node. Write "
                "y = y.reshape(shape) or y.astype(dtype)."
            )
        of_array.__set__(self, value)

    return property(
        of_array.__get__, write, doc=f"That of the array, or of the node: ``{name}``."
    )


class flat:  # noqa: N801, PLW1641
    """The entries of a buffer one by one: ``y.flat[3] = x``."""

    def __init__(self, array: operated) -> None:
        """Show the entries of an array that takes nodes."""
        self._array = array
        self._rest: Iterator[Any] | None = None

    def _now(self) -> Any:
        return current(self._array).flat

    def __getitem__(self, index: Index) -> Any:
        """Return a copy of entries."""
        return self._now()[current(index)]

    def __setitem__(self, index: Index, value: Value) -> None:
        """Write into the array; a node hands it over."""
        value, index = current(value), current(index)
        if is_recorded([value, index]):
            self._array.hand_over([value, index])
        self._now()[index] = value

    def __len__(self) -> int:
        """Return the number of entries."""
        return self._array.size

    def __iter__(self) -> Iterator[Any]:
        """Go through the entries."""
        return iter(self._now())

    def __next__(self) -> Any:
        """Return the next entry."""
        self._rest = self._rest or iter(self)
        return next(self._rest)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        """Return the entries, while they are plain, as NumPy does."""
        return np.array(self._now(), dtype)

    def __eq__(self, other: object) -> Any:
        """Compare entry by entry."""
        return self._now() == other

    def __getattr__(self, name: str) -> Any:
        """Find what NumPy's iterator has: ``copy``, ``base``, ``coords``, ``index``."""
        return getattr(self._now(), name)


flat.__hash__ = None  # type: ignore[assignment]
for _name in ("real", "imag", "flat"):
    setattr(operated, _name, _writable(_name))
operated.flat = property(  # type: ignore[assignment]
    flat,
    operated.flat.fset,
    doc="The entries one by one.",  # type: ignore[attr-defined]
)
for _name in "choose clip dot put repeat searchsorted take".split():
    setattr(operated, _name, _function(_name))
for _name in ("shape", "dtype"):
    setattr(operated, _name, _fixed(_name))
_BINARY = "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift".split()
for _name in _BINARY:
    _operate: Any = getattr(operator, f"__{_name}__")
    setattr(operated, f"__{_name}__", _called(_operate))
    setattr(operated, f"__r{_name}__", _called(_operate, -1))
    setattr(operated, f"__i{_name}__", _in_place(getattr(operator, f"__i{_name}__")))
for _name in "lt le gt ge eq ne neg pos abs invert contains index".split():
    setattr(operated, f"__{_name}__", _called(getattr(operator, f"__{_name}__")))
for _name, _convert in [
    ("bool", bool),
    ("float", float),
    ("int", int),
    ("complex", complex),
]:
    setattr(operated, f"__{_name}__", _called(_convert))
operated.__divmod__ = _called(divmod)
operated.__hash__ = None  # type: ignore[assignment]


__all__ = ["operated"]
