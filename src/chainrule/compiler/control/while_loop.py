"""while_loop: Python's while where it is not traced, and else one row for any count."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from chainrule.compiler.control.bodies import FlatFunction, Leaves, traced_in
from chainrule.compiler.control.carries import check_carry
from chainrule.compiler.control.loop_rule import loop_in_trace
from chainrule.compiler.control.loops import While
from chainrule.compiler.control.python_steps import Watch
from chainrule.compiler.tracing.trace import Trace
from chainrule.compiler.tracing.traced import Traced
from chainrule.numpy.making import private
from chainrule.transforms.as_called import AsCalled
from chainrule.values.containers import flatten, map_leaves, unflatten
from chainrule.values.foreign import refuse_branch
from chainrule.values.vertices import raw


def while_loop(
    condition: Callable[[Any], Any], body: Callable[[Any], Any], init: Any
) -> Any:
    """Return the first carry for which the condition fails.

    ``carry = init``, then ``carry = body(carry)`` while ``condition(carry)``. Outside
    ``compile`` it is Python's ``while``. Compiled, it is traced once, whatever the
    number of steps. Both are differentiated in both directions, at any order.

    Parameters
    ----------
    condition
        Says of a carry whether to take another step.
    body
        Returns the next carry, of the same structure, shapes and dtypes.
    init
        The first carry: numbers, arrays, or a container of them.

    Raises
    ------
    ShapeError
        If the carry changes its structure or shapes.
    CompileError
        When compiled, if ``body`` branches in Python on a value of a step.

    Notes
    -----
    A compiled reverse sweep keeps the carries of all steps, as far as it reads them;
    nothing else does. A loop of no steps returns ``init``, with the derivative 1.

    Examples
    --------
    >>> import chainrule as gd
    >>> def heron(a):
    ...     def better(x):
    ...         return (x + a / x) / 2
    ...
    ...     return gd.while_loop(lambda x: abs(x * x - a) > 1e-12, better, a)
    >>> round(heron(2.0), 6), round(gd.compile(gd.grad(heron))(2.0), 6)
    (1.414214, 0.353553)
    """
    home = traced_in(flatten(init)[0])
    if home is not None:
        return _in_trace(home, condition, body, init)
    carry = map_leaves(private, init)
    watch = Watch()
    while True:
        arguments = watch.begin(carry)
        holds = raw(condition(carry))
        if isinstance(holds, Traced):  # what the condition closes over is traced
            return _in_trace(holds.home.innermost(), condition, body, carry)
        refuse_branch(holds)
        if not holds:
            return carry
        before, structure = flatten(carry)
        after, of_after = flatten(body(arguments))
        check_carry(before, after, same_structure=of_after == structure)
        row = watch.row(  # what the body closes over may be traced as well
            [*before, *after],
            functools.partial(_wrapped, condition, body, carry),
        )
        if row is not None:
            return row[0]
        carry = unflatten(structure, after)


def _wrapped(
    condition: Callable[[Any], Any], body: Callable[[Any], Any], carry: Any, home: Trace
) -> tuple[Any]:
    """Return the loop's row, inside a tuple: its result may be ``None``."""
    return (_in_trace(home, condition, body, carry),)


def _in_trace(
    home: Trace, condition: Callable[[Any], Any], body: Callable[[Any], Any], init: Any
) -> Any:
    """Add the loop to a trace as one row."""
    structure = flatten(init)[1]
    again = AsCalled(body)
    again.keep()

    def holds(*leaves: Any) -> list[Any]:
        return [raw(condition(unflatten(structure, list(leaves))))]

    def step(carry: Any, _: None) -> tuple[Any, None]:
        return again(carry), None

    def make(flat: FlatFunction, carries: Leaves, _: Leaves) -> While:
        return While(home, flat, holds, carries)

    last = loop_in_trace(step, init, None, make).last
    again.over()
    return last
