"""Calls on nodes: a call of a compiled function is one operation with a derivative.

In: a compiled function, and the leaves of its arguments, of which some are nodes. Out:
the operation ``compiled_grad``, whose pullback and pushforward are compiled functions.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.compiler.dispatch.functions import apply, describe_function
from chainrule.compiler.dispatch.signature import Arrangement
from chainrule.compiler.tracing.trace import joined
from chainrule.compiler.tracing.traced import value_of
from chainrule.errors import StaleValueError
from chainrule.nodes.admission import holds_nodes, kept
from chainrule.nodes.recorder import record, stacked
from chainrule.rules import general
from chainrule.rules.supports import is_inexact
from chainrule.transforms.gradients import with_labels
from chainrule.transforms.one_run import run_of, with_zeros
from chainrule.transforms.recorded_call import Recording
from chainrule.values.containers import flatten, stripped, unflatten
from chainrule.values.types import Namespace
from chainrule.values.vertices import first_stand_in, raw, vertex

if TYPE_CHECKING:
    from chainrule.compiler.dispatch.compiled import Compiled


class Call:
    """A call of a compiled function on nodes: which leaves they are, and the others."""

    def __init__(
        self,
        compiled: Compiled,
        positions: tuple[int, ...],
        leaves: Sequence[Any],
        arrangement: Arrangement,
        statics: Mapping[str, Any],
    ) -> None:
        """Keep the leaves that are no nodes; ``positions`` are those of the nodes."""
        self.compiled = compiled
        self.positions = positions
        nodes = set(positions)
        self.others: list[Any] = [
            None if i in nodes else kept(x) for i, x in enumerate(leaves)
        ]
        self.arrangement = arrangement
        self.statics = statics
        self.structure: Any = None  # known once the forward has run
        """That of the result, once it is known."""

    def __repr__(self) -> str:
        """Show which function is called."""
        return describe_function(self.compiled.f)

    def without_leaves(self) -> Call:
        """Return such a call without its leaves, which ``run`` is given."""
        leaves = [None] * len(self.others)
        return Call(
            self.compiled, self.positions, leaves, self.arrangement, self.statics
        )

    def run(
        self, f: Callable[..., Any], operands: Sequence[Any], others: Sequence[Any]
    ) -> Any:
        """Call a function with operands at their positions among the other leaves."""
        leaves = list(others)
        for i, x in zip(self.positions, operands, strict=True):
            leaves[i] = x
        args, keywords = self.arrangement.arguments(leaves)
        return apply(f, self.compiled.parameters, args, keywords, self.statics)

    def values(self, operands: Sequence[Any]) -> tuple[Any, ...]:
        """Return the leaves of the result for plain operands."""
        result = self.run(self.compiled, operands, self.others)
        leaves, self.structure = flatten(result)
        return tuple(joined(leaves))


def recorded(
    compiled: Compiled,
    leaves: Sequence[Any],
    arrangement: Arrangement,
    statics: Mapping[str, Any],
) -> Any:
    """Record a call on nodes as one operation.

    Where they are watched it is no operation: the function runs as it is written.
    """
    if any(isinstance(x, vertex) and x.runs_python for x in leaves):
        args, keywords = arrangement.arguments(leaves)
        return apply(compiled.f, compiled.parameters, args, keywords, statics)
    leaves = [stacked(x) if holds_nodes(x) else x for x in leaves]
    positions = tuple(i for i, x in enumerate(leaves) if isinstance(x, vertex))
    call = Call(compiled, positions, leaves, arrangement, statics)
    results = record(compiled_grad, [leaves[i] for i in positions], {"call": call})
    return unflatten(call.structure, list(results))


def on_values(
    compiled: Compiled, args: tuple[Any, ...], keywords: dict[str, Any]
) -> Any:
    """Call a function with the values of pandas' objects; label its gradients."""
    values, named = stripped((args, keywords))
    return with_labels(compiled.f, compiled(*values, **named), args, keywords)


def derivative_of(call: Call, what: str) -> Callable[..., tuple[Any, ...]]:
    """Return the pullback or pushforward of a kind of call, to be compiled."""
    sweep = _pullback if what == "pullback" else _pushforward
    f = call.compiled.f
    derivative = functools.partial(sweep, f, call.without_leaves())
    functools.update_wrapper(derivative, f)
    return derivative


_KNOWN: ContextVar[Sequence[Any] | None] = ContextVar("results", default=None)
"""The results of the call whose derivative is asked for, if these are values."""


