"""The tape VM: an interpreter of a tape's instructions, in machine code.

The interpreter is written in the language of LLVM from the expressions of the
operations, with the IEEE meaning of each: no contraction, no reassociation, 1/0 is inf,
no exception. Instructions on one number are run by a switch, but for the commonest
operations: these are all computed and the wanted one is picked, because a jump that the
processor cannot foresee costs more than the other results. Any other instruction is run
by the handler of its kind (:mod:`chainrule.compiler.tape.handlers`), whose address
takes the place of the operation before a tape runs.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.compiler.native import llvm
from chainrule.compiler.native.expressions import is_scalar
from chainrule.compiler.native.operations import (
    BUILT_IN,
    COMMON,
    ELEMENTWISE,
    NAMES,
    OPCODES,
    operands_of,
)
from chainrule.compiler.native.text import WIDTH, Unit
from chainrule.compiler.tape.handlers import (
    ANY,
    STEPS,
    Handler,
    InstructionWriter,
    Kind,
)
from chainrule.compiler.tape.instructions import LAYOUT, Code
from chainrule.locks import lock

Array = np.ndarray[Any, Any]


def loaded() -> bool:
    """Tell whether this process has compiled the interpreter."""
    return _machine.cache_info().currsize > 0


def workspace(size: int) -> Array:
    """Return ``size`` float64, not initialised, on a boundary of 64 bytes.

    Long arrays run 1.4 to 1.7 times faster where their places are multiples of 8 in
    such a workspace: no vector then straddles two lines of the cache.
    """
    room = np.empty(size + 7)
    skip = -(room.ctypes.data // 8) % 8
    return room[skip : skip + size]


class Interpreted:
    """A tape that the interpreter can run."""

    def __init__(self, code: Code) -> None:
        """Compile the handlers that it needs and this process has not."""
        self._run, self._scan = _machine()
        self._code = _with_handlers(code.table)
        start = self._code.ctypes.data
        self._where: tuple[int, int] = start, start + self._code.nbytes

    def bound(self, address: int) -> list[Callable[[], None]]:
        """Return the step that runs all once on the workspace at an address."""
        given = map(ctypes.c_ssize_t, (*self._where, address))  # costs nothing in calls
        step: Any = functools.partial(self._run, *given)
        step.code = self._code  # lives as long as the step
        return [step]

    def scan(
        self, address: int, count: int, moves: Sequence[Array], *, reverse: bool
    ) -> None:
        """Run the instructions ``count`` times on the workspace at an address.

        Parameters
        ----------
        address
            Of the workspace.
        count, reverse
            Steps t = 0 to ``count - 1``, or from the last to the first.
        moves
            Three tables of copies, (target, its step, source, its step, n): in step t n
            numbers go from ``source + t*step`` to ``target + t*step``. Those of the
            first are done before the instructions, then come those of the others; no
            source overlaps a target. They are int64, C-contiguous, of shape (copies,
            5).
        """
        tables = [x for t in moves for x in (t.ctypes.data, len(t))]
        self._scan(*self._where, address, count, reverse, *tables)


def run(code: Code, work: Array) -> None:
    """Run all instructions of a tape once over a workspace, in place."""
    for step in Interpreted(code).bound(work.ctypes.data):
        step()


# ---------------------------------------------------------------------------- handlers

_HANDLERS: dict[Kind, int] = {}
_KEPT: list[llvm.Functions] = []
_MAKING = lock()


def _addresses(kinds: Sequence[Kind]) -> list[int]:
    """Return the addresses of handlers; compile those that are missing."""
    with _MAKING:
        missing = [kind for kind in kinds if kind not in _HANDLERS]
        if missing:
            unit = Unit()
            for i, kind in enumerate(missing):
                Handler(unit, kind).write(f"handler{i}")
            code = llvm.Functions(unit, 2)
            _KEPT.append(code)
            for i, kind in enumerate(missing):
                _HANDLERS[kind] = code.address(f"handler{i}")
    return [_HANDLERS[kind] for kind in kinds]


def new_handlers(code: Code) -> int:
    """Return how many handlers a tape needs that are not there."""
    return sum(kind not in _HANDLERS for kind in _kinds(code.table)[0])


def _with_handlers(table: Array) -> Array:
    """Return instructions of which those on many numbers name their handlers."""
    kinds, others, which = _kinds(table)
    if not kinds:
        return table
    found = table.copy()
    found["operation"][others] = np.array(_addresses(kinds))[which]
    return found


_ABSENT = 3


def _kinds(table: Array) -> tuple[list[Kind], Array, Array]:
    """Return the kinds of instructions, which have one, and which of them it is."""
    op, count = table["operation"], table["length"]
    others = np.flatnonzero((count != 1) | ~_IN_SWITCH[np.minimum(op, BUILT_IN)])
    op = op[others]
    if not op.size:
        return [], others, op
    names, at = np.unique(op, return_inverse=True)
    about = zip(*map(_of_operation, names.tolist()), strict=True)
    read, counted = (np.array(x)[at] for x in about)
    shape = (len(NAMES), 4, 4, 4, WIDTH)
    steps = np.stack([table[name][others] for name in ("dx", "dy", "dw")], axis=1)
    steps = np.where((steps == 0) | (steps == 1), steps, ANY)
    steps = np.where(read, steps, _ABSENT)
    rest = np.where(counted, count[others] % WIDTH, 0)
    numbers = np.ravel_multi_index((op, *steps.T, rest), shape)
    kinds, which = np.unique(numbers, return_inverse=True)
    named = [
        Kind(NAMES[op], tuple(x for x in steps if x != _ABSENT), rest)
        for op, *steps, rest in np.stack(np.unravel_index(kinds, shape), 1).tolist()
    ]
    return named, others, which


@functools.cache
def _of_operation(op: int) -> tuple[list[bool], bool]:
    """Return, of an opcode: which steps, and whether the count, belong to the kind."""
    name = NAMES[op]
    if name == "matmul":
        return [False, True, True], False
    is_vector = not is_scalar(name)
    read = [is_vector and x in operands_of(name) for x in "abc"]
    return read, is_vector and name in ELEMENTWISE


_IN_SWITCH = np.array([*(x in ELEMENTWISE for x in NAMES[:BUILT_IN]), False])
"""By opcode: whether instructions on one number are run by the switch."""


# ---------------------------------------------------------------------- machine code


@functools.cache
def _machine() -> tuple[Any, Any]:
    """Return the compiled ``run`` and ``scan``."""
    unit = Unit()
    _Switch(unit, ["ptr %code", "ptr %last", "ptr %work"]).write()
    _write_copies(
        InstructionWriter(
            unit, ["ptr %instruction", "i64 %count", "i64 %t", "ptr %work"]
        )
    )
    scan = ["ptr %code", "ptr %last", "ptr %work", "i64 %count", "i64 %reverse"]
    for i in range(3):
        scan += [f"ptr %moves{i}", f"i64 %many{i}"]
    _write_scan(InstructionWriter(unit, scan))
    code = llvm.Functions(unit, 2)
    return code.function("run", 3), code.function("scan", 11)


class _Switch(InstructionWriter):
    """Writes the loop over instructions."""

    def write(self) -> None:
        """Write it."""
        self.do(f"%box = alloca [{len(COMMON)} x double]")
        self.do("%some = icmp ult ptr %code, %last")
        self.do("br i1 %some, label %instruction_, label %end")
        self.begin("instruction_")
        self.do("%instruction = phi ptr [ %code, %start ], [ %after, %next ]")
        op = self.field("operation")
        common = self.add(f"icmp ult i64 {op}, {len(COMMON)}")
        self.do(f"br i1 {common}, label %common, label %other")
        self._common(op)
        self.begin("other")
        others = [x for x in NAMES[len(COMMON) : BUILT_IN] if x in ELEMENTWISE]
        cases = " ".join(f"i64 {OPCODES[x]}, label %one_{x}" for x in others)
        self.do(f"switch i64 {op}, label %many [ {cases} ]")
        for name in others:
            self.begin(f"one_{name}")
            numbers = [self._number(STEPS[x][0]) for x in operands_of(name)]
            self._put(self.operation(name, 1, *numbers))
        self.begin("many")
        handler = self.add(f"inttoptr i64 {op} to ptr")
        self.do(f"call void {handler}(ptr %instruction, ptr %work)")
        self.do("br label %next")
        self.begin("next")
        self.do(f"%after = getelementptr i8, ptr %instruction, i64 {LAYOUT.itemsize}")
        more = self.add("icmp ult ptr %after, %last")
        self.do(f"br i1 {more}, label %instruction_, label %end")
        self.begin("end")
        self.finish("run")

    def _common(self, op: str) -> None:
        """Write the commonest operations, all at once."""
        self.begin("common")
        a, b = self._number("x"), self._number("y")
        for name in COMMON:
            operands = (a, b)[: len(operands_of(name))]
            at = self.moved("%box", OPCODES[name])
            self.store(self.operation(name, 1, *operands), at)
        self._put(self.load(self.moved("%box", op)))

    def _number(self, field: str) -> str:
        return self.load(self.place(self.field(field)))

    def _put(self, x: str) -> None:
        self.store(x, self.place(self.field("target")))
        self.do("br label %next")


def _write_copies(writer: InstructionWriter) -> None:
    """Write the function that does the copies of a table in step t."""
    with writer.loop("%count", certain=False) as copies:
        at = writer.at("%instruction", copies.i, 40)
        to, ahead, source, behind, n = (
            writer.add(f"load i64, ptr {writer.at(at, i, 8)}") for i in range(5)
        )
        to = writer.place(writer.stepped(to, "%t", ahead))
        source = writer.place(writer.stepped(source, "%t", behind))
        whole = writer.add(f"and i64 {n}, {-WIDTH}")
        for start, stop, width in ((0, whole, WIDTH), (whole, n, 1)):
            with writer.loop(stop, width, start=start, certain=False) as loop:
                x = writer.load(writer.moved(source, loop.i), width)
                writer.store(x, writer.moved(to, loop.i), width)
    writer.finish("copies")


def _write_scan(writer: InstructionWriter) -> None:
    """Write the loop over steps."""
    back = writer.add("icmp ne i64 %reverse, 0")
    end = writer.add("sub i64 %count, 1")
    with writer.loop("%count", certain=False) as steps:
        late = writer.add(f"sub i64 {end}, {steps.i}")
        t = writer.add(f"select i1 {back}, i64 {late}, i64 {steps.i}")
        for i in range(3):
            given = f"ptr %moves{i}, i64 %many{i}, i64 {t}, ptr %work"
            writer.do(f"call void @copies({given})")
            if i == 0:
                writer.do("call void @run(ptr %code, ptr %last, ptr %work)")
    writer.finish("scan")


__all__ = ["Interpreted", "loaded", "new_handlers", "run", "workspace"]
