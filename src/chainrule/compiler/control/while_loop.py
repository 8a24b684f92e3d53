"""while_loop: Python's while where it is not traced, and else one row for any count.

Its sweeps are *passes* over its steps. A pass has a carry and a body like a scan, and
hands on *columns*: its carry before each step, and what its body returns beside the
next one. How many steps there are is known in each call only, so columns have no shape
and are no operands of sweeps: rows hand them to rows (``trace.Column``).

A ``Chain`` is the loop and the passes after it, each of which may read the columns of
those before. For sweeps it is one operation, from the first carries to the last ones:

forwards
    the same passes with the tangents beside the carries;
backwards
    the same passes, then one back over each of them, the last first. Its carry are the
    cotangents of that pass's carry; those of the columns that it read are a column.

Both are chains again, so there are derivatives of every order, and each step of every
pass is run once. A column is stored only where it is read (``program.trimmed``).
"""

from __future__ import annotations

import copy
import functools
import itertools
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chainrule import operations
from chainrule.compiler.control.bodies import (
    Body,
    Flat,
    Leaves,
    Watch,
    example_of,
    traced_in,
)
from chainrule.compiler.control.scan import cast, check_carry, held_dtype, promote
from chainrule.compiler.executors.choice import Running
from chainrule.compiler.progress import watched
from chainrule.compiler.tracing.rows import Column, Together
from chainrule.compiler.tracing.trace import Trace, joined
from chainrule.compiler.tracing.traced import Traced
from chainrule.nodes.node_class import node
from chainrule.nodes.recorder import record
from chainrule.numpy.in_place import private
from chainrule.rules import rule
from chainrule.rules.supports import add_values, is_inexact, supported
from chainrule.transforms.one_run import (
    run_backwards,
    run_forwards,
    wanted_of,
    with_zeros,
)
from chainrule.values.containers import flatten, map_leaves, unflatten
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
        given = watch.begin(carry)
        holds = raw(condition(carry))
        if isinstance(holds, Traced):  # what the condition closes over is traced
            return _in_trace(holds.home.innermost(), condition, body, carry)
        if not holds:
            return carry
        before, structure = flatten(carry)
        last = body(given)
        after, found = flatten(last)
        check_carry(found == structure, before, after)
        last = unflatten(structure, after)
        row = watch.row(  # what the body closes over may be traced as well
            [*before, *after],
            functools.partial(_wrapped, condition, body, carry),
        )
        if row is not None:
            return row[0]
        carry = last


def _wrapped(
    condition: Callable[[Any], Any], body: Callable[[Any], Any], carry: Any, home: Trace
) -> tuple[Any]:
    """Return the loop's row, inside a tuple: its result may be ``None``."""
    return (_in_trace(home, condition, body, carry),)


def _in_trace(
    home: Trace, condition: Callable[[Any], Any], body: Callable[[Any], Any], init: Any
) -> Any:
    """Add the loop to a trace as one row."""
    leaves, structure = flatten(init)

    def flat(*carry: Any) -> list[Any]:
        after, found = flatten(body(unflatten(structure, list(carry))))
        check_carry(found == structure, carry, after)
        return joined(after)

    def asked(*carry: Any) -> list[Any]:
        return [raw(condition(unflatten(structure, list(carry))))]

    chain = Chain(home, flat, asked, leaves)
    return unflatten(structure, list(chain.results()))


# --------------------------------------------------------------------- rows of passes


