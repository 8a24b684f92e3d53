"""Loops: scan and cond, as plain Python where they are not traced.

Outside a trace they are ordinary loops and branches over arrays and nodes: they can be
read, debugged and differentiated like all else. In a trace the body is traced once, by
itself, and becomes one row, whose ``Loop`` or ``Branches`` replays the body's program.
For sweeps that row is one operation. The derivative of a scan is a scan: backwards over
the carries that the forward one kept; that of a cond is a cond. With ``checkpoint`` a
scan is a scan over segments, and its derivative runs each segment again.
"""

from __future__ import annotations

import copy
import functools
import math
import operator
from collections.abc import Callable, Container, Sequence
from typing import Any

import numpy as np

from chainrule import operations
from chainrule.compiler.control.bodies import (
    Body,
    Flat,
    Leaves,
    Results,
    Watch,
    example_of,
    traced_in,
)
from chainrule.compiler.executors import choice as executors
from chainrule.compiler.progress import watched
from chainrule.compiler.tape.lowering import CannotLowerError
from chainrule.compiler.tape.scan_tape import TapeLoop
from chainrule.compiler.tracing.rows import NUMBERS
from chainrule.compiler.tracing.trace import Trace, joined
from chainrule.compiler.tracing.traced import Traced
from chainrule.errors import ArgumentError, ShapeError
from chainrule.nodes.node_class import node
from chainrule.nodes.recorder import record
from chainrule.numpy.in_place import private, private_part
from chainrule.rules import rule
from chainrule.rules.supports import add_values, is_inexact, supported, zeros_of
from chainrule.transforms.one_run import (
    run_backwards,
    run_forwards,
    wanted_of,
    with_zeros,
)
from chainrule.values.containers import LEAF, flatten, key_orders, map_leaves, unflatten
from chainrule.values.shapes import describe, dtype_of, kind_of, shape_of
from chainrule.values.vertices import raw

KEPT = 1 << 26
"""Bytes of carries up to which a scan keeps all of them, unless told otherwise."""

# ------------------------------------------------------------------------------- scan


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
    given = _segment_length(checkpoint)
    rows, of_xs = flatten(xs)

    def traced(home: Trace, carry: Any, rows: Leaves, count: int) -> tuple[Any, Any]:
        steps = given
        if steps is None:
            steps = _default_length(count, flatten(carry)[0])
        if 0 < steps < count:
            return _scan_in_segments(
                home, f, carry, rows, of_xs, count, steps, reverse=reverse
            )
        xs = unflatten(of_xs, list(rows))
        return _row_of_scan(home, f, carry, xs, count, reverse=reverse)

    count = _length(rows, length)
    return _scan(f, init, rows, of_xs, count, traced, reverse=reverse)


def _scan(
    f: Callable[..., Any], init: Any, rows: Leaves, of_xs: Any, count: int,
    traced: Callable[..., tuple[Any, Any]], *, reverse: bool,
) -> tuple[Any, Any]:  # fmt: skip
    """Scan by a loop in Python, or by ``traced(home, init, rows, count)``."""
    home = traced_in([*flatten(init)[0], *rows])
    if home is not None and count:
        return traced(home, init, rows, count)
    return _scan_in_python(f, init, rows, of_xs, count, traced, reverse=reverse)


def _whole_scan(
    f: Callable[..., Any], init: Any, xs: Any, count: int, *, reverse: bool,
    keep: Sequence[int] | None = None,
) -> tuple[Any, Any]:  # fmt: skip
    """Scan without segments: by a loop in Python, or as one row of a trace."""
    rows, of_xs = flatten(xs)

    def traced(home: Trace, carry: Any, rows: Leaves, count: int) -> tuple[Any, Any]:
        xs = unflatten(of_xs, list(rows))
        return _row_of_scan(home, f, carry, xs, count, reverse=reverse, keep=keep)

    return _scan(f, init, rows, of_xs, count, traced, reverse=reverse)


