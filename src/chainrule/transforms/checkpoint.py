"""checkpoint: a function as one operation, which each sweep runs again."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from chainrule.errors import ArgumentError, EscapeError
from chainrule.nodes.admission import NONE, kept
from chainrule.nodes.node_class import node
from chainrule.nodes.recorder import next_serial, record
from chainrule.numpy.making import of_its_own, private
from chainrule.rules import rule
from chainrule.rules.namespace import plain
from chainrule.rules.supports import fit, supported
from chainrule.steps.owned_arrays import add_into
from chainrule.steps.step import reference_step
from chainrule.transforms.as_called import AsCalled
from chainrule.transforms.derived import P, R
from chainrule.transforms.one_run import (
    are_values,
    closed_over,
    refuse_changed,
    stepped_backwards,
    swept_backwards,
    swept_forwards,
)
from chainrule.transforms.recorded_call import Recording
from chainrule.values.containers import Structure, flatten, unflatten
from chainrule.values.shapes import describe
from chainrule.values.types import Namespace, Parameters, Result, Value
from chainrule.values.versions import enter_views, first, memory_of, sealed
from chainrule.values.vertices import raw, vertex


def checkpoint(f: Callable[P, R]) -> Callable[P, R]:
    """Return ``f`` as one operation that keeps its operands and forgets its inside.

    A sweep that reaches it runs ``f`` again, so memory is that of one run of ``f``
    instead of the sum over all of them, for one more evaluation. Nodes that ``f``
    closes over become operands. ``f`` must return the same for the same arguments.

    Source: Griewank & Walther, chapter 12.

    Examples
    --------
    >>> import chainrule as gd, numpy as np
    >>> step = gd.checkpoint(lambda x: np.sin(np.sin(x)))
    >>> gd.grad(step)(0.0)
    1.0
    """
    if not callable(f):
        raise ArgumentError(
            f"checkpoint needs a function; received {describe(f)}. Write "
            "gd.checkpoint(f)(x), not gd.checkpoint(f(x))."
        )

    @functools.wraps(f)
    def checkpointed(*args: P.args, **keywords: P.kwargs) -> Any:
        leaves, structure = flatten((args, keywords))
        outer = list(dict.fromkeys(x for x in leaves if isinstance(x, node)))
        again = AsCalled(f)
        rerun = _rerun(again, leaves, outer, structure)
        run = _run_sealed(rerun, outer, {"originals": leaves})
        known = set(run.inputs)
        older = closed_over(run.outputs, run.began)
        closed = tuple(x for x in older if x not in known)
        nodes: Any = run.outputs
        if outer or closed:
            again.keep()
            again.over()
            values = tuple(raw(z) for z in run.outputs)
            parameters: dict[str, Any] = {"rerun": rerun, "closed": closed}
            parameters |= {"values": values, "serial": next_serial()}
            nodes = record(checkpoint_grad, [*outer, *closed], parameters)
        else:
            nodes = [of_its_own(leaves, run.start, z) for z in nodes]
        result, changed = unflatten(run.structure, nodes)
        if changed:
            _refuse_shared(outer)
        for i, x in changed.items():
            outer[i][...] = x
        return result

    return checkpointed


def _run_sealed(
    rerun: Callable[..., Any], inputs: Sequence[Any], keywords: Parameters = NONE
) -> Recording:
    """Record a run of a function that may write into its own arguments only."""
    with sealed(next_serial(), "A checkpointed function"):
        return Recording(rerun, inputs, range(len(inputs)), keywords)


def _refuse_shared(arguments: Sequence[node]) -> None:
    """Refuse a function that writes where two of its arguments share memory."""
    enter_views()
    bases: dict[node, node] = {}
    for x in arguments:
        base = x
        while (below := memory_of(base).base) is not None:
            base = below
        if base in bases:
            raise EscapeError(
                "A checkpointed function writes into its arguments, and two of them "
                f"share memory, {bases[base]!r} and {x!r}. Pass the array once, and "
                "take its view inside the function."
            )
        bases[base] = x


def _rerun(
    f: Callable[..., Any], leaves: list[Any], outer: list[node], structure: Structure
) -> Callable[..., Any]:
    """Return ``f`` as a function of the nodes among its leaves.

    Beside its result it returns those of them, by number, that it wrote into. Other
    leaves are in the first run the caller's own, the ``originals``, so that what it
    writes is seen; later runs have copies of them as they were before it.
    """
    number = {x: i for i, x in enumerate(outer)}
    places = [number.get(x) if isinstance(x, node) else None for x in leaves]
    pairs = list(zip(leaves, places, strict=True))
    constants = {id(x): kept(x) for x, i in pairs if i is None}

    def rerun(*inputs: Any, originals: list[Any] | None = None) -> Any:
        others = originals
        if others is None:
            copies = {name: private(x) for name, x in constants.items()}
            others = [copies.get(id(x)) for x in leaves]
        pairs = zip(others, places, strict=True)
        arguments = [other if i is None else inputs[i] for other, i in pairs]
        args, keywords = unflatten(structure, arguments)
        result = f(*args, **keywords)
        return result, {i: x for i, x in enumerate(inputs) if first(x) is not x}

    return rerun


class checkpoint_grad(rule, kind=True):
    """z = f(x, y, ...), run again by each sweep that comes through"""

    outputs = 2

    @staticmethod
    def forward(
        *operands: Value, rerun: Any, closed: Any, values: Any, serial: int
    ) -> Any:
        """Return the values of the run that was just made."""
        return values

    @staticmethod
    def step(z: vertex, z_grad: Any, bars: dict[vertex, Any]) -> None:
        """Run ``f`` again and sweep plain cotangents back, each vertex by its step."""
        operands, parameters = z.operands, z.parameters
        run = checkpoint_grad._again([raw(x) for x in operands], parameters)
        parts = stepped_backwards(run, parameters["closed"], z_grad)
        if parts is None:
            return reference_step(z, z_grad, bars)
        for x, part in zip(operands, parts, strict=True):
            if part is not None:
                add_into(bars, x, fit(plain, part, raw(x)))
        return None

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
        """Run ``f`` again and sweep it back, to its inputs and what it closes over."""
        run = cls._again(operands, parameters)
        plain, closed = are_values(operands), parameters["closed"]
        bars = swept_backwards(xp, run, closed, z_bar.value, as_values=plain)
        for i in wanted:
            bar = bars[i]
            if bar is not None:
                yield i, bar

    @classmethod
    def push(
        cls,
        xp: Namespace,
        tangents: Sequence[supported | None],
        z: Result,
        operands: Sequence[Any],
        parameters: Parameters,
    ) -> supported | None:
        """Run ``f`` again and sweep it forward."""
        run = cls._again(operands, parameters)
        plain, closed = are_values(operands), parameters["closed"]
        dots = swept_forwards(xp, run, closed, tangents, as_values=plain)
        return supported(tuple(None if dot is None else dot.value for dot in dots))

    @staticmethod
    def _again(operands: Sequence[Any], parameters: Parameters) -> Recording:
        closed, serial = parameters["closed"], parameters["serial"]
        refuse_changed(closed, serial, "a checkpointed function")
        inputs = operands[: len(operands) - len(closed)]
        return _run_sealed(parameters["rerun"], inputs)