class Pass:
    """A pass over steps that were counted: the function of its row.

    Called with their number, with the first carries and the columns that the body
    reads, and with the captured values, it returns the last carries, then the columns
    of its carries and of what the body returns beside them. ``stored`` says for each of
    these whether the program reads it; if not, it is empty. With ``together`` it runs
    for several examples, along a first axis of all carries.
    """

    keeps_shape = True

    def __init__(
        self, home: Trace, flat: Flat, carries: Leaves, likes: Leaves,
        *, reverse: bool, together: bool = False,
    ) -> None:  # fmt: skip
        """Trace the body on the first carries, and on an entry of each column."""
        self.__name__: str = "while_loop_back" if reverse else "while_loop_again"
        self.home = home
        self.reverse: bool = reverse
        self.together: bool = together
        self.likes: list[Any] = list(likes)
        self.carried: int = len(carries)
        examples = [*map(example_of, carries), *likes]
        self.body: Body = Body(home, flat, examples, protected=True)
        self.stored: list[bool] = [True] * len(self.body.likes)
        self.running: Running = Running(None, "the steps are counted in each call")

    def told(self) -> dict[str, Any]:
        """Return what ``stats()`` says of this loop, and the programs inside it."""
        return {"loop": self.__name__, "running": self.running,
                "programs": [self.body.program]}  # fmt: skip

    def values(self, count: Any, carries: Leaves, columns: Leaves) -> Any:
        """Add the row of this pass; return its results."""
        leaves = [*map(raw, carries), *columns]
        return self.home.call(self, (count, leaves, self.body.captured), None)

    def reading(self, args: Any) -> Any:
        """Return the row's arguments without the columns that the body does not read.

        A number stands in the place of such a column.
        """
        count, leaves, captured = args
        n, read = self.carried, self.body.program.last_uses()
        inputs = self.body.program.inputs[n : len(leaves)]
        columns = [x if inside in read else 0.0
                   for x, inside in zip(leaves[n:], inputs, strict=True)]  # fmt: skip
        return count, [*leaves[:n], *columns], captured

    def storing(self, read: Container[int]) -> Pass:
        """Return this pass, storing only those columns whose places are read."""
        made = copy.copy(self)
        made.stored = [self.carried + i in read for i in range(len(self.stored))]
        return made

    def __call__(self, *operands: Any) -> tuple[Any, ...]:
        """Run the loop."""
        return self.running(self._run, self._run, *operands)

    def _run(self, count: int, leaves: Leaves, captured: Leaves) -> tuple[Any, ...]:
        """Run the pass."""
        n, run = self.carried, self.body.run
        carry: Leaves = leaves[:n]
        given = [x.entries if isinstance(x, Column) else [x] * count
                 for x in leaves[n:]]  # fmt: skip
        columns: list[list[Any]] = [[None] * (count if s else 0) for s in self.stored]
        before = [(i, columns[i]) for i in range(n) if self.stored[i]]
        beside = [(i, columns[i]) for i in range(n, len(columns)) if self.stored[i]]
        order = range(count)[::-1] if self.reverse else range(count)
        with watched(order, self.__name__) as steps:
            for t in steps:
                for i, column in before:
                    column[t] = carry[i]
                found = run(*carry, *[x[t] for x in given], *captured)
                for i, column in beside:
                    column[t] = found[i]
                carry = found[:n]
        return (*carry, *map(Together if self.together else Column, columns))


class While(Pass):
    """The loop itself, which asks its condition and counts the steps.

    Its last result is their number.
    """

    def __init__(self, home: Trace, flat: Flat, asked: Flat, carries: Leaves) -> None:
        """Trace condition and body on the first carries."""
        super().__init__(home, flat, carries, (), reverse=False)
        self.__name__ = "while_loop"
        self.asked = asked
        examples = [example_of(x) for x in carries]
        self.test: Body = Body(home, asked, examples)
        self.dtypes: list[Any] = [
            np.result_type(held_dtype(x), held_dtype(y))
            for x, y in zip(examples, self.body.likes, strict=True)
        ]

    def values(self, count: Any, carries: Leaves, columns: Leaves) -> Any:
        """Add the row of this loop; return its results."""
        captured = [self.test.captured, self.body.captured]
        return self.home.call(self, (list(map(raw, carries)), captured), None)

    def reading(self, args: Any) -> Any:
        """Return the row's arguments: all are read."""
        return args

    def outline(self, carry: Leaves, captured: Any) -> tuple[Any, ...]:
        """Return what is like the results, without taking a step."""
        columns = [Column([]) for _ in self.stored]
        return (*map(cast, carry, self.dtypes), *columns, 0)

    def _run(self, carry: Leaves, captured: Any) -> tuple[Any, ...]:  # type: ignore
        """Run the loop."""
        count = 0
        columns: list[list[Any]] = [[] for _ in self.stored]
        before = [pair for pair, s in
                  zip(enumerate(columns), self.stored, strict=True) if s]  # fmt: skip
        with watched(itertools.repeat(None), self.__name__) as steps:
            for _ in steps:
                if not self.test.run(*carry, *captured[0])[0]:
                    break
                for i, column in before:
                    column.append(carry[i])
                carry = self.body.run(*carry, *captured[1])
                count += 1
        return (*map(cast, carry, self.dtypes), *map(Column, columns), count)


