"""Watching a function run: each operation with the line and expression it is from."""

from __future__ import annotations

import inspect
import linecache
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np

from chainrule.errors import EscapeError
from chainrule.explainer.watching.run import Observed, Run
from chainrule.nodes.admission import INPUT, is_inexact
from chainrule.nodes.node_class import node
from chainrule.nodes.recorder import new, next_serial
from chainrule.notes import annotate
from chainrule.progress import growing, new_list
from chainrule.sweeps.listening import listening
from chainrule.transforms.inputs import input_node, input_nodes
from chainrule.values.containers import (
    children,
    flatten,
    is_container,
    unflatten,
)


def watch(
    f: Callable[..., Any],
    args: Sequence[Any],
    keywords: Mapping[str, Any],
    *,
    turned: Container[int] = (),
    most: int | None = None,
) -> Run:
    """Call ``f`` with its arguments' inexact leaves as observed nodes.

    Whole numbers are inputs too, but not those passed by keyword beside other numbers,
    nor where ``f`` counts with one or takes it as an index: then it is called again,
    and they stay what they are. An exception of ``f`` is kept in ``run.error``, so that
    the part that ran is shown.

    ``turned`` has the numbers of comparisons that are to come out the other way, and
    ``most`` is how many there may be before the run is given up.
    """
    run = _watched(f, args, keywords, turned, most, whole=True)
    if isinstance(run.error, EscapeError) and any(map(_holds_floats, args)):
        again = _watched(f, args, keywords, turned, most, whole=False)
        return run if isinstance(again.error, EscapeError) else again
    return run


def _watched(
    f: Callable[..., Any],
    args: Sequence[Any],
    keywords: Mapping[str, Any],
    turned: Container[int],
    most: int | None,
    *,
    whole: bool,
) -> Run:
    run = Run()
    run.turned, run.most = turned, most
    observed = [
        _observed(name, arg, run, whole=whole)
        for name, arg in zip(_argument_names(f, len(args)), args, strict=True)
    ]
    counts = bool(run.inputs) or any(map(_holds_floats, keywords.values()))
    named = {
        name: _observed(name, arg, run, whole=not counts)
        for name, arg in keywords.items()
    }
    linecache.checkcache(getattr(getattr(f, "__code__", None), "co_filename", None))
    try:
        # The explanation itself tells of nan and inf.
        recording = growing("recording", "operations")
        with listening(run), run, np.errstate(all="ignore"), recording:
            run.recorded = new_list()
            run.result = f(*observed, **named)
    except Exception as error:
        run.error = annotate(error)
    return run


def _observed(name: str, arg: Any, run: Run, *, whole: bool) -> Any:
    """Return an argument with its numbers as inputs of a run.

    A whole number is one if it is the argument itself and ``whole`` says so.
    """
    leaves, structure = flatten(arg)
    single = len(leaves) == 1 and leaves[0] is arg
    paths: list[Any] = structure.accessors()
    names: list[str] = [path.codify(name) for path in paths]
    nodes: Sequence[Any]
    if single and not whole:
        nodes = [input_node(arg, copy=True, integers=False)]
    else:
        nodes = input_nodes(leaves, copy=True, whole=single)
    seen = run.leaf_count
    i: int
    for i in _as_written(unflatten(structure, range(len(leaves)))):
        x = cast("node | None", nodes[i])
        if x is not None:
            z = _observed_input(x, run)
            leaves[i] = z
            run.inputs.append(z)
            run.input_names.append(names[i])
            run.leaf_numbers.append(seen + i)
    run.leaf_count += len(leaves)
    return unflatten(structure, leaves)


def _holds_floats(arg: Any) -> bool:
    return any(is_inexact(x) for x in flatten(arg)[0])


def _observed_input(x: node, run: Run) -> Observed:
    z = new(Observed)
    z._value, z._step, z.operands, z._parameters = x._value, None, (), INPUT
    z.serial = next_serial()
    z.run = run
    return z


def _as_written(tree: Any) -> Iterator[Any]:
    """Yield the leaves of a container in the order in which its dicts were written."""
    if isinstance(tree, Mapping):
        parts = list(cast("Mapping[Any, Any]", tree).values())
    else:
        parts = list((children(tree) or {}).values())
        if tree is not None and not is_container(tree):  # an absent argument is no leaf
            yield tree
    for part in parts:
        yield from _as_written(part)


def in_order(f: Callable[..., Any], keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments by keyword in the order of the function's parameters."""
    names = [p.name for p in _parameters(f)]
    known = {name: keywords[name] for name in names if name in keywords}
    return {**known, **keywords}


def _argument_names(f: Callable[..., Any], count: int) -> list[str]:
    """Return the names of the first ``count`` positional arguments."""
    names: list[str] = []
    for p in _parameters(f):
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD):
            names.append(p.name)
        elif p.kind is p.VAR_POSITIONAL:
            names += [f"{p.name}[{i}]" for i in range(count - len(names))]
    names += [f"argument{i}" for i in range(len(names), count)]
    return names[:count]


def _parameters(f: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        return []


__all__ = ["in_order", "watch"]
