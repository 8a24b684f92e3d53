"""Functions of rows that are objects, in files: loops, branches, maps.

In: a loop with the programs inside it. Out: JSON, ``{"scan": {...}}``, and from it a
loop that was not traced here. What a body computes is compared with the file in its
first run, and only then may native code run the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.compiler.batching.batch import Each
from chainrule.compiler.batching.vmap import InBlocks
from chainrule.compiler.control.bodies import Body
from chainrule.compiler.control.cond import Branches
from chainrule.compiler.control.loops import Loop, Pass, Scan, While
from chainrule.compiler.executors.running import Running
from chainrule.compiler.files.checked import CheckedRun
from chainrule.compiler.files.errors import require
from chainrule.compiler.files.loops import (
    SavedBlocks,
    SavedBranches,
    SavedPass,
    SavedScan,
    SavedWhile,
    value_like,
)
from chainrule.compiler.files.names import function_named, name_of
from chainrule.compiler.files.programs import (
    CLASSES,
    Limits,
    function_value,
    input_of,
    like_json,
    program_json,
    program_of_json,
    row_json,
    row_of,
)
from chainrule.compiler.files.values import (
    Items,
    Json,
    Members,
    dtype_of,
    dtype_text,
    shape_of,
)
from chainrule.compiler.tracing.columns import Column, OnEntries, RaggedColumns
from chainrule.compiler.tracing.plain_operators import Entrywise
from chainrule.compiler.tracing.rows import NUMBERS, Function, Row
from chainrule.compiler.tracing.trace import Trace
from chainrule.values.shapes import kind_of

# ---------------------------------------------------------------------------- writing


def object_json(function: Function) -> Json:
    """Return a function that is an object as JSON; ``None`` of any other."""
    for kind, (name, write) in _WRITERS.items():
        if isinstance(function, kind):
            return {name: write(function)}
    return None


def _loop(x: Loop) -> Json:
    return {
        "body": program_json(x.body.program, object_json),
        "carries": x.carried,
        "xs": x.mapped,
        "reverse": x.reverse,
        "history": x.history,
        "stored": x.stored,
        "entries": [_entry_json(v) for v in x.entries],
        "likes": [_entry_json(v) for v in x.body.likes],
    }


def _scan(x: Scan) -> Json:
    return _loop(x) | {"steps": x.count, "repeats": x.home.repeats}


def _while(x: While) -> Json:
    return _loop(x) | {
        "test": program_json(x.test.program, object_json),
        "dtypes": [dtype_text(d) for d in x.dtypes],
    }


def _cond(x: Branches) -> Json:
    return {
        "branches": [program_json(b.program, object_json) for b in x.bodies],
        "inputs": x.count,
        "likes": [_entry_json(v) for v in x.likes],
    }


def _blocks(x: InBlocks) -> Json:
    return {
        "program": program_json(x.program, object_json),
        "many": list(x.many),
        "examples": x.count,
    }


def _each(x: Each) -> Json:
    numbers = {v: i for i, v in enumerate(dict.fromkeys(x.row.operands))}

    def special(v: Any) -> Json:
        return {"row": numbers[v]} if kind_of(v) is Row else function_value(v)

    return {
        "operands": [like_json(v) for v in numbers],
        "row": row_json(x.row, special, object_json),
        "many": list(x.many),
        "examples": x.count,
    }


def _entrywise(x: Entrywise) -> Json:
    return [name_of(x.function), None if x.dtype is None else dtype_text(x.dtype)]


def _on_entries(x: OnEntries) -> Json:
    found = object_json(x.function)
    return name_of(x.function) if found is None else found


def _entry_json(x: Any) -> Json:
    """Return what a value is like: a number's class, a column's entry, an array."""
    if isinstance(x, Column):
        if isinstance(x, RaggedColumns):
            return {"columns": [_entry_json(v) for v in x.entries]}
        return {"column": _entry_json(x.like)}
    kind = kind_of(x)
    if kind in NUMBERS:
        return kind.__name__
    return [dtype_text(np.asarray(x).dtype), list(np.shape(x))]


_WRITERS: Mapping[type, tuple[str, Callable[[Any], Json]]] = {
    Scan: ("scan", _scan),
    While: ("while", _while),
    Pass: ("pass", _loop),
    Branches: ("cond", _cond),
    InBlocks: ("vmap", _blocks),
    Each: ("each", _each),
    Entrywise: ("entrywise", _entrywise),
    OnEntries: ("on_entries", _on_entries),
}

# ---------------------------------------------------------------------------- reading


def object_of(x: Members, limits: Limits) -> Any:
    """Return the function of JSON."""
    require(len(x) == 1, "a function is of no kind")
    ((name, content),) = x.items()
    require(name in _READERS, f"{name[:20]!r} is no kind of function")
    return _READERS[name](content, limits)


def body_of(x: Members, likes: Sequence[Any], limits: Limits) -> Body:
    """Return a body that was not traced here."""
    body = object.__new__(Body)
    body.program = program_of_json(x, object_of, limits)
    body.run = CheckedRun(body.program, limits)  # type: ignore[assignment]
    body.captured, body.closed, body.likes = [], (), list(likes)
    return body


def _entry_of(x: Json, limits: Limits) -> Any:
    """Return a value that is like the ones which JSON describes, in little memory."""
    if kind_of(x) is dict:
        ((name, content),) = x.items()
        if name == "column":
            return Column([], _entry_of(content, limits))
        require(name == "columns" and content, f"{name[:20]!r} is no kind of value")
        return RaggedColumns([_entry_of(v, limits) for v in content])
    if kind_of(x) is str:
        return CLASSES[x](0)
    dtype, shape = dtype_of(x[0]), shape_of(x[1])
    limits.check(shape, dtype.itemsize, "an entry")
    return np.broadcast_to(np.zeros((), dtype), shape)[()]


def _fill(loop: Loop, x: Members, limits: Limits) -> None:
    """Give a loop what is the same for all kinds of loops."""
    likes = [_entry_of(v, limits) for v in x["likes"]]
    loop.body = body_of(x["body"], likes, limits)
    program = loop.body.program
    n, m = loop.carried, loop.mapped = x["carries"], x["xs"]
    loop.reverse, loop.history = x["reverse"], x["history"]
    loop.returned = len(program.outputs)
    stored = x["stored"]
    require(type(loop.reverse) is bool, "a direction is neither way")
    require(_are_counts([n, m, *loop.history]), "a loop has no numbers of values")
    require(n <= loop.returned == len(likes), "a loop returns too little")
    require(n + m <= len(program.inputs), "a loop takes too little")
    require(all(i < n for i in loop.history), "a history is of no carry")
    loop.entries = [_entry_of(v, limits) for v in x["entries"]]
    require(all(kind_of(v) is bool for v in stored), "a loop stores nothing known")
    require(
        len(stored) == len(loop.entries) == loop.returned - n + len(loop.history),
        "a loop stores other results than it has",
    )
    _match(program.outputs[:n], program.inputs[:n], "a carry")
    held = [*program.outputs[n:], *[program.inputs[i] for i in loop.history]]
    _match(held, loop.entries, "a result")
    inputs = [*program.inputs[: n + m]]
    loop._inexact = [v.dtype.kind in "fc" for v in inputs]
    loop.__name__ = loop.names[loop.reverse]
    loop.home = Trace(None, limits.options)
    loop.flat, loop.count = _untraced, None
    loop._store(list(stored))
    loop.running = Running(None, "the steps are counted in each call")


def _is_column(x: Any) -> bool:
    return isinstance(x, Column) or (isinstance(x, Row) and x.shape is None)


def _untraced(*leaves: float) -> list[Any]:
    raise NotImplementedError


def _are_counts(x: Sequence[Any]) -> bool:
    return all(kind_of(n) is int and n >= 0 for n in x)


def _match(found: Sequence[Any], wanted: Sequence[Any], what: str) -> None:
    """Raise where values of a loop have other shapes than are written."""
    require(len(found) == len(wanted), f"{what} of a loop is missing")
    for x, y in zip(found, wanted, strict=True):
        columns = [_is_column(x), _is_column(y)]
        if True in columns:
            require(all(columns), f"{what} of a loop is a column")
        else:
            same = np.shape(value_like(x)) == np.shape(value_like(y))
            require(same, f"{what} of a loop has another shape")


def _scan_of(x: Members, limits: Limits) -> Scan:
    scan = SavedScan.__new__(SavedScan)
    _fill(scan, x, limits)
    steps, repeats = x["steps"], x["repeats"]
    require(_are_counts([steps, repeats]) and steps, "a scan has no number of steps")
    for like, stored in zip(scan.entries, scan.stored, strict=True):
        if stored and not isinstance(like, Column):
            limits.check((steps, *np.shape(like)), np.asarray(like).itemsize, "ys")
    limits.check((steps,), 1, "steps")
    scan.count, scan.home.repeats = steps, repeats
    scan.running = Running(None, "from a file, not run yet")
    return scan


def _pass_of(x: Members, limits: Limits) -> Pass:
    loop = SavedPass.__new__(SavedPass)
    _fill(loop, x, limits)
    return loop


def _while_of(x: Members, limits: Limits) -> While:
    loop = SavedWhile.__new__(SavedWhile)
    _fill(loop, x, limits)
    loop.test = body_of(x["test"], [], limits)
    require(len(loop.test.program.outputs) == 1, "a condition returns no single value")
    loop.dtypes = [dtype_of(d) for d in x["dtypes"]]
    require(len(loop.dtypes) == loop.carried, "a loop has other carries")
    return loop


def _cond_of(x: Members, limits: Limits) -> Branches:
    cond = SavedBranches.__new__(SavedBranches)
    cond.likes = [_entry_of(v, limits) for v in x["likes"]]
    cond.bodies = [body_of(b, cond.likes, limits) for b in x["branches"]]
    require(len(cond.bodies) == 2, "a cond has no two branches")
    for body in cond.bodies:
        _match(body.program.outputs, cond.likes, "a result")
    cond.home, cond.closed, cond.count = Trace(None, limits.options), (), x["inputs"]
    require(_are_counts([cond.count]), "a cond has no number of inputs")
    cond.flats = []
    cond.running = Running(None, "one of two programs runs")
    return cond


def _blocks_of(x: Members, limits: Limits) -> SavedBlocks:
    program = program_of_json(x["program"], object_of, limits)
    many, count = x["many"], x["examples"]
    require(_are_counts([count]) and count, "a map has no examples")
    require(
        len(many) == len(program.inputs) and all(kind_of(m) is bool for m in many),
        "a map has other inputs",
    )
    return SavedBlocks(program, many, count, limits)


def _each_of(x: Members, limits: Limits) -> Each:
    known = [input_of(like, limits) for like in x["operands"]]
    row = row_of(x["row"], known, object_of, limits)
    many, count = x["many"], x["examples"]
    require(len(many) == len(row.operands), "a call per example has other operands")
    require(_are_counts([count]) and count, "a call per example has no examples")
    limits.check((count,), 1, "examples")
    return Each(row, many, count)


def _entrywise_of(x: Items, limits: Limits) -> Entrywise:
    name, dtype = x
    require(name.startswith("operator.") or name == "chainrule.inverted", "no operator")
    return Entrywise(function_named(name), None if dtype is None else dtype_of(dtype))


def _on_entries_of(x: Json, limits: Limits) -> OnEntries:
    return OnEntries(object_of(x, limits) if kind_of(x) is dict else function_named(x))


_READERS: Mapping[str, Callable[[Any, Limits], Any]] = {
    "scan": _scan_of,
    "while": _while_of,
    "pass": _pass_of,
    "cond": _cond_of,
    "vmap": _blocks_of,
    "each": _each_of,
    "entrywise": _entrywise_of,
    "on_entries": _on_entries_of,
}


__all__ = ["object_json", "object_of"]
