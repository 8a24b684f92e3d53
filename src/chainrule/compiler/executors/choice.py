"""Executors: which of them runs a program, and why.

``Replay`` (NumPy) runs everything. A ``Tape`` costs some nanoseconds per row on the VM,
where NumPy costs a microsecond; as native code it costs one or less, but compiling it
takes some ten microseconds per row. Loops over large arrays are compiled as well, and
called by a ``Replay`` (``fusion``). All but ``Replay`` need LLVM.

So a program starts on NumPy, and is timed there. Once it has run for as long as the
next executor costs, that one is tried, and stays if it is faster: all calls together
take at most about twice what the best choice would have taken. What an executor costs
is known by the rows of a tape and the instructions that they become, which are counted
when a program has run for as long as lowering it takes. Very long programs of numbers
start on the VM, for NumPy would first compile their text.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from typing import Any

from chainrule.compiler.executors.replay import Replay
from chainrule.compiler.native import llvm as native
from chainrule.compiler.native.fusion import LARGE, fused
from chainrule.compiler.options import Options
from chainrule.compiler.programs.program import Program
from chainrule.compiler.programs.signals import InexactError
from chainrule.compiler.tape import interpreter
from chainrule.compiler.tape.lowering import CannotLowerError, check_kind
from chainrule.compiler.tape.scan_tape import TapeLoop
from chainrule.compiler.tape.tape import Tape
from chainrule.errors import ArgumentError
from chainrule.locks import lock
from chainrule.rules import multilinear, rule_of

EXECUTORS = ("auto", "numpy", "vm", "native")

LOADING, STARTING = 0.15, 0.15
"""Seconds that loading LLVM takes, and compiling the VM, once per process each."""

HANDLING = 5e-3
"""Seconds that the VM takes to compile a handler: for each kind of instruction once."""

MISSING = "llvmlite is not installed"
BROKEN = (ImportError, OSError, RuntimeError)
"""What loading LLVM, or compiling by it, raises where it does not work."""

COMPILING, OPTIMIZING = 2e-5, 8e-5
"""Seconds that native code takes to compile, per instruction, and more if LLVM takes
its time."""

FUSING = 1.2e-3
"""Seconds that loops over large arrays take to compile, per row."""

LOWERING = 1e-5
"""Seconds that a program takes to become a tape, or NumPy's text, per row."""

LONG = 2_000
"""Rows from which on a program may start on the VM."""

LONGEST = 500_000
"""Instructions from which on native code is not made: it would compile for ten seconds
and more."""

ROOM = 1 << 22
"""Entries of all values that a tape may have: it uses no memory twice."""

TRIALS = 5
"""Runs of an executor that decide whether it is faster than the one before."""

VM = "tape VM"

_CALL, _SCALAR, _ENTRY = 1e-6, 2.5e-8, 7e-10
_TRIFLE = 3e-6
_HOPELESS = 2.0
_MANY, _SEVERAL, _SMALL, _LITTLE = 256, 8, 256, 8


def numpy_seconds(program: Program) -> float:
    """Estimate what one run costs on NumPy: a call per array, a line per number."""
    total = 0.0
    for row in program.rows:
        if row.shape == ():
            total += _SCALAR
        else:
            total += _CALL + _ENTRY * math.prod(row.shape or (1,))
    return total


def compiling_seconds(tape: Any) -> float:
    """Estimate what native code costs before it can run.

    Of a ``Tape``, ``TapeLoop`` or ``Blocks``: infinite where it is not to be made.
    """
    if not native.available() or tape.instructions > LONGEST:
        return math.inf
    each = COMPILING + (OPTIMIZING if tape.optimized else 0.0)
    return loading_seconds() + each * tape.instructions


def loading_seconds() -> float:
    """Estimate what loading LLVM still costs."""
    return 0.0 if native.loaded() else LOADING


def starting_seconds(tape: Tape | TapeLoop | None = None) -> float:
    """Estimate what the VM costs before it can run, if need be a certain tape."""
    if not native.available():
        return math.inf
    first = 0.0 if interpreter.loaded() else loading_seconds() + STARTING
    return first if tape is None else first + HANDLING * tape.new_handlers


def is_large(program: Program) -> bool:
    """Tell whether most of the work is in large arrays, which are worth loops."""
    sizes = _sizes(program)
    large = sum(n for n in sizes if n >= LARGE)
    return large > 0 and 2 * large > sum(sizes)