# ------------------------------------------------------------------------------ chains


@dataclass(frozen=True, eq=False)
class Link:
    """A pass of a chain, as sweeps see it.

    Attributes
    ----------
    flat
        Its body: of its carries and of an entry of each column before it.
    loop
        The function of its row.
    inits
        The first carries: operands of the chain.
    closed
        Nodes that the body closes over: operands as well.
    start
        The number of columns before its own.
    last
        The last carries.
    """

    flat: Flat
    loop: Pass
    inits: list[Any]
    closed: tuple[node, ...]
    start: int
    last: Sequence[Any]

    @functools.cached_property
    def moving(self) -> list[int]:
        """The leaves with a derivative: all such carries, and columns that are read."""
        program, n = self.loop.body.program, len(self.inits)
        read = program.last_uses()
        return [i for i, x in enumerate(program.inputs[: n + self.start])
                if x.dtype.kind in "fc" and (i < n or x in read)]  # fmt: skip

    @property
    def free(self) -> list[int]:
        """The carries with a derivative."""
        return [i for i in self.moving if i < len(self.inits)]

    @property
    def seen(self) -> list[int]:
        """The numbers of the columns with a derivative."""
        n = len(self.inits)
        return [i - n for i in self.moving if i >= n]

    @functools.cached_property
    def ends(self) -> list[bool]:
        """Whether each result of the body has a derivative."""
        return [is_inexact(x) for x in self.loop.body.likes]


class Chain:
    """A loop and passes over its steps: one operation for sweeps.

    Attributes
    ----------
    links
        The passes, in order.
    columns, likes
        The columns of all passes in a row, and an entry of each for examples. A pass
        hands on the columns of its carries, then those of its body's other results.
    count
        The number of steps.
    """

    def __init__(self, home: Trace, flat: Flat, asked: Flat, leaves: Leaves) -> None:
        """Add the loop itself."""
        self.links: list[Link] = []
        self.columns: list[Any] = []
        self.likes: list[Any] = []
        self.count: Any = None
        found = self._add(flat, list(leaves), lambda x: While(home, flat, asked, x))
        self.count = found[-1]

    def followed(self, operands: Sequence[Any] | None = None) -> Chain:
        """Return a chain of the same passes, for others to be added.

        With ``operands`` given for the first carries it closes over no nodes: they and
        its results are plain values.
        """
        made = copy.copy(self)
        made.columns, made.likes = list(self.columns), list(self.likes)
        made.links = list(self.links)
        if operands is not None:
            given = iter(operands)
            made.links = [
                replace(x, inits=list(itertools.islice(given, len(x.inits))), closed=())
                for x in self.links
            ]
        return made

    def add(self, flat: Flat, inits: Leaves, *, reverse: bool) -> None:
        """Add a pass."""
        home = traced_in([*inits, *self.columns, self.count])
        assert home is not None  # noqa: S101  (the columns are in a trace)

        def made(carries: Leaves) -> Pass:
            return Pass(home, flat, carries, self.likes, reverse=reverse)

        self._add(flat, list(inits), made)

    def _add(
        self, flat: Flat, inits: list[Any], made: Callable[[Leaves], Pass]
    ) -> Sequence[Any]:
        """Trace a pass, in dtypes that its carries keep; return its row's results."""
        loop = made(inits)
        while promote(loop.home, inits, loop.body.likes):
            loop = made(inits)
        n, start = len(inits), len(self.columns)
        found = loop.values(self.count, inits, self.columns)
        entries = [*map(example_of, inits), *loop.body.likes[n:]]
        self.links.append(Link(flat, loop, inits, loop.body.closed, start, found[:n]))
        self.columns += found[n : n + len(entries)]
        self.likes += [np.asarray(x)[()] for x in entries]
        return found

    @property
    def closed(self) -> tuple[node, ...]:
        """The nodes that its bodies close over, each once."""
        return tuple(dict.fromkeys(x for link in self.links for x in link.closed))

    @property
    def inits(self) -> list[Any]:
        """The first carries of all passes."""
        return [x for link in self.links for x in link.inits]

    def results(self, new: int = 0) -> Any:
        """Record the chain; return the last carries of the passes from ``new`` on."""
        operands = [*self.inits, *self.closed]
        return record(while_grad, operands, {"chain": self, "new": new})