def _derived(
    call: Call, what: str, operands: Sequence[Any], moved: Sequence[Any], z: Any
) -> Sequence[Any]:
    """Call the compiled pullback or pushforward, which may look at the results."""
    values = list(map(raw, z))
    token = _KNOWN.set(None if first_stand_in(*values) is not None else values)
    try:
        return call.compiled.derived(call, what)(operands, call.others, moved)
    finally:
        _KNOWN.reset(token)


def _run_of(
    f: Callable[..., Any], call: Call, operands: Sequence[Any], others: Sequence[Any]
) -> Recording:
    """Record a run of a function; refuse one that no longer returns what it did.

    A program keeps what the function read from outside when that was traced. Its
    derivative is traced later.
    """
    known = _KNOWN.get()
    token = _KNOWN.set(None)
    try:
        run = run_of(_outputs(f, call, others), operands, range(len(operands)))
    finally:
        _KNOWN.reset(token)
    if known is None or call.compiled.options.fastmath:
        return run
    inexact = [x for x in known if is_inexact(x)]
    size = max([1.0, *(_largest(value_of(raw(x))) for x in operands)])
    for x, y in zip(inexact, run.outputs, strict=False):
        if apart := _beyond_rounding(x, value_of(raw(y)), size):
            raise StaleValueError(
                f"{call!r} returns other numbers (by {apart:.2g}) where it is traced "
                "for its derivative than its program does: what it reads from outside "
                "has changed, or it draws random numbers: pass that as an argument. Or "
                "compile the derivative: gd.compile(gd.grad(f))."
            )
    return run


def _beyond_rounding(x: Any, y: Any, size: float) -> float:
    """Return by how much results differ; 0 where a sum that cancels may do so."""
    if np.shape(x) != np.shape(y):
        return np.inf
    double = np.finfo(np.result_type(x, y)).eps < 1e-12
    relative, absolute = (1e-6, 1e-9) if double else (1e-2, 1e-4)
    with np.errstate(all="ignore"):
        apart = _largest(np.subtract(x, y))
    return apart if apart > relative * _largest(x) + absolute * size else 0.0


def _largest(x: Any) -> float:
    """Return the largest size of finite entries; 0 of none."""
    sizes = np.abs(x)
    return float(np.max(sizes, where=np.isfinite(sizes), initial=0))


def _outputs(
    f: Callable[..., Any], call: Call, others: Sequence[Any]
) -> Callable[..., tuple[Any, ...]]:
    """Return the function from operands to the inexact leaves of the result."""

    def outputs(*operands: Any) -> tuple[Any, ...]:
        leaves = joined(flatten(call.run(f, operands, others))[0])
        return tuple(x for x in leaves if is_inexact(raw(x)))

    return outputs


def _pullback(
    f: Callable[..., Any],
    call: Call,
    operands: Sequence[Any],
    others: Sequence[Any],
    seeds: Sequence[Any],
) -> tuple[Any, ...]:
    """Return the cotangents of operands, one run of ``f`` swept backwards."""
    run = _run_of(f, call, operands, others)
    bars, _ = run.pull({i: g for i, g in enumerate(seeds)})  # noqa: C416
    return tuple(with_zeros(bars, operands))


def _pushforward(
    f: Callable[..., Any],
    call: Call,
    operands: Sequence[Any],
    others: Sequence[Any],
    tangents: Sequence[Any],
) -> tuple[Any, ...]:
    """Return the tangents of the results, one run of ``f`` swept forwards."""
    run = _run_of(f, call, operands, others)
    dots, _ = run.push(tangents)
    return tuple(with_zeros(dots, run.outputs))


class compiled_grad(general, kind=True):
    """z = f(x, y, ...), a compiled function; its derivative is compiled too"""

    variadic = True
    outputs = 2

    @staticmethod
    def forward(*operands: Any, call: Call) -> Any:
        """Return the leaves of the result."""
        return call.values(operands)

    @staticmethod
    def pullback(
        xp: Namespace,
        z_grad: Sequence[Any],
        z: Sequence[Any],
        *operands: Any,
        call: Call,
    ) -> Any:
        """Return the cotangents, by the compiled pullback."""
        pairs = zip(with_zeros(z_grad, z), z, strict=True)
        seeds = tuple(g for g, v in pairs if is_inexact(raw(v)))
        return _derived(call, "pullback", operands, seeds, z)

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Any],
        z: Sequence[Any],
        *operands: Any,
        call: Call,
    ) -> Any:
        """Return the tangents, by the compiled pushforward."""
        given = tuple(with_zeros(tangents, operands))
        dots = iter(_derived(call, "pushforward", operands, given, z))
        return tuple(next(dots) if is_inexact(raw(v)) else None for v in z)
