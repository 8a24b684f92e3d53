"""Executors: which of them runs a program, and why.

``Replay`` (NumPy) runs everything. A ``Tape`` costs some nanoseconds per instruction on
the VM, where NumPy costs a microsecond; as native code it costs one or less, but
compiling it takes some ten microseconds per instruction. Loops over large arrays are
compiled as well, and called by a ``Replay`` (``fusion``). All but ``Replay`` need LLVM.

So a program starts on NumPy, and is timed there. Once tracing and running it took as
long as the next executor costs its callers, that one is made in the background, while
calls go on; then a ``Trial`` tells whether it is faster. All calls together take at
most about twice what the best choice would have taken, and so does each. What an
executor costs is known by the instructions of a tape and those of the machine that they
become, which are counted first. Very long programs of numbers start on the VM, for
NumPy would first compile their text.
"""

from __future__ import annotations

import copy
import functools
import math
import time
from typing import Any

import numpy as np

from chainrule.compiler.background import Task, later
from chainrule.compiler.executors import costs
from chainrule.compiler.executors.replay import Replay
from chainrule.compiler.executors.running import (
    BROKEN,
    MISSING,
    PATIENCE,
    failed,
)
from chainrule.compiler.native import llvm
from chainrule.compiler.native.fusion import fused
from chainrule.compiler.native.in_parts import in_parts, is_pair
from chainrule.compiler.native.meanings import CannotLowerError, check_kind
from chainrule.compiler.native.threads import Team
from chainrule.compiler.options import Options
from chainrule.compiler.programs.program import Program
from chainrule.compiler.programs.signals import TakesLong
from chainrule.compiler.tape.tape import Tape
from chainrule.compiler.trial import Trial
from chainrule.errors import ArgumentError
from chainrule.locks import lock

EXECUTORS = ("auto", "numpy", "vm", "native")

LONG = 2_000
"""Rows from which on a program may start on the VM."""

REPEATED = 2
"""Runs after which a program counts as one that is called again."""

VM = "tape VM"

_TRIFLE = 3e-6

_SHORT = 1.0
"""Seconds of the first call below which it says little of how long NumPy takes: much of
it may have been spent once in the process."""


