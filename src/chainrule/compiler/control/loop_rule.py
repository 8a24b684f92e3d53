"""The rule of loops: the derivative of a loop is a loop, at every order.

Backwards it is a loop from the last step to the first, over the histories of the
carries. Its carries are the cotangents of the carries and of nodes that the body closes
over, and a step of it sweeps one step of the body. Forwards it is a loop over the same
steps, with the tangents beside the carries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from chainrule import operations
from chainrule.compiler.control.bodies import (
    FlatFunction,
    Leaves,
    example_of,
    lie_as,
    traced_in,
)
from chainrule.compiler.control.carries import check_carry, promote
from chainrule.compiler.control.loops import Loop
from chainrule.compiler.tracing.trace import joined
from chainrule.nodes.recorder import record
from chainrule.rules import rule
from chainrule.rules.general_rule import results_of
from chainrule.rules.supports import add_values, is_inexact, supported, zeros_of
from chainrule.transforms.one_run import (
    run_backwards,
    run_forwards,
    wanted_of,
    with_zeros,
)
from chainrule.values.containers import flatten, unflatten
from chainrule.values.types import Namespace, Parameters, Result
from chainrule.values.vertices import raw

Step = Callable[[Any, Any], tuple[Any, Any]]
"""A step of a loop: of a carry and an x, it returns the next carry and a y."""


class Looped(NamedTuple):
    """What a loop returns: its last carry, the ys, and the histories of its carries."""

    last: Any
    ys: Any
    histories: Sequence[Any]


def loop_in_trace(
    step: Step, init: Any, xs: Any, make: Callable[[FlatFunction, Leaves, Leaves], Loop]
) -> Looped:
    """Run a loop as one row of a trace, which for sweeps is one operation.

    ``make`` returns the loop, from the step as a function of leaves, the leaves of the
    first carry, and those of the xs.
    """
    carries, of_carry = flatten(init)
    columns, of_xs = flatten(xs)
    n = len(carries)
    structures: list[Any] = []
    layouts: list[Any] = []  # which runs of the step for sweeps see again

    def flat(*leaves: Any) -> list[Any]:
        layouts.extend(map(example_of, leaves if not layouts else ()))
        for x, like in zip(leaves, layouts, strict=True):
            lie_as(raw(x), like)
        carry = unflatten(of_carry, list(leaves[:n]))
        carry, y = step(carry, unflatten(of_xs, list(leaves[n:])))
        after, structure = flatten(carry)
        check_carry(leaves[:n], after, same_structure=structure == of_carry)
        ys, of_y = flatten(y)
        structures[:] = [of_y]
        return joined([*after, *ys])

    loop = make(flat, carries, columns)
    while promote(loop.home, carries, loop.body):
        layouts.clear()
        loop = make(flat, carries, columns)
    operands = [*carries, *columns, *loop.body.closed]
    results = record(loop_grad, operands, {"loop": loop})
    for z, like in zip(results, loop.body.likes[:n], strict=False):
        lie_as(raw(z), like)
    return Looped(
        unflatten(of_carry, list(results[:n])),
        unflatten(structures[0], list(results[n : loop.returned])),
        results[loop.returned :],
    )


class loop_grad(rule, kind=True):
    """z = a loop, from its first carries, its xs and nodes that its body closes over"""

    outputs = 2

    @staticmethod
    def forward(*operands: Any, loop: Loop) -> Any:
        """Return the last carries, the ys, and the histories of the carries."""
        return loop.values(operands[: loop.carried + loop.mapped])

    @classmethod
    def pull(
        cls,
        xp: Namespace,
        z_bar: supported,
        z: Result,
        operands: Sequence[Any],
        wanted: Sequence[int],
        parameters: Parameters,
    ) -> Iterator[tuple[int, supported]]:
        """Loop over the same steps from the last one, each with a sweep of its own."""
        loop: Loop = parameters["loop"]
        n, m, closed = loop.carried, loop.mapped, loop.body.closed
        results = results_of(xp, z)
        bars: list[Any] = list(z_bar.value)
        stacked = [i for i in range(n, len(bars)) if bars[i] is not None]
        free = loop.moving_carries
        lasts = with_zeros([bars[i] for i in free], [results[i] for i in free])
        none = with_zeros([None] * len(closed), closed)
        looped = _over_same_steps(
            loop,
            _step_back(xp, loop, operands, stacked),
            (lasts, none),
            (
                list(results[loop.returned :]),
                list(operands[n : n + m]),
                [bars[i] for i in stacked],
            ),
            reverse=not loop.reverse,
            history=range(len(free)),  # to the sums of closed nodes a step only adds
        )
        firsts, sums = looped.last
        places = [*loop.moving, *range(n + m, n + m + len(closed))]
        pairs = zip(places, [*firsts, *looped.ys, *sums], strict=True)
        yield from wanted_of(dict(pairs), wanted)

    @classmethod
    def push(
        cls,
        xp: Namespace,
        tangents: Sequence[supported | None],
        z: Result,
        operands: Sequence[Any],
        parameters: Parameters,
    ) -> supported | None:
        """Loop over the same steps, with the tangents beside the carries."""
        loop: Loop = parameters["loop"]
        n, m, free = loop.carried, loop.mapped, loop.moving_carries
        dots = with_zeros(tangents, operands)
        xs = list(operands[n : n + m])
        history = [
            *loop.history,
            *(n + k for k, i in enumerate(free) if i in loop.history),
        ]
        looped = _over_same_steps(
            loop,
            _step_ahead(xp, loop, dots[n + m :]),
            (list(operands[:n]), [dots[i] for i in free]),
            (xs, [dots[i] for i in loop.moving if i >= n]),
            reverse=loop.reverse,
            history=history,
        )
        last = dict(zip(free, looped.last[1], strict=True))
        moving = [i for i in free if i in loop.history]
        histories = dict(
            zip(moving, looped.histories[len(loop.history) :], strict=True)
        )
        return supported(
            (*map(last.get, range(n)), *looped.ys, *map(histories.get, loop.history))
        )


def _over_same_steps(
    loop: Loop,
    step: Step,
    init: Any,
    xs: Leaves,
    *,
    reverse: bool,
    history: Sequence[int],
) -> Looped:
    """Loop over the steps of another loop, in the same trace or one inside it."""

    def make(flat: FlatFunction, carries: Leaves, columns: Leaves) -> Loop:
        home = traced_in([*carries, *columns, loop.count]) or loop.home.innermost()
        return loop.over_same_steps(
            home, flat, carries, columns, loop.count, reverse=reverse, history=history
        )

    return loop_in_trace(step, init, xs, make)


def _step_back(
    xp: Namespace, loop: Loop, operands: Leaves, stacked: Sequence[int]
) -> Step:
    """Return the step of the loop backwards: a sweep of one step of a loop.

    Its carry are the cotangents of that one's carries, and sums of those of closed
    nodes. Its xs are the histories, that one's xs, and cotangents of ``stacked``
    results.
    """
    n, moving, free = loop.carried, loop.moving, loop.moving_carries
    closed = loop.body.closed_then
    of_history = {i: loop.returned + k for k, i in enumerate(loop.history)}
    zeros = [None if i in of_history else zeros_of(raw(operands[i])) for i in range(n)]
    inexact = list(map(is_inexact, loop.body.likes))

    def back(carry: Any, x: Any) -> Any:
        carry_bars, sums = carry
        histories, xs, stacked_bars = x
        bars = dict(zip(free, carry_bars, strict=True))
        bars |= zip(stacked, stacked_bars, strict=True)
        leaves = [*zeros, *xs]
        for i, value in zip(loop.history, histories, strict=True):
            leaves[i] = value
        seeds = [bars.get(i) if moves else None for i, moves in enumerate(inexact)]
        swept = run_backwards(
            xp, loop.flat, leaves, moving, closed, seeds, goes_on=True
        )
        before = [
            add_values(bar, bars.get(of_history.get(i, -1)))
            for i, bar in zip(free, swept, strict=False)
        ]
        sums = list(map(add_values, sums, swept[len(moving) :]))
        return (before, sums), swept[len(free) : len(moving)]

    return back


def _step_ahead(xp: Namespace, loop: Loop, closed_dots: Leaves) -> Step:
    """Return the step of a loop with tangents beside its carries and xs."""
    n, moving, free = loop.carried, loop.moving, loop.moving_carries
    closed = loop.body.closed_then

    def ahead(carry: Any, x: Any) -> Any:
        values, carry_dots = carry
        xs, x_dots = x
        after, dots = run_forwards(
            xp,
            loop.flat,
            [*values, *xs],
            moving,
            closed,
            [*carry_dots, *x_dots, *closed_dots],
            goes_on=True,
        )
        if xp is not operations:
            after = list(map(raw, after))
        return (after[:n], [dots[i] for i in free]), dots[n:]

    return ahead
