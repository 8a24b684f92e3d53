"""Watching a function run: each operation with the line and expression it is from."""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import linecache
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

import numpy as np

from chainrule.explainer.watching.departures import Departing, Departure
from chainrule.nodes.admission import INPUT
from chainrule.nodes.node_class import node
from chainrule.nodes.recorder import new, next_serial
from chainrule.notes import annotate
from chainrule.sweeps.sweep import forward_sweep, reverse_sweep
from chainrule.transforms.inputs import input_nodes
from chainrule.values.containers import flatten, unflatten
from chainrule.values.vertices import is_internal

Position = tuple[int | None, int | None, int | None, int | None]

_SWEEPS = (reverse_sweep.__code__, forward_sweep.__code__)


@dataclass(frozen=True)
class Place:
    """Where in the source an operation stands: lines from 1, columns from 0.

    ``derived`` counts derivatives: 1 for what a recorded sweep computes on behalf of
    the operation that stands there.
    """

    filename: str
    function: str
    line: int
    end_line: int
    column: int
    end_column: int
    derived: int = 0

    @property
    def text(self) -> str:
        """The expression, on one line; ``d(...)`` of it in a derivative of it."""
        lines = linecache.getlines(self.filename)[self.line - 1 : self.end_line]
        if not lines:
            return ""
        # Columns count bytes of UTF-8.
        raw = [line.encode() for line in lines]
        raw[-1] = raw[-1][: self.end_column]
        raw[0] = raw[0][self.column :]
        text = " ".join(b" ".join(raw).decode(errors="replace").split())
        for _ in range(self.derived):
            text = f"d({text})"
        return text


@dataclass
class Run:
    """One watched call: what it made, what it returned, and how it failed, if it did.

    ``positions`` says which leaf of the positional arguments each input is;
    ``departures`` are the plain values that the program took from the recording.
    """

    inputs: list[node]
    input_names: list[str]
    made: list[Any] = field(default_factory=list[Any])
    places: dict[Any, Place] = field(default_factory=dict[Any, Place])
    positions: list[int] = field(default_factory=list[int])
    departures: list[Departure] = field(default_factory=list[Departure])
    result: Any = None
    error: BaseException | None = None
    codes: dict[int, tuple[CodeType, list[Position]]] = field(
        default_factory=dict[int, tuple[CodeType, list["Position"]]], repr=False
    )

    def place_in(self, code: CodeType, instruction: int) -> Place | None:
        """Return the place of an instruction."""
        # By identity: to hash a code object means to hash all that it holds.
        if id(code) not in self.codes:
            self.codes[id(code)] = code, list(code.co_positions())
        line, end_line, column, end_column = self.codes[id(code)][1][instruction]
        if line is None:
            return None
        name, ends = code.co_name, (end_line or line, column or 0, end_column or 0)
        return Place(code.co_filename, name, line, *ends)


class Observed(Departing):
    """A node whose results remember where in the source they were computed."""

    __slots__ = ("run",)
    watched = True
    run: Run

    @classmethod
    def created(cls, z: Any) -> None:
        """Enter a new result in the run of its operands, with its place."""
        for x in z.operands:
            if isinstance(x, Observed):
                z.run = x.run
                break
        z.run.made.append(z)
        found = _place(z.run)
        if found is not None:
            z.run.places[z] = found

    @classmethod
    def exchanged(cls, x: Any, old: Any) -> None:
        """Exchange the places of an array that was written and of what it was."""
        run, old.run = x.run, x.run
        before, after = run.places.pop(x, None), run.places.pop(old, None)
        after = after or _place(run)
        run.places |= {z: p for z, p in ((old, before), (x, after)) if p is not None}
        run.inputs[:] = [old if z is x else z for z in run.inputs]
        run.made += [old, x]

    def depart(self, operation: str, operands: tuple[Any, ...], result: Any) -> Any:
        """Note a plain value that is taken from the recording."""
        departure = Departure(operation, operands, result, _place(self.run))
        self.run.departures.append(departure)
        return result


def watch(
    f: Callable[..., Any], args: Sequence[Any], keywords: Mapping[str, Any]
) -> Run:
    """Call ``f`` with its arguments' inexact leaves as observed nodes.

    An exception of ``f`` is kept in ``run.error``, so that the part that ran is shown.
    """
    watched = Run([], [])
    given: list[Any] = []
    seen = 0
    for name, arg in zip(_argument_names(f, len(args)), args, strict=True):
        leaves, structure = flatten(arg)
        whole = len(leaves) == 1 and leaves[0] is arg
        written = [path.codify(name) for path in structure.accessors()]
        wrapped: list[Any] = []
        made = input_nodes(leaves, copy=True, whole=whole)
        for i, (leaf, found) in enumerate(zip(leaves, made, strict=True)):
            x = None if found is None else _observed_input(found, watched)
            wrapped.append(leaf if x is None else x)
            if x is not None:
                watched.inputs.append(x)
                watched.input_names.append(written[i])
                watched.positions.append(seen + i)
        seen += len(leaves)
        given.append(unflatten(structure, wrapped))
    linecache.checkcache(getattr(getattr(f, "__code__", None), "co_filename", None))
    try:
        with np.errstate(all="ignore"):  # the explanation itself tells of nan and inf
            watched.result = f(*given, **keywords)
    except Exception as error:
        annotate(error)
        watched.error = error
    return watched


