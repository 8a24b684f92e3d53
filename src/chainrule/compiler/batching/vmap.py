"""vmap: a function of one example, applied to many.

Outside a trace it is a loop over the examples. In a trace the function is traced for
one example, and its rows are run on all of them at once (``batching``).
"""

from __future__ import annotations

import functools
from collections import abc
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from chainrule import operations
from chainrule.compiler.batching.axes import (
    arranged_along,
    count_of,
    examples_of,
    moved_axis,
)
from chainrule.compiler.batching.batch import run_batched
from chainrule.compiler.batching.examples import Many
from chainrule.compiler.batching.reruns import Batch
from chainrule.compiler.control.bodies import (
    Body,
    example_of,
    first_example,
    traced_in,
)
from chainrule.compiler.control.python_steps import Watch
from chainrule.compiler.executors import costs, running
from chainrule.compiler.executors.running import Running
from chainrule.compiler.native.meanings import CannotLowerError
from chainrule.compiler.options import Options
from chainrule.compiler.programs.program import Program
from chainrule.compiler.tape.native_examples import Blocks
from chainrule.compiler.tracing.trace import Trace, joined
from chainrule.compiler.tracing.traced import MAPS, Traced
from chainrule.errors import ShapeError
from chainrule.nodes.recorder import record
from chainrule.numpy.in_place import own
from chainrule.numpy.making import private_part
from chainrule.progress import watched
from chainrule.rules import rule
from chainrule.rules.general_rule import results_of
from chainrule.rules.supports import is_inexact, supported
from chainrule.transforms.as_called import AsCalled
from chainrule.transforms.one_run import (
    run_backwards,
    run_forwards,
    wanted_of,
    with_zeros,
)
from chainrule.values.containers import flatten, unflatten
from chainrule.values.shapes import TUPLE, dtype_of
from chainrule.values.types import ArrayValue, Namespace, Parameters, Result
from chainrule.values.vertices import raw


def vmap(
    f: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0
) -> Callable[..., Any]:
    """Return the function that applies ``f`` to each example and stacks the results.

    Parameters
    ----------
    f
        A function of one example.
    in_axes
        The axis of the examples in every array of an argument, one for all arguments or
        a sequence with one per argument; ``None`` hands an argument to all examples. A
        container in the place of an axis has one for each part of the argument.
    out_axes
        The axis of the examples in the results: one for all, or a container of them.

    Raises
    ------
    ArgumentError
        If the axes are no axes, or not arranged as the arguments and results are.
    ShapeError
        If the arguments hold different numbers of examples, or have no such axis.

    Notes
    -----
    An argument given by keyword has its place in a sequence ``in_axes`` as if given by
    position. Otherwise its arrays have their examples along axis 0, and all examples
    share what has no axes.

    Outside ``compile`` this is a loop. Compiled, ``f`` is traced once and runs on all
    examples at once; what has no such form is called per example.

    Examples
    --------
    >>> import chainrule as gd, numpy as np
    >>> gd.vmap(gd.grad(lambda x, a: a * x**2), in_axes=(0, None))(np.arange(3.0), 2.0)
    array([0., 4., 8.])
    """
    return Batch(_vmap, f, in_axes=in_axes, out_axes=out_axes)


def _vmap(
    f: Callable[..., Any],
    args: Sequence[Any],
    keywords: abc.Mapping[str, Any],
    *,
    in_axes: Any,
    out_axes: Any,
) -> Any:
    """Apply a function to each example and stack the results."""
    leaves, structure, axes = examples_of(f, args, keywords, in_axes)
    count = count_of(leaves, axes)
    moved = [
        x if a is None else moved_axis(x, a) for x, a in zip(leaves, axes, strict=True)
    ]
    if not count:
        raise ShapeError("vmap needs one example or more; received none.")

    def call(filled: Sequence[Any]) -> tuple[list[Any], Any]:
        given, named = unflatten(structure, list(filled))
        return flatten(f(*given, **named))

    one = AsCalled(call)

    many = [a is not None for a in axes]
    home = traced_in([x for x, m in zip(moved, many, strict=True) if m])
    run: Any = _in_python if home is None else _in_trace
    results, arranged = run(home, one, moved, many, count)
    one.over()
    return arranged_along(out_axes, results, arranged)


