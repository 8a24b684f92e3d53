"""Executors: which of them runs a program, and why.

``Replay`` (NumPy) runs everything. A ``Tape`` costs some nanoseconds per instruction on
the VM, where NumPy costs a microsecond; as native code it costs one or less, but
compiling it takes some ten microseconds per instruction. Loops over large arrays are
compiled as well, and called by a ``Replay`` (``fusion``). All but ``Replay`` need LLVM.

So a program starts on NumPy, and is timed there. Once it has run for as long as the
next executor costs, that one is tried, and stays if it is faster: all calls together
take at most about twice what the best choice would have taken. What an executor costs
is known by the instructions of a tape and those of the machine that they become, which
are counted when a program has run for as long as lowering it takes. Very long programs
of numbers start on the VM, for NumPy would first compile their text.
"""

from __future__ import annotations

import copy
import math
import time
from typing import Any

from chainrule.compiler.executors import costs
from chainrule.compiler.executors.replay import Replay
from chainrule.compiler.executors.running import BROKEN, MISSING
from chainrule.compiler.native import llvm
from chainrule.compiler.native.fusion import fused
from chainrule.compiler.native.groups import LARGE_ON_TAPE
from chainrule.compiler.native.meanings import CannotLowerError, check_kind
from chainrule.compiler.options import Options
from chainrule.compiler.programs.program import Program
from chainrule.compiler.tape.tape import Tape
from chainrule.errors import ArgumentError
from chainrule.locks import lock

EXECUTORS = ("auto", "numpy", "vm", "native")

LONG = 2_000
"""Rows from which on a program may start on the VM."""

TRIALS = 5
"""Runs of an executor that decide whether it is faster than the one before."""

VM = "tape VM"

_TRIFLE = 3e-6
_HOPELESS = 2.0


