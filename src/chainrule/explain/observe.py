"""Watching a function run: every operation with the line and expression it came from."""

from __future__ import annotations

import ast
import functools
import inspect
import linecache
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

import numpy as np

import chainrule
from chainrule.containers import flatten, unflatten
from chainrule.nodes import node
from chainrule.recorder import new, next_serial
from chainrule.recording import input_node
from chainrule.rules import vertex
from chainrule.values import INPUT

_OURS = (os.path.dirname(chainrule.__file__), os.path.dirname(np.__file__))


@dataclass(frozen=True)
class place:
    """Where in the source an operation stands: lines from 1, columns from 0."""

    filename: str
    function: str
    line: int
    end_line: int
    column: int
    end_column: int

    @property
    def text(self) -> str:
        """The expression, on one line."""
        lines = linecache.getlines(self.filename)[self.line - 1 : self.end_line]
        if not lines:
            return ""
        # Columns count bytes of UTF-8.
        raw = [line.encode() for line in lines]
        raw[-1] = raw[-1][: self.end_column]
        raw[0] = raw[0][self.column :]
        return " ".join(b" ".join(raw).decode(errors="replace").split())


@dataclass
class departure:
    """A plain value taken from the recording: a comparison, a rounding, ``.value``.

    The recording does not know what became of it, so a replay at other inputs must make
    sure that it would be the same.
    """

    operation: str
    operands: tuple[Any, ...]
    result: Any
    place: place | None


@dataclass
class run:
    """One watched call: what it made, what it returned, and how it failed, if it did.

    ``watched`` tells whether ``departures`` were listened for.
    """

    inputs: list[node]
    input_names: list[str]
    made: list[node] = field(default_factory=list)
    places: dict[node, place] = field(default_factory=dict)
    result: Any = None
    error: BaseException | None = None
    departures: list[departure] = field(default_factory=list)
    watched: bool = False


class observed(node):
    """A node whose results remember where in the source they were computed."""

    __slots__ = ("run",)
    watched = True
    run: run

    @classmethod
    def created(cls, z: Any) -> None:
        """Enter a new result in the run of its operands, with its place."""
        for x in z.operands:
            if isinstance(x, observed):
                z.run = x.run
                break
        z.run.made.append(z)
        found = _place()
        if found is not None:
            z.run.places[z] = found

    def depart(self, operation: str, operands: tuple[Any, ...], result: Any) -> Any:
        """Note a plain result, and return it."""
        found = departure(operation, operands, result, _place())
        self.run.departures.append(found)
        return result

    @property
    def value(self) -> Any:
        """The plain value; that it was asked for is noted."""
        return self.depart("value", (self,), node.value.__get__(self))

    @value.setter
    def value(self, value: Any) -> None:
        node.value.__set__(self, value)

    def __array_ufunc__(
        self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any
    ) -> Any:
        """Run a ufunc; that it gave a plain result is noted."""
        z = super().__array_ufunc__(ufunc, method, *inputs, **kwargs)
        return self._handed_out(ufunc.__name__, inputs, z)

    def __array_function__(
        self, func: Any, types: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        """Run any other NumPy function; that it gave a plain result is noted."""
        z = super().__array_function__(func, types, args, kwargs)
        return z if func in _OF_SHAPES else self._handed_out(func.__name__, args, z)

    def _handed_out(self, operation: str, operands: Sequence[Any], z: Any) -> Any:
        leaves = z if isinstance(z, tuple | list) else [z]
        if any(isinstance(v, vertex) for v in leaves):
            return z
        return self.depart(operation, tuple(operands), z)


_OF_SHAPES: set[Any] = {
    np.shape, np.ndim, np.size, np.iscomplexobj, np.isrealobj, np.result_type,
    np.zeros_like, np.ones_like, np.empty_like, np.may_share_memory,
}  # fmt: skip
"""Functions that look at shapes and dtypes, not at values."""


def _noting(name: str, operation: str) -> Callable[..., Any]:
    """Return an operator of nodes that notes its plain result."""
    plain = getattr(node, name)

    def noted(self: observed, *others: Any) -> Any:
        z = plain(self, *others)
        return z if z is NotImplemented else self.depart(operation, (self, *others), z)

    noted.__name__ = name
    return noted


for _name, _operation in [
    ("__lt__", "less"), ("__le__", "less_equal"), ("__gt__", "greater"),
    ("__ge__", "greater_equal"), ("__eq__", "equal"), ("__ne__", "not_equal"),
    ("__bool__", "bool"), ("__round__", "round"), ("__floor__", "floor"),
    ("__ceil__", "ceil"), ("__trunc__", "trunc"), ("__floordiv__", "floor_divide"),
    ("__rfloordiv__", "floor_divide"), ("__divmod__", "floor_divide"),
    ("__rdivmod__", "floor_divide"),
]:  # fmt: skip
    setattr(observed, _name, _noting(_name, _operation))


def watch(
    f: Callable[..., Any], args: Sequence[Any], keywords: Mapping[str, Any]
) -> run:
    """Call ``f`` with its arguments' inexact leaves as observed nodes.

    An exception of ``f`` is kept in ``run.error``, so that the part that ran is shown.
    """
    watched = run([], [], watched=True)
    given: list[Any] = []
    for name, arg in zip(_argument_names(f, len(args)), args, strict=True):
        leaves, structure_ = flatten(arg)
        whole = len(leaves) == 1 and leaves[0] is arg
        wrapped: list[Any] = []
        for i, leaf in enumerate(leaves):
            x = _observed_input(leaf, watched, whole=whole)
            wrapped.append(leaf if x is None else x)
            if x is not None:
                watched.inputs.append(x)
                watched.input_names.append(name if whole else f"{name}.{i}")
        given.append(unflatten(structure_, wrapped))
    try:
        watched.result = f(*given, **keywords)
    except Exception as error:
        watched.error = error
    return watched


def _observed_input(leaf: Any, watched: run, *, whole: bool) -> observed | None:
    made = input_node(leaf, copy=True, integers=whole)
    if made is None:
        return None
    x = new(observed)
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
            names += [f"{p.name}{i}" for i in range(count - len(names))]
    names += [f"argument{i}" for i in range(len(names), count)]
    return names[:count]


def _place() -> place | None:
    """Return the innermost place outside chainrule and NumPy that is running."""
    frame = sys._getframe(2)
    while frame is not None:
        filename = frame.f_code.co_filename
        if not filename.startswith(_OURS) and not filename.startswith("<chainrule "):
            spot = _positions(frame.f_code)[frame.f_lasti // 2]
            line, end_line, column, end_column = spot
            if line is None:
                return None
            name = frame.f_code.co_name
            return place(
                filename, name, line, end_line or line, column or 0, end_column or 0
            )
        frame = frame.f_back
    return None


@functools.lru_cache(maxsize=256)
def _positions(code: CodeType) -> list[tuple[Any, Any, Any, Any]]:
    return list(code.co_positions())


Span = tuple[int, int, int, int]


@functools.lru_cache(maxsize=64)
def assigned_names(filename: str) -> dict[Span, str]:
    """Return which expression, by its span, is assigned to which name in a file."""
    source = "".join(linecache.getlines(filename))
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return {}
    names: dict[Span, str] = {}
    for statement in ast.walk(tree):
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            _assigned(statement.targets[0], statement.value, names)
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


def name_at(spot: place) -> str | None:
    """Return the name that the expression at a place is assigned to, if any."""
    span = (spot.line, spot.end_line, spot.column, spot.end_column)
    return assigned_names(spot.filename).get(span)


__all__ = ["departure", "name_at", "observed", "place", "run", "watch"]
