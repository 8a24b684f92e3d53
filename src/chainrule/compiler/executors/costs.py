"""What executors cost: estimates in seconds, from a program's rows or a tape."""

from __future__ import annotations

import functools
import math
import os
from typing import Any

import numpy as np

from chainrule.compiler.executors.replay import Replay
from chainrule.compiler.native import llvm
from chainrule.compiler.native.groups import LARGE
from chainrule.compiler.native.views import only_shows
from chainrule.compiler.programs.program import Program
from chainrule.compiler.tape import interpreter
from chainrule.compiler.tape.array_scan import ArrayScan
from chainrule.compiler.tape.held import HELD
from chainrule.compiler.tape.native_examples import Blocks
from chainrule.compiler.tape.scan_tape import TapeLoop
from chainrule.compiler.tape.tape import Tape
from chainrule.compiler.tracing.rows import Row
from chainrule.rules import traits_of

LOADING, STARTING = 0.15, 0.15
"""Seconds that loading LLVM takes, and compiling the VM, once per process each."""

HANDLING = 5e-3
"""Seconds that the VM takes to compile a handler: for each kind of instruction once."""

COMPILING, OPTIMIZING = 1e-5, 2e-5
"""Seconds that native code takes to compile, per instruction, and more if LLVM takes
its time."""

NESTING, FUSING = 8e-3, 4e-4
"""Seconds that a loop over large arrays takes to compile, and more per operation."""

LOWERING, GROUPING, PLACING = 2e-5, 6e-5, 5e-9
"""Seconds that a program takes to become a tape, or NumPy's text, per row; more to find
the loops, per row that is an array, and more to place its entries, for each."""

TRACING, MAKING = 3e-4, 1e-3
"""Seconds that a row takes to trace at most, and what is an array to become native."""

LONGEST = 500_000
"""Instructions from which on native code is not made: it would compile for ten seconds
and more."""

BESIDE = 0.25
"""Share of compiling that callers pay for if LLVM has a core of its own: the text."""

_CALL, _SCALAR, _ENTRY, _TERM, _STEP, _FRESH = 1e-6, 2.5e-8, 7e-10, 4e-11, 1.5e-6, 2e-10

_LONG = 1e-3
"""Seconds of steps on NumPy from which on a trace takes none of them."""


STEPS = 16
"""Steps that a loop is taken to have which counts them."""


def numpy_seconds(program: Program) -> float:
    """Estimate what one run costs on NumPy: a call per array, a line per number."""
    total = 0.0
    for row in program.rows:
        if row.shape == () and type(row.function) is np.ufunc:
            total += _SCALAR  # most rows of long programs
            continue
        told = getattr(row.function, "told", None)
        if told is not None:
            about = told()
            steps = about.get("steps", STEPS)
            total += _CALL + sum(stepping_seconds(x, steps) for x in about["programs"])
        elif (entries := _entries(row)) == 1:
            total += _SCALAR if row.shape == () else _CALL
        else:
            total += _CALL + _ENTRY * entries
            if row.function is np.matmul:
                total += _TERM * entries * row.args[0].shape[-1]
    return total


def _entries(row: Row) -> int:
    """Return how many entries a row computes, or a third of those that it reduces."""
    shape, operands = row.shape or (), row.operands
    if operands and operands[0].shape and traits_of(row.function).reduces is not None:
        return 1 + math.prod(operands[0].shape) // 3
    return math.prod(shape)


def first_seconds(program: Program) -> float:
    """Estimate what a first run costs on NumPy, in memory that was not used before."""
    return numpy_seconds(program) + _FRESH * _held(program)


def stepping_seconds(body: Program, steps: int) -> float:
    """Estimate what so many steps of a loop cost on NumPy."""
    return steps * (_STEP + numpy_seconds(body))


def takes_long(body: Program, steps: int) -> bool:
    """Tell whether so many steps take too long on NumPy to be run for the example."""
    return stepping_seconds(body, steps) > _LONG


def is_unbounded(program: Program) -> bool:
    """Tell whether values say how often some of its rows run."""
    return any(getattr(row.function, "unbounded", False) for row in program.rows)


def making_seconds(program: Program) -> float:
    """Estimate what native code costs, from the rows of a program and of its loops."""
    return loading_seconds() + _making(program)