def _row_of_scan(
    home: Trace, f: Callable[..., Any], init: Any, xs: Any, count: int,
    *, reverse: bool, keep: Sequence[int] | None = None,
) -> tuple[Any, Any]:  # fmt: skip
    """Scan as one row of a trace.

    ``keep`` has the places of the carries that a reverse sweep reads, all if ``None``.
    The step only adds to the others, so that no derivative depends on their values.
    """
    carries, structure = flatten(init)
    rows, of_xs = flatten(xs)
    kept = range(len(carries)) if keep is None else keep
    arranged: list[Any] = []

    def flat(*leaves: Any) -> list[Any]:
        carry = unflatten(structure, list(leaves[: len(carries)]))
        x = unflatten(of_xs, list(leaves[len(carries) :]))
        carry, y = f(carry, x)
        after, found = flatten(carry)
        check_carry(found == structure, leaves[: len(carries)], after)
        ys, of_y = flatten(y)
        arranged[:] = [of_y]
        return joined([*after, *ys])

    def made() -> Loop:
        return Loop(home, flat, carries, rows, count, reverse=reverse, keep=kept)

    loop = made()
    while promote(home, carries, loop.body.likes):
        loop = made()
    results = record(scan_grad, [*carries, *rows, *loop.body.closed], {"loop": loop})
    last, ys = results[: len(carries)], results[len(carries) : loop.shown]
    return unflatten(structure, list(last)), unflatten(arranged[0], list(ys))


def _scan_in_python(
    f: Callable[..., Any], carry: Any, rows: Leaves, of_xs: Any, count: int,
    traced: Callable[..., tuple[Any, Any]], *, reverse: bool,
) -> tuple[Any, Any]:  # fmt: skip
    """Scan by a loop in Python, until a step returns values of a trace."""
    steps = range(count)
    results = Results()
    of_y: Any = None
    watch = Watch()
    carry = map_leaves(private, carry)
    for t in reversed(steps) if reverse else steps:
        before, structure = flatten(carry)
        given = watch.begin(carry)
        last, y = f(given, unflatten(of_xs, [private_part(x, t) for x in rows]))
        after, found = flatten(last)
        check_carry(found == structure, before, after)
        last = unflatten(structure, after)  # with its keys in the first one's order
        ys, of_y = flatten(y)
        rest = slice(t + 1) if reverse else slice(t, None)
        row = watch.row([*before, *after, *ys], functools.partial(
            _rest_of_scan, traced, carry, rows, rest, len(steps[rest])
        ))  # fmt: skip
        if row is not None:
            ys = _joined_ys(results.columns(), *row[1:], reverse=reverse)
            return row[0], ys
        carry = last
        results.add(ys)
    if not count:
        return carry, None
    return carry, _joined_ys(results.columns(), None, of_y, reverse=reverse)


def _rest_of_scan(
    traced: Any, carry: Any, rows: Leaves, rest: slice, count: int, home: Trace
) -> tuple[Any, list[Any], Any]:
    """Return the last carry, the leaves of the ys and their structure."""
    last, ys = traced(home, carry, [x[rest] for x in rows], count)
    return last, *flatten(ys)


def _joined_ys(
    columns: list[list[Any]], rest: Leaves | None, of_y: Any, *, reverse: bool
) -> Any:
    """Return the results of single steps, and those of the rest, stacked."""
    stacked: list[Any] = []
    if columns:
        order = columns[::-1] if reverse else columns
        stacked = [operations.stack(list(c)) for c in zip(*order, strict=True)]
    if rest is not None:
        pairs = zip(stacked, rest, strict=True) if columns else [(y,) for y in rest]
        ends = [parts[::-1] if reverse else parts for parts in pairs]
        stacked = [p[0] if len(p) == 1 else operations.concatenate(list(p))
                   for p in ends]  # fmt: skip
    return unflatten(of_y, stacked)


