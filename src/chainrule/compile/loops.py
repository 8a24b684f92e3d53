"""Loops: scan, while_loop and cond, as plain Python where they are not traced.

Outside a trace they are ordinary loops and branches over arrays and nodes: they can be
read, debugged and differentiated like all else. In a trace the body is traced once, by
itself, and becomes one row, whose ``Loop`` or ``Branches`` replays the body's program.
For sweeps that row is one operation. The derivative of a scan is a scan: backwards over
the carries that the forward one kept; that of a cond is a cond.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule import operations
from chainrule.compile import executors
from chainrule.compile.bodies import (
    Body,
    Flat,
    Leaves,
    example_of,
    filled,
    pulled_through,
    pushed_through,
    traced_in,
)
from chainrule.compile.lowering import CannotLowerError, TapeLoop
from chainrule.compile.trace import Trace, Traced, joined
from chainrule.containers import flatten, unflatten
from chainrule.errors import RecordingError, ShapeError
from chainrule.nodes import node
from chainrule.recorder import record
from chainrule.rules import rule
from chainrule.shapes import describe, shape_of
from chainrule.supports import is_inexact, supported
from chainrule.vertices import raw

# ------------------------------------------------------------------------------- scan


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any,
    length: int | None = None,
    *,
    reverse: bool = False,
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

    Raises
    ------
    ShapeError
        If the carry changes its structure or shape, or lengths differ.
    CompileError
        When compiled, if ``f`` branches in Python on a value of a step.

    Notes
    -----
    A compiled reverse sweep keeps the carries of all steps.

    Examples
    --------
    >>> import chainrule as gd, numpy as np
    >>> def step(total, x):
    ...     return total + x, total * x
    >>> gd.scan(step, 0.0, np.array([1.0, 2.0, 3.0]))
    (np.float64(6.0), array([0., 2., 9.]))
    """
    carries, structure = flatten(init)
    rows, of_xs = flatten(xs)
    count = _length(rows, length)
    home = traced_in([*carries, *rows])
    if home is None or count == 0:
        return _scan_in_python(f, init, rows, of_xs, count, reverse=reverse)
    arranged: list[Any] = []

    def flat(*leaves: Any) -> list[Any]:
        carry = unflatten(structure, list(leaves[: len(carries)]))
        x = unflatten(of_xs, list(leaves[len(carries) :]))
        carry, y = f(carry, x)
        after, found = flatten(carry)
        _check_carry(found == structure, leaves[: len(carries)], after)
        ys, of_y = flatten(y)
        arranged[:] = [of_y]
        return joined([*after, *ys])

    def made() -> Loop:
        return Loop(home, flat, carries, rows, count, reverse=reverse)

    loop = made()
    while _promote(home, carries, loop.body.likes):
        loop = made()
    results = record(scan_grad, [*carries, *rows, *loop.body.closed], {"loop": loop})
    last, ys = results[: len(carries)], results[len(carries) : loop.shown]
    return unflatten(structure, list(last)), unflatten(arranged[0], list(ys))


def _scan_in_python(
    f: Callable[..., Any], carry: Any, rows: Leaves, of_xs: Any, count: int,
    *, reverse: bool,
) -> tuple[Any, Any]:  # fmt: skip
    steps = range(count)
    columns: list[list[Any]] = []
    of_y: Any = None
    for t in reversed(steps) if reverse else steps:
        before, structure = flatten(carry)
        carry, y = f(carry, unflatten(of_xs, [x[t] for x in rows]))
        after, found = flatten(carry)
        _check_carry(found == structure, before, after)
        ys, of_y = flatten(y)
        columns.append(ys)
    if reverse:
        columns.reverse()
    if not columns:
        return carry, None
    stacked = [operations.stack(list(column)) for column in zip(*columns, strict=True)]
    return carry, unflatten(of_y, stacked)


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


def _check_carry(same: Any, before: Leaves, after: Leaves) -> None:
    if same and all(shape_of(a) == shape_of(b)
                    for a, b in zip(before, after, strict=True)):  # fmt: skip
        return
    shown = [", ".join(map(describe, map(raw, side))) for side in (before, after)]
    raise ShapeError(
        "A loop's carry must keep its structure and shapes; it was "
        f"({shown[0]}) and became ({shown[1]}). Start from a carry like the later ones."
    )