def _making(program: Program) -> float:
    arrays = sum(row.shape != () for row in program.rows)
    found = MAKING * arrays + LOWERING * 10 * (len(program.rows) - arrays)
    for row in program.rows:
        told = getattr(row.function, "told", None)
        if told is not None:
            found += sum(map(_making, told()["programs"]))
    return found


def compiling_seconds(run: Tape | TapeLoop | Blocks | Replay) -> float:
    """Estimate what native code costs: infinite where it is not to be made."""
    if not llvm.available():
        return math.inf
    if isinstance(run, Replay):
        return loading_seconds() + looping_seconds(run.program)
    if run.instructions > LONGEST:
        return math.inf
    each = COMPILING + (OPTIMIZING if run.optimized else 0.0)
    loops = looping_seconds(run.program) if isinstance(run, (Tape, ArrayScan)) else 0.0
    return loading_seconds() + each * run.instructions + loops


def looping_seconds(program: Program) -> float:
    """Estimate what the native loops and products of a program still cost."""
    functions: list[Any] = [row.function for row in program.rows]
    pending: set[Any] = {getattr(f, "pending", None) for f in functions}
    return sum(NESTING + FUSING * x.operations for x in pending if x is not None)


@functools.cache
def share() -> float:
    """Return which share of compiling its callers pay for."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return BESIDE if cores > 1 else 1.0


def loading_seconds() -> float:
    """Estimate what loading LLVM still costs."""
    return 0.0 if llvm.loaded() else LOADING


def starting_seconds(tape: Tape | TapeLoop | None = None) -> float:
    """Estimate what the VM costs before it can run, if need be a certain tape."""
    if not llvm.available():
        return math.inf
    first = 0.0 if interpreter.loaded() else loading_seconds() + STARTING
    return first if tape is None else first + HANDLING * tape.new_handlers


def is_large(program: Program) -> bool:
    """Tell whether most of the work is in large arrays, which are worth loops."""
    sizes = sizes_of(program)
    large = sum(n for n in sizes if n >= LARGE)
    return large > 0 and 2 * large > sum(sizes)


def sizes_of(program: Program) -> list[int]:
    """Return how many entries each row has."""
    return [math.prod(row.shape) if row.shape else 1 for row in program.rows]


def placed_bytes(program: Program) -> int:
    """Return the bytes of what a tape keeps in its workspace: small arrays."""
    total = 0
    for row in program.rows:
        n = math.prod(row.shape) if row.shape else 1
        if n >= LARGE:
            native = any(hasattr(x.function, "bound") for x in (row, *row.operands[:1]))
            n = 0 if native or n >= HELD else n
        total += n
    return 8 * total


ROOM, MORE = 1 << 24, 1.2
"""Bytes that a tape may hold anyway, and how much more than NumPy."""

ARRAY, NUMBER = 112, 24
"""Bytes of an array beside those of its entries, and of a number, in Python."""


def room(program: Program) -> float:
    """Return the bytes that a tape may hold: little more than NumPy does at once."""
    return ROOM + MORE * _held(program)


def _held(program: Program) -> int:
    """Return the bytes that NumPy holds at once."""
    last, ending = program.last_uses(), dict[int, int]()
    live = most = 0
    for i, row in enumerate(program.rows):
        if row.shape is not None:
            size = NUMBER
            if row.shape:
                shown = only_shows(row)
                entries = 0 if shown else math.prod(row.shape)
                size = ARRAY + entries * row.dtype.itemsize  # type: ignore[union-attr]
            live += size
            end = last.get(row, i)
            ending[end] = ending.get(end, 0) + size
        most = max(most, live)
        live -= ending.pop(i, 0)
    return most


def batched_seconds(program: Program, count: int) -> float:
    """Estimate what one example's rows cost on NumPy for all examples at once."""
    return count * sum(sizes_of(program)) * _ENTRY


def preparing_seconds(program: Program) -> float:
    """Estimate what it costs to make a tape, and to find its large loops."""
    sizes = sizes_of(program)
    arrays = sum(n > 1 for n in sizes)
    placed = sum(n for n in sizes if n < HELD)
    return LOWERING * len(sizes) + GROUPING * arrays + PLACING * placed