def _scan_in_segments(
    home: Trace, f: Callable[..., Any], init: Any, rows: Leaves, of_xs: Any, count: int,
    steps: int, *, reverse: bool,
) -> tuple[Any, Any]:  # fmt: skip
    """Scan over segments, each a scan of so many steps; then over what is left.

    The outer scan keeps one carry per segment. Its derivative runs its body again, so
    the carries of a segment are kept while the sweep is in it.
    """
    whole = count - count % steps

    def segment(carry: Any, parts: Leaves) -> Any:
        return _whole_scan(f, carry, unflatten(of_xs, parts), steps, reverse=reverse)

    def segments(carry: Any) -> Any:
        count = whole // steps
        parts = [np.reshape(x[:whole], (count, steps, *shape_of(x)[1:])) for x in rows]
        return _row_of_scan(home, segment, carry, parts, count, reverse=reverse)

    def rest(carry: Any) -> Any:
        xs = unflatten(of_xs, [x[whole:] for x in rows])
        return _row_of_scan(home, f, carry, xs, count - whole, reverse=reverse)

    if whole == count:
        last, head = segments(init)
        ends: list[list[Any]] = [[] for _ in flatten(head)[0]]
    elif reverse:
        carry, tail = rest(init)
        last, head = segments(carry)
        ends = [[y] for y in flatten(tail)[0]]
    else:
        carry, head = segments(init)
        last, tail = rest(carry)
        ends = [[y] for y in flatten(tail)[0]]
    starts, of_y = flatten(head)
    ys: list[Any] = []
    for start, end in zip(starts, ends, strict=True):
        flat = np.reshape(start, (whole, *shape_of(start)[2:]))
        ys.append(operations.concatenate([flat, *end]) if end else flat)
    return last, unflatten(of_y, ys)


def _segment_length(checkpoint: Any) -> int | None:
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


def check_carry(same: Any, before: Leaves, after: Leaves) -> None:
    """Refuse a step after which the carry has another structure or shape."""
    if same and all(shape_of(a) == shape_of(b)
                    for a, b in zip(before, after, strict=True)):  # fmt: skip
        return
    shown = [", ".join(map(describe, map(raw, side))) for side in (before, after)]
    raise ShapeError(
        "A loop's carry must keep its structure and shapes; it was "
        f"({shown[0]}) and became ({shown[1]}). Start from a carry like the later ones."
    )


def promote(home: Trace, carries: list[Any], after: Leaves) -> bool:
    """Give carries the dtypes that they have after a step; tell whether one changed.

    In Python the first carry may be an integer and the second a float; one program for
    all steps, and a derivative through them, needs a float from the start.
    """
    changed = False
    for i, (x, like) in enumerate(zip(carries, after, strict=False)):
        have = held_dtype(example_of(x))
        want = np.result_type(have, held_dtype(like))
        if have == want:
            continue
        changed = True
        if isinstance(x, node):
            carries[i] = operations.astype(x, want)
        elif isinstance(x, Traced):
            carries[i] = home.call(cast, (x, want), None)
        else:
            carries[i] = cast(x, want)
    return changed


def held_dtype(x: Any) -> Any:
    """Return a value's dtype: int64 for Python's integers, however large they are."""
    kind = kind_of(x)
    return np.dtype(kind) if kind in NUMBERS else dtype_of(x)


def cast(x: Any, dtype: Any) -> Any:
    """Return a value in a dtype; a Python number that has it as it is."""
    if kind_of(x) in NUMBERS and np.dtype(kind_of(x)) == dtype:
        return x
    return np.asarray(x, dtype)[()]


