"""Functions and objects made again, with other values in the places of their own.

In: the parts of a thing, and what makes each part again. Out: what makes the thing.
"""

from __future__ import annotations

import dis
import functools
import itertools
import types
from collections.abc import Callable, Hashable, Sequence
from typing import Any

_vars: Any = vars
Values = Sequence[Any]
Build = Callable[[Values, dict[int, Any]], Any]
"""What puts a thing together of values; it notes the functions that it has made."""
Part = tuple[Build | None, Hashable]
"""What makes a thing again, ``None`` where it holds no value, and its key."""


class _Empty:
    """What a cell holds that is not filled."""


EMPTY: Any = _Empty()


def contents(cell: types.CellType) -> Any:
    """Return what a cell holds."""
    try:
        return cell.cell_contents
    except ValueError:
        return EMPTY


@functools.lru_cache(maxsize=1024)
def names_of(code: types.CodeType) -> tuple[str, ...]:
    """Return the names that code reads of its module or of objects, with code in it."""
    inside = [names_of(c) for c in code.co_consts if isinstance(c, types.CodeType)]
    return tuple(dict.fromkeys([*code.co_names, *itertools.chain(*inside)]))


@functools.lru_cache(maxsize=1024)
def is_assigning(code: types.CodeType) -> bool:
    """Tell whether code, or code inside it, assigns to names of its module."""
    inside = [c for c in code.co_consts if isinstance(c, types.CodeType)]
    return any(c in code.co_code[::2] for c in ASSIGNS) or any(
        map(is_assigning, inside)
    )


ASSIGNS = (dis.opmap["STORE_GLOBAL"], dis.opmap["DELETE_GLOBAL"])


def read_outside(f: types.FunctionType) -> dict[str, Any]:
    """Return what a function may read of its module, by name."""
    names = f.__globals__
    return {n: names[n] for n in names_of(f.__code__) if n in names}


def built(
    pairs: Sequence[Part], parts: Sequence[Any], values: Values, made: dict[int, Any]
) -> list[Any]:
    """Return parts, those that hold values made again."""
    return [
        x if build is None else build(values, made)
        for x, (build, _) in zip(parts, pairs, strict=True)
    ]


def made_of(
    f: types.FunctionType,
    number: int,
    pairs: Sequence[Part],
    held: Sequence[Any],
    names: Sequence[str],
    *,
    binds: bool = False,
) -> Build:
    """Return what makes a function with other contents of its cells, and other names.

    ``held`` is what its cells hold, then what is put under ``names`` of its module, and
    its defaults. Cells that hold no values are the function's own, unless it ``binds``
    these too.
    """
    code, name, own = f.__code__, f.__name__, dict(vars(f))
    whole = zip(f.__closure__ or (), pairs, held, strict=False)
    cells = [
        c if part is None and (x is EMPTY or not binds) else None
        for c, (part, _), x in whole
    ]
    fixed, around = fixed_parts(pairs, held), f.__globals__

    def build(values: Values, made: dict[int, Any]) -> Any:
        closure = [types.CellType() if c is None else c for c in cells]
        read = {**around} if names else around
        z = types.FunctionType(code, read, name, None, tuple(closure) or None)
        made[number] = z
        vars(z).update(own)
        *inside, defaults, named = built(pairs, fixed, values, made)
        z.__defaults__, z.__kwdefaults__ = defaults or None, named or None
        for cell, mine, x in zip(cells, closure, inside, strict=False):
            if cell is None:
                mine.cell_contents = x
        read.update(zip(names, inside[len(cells) :], strict=True))
        return z

    return build


def fixed_parts(pairs: Sequence[Part], parts: Sequence[Any]) -> list[Any]:
    """Return the parts that hold no values, in their places."""
    return [
        x if build is None else None for x, (build, _) in zip(parts, pairs, strict=True)
    ]


def made_already(number: int) -> Build:
    """Return what hands out a thing that has been made, by its number."""

    def build(values: Values, made: dict[int, Any]) -> Any:
        return made[number]

    return build


def parts_of_partial(x: Any) -> list[Any]:
    """Return the function of a ``functools.partial``, and its arguments."""
    return [x.func, x.args, x.keywords]


def partial_of(parts: list[Any]) -> Any:
    """Return the ``functools.partial`` of such parts."""
    f, args, keywords = parts
    return functools.partial(f, *args, **keywords)


def method_of(parts: list[Any]) -> Any:
    """Return the method of a function and an object."""
    return types.MethodType(*parts)


def noted(build: Build, number: int) -> Build:
    """Return what makes a thing, and notes it by its number for those that share it."""

    def build_and_note(values: Values, made: dict[int, Any]) -> Any:
        made[number] = build(values, made)
        return made[number]

    return build_and_note


__all__ = [
    "EMPTY",
    "Build",
    "Part",
    "Values",
    "built",
    "contents",
    "fixed_parts",
    "is_assigning",
    "made_already",
    "made_of",
    "method_of",
    "names_of",
    "noted",
    "partial_of",
    "parts_of_partial",
    "read_outside",
]
