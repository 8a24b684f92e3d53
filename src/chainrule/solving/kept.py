"""What is compiled for solvers, and kept from one solve of a function to the next."""

from __future__ import annotations

import collections
import math
import time
from collections.abc import Callable, Hashable
from typing import Any

from chainrule.compiler.api import compile as compiled

KEPT = 64
"""For so many functions what is compiled is kept."""
LATER = 20e-3
"""Seconds that a function may take uncompiled: about what compiling takes."""
_kept: collections.OrderedDict[Hashable, dict[str, Any]] = collections.OrderedDict()


def known_for(key: Hashable | None) -> dict[str, Any]:
    """Return what is known of the functions under a key, by name; to be added to."""
    if key is None:
        return {}
    found = _kept.pop(key, None)
    _kept[key] = known = {} if found is None else found
    while len(_kept) > KEPT:
        _kept.popitem(last=False)
    return known


class Warmed:
    """A function of plain values, compiled when it has taken as long as that takes.

    What cannot be compiled, or takes too many paths, is called as it is.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        make: Callable[[Callable[..., Any]], Callable[..., Any]] | None = None,
    ) -> None:
        """Take the function, and what compiles it, if not all; nothing is yet."""
        self._f = f
        self._make = make
        self._left: float | None = None
        self._fast: Callable[..., Any] | None = None

    def __call__(self, *args: Any) -> Any:
        """Call it, compiled or not."""
        if self._fast is not None:
            try:
                return self._fast(*args)
            except Exception:  # float(x), or SciPy's code that wants plain numbers
                self._fast, self._left = None, math.inf  # its own errors come again
        begin = time.perf_counter()
        found = self._f(*args)
        if self._left is None:  # a first call may make more than its result
            self._left = LATER
            return found
        self._left -= time.perf_counter() - begin
        if self._left < 0:
            self._fast = (self._make or compiled)(self._f)
        return found


__all__ = ["Warmed", "known_for"]
