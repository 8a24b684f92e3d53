"""Scans of large arrays: all steps in one call of machine code.

In: a body of which some rows are loops over large arrays (``native.fusion``). Out: an
``ArrayScan``, called like a ``TapeLoop``. A step copies the entries of the xs and the
carries into a workspace, makes the calls of the body, and copies what it hands on.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from chainrule.compiler.native.calls import Calls, write_calls
from chainrule.compiler.native.fusion import fused
from chainrule.compiler.native.llvm import Functions
from chainrule.compiler.native.meanings import check_kind
from chainrule.compiler.native.text import Unit
from chainrule.compiler.native.writer import Writer
from chainrule.compiler.programs.program import Program
from chainrule.compiler.tape.lowering import Builder
from chainrule.compiler.tape.outside import (
    compiled_parts,
    refuse_calls,
    steps_on,
)
from chainrule.compiler.tape.places import span
from chainrule.compiler.tape.scan_tape import TapeLoop
from chainrule.compiler.tape.workspaces import Workspace


class ArrayScan(TapeLoop):
    """A scan's body as calls of machine code, all steps in one call."""

    interpretable: ClassVar[bool] = False

    def __init__(
        self, program: Program, carried: int, mapped: int, count: int, *, reverse: bool
    ) -> None:
        """Fuse and lower the body; raise ``CannotLowerError`` if NumPy has to run."""
        for x in (*program.inputs, *program.rows):
            check_kind(x)
        self.program: Program = fused(program, floats=True, top=False) or program
        super().__init__(self.program, carried, mapped, count, reverse=reverse)

    def _lay_out(self, b: Builder, program: Program) -> None:
        """Keep what is called; steps leave nothing in the workspace."""
        refuse_calls(b, program, native=True)
        self._parts = b.parts()

    def hasten(self) -> None:
        """Have LLVM compile what is between the loops, and the loop over steps."""
        read = np.zeros(self._code_end, dtype=bool)
        for places in (self._flag, self._large, *self._ends):
            read[places] = True
        flushes = self.program.flushes
        self._ready = compiled_parts(
            self._parts, read, self._constants, flushes=flushes
        )
        self._native: Any = _driver()
        size = self._code_end
        self._state = (self._compiled, size, [self._made(size)])
        self.name = "native code"

    def _made(self, size: int) -> Workspace:
        """Return a workspace, and the table of calls on it."""
        work = super()._made(size)
        calls: list[Any] = steps_on(self._ready, work)
        work.steps = [Calls(calls)]
        return work

    def _run(self, held: Workspace, masks: Any, arrays: Sequence[Any]) -> None:
        """Run all steps: copy parts of arrays in, make the calls, copy others out."""
        size, n, m = held.numbers.itemsize, len(self._mapped), len(self._starts)

        def copy(places: Any, i: int, later: int) -> tuple[int, ...]:
            start, length = span(places)
            at, part = held.address + start * size, arrays[i].ctypes.data
            return at, part, length * size, later, int(masks[i])

        read = [i for i in range(n) if arrays[i].ndim > 0]
        ins = [copy(self._mapped[i], i, 0) for i in read]
        ins += [copy(p, n + i, int(self.reverse)) for i, p in enumerate(self._starts)]
        outs = [
            copy(p, n + i, int(i < m and not self.reverse))
            for i, p in enumerate(self._ends)
        ]
        tables = [np.array(t, dtype=np.int64).reshape(-1, 5) for t in (ins, outs)]
        calls: Any = held.steps[0]
        sizes = [x for t in tables for x in (t.ctypes.data, len(t))]
        self._native(*calls.table, self.count, self.reverse, *sizes)


@functools.cache
def _driver() -> Any:
    """Compile the loop over steps: it copies in, makes calls, and copies out.

    A copy is five integers: an address in the workspace, that of an array, the bytes of
    one of its parts, and how the part of step t is named: ``(t + later) & mask``.
    """
    unit = Unit()
    unit.external.add("declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)")
    names = ["ptr %calls", "i64 %many", "i64 %count", "i64 %reverse"]
    names += ["ptr %ins", "i64 %taken", "ptr %outs", "i64 %given"]
    writer = Writer(unit, names)
    back = writer.add("icmp ne i64 %reverse, 0")
    end = writer.add("sub i64 %count, 1")
    with writer.loop("%count", certain=False) as steps:
        late = writer.add(f"sub i64 {end}, {steps.i}")
        t = writer.add(f"select i1 {back}, i64 {late}, i64 {steps.i}")
        _write_copies(writer, "%ins", "%taken", t, into=True)
        write_calls(writer, "%calls", "%many")
        _write_copies(writer, "%outs", "%given", t, into=False)
    writer.finish("steps")
    return Functions(unit, 2).function("steps", 8)


def _write_copies(
    writer: Writer, table: str, count: str, t: str, *, into: bool
) -> None:
    """Write the copies of a table in step t: into the workspace, or out of it."""
    with writer.loop(count, certain=False) as copies:
        at = writer.at(table, copies.i, 40)
        inside, array = (
            writer.add(f"load ptr, ptr {writer.at(at, i, 8)}") for i in range(2)
        )
        size, later, mask = (
            writer.add(f"load i64, ptr {writer.at(at, i, 8)}") for i in range(2, 5)
        )
        part = writer.add(f"and i64 {writer.add(f'add i64 {t}, {later}')}, {mask}")
        moved = writer.add(f"mul i64 {part}, {size}")
        outside = writer.add(f"getelementptr i8, ptr {array}, i64 {moved}")
        to, source = (inside, outside) if into else (outside, inside)
        given = f"ptr {to}, ptr {source}, i64 {size}, i1 false"
        writer.do(f"call void @llvm.memcpy.p0.p0.i64({given})")


__all__ = ["ArrayScan"]