def _sizes(program: Program) -> list[int]:
    return [math.prod(row.shape) if row.shape else 1 for row in program.rows]


def pays(program: Program, options: Options) -> bool:
    """Tell whether a loop with this body may be worth a tape."""
    return not why_not(program, options)


def why_not(program: Program, options: Options) -> str:
    """Return why a loop with this body stays on NumPy, if it does."""
    if options.executor == "numpy":
        return "asked for"
    if not native.available():
        return MISSING
    large = options.executor == "auto" and is_large(program)
    return "large arrays" if large else ""


def pays_in_blocks(program: Program, count: int, options: Options) -> bool:
    """Tell whether one example's program is worth native code on blocks of examples."""
    return not why_not_in_blocks(program, count, options)


def why_not_in_blocks(program: Program, count: int, options: Options) -> str:
    """Return why the examples of a map do not run in blocks, if they do not."""
    if options.executor in ("numpy", "vm"):
        return "asked for"
    if not native.available():
        return MISSING
    if count < _MANY or len(program.rows) < _SEVERAL:
        return "few examples or operations"
    if any(map(_is_product, _functions(program))):
        return "products of matrices"
    if max(_sizes(program)) > _SMALL:
        return "large values"
    if native.loaded() or batched_seconds(program, count) > LOADING / 60:
        return ""
    return "little work"


def batched_seconds(program: Program, count: int) -> float:
    """Estimate what one example's rows cost on NumPy for all examples at once."""
    return count * sum(_sizes(program)) * _ENTRY


def _functions(program: Program) -> set[Any]:
    return {row.function for row in program.rows if max(row.shape or (0,)) > _LITTLE}


def _is_product(function: Any) -> bool:
    """Tell whether a function is one of BLAS's."""
    known = rule_of(function)
    return known is not None and issubclass(known, multilinear)


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
        self._tape: Any = None
        """A tape that waits until it pays to run it."""
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
        if not native.available():
            raise ArgumentError(
                f"executor={wanted!r} needs llvmlite, which is not installed. Install "
                "chainrule[fast], or use executor='auto'."
            )
        if self._lower() and wanted == "native":
            self.run.hasten()

    def _lower(self, *, fuse: bool = False) -> bool:
        """Make a tape of the program; tell whether that can be.

        With ``fuse`` its loops over large arrays become native code.
        """
        program = self.program
        try:
            if fuse:
                for x in (*program.inputs, *program.rows):
                    check_kind(x)  # before LLVM compiles loops in vain
                program = fused(program, self.threads, floats=True) or program
            self.run = Tape(program)
        except CannotLowerError as error:
            self.reason = str(error) or "it has no form on a tape"
            return False
        return True

    # --------------------------------------------------------------- left to itself

    def _look(self) -> None:
        """Choose where to start, and how long to stay there."""
        count, seconds = len(self.program.rows), numpy_seconds(self.program)
        self.reason = "few operations"
        if not native.available():
            self.reason = MISSING
        elif is_large(self.program):
            self._limit = self._preparing() + loading_seconds()
            self.reason = "large arrays, not yet for long"
        elif count > LONG and count * LOWERING > starting_seconds():
            try:
                if self._lower():
                    self._settle_on_vm(self.run, "many operations")
            except BROKEN as error:
                self.reason = f"native code could not be made: {error}"
        elif seconds > _TRIFLE:
            self._limit = self._preparing() + loading_seconds()
            self.reason = "not yet for long"

    def _preparing(self) -> float:
        """Estimate what it costs to make a tape, and to fuse its large loops."""
        large = sum(n >= LARGE for n in _sizes(self.program))
        return LOWERING * len(self.program.rows) + FUSING * large

    def _settle_on_vm(self, tape: Tape, reason: str) -> None:
        """Stay on the VM until native code pays, if it ever can."""
        self.run = None
        tape.interpret()
        self.run, self.reason = tape, reason
        seconds = compiling_seconds(tape)
        self._limit = seconds if seconds < math.inf else None

    def _start(self) -> None:
        self._spent, self._runs, self._best = 0.0, 0, math.inf

    def _timed(self, *leaves: Any) -> Any:
        """Run the program, and look whether it is time for another executor."""
        run = self.run
        start = time.perf_counter()
        found = run(*leaves)
        seconds = time.perf_counter() - start
        if self._deciding.acquire(blocking=False):
            try:
                if run is self.run:
                    self._note(seconds)
            finally:
                self._deciding.release()
        return found

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

    def _judge(self, before: Any, seconds: float) -> None:
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
            self._tape, self._interpreted = tried, False
            cost = compiling_seconds(tried)
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
        if self._tape is None:
            self._prepare()
        tape = self._tape
        if tape is None:
            return
        starting = starting_seconds(tape) if self._interpreted else math.inf
        compiling = compiling_seconds(tape)
        if self._spent < min(starting, compiling) < math.inf:
            self._limit = min(starting, compiling)
            self.reason = "not yet for long"
        elif starting < compiling:
            self._tape = None
            self._settle_on_vm(tape, "many small operations")
        elif compiling < math.inf:
            self._tape, self.run = None, tape
            tape.hasten()
            self.reason = "many operations, compiled together"

    def _prepare(self) -> None:
        """Make the tape that other executors run; without one, fuse large loops."""
        before = self.run
        self.reason = "more entries than a tape may have"
        if sum(_sizes(self.program)) <= ROOM and self._lower(fuse=True):
            self.run, self._tape = before, self.run
            # Where loops are most of the work, there is little to interpret.
            self._interpreted = not is_large(self.program)
        else:
            self._fuse()

    def stay_on_numpy(self) -> None:
        """Run on NumPy from now on: there were integers that a tape cannot hold."""
        with self._deciding:
            self.run = self.call = Replay(self.program)
            self.reason = "integers beyond 2**53"

    def _fuse(self) -> None:
        """Stay on NumPy, with native code for loops over large arrays."""
        program = fused(self.program, self.threads)
        if program is not None:
            self.run = Replay(program)
            self.reason = "large arrays, their loops fused in native code"


