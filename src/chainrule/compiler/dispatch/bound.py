"""Bound calls: a compiled function with arguments that change in place.

In: the programs for a call's arguments. Out: a ``Bound``, called without arguments. It
looks for no program and makes no arrays: optimisers call one function many times, and
write each step into the same array.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.compiler.dispatch.kept import Kept
from chainrule.compiler.dispatch.specialisation import Specialisation, Specialisations
from chainrule.compiler.tracing.rows import Row
from chainrule.compiler.tracing.writing import layouts_of
from chainrule.values.containers import flatten, unflatten
from chainrule.values.quiet import HARMLESS, current_state, raises_errors
from chainrule.values.shapes import kind_of, ndarray


def seen(x: Any) -> Any:
    """Return an array as another array on its memory, whose shape nobody changes."""
    return x.view() if kind_of(x) is ndarray else x


class Bound:
    """A call of a compiled function: its arguments, and arrays for its results."""

    def __init__(
        self,
        kept: Kept,
        find: Callable[[], Specialisations],
        numbers: Sequence[Any],
        ordinary: Callable[[], Any],
    ) -> None:
        """Keep how to find programs, the leaves they take, and the call by itself."""
        self._programs = kept
        self._find = find
        self._known = find()
        self._numbers = numbers
        self._ordinary = ordinary
        self._kept: list[Any] = []
        """Arrays for the leaves of the result; ``None`` for what is no array."""
        self._path: Specialisation | None = None
        self._source: Any = None
        self._run: Callable[[], Sequence[Any]] = ordinary

    def __call__(self) -> Any:
        """Return the result for what the arguments hold now."""
        paths = self._known.paths
        path = paths[0] if paths else None
        if current_state() not in HARMLESS and raises_errors():
            return self._otherwise()
        if path is None or not (
            (path is self._path and path.choice.call is self._source)
            or self._follows(path)
        ):
            return self._otherwise()
        try:
            results = list(self._run())
        except Exception:  # a guard, a nan, an integer, or the function's own error
            return self._otherwise()
        path.calls += 1
        if path is not self._programs.latest:
            self._programs.used(path, self._known)
        return path.arrange(self._written(results))

    def _follows(self, path: Specialisation) -> bool:
        """Go over to what runs a path now, if it is one for these arguments."""
        if path.layouts is not None and path.layouts != layouts_of(self._numbers):
            return False
        call, run = path.choice.call, path.choice.run
        self._keep(path.program.outputs)
        self._run = functools.partial(call, *self._numbers)
        if call is run:  # it is no longer being timed
            self._run = run.bound(self._numbers, self._kept)
        self._path, self._source = path, call
        return True

    def _keep(self, results: Sequence[Any]) -> None:
        """Have arrays for such leaves; one that fits is the one before."""
        before = dict(enumerate(self._kept))
        self._kept = []
        for i, x in enumerate(results):
            array = before.get(i)
            if not (isinstance(x, (Row, ndarray)) and x.shape):
                array = None
            elif array is None or (array.shape, array.dtype) != (x.shape, x.dtype):
                array = np.empty(x.shape, x.dtype)
                self._source = None  # what was bound has the one before
            self._kept.append(array)

    def _otherwise(self) -> Any:
        """Return the result of an ordinary call."""
        results, structure = flatten(self._ordinary())
        self._known = self._find()  # those of before may have been dropped
        self._keep(results)
        return unflatten(structure, self._written(results))

    def _written(self, results: list[Any]) -> list[Any]:
        """Return leaves of a result, arrays among them in those that are kept."""
        for i, array in enumerate(self._kept):
            if array is not None and array is not results[i]:
                array[...] = results[i]
                results[i] = array
        return results


__all__ = ["Bound", "seen"]
