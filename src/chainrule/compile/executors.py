"""Executors: which of them runs a program, and why.

``Replay`` (NumPy) runs everything. A ``Tape`` costs some nanoseconds per row on the VM,
where NumPy costs a microsecond; as native code it costs one or less, but compiling it
takes some ten microseconds per row. Loops over large arrays are compiled as well, and
called by a ``Replay`` (``fusion``).

So a program starts on NumPy, and is timed there. Once it has run for as long as the
next executor costs, that one is tried, and stays if it is faster: all calls together
take at most about twice what the best choice would have taken. Very long programs of
numbers start on the VM, for NumPy would first compile their text.
"""

from __future__ import annotations

import contextlib
import math
import time
from typing import Any

import numpy as np

from chainrule.compile import native, vm
from chainrule.compile.fusion import LARGE, fused
from chainrule.compile.lowering import CannotLowerError, check_kind
from chainrule.compile.options import Options
from chainrule.compile.program import Program
from chainrule.compile.replay import Replay
from chainrule.compile.tapes import Tape
from chainrule.errors import ArgumentError
from chainrule.locks import lock

EXECUTORS = ("auto", "numpy", "vm", "native")

LOADING = 0.15
"""Seconds that loading LLVM takes, once per process."""

COMPILING = 2e-5
"""Seconds that native code takes to compile, per operation."""

FUSING = 0.1
"""Seconds that the loops of a program of large arrays take to compile."""

LONG, LONGER, LONGEST = 2_000, 20_000, 100_000
"""Rows from which on a program of numbers starts on the VM if that is loaded; starts
there at once; and stays there, because native code would compile for seconds."""

ROOM = 1 << 22
"""Entries of all values that a tape may have: it uses no memory twice."""

TRIALS = 5
"""Runs of an executor that decide whether it is faster than the one before."""

_CALL, _SCALAR, _ENTRY = 1e-6, 2.5e-8, 7e-10
_TRIFLE = 3e-6
_MANY, _SEVERAL, _SMALL, _LITTLE = 256, 8, 256, 8
_PRODUCTS = {np.matmul, np.dot, np.einsum}


def numpy_seconds(program: Program) -> float:
    """Estimate what one run costs on NumPy: a call per array, a line per number."""
    total = 0.0
    for row in program.rows:
        if row.shape == ():
            total += _SCALAR
        else:
            total += _CALL + _ENTRY * math.prod(row.shape or (1,))
    return total


def compiling_seconds(operations: int) -> float:
    """Estimate what native code costs before it can run."""
    return COMPILING * operations + (0.0 if native.loaded() else LOADING)


def is_large(program: Program) -> bool:
    """Tell whether most of the work is in large arrays, which are worth loops."""
    sizes = _sizes(program)
    large = sum(n for n in sizes if n >= LARGE)
    return large > 0 and 2 * large > sum(sizes)


def _sizes(program: Program) -> list[int]:
    return [math.prod(row.shape) if row.shape else 1 for row in program.rows]


def pays(program: Program, count: int, options: Options) -> bool:
    """Tell whether a loop of so many steps is worth a tape."""
    if not _has_tapes(options):
        return False
    if options.executor != "auto":
        return True
    if is_large(program):
        return False
    return _is_ready() or count * numpy_seconds(program) > LOADING / 15


def pays_in_lanes(program: Program, count: int, options: Options) -> bool:
    """Tell whether one example's program is worth running on blocks of examples."""
    if count < _MANY or len(program.rows) < _SEVERAL or not _has_tapes(options):
        return False
    entries = _sizes(program)
    if max(entries) > _SMALL or any(f in _PRODUCTS for f in _functions(program)):
        return False
    return _is_ready() or count * sum(entries) * _ENTRY > LOADING / 60


def _has_tapes(options: Options) -> bool:
    """Tell whether tapes can run, and may."""
    if options.executor == "auto":
        return vm.available() or native.available()
    wanted = _NEEDED.get(options.executor)
    return wanted is not None and wanted[0].available()


def _is_ready() -> bool:
    return vm.loaded() or native.loaded()