_COLD = 4.0
"""How many times as long as later ones the first run on large arrays may take: the
system makes their pages."""


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

    def __init__(
        self,
        program: Program,
        options: Options,
        seconds: float = 0.0,
        *,
        deferred: bool = False,
    ) -> None:
        """Choose; tracing the program took so many ``seconds``.

        Large arrays and loops of the example may be ``deferred``: these say little of
        NumPy.
        """
        self.program = program
        self.threads: int | str = options.threads
        self.teams: list[Team] = []
        """How threads share the loops of the program in native code."""
        self.run: Any = None
        self.reason: str = "asked for"
        self._spent, self._runs, self._fastest = seconds, 0, math.inf
        self._deferred: bool = deferred
        """Whether nothing is known yet of how long NumPy takes."""
        self._limit: float = math.inf
        """What is to be spent before the next executor is made, if one will be."""
        self._patience: float = math.inf
        """How long loops may run on NumPy before the next executor is made at once."""
        self._unsure: dict[str, bool] = {}
        """Whether how long NumPy takes is ``guessed`` from the first call, or
        ``estimated`` from the rows."""
        self._task: Task | None = None
        self._following: Any = None
        """What waits until it pays to make it ready."""
        self._interpreted: bool = True
        """Whether it may run on the VM first."""
        self._next: tuple[Any, str] | None = None
        """What is ready, and why it will run."""
        self._trial: Trial | None = None
        self._deciding = lock()
        if options.executor in ("vm", "native"):
            self._insist(options.executor)
        elif options.executor == "auto":
            self._look()
        if self.run is None:
            self.run = Replay(program)
        self.call: Any = self.run if self._limit == math.inf else self._timed

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
            program = in_parts(program)
            if fuse:
                for x in (*program.inputs, *program.rows):
                    if x.shape is not None and not is_pair(x):
                        check_kind(x)
                program = fused(program, self.threads, floats=True) or program
            if self._has_room(costs.placed_bytes(program)):
                tape = Tape(program, regions=fuse)
                if tape.picks_singles:
                    raise CannotLowerError("float32 at places that are computed")
                if self._has_room(tape.workspace):
                    self.teams = _teams_of(program)
                    return tape
            self.reason = "a tape would hold more memory than NumPy"
            return None
        except CannotLowerError as error:
            self.reason = str(error) or "it has no form on a tape"
            return None

    def _has_room(self, size: int) -> bool:
        """Tell whether a tape may hold so many bytes."""
        return size <= costs.ROOM or size <= self._room

    @functools.cached_property
    def _room(self) -> float:
        """The bytes that a tape may hold: little more than NumPy does at once."""
        return costs.room(self.program)

    # --------------------------------------------------------------- left to itself

    def _look(self) -> None:
        """Choose where to start, and how long to stay there."""
        count, seconds = len(self.program.rows), costs.numpy_seconds(self.program)
        self.reason = "few operations"
        if not llvm.available():
            self.reason = MISSING
        elif costs.is_large(self.program):
            self._wait_to_prepare("large arrays, not yet for long")
        elif count > LONG and count * costs.LOWERING > costs.starting_seconds():
            self._start_on_vm()
        elif seconds > _TRIFLE or costs.is_unbounded(self.program):
            self._wait_to_prepare("not yet for long")

    def _wait_to_prepare(self, reason: str) -> None:
        loading = costs.share() * costs.loading_seconds()
        self._limit = costs.preparing_seconds(self.program) + loading
        self.reason = reason
        making = costs.making_seconds(self.program)
        if any(hasattr(row.function, "told") for row in self.program.rows):
            self._patience = making
        if self._deferred:  # at most twice the best choice
            if 2.0 * costs.first_seconds(self.program) > making:
                self._patience, self._unsure = 0.0, {"estimated": True}
                self._fastest = costs.numpy_seconds(self.program)
            return
        ran = self._spent - costs.TRACING * len(self.program.rows)
        if ran > making:  # as NumPy will, in each call
            self._patience, self._fastest = 0.0, self._spent
            self._unsure = {"guessed": ran < _SHORT}

    def _start_on_vm(self) -> None:
        try:
            tape = self._lowered()
            if tape is not None:
                tape.interpret()
                self.run, self.reason = tape, "many operations"
                self._interpreted = False
                self._limit = costs.share() * costs.compiling_seconds(tape)
        except BROKEN as error:
            self.reason = failed(error)

    def _timed(self, *leaves: Any) -> Any:
        """Run the program, and look whether it is time for another executor."""
        task = self._task
        if task is not None and task.done:
            with self._deciding:
                if task is self._task:  # another thread may have done it
                    self._pick_up()
        if self._patience == 0.0:
            self._hurry()
        run, trial = self.run, self._trial
        start = time.perf_counter()
        try:
            with PATIENCE.of(self._patience if trial is None else trial.patience):
                results = run(*leaves)
        except TakesLong:
            if trial is None:
                self._hurry()
            else:
                self._take(run, time.perf_counter() - start)
            return self.run(*leaves)
        seconds = time.perf_counter() - start
        if (task := self._task) is not None:
            task.make_way(seconds)
        self._take(run, seconds)
        return results

    def _take(self, run: Any, seconds: float) -> None:
        """Note what a run took, unless another thread decides."""
        if self._deciding.acquire(blocking=False):
            try:
                if run is self.run:
                    self._note(seconds)
            finally:
                self._deciding.release()

    def _note(self, seconds: float) -> None:
        if self._trial is not None:
            over = self._trial.ends(seconds)
            self.run = self._trial.run
            if over:
                self._judge()
            return
        self._spent += seconds
        self._runs += 1
        self._fastest = min(self._fastest, seconds)
        long = self._deferred and seconds > _COLD * costs.making_seconds(self.program)
        self._deferred = False
        if long and self._limit < seconds:
            self._patience = 0.0  # the next call makes it
        elif self._spent >= self._limit and self._runs >= REPEATED:
            self._limit = math.inf
            self.reason = "another executor is being made"
            try:
                self._task = later(self._make)
            except RuntimeError as error:  # there can be no thread
                self._stay(failed(error))

    def _stay(self, reason: str) -> None:
        self.reason = reason
        self.call = self.run

    def _pick_up(self) -> None:
        """Try what was made in the background; if nothing was, wait on, or stay."""
        self._task = None
        if self._next is not None:
            after, self.reason = self._next
            self._trial = Trial(self.run, after, self._fastest, **self._unsure)
            self._unsure = {}
            self.run = after
        elif self._limit == math.inf:
            self._stay(self.reason)

    def _hurry(self) -> None:
        """Have the next executor now: a loop takes longer than to make it."""
        with self._deciding:
            if self._patience == math.inf:
                return  # another thread has done it
            self._patience = math.inf
            if self._task is not None:
                self._task.wait()
            else:
                self._spent, self._limit = math.inf, math.inf
                self._make()
            self._pick_up()

    def _judge(self) -> None:
        """Keep what a trial found to be faster, and see what may come next."""
        assert self._next is not None  # noqa: S101
        (tried, _), self._next, self._trial = self._next, None, None
        on_vm = tried.name == VM
        if self.run is not tried:
            name = "the tape VM" if on_vm else "native code"
            self.reason = f"faster than {name} in a trial"
        if on_vm:
            self._following, self._interpreted = tried, False
            self._limit = costs.share() * costs.compiling_seconds(tried)
        if self._limit == math.inf:
            self._stay(self.reason)

    # ------------------------------------------------------------ in the background

    def _make(self) -> None:
        """Make the next executor, or say how long to wait for it."""
        try:
            self._next = self._made()
        except Exception as error:  # the calls do not need it
            self.reason = failed(error)

    def _made(self) -> tuple[Any, str] | None:
        """Return an executor that is ready, and why it will run; ``None`` if none is.

        Where it is too early, the limit says for how long.
        """
        if self._following is None:
            self._following = self._prepared()
        following = self._following
        if following is None:
            return None
        on_vm = isinstance(following, Tape) and self._interpreted
        starting = costs.starting_seconds(following) if on_vm else math.inf
        compiling = costs.compiling_seconds(following)
        wait = costs.share() * min(starting, compiling)
        if wait == math.inf:
            self.reason = "native code would be too long"
        elif self._spent < wait:
            self._limit = wait
            self.reason = "not yet for long"
        elif starting < compiling:
            following.interpret()
            return following.ready(), "many small operations"
        else:
            self._following = None
            return self._hastened(following)
        return None

    def _hastened(self, following: Tape | Replay) -> tuple[Any, str]:
        """Return an executor in native code, and why it will run."""
        if isinstance(following, Replay):
            return following.ready(), "large arrays, their loops fused in native code"
        native = copy.copy(following)  # the other one may be running
        native.hasten()
        often = "often" if following is self.run else "compiled together"
        return native.ready(), f"many operations, {often}"

    def _prepared(self) -> Tape | Replay | None:
        """Return what may run next: a tape, or NumPy with native loops, if there are.

        Where loops are most of the work, there is little to interpret.
        """
        if isinstance(self.run, Tape):
            return self.run
        self.reason = "nothing of it has native code"
        large = costs.is_large(self.program)
        tape = self._lowered(fuse=True)
        if tape is not None and not (large and tape.instructions > costs.LONGEST):
            self._interpreted = tape.interpretable and not large
            return tape
        program = fused(self.program, self.threads)
        if program is None:
            return None
        self.teams = _teams_of(program)
        return Replay(program)

    def stay_on_numpy(self) -> None:
        """Run on NumPy from now on: there were integers that a tape cannot hold."""
        with self._deciding:
            self.run, self._trial, self._task = Replay(self.program), None, None
            self._stay("integers beyond 2**53")


def _teams_of(program: Program) -> list[Team]:
    """Return how threads share the loops of a program that was fused."""
    functions = (x.function for x in program.rows if type(x.function) is not np.ufunc)
    loops = [getattr(f, "nest", f) for f in functions]
    return [loop.team for loop in loops if hasattr(loop, "team")]
