"""What runs the loops and maps that are one row of a program, and why.

They start on NumPy like programs (``choice``), but for what costs less than they do in
one call. When they have run for as long as what comes next costs, it is made in the
background, and they change over when it is there.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable, Generator
from typing import Any

from chainrule.compiler.background import Task, later
from chainrule.compiler.executors import costs
from chainrule.compiler.executors.replay import Replay
from chainrule.compiler.native import llvm
from chainrule.compiler.native.meanings import CannotLowerError
from chainrule.compiler.options import Options
from chainrule.compiler.programs.program import Program
from chainrule.compiler.programs.signals import InexactError, TakesLong
from chainrule.compiler.tape.native_examples import Blocks
from chainrule.compiler.tape.scan_tape import TapeLoop
from chainrule.compiler.tracing.rows import Function
from chainrule.locks import lock
from chainrule.rules import multilinear, rule_of

MISSING = "llvmlite is not installed"
BROKEN = (ImportError, OSError, RuntimeError)
"""What loading LLVM, or compiling by it, raises where it does not work."""

_MANY, _SEVERAL, _SMALL, _LITTLE = 256, 8, 256, 8
_LONG = 32
"""Rows of an example that are better run in blocks than as loops over all examples;
those are part of the code around them."""


def failed(error: Exception) -> str:
    """Return why an executor stays, after an error while the next was made."""
    return f"native code could not be made: {type(error).__name__}: {error}"


def why_not_on_tape(options: Options) -> str:
    """Return why a loop stays on NumPy, if it does."""
    if options.executor == "numpy":
        return "asked for"
    if not llvm.available():
        return MISSING
    return ""


def why_not_in_blocks(program: Program, count: int, options: Options) -> str:
    """Return why the examples of a map do not run in blocks, if they do not."""
    if options.executor in ("numpy", "vm"):
        return "asked for"
    if not llvm.available():
        return MISSING
    if count < _MANY or len(program.rows) < _SEVERAL:
        return "few examples or operations"
    if any(map(_is_product, _functions(program))):
        return "products of matrices"
    if max(costs.sizes_of(program)) > _SMALL:
        return "large values"
    is_long = len(program.rows) > _LONG and llvm.loaded()
    if is_long or costs.batched_seconds(program, count) > costs.LOADING / 60:
        return ""
    return "little work"


def _functions(program: Program) -> set[Any]:
    return {row.function for row in program.rows if max(row.shape or (0,)) > _LITTLE}


def _is_product(function: Function) -> bool:
    """Tell whether a function is one of BLAS's."""
    known = rule_of(function)
    return known is not None and issubclass(known, multilinear)


class Patience(threading.local):
    """How long loops may run on NumPy, in this thread.

    Attributes
    ----------
    end
        When a loop that still runs raises ``TakesLong``. While it is finite, scans do
        not become native by themselves: the program around them may.
    """

    end: float = math.inf

    @property
    def limited(self) -> bool:
        """Whether there is an end."""
        return self.end != math.inf

    @contextlib.contextmanager
    def of(self, seconds: float) -> Generator[None]:
        """Have so many seconds from now on."""
        before, self.end = self.end, time.perf_counter() + seconds
        try:
            yield
        finally:
            self.end = before

    def check(self) -> None:
        """Raise ``TakesLong`` if a loop has run for too long."""
        if self.limited and time.perf_counter() > self.end:
            raise TakesLong


PATIENCE = Patience()


class Running:
    """What runs a loop that is one row, and why: NumPy, the VM or native code.

    Attributes
    ----------
    loop
        A ``TapeLoop``, ``Blocks``, or fused steps; ``None`` if it cannot be one.
    on_numpy
        Whether NumPy runs it now.
    because
        Why it is so, for ``stats()``.
    seconds
        What all runs took.
    """

    def __init__(
        self, loop: TapeLoop | Blocks | Replay | None, because: str = "asked for"
    ) -> None:
        """Have NumPy run the loop, if it is ``None``, and else the VM."""
        self.loop: Any = loop
        self.on_numpy: bool = loop is None
        self.because: str = because
        self.seconds: float = 0.0
        self._interpreted = isinstance(loop, TapeLoop) and loop.interpretable
        self._limit = math.inf
        self._task: Task | None = None
        self._deciding = lock()

    @classmethod
    def chosen(
        cls, loop: TapeLoop | Blocks | Replay, options: Options, seconds: float
    ) -> Running:
        """Return what an option asks for, or the best that is worth its cost.

        ``seconds`` is what the loop takes on NumPy in a call of the function.
        """
        running = cls(loop)
        if options.executor == "native":
            running._begin(loop.hasten, "asked for")
        elif options.executor == "auto":
            running._take(seconds)
        return running

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
            results = (plain if self.on_numpy else fast)(*operands)
        except InexactError:
            self.on_numpy, self._limit = True, math.inf
            self.because = "integers beyond 2**53"
            results = plain(*operands)
        seconds = time.perf_counter() - start
        self.seconds += seconds
        if (task := self._task) is not None:
            task.make_way(seconds)
        if self.seconds >= self._limit and self._deciding.acquire(blocking=False):
            try:
                self._order()
            finally:
                self._deciding.release()
        return results

    def _order(self) -> None:
        """Have what comes next made in the background, unless it is already."""
        if self.seconds >= self._limit:
            self._limit = math.inf
            try:
                self._task = later(self._change)
            except RuntimeError as error:  # there can be no thread
                self.because = failed(error)

    def _change(self) -> None:
        """Change over to the best that is worth its cost in the background."""
        try:
            self._take(self.seconds / costs.share())
        except Exception as error:  # the calls do not need it
            self.because = failed(error)

    def _take(self, seconds: float) -> None:
        """Take the best executor that costs no more than is, or will be, spent."""
        compiling = costs.compiling_seconds(self.loop)
        starting = costs.starting_seconds(self.loop) if self._interpreted else math.inf
        if compiling <= seconds:
            self._limit = math.inf
            self._begin(self.loop.hasten, "it runs often or long")
        elif starting <= seconds:
            self._begin(self.loop.interpret, "small operations")
            self._limit = costs.share() * compiling
        else:
            self.on_numpy = True
            self._limit = costs.share() * min(compiling, starting)
            self.because = "not yet for long"

    def _begin(self, make: Callable[[], None], because: str) -> None:
        """Leave NumPy, if what else runs the loop can be made."""
        try:
            make()
            self.on_numpy, self.because = False, getattr(self.loop, "because", because)
        except CannotLowerError as error:
            self.on_numpy = not self._interpreted
            self.because = failed(error)
        except BROKEN as error:
            self.on_numpy, self._limit = True, math.inf
            self.because = failed(error)


__all__ = [
    "BROKEN",
    "MISSING",
    "PATIENCE",
    "Running",
    "failed",
    "why_not_in_blocks",
    "why_not_on_tape",
]
