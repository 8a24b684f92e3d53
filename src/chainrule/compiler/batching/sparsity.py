"""Sparsity: examples that are zero in most entries, whatever the arguments are.

The seeds of a Jacobian are the rows of an identity, and a sweep is linear in its seed:
products with what all seeds share, sums, slices and their transposes keep most zeros.
``Sparse`` holds only the entries that may be another number, and ``sparse_result`` runs
a row on these alone. The rest has no sparse form, and takes the examples as they are.

The zeros are structural: a product with an infinity does not make nan of them, as in a
sweep that is not compiled (``supports``).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.compiler.batching.examples import (
    CannotBatchError,
    Many,
    Moved,
    as_row,
    shifted,
)
from chainrule.compiler.batching.rows import entry_numbers, is_constant
from chainrule.compiler.tracing.plain_operators import UFUNCS
from chainrule.operations_grad.indexing import unindex
from chainrule.values.shapes import dtype_of, shape_of
from chainrule.values.types import Array, Shape
from chainrule.values.vertices import stand_in

_np: Any = np
SMALL = 1 << 8
"""Seeds of fewer entries, all together, are kept as they are."""
LARGE = 1 << 14
"""Arrays of more entries stay with NumPy."""
FILLED = 4
"""One entry in so many may be filled; above that the whole array is faster."""


class Sparse(Many):
    """Examples, of which the entries are zero but in some places.

    Attributes
    ----------
    entries
        The others: a plain or traced array of one axis.
    places
        Where they are in the flattened array of all examples, in rising order.
    """

    def __init__(
        self, entries: Array, places: NDArray[Any], whole: tuple[int, ...]
    ) -> None:
        """Keep them; ``whole`` is the shape of all examples."""
        self.entries = entries
        self.places = places
        self._whole = whole

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example."""
        return self._whole[1:]

    @functools.cached_property
    def value(self) -> Any:  # type: ignore[override]
        """All entries."""
        flat = _scattered(self.entries, self.places, math.prod(self._whole))
        return _np.reshape(flat, self._whole)

    @property
    def filled(self) -> float:
        """The part of the entries that is not zero."""
        return len(self.places) / math.prod(self._whole)


def of_seeds(value: Any) -> Many | Sparse:
    """Return a plain array of seeds as it is best kept."""
    if value.size < SMALL:
        return Many(value)
    places = np.flatnonzero(value)
    if FILLED * len(places) > value.size:
        return Many(value)
    return Sparse(value.ravel()[places], places, value.shape)


def sparse_result(moved: Moved) -> Sparse | None:
    """Return the result of a row with sparse operands; ``None`` if it fills up."""
    known = moved.known
    if moved.row.shape is None or moved.row.function in UFUNCS:
        return None
    try:
        if moved.row.function is unindex:
            found = _unindexed(moved)
        elif known.entrywise:
            found = _entry_by_entry(moved)
        elif known.moves:
            found = _moved(moved)
        elif known.reduces is np.add and not known.averages:
            found = _summed_over(moved)
        else:
            return None
    except CannotBatchError:
        return None
    return None if FILLED * found.filled > 1 else found


def _scattered(entries: Array, places: NDArray[Any], size: int) -> Any:
    """Return zeros with entries in places, which rise."""
    index = places
    if size < LARGE:  # the VM knows masks; where NumPy runs, numbers are faster
        index = np.zeros(size, np.bool_)
        index[places] = True
    return as_row(unindex, (entries,), {"index": (index,), "shape": (size,)})


def _picked(x: Any, places: NDArray[Any]) -> Any:
    """Return entries of a flat array; the array itself where those are all of it."""
    size = shape_of(x)[0]
    return x if len(places) == size and (places == np.arange(size)).all() else x[places]


def _entry_by_entry(moved: Moved) -> Sparse:
    """Run a function of each entry, which keeps zeros, where an operand has none."""
    n = moved.operands
    operands, rest = moved.args[:n], moved.args[n:]
    sparse = [_stretched(moved, x) for x in operands if isinstance(x, Sparse)]
    fixed = "where" not in moved.given and is_constant((rest, moved.given))
    if not fixed or not _keeps_zeros(moved, operands, rest):
        raise CannotBatchError
    places = sparse[0].places
    for x in sparse[1:]:
        if not np.array_equal(places, x.places):
            places = np.union1d(places, x.places)
    whole = (moved.count, *moved.shape)
    if FILLED * len(places) > math.prod(whole):
        raise CannotBatchError
    inside = places % math.prod(moved.shape)
    values = [
        _scattered_on(places, sparse.pop(0))
        if isinstance(x, Sparse)
        else _shared_at(x, moved.shape, inside)
        for x in operands
    ]
    entries = as_row(moved.row.function, (*values, *rest), moved.given)
    return Sparse(entries, places, whole)


