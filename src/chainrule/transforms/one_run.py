"""One run of a function, swept once: the derivative of what repeats a function.

A loop, a branch, a map, a checkpoint and a compiled function differentiate the function
inside in the same way. Some of its operands become input nodes, it is run, and the
recording is swept: backwards from cotangents of the results (``run_backwards``), or
forwards from tangents of the operands (``run_forwards``). Nodes from outside that the
function closes over are swept to, or from, like its operands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from chainrule.errors import StaleValueError
from chainrule.nodes.node_class import node
from chainrule.rules.supports import needs_supports, supported, zeros_of
from chainrule.sweeps.order import collect
from chainrule.sweeps.sweep import fast_sweep, forward_sweep, reverse_sweep
from chainrule.transforms.recorded_call import Recording
from chainrule.values.shapes import TUPLE
from chainrule.values.types import Namespace
from chainrule.values.vertices import raw, refuse_nans, vertex

Function = Callable[..., Sequence[Any]]
"""A function of operands, each a number or an array, that returns such results."""


def run_of(f: Function, operands: Sequence[Any], moving: Sequence[int]) -> Recording:
    """Record one run, with the ``moving`` operands as its inputs."""

    def step(*inputs: Any) -> tuple[Any, ...]:
        arguments = list(operands)
        for i, x in zip(moving, inputs, strict=True):
            arguments[i] = x
        return tuple(f(*arguments))

    return Recording(step, [operands[i] for i in moving], range(len(moving)), {})


def depended_on(
    f: Function, operands: Sequence[Any], moving: Sequence[int], places: Sequence[int]
) -> set[int]:
    """Return which of some operands the results of a function have derivatives in.

    It is run with all that may be ``moving`` as nodes, for it may write into these.
    """
    if not places:
        return set()
    run = run_of(f, operands, moving)
    order = set(collect(run.roots(), run.start).order)
    inputs = dict(zip(moving, run.inputs, strict=True))
    return {i for i in places if inputs[i] in order}


def closed_over(results: Sequence[Any], start: int) -> tuple[node, ...]:
    """Return the nodes, not younger than ``start``, that results depend on."""
    older: Any = collect([z for z in results if isinstance(z, node)], start).older
    return tuple(older)


def refuse_changed(closed: Sequence[node], serial: int, what: str) -> None:
    """Raise where a node that a function closes over was written after it was run."""
    for x in closed:
        if x.serial > serial:
            raise StaleValueError(
                f"{x!r}, which {what} reads from outside, was changed in place "
                "afterwards, so that it cannot be run again. Pass it as an argument."
            )


def are_values(operands: Sequence[Any]) -> bool:
    """Tell whether a sweep gives a rule the values of its operands, and no nodes."""
    return not any(isinstance(x, node) for x in operands)


def swept_backwards(
    xp: Namespace,
    run: Recording,
    closed: Sequence[node],
    bars: Sequence[Any],
    *,
    as_values: bool = False,
) -> list[supported | None]:
    """Return the cotangents of a run's inputs, then those of nodes that it closes over.

    ``bars`` has the cotangent of each result, ``None`` where that is absent. A recorded
    sweep of vertices ``as_values`` depends on these only.
    """
    seeds = {z: supported(bar) for z, bar in _seeds(run, bars).items()}
    targets = [*run.inputs, *closed]
    order = collect(seeds, run.began).order
    swept = reverse_sweep(xp, order, seeds, targets, as_values=as_values)
    return [swept.get(x) for x in targets]


def _seeds(run: Recording, bars: Sequence[Any]) -> dict[vertex, Any]:
    """Return the cotangents of results, by node; ``None`` is left out."""
    seeds: dict[vertex, Any] = {}
    for z, bar in zip(run.outputs, bars, strict=True):
        if isinstance(z, node) and bar is not None:
            seeds[z] = seeds[z] + bar if z in seeds else bar
    return seeds


def stepped_backwards(
    run: Recording, closed: Sequence[node], bars: Sequence[Any]
) -> list[Any] | None:
    """Return plain cotangents as ``swept_backwards`` does, without their supports.

    ``None`` where these are needed. It is for a step within a plain sweep, which looks
    at its own ends for nans.
    """
    seeds = _seeds(run, bars)
    ordered = collect(seeds, run.began)
    if needs_supports(ordered.order, seeds):
        return None
    found = ordered.table()
    found.update(dict.fromkeys(ordered.older))
    found.update(seeds)
    fast_sweep(ordered.order, found)
    return [found.get(x) for x in (*run.inputs, *closed)]


def swept_forwards(
    xp: Namespace,
    run: Recording,
    closed: Sequence[node],
    dots: Sequence[supported | None],
    *,
    as_values: bool = False,
) -> list[supported | None]:
    """Return the tangents of a run's results.

    ``dots`` has those of its inputs, then those of nodes that it closes over.
    ``as_values`` is that of ``swept_backwards``.
    """
    pairs = zip([*run.inputs, *closed], dots, strict=True)
    seeds: dict[Any, supported] = {x: dot for x, dot in pairs if dot is not None}
    roots = [z for z in run.outputs if isinstance(z, node)]
    order = collect(roots, run.began).order
    swept = forward_sweep(xp, order, seeds, as_values=as_values)
    return [swept.get(z) if isinstance(z, node) else None for z in run.outputs]


def run_backwards(
    xp: Namespace,
    f: Function,
    operands: Sequence[Any],
    moving: Sequence[int],
    closed: Sequence[node],
    bars: Sequence[Any],
    *,
    as_values: bool = False,
    goes_on: bool = False,
) -> list[Any]:
    """Run a function; return the cotangents of moving operands, then of closed nodes.

    ``bars`` and ``as_values`` are those of ``swept_backwards``. In a trace no result
    may be nan, but for a sweep that ``goes_on`` with them: its ends are looked at.
    """
    run = run_of(f, operands, moving)
    swept = swept_backwards(xp, run, closed, bars, as_values=as_values)
    return _whole(swept, [*run.inputs, *closed], goes_on=goes_on)


def run_forwards(
    xp: Namespace,
    f: Function,
    operands: Sequence[Any],
    moving: Sequence[int],
    closed: Sequence[node],
    dots: Sequence[Any],
    *,
    as_values: bool = False,
    goes_on: bool = False,
) -> tuple[list[Any], list[Any]]:
    """Run a function; return its results, and their tangents.

    ``dots`` has those of the moving operands, then those of closed nodes.
    ``as_values`` and ``goes_on`` are those of ``run_backwards``.
    """
    run = run_of(f, operands, moving)
    seeds = list(map(supported, dots))
    swept = swept_forwards(xp, run, closed, seeds, as_values=as_values)
    return run.outputs, _whole(swept, run.outputs, goes_on=goes_on)


def _whole(
    parts: Sequence[supported | None], likes: Sequence[Any], *, goes_on: bool
) -> list[Any]:
    """Return cotangents or tangents for each value."""
    whole = with_zeros(parts, likes)
    if not goes_on:
        refuse_nans(whole)
    return whole


def with_zeros(parts: Sequence[Any], likes: Sequence[Any]) -> list[Any]:
    """Return cotangents or tangents of values, zeros for those that are absent."""
    return [_with_zeros(p, raw(x)) for p, x in zip(parts, likes, strict=True)]


def _with_zeros(part: Any, like: Any) -> Any:
    value = part.value if isinstance(part, supported) else part
    if value is None:
        return zeros_of(like)
    if isinstance(value, TUPLE):
        return tuple(_with_zeros(v, w) for v, w in zip(value, like, strict=True))
    return value


def wanted_of(
    bars: Mapping[int, Any], wanted: Iterable[int]
) -> Iterator[tuple[int, supported]]:
    """Yield the cotangents that a sweep wants, of those that a rule has computed."""
    for i in wanted:
        if i in bars:
            yield i, supported(bars[i])
