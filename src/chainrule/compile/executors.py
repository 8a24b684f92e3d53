"""Executors: which of them runs a program, and why.

``Replay`` (NumPy) runs everything. A ``Tape`` costs some nanoseconds per row on the VM
where NumPy costs a microsecond, but its first use in a process loads numba; as native
code it costs one, but compiling it takes some ten microseconds per row. So a program
starts on NumPy, and goes over to each of the next once it has run for as long as that
costs: it never takes more than twice the time of the best choice. Programs of large
arrays stay on NumPy, with their elementwise rows fused.
"""

from __future__ import annotations

import contextlib
import math
from typing import Any

import numpy as np

from chainrule.compile import native, vm
from chainrule.compile.fusion import LARGE, fused
from chainrule.compile.lowering import CannotLowerError, Tape
from chainrule.compile.program import Program
from chainrule.compile.replay import Replay
from chainrule.errors import ArgumentError

EXECUTORS = ("auto", "numpy", "vm", "native")
LOADING = 0.01
"""Seconds of estimated NumPy time that a program runs before numba is loaded for it."""

COMPILING = 2e-5
"""Seconds that native code takes to compile, per row."""

SHORT = 1000
"""Rows that are compiled at once: sooner than numba is loaded for the VM."""

LONGEST = 200_000
"""Rows from which on a program stays on the VM: it would compile for seconds."""

FUSING = 0.05
"""Seconds of estimated NumPy time that a program of large arrays runs before its loops
are compiled."""

_CALL, _SCALAR, _ENTRY, _LANE = 1e-6, 2.5e-8, 7e-10, 3e-10
_LONG = 20_000
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


def vm_seconds(tape: Tape) -> float:
    """Estimate what one run costs on the VM; NumPy's calls in between cost double."""
    return 1.5e-6 + 4e-9 * tape.rows + _ENTRY * tape.entries + 3e-6 * len(tape.left)


def calls_to_compile(operations: int, seconds: float) -> int | None:
    """Return after how many runs on the VM it has cost what compiling would.

    ``seconds`` is what one run costs; ``None``: never.
    """
    if not native.available() or operations > LONGEST:
        return None
    return math.ceil(COMPILING * operations / seconds) if seconds else None


def is_large(program: Program) -> bool:
    """Tell whether most of the work is in large arrays, which are worth loops."""
    sizes = [math.prod(row.shape or ()) for row in program.rows]
    large = sum(n for n in sizes if n >= LARGE)
    return large > 0 and 2 * large > sum(sizes)


def pays(program: Program, count: int) -> bool:
    """Tell whether a loop of so many steps is worth the VM."""
    if is_large(program) or not (vm.available() or native.available()):
        return False
    return vm.loaded() or count * numpy_seconds(program) > LOADING


def pays_in_lanes(program: Program, count: int) -> bool:
    """Tell whether one example's program is worth running on blocks of examples."""
    if count < _MANY or len(program.rows) < _SEVERAL:
        return False
    if not (vm.available() or native.available()):
        return False
    entries = [math.prod(row.shape or (1,)) for row in program.rows]
    if max(entries) > _SMALL or any(f in _PRODUCTS for f in _functions(program)):
        return False
    return vm.loaded() or count * sum(entries) * _ENTRY > LOADING / 4


def _functions(program: Program) -> set[Any]:
    return {row.function for row in program.rows if max(row.shape or (0,)) > _LITTLE}


class Choice:
    """The executor of a program, and when to look at the next.

    Attributes
    ----------
    run
        What runs the program now.
    after
        The number of calls after which the next is tried; ``None``: never.
    reason
        Why it is so, for ``stats()``.
    """

    def __init__(self, program: Program, wanted: str) -> None:
        """Choose."""
        self.program = program
        self.after: int | None = None
        self.run: Any = None
        self.reason: str = "asked for"
        if wanted in _NEEDED:
            self._insist(wanted)
            return
        self.run = Replay(program)
        if wanted == "auto":
            self._look()

    def _insist(self, wanted: str) -> None:
        """Use a tape, as the user asks."""
        module, needed = _NEEDED[wanted]
        if not module.available():
            raise ArgumentError(
                f"executor={wanted!r} needs {needed}, which is not installed. Install "
                "chainrule[fast], or use executor='auto'."
            )
        try:
            self.run = Tape(self.program)
        except CannotLowerError:
            self.run, self.reason = Replay(self.program), "not of real numbers"
            return
        if wanted == "native":
            self.run.hasten()

    def _look(self) -> None:
        seconds = numpy_seconds(self.program)
        if not vm.available() and not native.available():
            self.reason = "numba is not installed"
        elif seconds < 3e-6:
            self.reason = "a few operations"
        elif is_large(self.program):
            self._await(FUSING / seconds)
        elif vm.loaded() or (len(self.program.rows) > _LONG and vm.available()):
            self.switch(0)
        else:
            self._await(LOADING / seconds)

    def _await(self, calls: float) -> None:
        self.after = math.ceil(calls)
        self.reason = f"until it has run {self.after} times"

    def switch(self, calls: int) -> None:
        """Go over to the next executor, if the program can run there and gains by it.

        ``calls`` is how often the program has run.
        """
        self.after = None
        if isinstance(self.run, Tape):
            self.run.hasten()
            self.reason = "many small operations, often"
            return
        if is_large(self.program):
            self._fuse()
            return
        try:
            tape = Tape(self.program)
        except CannotLowerError:
            self.reason = "not of real numbers"
            return
        seconds = vm_seconds(tape)
        if seconds > 0.7 * numpy_seconds(self.program):
            self.reason = "the VM would gain little"
            return
        self.run, self.reason = tape, "many small operations"
        more = calls_to_compile(tape.rows, seconds)
        if more is None:
            return
        if not vm.available() or (tape.rows <= SHORT and not vm.loaded()):
            tape.hasten()
        else:
            self.after = calls + more

    def _fuse(self) -> None:
        """Stay on NumPy, with loops over large arrays in native code."""
        program = fused(self.program) if native.available() else None
        self.reason = "large arrays"
        if program is not None:
            self.run = Replay(program)
            self.reason = "large arrays, their loops fused in native code"


class Hastened:
    """A loop that is one row: on the VM, until it pays to compile it.

    It is a ``TapeLoop`` or ``Lanes``: ``operations`` says what there is to compile,
    ``times`` how often each runs, and ``hasten()`` compiles them.
    """

    keeps_shape = True

    def __init__(self, loop: Any) -> None:
        """Compile at once where the VM would have to be loaded first."""
        self.loop = loop
        self.__name__: str = loop.__name__
        seconds = loop.times * loop.operations * _LANE
        self._calls = 0
        self._after = calls_to_compile(loop.operations, seconds)
        if not vm.available():
            loop.hasten()
        elif self._after is not None and not vm.loaded():
            self._hasten()

    def _hasten(self) -> None:
        self._after = None
        with contextlib.suppress(CannotLowerError):  # it stays on the VM
            self.loop.hasten()

    def __call__(self, *operands: Any) -> Any:
        """Run the loop."""
        self._calls += 1
        if self._calls == self._after:
            self._hasten()
        return self.loop(*operands)


_NEEDED: dict[str, tuple[Any, str]] = {
    "vm": (vm, "numba"), "native": (native, "llvmlite"),
}  # fmt: skip
"""The executors that are not always there: their modules, and what these need."""
