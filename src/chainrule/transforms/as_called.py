"""Functions as they were when they were called, for sweeps that call them again.

A loop, a branch, a map, a checkpoint, an integral or the equation that a solver has
solved runs its function again in a sweep. What the
function reads from outside may be another thing by then: a name was bound anew, as by
the next turn of a ``for``, or an array was written. So its closure is kept.
"""

from __future__ import annotations

import operator
import types
import weakref
import zlib
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import StaleValueError
from chainrule.nodes.node_class import node
from chainrule.nodes.recorder import next_serial
from chainrule.transforms.closures import (
    LIBRARIES,
    Opened,
    Opening,
    home_of,
    of_library,
    package_of,
)
from chainrule.transforms.derived import Derived
from chainrule.transforms.remaking import Part, read_outside
from chainrule.values.buffered import current
from chainrule.values.shapes import kind_of, ndarray
from chainrule.values.versions import version
from chainrule.values.vertices import stand_in


@dataclass
class _Binding(Opening):
    """What has been found of a function that is to be called again later."""

    binds: ClassVar[bool] = True
    package: str = ""

    def part(self, x: Any) -> Part:
        """Return what makes ``x`` again; an array of any kind is a value."""
        if isinstance(x, ndarray):
            return self._value(x)
        return super().part(x)

    def _object(self, x: Any) -> Part:
        kind: type = kind_of(x)
        is_own = self._is_own(kind.__module__.partition(".")[0])
        is_plain = kind.__new__ is object.__new__
        if not (isinstance(x, Derived) or (is_own and is_plain)):
            return None, None
        return super()._object(x)

    def _function(self, f: types.FunctionType) -> Part:
        self._is_own(package_of(f))
        return super()._function(f)

    def _names(self, f: types.FunctionType) -> dict[str, Any]:
        if home_of(f) in LIBRARIES:
            return {}
        outer = read_outside(f)
        return {n: x for n, x in outer.items() if not of_library(x)}

    def _is_own(self, package: str) -> bool:
        """Tell whether a package is the user's: the first one that is no library."""
        if not self.package and package not in LIBRARIES:
            self.package = package
        return package == self.package

    def _of_module(self, x: Any, home: str) -> Part:
        if isinstance(x, types.FunctionType) and not self._is_own(package_of(x)):
            return None, None
        return self.part(x)

    def _key(self, x: Any) -> Hashable:
        return None


def bound(f: Callable[..., Any]) -> Opened:
    """Take out the values that a function holds, with all else that it closes over.

    What is made of it again closes over what ``f`` does now, and reads what its module
    now has, whatever is bound to the same names afterwards. Of objects, and of what the
    module has, only those of the package of the first function of a user's are looked
    into, and none of ours but derivatives.
    """
    opening = _Binding()
    build, _ = opening.part(f)
    return Opened(opening.values, None, f, build)


class AsCalled:
    """A function that closes, in later calls, over what it did in the first.

    ``keep`` comes before these first calls, and ``over`` after them.
    """

    def __init__(self, f: Callable[..., Any]) -> None:
        """Call the function itself, for now."""
        self.f = f
        self._kept: Opened | None = None
        self._values: list[Any] = []
        self._serial: int = 0
        self._over: bool = False
        self._made: list[Any] = [None, None]
        """The function that was made last, and of which values."""

    def keep(self) -> None:
        """Keep what the function closes over now, where that has not been done."""
        if self._kept is None:
            self._serial = next_serial()
            self._kept = bound(self.f)
            self._values = list(map(kept_value, self._kept.values))

    def over(self) -> None:
        """Say that all calls from now on are later ones."""
        self._over = True

    @classmethod
    def now(cls, f: Callable[..., Any]) -> AsCalled:
        """Return a function that closes over what it does now, after its first call."""
        made = cls(f)
        made.keep()
        made.over()
        return made

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """Call the function, or a later time the same with the closure that it had."""
        return self.again()(*args, **keywords)

    def again(self) -> Callable[..., Any]:
        """Return the function as it is to be called now."""
        kept = self._kept
        if kept is None or not self._over:
            return self.f
        values = [as_of(x, self._serial) for x in self._values]
        again, *made_of = self._made
        if len(values) != len(made_of) or any(map(operator.is_not, values, made_of)):
            again = kept.filled(values)
            self._made = [again, *values]
        return again


COPIED = 1 << 20
"""Arrays of up to so many bytes are copied; of others it is told if they changed."""


class _Array:
    """An array, and what it holds: a copy, or a checksum of a large one."""

    def __init__(self, x: NDArray[Any]) -> None:
        self.array: Any = x
        self.entries: Any = np.array(x, order="K") if x.nbytes <= COPIED else None
        self.checksum: int = 0 if x.nbytes <= COPIED else _checksum(x)

    def has_changed(self) -> bool:
        """Tell whether the array was written since."""
        x, entries = self.array, self.entries
        if entries is None:
            return _checksum(x) != self.checksum
        return not np.array_equal(x, entries, equal_nan=x.dtype.kind in "fc")

    def get(self) -> Any:
        """Return the array, or its entries if it was written since."""
        x = self.array
        if not self.has_changed():
            return x
        if self.entries is None:
            raise StaleValueError(
                f"An array of shape {x.shape} and {x.dtype}, which a function reads "
                "from outside, was written after a loop, a solver or a checkpoint had "
                "called it, so that it cannot run again. Pass the array as an argument."
            )
        return self.entries


_ARRAYS: weakref.WeakValueDictionary[int, _Array] = weakref.WeakValueDictionary()
"""What is kept of arrays, by their identity: of one that does not change, once."""


def _kept_array(x: NDArray[Any]) -> _Array:
    known = _ARRAYS.get(id(x))
    if known is None or known.array is not x or known.has_changed():
        known = _ARRAYS[id(x)] = _Array(x)
    return known


def _checksum(x: NDArray[Any]) -> int:
    return zlib.crc32(np.ascontiguousarray(x).view(np.uint8).data)


def kept_value(x: Any) -> Any:
    """Return what a value can be had of later, by ``as_of``."""
    x = current(x)
    if isinstance(x, stand_in):
        return x.fixed()
    return _kept_array(x) if isinstance(x, ndarray) and not x.dtype.hasobject else x


def as_of(x: Any, serial: int) -> Any:
    """Return a value as it was at a time, a node in the version that it had."""
    if isinstance(x, node):
        return version(x, serial)
    return x.get() if isinstance(x, _Array) else x


__all__ = ["AsCalled", "as_of", "kept_value"]
