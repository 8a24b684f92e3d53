"""The input nodes of a transform: one per leaf that is differentiated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chainrule.nodes.admission import INPUT, as_value, holds_nodes, numeric_array
from chainrule.nodes.node_class import node
from chainrule.nodes.recorder import new, next_serial, record, stacked
from chainrule.operations_grad import structure
from chainrule.values.foreign import is_foreign
from chainrule.values.refusals import is_unknown, refusal
from chainrule.values.shapes import ARRAYS, kind_of, laid_out, ndarray
from chainrule.values.vertices import first_stand_in, stand_in


def input_nodes(leaves: Sequence[Any], *, copy: bool, whole: bool) -> list[node | None]:
    """Return a transform's input node for each leaf of an argument, or ``None``.

    Whole numbers are differentiated as floats where the argument is one (``whole``) or
    holds no other numbers: ``[1, 2]``. Beside floats they are counts and indices.
    """
    nodes = [input_node(x, copy=copy, integers=whole) for x in leaves]
    if whole or any(z is not None for z in nodes):
        return nodes
    return [input_node(x, copy=copy, integers=not _is_truth(x)) for x in leaves]


def _is_truth(x: Any) -> bool:
    """Tell whether a leaf is a truth value, or an array of them."""
    return isinstance(x, bool) or getattr(getattr(x, "dtype", x), "kind", "") == "b"


def input_node(x: Any, *, copy: bool, integers: bool) -> node | None:
    """Return a transform's input node for a leaf, ``None`` if it is not inexact.

    A node is wrapped in an identity, so that a sweep can stop at the new one and the
    outer derivative still finds the old one.
    """
    kind = kind_of(x)
    if kind is ndarray and x.dtype.kind in "fc":
        if copy:
            x = x.copy("K") if x.flags.forc else laid_out(x, x)
    elif kind is not float:
        if not isinstance(x, node) and (
            holds_nodes(x) or (kind is ndarray and first_stand_in(x) is not None)
        ):
            x = stacked(x)
        if isinstance(x, node):
            return record(structure.identity_grad, (x,))
        if isinstance(x, ndarray) and kind is not ndarray:
            x = numeric_array(x, "An argument to differentiate")
        if isinstance(x, (*ARRAYS, stand_in)) or is_foreign(x):
            inexact = x.dtype.kind in "fc"
            if not inexact and not (integers and x.dtype.kind in "biu"):
                return None
            if not inexact or copy or not isinstance(x, ARRAYS):
                x = as_value(x)
        elif isinstance(x, complex | float) or (integers and isinstance(x, int)):
            x = as_value(x)
        elif is_unknown(x):
            raise refusal(x, "An argument to differentiate")
        else:
            return None
    z = new(node)
    z._value, z._step, z.operands = x, None, ()
    z._parameters = INPUT
    z.serial = next_serial()
    return z
