"""Programs in files: rows, by the names of their functions and by numbers.

In: a ``Program``. Out: JSON, and from it a program whose every row reads what stands
before it. Inputs are numbered first, then the rows: ``{"row": 3}``. A row is
``[function, arguments, keywords, result]``, and where its shape depends on values, the
source line. A result is a class of Python's numbers, ``[dtype, shape]``, or ``null``
for several results. What a row computes is compared with it in the first run
(``checked``).
"""

from __future__ import annotations

import keyword
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.compiler.files.errors import refuse, require
from chainrule.compiler.files.names import function_named, name_of
from chainrule.compiler.files.values import (
    Items,
    Json,
    Members,
    dtype_of,
    dtype_text,
    read,
    shape_of,
    written,
)
from chainrule.compiler.options import Options
from chainrule.compiler.programs.program import Program
from chainrule.compiler.tracing.rows import NUMBERS, Function, Guard, Row, rows_in
from chainrule.nodes.out import place_of_out
from chainrule.values.shapes import kind_of

CLASSES: Mapping[Any, Any] = {x.__name__: x for x in NUMBERS}
"""The classes of Python's numbers, by name."""
_TAKES: Mapping[str, Any] = {
    "bool": bool,
    "int": int,
    "float": float,
    "array": np.array,
}

WriteObject = Callable[[Any], Json]
"""Returns the JSON of a function that is an object (a loop), ``None`` of no such."""


class Limits:
    """What a file may ask for.

    Attributes
    ----------
    bytes
        How large a value may be.
    options
        Those that loops are run with.
    """

    def __init__(self, bytes: int, options: Options) -> None:
        """Keep them."""
        self.bytes = bytes
        self.options = options

    def check(self, shape: Sequence[int], itemsize: int, what: str) -> None:
        """Raise where a value would be too large."""
        require(
            math.prod(shape) * itemsize <= self.bytes,
            f"{what} of shape {tuple(shape)} has more than max_bytes={self.bytes}",
        )


# ---------------------------------------------------------------------------- writing


def program_json(program: Program, of_object: WriteObject) -> Json:
    """Return a program as JSON; refuse one that calls what no rule declares."""
    numbers = {x: i for i, x in enumerate([*program.inputs, *program.rows])}

    def special(x: Any) -> Json:
        if kind_of(x) is Row:
            return {"row": numbers[x]}
        return function_value(x)

    return {
        "inputs": [like_json(x) for x in program.inputs],
        "rows": [row_json(row, special, of_object) for row in program.rows],
        "outputs": [written(x, special) for x in program.outputs],
        "guards": [_guard_json(g, numbers[g.row]) for g in program.guards],
        "checks": [numbers[x] for x in program.checks],
        "counts": dict(program.counts),
        "mapped": [[count, because] for count, because in program.mapped],
    }


def row_json(row: Row, special: WriteObject, of_object: WriteObject) -> Json:
    """Return a row as JSON."""
    found = of_object(row.function)
    return [
        name_of(row.function) if found is None else found,
        [written(x, special) for x in row.args],
        {k: written(x, special) for k, x in row.given.items()},
        like_json(row),
        *([row.where] if row.where else []),
    ]


def function_value(x: Any) -> Json:
    """Return a function among the arguments of a row as JSON; ``None`` of no such."""
    if callable(x) and not isinstance(x, type):
        return {"function": name_of(x)}
    return None


def like_json(row: Row) -> Json:
    """Return what a row's results are like."""
    if row.number is not None:
        return row.number.__name__
    return None if row.shape is None else [dtype_text(row.dtype), list(row.shape)]


def _guard_json(guard: Guard, number: int) -> Json:
    names = [name for name, take in _TAKES.items() if take is guard.take]
    if not names:
        raise refuse(f"it decides at {guard.where} by a function of its own")
    return [number, names[0], written(guard.expected), guard.where]


# ---------------------------------------------------------------------------- reading

ReadObject = Callable[[Members, Limits], Any]
"""Returns the function that is an object, of its JSON."""


