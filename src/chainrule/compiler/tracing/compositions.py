"""Composed functions of traced values: the rows of their parts, as nodes record them.

NumPy's function is one row where its composition does not do the same for the example:
where it refuses the call, decides on a value, or returns another class, shape, dtype or
view than NumPy does.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.compiler.tracing.active import ACTIVE, is_protected
from chainrule.compiler.tracing.calls import named
from chainrule.compiler.tracing.protection import deepest, may_raise
from chainrule.compiler.tracing.rows import NUMBERS, Function
from chainrule.compiler.tracing.traced import Traced, values_of
from chainrule.nodes.joined import joined
from chainrule.nodes.tables import FUNCTIONS
from chainrule.rules import composed, rule_of, traits_of
from chainrule.values.quiet import quietly
from chainrule.values.shapes import ARRAYS, SEQUENCES, is_read_only, ndarray
from chainrule.values.types import Operation
from chainrule.values.versions import shares

if TYPE_CHECKING:
    from chainrule.compiler.tracing.trace import Trace


def composition_of(function: Function) -> Operation | None:
    """Return what a function of NumPy's, or a ufunc's method, is composed of.

    ``None`` stands for one row: of a rule's forward, of what only moves entries, and of
    a function whose parts are slower than itself, or round otherwise.
    """
    known = rule_of(function)
    if known is not None:
        own = known.forward is function and not issubclass(known, composed)
        if own or known.moves or known.primitive:
            return None
    ufunc = getattr(function, "__self__", None)
    if isinstance(ufunc, np.ufunc):
        one = traits_of(function).accumulates is not None
        parts = None if one else FUNCTIONS.get((ufunc, function.__name__))
    else:
        parts = FUNCTIONS.get(function)
    return None if hasattr(parts, "rule") else parts


def looks_at_memory(
    function: Function, args: Sequence[Any], given: Mapping[str, Any]
) -> bool:
    """Tell whether a call writes into its argument, or asks how it lies in memory."""
    option, asked = traits_of(function).of_memory
    return bool(asked) and named(function, args, given)[option] in asked


def by_parts(
    home: Trace, function: Function, args: Sequence[Any], given: Mapping[str, Any]
) -> Any:
    """Return the result of a composed function, by the rows of its parts.

    ``None`` if its call is one row.
    """
    parts = composition_of(function)
    if parts is None or function in ACTIVE.composing:
        return None
    if is_protected() and may_raise(function, args):
        return None
    expected = _UNKNOWN
    if not _holds_function([*args, *given.values()]):
        try:
            expected = function(*values_of(tuple(args)), **values_of(dict(given)))
        except Exception:  # the row raises it again
            return None
    before = list(map(_Mark, _traces(deepest(home, [*args, dict(given)]))))
    ACTIVE.composing.append(function)
    try:
        args_of_parts, named = joined(parts, args, given)
        z = quietly(functools.partial(parts, *args_of_parts, **named))
    except Exception:  # it does not take this call, or decides on a value
        z = None
    finally:
        ACTIVE.composing.pop()
    if _alike(z, expected, args) and not any(mark.decided() for mark in before):
        return z
    for mark in before:
        mark.restore()
    return None


def _traces(home: Trace) -> Iterator[Trace]:
    """Yield the traces that a call may add rows to."""
    seen: set[Trace] = set()
    for trace in (home, *ACTIVE.traces[-1:]):
        inner: Trace | None = trace
        while inner is not None and inner not in seen:
            seen.add(inner)
            yield inner
            inner = inner.parent


class _Mark:
    """How far a trace has come."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.lists: list[tuple[list[Any], int]] = [
            (x, len(x)) for x in (trace.rows, trace.guards, trace.checks, trace.mapped)
        ]
        self.captured: int = len(trace.captured)
        self.raised = trace.raised

    def decided(self) -> bool:
        """Tell whether a guard was added, or a row whose shape depends on values."""
        (rows, before), (guards, count) = self.lists[:2]
        return len(guards) > count or any(row.where for row in rows[before:])

    def restore(self) -> None:
        """Forget what came since."""
        for x, count in self.lists:
            del x[count:]
        while len(self.trace.captured) > self.captured:
            self.trace.captured.popitem()
        self.trace.raised = self.raised


def _holds_function(x: Any) -> bool:
    """Tell whether the user's function is among arguments: it is called once only."""
    if isinstance(x, SEQUENCES):
        return any(map(_holds_function, x))
    return callable(x) and not isinstance(x, type)


_UNKNOWN: Any = object()


def _alike(z: Any, expected: Any, args: Sequence[Any]) -> bool:
    """Tell whether a result is of the kind that NumPy's is, for the example."""
    if expected is _UNKNOWN:
        return isinstance(z, Traced)
    if isinstance(expected, SEQUENCES):
        return (
            type(z) is type(expected)
            and len(z) == len(expected)
            and all(_alike(*pair, args) for pair in zip(z, expected, strict=True))
        )
    if not isinstance(z, Traced) or type(z.value) is not type(expected):
        return False
    if not isinstance(expected, ndarray):
        return isinstance(expected, (*ARRAYS, *NUMBERS)) and z.dtype == expected.dtype
    value: Any = z.value
    return (
        value.shape == expected.shape
        and value.dtype == expected.dtype
        and value.strides == expected.strides
        and is_read_only(value) == is_read_only(expected)
        and all(
            shares(value, x.value) == shares(expected, x.value)
            for x in args
            if isinstance(x, Traced)
        )
    )
