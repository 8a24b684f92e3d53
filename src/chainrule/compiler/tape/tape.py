"""Tapes: a program on the VM or in native code.

In: a ``Program`` of real numbers, lowered (``lowering``). Out: a ``Tape``, called with
the leaves of the arguments like a ``Replay``. Between two stretches of tape it calls
what the tape has no form for: loops over large arrays and products of matrices, which
are native code of their own and read and write the workspace in place, and NumPy's
functions.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.compiler.native.calls import joined
from chainrule.compiler.native.in_parts import is_pair
from chainrule.compiler.native.meanings import CannotLowerError
from chainrule.compiler.native.operations import OPCODES
from chainrule.compiler.programs.program import Program
from chainrule.compiler.tape import native_tape
from chainrule.compiler.tape.flags import flag_nans
from chainrule.compiler.tape.held import (
    ARGUMENT,
    HELD,
    SINGLE,
    WHOLE,
    Held,
    Memory,
    place_of,
)
from chainrule.compiler.tape.instructions import Code
from chainrule.compiler.tape.interpreter import Interpreted, new_handlers, workspace
from chainrule.compiler.tape.lowering import Builder, Places
from chainrule.compiler.tape.outside import (
    bind_slots,
    compiled_parts,
    steps_on,
    with_stretches,
)
from chainrule.compiler.tape.parts import Outside, Part, Region, codes_in
from chainrule.compiler.tape.places import constants_of, fill
from chainrule.compiler.tape.regions import may_not_end
from chainrule.compiler.tape.turned import turn_in_products
from chainrule.compiler.tape.workspaces import Step, Workspace, run_maker
from chainrule.compiler.tracing.rows import Row

TIMES = 5
"""How often the steps of a tape are timed for their shares."""


class Tape:
    """A program on the VM or in native code, as a function of its inputs' values."""

    program: Program

    def __init__(self, program: Program, *, regions: bool = True) -> None:
        """Lower the program; raise ``CannotLowerError`` if it holds no real numbers.

        Without ``regions`` it may hold no loops and branches, which the VM cannot run.
        """
        self.program = program = turn_in_products(program)
        self.name: str = "tape VM"
        self._ready: list[Any] | None = None
        """The stretches of tape and calls in between, as they run."""
        b = Builder(program, hold=True)
        self._flag, self._large = _flags_of(b, program.checks)
        self._parts: list[Part] = _with_flags(b.parts(), self._flag, self._large)
        inner = [x for x in self._parts if isinstance(x, Region)]
        if inner and not regions:
            raise CannotLowerError(f"{inner[0].name} is no part of a tape")
        if program.guards and any(map(may_not_end, inner)):
            raise CannotLowerError("decisions before a loop")
        self.interpretable: bool = not inner
        """Whether the VM can run it."""
        self._slots, self._columns = b.slots, b.columns
        stretches = list(codes_in(self._parts))
        self.instructions: int = sum(map(native_tape.instructions_of, stretches))
        """About how many there are to compile in native code."""
        self.optimized: bool = native_tape.is_quick(stretches)
        """Whether LLVM takes its time over them."""
        self._guards = [(g, b.places(g.row)) for g in program.guards]
        self._lay_out(b)
        self._fresh = workspace(b.size)
        self._fresh[:] = 0.0
        self._filled = b.filled
        fill(self._fresh, b.filled)
        self._constants = constants_of(b.filled)
        self._free: list[Workspace] = []
        self._whole: Any = None
        if b.whole:
            self._whole = np.unique(np.concatenate(list(map(np.ravel, b.whole))))
        ends: list[Any] = [p for _, p in self._guards]
        for _, p, _ in self._outputs:
            ends += p if isinstance(p, list) else [p]
        self._ends: list[Places] = [
            p for p in ends if p is not None and not isinstance(p, Held)
        ]
        self._ends += b.whole
        self._ends += [x for x in (self._flag, self._large) if x is not None]

    def _lay_out(self, b: Builder) -> None:
        """Find where inputs and outputs are, and memory for large arrays.

        An output is its row, its place, and whether it has to be copied.
        """
        program = self.program
        self._inputs: list[Any] = [(x, place_of(b.at[x])) for x in program.inputs]
        self._outputs: list[Any] = []
        returned: list[Held] = []
        for x in program.outputs:
            at: Any = place_of(b.at[x]) if isinstance(x, Row) else None
            held = isinstance(at, Held)
            large = held and at.size >= HELD
            own = large and at.role != ARGUMENT and at not in returned
            self._outputs.append((x, at, not own))
            returned += [at] if held else []
        self._memory = Memory(b.held, returned, [x for _, x in b.called])

    @functools.cached_property
    def _maker(self) -> Any:
        """What makes the function that runs the tape on a workspace."""
        checks: list[str] = []
        if self._whole is not None:
            checks.append("work.refuse_large()")
        if self._large is not None:
            checks.append(f"if numbers[{self._large}]: raise InexactError")
        if self._guards:
            checks.append("work.hold()")
        if self._flag is not None:
            checks.append(f"if numbers[{self._flag}]: raise NanFound")
        label = f"tape at {id(self):x}"
        return run_maker(label, self._inputs, len(self._outputs), *checks)

    @property
    def picks_singles(self) -> bool:
        """Whether NumPy picks numbers of float32 at places, for want of native code."""
        calls = (x for x in self._parts if isinstance(x, Outside) and not x.is_native)
        kinds = ([v.dtype for v in x.row.operands if v.shape] for x in calls)
        return any(SINGLE in found and WHOLE in found for found in kinds)

    @property
    def workspace(self) -> int:
        """The bytes of one workspace, and of the buffers of large arrays."""
        return self._fresh.nbytes + self._memory.bytes

    @property
    def new_handlers(self) -> int:
        """How many handlers the VM would have to compile first."""
        return sum(new_handlers(x) for x in self._parts if isinstance(x, Code))

    def interpret(self) -> None:
        """Have the VM ready to run it, or native code where it cannot."""
        if not self.interpretable:
            self.hasten()
            return
        stretches = [Interpreted(x) for x in self._parts if isinstance(x, Code)]
        self._run_as(with_stretches(self._parts, stretches))

    def hasten(self) -> None:
        """Have LLVM compile what the VM interprets."""
        read = np.zeros(len(self._fresh), dtype=bool)
        for places in self._ends:
            read[places] = True
        flushes = self.program.flushes
        parts = compiled_parts(self._parts, read, self._constants, flushes=flushes)
        self._run_as(parts)
        self.name = "native code"

    def ready(self) -> Tape:
        """Return it, with all made that the first call needs."""
        self._free.append(self._made())
        return self

    def _run_as(self, parts: list[Any]) -> None:
        """Run these parts from now on."""
        self._ready = parts
        self._free = []

    def _made(self, *, copied: bool = True) -> Workspace:
        """Return a new workspace, with the steps that run on it.

        Where results are not ``copied``, the next call overwrites them.
        """
        held = self._memory.arrays()
        work = Workspace(self._fresh, self._whole, self._columns, held)
        work.released = self._memory.released(self._parts, held)
        work.guards = [(g, work.reader(g.row, p)) for g, p in self._guards]
        if self._ready is None:
            self.interpret()
        work.alive = bind_slots(self._parts, work)
        work.steps = joined(steps_on(self._ready or (), work))
        arrays = [
            work.parts(p, x.shape) if is_pair(x) else work.array(p, x.shape)
            for x, p in self._inputs
            if x.shape
        ]
        reads = [
            work.reader(x, p, copied=copied and shared)
            for x, p, shared in self._outputs
        ]
        work.run = self._maker(work, arrays, reads)
        return work

    def __call__(self, *leaves: Any) -> Any:
        """Run the program; raise where it is wrong.

        ``GuardFailed`` and ``NanFound`` are those of ``Replay``; it is ``InexactError``
        where an integer is too large for a float.
        """
        free = self._free
        try:
            held = free.pop()
        except IndexError:
            held = self._made()
        try:
            return held.run(*leaves)
        finally:
            if held.changing:
                held.close()
            free.append(held)

    def bound(self, leaves: Sequence[Any], arrays: Sequence[Any]) -> Step:
        """Return a call with these leaves, which reads them anew each time.

        Its results are no copies. None goes into ``arrays``: see ``Replay.bound``.
        """
        return functools.partial(self._made(copied=False).run, *leaves)

    def shares(self) -> dict[str, float]:
        """Return which rows NumPy runs, and the share of the time that each takes.

        It is measured now, on the workspace of the last call; where that ended in an
        error, the shares are nan.
        """
        names = [
            x.name if isinstance(x, Outside) and not x.is_native else ""
            for x in self._parts
        ]
        unknown = {name: math.nan for name in names if name}
        if not unknown or not self._free:
            return unknown
        held = self._free.pop()
        held.rehearse()
        whole = 0.0
        try:
            seconds = dict.fromkeys(unknown, 0.0)
            for step in held.steps * TIMES:
                start = time.perf_counter()
                step()
                took = time.perf_counter() - start
                whole += took
                name = getattr(step, "name", "")
                if name in seconds:
                    seconds[name] += took
        except Exception:  # the last call ended here too
            return unknown
        finally:
            held.close()
            self._free.append(held)
        return {name: took / whole for name, took in seconds.items()}

    def poison(self) -> None:
        """Fill free workspaces with nan, so that an unwritten read shows."""
        kept = [i + k for i in self._slots for k in range(2)]
        for held in self._free:
            words = held.numbers.view(np.int64)
            addresses = words[kept]
            held.poison()
            fill(held.numbers, self._filled)
            words[kept] = addresses


# --------------------------------------------------------------------- reading, writing


def _flags_of(b: Builder, checks: Sequence[Row]) -> tuple[int | None, int | None]:
    """Write what raises a flag where a check is nan; return the places of flags.

    The second is for integers inside loops that are too large to be exact.
    """
    if checks:
        flag_nans(b, checks, b.flag)
    looped = any(isinstance(x, Region) for _, x in b.called)
    flagged = looped or "flag" in vars(b)
    return (b.flag if flagged else None), (b.large if looped else None)


def _with_flags(parts: list[Part], *flags: int | None) -> list[Part]:
    """Return parts that begin by lowering flags."""
    lowered = Code()
    for place in flags:
        if place is not None:
            lowered.add_number(OPCODES["copy"], place, 0)
    if parts and isinstance(parts[0], Code):
        lowered.extend(parts[0])
        parts = parts[1:]
    return [lowered, *parts] if len(lowered) else parts


__all__ = ["Tape"]
