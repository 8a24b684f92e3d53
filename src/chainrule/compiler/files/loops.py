"""Loops, branches and maps from files: each is run and compared before it is lowered.

In: loops whose bodies were not traced here. Out: their rows' functions, as they are
traced elsewhere (``compiler.control``), but that they run on NumPy until their bodies
were compared with what the file says of them.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.compiler.batching.vmap import InBlocks
from chainrule.compiler.control.bodies import Body, Leaves
from chainrule.compiler.control.carries import held_dtype
from chainrule.compiler.control.cond import Branches
from chainrule.compiler.control.loops import Pass, Scan, While
from chainrule.compiler.executors import costs
from chainrule.compiler.executors.running import Running
from chainrule.compiler.files.checked import VARYING, Given, check
from chainrule.compiler.files.errors import require
from chainrule.compiler.files.programs import Limits
from chainrule.compiler.native.meanings import CannotLowerError
from chainrule.compiler.programs.program import Program
from chainrule.compiler.programs.signals import GuardFailed
from chainrule.compiler.tape.lowering import Builder
from chainrule.compiler.tape.native_examples import Blocks
from chainrule.compiler.tracing.columns import Column
from chainrule.compiler.tracing.rows import Row
from chainrule.values.vertices import ARITHMETIC_ERRORS


def value_like(x: Any) -> Any:
    """Return a value like a row's results, in little memory; a constant as it is."""
    if not isinstance(x, Row):
        return x
    return np.broadcast_to(np.zeros((), x.dtype), x.shape)


class _Compared:
    """A loop or branch from a file, of which only what was compared is lowered."""

    def bodies_in_use(self) -> Sequence[Body]:
        """Return the bodies."""
        raise NotImplementedError

    def lower(self, b: Builder, row: Row) -> list[Any]:
        """Lower it, if it has run."""
        for body in self.bodies_in_use():
            run: Any = body.run
            if not (run.compared and run.exact):
                raise CannotLowerError("a loop from a file that has not run")
        above: Any = super()
        return above.lower(b, row)


class SavedScan(_Compared, Scan):
    """A scan from a file: its first step is compared before anything runs it."""

    compared: bool = False

    def bodies_in_use(self) -> Sequence[Body]:
        """Return the body."""
        return [self.body]

    def __call__(self, leaves: Leaves, captured: Leaves) -> tuple[Any, ...]:
        """Run the loop."""
        if not self.compared:
            self._compare(leaves, captured)
            vars(self).pop("running", None)  # chosen for other values
            self.compared = True
        return super().__call__(leaves, captured)

    @functools.cached_property
    def running(self) -> Running:
        """What runs the loop by itself: its values are to be as the file says."""
        program = self.body.program
        pairs = zip(program.inputs[: self.carried], program.outputs, strict=False)
        if any(held_dtype(value_like(z)) != x.dtype for x, z in pairs):
            return Running(None, "carries of several dtypes")
        if not self.body.run.exact:  # type: ignore[attr-defined]
            return Running(None, VARYING)
        return super().running

    def _compare(self, leaves: Leaves, captured: Leaves) -> None:
        """Run a step, and compare it with the file."""
        n, program = self.carried, self.body.program
        require(len(leaves) == n + self.mapped, "a loop is given other values")
        read = program.last_uses()
        first: list[Any] = []
        for row, x in zip(program.inputs[n:], leaves[n:], strict=False):
            if row not in read:
                first.append(x)
                continue
            steps = len(x.entries) if isinstance(x, Column) else np.shape(x)[:1]
            require(steps in ((self.count,), self.count), "xs have other lengths")
            entries = x.entries if isinstance(x, Column) else x
            first.append(entries[-1 if self.reverse else 0])
        self.body.run.check(*leaves[:n], *first, *captured)  # type: ignore[attr-defined]


class SavedPass(_Compared, Pass):
    """A loop over counted steps from a file."""

    def bodies_in_use(self) -> Sequence[Body]:
        """Return the body."""
        return [self.body]


class SavedWhile(_Compared, While):
    """A loop with a condition, from a file."""

    def bodies_in_use(self) -> Sequence[Body]:
        """Return the body, and the condition."""
        return [self.body, self.test]

    def __call__(  # type: ignore[override]
        self, carry: Leaves, captured: Sequence[Leaves]
    ) -> tuple[Any, ...]:
        """Run the loop; compare its body also where there is no step."""
        results = super().__call__(carry, captured)
        _try_to_compare(self.body, [*carry, *captured[1]])
        return results


class SavedBranches(_Compared, Branches):
    """A branch from a file."""

    def bodies_in_use(self) -> Sequence[Body]:
        """Return both branches."""
        return self.bodies

    def __call__(
        self, choice: Any, inputs: Leaves, captured: Sequence[Leaves]
    ) -> tuple[Any, ...]:
        """Run the branch that was chosen; compare the other one as well."""
        results = super().__call__(choice, inputs, captured)
        for body, outside in zip(self.bodies, captured, strict=True):
            _try_to_compare(body, [*inputs, *outside])
        return results


def _try_to_compare(body: Body, leaves: Sequence[Any]) -> None:
    """Compare a body with the file, unless values for which it does not run forbid."""
    run: Any = body.run
    if not run.compared:
        with contextlib.suppress(GuardFailed, IndexError, *ARITHMETIC_ERRORS):
            run.check(*leaves)


class SavedBlocks(InBlocks):
    """A map from a file: one example is compared before anything runs it."""

    def __init__(
        self, program: Program, many: Sequence[bool], count: int, limits: Limits
    ) -> None:
        """Write no tape yet."""
        self.program = program
        self.many = many
        self.count = count
        self._limits = limits
        self._compared = False
        self.running = Running(None, "from a file, not run yet")

    def __call__(self, *inputs: Given) -> tuple[Any, ...]:
        """Return the results of all examples, stacked."""
        if not self._compared:
            values: Any = inputs
            pairs = list(zip(values, self.many, strict=True))
            lengths = {np.shape(x)[0] for x, many in pairs if many}
            require(lengths == {self.count}, "a map has other examples")
            first = [x[0] if many else x for x, many in pairs]
            self._choose(exact=check(self.program, first, self._limits))
            self._compared = True
        return super().__call__(*inputs)

    def _choose(self, *, exact: bool) -> None:
        options, program = self._limits.options, self.program
        if not exact:
            self.running: Running = Running(None, VARYING)
            return
        seconds = costs.batched_seconds(program, self.count)
        try:
            blocks = Blocks(program, self.many, self.count, options.threads)
        except CannotLowerError as error:
            self.running = Running(None, str(error))
            return
        self.running = Running.chosen(blocks, options, seconds)


__all__ = [
    "SavedBlocks",
    "SavedBranches",
    "SavedPass",
    "SavedScan",
    "SavedWhile",
    "value_like",
]