def _shared_at(x: Any, shape: Shape, places: NDArray[Any]) -> Any:
    """Return entries of what all examples share, by their places in an example."""
    if shape_of(x) == ():
        return x
    own = np.arange(math.prod(shape_of(x))).reshape(shape_of(x))
    wanted = np.broadcast_to(own, shape).ravel()[places]
    return _picked(_np.reshape(x, (-1,)), wanted)


def _keeps_zeros(moved: Moved, operands: Sequence[Any], rest: Sequence[Any]) -> bool:
    """Tell whether a result is 0 wherever the sparse operands are, or undefined."""
    shared = [x for x in operands if not isinstance(x, Sparse)]
    if any(isinstance(x, Many) for x in shared):
        return False
    zero = np.float64(0.0)
    try:
        with np.errstate(all="ignore"):
            grid = iter(_np.ix_(*map(_sample, shared)))
            values = [zero if isinstance(x, Sparse) else next(grid) for x in operands]
            z = np.asarray(moved.row.function(*values, *rest, **moved.given))
    except (TypeError, ValueError, ArithmeticError):
        return False
    return bool(np.all((z == 0) | (z != z)))


def _sample(x: Any) -> Any:
    """Return values that an operand may have; a constant number has its own."""
    if shape_of(x) == () and not isinstance(x, stand_in):
        return np.asarray([x])
    return np.array([0.0, 1.25, -2.5]).astype(dtype_of(x))


def _stretched(moved: Moved, x: Sparse) -> Sparse:
    """Return examples broadcast to the result's shape."""
    if x.shape == moved.shape:
        return x
    own = 1 + np.arange(math.prod(x.shape)).reshape(x.shape)
    return _placed(moved, [x], np.broadcast_to(own, moved.shape))


def _scattered_on(places: NDArray[Any], x: Sparse) -> Any:
    if len(places) == len(x.places):
        return x.entries
    return _scattered(x.entries, np.searchsorted(places, x.places), len(places))


def _moved(moved: Moved) -> Sparse:
    """Move entries, as their numbers are moved."""
    leaves, places = entry_numbers(moved)
    return _placed(moved, leaves, places)


def _placed(moved: Moved, leaves: Sequence[Any], places: NDArray[Any]) -> Sparse:
    """Return entries of examples at the places that ``entry_numbers`` gives them."""
    columns = [np.zeros((moved.count, 1), np.intp)]
    total = 0
    for x in leaves:
        numbers = np.zeros((moved.count, math.prod(shape_of(x))), np.intp)
        if isinstance(x, Sparse):
            start, total = total, total + len(x.places)
            numbers.ravel()[x.places] = np.arange(start + 1, total + 1)
        elif not _is_zero(x):
            raise CannotBatchError
        columns.append(numbers)
    flat = np.concatenate(columns, axis=1)[:, places.ravel()].ravel()
    found = np.flatnonzero(flat)
    parts = [x.entries for x in leaves if isinstance(x, Sparse)]
    entries = parts[0] if len(parts) == 1 else _np.concatenate(parts)
    whole = (moved.count, *moved.shape)
    return Sparse(_picked(entries, flat[found] - 1), found, whole)


def _is_zero(x: Any) -> bool:
    return not isinstance(x, (Many, stand_in)) and not np.any(x)


def _summed_over(moved: Moved) -> Sparse:
    """Sum over axes."""
    x = moved.args[0]
    if not isinstance(x, Sparse) or moved.parameters(1).keys() - {"axis", "keepdims"}:
        raise CannotBatchError
    whole = (moved.count, *x.shape)
    axes = shifted(moved.named()["axis"], len(x.shape))
    axes = {axes} if isinstance(axes, int) else set(axes)
    kept = [a for a in range(len(whole)) if a not in axes]
    where = _np.unravel_index(x.places, whole)
    ends = _np.ravel_multi_index([where[a] for a in kept], [whole[a] for a in kept])
    return _added_at(moved, x, ends)


def _unindexed(moved: Moved) -> Sparse:
    """Add entries at an index."""
    x = moved.args[0]
    index, shape = moved.given["index"], moved.given["shape"]
    if not isinstance(x, Sparse) or not is_constant(index):
        raise CannotBatchError
    size = math.prod(shape)
    example, inside = np.divmod(x.places, math.prod(x.shape))
    own = _np.ravel(np.arange(size).reshape(shape)[index])[inside]
    return _added_at(moved, x, example * size + own)


def _added_at(moved: Moved, x: Sparse, ends: NDArray[Any]) -> Sparse:
    """Return entries added up in new places."""
    places, numbers = np.unique(ends, return_inverse=True)
    if len(places) == len(ends):
        entries = _picked(x.entries, np.argsort(ends))
    else:
        given = {"index": (numbers,), "shape": places.shape}
        entries = as_row(unindex, (x.entries,), given)
    return Sparse(entries, places, (moved.count, *moved.shape))