def _in_python(
    home: None, one: Any, leaves: Sequence[Any], many: Sequence[bool], count: int
) -> tuple[list[Any], Any]:
    """Call the function for each example, unless a result is a value of a trace."""
    columns: list[list[Any]] = []
    arranged: Any = None
    watch = Watch()
    traced = functools.partial(
        _in_trace, one=one, leaves=leaves, many=many, count=count
    )
    pairs = list(zip(leaves, many, strict=True))
    with watched(range(count), "vmap", "examples") as examples:
        for i in examples:
            given = watch.begin([private_part(x, i) if m else x for x, m in pairs])
            found, arranged = one(given)
            row = watch.row([*given, *found], traced)
            if row is not None:
                return row
            columns.append(found)
    return [operations.stack(list(c)) for c in zip(*columns, strict=True)], arranged


def _in_trace(
    home: Trace,
    one: Any,
    leaves: Sequence[Any],
    many: Sequence[bool],
    count: int,
    *,
    seeds: bool = False,
) -> tuple[list[Any], Any]:
    if isinstance(one, AsCalled):
        one.keep()
    mapping = Mapping(home, one, leaves, many, count, seeds=seeds)
    operands = [leaves[i] for i in mapping.numeric]
    results = record(vmap_grad, [*operands, *mapping.body.closed], {"mapping": mapping})
    return list(map(_stacked, results)), mapping.arranged


def _stacked(z: Any) -> Any:
    """Return a result as an array of its own, by rows as what ``stack`` makes."""
    return z.laid_out(None, "C") if isinstance(z, Traced) else own(z, order="C")


def over_seeds(home: Trace, f: Callable[..., Any], seeds: ArrayValue) -> list[Any]:
    """Return the results of ``f``, a sweep, for each seed, stacked."""

    def one(leaves: Sequence[Any]) -> tuple[list[Any], Any]:
        return f(*leaves), None

    return _in_trace(home, one, [seeds], [True], len(seeds), seeds=True)[0]


MAPS.append(over_seeds)


class Mapping:
    """A function of one example's leaves, traced, and which leaves have examples."""

    def __init__(
        self,
        home: Trace,
        one: Any,
        leaves: Sequence[Any],
        many: Sequence[bool],
        count: int,
        *,
        seeds: bool = False,
    ) -> None:
        """Trace the function for one example; zeros of seeds are structural."""
        self.home = home
        self.seeds = seeds
        self.one = one
        self.leaves = leaves
        self.count = count
        self.numeric: list[int] = [
            i
            for i, x in enumerate(leaves)
            if many[i] or is_inexact(raw(x)) or isinstance(raw(x), Traced)
        ]
        self.many: list[bool] = [many[i] for i in self.numeric]
        self.arranged: Any = None
        examples = [
            first_example(leaves[i]) if m else example_of(leaves[i])
            for i, m in zip(self.numeric, self.many, strict=True)
        ]
        self.inexact: list[int] = [k for k, x in enumerate(examples) if is_inexact(x)]
        shared = [k for k, m in enumerate(self.many) if not m]
        self.body: Body = Body(home, self.flat, examples, frozen=shared)

    def flat(self, *inputs: Any) -> list[Any]:
        """Return the leaves of one example's result."""
        filled = list(self.leaves)
        for i, x in zip(self.numeric, inputs, strict=True):
            filled[i] = x
        found, self.arranged = self.one(filled)
        return joined(found)

    def values(self, operands: Sequence[Any]) -> tuple[Any, ...]:
        """Run the rows on all examples at once."""
        own = operands[: len(self.many)]
        program, captured = self.body.program, self.body.captured
        given = [Many(x) if m else x for x, m in zip(own, self.many, strict=True)]
        options = self.home.options
        because = running.why_not_in_blocks(program, self.count, options)
        if not because:
            try:
                many = [*self.many, *[False] * len(captured)]
                blocks = InBlocks(program, many, self.count, options)
                return self.home.call(blocks, [*own, *captured], None)
            except CannotLowerError as error:
                because = str(error) or "it has no form on a tape"
        if not self.seeds:
            self.home.mapped.append((self.count, because))
        return tuple(run_batched(program, [*given, *captured], self.count, self.home))