class Loop:
    """A scan's body with how often to run it: the function of the scan's row.

    Called with the first carries, the xs and the captured values, it returns the last
    carries, the stacked results, and the carries in the places ``keep`` before each
    step, stacked. ``stored`` says for each of the stacks whether the program reads it;
    if not, an empty array stands in its place. An xs that the body does not read is a
    number.
    """

    __name__ = "scan"
    keeps_shape = True

    def __init__(
        self, home: Trace, flat: Flat, carries: Leaves, rows: Leaves, count: int,
        *, reverse: bool, keep: Sequence[int],
    ) -> None:  # fmt: skip
        """Trace the body on the first carries and the first x."""
        self.flat = flat
        self.home = home
        self.carried: int = len(carries)
        self.mapped: int = len(rows)
        self.count: int = count
        self.reverse: bool = reverse
        first = -1 if reverse else 0
        examples = [example_of(x) for x in carries]
        examples += [np.asarray(example_of(x))[first] for x in rows]
        self.body: Body = Body(home, flat, examples, times=count)
        self.shown: int = len(self.body.likes)
        """How many results the user sees: all but the kept carries."""
        self.keep: list[int] = list(keep)
        self.stored: list[bool] = [True] * (self.shown - self.carried + len(self.keep))
        self.running: executors.Running = self._running()

    def _running(self) -> executors.Running:
        """Choose what runs the loop."""
        program, options = self.body.program, self.home.options
        if not executors.pays(program, options):
            return executors.Running(None, executors.why_not(program, options))
        try:
            tape = TapeLoop(
                program, self.carried, self.mapped, self.count, reverse=self.reverse
            )
        except CannotLowerError as error:
            return executors.Running(None, str(error) or "it has no form on a tape")
        seconds = self.count * self.home.repeats * executors.numpy_seconds(program)
        return executors.Running.chosen(tape, options, seconds)

    def told(self) -> dict[str, Any]:
        """Return what ``stats()`` says of this loop, and the programs inside it."""
        return {"loop": self.__name__, "steps": self.count,
                "running": self.running, "programs": [self.body.program]}  # fmt: skip

    def values(self, operands: Leaves) -> Any:
        """Add the row of this scan; return its results."""
        leaves = list(operands[: self.carried + self.mapped])
        return self.home.call(self, (leaves, self.body.captured), None)

    def reading(self, args: Any) -> Any:
        """Return the row's arguments without the xs that the body does not read."""
        n, read = self.carried, self.body.program.last_uses()
        leaves, captured = args
        rows = [x if inside in read else 0.0
                for x, inside in zip(leaves[n:], self.body.program.inputs[n:],
                                     strict=False)]  # fmt: skip
        return [*leaves[:n], *rows], captured

    def storing(self, read: Container[int]) -> Loop:
        """Return this loop, storing only those stacks whose places are read."""
        made = copy.copy(self)
        made.stored = [self.carried + i in read for i in range(len(self.stored))]
        return made

    def __call__(self, leaves: Leaves, captured: Leaves) -> tuple[Any, ...]:
        """Run the loop."""
        return self.running(self._on_tape, self._step_by_step, leaves, captured)

    def _step_by_step(self, leaves: Leaves, captured: Leaves) -> tuple[Any, ...]:
        """Run the steps one by one on NumPy."""
        n, run = self.carried, self.body.run
        carry = list(leaves[:n])
        rows = [x if np.ndim(x) else np.broadcast_to(x, (self.count, *inside.shape))
                for x, inside in zip(leaves[n:], self.body.program.inputs[n:],
                                     strict=False)]  # fmt: skip
        stacks = self._stacks(carry)
        places = [*range(n, self.shown), *self.keep]
        used = [pair for pair, stored in
                zip(zip(places, stacks, strict=True), self.stored, strict=True)
                if stored]  # fmt: skip
        ys = [(i, stack) for i, stack in used if i >= n]
        kept = [(i, stack) for i, stack in used if i < n]
        order = range(self.count)
        with watched(order[::-1] if self.reverse else order, self.__name__) as steps:
            for t in steps:
                for i, stack in kept:
                    stack[t] = carry[i]
                found = run(*carry, *[x[t] for x in rows], *captured)
                carry = list(found[:n])
                for i, stack in ys:
                    stack[t] = found[i]
        return (*carry, *stacks)

    def outline(self, leaves: Leaves, captured: Leaves) -> tuple[Any, ...]:
        """Return what is like the results, without taking a step."""
        carry = leaves[: self.carried]
        return (*carry, *map(np.zeros_like, self._stacks(carry)))

    def _on_tape(self, leaves: Leaves, captured: Leaves) -> tuple[Any, ...]:
        """Run all steps in one call."""
        n = self.carried
        flags = zip(self.keep, self.stored[self.shown - n :], strict=True)
        kept = {i for i, stored in flags if stored}
        stored = [*(i in kept for i in range(n)), *self.stored[: self.shown - n]]
        found = self.running.loop(leaves, captured, stored)
        return (*found[: self.shown], *[found[self.shown + i] for i in self.keep])

    def _stacks(self, carry: Leaves) -> list[Any]:
        """Return arrays for the results of all steps, and for the carries before."""
        likes = self.body.likes
        parts = [(np.shape(y), held_dtype(y)) for y in likes[self.carried :]]
        dtypes = [np.result_type(*map(held_dtype, pair))
                  for pair in zip(carry, likes, strict=False)]  # fmt: skip
        parts += [(np.shape(carry[i]), dtypes[i]) for i in self.keep]
        return [
            np.empty((self.count, *shape), dtype) if stored else np.empty(0)
            for (shape, dtype), stored in zip(parts, self.stored, strict=True)
        ]