class Running:
    """What runs a loop that is one row, and why: NumPy, the VM or native code.

    Attributes
    ----------
    loop
        A ``TapeLoop`` or ``Blocks``; ``None`` if it cannot be one.
    on_numpy
        Whether NumPy runs it now.
    because
        Why it is so, for ``stats()``.
    seconds
        What all runs took.
    """

    def __init__(self, loop: Any, because: str = "asked for") -> None:
        """Have NumPy run the loop, if it is ``None``, and else the VM."""
        self.loop: Any = loop
        self.on_numpy: bool = loop is None
        self.because: str = because
        self.seconds: float = 0.0
        self._interpreted = isinstance(loop, TapeLoop)
        self._limit = math.inf

    @classmethod
    def chosen(cls, loop: Any, options: Options, seconds: float) -> Running:
        """Return what an option asks for, or the best that is worth its cost.

        ``seconds`` is what the loop takes on NumPy in a call of the function.
        """
        made = cls(loop)
        if options.executor == "native":
            made._begin(loop.hasten, "asked for")
        elif options.executor == "auto":
            made._take(seconds)
        return made

    @property
    def executor(self) -> str:
        """The name of what runs the loop now."""
        return "numpy" if self.on_numpy else self.loop.name

    def __call__(
        self, fast: Callable[..., Any], plain: Callable[..., Any], *operands: Any
    ) -> Any:
        """Run the loop: ``fast`` on its tape, or ``plain`` on NumPy."""
        start = time.perf_counter()
        try:
            found = (plain if self.on_numpy else fast)(*operands)
        except InexactError:
            self.on_numpy, self._limit = True, math.inf
            self.because = "integers beyond 2**53"
            found = plain(*operands)
        self.seconds += time.perf_counter() - start
        if self.seconds >= self._limit:
            self._take(self.seconds)
        return found

    def _take(self, seconds: float) -> None:
        """Take the best executor that costs no more than is, or will be, spent."""
        compiling = compiling_seconds(self.loop)
        starting = starting_seconds(self.loop) if self._interpreted else math.inf
        if compiling <= seconds:
            self._limit = math.inf
            self._begin(self.loop.hasten, "it runs often or long")
        elif starting <= seconds:
            self._limit = compiling
            self._begin(self.loop.interpret, "small operations")
        else:
            self.on_numpy, self._limit = True, min(compiling, starting)
            self.because = "not yet for long"

    def _begin(self, make: Callable[[], None], because: str) -> None:
        """Leave NumPy, if what else runs the loop can be made."""
        try:
            make()
            self.on_numpy, self.because = False, because
        except CannotLowerError as error:
            self.on_numpy = not self._interpreted
            self.because = f"native code could not be made: {error}"
        except BROKEN as error:
            self.on_numpy, self._limit = True, math.inf
            self.because = f"native code could not be made: {error}"
