"""Workspaces: the numbers of one call of a tape, and the function that runs it there.

In: what a tape reads and writes. Out: a ``Workspace`` for each call at a time, whose
``run`` is called with the leaves of the arguments. It is generated text, since small
programs take no longer than it would take to loop over their arguments and results.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.compiler.native.c_library import free_all
from chainrule.compiler.native.calls import Changing
from chainrule.compiler.programs.signals import GuardFailed, InexactError, NanFound
from chainrule.compiler.tape.held import FLOAT, RESULT, SINGLE, Held
from chainrule.compiler.tape.interpreter import workspace
from chainrule.compiler.tape.lowering import Places
from chainrule.compiler.tape.places import EXACT, is_one_piece, span
from chainrule.compiler.tracing.rows import Guard, Row
from chainrule.steps.text import compile_text
from chainrule.values.shapes import ndarray
from chainrule.values.types import Shape

Step = Callable[[], Any]


class Workspace:
    """The numbers of one call, and the steps of a tape on them."""

    def __init__(
        self,
        fresh: Any,
        whole: Any,
        columns: Sequence[int] = (),
        held: Mapping[Held, Any] | None = None,
    ) -> None:
        """Copy the constants.

        ``whole`` are the places of integers, ``columns`` those of addresses of memory
        that is freed when this is. ``held`` are the large arrays: each is an array, or
        changes from call to call.
        """
        self.held: Mapping[Held, Any] = held or {}
        self.changing: list[tuple[Held, Changing]] = [
            (h, x) for h, x in self.held.items() if isinstance(x, Changing)
        ]
        self._returned = [(h, x) for h, x in self.changing if h.role == RESULT]
        self.opens: bool = bool(self._returned)
        """Whether results are returned as they are."""
        self.released: dict[int, list[Changing]] = {}
        """What NumPy has made and nobody reads after a part, by that."""
        self.numbers: Any = workspace(len(fresh))
        self.numbers[:] = fresh
        self.whole: Any = whole
        self.address: int = self.numbers.ctypes.data
        self.steps: list[Step] = []
        self.alive: Any = None
        """What lives as long as this."""
        if columns:
            words = self.numbers.view(np.int64)
            weakref.finalize(self, free_all, words, columns)
        self.guards: list[tuple[Guard, Step]] = []
        self.run: Callable[..., tuple[Any, ...]]
        """Run the tape: takes the leaves of the arguments, returns the results'."""

    def view(self, places: Places, shape: tuple[int, ...]) -> Any:
        """Return contiguous places as an array, which is no copy."""
        start, n = span(places)
        return self.numbers[start : start + n].reshape(shape)

    def array(self, at: Any, shape: tuple[int, ...]) -> Any:
        """Return what has a value: an array, or a large one that changes."""
        return self.held[at] if isinstance(at, Held) else self.view(at, shape)

    def parts(self, at: list[Places], shape: Shape) -> list[Any]:
        """Return both parts of a complex array."""
        return [self.view(places, shape) for places in at]

    def open(self) -> None:
        """Have new arrays for the results that are returned as they are."""
        for h, x in self._returned:
            x.hold(np.empty(h.shape, h.dtype))

    def close(self) -> None:
        """Let arguments and results go."""
        for _, x in self.changing:
            x.release()

    def rehearse(self) -> None:
        """Hold arrays for arguments and results, so that steps can be timed.

        They are of ones; integers are 0, which is a place in any array.
        """
        for h, x in self.changing:
            x.hold(np.ones(h.shape) if h.dtype is FLOAT else np.zeros(h.shape, h.dtype))

    def poison(self) -> None:
        """Fill all numbers with nan."""
        for x in (self.numbers, *self.held.values()):
            if not isinstance(x, Changing):
                x.fill(np.nan)

    def held_reader(self, h: Held, x: Row, *, copied: bool) -> Step:
        """Return the function that reads a large array as a row has it."""
        memory, shape, dtype = self.held[h], x.shape, x.dtype
        changes = isinstance(memory, Changing)
        read: Step = memory.get if changes else lambda: memory
        if dtype != h.dtype:
            return lambda: read().reshape(shape).astype(dtype)
        if copied:
            return lambda: read().reshape(shape).copy()
        return read if shape == h.shape else lambda: read().reshape(shape)

    def go(self) -> None:
        """Run the steps."""
        try:
            for step in self.steps:
                step()
        except InexactError:
            raise
        except Exception:
            self.hold()  # an error on a path that this call does not take
            raise

    def hold(self) -> None:
        """Raise ``GuardFailed`` where a decision is another one."""
        for guard, read in self.guards:
            if not guard.holds(read()):
                raise GuardFailed

    def refuse_large(self) -> None:
        """Raise ``InexactError`` where an integer is too large for a float."""
        if np.any(abs(self.numbers[self.whole]) >= EXACT):
            raise InexactError

    def reader(self, x: Any, places: Any, *, copied: bool = True) -> Step:
        """Return the function that reads a value in its own class.

        What is not ``copied`` may be an array that the next call overwrites.
        """
        if not isinstance(x, Row):
            return x.copy if isinstance(x, ndarray) else lambda: x
        if isinstance(places, Held):
            return self.held_reader(places, x, copied=copied)
        if isinstance(places, list):
            return self._complex_reader(x, *places)
        numbers, dtype, number = self.numbers, x.dtype, x.number
        if x.shape == ():
            place = int(places)
            if number is float:
                return functools.partial(numbers.item, place)
            if number is not None:
                return lambda: number(numbers[place])
            if dtype == np.float64:
                return functools.partial(numbers.__getitem__, place)
            if dtype == SINGLE:
                return lambda: np.float32(numbers.item(place))
            return lambda: numbers[place].astype(dtype)
        if is_one_piece(places):
            view = self.view(places, x.shape)
            if dtype != np.float64:
                return functools.partial(view.astype, dtype)
            return view.copy if copied else lambda: view
        if dtype == np.float64:
            return lambda: numbers[places]
        return lambda: numbers[places].astype(dtype)

    def _complex_reader(self, x: Row, re: Places, im: Places) -> Step:
        """Return the function that reads a complex value."""
        numbers, shape, dtype = self.numbers, x.shape, x.dtype
        if shape == ():
            one, other, number = int(re), int(im), x.number or np.complex128
            item = numbers.item
            return lambda: number(complex(item(one), item(other)))
        views = [self.view(p, shape) if is_one_piece(p) else None for p in (re, im)]
        first, second = views

        def read() -> Any:
            z = np.empty(shape, dtype)
            z.real = numbers[re] if first is None else first
            z.imag = numbers[im] if second is None else second
            return z

        return read


