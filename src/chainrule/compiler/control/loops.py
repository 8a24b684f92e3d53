"""Loops as rows: a body that is traced once, and run step by step.

A step takes the *carries*, which each step hands to the next, and its entry of each of
the *xs*. It returns the next carries, and *ys*, of which the loop returns those of all
steps, stacked. So it does with the *histories*, the carries before each step: reverse
sweeps read them.

``Scan``
    The number of steps is known when the loop is traced. Xs and stacked results are
    arrays, and all steps may run in one call, on a tape.
``While``
    A condition on the carries says in each call how many steps there are. Stacked
    results are columns (``tracing.columns``), of any number of entries.
``Pass``
    A loop over the steps of a ``While``, from the first or from the last. Its xs are
    columns as well.
"""

from __future__ import annotations

import copy
import functools
import itertools
from collections.abc import Container, Sequence
from typing import Any, ClassVar

import numpy as np

from chainrule.compiler.control.bodies import Body, FlatFunction, Leaves, example_of
from chainrule.compiler.control.carries import (
    all_like,
    as_stacked,
    cast,
    entries,
    entry_of,
    held_dtype,
    held_in,
)
from chainrule.compiler.control.scan_forms import FusedSteps, form_of
from chainrule.compiler.executors import costs, running
from chainrule.compiler.executors.running import Running
from chainrule.compiler.native.meanings import CannotLowerError
from chainrule.compiler.programs.program import Program
from chainrule.compiler.tape.loops import lowered_pass, lowered_scan, lowered_while
from chainrule.compiler.tape.lowering import Builder
from chainrule.compiler.tracing.columns import Column
from chainrule.compiler.tracing.rows import Row
from chainrule.compiler.tracing.trace import Trace
from chainrule.progress import watched
from chainrule.rules.supports import is_inexact
from chainrule.transforms.one_run import depended_on


class Loop:
    """A body with how often to run it: the function of a loop's row.

    Called with the first carries and the xs, and with what the body captured, it
    returns the last carries, the ys, and the histories. An xs that the body does not
    read is a number.

    Attributes
    ----------
    flat, body
        The body, as a function of leaves and traced.
    carried, mapped, returned
        How many carries and xs there are, and results of the body.
    count
        The number of steps; of a ``While`` and a ``Pass`` a traced one.
    reverse
        Whether the last step is the first.
    history
        The places of the carries whose histories are results.
    entries
        What is like an entry of each of the ys and histories.
    stored
        Whether the program reads each of the ys and histories; if not, it is empty.
    """

    names: ClassVar[tuple[str, str]]
    """What it is called that goes forwards, and one that goes backwards."""
    keeps_shape = True
    takes_columns = True
    over_same_steps: ClassVar[type[Loop]]
    """The class of loops over the same steps."""
    protected: ClassVar[bool] = True
    """Whether there may be no step, and then no error of the body's either."""

    def __init__(
        self,
        home: Trace,
        flat: FlatFunction,
        carries: Leaves,
        xs: Leaves,
        count: Any,
        *,
        reverse: bool,
        history: Sequence[int],
    ) -> None:
        """Trace the body on the first carries, and on an entry of each xs."""
        self.__name__: str = self.names[reverse]
        self.home = home
        self.flat = flat
        self.count: Any = count
        self.reverse = reverse
        self.history: list[int] = list(history)
        self.carried: int = len(carries)
        self.mapped: int = len(xs)
        examples = [example_of(x) for x in carries]
        examples += [entry_of(x, -1 if reverse else 0) for x in xs]
        self._examples: list[Any] = examples
        self._inexact: list[bool] = list(map(is_inexact, examples))
        times = count if isinstance(count, int) else 1
        self.body: Body = Body(home, flat, examples, times, protected=self.protected)
        self.returned: int = len(self.body.likes)
        self.entries: list[Any] = self.body.likes[self.carried :]
        self.entries += [examples[i] for i in self.history]
        self._store([True] * len(self.entries))

    @functools.cached_property
    def running(self) -> Running:
        """What runs the loop by itself, chosen when it first does."""
        return Running(None, "the steps are counted in each call")

    @property
    def unbounded(self) -> bool:
        """Whether values say how many steps there are, here or inside, or many are."""
        return False

    @functools.cached_property
    def moving(self) -> list[int]:
        """The places of carries and xs with a derivative: inexact ones that are read.

        A carry that is not read has one, for it is a result if there are no steps. An
        xs that is not read may have one where a step has a derivative of its own.
        """
        inputs, read = self.body.program.inputs, self.body.program.last_uses()
        places = [i for i, inexact in enumerate(self._inexact) if inexact]
        unread = [i for i in places if i >= self.carried and inputs[i] not in read]
        unmoved = set(unread) - depended_on(self.flat, self._examples, places, unread)
        return [i for i in places if i not in unmoved]

    @property
    def moving_carries(self) -> list[int]:
        """The places of the carries with a derivative."""
        return [i for i in self.moving if i < self.carried]

    def told(self) -> dict[str, Any]:
        """Return what ``stats()`` says of this loop, and the programs inside it."""
        return {
            "loop": self.__name__,
            "running": vars(self).get("running"),
            "programs": [self.body.program],
        }

    def values(self, leaves: Leaves) -> tuple[Any, ...]:
        """Add the row of this loop, for carries and xs; return its results."""
        raise NotImplementedError

    def reading(self, args: Sequence[Any]) -> tuple[Any, ...]:
        """Return the row's arguments without the xs that the body does not read."""
        n, read = self.carried, self.body.program.last_uses()
        *count, leaves, captured = args
        inputs = self.body.program.inputs[n : len(leaves)]
        xs = [
            x if inside in read else 0.0
            for x, inside in zip(leaves[n:], inputs, strict=True)
        ]
        return *count, [*leaves[:n], *xs], captured

    def storing(self, read: Container[int]) -> Loop:
        """Return this loop, storing only the stacked results whose places are read."""
        made = copy.copy(self)
        made._store([self.carried + i in read for i in range(len(self.stored))])
        return made

    def narrowed(self, program: Program, ys: Leaves = (), *, xs: int = 0) -> Loop:
        """Return this loop with another body.

        That returns values like these ``ys`` besides, or takes so many ``xs`` more.
        """
        made = copy.copy(self)
        made.body = self.body.running(program, [*self.body.likes, *ys])
        made.mapped += xs
        made.returned += len(ys)
        n = self.returned - self.carried
        made.entries = [*self.entries[:n], *ys, *self.entries[n:]]
        made._store([*self.stored[:n], *(True for _ in ys), *self.stored[n:]])
        vars(made).pop("running", None)
        return made

    def _store(self, stored: list[bool]) -> None:
        """Store some of the ys and histories."""
        self.stored = stored
        n = self.carried
        places = [*range(n, self.returned), *self.history]
        pairs = [(i, k) for k, i in enumerate(places) if stored[k]]
        self._ys = [pair for pair in pairs if pair[0] >= n]
        self._histories = [pair for pair in pairs if pair[0] < n]

    def _run_steps(
        self, count: int, leaves: Leaves, captured: Leaves, stacks: Sequence[Any]
    ) -> Leaves:
        """Run the body step by step; fill the stacks, and return the last carries."""
        n, run = self.carried, self.body.run
        carry = leaves[:n]
        xs = [entries(x, count) for x in leaves[n:]]
        ys = [(i, stacks[k]) for i, k in self._ys]
        histories = [(i, stacks[k]) for i, k in self._histories]
        order = range(count)
        with watched(order[::-1] if self.reverse else order, self.__name__) as steps:
            for t in steps:
                running.PATIENCE.check()
                for i, history in histories:
                    history[t] = carry[i]
                results = run(*carry, *[x[t] for x in xs], *captured)
                for i, y in ys:
                    y[t] = results[i]
                carry = results[:n]
        return carry


