"""Tape loops: the steps of a scan, on the VM or in native code, in one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from chainrule.compiler.programs.program import Program
from chainrule.compiler.programs.signals import InexactError, NanFound
from chainrule.compiler.tape import native_scan, native_tape
from chainrule.compiler.tape.flags import flag_nans, raise_where
from chainrule.compiler.tape.instructions import Code
from chainrule.compiler.tape.interpreter import Interpreted, new_handlers, workspace
from chainrule.compiler.tape.loops import own_places
from chainrule.compiler.tape.lowering import Builder, Places
from chainrule.compiler.tape.outside import refuse_calls
from chainrule.compiler.tape.places import EXACT, constants_of, fill, span, writer_of
from chainrule.compiler.tape.workspaces import Workspace
from chainrule.compiler.tracing.rows import Row


class TapeLoop:
    """A scan's body on the VM or in native code, all steps in one call.

    Called like ``loops.Scan``: with the first carries and the xs, and what the body
    captured. On the VM the workspace holds the body's, then the xs, the results and the
    carries before each step.
    """

    interpretable: ClassVar[bool] = True
    """Whether the VM can run it."""

    def __init__(
        self, program: Program, carried: int, mapped: int, count: int, *, reverse: bool
    ) -> None:
        """Lower the body; raise ``CannotLowerError`` where NumPy would have to run."""
        b = Builder(program)
        self.count = count
        self.reverse = reverse
        inputs = [b.at[x] for x in program.inputs]
        self._starts = inputs[:carried]
        self._mapped = inputs[carried : carried + mapped]
        self._captured = inputs[carried + mapped :]
        self._likes: list[Any] = [_like_of(x) for x in program.outputs]
        self._ends = own_places(b, program)
        self._flag, self._large = b.flag, b.large
        flag_nans(b, program.checks, self._flag)
        for places in b.whole:
            size = b.elementwise("absolute", np.shape(places), places)
            limit = b.constant(EXACT)
            large = b.elementwise("greater_equal", np.shape(places), size, limit)
            raise_where(b, large, self._large)
        self._code: Code = b.code
        self.instructions: int = native_tape.instructions_of(self._code)
        self.optimized: bool = native_tape.is_quick([self._code])
        self._filled, self._constants = b.filled, constants_of(b.filled)
        self._size = self._code_end = b.size
        self.name: str = "tape VM"
        self._steps: Interpreted | None = None
        self._lay_out(b, program)
        self._state: tuple[Any, int, list[Any]] = (self._interpreted, self._size, [])

    def _lay_out(self, b: Builder, program: Program) -> None:
        """Say where the VM finds the xs of all steps, and leaves their results."""
        refuse_calls(b, program)

        def room(places: Places) -> tuple[int, int, slice]:
            start, n = span(places)
            whole = slice(self._size, self._size + n * self.count)
            self._size = whole.stop
            return start, n, whole

        ins: list[list[int]] = []
        outs: list[list[int]] = []
        self._xs: list[slice] = []
        self._stores: list[slice] = []
        for p in self._mapped:
            start, n, whole = room(p)
            self._xs.append(whole)
            ins.append([start, 0, whole.start, n, n])
        carried = len(self._starts)
        for p in [*self._ends[carried:], *self._starts]:
            start, n, whole = room(p)
            self._stores.append(whole)
            outs.append([whole.start, n, start, 0, n])
        moves = [
            [span(p)[0], 0, span(e)[0], 0, span(e)[1]]
            for p, e in zip(self._starts, self._ends, strict=False)
        ]
        self._moves = [
            np.array(t, dtype=np.int64).reshape(-1, 5) for t in (ins, outs, moves)
        ]

    @property
    def new_handlers(self) -> int:
        """How many handlers the VM would have to compile first."""
        return new_handlers(self._code)

    def interpret(self) -> None:
        """Have the VM ready to run the steps."""
        self._steps = Interpreted(self._code)

    def hasten(self) -> None:
        """Have LLVM compile the loop, which the VM interprets until then."""
        carried = len(self._starts)
        steps = native_scan.Steps(
            self._code,
            self.count,
            self.reverse,
            [span(p) for p in self._mapped],
            [
                (span(p)[0], *span(e))
                for p, e in zip(self._starts, self._ends, strict=False)
            ],
            [span(e) for e in self._ends[carried:]],
        )
        read = np.zeros(self._code_end, dtype=bool)
        read[self._flag] = read[self._large] = True
        self._native: Any = native_scan.compiled_steps(steps, read, self._constants)
        self._state = (self._compiled, self._code_end, [])
        self.name = "native code"

    def __call__(
        self,
        leaves: Sequence[Any],
        captured: Sequence[Any],
        stored: Sequence[bool] | None = None,
    ) -> Any:
        """Run the loop.

        ``stored`` says for each carry whether those before all steps are wanted, then
        for each other result whether those of all steps are. In native code the others
        take no memory; what is returned for them is of no use.
        """
        run, size, free = self._state  # at once: another thread may change it
        try:
            held = free.pop()
        except IndexError:
            held = self._made(size)
        work = held.numbers
        if stored is None:
            stored = [True] * len(self._ends)
        try:
            for places, x in zip(self._captured, captured, strict=True):
                work[writer_of(places)] = np.ravel(x) if np.ndim(x) else x
            work[self._flag] = work[self._large] = 0.0
            lasts, stacks = run(held, leaves, stored)
            if work[self._large]:
                raise InexactError
            if work[self._flag]:
                raise NanFound
            n = len(self._starts)
            first = [
                _taken(x, (), like) for x, like in zip(lasts, self._likes, strict=False)
            ]
            wanted = [*stored[n:], *stored[:n]]
            stacked = [*self._likes[n:], *self._likes[:n]]
            rest = [
                _taken(x, (self.count,), like) if want else np.empty(0)
                for x, like, want in zip(stacks, stacked, wanted, strict=True)
            ]
            return (*first, *rest)
        finally:
            free.append(held)

    def _interpreted(
        self, held: Workspace, leaves: Sequence[Any], stored: Sequence[bool]
    ) -> tuple[Any, Any]:
        """Run all steps on the VM; return the last carries, and what steps left."""
        work = held.numbers
        n = len(self._starts)
        for places, x in zip(self._starts, leaves, strict=False):
            work[writer_of(places)] = np.ravel(x) if np.ndim(x) else x
        for part, x in zip(self._xs, leaves[n:], strict=True):
            work[part] = np.ravel(x)
        steps = self._steps = self._steps or Interpreted(self._code)
        steps.scan(held.address, self.count, self._moves, reverse=self.reverse)
        lasts = [np.array(work[p]) for p in self._starts]
        return lasts, [work[part].copy() for part in self._stores]

    def _compiled(
        self, held: Workspace, leaves: Sequence[Any], stored: Sequence[bool]
    ) -> tuple[Any, Any]:
        """Run all steps in native code.

        Step t takes part ``t & mask`` of an array: all parts with mask -1, one and the
        same with 0, and two in turns with 1.
        """
        n, count = len(self._starts), self.count
        masks = np.full(len(leaves) + len(self._ends) - n, -1, dtype=np.int64)
        m = len(leaves) - n
        taken: list[Any] = []
        for i, x in enumerate(leaves[n:]):
            if np.ndim(x):
                taken.append(np.ascontiguousarray(x, dtype=np.float64))
            else:  # the steps do not read it
                taken.append(np.zeros(()))
                masks[i] = 0
        for i, keep in enumerate(stored):
            if not keep:
                masks[m + i] = 1 if i < n else 0
        carried = [
            np.empty((count + 1 if keep else 2, span(p)[1]))
            for p, keep in zip(self._starts, stored, strict=False)
        ]
        results = zip(self._ends[n:], stored[n:], strict=True)
        given = [np.empty((count if keep else 1, span(p)[1])) for p, keep in results]
        first, last = (count, 0) if self.reverse else (0, count)
        parts = masks[m:].tolist()
        for array, x, mask in zip(carried, leaves, parts, strict=False):
            array[first & mask] = np.ravel(x)
        self._run(held, masks, [*taken, *carried, *given])
        lasts = [x[last & mask].copy() for x, mask in zip(carried, parts, strict=False)]
        before = slice(1, None) if self.reverse else slice(count)
        return lasts, [*given, *(x[before] for x in carried)]

    def _run(self, held: Workspace, masks: Any, arrays: Sequence[Any]) -> None:
        """Run all steps on the parts of arrays, those taken, carried and given."""
        self._native(held.address, id(masks), *map(id, arrays))

    def _made(self, size: int) -> Workspace:
        fresh = workspace(size)
        fresh[:] = 0.0
        fill(fresh, self._filled)
        return Workspace(fresh, None)


def _like_of(x: Any) -> Any:
    return x if isinstance(x, Row) else np.asarray(x)


def _taken(found: Any, many: tuple[int, ...], like: Any) -> Any:
    """Return numbers of the workspace in the shape and dtype of a result."""
    shape = like.shape if isinstance(like, Row) else np.shape(like)
    taken = np.reshape(found, (*many, *shape)).astype(like.dtype, copy=False)[()]
    number = like.number if isinstance(like, Row) and not many else None
    return taken if number is None else number(taken)


__all__ = ["TapeLoop"]