def inexact(x: int) -> float:
    """Return an integer as a float, which a tape finds to be too large if it is."""
    try:
        return float(x)
    except OverflowError:
        raise InexactError from None


def run_maker(
    label: str, inputs: Sequence[tuple[Row, Any]], results: int, *checks: str
) -> Callable[[Workspace, list[Any], list[Step]], Any]:
    """Return what makes the ``run`` of a workspace.

    It takes the workspace, what has those arguments that are arrays, and the functions
    that read the results. ``checks`` are the lines that look at ``work`` when the steps
    are done.
    """
    arrays = [f"i{i}" for i, (x, _) in enumerate(inputs) if x.shape]
    reads = [f"o{i}" for i in range(results)]
    lines = [
        "def make(work, arrays, reads):",
        f"    [{', '.join(arrays)}] = arrays",
        f"    [{', '.join(reads)}] = reads",
        "    numbers, go = work.numbers, work.go",
        "    if len(work.steps) == 1 and not work.guards: go, = work.steps",
        "    open, opens = work.open, work.opens",
        f"    def run({', '.join(f'x{i}' for i in range(len(inputs)))}):",
    ]
    for i, (x, places) in enumerate(inputs):
        if isinstance(places, Held):
            cast = "" if x.dtype == places.dtype else ".astype(int)"
            lines.append(f"        i{i}.take(x{i}{cast})")
            continue
        if isinstance(places, list):
            for k, part in enumerate(("real", "imag")):
                to = f"i{i}[{k}][...]" if x.shape else f"numbers[{places[k]}]"
                lines.append(f"        {to} = x{i}.{part}")
            continue
        to = f"i{i}[...]" if x.shape else f"numbers[{places}]"
        value = f"inexact(x{i})" if x.number is int else f"x{i}"
        lines.append(f"        {to} = {value}")
    lines += [f"        {line}" for line in ("if opens: open()", "go()", *checks)]
    lines.append(f"        return ({''.join(f'{o}(), ' for o in reads)})")
    text = "\n".join([*lines, "    return run"]) + "\n"
    space = {"inexact": inexact, "NanFound": NanFound, "InexactError": InexactError}
    return compile_text(text, "make", label, space)


__all__ = ["Step", "Workspace", "inexact", "run_maker"]