class while_grad(rule, kind=True):
    """z = while_loop(condition, body, init); the sweeps are passes over its steps"""

    outputs = 2

    @staticmethod
    def forward(*operands: Any, chain: Chain, new: int) -> Any:
        """Return the last carries, which the chain's rows have computed."""
        return tuple(x for link in chain.links[new:] for x in link.last)

    @classmethod
    def pull(
        cls, xp: Any, z_bar: Any, z: Any, operands: Any, wanted: Any, parameters: Any
    ) -> Any:
        """Add a pass back over each pass, the last first."""
        chain: Chain = parameters["chain"]
        bars = iter(z_bar.value)
        longer = chain.followed(None if xp is operations else operands)
        shares: dict[int, tuple[int, ...]] = {}
        given: list[list[Any]] = [
            [next(bars) if k >= parameters["new"] else None for _ in link.inits]
            for k, link in enumerate(chain.links)
        ]
        for link, grads in zip(chain.links[::-1], given[::-1], strict=True):
            _follow_back(xp, longer, link, grads, shares)
        found = _collected(chain, longer.results(new=len(chain.links)))
        yield from wanted_of(found, wanted)

    @classmethod
    def push(
        cls, xp: Any, tangents: Any, z: Any, operands: Any, parameters: Any
    ) -> Any:
        """Make the same passes, with the tangents beside the carries."""
        chain: Chain = parameters["chain"]
        dots = with_zeros(tangents, operands)
        home = traced_in([*operands, *flatten(dots)[0], chain.count])
        assert home is not None  # noqa: S101  (the count is in a trace)
        count = len(chain.inits)
        of_closed = dict(zip(chain.closed, dots[count:], strict=True))
        made = Tangents(xp, home, of_closed)
        at = 0
        for link in chain.links:
            own = slice(at, at + len(link.inits))
            made.add(link, operands[own], [dots[own][i] for i in link.free])
            at = own.stop
        return supported(tuple(made.results(parameters["new"])))


# -------------------------------------------------------------- backwards: cotangents


def _zeros_of_closed(link: Link) -> tuple[list[Any], Any]:
    """Return zeros for the nodes that a body closes over: leaves, and structure."""
    return flatten(with_zeros([None] * len(link.closed), link.closed))


def _follow_back(
    xp: Any, longer: Chain, link: Link, grads: Leaves,
    shares: dict[int, tuple[int, ...]],
) -> None:  # fmt: skip
    """Add the pass back over one pass, from the cotangents of its last carries.

    Its carry are the cotangents of that one's, and the sums of those of closed nodes.
    ``shares`` has the numbers of the columns that add up to the cotangent of a column.
    """
    lasts = with_zeros(grads, link.last)
    init = [*(lasts[i] for i in link.free), *_zeros_of_closed(link)[0]]
    back = _back(xp, link, len(init), dict(shares))
    first = len(longer.columns) + len(init)
    longer.add(back, init, reverse=not link.loop.reverse)
    for k, g in enumerate(link.seen, first):
        shares[g] = (*shares.get(g, ()), k)


def _back(
    xp: Any, link: Link, carried: int, shares: Mapping[int, Sequence[int]]
) -> Flat:
    """Return the body of the pass back over one pass: a sweep of one step."""
    n, start, free, moving = len(link.inits), link.start, link.free, link.moving

    def back(*inputs: Any) -> list[Any]:
        carry, columns = inputs[:carried], inputs[carried:]
        bars = dict(zip(free, carry, strict=False))

        def share(i: int) -> Any:
            parts = [columns[k] for k in shares.get(start + i, ())]
            return functools.reduce(add_values, parts, None)

        leaves = [*columns[start : start + n], *columns[:start]]
        seeds = [(bars.get(i) if i < n else share(i)) if moves else None
                 for i, moves in enumerate(link.ends)]  # fmt: skip
        found = run_backwards(xp, link.flat, leaves, moving, link.closed, seeds)
        before = [add_values(g, share(i)) for i, g in zip(free, found, strict=False)]
        of_closed = flatten(found[len(moving) :])[0]
        sums = map(add_values, carry[len(free) :], of_closed)
        return [*before, *sums, *found[len(free) : len(moving)]]

    return back


