"""scan: a loop of known length, in Python where it is not traced, else one row.

Outside a trace it is an ordinary loop over arrays and nodes: it can be read, debugged
and differentiated like all else. In a trace the body is traced once (``loops.Scan``).
With ``checkpoint`` a scan is a scan over segments, and its derivative runs each segment
again.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chainrule import operations
from chainrule.compiler.control.bodies import (
    FlatFunction,
    Leaves,
    example_of,
    traced_in,
)
from chainrule.compiler.control.carries import check_carry, stacked
from chainrule.compiler.control.loop_rule import Step, loop_in_trace
from chainrule.compiler.control.loops import Loop, Scan
from chainrule.compiler.control.python_steps import StepResults, Watch
from chainrule.compiler.tracing.trace import Trace
from chainrule.errors import ArgumentError, ShapeError
from chainrule.numpy.making import private, private_part
from chainrule.transforms.as_called import AsCalled
from chainrule.values.containers import Structure, flatten, map_leaves, unflatten
from chainrule.values.shapes import shape_of

KEPT = 1 << 26
"""Bytes of carries up to which a scan keeps all of them, unless told otherwise."""


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any,
    length: int | None = None,
    *,
    reverse: bool = False,
    checkpoint: int | None = None,
) -> tuple[Any, Any]:
    """Return the last carry, and the results of all steps, stacked.

    Step t is ``carry, ys[t] = f(carry, xs[t])``, from ``carry = init``. Outside
    ``compile`` it is a Python loop. Compiled, ``f`` is traced once, so compiling takes
    the same time for any number of steps, and the derivative is a scan as well.

    Parameters
    ----------
    f
        Returns the next carry, of the same structure, shapes and dtypes, and a result.
    init
        The first carry: numbers, arrays, or a container of them.
    xs
        Arrays of one length, or a container of them; ``None`` if there are none.
    length
        The number of steps, where ``xs`` is ``None``.
    reverse
        Whether to go from the last step to the first.
    checkpoint
        What a compiled reverse sweep keeps. With ``k``, the carry before each segment
        of ``k`` steps; the steps of a segment are run again when the sweep comes to
        it. With 0, the carries of all steps. By default all, up to 64 MiB, and above
        that those of segments of about the square root of the number of steps.

    Raises
    ------
    ArgumentError
        If ``checkpoint`` is neither a number of steps nor ``None``.
    ShapeError
        If the carry changes its structure or shape, or lengths differ.
    CompileError
        When compiled, if ``f`` branches in Python on a value of a step.

    Notes
    -----
    With ``n`` steps and ``checkpoint=k`` a reverse sweep holds ``n/k + k`` carries
    instead of ``n``, fewest where ``k`` is the square root of ``n``, and runs ``f``
    once more per step (Griewank & Walther, Evaluating Derivatives, chapter 12). The
    result is the same. Outside ``compile`` the argument is only checked.

    Examples
    --------
    >>> import chainrule as gd, numpy as np
    >>> def step(total, x):
    ...     return total + x, total * x
    >>> gd.scan(step, 0.0, np.array([1.0, 2.0, 3.0]))
    (np.float64(6.0), array([0., 2., 9.]))
    >>> last = gd.compile(gd.grad(lambda xs: gd.scan(step, 0.0, xs, checkpoint=2)[0]))
    >>> last(np.array([1.0, 2.0, 3.0]))
    array([1., 1., 1.])
    """
    segment = _segment_length(checkpoint)
    leaves, structure = flatten(xs)
    step = AsCalled(f)
    scanned = _Scanned(step, structure, segment, reverse=reverse)
    found = scanned.run(init, leaves, _length(leaves, length))
    step.over()
    return found


@dataclass(frozen=True)
class _Scanned:
    """A scan: its step, the structure of its xs, and how it is run.

    Attributes
    ----------
    segment
        Of so many steps a sweep keeps the first carry only; 0 to keep all carries,
        ``None`` to decide by their size.
    """

    step: AsCalled
    of_xs: Structure
    segment: int | None
    reverse: bool

    def run(self, init: Any, xs: Leaves, count: int) -> tuple[Any, Any]:
        """Return the last carry and the ys: by rows of a trace, or a loop in Python."""
        home = traced_in([*flatten(init)[0], *xs])
        if home is not None and count:
            return self.in_trace(home, init, xs, count)
        return self.in_python(init, xs, count)

    def in_trace(
        self, home: Trace, init: Any, xs: Leaves, count: int
    ) -> tuple[Any, Any]:
        """Scan as one row of a trace; over segments, if they are shorter."""
        self.step.keep()
        steps = self.segment
        if steps is None:
            steps = _default_length(count, flatten(init)[0])
        if 0 < steps < count:
            return self.in_segments(home, init, xs, count, steps)
        return self._row(home, self.step, init, unflatten(self.of_xs, list(xs)), count)

    def _row(
        self, home: Trace, step: Step, init: Any, xs: Leaves, count: int
    ) -> tuple[Any, Any]:
        def make(flat: FlatFunction, carries: Leaves, columns: Leaves) -> Loop:
            every = range(len(carries))
            return Scan(
                home, flat, carries, columns, count, reverse=self.reverse, history=every
            )

        looped = loop_in_trace(step, init, xs, make)
        return looped.last, looped.ys

    def in_segments(
        self, home: Trace, init: Any, xs: Leaves, count: int, steps: int
    ) -> tuple[Any, Any]:
        """Scan over segments, each a scan of so many steps; and over what is left.

        The outer scan keeps one carry per segment. Its derivative runs its body again,
        so the carries of a segment are kept while the sweep is in it.
        """
        rest = count % steps
        whole, segments = count - rest, count // steps
        inside = replace(self, segment=0)

        def segment(carry: Any, parts: Leaves) -> Any:
            return inside.run(carry, parts, steps)

        def head(carry: Any) -> tuple[Any, list[Any], Any]:
            parts = [
                np.reshape(x[:whole], (segments, steps, *shape_of(x)[1:])) for x in xs
            ]
            last, stacked = self._row(home, segment, carry, parts, segments)
            ys, of_y = flatten(stacked)
            flat = [np.reshape(y, (whole, *shape_of(y)[2:])) for y in ys]
            return last, flat, of_y

        def tail(carry: Any) -> tuple[Any, list[Any]]:
            last, ys = inside.in_trace(home, carry, [x[whole:] for x in xs], rest)
            return last, flatten(ys)[0]

        if not rest:
            last, ys, of_y = head(init)
            return last, unflatten(of_y, ys)
        if self.reverse:
            carry, ends = tail(init)
            last, starts, of_y = head(carry)
        else:
            carry, starts, of_y = head(init)
            last, ends = tail(carry)
        pairs = zip(starts, ends, strict=True)
        return last, unflatten(of_y, [operations.concatenate(list(p)) for p in pairs])

    # ------------------------------------------------------------------- in Python

    def in_python(self, init: Any, xs: Leaves, count: int) -> tuple[Any, Any]:
        """Scan by a loop in Python, until a step returns values of a trace."""
        carry, of_y = map_leaves(private, init), None
        results, watch = StepResults(), Watch()
        order = range(count)
        for t in reversed(order) if self.reverse else order:
            before, of_carry = flatten(carry)
            arguments = watch.begin(carry)
            x = unflatten(self.of_xs, [private_part(x, t) for x in xs])
            last, y = self.step(arguments, x)
            after, structure = flatten(last)
            check_carry(before, after, same_structure=structure == of_carry)
            ys, of_y = flatten(y)
            rest = slice(t + 1) if self.reverse else slice(t, None)
            row = watch.row(
                [*before, *after, *ys],
                functools.partial(self._rest, carry, xs, rest, len(order[rest])),
            )
            if row is not None:
                last, ys, of_y = row
                return last, self._joined(results.all(), ys, of_y)
            carry = unflatten(of_carry, after)  # with its keys in the first one's order
            results.add(ys)
        if not count:
            return carry, None
        return carry, self._joined(results.all(), None, of_y)

    def _rest(
        self, carry: Any, xs: Leaves, rest: slice, count: int, home: Trace
    ) -> tuple[Any, list[Any], Any]:
        """Return the last carry, and the ys of the rest and their structure."""
        last, ys = self.in_trace(home, carry, [x[rest] for x in xs], count)
        return last, *flatten(ys)

    def _joined(self, steps: list[list[Any]], rest: Leaves | None, of_y: Any) -> Any:
        """Return the ys of single steps, and those of the rest, stacked."""
        found: list[Any] = []
        if steps:
            order = steps[::-1] if self.reverse else steps
            found = [stacked(y) for y in zip(*order, strict=True)]
        if rest is not None:
            found = self._concatenated(found or [None] * len(rest), rest)
        return unflatten(of_y, found)

    def _concatenated(self, first: Sequence[Any], second: Sequence[Any]) -> list[Any]:
        """Return the ys of steps and of later steps as one; ``None`` is no steps."""
        pairs = zip(first, second, strict=True)
        ordered = [pair[::-1] if self.reverse else pair for pair in pairs]
        parts = [[y for y in pair if y is not None] for pair in ordered]
        return [p[0] if len(p) == 1 else operations.concatenate(p) for p in parts]


def _segment_length(checkpoint: int | None) -> int | None:
    """Return the steps of a segment, 0 to keep all carries, ``None`` by default."""
    if checkpoint is None:
        return None
    try:
        steps = operator.index(checkpoint)
    except TypeError:
        steps = -1
    if steps < 0 or checkpoint is True:
        raise ArgumentError(
            "scan needs checkpoint= the number of steps in a segment, 0 to keep all "
            f"carries, or None; received {checkpoint!r}. Write checkpoint=100, for "
            "example."
        )
    return steps


def _default_length(count: int, carries: Leaves) -> int:
    """Return 0, or where all carries are more than ``KEPT``, about sqrt(count)."""
    size = sum(np.asarray(example_of(x)).nbytes for x in carries)
    steps = math.isqrt(count)
    return steps if count * size > KEPT and steps > 1 else 0


def _length(rows: Leaves, length: int | None) -> int:
    lengths: set[Any] = {shape_of(x)[0] if shape_of(x) else None for x in rows}
    if length is not None:
        lengths.add(length)
    if len(lengths) != 1 or None in lengths:
        raise ShapeError(
            "scan needs arrays of one length along their first axis, or xs=None and "
            f"length=; received lengths {sorted(lengths, key=str) or 'of nothing'}."
        )
    return int(next(iter(lengths)))
