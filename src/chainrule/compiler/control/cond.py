"""cond: Python's if where it is not traced, and else one row of two programs."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from chainrule.compiler.control.bodies import (
    Body,
    FlatFunction,
    Leaves,
    example_of,
    traced_in,
)
from chainrule.compiler.control.carries import cast, held_in
from chainrule.compiler.executors import costs
from chainrule.compiler.executors.running import Running
from chainrule.compiler.tape.branches import lowered_cond
from chainrule.compiler.tape.lowering import Builder
from chainrule.compiler.tracing.columns import Column
from chainrule.compiler.tracing.rows import NUMBERS, Row
from chainrule.compiler.tracing.trace import Trace, joined
from chainrule.compiler.tracing.traced import Traced
from chainrule.errors import CompileError, ShapeError
from chainrule.nodes.node_class import node
from chainrule.nodes.recorder import next_serial, record
from chainrule.numpy.making import of_its_own
from chainrule.rules import rule
from chainrule.rules.general_rule import results_of
from chainrule.rules.supports import is_inexact, supported
from chainrule.transforms.as_called import AsCalled, as_of, kept_value
from chainrule.transforms.one_run import (
    run_backwards,
    run_forwards,
    wanted_of,
    with_zeros,
)
from chainrule.values.containers import (
    LEAF,
    Structure,
    flatten,
    key_orders,
    map_leaves,
    unflatten,
)
from chainrule.values.foreign import refuse_branch
from chainrule.values.shapes import dtype_of, kind_of
from chainrule.values.types import Namespace, Parameters, Result
from chainrule.values.vertices import raw


def cond(
    predicate: Any,
    true: Callable[..., Any],
    false: Callable[..., Any],
    *operands: Any,
) -> Any:
    """Return ``true(*operands)`` if the predicate holds, else ``false(*operands)``.

    Outside ``compile`` it is Python's ``if``. Compiled, both are traced, and each call
    runs the one that its values choose, without tracing again. Numbers of Python's have
    the dtype of what the other returns. Where the two are of float32 and float64,
    it is Python's ``if``; in loops and maps the result has the dtype that holds both.

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
    leaves, structure = flatten(operands)
    if not isinstance(choice, Traced):
        refuse_branch(choice)
        start = next_serial()
        found = true(*operands) if choice else false(*operands)
        return map_leaves(functools.partial(of_its_own, leaves, start), found)
    return _in_trace(choice, (true, false), leaves, structure)


def _in_trace(
    choice: Traced,
    functions: Sequence[Callable[..., Any]],
    leaves: list[Any],
    structure: Structure,
) -> Any:
    """Add a cond to a trace as one row."""
    numeric = [i for i, x in enumerate(leaves) if is_inexact(raw(x))]
    structures: list[Any] = []
    again = list(map(AsCalled, functions))
    for f in again:
        f.keep()
    before, serial = list(map(kept_value, leaves)), next_serial()

    def flattened(f: Callable[..., Any]) -> FlatFunction:
        def flat(*inputs: Any) -> list[Any]:
            arguments = list(leaves)
            for i, x in zip(numeric, inputs, strict=True):
                arguments[i] = x
            results, of_results = flatten(f(*unflatten(structure, arguments)))
            structures.append(of_results)
            return joined(results)

        return flat

    inputs = [leaves[i] for i in numeric]
    home = traced_in([choice, *inputs])
    assert home is not None  # noqa: S101  (choice is in a trace)
    branches = Branches(home, list(map(flattened, again)), inputs)
    if branches.mixes and (holds := _decided(choice)) is not None:
        for f in again:
            f.over()
        return functions[0 if holds else 1](*unflatten(structure, leaves))
    _check_structures(*structures[:2])
    parameters = {"choice": choice, "branches": branches}
    results = record(cond_grad, [*inputs, *branches.closed], parameters)
    leaves[:] = [as_of(x, serial) for x in before]
    for f in again:
        f.over()
    return unflatten(structures[0], list(results))


def _decided(choice: Traced) -> bool | None:
    """Return the truth for the example, a guard; ``None`` in the body of a loop."""
    with suppress(CompileError):
        return bool(choice)
    return None


def _check_structures(x: Any, y: Any) -> None:
    """Refuse branches that return other structures."""
    if not _same_structure(x, y):
        raise ShapeError(
            "The two functions of cond must return the same structure, with the keys "
            f"of dicts in the same order; received {x} and {y}."
        )


def _same_structure(x: Any, y: Any) -> bool:
    """Tell whether two structures are equal, with their keys in the same order."""
    if x != y or x is LEAF:
        return x == y
    first, second = (unflatten(s, range(s.num_leaves)) for s in (x, y))
    return key_orders(first) == key_orders(second)


