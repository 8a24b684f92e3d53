"""Scans in native code: all steps of a loop as one function.

In: the tape of a step, and what each step takes and gives. Out: a function of the
addresses of a workspace and of arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.compiler.native.llvm import Functions
from chainrule.compiler.native.meanings import CannotLowerError
from chainrule.compiler.native.text import Unit
from chainrule.compiler.native.writer import objects
from chainrule.compiler.tape.instructions import Code
from chainrule.compiler.tape.native_instructions import UNROLLED, Instructions
from chainrule.compiler.tape.native_tape import QUICK, numbers_of

BODY = 64_000
"""Numbers that a step may make: more are too many for one function."""


@dataclass(frozen=True)
class Steps:
    """A tape that is run once per step of a loop, and what each step reads and writes.

    All are (first place, length) of a step's part of an array: ``taken`` of arrays with
    one part per step, ``given`` of such results. ``carried`` has (before, after,
    length): what a step writes after, the next finds before; the array of all of them
    has one part more than there are steps.
    """

    code: Code
    count: int
    reverse: bool
    taken: Sequence[tuple[int, int]]
    carried: Sequence[tuple[int, int, int]]
    given: Sequence[tuple[int, int]]


def compiled_steps(steps: Steps, read: Any, constants: Mapping[int, float]) -> Any:
    """Return a function of a workspace's address, and those of array objects.

    The first array, of int64, has a mask for each of the others, which are those taken,
    carried and given, of float64: step t finds its part at ``t & mask``.

    Raises ``CannotLowerError`` where a step is too long for one function.
    """
    if numbers_of(steps.code).sum() > BODY:
        raise CannotLowerError("a step of many operations")
    unit = Unit()
    count = 1 + len(steps.taken) + len(steps.carried) + len(steps.given)
    writer = Instructions(unit, ["ptr %work", *objects(count)], read, constants)
    table = writer.entries(0)
    arrays = [(writer.entries(i), writer.word(table, i - 1)) for i in range(1, count)]
    with writer.loop(steps.count) as loop:
        t = loop.i
        if steps.reverse:
            t = writer.add(f"sub i64 {steps.count - 1}, {t}")
        _write_step(writer, steps, arrays, t)
    writer.finish("steps")
    effort = 2 if len(steps.code) < QUICK else 1
    return Functions(unit, effort).function("steps", 1 + count)


def _write_step(
    writer: Instructions, steps: Steps, arrays: Sequence[tuple[str, str]], t: str
) -> None:
    """Write step t: what it takes, its instructions, and what it hands on or gives."""
    after = writer.add(f"add i64 {t}, 1")
    now, then = (after, t) if steps.reverse else (t, after)
    taken: list[tuple[int, int, str]] = []
    written: list[tuple[int, int, str]] = []
    rest = iter(arrays)
    for place, n in steps.taken:
        taken.append((place, n, writer.part(next(rest), t, n)))
    for before, end, n in steps.carried:
        array = next(rest)
        taken.append((before, n, writer.part(array, now, n)))
        written.append((end, n, writer.part(array, then, n)))
    for place, n in steps.given:
        written.append((place, n, writer.part(next(rest), t, n)))
    code = list(steps.code)
    touched = np.array([r for it in code for r in it.reached]).reshape(-1, 2).T
    for place, n, pointer in taken:
        if _is_alone(place, n, touched):
            writer.move(place, n, pointer)
        else:
            writer.take_in(place, n, pointer)
    left: list[tuple[int, int, str]] = []
    for place, n, pointer in written:
        if n > UNROLLED and _is_alone(place, n, touched):
            writer.move(place, n, pointer)
            writer.read[place : place + n] = True
        else:
            left.append((place, n, pointer))
    for it in code:
        writer.write(it)
    for place, n, pointer in left:
        writer.hand_out(place, n, pointer)


def _is_alone(place: int, n: int, touched: Any) -> bool:
    """Tell whether no instruction reads or writes n places together with others.

    ``touched`` are the ``reached`` of all instructions. Such places can be elsewhere:
    what an instruction reads or writes in one piece must be one piece of memory.
    """
    first, after = touched
    inside = (first >= place) & (after <= place + n)
    return bool((inside | (after <= place) | (first >= place + n)).all())


__all__ = ["Steps", "compiled_steps"]