class Scan(Loop):
    """A loop of so many steps."""

    names: ClassVar[tuple[str, str]] = "scan", "scan"
    protected = False

    @property
    def unbounded(self) -> bool:
        """Whether values say how many steps there are inside, or they take long."""
        body = self.body.program
        return costs.takes_long(body, self.count) or costs.is_unbounded(body)

    @functools.cached_property
    def running(self) -> Running:
        """What runs the loop by itself, chosen when it first does."""
        program, options = self.body.program, self.home.options
        because = running.why_not_on_tape(options)
        if because:
            return Running(None, because)
        native = options.executor != "vm"
        of_body = self.body, self.carried, self.mapped, self.count
        try:
            form = form_of(*of_body, reverse=self.reverse, native=native)
        except CannotLowerError as error:
            return Running(None, str(error))
        seconds = costs.stepping_seconds(program, self.count * self.home.repeats)
        return Running.chosen(form, options, seconds)

    def told(self) -> dict[str, Any]:
        """Return what ``stats()`` says of this loop, and the programs inside it."""
        return {"loop": self.__name__, "steps": self.count} | super().told()

    def values(self, leaves: Leaves) -> tuple[Any, ...]:
        """Add the row of this loop, for carries and xs; return its results."""
        return self.home.call(self, (list(leaves), self.body.captured), None)

    def lower(self, b: Builder, row: Row) -> list[Any]:
        """Lower this loop; return the places of its results."""
        leaves, captured = row.args
        return lowered_scan(b, self, leaves, captured, self.count)

    def __call__(self, leaves: Leaves, captured: Leaves) -> tuple[Any, ...]:
        """Run the loop: on NumPy where the program around it may become native."""
        if running.PATIENCE.limited:
            return self._step_by_step(leaves, captured)
        return self.running(self._on_tape, self._step_by_step, leaves, captured)

    def _step_by_step(self, leaves: Leaves, captured: Leaves) -> tuple[Any, ...]:
        """Run the steps one by one on NumPy."""
        stacks = self._stacks()
        carry = self._run_steps(self.count, leaves, captured, stacks)
        return (*carry, *map(as_stacked, stacks, self.entries))

    def outline(self, leaves: Leaves, captured: Leaves) -> tuple[Any, ...]:
        """Return results as if all steps were like the first, without taking one."""
        stacked = map(all_like, self._stacks(), self.entries)
        return (*self.body.likes[: self.carried], *stacked)

    def _on_tape(self, leaves: Leaves, captured: Leaves) -> tuple[Any, ...]:
        """Run all steps in one call, or one by one if they are fused."""
        if isinstance(self.running.loop, FusedSteps):
            return self._step_by_step(leaves, captured)
        n, ys = self.carried, self.returned - self.carried
        flags = zip(self.history, self.stored[ys:], strict=True)
        kept = {i for i, stored in flags if stored}
        stored = [*(i in kept for i in range(n)), *self.stored[:ys]]
        results = self.running.loop(leaves, captured, stored)
        shown = self.returned
        return (*results[:shown], *[results[shown + i] for i in self.history])

    def _stacks(self) -> list[Any]:
        """Return arrays for the ys and the histories; lists for those of columns."""
        pairs = zip(self.entries, self.stored, strict=True)
        return [self._stack(x) if stored else np.empty(0) for x, stored in pairs]

    def _stack(self, like: Any) -> Any:
        if isinstance(like, Column):
            return [like] * self.count
        return np.empty((self.count, *np.shape(like)), held_dtype(like))