class scan_grad(rule, kind=True):
    """z = scan(f, init, xs); the sweeps are scans as well"""

    outputs = 2

    @staticmethod
    def forward(*operands: Any, loop: Loop) -> Any:
        """Return the last carries, the results, and the carries before each step."""
        return loop.values(operands)

    @classmethod
    def pull(
        cls, xp: Any, z_bar: Any, z: Any, operands: Any, wanted: Any, parameters: Any
    ) -> Any:
        """Scan backwards over the kept carries, each step's cotangents by a sweep."""
        loop: Loop = parameters["loop"]
        n, m, closed = loop.carried, loop.mapped, loop.body.closed
        parts = xp.items_of(z) if isinstance(z, node) else z
        grads = list(z_bar.value)
        given = [j for j, g in enumerate(grads) if g is not None and j >= n]
        moving = [i for i in range(n + m) if is_inexact(raw(operands[i]))]
        free = [i for i in moving if i < n]
        ends = {j for j, like in enumerate(loop.body.likes) if is_inexact(like)}
        history = {i: loop.shown + k for k, i in enumerate(loop.keep)}
        zeros = [None if i in history else zeros_of(raw(operands[i])) for i in range(n)]

        def back(carry: Any, x: Any) -> Any:
            carry_bars, closed_bars = carry
            kept, rows, of_given = x
            bars = dict(zip(free, carry_bars, strict=True))
            bars |= zip(given, of_given, strict=True)
            leaves = [*zeros, *rows]
            for i, value in zip(loop.keep, kept, strict=True):
                leaves[i] = value
            seeds = [bars.get(j) if j in ends else None for j in range(loop.shown)]
            found = run_backwards(xp, loop.flat, leaves, moving, closed, seeds)
            before = [
                g + bars[history[i]] if history.get(i) in bars else g
                for i, g in zip(free, found, strict=False)
            ]
            sums = [add_values(a, b) for a, b in
                    zip(closed_bars, found[len(moving) :], strict=True)]  # fmt: skip
            return (before, sums), found[len(free) : len(moving)]

        lasts = with_zeros(grads[:n], parts[:n])
        (firsts, sums), rest = _whole_scan(
            back,
            ([lasts[i] for i in free], with_zeros([None] * len(closed), closed)),
            (list(parts[loop.shown :]), list(operands[n : n + m]),
             with_zeros([grads[j] for j in given], [parts[j] for j in given])),
            loop.count,
            reverse=not loop.reverse,
            keep=range(len(free)),
        )  # fmt: skip
        found = dict(zip(moving, [*firsts, *rest], strict=True))
        found |= {n + m + k: s for k, s in enumerate(sums)}
        yield from wanted_of(found, wanted)

    @classmethod
    def push(
        cls, xp: Any, tangents: Any, z: Any, operands: Any, parameters: Any
    ) -> Any:
        """Scan forwards with the tangents beside the carries."""
        loop: Loop = parameters["loop"]
        n, m, closed = loop.carried, loop.mapped, loop.body.closed
        dots = with_zeros(tangents, operands)
        moving = [i for i in range(n + m) if is_inexact(raw(operands[i]))]
        free = [i for i in moving if i < n]

        def ahead(carry: Any, x: Any) -> Any:
            values, carry_dots = carry
            rows, row_dots = x
            given = [*carry_dots, *row_dots, *dots[n + m :]]
            leaves = [*values, *rows]
            after, found = run_forwards(xp, loop.flat, leaves, moving, closed, given)
            if xp is not operations:
                after = list(map(raw, after))
            kept_dots = [d for d, i in zip(carry_dots, free, strict=True)
                         if i in loop.keep]  # fmt: skip
            return (after[:n], [found[i] for i in free]), (kept_dots, found[n:])

        rows = list(operands[n : n + m])
        init = (list(operands[:n]), [dots[i] for i in free])
        with_dots = (rows, [dots[i] for i in moving if i >= n])
        keep = [*loop.keep, *(n + k for k, i in enumerate(free) if i in loop.keep)]
        (_, lasts), (kept, ys) = _whole_scan(
            ahead, init, with_dots, loop.count, reverse=loop.reverse, keep=keep
        )
        last = dict(zip(free, lasts, strict=True))
        history = dict(zip([i for i in free if i in loop.keep], kept, strict=True))
        return supported((*map(last.get, range(n)), *ys, *map(history.get, loop.keep)))


