"""Functions as they were when they were called, for sweeps that call them again.

A loop, a branch, a map or a checkpoint runs its function again in a sweep. What the
function reads from outside may be another thing by then: a name was bound anew, as by
the next turn of a ``for``, or an array was written. So its closure is kept.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.errors import StaleValueError
from chainrule.nodes.node_class import node
from chainrule.nodes.recorder import next_serial
from chainrule.transforms.closures import Opened, bound
from chainrule.values.buffered import current
from chainrule.values.shapes import ndarray
from chainrule.values.versions import version
from chainrule.values.vertices import stand_in


class AsCalled:
    """A function that closes, in later calls, over what it did in the first.

    ``keep`` comes before these first calls, and ``over`` after them.
    """

    def __init__(
        self, f: Callable[..., Any], of: Callable[..., Any] | None = None
    ) -> None:
        """Call the function itself, for now; it may call a user's function ``of``."""
        self.f = f
        self._of = of or f
        self._kept: Opened | None = None
        self._values: list[Any] = []
        self._serial: int = 0
        self._over: bool = False

    def keep(self) -> None:
        """Keep what the function closes over now, where that has not been done."""
        if self._kept is None:
            self._serial = next_serial()
            self._kept = bound(self.f, self._of)
            self._values = list(map(kept_value, self._kept.values))

    def over(self) -> None:
        """Say that all calls from now on are later ones."""
        self._over = True

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """Call the function, or a later time the same with the closure that it had."""
        kept = self._kept
        if kept is None or not self._over:
            return self.f(*args, **keywords)
        values = [as_of(x, self._serial) for x in self._values]
        return kept.filled(values)(*args, **keywords)


COPIED = 1 << 20
"""Arrays of up to so many bytes are copied; of others it is told if they changed."""


class _Array:
    """An array, and what it holds: a copy, or a checksum of a large one."""

    def __init__(self, x: Any) -> None:
        self.array = x
        self.entries: Any = np.array(x, order="K") if x.nbytes <= COPIED else None
        self.checksum: int = 0 if x.nbytes <= COPIED else _checksum(x)

    def get(self) -> Any:
        """Return the array, or its entries if it was written since."""
        x, entries = self.array, self.entries
        if entries is not None:
            same = np.array_equal(x, entries, equal_nan=x.dtype.kind in "fc")
            return x if same else entries
        if _checksum(x) != self.checksum:
            raise StaleValueError(
                f"An array of shape {x.shape} and {x.dtype}, which a function reads "
                "from outside, was written after a loop, a branch or a map had called "
                "it, so that it cannot be run again. Pass the array as an argument."
            )
        return x


def _checksum(x: Any) -> int:
    return zlib.crc32(np.ascontiguousarray(x).view(np.uint8).data)


def kept_value(x: Any) -> Any:
    """Return what a value can be had of later, by ``as_of``."""
    x = current(x)
    if isinstance(x, stand_in):
        return x.fixed()
    return _Array(x) if isinstance(x, ndarray) and not x.dtype.hasobject else x


def as_of(x: Any, serial: int) -> Any:
    """Return a value as it was at a time, a node in the version that it had."""
    if isinstance(x, node):
        return version(x, serial)
    return x.get() if isinstance(x, _Array) else x


__all__ = ["AsCalled", "as_of", "kept_value"]