class Pass(Loop):
    """A loop over steps that a while loop has counted.

    Called with their number as well.
    """

    names: ClassVar[tuple[str, str]] = "while_loop_again", "while_loop_back"

    @functools.cached_property
    def likes(self) -> list[Any]:
        """What is like an entry of each column: a NumPy number for Python's."""
        return [np.asarray(x)[()] for x in self.entries]

    def values(self, leaves: Leaves) -> tuple[Any, ...]:
        """Add the row of this loop, for carries and xs; return its results."""
        args = self.count, list(leaves), self.body.captured
        return self.home.call(self, args, None)

    def lower(self, b: Builder, row: Row) -> list[Any]:
        """Lower this loop; return the places of its results."""
        count, leaves, captured = row.args
        return lowered_pass(b, self, leaves, captured, b.places(count))

    def __call__(self, *args: Any) -> tuple[Any, ...]:
        """Run the loop."""
        return self.running(self._run, self._run, *args)

    def _run(self, count: float, leaves: Leaves, captured: Leaves) -> tuple[Any, ...]:
        count = int(count)  # that of several examples is a float
        stacks: list[Any] = [[None] * (count * stored) for stored in self.stored]
        carry = self._run_steps(count, leaves, captured, stacks)
        return (*carry, *map(Column, stacks, self.likes))


class While(Pass):
    """A loop that asks its condition and counts its steps: its row's last result."""

    names: ClassVar[tuple[str, str]] = "while_loop", "while_loop"

    def __init__(
        self, home: Trace, flat: FlatFunction, condition: FlatFunction, carries: Leaves
    ) -> None:
        """Trace condition and body on the first carries; all have a history."""
        every = range(len(carries))
        super().__init__(home, flat, carries, (), None, reverse=False, history=every)
        examples = [example_of(x) for x in carries]
        self.test: Body = Body(home, condition, examples)
        self.dtypes: list[Any] = [
            held_in(x, y) for x, y in zip(examples, self.body.likes, strict=True)
        ]

    def values(self, leaves: Leaves) -> tuple[Any, ...]:
        """Add the row of this loop, for its carries; return its results."""
        captured = [self.test.captured, self.body.captured]
        *results, count = self.home.call(self, (list(leaves), captured), None)
        self.count: Any = count
        return tuple(results)

    def lower(self, b: Builder, row: Row) -> list[Any]:
        """Lower this loop; return the places of its results."""
        return lowered_while(b, self, self.test.program, *row.args)

    @property
    def unbounded(self) -> bool:
        """Whether values say how many steps there are: they do."""
        return True

    def outline(self, carry: Leaves, captured: Sequence[Any]) -> tuple[Any, ...]:
        """Return what is like the results, without taking a step."""
        columns = [Column([], like) for like in self.likes]
        return (*map(cast, carry, self.dtypes), *columns, 0)

    def _run(self, carry: Leaves, captured: Sequence[Any]) -> tuple[Any, ...]:  # type: ignore
        of_condition, of_body = captured
        stacks: list[list[Any]] = [[] for _ in self.stored]
        histories = [(i, stacks[k]) for i, k in self._histories]
        count = 0
        with watched(itertools.repeat(None), self.__name__) as steps:
            for _ in steps:
                running.PATIENCE.check()
                if not self.test.run(*carry, *of_condition)[0]:
                    break
                for i, history in histories:
                    history.append(carry[i])
                carry = self.body.run(*carry, *of_body)
                count += 1
        columns = map(Column, stacks, self.likes)
        return (*map(cast, carry, self.dtypes), *columns, count)


Scan.over_same_steps, Pass.over_same_steps = Scan, Pass