def _functions(program: Program) -> set[Any]:
    return {row.function for row in program.rows if max(row.shape or (0,)) > _LITTLE}


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
        self._deciding = lock()
        self._start()
        if options.executor in _NEEDED:
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
        module, needed = _NEEDED[wanted]
        if not module.available():
            raise ArgumentError(
                f"executor={wanted!r} needs {needed}, which is not installed. Install "
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
        except CannotLowerError:
            self.reason = "not of real numbers only"
            return False
        return True

    # --------------------------------------------------------------- left to itself

    def _look(self) -> None:
        """Choose where to start, and how long to stay there."""
        count, seconds = len(self.program.rows), numpy_seconds(self.program)
        self.reason = "few operations"
        if not vm.available() and not native.available():
            self.reason = "numba and llvmlite are not installed"
        elif is_large(self.program):
            if native.available():
                self._limit = FUSING + compiling_seconds(0)
                self.reason = "large arrays, not yet for long"
        elif count > LONGER or (count > LONG and vm.loaded()):
            if vm.available() and self._lower():
                self.reason = "many operations"
                self._limit = self._compiling()
        elif seconds > _TRIFLE:
            self._limit = compiling_seconds(count) if native.available() else LOADING
            self.reason = "not yet for long"

    def _compiling(self) -> float | None:
        """Return how long to stay on the VM before native code is made."""
        if not native.available() or self.run.operations > LONGEST:
            return None
        return compiling_seconds(self.run.operations)

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
            if self._runs < TRIALS:
                return
            self._judge(*self._before)
        if self._limit is None:
            self.call = self.run
        elif self._spent >= self._limit:
            self._go_on()

    def _judge(self, before: Any, seconds: float) -> None:
        """Keep the new executor, or go back to the one before."""
        self._before = None
        if self._best > seconds:
            self.run, self._limit = before, None
            self.reason = "faster than native code in a trial"

    def _go_on(self) -> None:
        """Go over to the next executor, and time it against this one."""
        before, seconds = self.run, self._best
        self._limit = None
        self._start()
        try:
            self._take_next()
        except (ImportError, OSError, RuntimeError) as error:
            self.run = before
            self.reason = f"native code could not be made: {error}"
        if self.run is before:
            self.call = self.run
        else:
            self._before = before, seconds

    def _take_next(self) -> None:
        self.reason = "large arrays"
        if isinstance(self.run, Tape):
            self.run.hasten()  # which is never slower
            self.reason = "many operations, often"
        elif not native.available():
            if self._lower():
                self.reason = "many small operations"
        elif sum(_sizes(self.program)) <= ROOM and self._lower(fuse=True):
            if self.run.operations <= LONGEST or not vm.available():
                self.run.hasten()
            self.reason = "many operations, compiled together"
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


class Hastened:
    """A loop that is one row: on the VM, until it pays to compile it.

    It is a ``TapeLoop`` or ``Lanes``: ``operations`` says what there is to compile, and
    ``hasten()`` compiles it.
    """

    keeps_shape = True

    def __init__(self, loop: Any, options: Options) -> None:
        """Compile at once where the VM would have to be loaded first, or as asked."""
        self.loop = loop
        self.__name__: str = loop.__name__
        self._limit: float | None = None
        self._spent = 0.0
        if options.executor == "vm":
            return
        if native.available() and loop.operations <= LONGEST:
            self._limit = COMPILING * loop.operations
        if not vm.available():
            loop.hasten()
            self._limit = None
        elif options.executor == "native" or (self._limit and not vm.loaded()):
            self._hasten()

    def _hasten(self) -> None:
        self._limit = None
        with contextlib.suppress(CannotLowerError, ImportError, OSError, RuntimeError):
            self.loop.hasten()  # else it stays on the VM

    def __call__(self, *operands: Any) -> Any:
        """Run the loop."""
        if self._limit is None:
            return self.loop(*operands)
        start = time.perf_counter()
        found = self.loop(*operands)
        self._spent += time.perf_counter() - start
        if self._spent >= (self._limit or math.inf):
            self._hasten()
        return found


_NEEDED: dict[str, tuple[Any, str]] = {
    "vm": (vm, "numba"), "native": (native, "llvmlite"),
}  # fmt: skip
"""The executors that are not always there: their modules, and what these need."""
