"""Functions that make arrays which take nodes: ``zeros`` and its relatives.

``gd.zeros`` and its relatives are these, and so are those of ``chainrule.numpy``, and
NumPy's own where a node says so: ``np.zeros_like(x)``, ``np.zeros(3, like=x)``. What
they return is a plain array until a node is written into it (``buffers``). Of
foreign arrays it is a node of constants at once, as those take no nodes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from chainrule.nodes.admission import unwrapped
from chainrule.nodes.node_class import node
from chainrule.nodes.tables import FUNCTIONS
from chainrule.numpy import creation
from chainrule.numpy.buffers import as_buffer, taking_nodes
from chainrule.numpy.in_place import own
from chainrule.numpy.mirror import MAKERS
from chainrule.rules import declare
from chainrule.values.buffered import current
from chainrule.values.shapes import ndarray
from chainrule.values.types import Shape
from chainrule.values.versions import array_of
from chainrule.values.vertices import first_stand_in, first_vertex, raw, stand_in

_np: Any = np


def _found(names: str) -> list[Any]:
    return [getattr(np, name) for name in names.split()]


OF_SHAPES = _found("zeros_like ones_like empty_like zeros ones empty eye identity tri")
"""What looks at no entries of an array that it is given."""
MAKERS.update(_found("full full_like arange linspace array copy"), OF_SHAPES)
declare(*OF_SHAPES, of_shapes=True)


def _maker(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def make(*args: Any, **options: Any) -> Any:
        given = {k: unwrapped(x) for k, x in options.items()}
        return taking_nodes(function(*map(unwrapped, args), **given), args, options)

    return make


for _function in [*OF_SHAPES, np.arange]:
    FUNCTIONS[_function] = _maker(_function)


def zeros(
    shape: int | Shape, dtype: DTypeLike = float, order: str = "C", **options: Any
) -> Any:
    """Return an array of zeros that nodes can be written into.

    Until then it is a plain array. ``order`` and further options are those of
    ``numpy.zeros``. An array of integers, which would round it, refuses a node.

    Examples
    --------
    >>> import chainrule as gd
    >>> def powers(x):
    ...     y = gd.zeros(3)
    ...     for i in range(3):
    ...         y[i] = x**i
    ...     return y
    >>> gd.jacobian(powers)(2.0)
    array([0., 1., 4.])
    """
    return as_buffer(_np.zeros(shape, dtype, order, **options))


def ones(
    shape: int | Shape, dtype: DTypeLike = float, order: str = "C", **options: Any
) -> Any:
    """Return an array of ones that nodes can be written into: see ``zeros``.

    Examples
    --------
    >>> import chainrule as gd
    >>> gd.ones(2)
    array([1., 1.])
    """
    return as_buffer(_np.ones(shape, dtype, order, **options))


def empty(
    shape: int | Shape, dtype: DTypeLike = float, order: str = "C", **options: Any
) -> Any:
    """Return an array of no numbers yet that nodes can be written into: see ``zeros``.

    Examples
    --------
    >>> import chainrule as gd
    >>> gd.empty((2, 3)).shape
    (2, 3)
    """
    return as_buffer(_np.empty(shape, dtype, order, **options))


def full(
    shape: int | Shape,
    fill_value: ArrayLike,
    dtype: DTypeLike | None = None,
    order: str = "C",
    **options: Any,
) -> Any:
    """Return an array of one value that nodes can be written into: see ``zeros``.

    The value may be a node: then the array is a node at once.

    Examples
    --------
    >>> import chainrule as gd
    >>> gd.full(2, 0.5)
    array([0.5, 0.5])
    >>> gd.full(2, gd.node(3.0))
    node([3., 3.], broadcast_to)
    """
    if first_vertex(fill_value) is None and first_stand_in(fill_value) is None:
        return as_buffer(_np.full(shape, fill_value, dtype, order, **options))
    return as_buffer(creation.full(shape, fill_value, dtype, order, **options))


FUNCTIONS[np.full] = full


def private(x: Any) -> Any:
    """Return a value that a function may write into, unseen by whoever else has it."""
    x = current(x)
    if isinstance(x, node):
        return x if array_of(x._value) is None else own(x, x)
    if isinstance(x, stand_in):
        return x.fixed() if array_of(x) is None else x.laid_out(None)
    return as_buffer(x.copy("K")) if type(x) is ndarray else x


def of_its_own(leaves: Sequence[Any], start: int, x: Any) -> Any:
    """Return a function's result, a copy where it was there before ``start``.

    Or where it shows memory of the ``leaves`` of the function's arguments.
    """
    value = raw(x)
    if isinstance(x, stand_in):
        return x.fixed()
    if array_of(value) is None:
        return x
    arrays = (y for y in map(raw, leaves) if isinstance(y, ndarray))
    shared = any(np.may_share_memory(value, y) for y in arrays)
    is_older = isinstance(x, node) and x.serial < start
    return np.copy(x) if shared or is_older else x


def private_part(x: Any, i: int) -> Any:
    """Return ``x[i]``, which a function may write into, unseen by others."""
    z = x[i]
    if isinstance(z, node):
        return z if array_of(z._value) is None else own(z)
    return private(z)


__all__ = ["empty", "full", "ones", "private", "private_part", "zeros"]
