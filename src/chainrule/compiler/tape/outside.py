"""What a tape calls between stretches of instructions.

In: a row without a form on the tape. Out: a step on a workspace: a loop or a product in
machine code, which reads and writes it in place, or a function of NumPy.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.compiler.background import pause
from chainrule.compiler.native.meanings import CannotLowerError
from chainrule.compiler.programs.program import Program, replaced
from chainrule.compiler.programs.signals import GuardFailed
from chainrule.compiler.tape.held import Held, place_of
from chainrule.compiler.tape.instructions import Code
from chainrule.compiler.tape.lowering import Builder, Places
from chainrule.compiler.tape.native_tape import compiled_stretches
from chainrule.compiler.tape.parts import Outside, Part, outsides_in
from chainrule.compiler.tape.places import is_one_piece
from chainrule.compiler.tape.workspaces import Step, Workspace, inexact
from chainrule.compiler.tracing.rows import Row
from chainrule.values.quiet import quietly
from chainrule.values.shapes import ndarray


def refuse_calls(b: Builder, program: Program, *, native: bool = False) -> None:
    """Raise ``CannotLowerError`` where NumPy would have to run inside a loop.

    With ``native`` the loop may call machine code, which reads arrays in one piece.
    """
    called = [x for _, x in b.called if isinstance(x, Outside)]
    if len(called) < len(b.called):
        raise CannotLowerError("a loop in the body")
    names = sorted({x.name for x in called if not (native and x.is_native)})
    if names:
        raise CannotLowerError(f"no form on a tape: {', '.join(names)}")
    if not all(is_one_piece(places) for x in called for places in x.operands):
        raise CannotLowerError("entries of arrays in another order")
    if program.guards:
        raise CannotLowerError("decisions in the body")


def with_stretches(parts: Sequence[Part], stretches: Iterable[Any]) -> list[Any]:
    """Return parts with what is no call in another form."""
    rest = iter(stretches)
    return [x if isinstance(x, Outside) else next(rest) for x in parts]


def compiled_parts(
    parts: Sequence[Part],
    read: Any,
    constants: Mapping[int, float],
    *,
    flushes: bool,
) -> list[Any]:
    """Compile the stretches; ``read`` marks the places that are read after them.

    What is called reads its operands too.
    """
    for part in parts:
        if not isinstance(part, Code):
            for at in map(place_of, part.operands):
                if not isinstance(at, Held):
                    read[at] = True
    stretches = [x for x in parts if not isinstance(x, Outside)]
    compiled = compiled_stretches(stretches, read, constants, flushes=flushes)
    return with_stretches(parts, compiled)


def steps_on(parts: Sequence[Any], work: Workspace) -> list[Any]:
    """Return the steps that run parts on a workspace."""
    steps: list[Any] = []
    for i, part in enumerate(parts):
        pause()
        if isinstance(part, Outside):
            steps.append(_bound(part, work))
        else:
            steps += part.bound(work.address)
        steps += [x.release for x in work.released.get(i, ())]
    return steps


def bind_slots(parts: Sequence[Part], work: Workspace) -> list[Any]:
    """Write the addresses of what regions call; return what must live as long."""
    words, alive = work.numbers.view(np.int64), list[Any]()
    for outside in outsides_in(parts):
        call: Any = _bound(outside, work)
        words[outside.slot] = call.function.address
        words[outside.slot + 1] = call.place
        alive.append(call)
    return alive


def _bound(outside: Outside, work: Workspace) -> Step:
    """Return the step that calls a row on a workspace."""
    if outside.is_native:
        step = _Filling(outside, work)
        return step if step.copies else step.run
    return _Calling(outside, work)


class _Calling:
    """A row that NumPy runs."""

    def __init__(self, outside: Outside, work: Workspace) -> None:
        """Find its operands and its result."""
        self.row = outside.row
        self.name = outside.name
        pairs = zip(self.row.operands, outside.operands, strict=True)
        self.sources = [_source(work, x, places) for x, places in pairs]
        (result,) = map(place_of, outside.results)
        self.held: Any = None
        self.dtype: Any = None
        self.work, self.places = work.numbers, result
        if isinstance(result, Held):
            self.held, self.dtype = work.held[result], result.dtype
        elif self.row.shape and is_one_piece(result):
            self.work, self.places = work.view(result, self.row.shape), Ellipsis

    def __call__(self) -> None:
        """Run it."""
        row = self.row
        values = [source() for source in self.sources]
        known = dict(zip(row.operands, values, strict=True))
        args = replaced(row.args, known)
        given = {k: replaced(x, known) for k, x in row.given.items()}
        run: Any = functools.partial(row.function, **given) if given else row.function
        z = quietly(run, *args)
        if np.shape(z) != row.shape:
            raise GuardFailed
        if self.held is not None:
            self.held.hold(_own(z, values, self.dtype))
            return
        self.work[self.places] = z if type(z) is not int else inexact(z)


class _Filling:
    """A loop in native code, which reads and writes a workspace in place."""

    def __init__(self, outside: Outside, work: Workspace) -> None:
        """Find its operands, of which some are copied together first."""
        row = outside.row
        self.name = ""
        known: dict[Row, Any] = {}
        self.copies: list[tuple[Any, Places]] = []
        for x, places in zip(row.operands, outside.operands, strict=True):
            shape, at = x.shape or (), place_of(places)
            if isinstance(at, Held) or is_one_piece(at):
                known[x] = work.array(at, shape)
            elif x not in known:
                known[x] = np.empty(shape)
                self.copies.append((known[x], at))
        out = [work.array(x, np.shape(x)) for x in map(place_of, outside.results)]
        self.numbers = work.numbers
        self.run: Step = row.function.bound(replaced(row.args, known), out)

    def __call__(self) -> None:
        """Run it."""
        for copy, places in self.copies:
            np.take(self.numbers, places, out=copy, mode="clip")
        self.run()


def _own(z: Any, values: Sequence[Any], dtype: Any) -> Any:
    """Return a result as an array of a dtype in one piece, which nobody else has."""
    own = np.ascontiguousarray(z, dtype=dtype)
    arrays = (x for x in values if isinstance(x, ndarray))
    shares = own.base is not None or any(np.may_share_memory(own, x) for x in arrays)
    return own.copy() if shares else own


def _source(work: Workspace, x: Row, places: Any) -> Callable[[], Any]:
    """Return the function that reads a value in the class that it has elsewhere."""
    numbers, places = work.numbers, place_of(places)
    if isinstance(places, Held):
        return work.held_reader(places, x, copied=False)
    if x.shape:
        places = np.reshape(places, x.shape)
    if x.shape and x.dtype == np.float64 and is_one_piece(places):
        view = work.view(places, x.shape)
        return lambda: view
    if x.shape:
        return lambda: numbers[places].astype(x.dtype)
    if x.number is not None:
        number: Any = x.number
        return lambda: number(numbers[places])
    return lambda: numbers[places].astype(x.dtype)[()]


__all__ = [
    "bind_slots",
    "compiled_parts",
    "refuse_calls",
    "steps_on",
    "with_stretches",
]