def _promote(home: Trace, carries: list[Any], after: Leaves) -> bool:
    """Give carries the dtypes that they have after a step; tell whether one changed.

    In Python the first carry may be an integer and the second a float; one program for
    all steps, and a derivative through them, needs a float from the start.
    """
    changed = False
    for i, (x, like) in enumerate(zip(carries, after, strict=False)):
        have = _dtype(example_of(x))
        want = np.result_type(have, _dtype(like))
        if have == want:
            continue
        changed = True
        if isinstance(x, node):
            carries[i] = operations.astype(x, want)
        elif isinstance(x, Traced):
            carries[i] = home.call(_cast, (x, want), None)
        else:
            carries[i] = _cast(x, want)
    return changed


def _cast(x: Any, dtype: Any) -> Any:
    return np.asarray(x, dtype)[()]


class Loop:
    """A scan's body with how often to run it: the function of the scan's row.

    Called with the first carries, the xs and the captured values, it returns the last
    carries, the stacked results, and the stacked carries before each step.
    """

    __name__ = "scan"
    keeps_shape = True

    def __init__(
        self, home: Trace, flat: Flat, carries: Leaves, rows: Leaves, count: int,
        *, reverse: bool,
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
        self.body: Body = Body(home, flat, examples)
        self.shown: int = len(self.body.likes)
        """How many results the user sees: all but the kept carries."""
        self._tape: Any = None
        if executors.pays(self.body.program, count):
            with contextlib.suppress(CannotLowerError):
                self._tape = executors.Hastened(TapeLoop(
                    self.body.program, self.carried, self.mapped, count, reverse=reverse
                ))  # fmt: skip

    def values(self, operands: Leaves) -> Any:
        """Add the row of this scan; return its results."""
        leaves = list(operands[: self.carried + self.mapped])
        return self.home.call(self, (leaves, self.body.captured), None)

    def __call__(self, leaves: Leaves, captured: Leaves) -> tuple[Any, ...]:
        """Run the loop."""
        if self._tape is not None:
            return self._tape(leaves, captured)
        n, run = self.carried, self.body.run
        carry = list(leaves[:n])
        rows = leaves[n:]
        kept = [np.empty((self.count, *np.shape(x)), np.result_type(x, _dtype(like)))
                for x, like in zip(carry, self.body.likes, strict=False)]  # fmt: skip
        ys = [np.empty((self.count, *np.shape(y)), _dtype(y))
              for y in self.body.likes[n:]]  # fmt: skip
        steps = range(self.count)
        for t in reversed(steps) if self.reverse else steps:
            for store, x in zip(kept, carry, strict=True):
                store[t] = x
            found = run(*carry, *[x[t] for x in rows], *captured)
            carry = list(found[:n])
            for store, y in zip(ys, found[n:], strict=True):
                store[t] = y
        return (*carry, *ys, *kept)


def _dtype(x: Any) -> Any:
    return np.asarray(x).dtype


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
        grads = filled(z_bar.value, parts)
        moving = [i for i in range(n + m) if is_inexact(raw(operands[i]))]
        free = [i for i in moving if i < n]
        ends = {j for j, like in enumerate(loop.body.likes) if is_inexact(like)}

        def back(carry: Any, x: Any) -> Any:
            carry_bars, closed_bars = carry
            kept, rows, y_bars, kept_bars = x
            given = [*(carry_bars[free.index(j)] if j in free else None
                       for j in range(n)), *y_bars]  # fmt: skip
            bars = [g if j in ends else None for j, g in enumerate(given)]
            leaves = [*kept, *rows]
            found = pulled_through(xp, loop.flat, leaves, moving, closed, bars)
            before = [found[moving.index(i)] + kept_bars[i] for i in free]
            rest = [found[k] for k, i in enumerate(moving) if i >= n]
            sums = [a + b for a, b in
                    zip(closed_bars, found[len(moving) :], strict=True)]  # fmt: skip
            return (before, sums), rest

        kept = list(parts[loop.shown :])
        (firsts, sums), rest = scan(
            back,
            ([grads[i] for i in free], filled([None] * len(closed), closed)),
            (kept, list(operands[n : n + m]), grads[n : loop.shown],
             grads[loop.shown :]),
            loop.count,
            reverse=not loop.reverse,
        )  # fmt: skip
        found = dict(zip(moving, [*firsts, *rest], strict=True))
        found |= {n + m + k: s for k, s in enumerate(sums)}
        for i in wanted:
            if i in found:
                yield i, supported(found[i])

    @classmethod
    def push(
        cls, xp: Any, tangents: Any, z: Any, operands: Any, parameters: Any
    ) -> Any:
        """Scan forwards with the tangents beside the carries."""
        loop: Loop = parameters["loop"]
        n, m, closed = loop.carried, loop.mapped, loop.body.closed
        dots = filled(tangents, operands)
        moving = [i for i in range(n + m) if is_inexact(raw(operands[i]))]
        free = [i for i in moving if i < n]

        def ahead(carry: Any, x: Any) -> Any:
            values, carry_dots = carry
            rows, row_dots = x
            given = [*carry_dots, *row_dots, *dots[n + m :]]
            leaves = [*values, *rows]
            after, found = pushed_through(xp, loop.flat, leaves, moving, closed, given)
            if xp is not operations:
                after = list(map(raw, after))
            return (after[:n], [found[i] for i in free]), (
                carry_dots, [found[j] for j in range(n, loop.shown)]
            )  # fmt: skip

        rows = list(operands[n : n + m])
        init = (list(operands[:n]), [dots[i] for i in free])
        with_dots = (rows, [dots[i] for i in moving if i >= n])
        (_, lasts), (kept, ys) = scan(
            ahead, init, with_dots, loop.count, reverse=loop.reverse
        )
        last = [lasts[free.index(i)] if i in free else None for i in range(n)]
        history = [kept[free.index(i)] if i in free else None for i in range(n)]
        return supported((*last, *ys, *history))


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
    if arranged[0] != arranged[1]:
        raise ShapeError(
            "The two functions of cond must return the same structure; received "
            f"{arranged[0]} and {arranged[1]}."
        )
    parameters = {"choice": choice, "branches": branches}
    results = record(cond_grad, [*given, *branches.closed], parameters)
    return unflatten(arranged[0], list(results))


class Branches:
    """The two programs of a cond: the function of its row."""

    __name__ = "cond"
    keeps_shape = True

    def __init__(self, home: Trace, flats: Sequence[Flat], given: Leaves) -> None:
        """Trace both."""
        self.home = home
        self.flats = flats
        examples = [example_of(x) for x in given]
        self.bodies: list[Body] = [Body(home, flat, examples) for flat in flats]
        shapes = [[np.shape(x) for x in b.likes] for b in self.bodies]
        if shapes[0] != shapes[1]:
            raise ShapeError(
                "The two functions of cond must return the same shapes; received "
                f"{shapes[0]} and {shapes[1]}."
            )
        self.likes: list[Any] = [
            np.zeros(np.shape(x), np.result_type(_dtype(x), _dtype(y)))
            for x, y in zip(*(b.likes for b in self.bodies), strict=True)
        ]
        found = [x for body in self.bodies for x in body.closed]
        self.closed: tuple[node, ...] = tuple(dict.fromkeys(found))
        self.count: int = len(given)

    def values(self, operands: Leaves, choice: Any) -> Any:
        """Add the row of this cond; return its results."""
        captured = [body.captured for body in self.bodies]
        given = list(operands[: self.count])
        return self.home.call(self, (choice, given, captured), None)

    def __call__(self, choice: Any, given: Leaves, captured: Any) -> tuple[Any, ...]:
        """Run the one that was chosen."""
        i = 0 if choice else 1
        found = self.bodies[i].run(*given, *captured[i])
        pairs = zip(found, self.likes, strict=True)
        return tuple(_cast(x, like.dtype) for x, like in pairs)


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
        grads = filled(z_bar.value, branches.likes)

        def back(flat: Flat) -> Callable[..., Any]:
            def pulled(given: Any, bars: Any) -> Any:
                return pulled_through(xp, flat, given, range(count), closed, bars)

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
        dots = filled(tangents, operands)

        def ahead(flat: Flat) -> Callable[..., Any]:
            def pushed(given: Any, moved: Any) -> Any:
                return pushed_through(xp, flat, given, range(count), closed, moved)[1]

            return pushed

        true, false = map(ahead, branches.flats)
        found = cond(parameters["choice"], true, false, list(operands[:count]), dots)
        return supported(tuple(found))


# ------------------------------------------------------------------------- while_loop


def while_loop(
    condition: Callable[[Any], Any], body: Callable[[Any], Any], init: Any
) -> Any:
    """Return the first carry for which the condition fails.

    ``carry = init``, then ``carry = body(carry)`` while ``condition(carry)``. Outside
    ``compile`` it is Python's ``while``, and is differentiated in both directions.
    Compiled, it is traced once, whatever the number of steps, and differentiated
    forwards; a reverse sweep would need all carries: use ``scan`` with a bound there.

    Raises
    ------
    ShapeError
        If the carry changes its structure or shapes.
    RecordingError
        When compiled, in a reverse sweep.

    Examples
    --------
    >>> import chainrule as gd
    >>> def heron(a):
    ...     def better(x):
    ...         return (x + a / x) / 2
    ...
    ...     return gd.while_loop(lambda x: abs(x * x - a) > 1e-12, better, a)
    >>> round(heron(2.0), 6), round(gd.grad(heron)(2.0), 6)
    (1.414214, 0.353553)
    """
    leaves, structure = flatten(init)
    home = traced_in(leaves)
    if home is None:
        return _while_in_python(condition, body, init)

    def flat(*carry: Any) -> list[Any]:
        after, found = flatten(body(unflatten(structure, list(carry))))
        _check_carry(found == structure, carry, after)
        return joined(after)

    def asked(*carry: Any) -> list[Any]:
        return [raw(condition(unflatten(structure, list(carry))))]

    loop = While(home, flat, asked, leaves)
    while _promote(home, leaves, loop.body.likes):
        loop = While(home, flat, asked, leaves)
    results = record(while_grad, [*leaves, *loop.body.closed], {"loop": loop})
    return unflatten(structure, list(results))


def _while_in_python(
    condition: Callable[[Any], Any], body: Callable[[Any], Any], carry: Any
) -> Any:
    while condition(carry):
        before, structure = flatten(carry)
        carry = body(carry)
        after, found = flatten(carry)
        _check_carry(found == structure, before, after)
    return carry


class While:
    """A while loop's condition and body: the function of its row."""

    __name__ = "while_loop"
    keeps_shape = True

    def __init__(self, home: Trace, flat: Flat, asked: Flat, leaves: Leaves) -> None:
        """Trace both on the first carry."""
        self.home = home
        self.flat = flat
        self.asked = asked
        examples = [example_of(x) for x in leaves]
        self.test: Body = Body(home, asked, examples)
        self.body: Body = Body(home, flat, examples)
        self.count: int = len(leaves)
        pairs = zip(examples, self.body.likes, strict=True)
        self.dtypes: list[Any] = [
            np.result_type(_dtype(x), _dtype(y)) for x, y in pairs
        ]

    def values(self, operands: Leaves) -> Any:
        """Add the row of this loop; return its results."""
        captured = [self.test.captured, self.body.captured]
        given = list(operands[: self.count])
        return self.home.call(self, (given, captured), None)

    def __call__(self, carry: Leaves, captured: Any) -> tuple[Any, ...]:
        """Run the loop."""
        while self.test.run(*carry, *captured[0])[0]:
            carry = self.body.run(*carry, *captured[1])
        return tuple(map(_cast, carry, self.dtypes))


class while_grad(rule, kind=True):
    """z = while_loop(condition, body, init); the forward sweep is such a loop"""

    outputs = 2

    @staticmethod
    def forward(*operands: Any, loop: While) -> Any:
        """Return the last carry."""
        return loop.values(operands)

    @classmethod
    def pull(
        cls, xp: Any, z_bar: Any, z: Any, operands: Any, wanted: Any, parameters: Any
    ) -> Any:
        """Refuse: the carries of the steps were not kept."""
        raise RecordingError(
            "A compiled while_loop keeps no carries, so a reverse sweep cannot pass "
            "it. Use forward mode (gd.jvp, jacobian(mode='forward')), or gd.scan over "
            "a bounded number of steps with np.where."
        )

    @classmethod
    def push(
        cls, xp: Any, tangents: Any, z: Any, operands: Any, parameters: Any
    ) -> Any:
        """Run the loop again, with the tangents beside the carry."""
        loop: While = parameters["loop"]
        count, closed = loop.count, loop.body.closed
        dots = filled(tangents, operands)
        moving = [i for i in range(count) if is_inexact(raw(operands[i]))]

        def ahead(carry: Any) -> Any:
            values, carry_dots = carry
            given = [*carry_dots, *dots[count:]]
            after, found = pushed_through(xp, loop.flat, values, moving, closed, given)
            if xp is not operations:
                after = list(map(raw, after))
            return after, [found[i] for i in moving]

        def holds(carry: Any) -> Any:
            return loop.asked(*carry[0])[0]

        init = (list(operands[:count]), [dots[i] for i in moving])
        _, found = while_loop(holds, ahead, init)
        parts = iter(found)
        return supported(tuple(next(parts) if i in moving else None
                               for i in range(count)))  # fmt: skip


__all__ = ["cond", "scan", "while_loop"]