class Branches:
    """The two programs of a cond: the function of its row.

    Attributes
    ----------
    bodies
        The branch where the predicate holds, and the other one.
    likes
        Results of the shapes of both, in dtypes that hold both.
    closed
        Nodes from outside that either closes over.
    """

    __name__ = "cond"
    keeps_shape = True
    takes_columns = True

    def __init__(
        self, home: Trace, flats: Sequence[FlatFunction], inputs: Leaves
    ) -> None:
        """Trace both."""
        self.home = home
        self.flats = flats
        examples = [example_of(x) for x in inputs]
        self.bodies: list[Body] = [
            Body(home, flat, examples, protected=True, frozen=range(len(examples)))
            for flat in flats
        ]
        self.running: Running = Running(None, "one of two programs runs")
        shapes = [[np.shape(x) for x in b.likes] for b in self.bodies]
        if shapes[0] != shapes[1]:
            raise ShapeError(
                "The two functions of cond must return the same shapes; received "
                f"{shapes[0]} and {shapes[1]}."
            )
        self.likes: list[Any] = [
            x if isinstance(x, Column) else np.zeros(np.shape(x), held_in(x, y))
            for x, y in zip(*(b.likes for b in self.bodies), strict=True)
        ]
        pairs = zip(*(b.likes for b in self.bodies), strict=True)
        self.mixes: bool = any(len(_precisions(pair)) > 1 for pair in pairs)
        """Whether a result is an array of another precision in each branch."""
        nodes = [x for body in self.bodies for x in body.closed]
        self.closed: tuple[node, ...] = tuple(dict.fromkeys(nodes))
        self.count: int = len(inputs)

    @property
    def closed_then(self) -> tuple[node, ...]:
        """The nodes from outside in the versions that the branches have read."""
        nodes = (x for body in self.bodies for x in body.closed_then)
        return tuple(dict.fromkeys(nodes))

    @property
    def unbounded(self) -> bool:
        """Whether values say how many steps there are, in a branch."""
        return any(costs.is_unbounded(body.program) for body in self.bodies)

    def told(self) -> dict[str, Any]:
        """Return what ``stats()`` says of this branch, and the programs inside it."""
        return {
            "loop": self.__name__,
            "running": self.running,
            "programs": [body.program for body in self.bodies],
        }

    def values(self, operands: Leaves, choice: Any) -> Any:
        """Add the row of this cond; return its results."""
        captured = [body.captured for body in self.bodies]
        inputs = list(operands[: self.count])
        return self.home.call(self, (choice, inputs, captured), None)

    def lower(self, b: Builder, row: Row) -> list[Any]:
        """Lower both branches; return the places of the results."""
        return lowered_cond(b, self.bodies, self.likes, *row.args)

    def outline(self, *values: Any) -> tuple[Any, ...]:
        """Return what is like the results, without running a branch."""
        return tuple(x[()] for x in self.likes)

    def __call__(
        self, choice: Any, inputs: Leaves, captured: Sequence[Any]
    ) -> tuple[Any, ...]:
        """Run the branch that was chosen."""
        i = 0 if choice else 1
        run = self.bodies[i].run
        results = self.running(run, run, *inputs, *captured[i])
        pairs = zip(results, self.likes, strict=True)
        return tuple(cast(x, like.dtype) for x, like in pairs)


def _precisions(values: Iterable[Any]) -> set[np.dtype[Any]]:
    """Return the dtypes of real and complex values, but for those of Python's class."""
    dtypes = {dtype_of(x) for x in values if kind_of(x) not in NUMBERS}
    return {x for x in dtypes if x.kind in "fc"}


class cond_grad(rule, kind=True):
    """z = f(x) if choice else g(x); the sweeps are conds as well"""

    outputs = 2

    @staticmethod
    def forward(*operands: Any, choice: Any, branches: Branches) -> Any:
        """Return the results of the branch that was chosen."""
        return branches.values(operands, choice)

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
        """Pull the cotangents through the branch that was chosen."""
        branches: Branches = parameters["branches"]
        count, closed = branches.count, branches.closed_then

        def backwards(flat: FlatFunction) -> Callable[..., Any]:
            def pulled(inputs: Sequence[Any], bars: Sequence[Any]) -> Any:
                given = xp, flat, inputs, range(count), closed, bars
                return run_backwards(*given, goes_on=True)

            return pulled

        true, false = map(backwards, branches.flats)
        results = results_of(xp, z)
        grads = with_zeros(z_bar.value, results)
        inputs = list(operands[:count])
        bars: list[Any] = cond(parameters["choice"], true, false, inputs, grads)
        yield from wanted_of(dict(enumerate(bars)), wanted)

    @classmethod
    def push(
        cls,
        xp: Namespace,
        tangents: Sequence[supported | None],
        z: Result,
        operands: Sequence[Any],
        parameters: Parameters,
    ) -> supported | None:
        """Push the tangents through the branch that was chosen."""
        branches: Branches = parameters["branches"]
        count, closed = branches.count, branches.closed_then

        def forwards(flat: FlatFunction) -> Callable[..., Any]:
            def pushed(inputs: Sequence[Any], dots: Sequence[Any]) -> Any:
                given = xp, flat, inputs, range(count), closed, dots
                return run_forwards(*given, goes_on=True)[1]

            return pushed

        true, false = map(forwards, branches.flats)
        dots = with_zeros(tangents, operands)
        z_dot = cond(parameters["choice"], true, false, list(operands[:count]), dots)
        return supported(tuple(z_dot))
