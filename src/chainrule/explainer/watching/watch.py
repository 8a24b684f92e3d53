"""Watching a function run: each operation with the line and expression it is from."""

from __future__ import annotations

import inspect
import linecache
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.explainer.watching.run import Observed, Run
from chainrule.nodes.admission import INPUT
from chainrule.nodes.node_class import node
from chainrule.nodes.recorder import new, next_serial
from chainrule.notes import annotate
from chainrule.sweeps.listening import listening
from chainrule.transforms.inputs import input_nodes
from chainrule.values.containers import flatten, unflatten


def watch(
    f: Callable[..., Any], args: Sequence[Any], keywords: Mapping[str, Any]
) -> Run:
    """Call ``f`` with its arguments' inexact leaves as observed nodes.

    An exception of ``f`` is kept in ``run.error``, so that the part that ran is shown.
    """
    run = Run()
    observed: list[Any] = []
    seen = 0
    for name, arg in zip(_argument_names(f, len(args)), args, strict=True):
        leaves, structure = flatten(arg)
        whole = len(leaves) == 1 and leaves[0] is arg
        names = [path.codify(name) for path in structure.accessors()]
        for i, x in enumerate(input_nodes(leaves, copy=True, whole=whole)):
            if x is not None:
                leaves[i] = _observed_input(x, run)
                run.inputs.append(leaves[i])
                run.input_names.append(names[i])
                run.leaf_numbers.append(seen + i)
        seen += len(leaves)
        observed.append(unflatten(structure, leaves))
    linecache.checkcache(getattr(getattr(f, "__code__", None), "co_filename", None))
    try:
        # The explanation itself tells of nan and inf.
        with listening(run), run, np.errstate(all="ignore"):
            run.result = f(*observed, **keywords)
    except Exception as error:
        run.error = annotate(error)
    return run


def _observed_input(x: node, run: Run) -> Observed:
    z = new(Observed)
    z._value, z._step, z.operands, z._parameters = x._value, None, (), INPUT
    z.serial = next_serial()
    z.run = run
    return z


def _argument_names(f: Callable[..., Any], count: int) -> list[str]:
    """Return the names of the first ``count`` positional arguments."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names: list[str] = []
    for p in parameters:
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD):
            names.append(p.name)
        elif p.kind is p.VAR_POSITIONAL:
            names += [f"{p.name}[{i}]" for i in range(count - len(names))]
    names += [f"argument{i}" for i in range(len(names), count)]
    return names[:count]


__all__ = ["watch"]