class InBlocks:
    """One example's program on blocks of examples: the function of a map's row."""

    __name__ = "vmap"
    keeps_shape = True

    def __init__(
        self, program: Program, many: Sequence[bool], count: int, options: Options
    ) -> None:
        """Write the tape; raise ``CannotLowerError`` where NumPy would have to run."""
        self.program = program
        self.many = many
        self.count = count
        blocks = Blocks(program, many, count, options.threads)
        seconds = costs.batched_seconds(program, count)
        self.running: Running = Running.chosen(blocks, options, seconds)

    def told(self) -> dict[str, Any]:
        """Return what ``stats()`` says of this map, and the programs inside it."""
        loop = self.running.loop
        return {
            "loop": self.__name__,
            "examples": self.count,
            "running": self.running,
            "programs": [],
            "threads": None if loop is None else loop.team.told(),
        }

    def __call__(self, *inputs: Any) -> tuple[Any, ...]:
        """Return the results of all examples, stacked."""
        return self.running(self.running.loop, self._row_by_row, *inputs)

    def _row_by_row(self, *inputs: Any) -> tuple[Any, ...]:
        """Run each row on all examples at once, on NumPy."""
        given = [
            Many(np.asarray(x)) if m else x
            for x, m in zip(inputs, self.many, strict=True)
        ]
        found = run_batched(self.program, given, self.count, None)
        pairs = zip(found, self.program.outputs, strict=True)
        return tuple([np.array(z, dtype=dtype_of(x)) for z, x in pairs])


class vmap_grad(rule, kind=True):
    """z[i] = f(x[i]); the sweeps are mapped, and sum where an operand is shared"""

    outputs = 2

    @staticmethod
    def forward(*operands: Any, mapping: Mapping) -> Any:
        """Return the results of all examples."""
        return mapping.values(operands)

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
        """Pull each example's cotangents; those of shared operands add up."""
        mapping: Mapping = parameters["mapping"]
        n, inexact = len(mapping.many), mapping.inexact
        closed = mapping.body.closed_then
        parts = results_of(xp, z)
        grads = with_zeros(z_bar.value, parts)

        def back(leaves: Sequence[Any], bars: Sequence[Any]) -> Any:
            return run_backwards(xp, mapping.flat, leaves, inexact, closed, bars)

        found = _mapped_again(back, mapping, operands[:n], grads)
        shared = [not mapping.many[i] for i in inexact] + [True] * len(closed)
        bars = [_summed(g) if s else g for g, s in zip(found, shared, strict=True)]
        places = dict(zip([*inexact, *range(n, n + len(closed))], bars, strict=True))
        yield from wanted_of(places, wanted)

    @classmethod
    def push(
        cls,
        xp: Namespace,
        tangents: Sequence[supported | None],
        z: Result,
        operands: Sequence[Any],
        parameters: Parameters,
    ) -> supported | None:
        """Push each example's tangents."""
        mapping: Mapping = parameters["mapping"]
        n, inexact = len(mapping.many), mapping.inexact
        closed = mapping.body.closed_then
        dots = with_zeros(tangents, operands)

        def ahead(leaves: Sequence[Any], moved: Sequence[Any]) -> Any:
            given = [*(moved[i] for i in inexact), *dots[n:]]
            return run_forwards(xp, mapping.flat, leaves, inexact, closed, given)[1]

        found = _mapped_again(ahead, mapping, operands[:n], dots[:n], like=True)
        return supported(tuple(found))


def _summed(bar: Any) -> Any:
    """Add up the examples of a cotangent, or of each of several results' ones."""
    if isinstance(bar, TUPLE):
        return tuple(map(_summed, bar))
    return operations.sum(bar, axis=0)


def _mapped_again(
    f: Callable[..., Any],
    mapping: Mapping,
    operands: Sequence[Any],
    others: Any,
    *,
    like: bool = False,
) -> list[Any]:
    """Map ``f(leaves, others)``; the others have examples, all or ``like`` leaves."""
    second = mapping.many if like else [True] * len(others)
    n = len(operands)

    def split(leaves: Sequence[Any]) -> tuple[list[Any], Any]:
        return flatten(f(leaves[:n], leaves[n:]))

    home, many = mapping.home.innermost(), [*mapping.many, *second]
    found, arranged = _in_trace(
        home, split, [*operands, *others], many, mapping.count, seeds=mapping.seeds
    )
    return unflatten(arranged, found)
