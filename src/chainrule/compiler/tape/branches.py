"""Branches as regions of a tape.

In: a row whose function is a branch (``compiler.control.cond``), and the ``Builder``
that lowers its program. Out: the places of its results; both bodies have been lowered
into the same workspace.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.compiler.native.meanings import CannotLowerError
from chainrule.compiler.native.movements import Places
from chainrule.compiler.tape.held import SINGLE
from chainrule.compiler.tape.instructions import Code
from chainrule.compiler.tape.loops import fused_in, is_column, lower_body
from chainrule.compiler.tape.native_values import UNROLLED
from chainrule.compiler.tape.parts import Part
from chainrule.compiler.tape.places import overlap, span, stretches
from chainrule.compiler.tape.regions import Either
from chainrule.compiler.tracing.columns import Column
from chainrule.values.shapes import shape_of

if TYPE_CHECKING:
    from chainrule.compiler.tape.lowering import Builder

SELECTED = 32
"""Instructions of two branches up to which both run, and the results are selected."""


def lowered_cond(
    b: Builder,
    bodies: Sequence[Any],
    likes: Sequence[Any],
    choice: Any,
    inputs: Sequence[Any],
    captured: Sequence[Sequence[Any]],
) -> list[Any]:
    """Lower two branches: both run if they are short, else one of them."""
    given = [b.places(x) for x in inputs]
    outside = [[b.places(x) for x in outer] for outer in captured]
    own = _changeable(b, given, [x for outer in outside for x in outer])
    condition = int(np.ravel(b.places(choice))[0])
    either = Either("cond", [], choice=condition)
    found: list[list[Any]] = []
    quiet = not own  # else a branch that is not taken would change them
    for body, places in zip(bodies, outside, strict=True):
        with b.region() as parts:
            program = fused_in(b, body.program)
            quiet &= lower_body(b, program, [*given, *places], own)
            pairs = zip(program.outputs, likes, strict=True)
            found.append([_held_as(b, x, like) for x, like in pairs])
        either.inside.append(parts)
        either.operands += [p for p in (*given, *places) if not is_column(p)]
    if any(isinstance(x, Column) for x in likes):
        raise CannotLowerError("columns in branches")
    if quiet and _are_short(either.inside):
        return _selected(b, either, likes, found)
    results = _results(b, likes, found, own)
    for parts, outputs in zip(either.inside, found, strict=True):
        with b.region() as copies:
            for result, places in zip(results, outputs, strict=True):
                if not np.array_equal(result, places):
                    _copy_to(b, result, places)
        parts += copies
    either.results = [*(p for p in results if np.size(p)), b.flag, b.large]
    b.called.append((len(b.code), either))
    return results


def _held_as(b: Builder, x: Any, like: Any) -> Any:
    """Return the places of a branch's result, rounded where the other's is float32."""
    single, of_x = (getattr(v, "dtype", None) == SINGLE for v in (like, x))
    rounds = single and not of_x
    return b.rounded(b.places(x)) if rounds else b.places(x)


def _changeable(
    b: Builder, given: Sequence[Any], others: Sequence[Any]
) -> list[Places]:
    """Return the large inputs that the branches may change: nobody else reads them."""
    found: list[Places] = []
    for i, x in enumerate(given):
        if is_column(x) or np.size(x) <= UNROLLED or not b.may_change(x):
            continue
        beside = [*given[:i], *given[i + 1 :], *others]
        if not any(overlap(x, y) for y in beside if not is_column(y)):
            found.append(x)
    return found


def _results(
    b: Builder,
    likes: Sequence[Any],
    found: Sequence[Sequence[Any]],
    own: Sequence[Places],
) -> list[Any]:
    """Return where the results of branches are: in place where one left them there."""
    results: list[Any] = []
    for k, like in enumerate(likes):
        places = [outputs[k] for outputs in found]
        others = [y for outputs in found for i, y in enumerate(outputs) if i != k]
        stays = next(
            (
                x
                for x in own
                if any(np.array_equal(x, y) for y in places)
                and all(np.array_equal(x, y) or not overlap(x, y) for y in places)
                and not any(overlap(x, y) for y in others)
            ),
            None,
        )
        results.append(b.new(shape_of(like)) if stays is None else stays)
    return results


def _selected(
    b: Builder, either: Either, likes: Sequence[Any], found: Sequence[Sequence[Any]]
) -> list[Any]:
    """Run both branches, and select the results."""
    for parts in either.inside:
        for part in parts:
            if isinstance(part, Code):
                b.code.extend(part)
    return [
        b.elementwise("where", shape_of(like), either.choice, x, y)
        for like, x, y in zip(likes, *found, strict=True)
    ]


def _are_short(branches: Sequence[Sequence[Part]]) -> bool:
    """Tell whether branches are few instructions."""
    parts = [x for branch in branches for x in branch]
    codes = [x for x in parts if isinstance(x, Code)]
    return len(codes) == len(parts) and sum(map(len, codes)) <= SELECTED


def _copy_to(b: Builder, target: Places, places: Places) -> None:
    """Write a copy of a value to contiguous places that there are."""
    flat = np.broadcast_to(places, np.shape(target)).reshape(1, -1)
    start = span(target)[0]
    if np.size(target):
        for at, count, (step,) in stretches(flat):
            b.code.add("copy", start + at, [(int(flat[0, at]), step)], count)


__all__ = ["lowered_cond"]
