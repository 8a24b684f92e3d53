"""Replay: run a program with NumPy, from generated text and preallocated buffers.

In: a ``Program``. Out: a ``Replay``, called with the leaves of the arguments. It needs
nothing but NumPy and runs every operation of the library.

The text has one line per row. Scalars are Python floats in ``math``'s arithmetic, about
four times faster than NumPy's scalars; where that raises (a pole, an overflow) the
program runs again by a second text, all in NumPy. Elementwise results of large arrays
are written into buffers, which liveness assigns: a buffer is free again after the last
row that may look at it. Views (a reshape, a slice) keep the buffer of what they show.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.compiler.executors.buffers import Assigned, assign_buffers
from chainrule.compiler.executors.replay_text import compile_program, scalar_form
from chainrule.compiler.programs.program import Program
from chainrule.compiler.tracing.plain_operators import UFUNCS, is_of_whole
from chainrule.compiler.tracing.rows import Row
from chainrule.values.quiet import quietly
from chainrule.values.vertices import ARITHMETIC_ERRORS


class Replay:
    """A program as a function of its inputs' values.

    Threads may call it at once: each call takes a set of buffers, and makes one if none
    is free.
    """

    name = "numpy"

    def __init__(self, program: Program, *, results: bool = False) -> None:
        """Do nothing yet: buffers and text are made when they are first needed.

        With ``results``, these are in buffers too: the next call overwrites them.
        """
        self.program = program
        self._results = results
        self._free: list[tuple[Any, ...]] = []
        self._quick: Callable[..., Any] | None = None
        self._floats: Callable[..., Any] | None = None
        """The quick text without buffers, of a program of Python's floats alone."""
        self._careful: Callable[..., Any] | None = None

    @functools.cached_property
    def buffers(self) -> Assigned:
        """The number of each buffered row's buffer, and what the buffers are like."""
        return assign_buffers(self.program, results=self._results)

    def _is_scalar(self) -> bool:
        """Whether all of it is arithmetic of Python floats."""
        program = self.program
        return all(x.number in (float, int) for x in program.inputs) and all(
            x.function is float
            or scalar_form(x) is not None
            or (x.function in UFUNCS and is_of_whole(x))
            for x in program.rows
        )

    @property
    def workspace(self) -> int:
        """The bytes of one set of buffers."""
        return sum(self.buffers.sizes)

    def __call__(self, *leaves: Any) -> Any:
        """Run the program; raise ``GuardFailed`` or ``NanFound`` where it is wrong."""
        run = self._quick or self._written()
        if self._floats is not None:
            try:
                return self._floats(*leaves)
            except ARITHMETIC_ERRORS:
                return self._run_carefully((), leaves)
        try:
            held = self._free.pop()
        except IndexError:
            held = self._made()
        try:
            return quietly(run, held, *leaves)
        except ARITHMETIC_ERRORS:
            return self._run_carefully(held, leaves)
        finally:
            self._free.append(held)

    def _written(self) -> Callable[..., Any]:
        """Return the quick text as a function."""
        run = compile_program(self.program, self.buffers.numbers, quick=True)
        self._floats = functools.partial(run, ()) if self._is_scalar() else None
        self._quick = run
        return run

    def ready(self) -> Replay:
        """Return it, with all made that the first call needs."""
        for row in self.program.rows:
            f: Any = row.function
            if hasattr(f, "pending"):  # it is native code
                _ = f.code, getattr(f, "call", None)
        self._written()
        self._free.append(self._made())
        return self

    def hasten(self) -> None:
        """Have all made that the first call needs, as a tape has."""
        self.ready()

    def _made(self) -> tuple[Any, ...]:
        """Return new buffers."""
        return self.buffers.made()

    def _run_carefully(self, held: Any, leaves: Sequence[Any]) -> Any:
        run = self._careful
        if run is None:
            run = compile_program(self.program, self.buffers.numbers, quick=False)
            self._careful = run
        return quietly(run, held, *leaves)

    def bound(self, leaves: Sequence[Any], arrays: Sequence[Any]) -> Any:
        """Return a call with these leaves, which reads them anew each time.

        Large results go into ``arrays``, those for the results; ``None`` is for none.
        """
        run = Replay(self.program, results=True)
        numbers, held = run.buffers.numbers, list(run._made())
        for x, array in zip(self.program.outputs, arrays, strict=True):
            if isinstance(x, Row) and x in numbers:
                held[numbers[x]] = array
        run._free.append(tuple(held))
        return functools.partial(run, *leaves)

    def shares(self) -> dict[str, float]:
        """Return nothing: all rows are NumPy's."""
        return {}

    def poison(self) -> None:
        """Fill the free buffers with nan, so that an unwritten read shows."""
        for held in self._free:
            for buffer in held:
                buffer.fill(np.nan if buffer.dtype.kind in "fc" else 1)