class Choice:
    """The executor of a program, and when the next is tried.

    Attributes
    ----------
    run
        What runs the program now.
    call
        What to call: ``run`` itself, or a function that times it until all is decided.
    reason
        Why it is so, for ``stats()``.
    """

    def __init__(self, program: Program, options: Options) -> None:
        """Choose."""
        self.program = program
        self.threads: int = options.threads
        self.run: Any = None
        self.reason: str = "asked for"
        self._limit: float | None = None
        self._before: tuple[Any, float] | None = None
        self._next: Any = None
        """What waits until it pays to run it."""
        self._interpreted: bool = True
        """Whether it may run on the VM first."""
        self._deciding = lock()
        self._start()
        if options.executor in ("vm", "native"):
            self._insist(options.executor)
        elif options.executor == "auto":
            self._look()
        if self.run is None:
            self.run = Replay(program)
        self.call: Any = self.run if self._limit is None else self._timed

    @property
    def settled(self) -> bool:
        """Whether no other executor will be tried."""
        return self.call is self.run

    def _insist(self, wanted: str) -> None:
        """Use a tape, as the user asks."""
        if not llvm.available():
            raise ArgumentError(
                f"executor={wanted!r} needs llvmlite, which is not installed. Install "
                "chainrule[fast], or use executor='auto'."
            )
        self.run = self._lowered(fuse=wanted == "native")
        if self.run is not None and wanted == "native":
            self.run.hasten()

    def _lowered(self, *, fuse: bool = False) -> Tape | None:
        """Return a tape of the program, if that can be.

        With ``fuse`` its loops over large arrays become native code.
        """
        program = self.program
        try:
            if fuse:
                for x in (*program.inputs, *program.rows):
                    if x.shape is not None:
                        check_kind(x)
                program = fused(program, self.threads, floats=True) or program
            room = costs.room(self.program)
            if costs.placed_bytes(program) <= room:
                tape = Tape(program, regions=fuse)
                if tape.workspace <= room:
                    return tape
            self.reason = "a tape would hold more memory than NumPy"
            return None
        except CannotLowerError as error:
            self.reason = str(error) or "it has no form on a tape"
            return None

    # --------------------------------------------------------------- left to itself

    def _look(self) -> None:
        """Choose where to start, and how long to stay there."""
        count, seconds = len(self.program.rows), costs.numpy_seconds(self.program)
        self.reason = "few operations"
        if not llvm.available():
            self.reason = MISSING
        elif costs.is_large(self.program, LARGE_ON_TAPE):
            self._limit = (
                costs.preparing_seconds(self.program) + costs.loading_seconds()
            )
            self.reason = "large arrays, not yet for long"
        elif count > LONG and count * costs.LOWERING > costs.starting_seconds():
            try:
                tape = self._lowered()
                if tape is not None:
                    self._settle_on_vm(tape, "many operations")
            except BROKEN as error:
                self.reason = f"native code could not be made: {error}"
        elif seconds > _TRIFLE:
            self._limit = (
                costs.preparing_seconds(self.program) + costs.loading_seconds()
            )
            self.reason = "not yet for long"

    def _settle_on_vm(self, tape: Tape, reason: str) -> None:
        """Stay on the VM until native code pays, if it ever can."""
        self.run = None
        tape.interpret()
        self.run, self.reason = tape, reason
        seconds = costs.compiling_seconds(tape)
        self._limit = seconds if seconds < math.inf else None

    def _start(self) -> None:
        self._spent, self._runs, self._best = 0.0, 0, math.inf

    def _timed(self, *leaves: Any) -> Any:
        """Run the program, and look whether it is time for another executor."""
        run = self.run
        start = time.perf_counter()
        results = run(*leaves)
        seconds = time.perf_counter() - start
        if self._deciding.acquire(blocking=False):
            try:
                if run is self.run:
                    self._note(seconds)
            finally:
                self._deciding.release()
        return results

    def _note(self, seconds: float) -> None:
        self._spent += seconds
        self._runs += 1
        self._best = min(self._best, seconds)
        if self._before is not None:
            lost = self._runs > 1 and self._best > _HOPELESS * self._before[1]
            if self._runs < TRIALS and not lost:
                return
            self._judge(*self._before)
        if self._limit is None:
            self.call = self.run
        elif self._spent >= self._limit:
            self._go_on()

    def _judge(self, before: Replay | Tape, seconds: float) -> None:
        """Keep the new executor, or go back to the one before."""
        self._before = None
        if self._best <= seconds:
            return
        tried, self.run, self._limit = self.run, before, None
        self._best = seconds
        on_vm = tried.name == VM
        name = "the tape VM" if on_vm else "native code"
        self.reason = f"faster than {name} in a trial"
        if on_vm:
            self._next, self._interpreted = tried, False
            cost = costs.compiling_seconds(tried)
            self._limit = cost if cost < math.inf else None

    def _go_on(self) -> None:
        """Go over to the next executor, and time it against this one."""
        before, seconds = self.run, self._best
        self._limit = None
        try:
            self._take_next()
        except BROKEN as error:
            self.run, self._limit = before, None
            self.reason = f"native code could not be made: {error}"
        if self.run is not before:
            self._start()
            self._before = before, seconds
        elif self._limit is None:
            self.call = self.run

    def _take_next(self) -> None:
        """Take the next executor if it is time for it, else say how long to wait."""
        if isinstance(self.run, Tape):
            self.run = copy.copy(self.run)
            self.run.hasten()
            self.reason = "many operations, often"
            return
        if self._next is None:
            self._next = self._prepared()
        following = self._next
        if following is None:
            return
        on_vm = isinstance(following, Tape) and self._interpreted
        starting = costs.starting_seconds(following) if on_vm else math.inf
        compiling = costs.compiling_seconds(following)
        if self._spent < min(starting, compiling) < math.inf:
            self._limit = min(starting, compiling)
            self.reason = "not yet for long"
        elif starting < compiling:
            self._next = None
            self._settle_on_vm(following, "many small operations")
        elif compiling < math.inf:
            self._next, self.run = None, following
            self.reason = "large arrays, their loops fused in native code"
            if isinstance(following, Tape):
                following.hasten()
                self.reason = "many operations, compiled together"

    def _prepared(self) -> Tape | Replay | None:
        """Return what may run next: a tape, or NumPy with native loops, if there are.

        Where loops are most of the work, there is little to interpret.
        """
        tape = self._lowered(fuse=True)
        if tape is not None:
            large = costs.is_large(self.program, LARGE_ON_TAPE)
            self._interpreted = tape.interpretable and not large
            return tape
        program = fused(self.program, self.threads)
        return None if program is None else Replay(program)

    def stay_on_numpy(self) -> None:
        """Run on NumPy from now on: there were integers that a tape cannot hold."""
        with self._deciding:
            self.run = self.call = Replay(self.program)
            self.reason = "integers beyond 2**53"
