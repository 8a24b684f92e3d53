"""Lists and object arrays of nodes, joined to nodes before a function sees them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.nodes.admission import holds_nodes
from chainrule.nodes.recorder import stacked
from chainrule.values.shapes import kind_of, ndarray
from chainrule.values.types import Operation
from chainrule.values.vertices import first_stand_in

_LISTS_OF_ARRAYS = frozenset(
    "arrays choicelist choices condlist funclist seq tup "
    "l_and_u lu_and_piv c_and_lower cb_and_lower c_or_cr system arg1 diagonals "
    "tck".split()
)
"""NumPy's and SciPy's names of parameters that are several arrays and not one."""


def holds_followed(x: Any) -> bool:
    """Tell whether nested lists hold a node, or what a trace follows."""
    return holds_nodes(x) or first_stand_in(x) is not None


@functools.cache
def lists_of_arrays(function: Operation) -> frozenset[int | str]:
    """Return which parameters of a function are several arrays: places and names."""
    try:
        named = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # a function in C that does not tell
        first = [0] if function is np.concatenate else []
        return frozenset([*_LISTS_OF_ARRAYS, *first])
    places = (
        i
        for i, p in enumerate(named)
        if p.name in _LISTS_OF_ARRAYS and p.kind is not p.VAR_POSITIONAL
    )
    return frozenset([*_LISTS_OF_ARRAYS, *places])


def joined(
    function: Operation, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[Sequence[Any], Mapping[str, Any]]:
    """Return the arguments of a composed function with lists of nodes as nodes.

    Operations with a rule do so themselves, where they make operands of arguments.
    """
    if hasattr(function, "rule") or not (
        _is_written_out(args) or _is_written_out(kwargs.values())
    ):
        return args, kwargs
    several = lists_of_arrays(function)
    operands = [x if i in several else _one(x) for i, x in enumerate(args)]
    return operands, {k: x if k in several else _one(x) for k, x in kwargs.items()}


def _is_written_out(values: Any) -> bool:
    """Tell whether a list, a tuple or an object array is among some values."""
    for x in values:
        kind = kind_of(x)
        if kind is list or kind is tuple or (kind is ndarray and x.dtype.kind == "O"):
            return True
    return False


def _one(x: Any) -> Any:
    """Return a list of nodes as one, but not what has words, as ("kaiser", beta)."""
    if not _is_written_out((x,)) or any(isinstance(v, str) for v in x):
        return x
    return stacked(x) if holds_nodes(x) else x