# ------------------------------------------------------------------------------- cond


def cond(
    predicate: Any,
    true: Callable[..., Any],
    false: Callable[..., Any],
    *operands: Any,
) -> Any:
    """Return ``true(*operands)`` if the predicate holds, else ``false(*operands)``.

    Outside ``compile`` it is Python's ``if``. Compiled, both are traced, and each call
    runs the one that its values choose, without tracing again.

    Raises
    ------
    ShapeError
        When compiled, if the two return other structures or shapes.

    Examples
    --------
    >>> import chainrule as gd, numpy as np
    >>> gd.grad(lambda x: gd.cond(x > 0, np.sin, np.exp, x))(0.0)
    1.0
    """
    choice = raw(predicate)
    if not isinstance(choice, Traced):
        return true(*operands) if choice else false(*operands)
    leaves, structure = flatten(operands)
    numeric = [i for i, x in enumerate(leaves) if is_inexact(raw(x))]
    arranged: list[Any] = []

    def flattened(f: Callable[..., Any]) -> Flat:
        def flat(*inputs: Any) -> list[Any]:
            filled = list(leaves)
            for i, x in zip(numeric, inputs, strict=True):
                filled[i] = x
            found, how = flatten(f(*unflatten(structure, filled)))
            arranged.append(how)
            return joined(found)

        return flat

    given = [leaves[i] for i in numeric]
    home = traced_in([choice, *given])
    assert home is not None  # noqa: S101  (choice is in a trace)
    branches = Branches(home, [flattened(f) for f in (true, false)], given)
    if not _same_structure(*arranged[:2]):
        raise ShapeError(
            "The two functions of cond must return the same structure, with the keys "
            "of dicts in the same order; received "
            f"{arranged[0]} and {arranged[1]}."
        )
    parameters = {"choice": choice, "branches": branches}
    results = record(cond_grad, [*given, *branches.closed], parameters)
    return unflatten(arranged[0], list(results))


def _same_structure(x: Any, y: Any) -> bool:
    """Tell whether two structures are equal, with their keys in the same order."""
    if x != y or x is LEAF:
        return x == y
    first, second = (unflatten(s, range(s.num_leaves)) for s in (x, y))
    return key_orders(first) == key_orders(second)