def program_of_json(x: Members, of_object: ReadObject, limits: Limits) -> Program:
    """Return the program of JSON. It has not been run: see ``checked``."""
    known: list[Row] = []
    for like in x["inputs"]:
        known.append(input_of(like, limits))
    inputs = list(known)
    for i, parts in enumerate(x["rows"]):
        known.append(row_of(parts, known, of_object, limits))
        known[-1].serial = i
    guards = [_guard_of(g, known) for g in x["guards"]]
    program = Program(
        inputs,
        known[len(inputs) :],
        [read(v, special_of(known)) for v in x["outputs"]],
        guards,
        [_at(known, i) for i in x["checks"]],
        {str(k): int(v) for k, v in x["counts"].items()},
        [(int(n), str(because)) for n, because in x["mapped"]],
    )
    require(program.counts, "a program says nothing of its rows")
    for row in [*program.checks, *rows_in(program.outputs)]:
        require(row.dtype is not None, "several results are returned or checked")
    return program


def _at(known: Sequence[Row], number: int) -> Row:
    require(
        kind_of(number) is int and 0 <= number < len(known),
        f"no row before it has number {str(number)[:20]}",
    )
    return known[number]


def special_of(known: Sequence[Row]) -> Callable[[Json], Any]:
    """Return what reads rows, and functions by name, among arguments."""

    def special(x: Members) -> Any:
        if "row" in x:
            return _at(known, x["row"])
        return function_named(x["function"]) if "function" in x else None

    return special


def input_of(like: Items | str | None, limits: Limits) -> Row:
    """Return an input."""
    row = Row(None, (), {}, [], None, -1)
    _describe(row, like, limits)
    return row


def _describe(row: Row, like: Items | str | None, limits: Limits) -> None:
    """Say what the results of a row are like."""
    if like is None:
        return
    row.shape = ()
    if kind_of(like) is str:
        require(like in CLASSES, f"{like[:20]!r} is no class of numbers")
        row.number = CLASSES[like]
        row.dtype = np.dtype(row.number)
        return
    text, shape = like
    row.dtype, row.shape = dtype_of(text), shape_of(shape)
    limits.check(row.shape, row.dtype.itemsize, "a value")


def row_of(
    parts: Items, known: Sequence[Row], of_object: ReadObject, limits: Limits
) -> Row:
    """Return the row of JSON, which reads ``known`` rows only."""
    function, args, given, like, *where = parts
    special = special_of(known)
    if kind_of(function) is dict:
        function = of_object(function, limits)
    else:
        function = function_named(function)
    for name in given:
        valid = is_keyword(name) and name != "out" and not name.startswith("overwrite")
        require(valid, f"{name[:20]!r} is no keyword of a call")
    require(kind_of(args) is list, "arguments are no list")
    require(len(args) <= _most_operands(function), "a call writes into an argument")
    arguments = tuple([read(v, special) for v in args])
    keywords = {k: read(v, special) for k, v in given.items()}
    operands = rows_in((arguments, keywords))
    row = Row(function, arguments, keywords, operands, None, 0)
    _describe(row, like, limits)
    if where:
        require(kind_of(where[0]) is str and len(where) == 1, "a line is no text")
        row.where = where[0]
    return row


def _most_operands(function: Function) -> float:
    """Return how many arguments may be given by position: those before ``out``."""
    if isinstance(function, np.ufunc):
        return function.nin
    if isinstance(getattr(function, "__self__", None), np.ufunc):
        return 4 if function.__name__ == "reduceat" else 3
    place = place_of_out(function)
    return math.inf if place is None else place


def is_keyword(name: str) -> bool:
    """Tell whether a text is the name of an argument, and no other Python."""
    return kind_of(name) is str and name.isidentifier() and not keyword.iskeyword(name)


def _guard_of(parts: Items, known: Sequence[Row]) -> Guard:
    number, take, expected, where = parts
    require(take in _TAKES, f"{str(take)[:20]!r} takes no decision")
    require(kind_of(where) is str, "a line is no text")
    row = _at(known, number)
    require(row.dtype is not None, "several results are decided on")
    return Guard(row, _TAKES[take], read(expected), where)


__all__ = [
    "CLASSES",
    "Limits",
    "function_value",
    "input_of",
    "is_keyword",
    "like_json",
    "program_json",
    "program_of_json",
    "row_json",
    "row_of",
    "special_of",
]