def _observed_input(made: node, watched: Run) -> Observed:
    x = new(Observed)
    x._value, x._step, x.operands, x._parameters = made._value, None, (), INPUT
    x.serial = next_serial()
    x.run = watched
    return x


def _argument_names(f: Callable[..., Any], count: int) -> list[str]:
    """Return the names of the first ``count`` positional arguments."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names: list[str] = []
    for p in parameters:
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD):
            names.append(p.name)
        elif p.kind is p.VAR_POSITIONAL:
            names += [f"{p.name}[{i}]" for i in range(count - len(names))]
    names += [f"argument{i}" for i in range(len(names), count)]
    return names[:count]


# --------------------------------------------------------------------- in the source


def _place(run: Run) -> Place | None:
    """Return the innermost place outside chainrule and NumPy that is running.

    In a recorded sweep that is the place of the vertex whose turn it is.
    """
    frame = sys._getframe(2)
    while frame is not None and frame.f_code is not watch.__code__:
        if any(frame.f_code is code for code in _SWEEPS):
            spot = run.places.get(frame.f_locals.get("z"))
            if spot is None:
                return None
            return dataclasses.replace(spot, derived=spot.derived + 1)
        if not is_internal(frame):
            return run.place_in(frame.f_code, frame.f_lasti // 2)
        frame = frame.f_back
    return None


def failed_at(error: BaseException) -> tuple[str, int] | None:
    """Return the file and line outside chainrule and NumPy where an error came up."""
    found = None
    trace = error.__traceback__
    while trace is not None:
        if not is_internal(trace.tb_frame):
            found = trace.tb_frame.f_code.co_filename, trace.tb_lineno
        trace = trace.tb_next
    return found


Span = tuple[int, int, int, int]


@functools.lru_cache(maxsize=64)
def assigned_names(source: str) -> dict[Span, str]:
    """Return which expression, by its span, is assigned to which name in a source."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return {}
    names: dict[Span, str] = {}
    for statement in ast.walk(tree):
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                _assigned(target, statement.value, names)
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            _assigned(statement.target, statement.value, names)
        elif isinstance(statement, ast.AugAssign):
            if isinstance(statement.target, ast.Name):
                names[_span(statement)] = statement.target.id
        elif isinstance(statement, ast.NamedExpr):
            _assigned(statement.target, statement.value, names)
    return names


def _assigned(target: ast.expr, value: ast.expr, names: dict[Span, str]) -> None:
    if isinstance(target, ast.Name):
        names[_span(value)] = target.id
    elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for t, v in zip(target.elts, value.elts, strict=False):
            _assigned(t, v, names)


def _span(x: ast.expr | ast.stmt) -> Span:
    return (x.lineno, x.end_lineno or 0, x.col_offset, x.end_col_offset or 0)


def program_names(places: Mapping[Any, Place]) -> dict[Any, str]:
    """Return the names that expressions at places are assigned to, where they are."""
    names: dict[str, dict[Span, str]] = {}
    found: dict[Any, str] = {}
    for z, spot in places.items():
        if spot.derived:
            continue
        if spot.filename not in names:
            source = "".join(linecache.getlines(spot.filename))
            names[spot.filename] = assigned_names(source)
        span = (spot.line, spot.end_line, spot.column, spot.end_column)
        if span in names[spot.filename]:
            found[z] = names[spot.filename][span]
    return found


@functools.lru_cache(maxsize=512)
def operand_texts(expression: str, count: int) -> tuple[str, ...]:
    """Return how the operands of an expression are written, ``()`` if it does not tell.

    >>> operand_texts("x @ self.w + b", 2), operand_texts("x.dot(w[0])", 2)
    (('x @ self.w', 'b'), ('x', 'w[0]'))
    """
    try:
        top = ast.parse(expression).body[0]
    except (SyntaxError, ValueError, IndexError):
        return ()
    parts: list[ast.expr] = []
    if isinstance(top, ast.AugAssign):
        parts = [top.target, top.value]
    elif isinstance(top, ast.Expr) and isinstance(top.value, ast.BinOp):
        parts = [top.value.left, top.value.right]
    elif isinstance(top, ast.Expr) and isinstance(top.value, ast.Call):
        parts = top.value.args
        if len(parts) < count and isinstance(top.value.func, ast.Attribute):
            parts = [top.value.func.value, *parts]
    return tuple(map(ast.unparse, parts)) if len(parts) == count else ()


__all__ = [
    "Observed",
    "Place",
    "Run",
    "assigned_names",
    "failed_at",
    "operand_texts",
    "program_names",
    "watch",
]