def _collected(chain: Chain, results: Sequence[Any]) -> dict[int, Any]:
    """Return the cotangent of each operand of a chain that has one, by its place."""
    found: dict[int, Any] = {}
    parts, at, closed = iter(results), len(chain.inits), chain.closed
    places = {x: at + k for k, x in enumerate(closed)}
    for link in chain.links[::-1]:
        at -= len(link.inits)
        for i in link.free:
            found[at + i] = next(parts)
        zeros, how = _zeros_of_closed(link)
        sums = unflatten(how, [next(parts) for _ in zeros])
        for x, bar in zip(link.closed, sums, strict=True):
            found[places[x]] = add_values(found.get(places[x]), bar)
    return found


# ----------------------------------------------------------------- forwards: tangents


class Tangents:
    """A chain with tangents, as it is made pass by pass."""

    def __init__(self, xp: Any, home: Trace, of_closed: Mapping[node, Any]) -> None:
        """Start without a pass; ``of_closed`` has the tangents of closed nodes."""
        self.xp = xp
        self.home = home
        self.of_closed = of_closed
        self.links: list[Link] = []
        self.chain: Chain | None = None
        self.values: dict[int, int] = {}
        """The numbers of the columns that stand for those of the chain."""
        self.dots: dict[int, int] = {}
        """The numbers of the columns of their tangents."""

    def add(self, link: Link, inits: Leaves, dots: Leaves) -> None:
        """Add a pass, with the first tangents of its free carries."""
        flat, leaves = self._ahead(link), [*inits, *dots]
        n, m = len(inits), len(link.loop.body.likes)
        own = 0 if self.chain is None else len(self.chain.columns)
        if isinstance(link.loop, While):
            asked = link.loop.asked
            self.chain = Chain(self.home, flat, lambda *c: asked(*c[:n]), leaves)
        elif self.chain is not None:
            self.chain.add(flat, leaves, reverse=link.loop.reverse)
        moved = [i for i in range(n, m) if link.ends[i]]
        numbers = itertools.count(own)
        order = ((self.values, range(n)), (self.dots, link.free),
                 (self.values, range(n, m)), (self.dots, moved))  # fmt: skip
        for places, shown in order:
            places |= {link.start + i: next(numbers) for i in shown}
        self.links.append(link)

    def _ahead(self, link: Link) -> Flat:
        """Return the body of a pass with tangents."""
        n, free = len(link.inits), link.free
        values = [self.values[g] for g in range(link.start)]
        of_seen = [self.dots[g] for g in link.seen]
        of_closed = [self.of_closed[x] for x in link.closed]

        def ahead(*inputs: Any) -> list[Any]:
            carry, columns = inputs[: n + len(free)], inputs[n + len(free) :]
            leaves = [*carry[:n], *(columns[k] for k in values)]
            dots = [*carry[n:], *(columns[k] for k in of_seen), *of_closed]
            after, found = run_forwards(
                self.xp, link.flat, leaves, link.moving, link.closed, dots
            )
            if self.xp is not operations:
                after = list(map(raw, after))
            moved = [d for d, moves in zip(found[n:], link.ends[n:], strict=True)
                     if moves]  # fmt: skip
            return [*after[:n], *(found[i] for i in free), *after[n:], *moved]

        return ahead

    def results(self, new: int) -> Iterator[Any]:
        """Yield the tangents of the last carries of the passes from ``new`` on."""
        assert self.chain is not None  # noqa: S101  (a loop is a chain's first pass)
        parts = list(self.chain.results())
        for k, link in enumerate(self.links):
            n, end = len(link.inits), len(link.inits) + len(link.free)
            own, parts = parts[:end], parts[end:]
            if k >= new:
                dots: dict[int, Any] = dict(zip(link.free, own[n:], strict=True))
                yield from map(dots.get, range(n))


__all__ = ["Chain", "Pass", "While", "while_loop"]
