"""Values without their history, and gradients set back to zero."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.nodes.admission import holds_nodes
from chainrule.nodes.node_class import node
from chainrule.operations import asarray
from chainrule.values.containers import flatten, map_leaves
from chainrule.values.shapes import SEQUENCES, describe, ndarray
from chainrule.values.vertices import raw, stand_in

_kind_of: Any = type


def value(x: Any) -> Any:
    """Return the plain value of a node, or of every node in a container.

    The history is left behind: what is computed from the value is constant.

    Examples
    --------
    >>> import chainrule as gd
    >>> gd.value(gd.node(2.0) * 3.0)
    6.0
    """
    if isinstance(x, node):
        return x.value
    if x is None:
        return None
    if _kind_of(x) is tuple:
        return tuple(map(value, x))
    return map_leaves(_plain_value, x)


def _plain_value(x: Any) -> Any:
    if isinstance(x, ndarray) and x.dtype == object:
        return np.array([raw(v) for v in x.flat]).reshape(x.shape)
    return x.value if isinstance(x, node) else x


def contains_nodes(x: Any) -> bool:
    """Tell whether a container holds a node, in lists too."""
    if _kind_of(x) is dict:
        return any(map(contains_nodes, x.values()))
    if _kind_of(x) in SEQUENCES:
        return any(map(contains_nodes, x))
    return x is not None and any(map(holds_nodes, flatten(x)[0]))


def stop_gradient(x: Any) -> Any:
    """Return ``x`` with its derivative defined as zero, at every order.

    Examples
    --------
    >>> import chainrule as gd
    >>> gd.grad(lambda x: x * gd.stop_gradient(x))(3.0)
    3.0
    """
    return value(x)


def zero_grad(*nodes: Any) -> None:
    """Set ``.grad`` of the given nodes, or of all nodes in containers, back to 0.0.

    Raises
    ------
    ArgumentError
        If something else than nodes is given.

    Examples
    --------
    >>> import chainrule as gd
    >>> x = gd.node(3.0)
    >>> (x * x).backward()
    >>> (x * x).backward()  # gradients add up
    >>> x.grad
    12.0
    >>> gd.zero_grad(x)
    >>> x.grad
    0.0
    """
    for x in flatten(nodes)[0]:
        if not isinstance(x, node):
            raise ArgumentError(
                f"zero_grad takes nodes, or containers of them; received {describe(x)}."
            )
        x.grad = 0.0


def is_of_nodes(x: Any) -> bool:
    """Tell whether this is what ``np.array([1.0, x])`` makes of nodes: of objects."""
    if not isinstance(x, ndarray) or x.dtype.kind != "O":
        return False
    return any(isinstance(v, (node, stand_in)) for v in x.flat)


def joined_entries(x: Any) -> Any:
    """Return an array of objects that are nodes, or traced, as one of these."""
    return asarray(x) if is_of_nodes(x) else x