class Branches:
    """The two programs of a cond: the function of its row."""

    __name__ = "cond"
    keeps_shape = True

    def __init__(self, home: Trace, flats: Sequence[Flat], given: Leaves) -> None:
        """Trace both."""
        self.home = home
        self.flats = flats
        examples = [example_of(x) for x in given]
        self.bodies: list[Body] = [
            Body(home, flat, examples, protected=True, frozen=range(len(examples)))
            for flat in flats
        ]
        self.running: executors.Running = executors.Running(
            None, "one of two programs runs"
        )
        shapes = [[np.shape(x) for x in b.likes] for b in self.bodies]
        if shapes[0] != shapes[1]:
            raise ShapeError(
                "The two functions of cond must return the same shapes; received "
                f"{shapes[0]} and {shapes[1]}."
            )
        self.likes: list[Any] = [
            np.zeros(np.shape(x), np.result_type(held_dtype(x), held_dtype(y)))
            for x, y in zip(*(b.likes for b in self.bodies), strict=True)
        ]
        found = [x for body in self.bodies for x in body.closed]
        self.closed: tuple[node, ...] = tuple(dict.fromkeys(found))
        self.count: int = len(given)

    def told(self) -> dict[str, Any]:
        """Return what ``stats()`` says of this branch, and the programs inside it."""
        return {"loop": self.__name__, "running": self.running,
                "programs": [body.program for body in self.bodies]}  # fmt: skip

    def values(self, operands: Leaves, choice: Any) -> Any:
        """Add the row of this cond; return its results."""
        captured = [body.captured for body in self.bodies]
        given = list(operands[: self.count])
        return self.home.call(self, (choice, given, captured), None)

    def outline(self, *values: Any) -> tuple[Any, ...]:
        """Return what is like the results, without running a branch."""
        return tuple(x[()] for x in self.likes)

    def __call__(self, choice: Any, given: Leaves, captured: Any) -> tuple[Any, ...]:
        """Run the one that was chosen."""
        i = 0 if choice else 1
        run = self.bodies[i].run
        found = self.running(run, run, *given, *captured[i])
        pairs = zip(found, self.likes, strict=True)
        return tuple(cast(x, like.dtype) for x, like in pairs)


class cond_grad(rule, kind=True):
    """z = f(x) if choice else g(x); the sweeps are conds as well"""

    outputs = 2

    @staticmethod
    def forward(*operands: Any, choice: Any, branches: Branches) -> Any:
        """Return the results of the branch that was chosen."""
        return branches.values(operands, choice)

    @classmethod
    def pull(
        cls, xp: Any, z_bar: Any, z: Any, operands: Any, wanted: Any, parameters: Any
    ) -> Any:
        """Pull the cotangents through the branch that was chosen."""
        branches: Branches = parameters["branches"]
        count, closed = branches.count, branches.closed
        grads = with_zeros(z_bar.value, branches.likes)

        def back(flat: Flat) -> Callable[..., Any]:
            def pulled(given: Any, bars: Any) -> Any:
                return run_backwards(xp, flat, given, range(count), closed, bars)

            return pulled

        true, false = map(back, branches.flats)
        found = cond(parameters["choice"], true, false, list(operands[:count]), grads)
        for i in wanted:
            yield i, supported(found[i])

    @classmethod
    def push(
        cls, xp: Any, tangents: Any, z: Any, operands: Any, parameters: Any
    ) -> Any:
        """Push the tangents through the branch that was chosen."""
        branches: Branches = parameters["branches"]
        count, closed = branches.count, branches.closed
        dots = with_zeros(tangents, operands)

        def ahead(flat: Flat) -> Callable[..., Any]:
            def pushed(given: Any, moved: Any) -> Any:
                return run_forwards(xp, flat, given, range(count), closed, moved)[1]

            return pushed

        true, false = map(ahead, branches.flats)
        found = cond(parameters["choice"], true, false, list(operands[:count]), dots)
        return supported(tuple(found))


__all__ = ["Loop", "cast", "check_carry", "cond", "held_dtype", "promote", "scan"]
