"""Executors: which of them runs a program, and why.

``Replay`` (NumPy) runs everything. ``Tape`` (the VM) costs some nanoseconds per row
where NumPy costs a microsecond, but its first use in a process loads numba. So a
program starts on NumPy, and goes over to the VM once it has run for long enough to pay
for that. Programs of large arrays stay on NumPy, with their elementwise rows fused.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.compile import vm
from chainrule.compile.fusion import fused
from chainrule.compile.lowering import CannotLowerError, Tape
from chainrule.compile.program import Program
from chainrule.compile.replay import Replay
from chainrule.errors import ArgumentError

EXECUTORS = ("auto", "numpy", "vm")
LOADING = 0.01
"""Seconds of estimated NumPy time that a program runs before numba is loaded for it."""

_CALL, _SCALAR, _ENTRY = 1e-6, 2.5e-8, 7e-10
_LARGE = 1 << 14
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


def is_large(program: Program) -> bool:
    """Tell whether most of the work is in arrays so large that calls cost nothing."""
    sizes = [math.prod(row.shape or ()) for row in program.rows]
    large = sum(n for n in sizes if n > _LARGE)
    return large > 0 and 2 * large > sum(sizes)


def pays(program: Program, count: int) -> bool:
    """Tell whether a loop of so many steps is worth the VM."""
    if not vm.available() or is_large(program):
        return False
    return vm.loaded() or count * numpy_seconds(program) > LOADING


def pays_in_lanes(program: Program, count: int) -> bool:
    """Tell whether one example's program is worth running on blocks of examples."""
    if not vm.available() or count < _MANY or len(program.rows) < _SEVERAL:
        return False
    entries = [math.prod(row.shape or (1,)) for row in program.rows]
    if max(entries) > _SMALL or any(f in _PRODUCTS for f in _functions(program)):
        return False
    return vm.loaded() or count * sum(entries) * _ENTRY > LOADING / 4


def _functions(program: Program) -> set[Any]:
    return {row.function for row in program.rows if max(row.shape or (0,)) > _LITTLE}


class Choice:
    """The executor of a program, and when to look at the VM.

    Attributes
    ----------
    run
        What runs the program now.
    after
        The number of calls after which the VM is tried; ``None``: never again.
    reason
        Why it is so, for ``stats()``.
    """

    def __init__(self, program: Program, wanted: str) -> None:
        """Choose."""
        self.program = program
        self.after: int | None = None
        self.run: Any
        self.reason: str
        if wanted == "vm":
            if not vm.available():
                raise ArgumentError(
                    "executor='vm' needs numba, which is not installed. Install "
                    "chainrule[fast], or use executor='auto'."
                )
            try:
                self.run, self.reason = Tape(program), "asked for"
            except CannotLowerError:
                self.run, self.reason = Replay(program), "not of real numbers"
            return
        self.run, self.reason = Replay(program), "asked for"
        if wanted == "auto":
            self._look()

    def _look(self) -> None:
        seconds = numpy_seconds(self.program)
        if not vm.available():
            self.reason = "numba is not installed"
        elif seconds < 3e-6:
            self.reason = "a few operations"
        elif vm.loaded() or len(self.program.rows) > _LONG:
            self.switch()
        else:
            self.after = math.ceil(LOADING / seconds)
            self.reason = f"until it has run {self.after} times"

    def switch(self) -> None:
        """Go over to the VM, if the program can run there and gains by it."""
        self.after = None
        if is_large(self.program):
            self._fuse()
            return
        try:
            tape = Tape(self.program)
        except CannotLowerError:
            self.reason = "not of real numbers"
            return
        if vm_seconds(tape) < 0.7 * numpy_seconds(self.program):
            self.run, self.reason = tape, "many small operations"
        else:
            self.reason = "the VM would gain little"

    def _fuse(self) -> None:
        """Stay on NumPy, with elementwise rows fused where that gains."""
        program = fused(self.program)
        self.reason = "large arrays"
        if program is not None:
            self.run = Replay(program)
            self.reason = "large arrays, elementwise rows fused on the VM"
