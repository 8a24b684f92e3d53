"""Sparsity: examples that are zero in most entries, whatever the arguments are.

The seeds of a Jacobian are the rows of an identity, and a sweep is linear in its seed:
products with what all seeds share, sums, slices and their transposes keep most zeros.
``Sparse`` holds only the entries that may be another number, and ``sparse_result`` runs
a row on these alone. The rest has no sparse form, and takes the examples as they are.

The zeros are structural: a product with an infinity does not make nan of them, as in a
sweep that is not compiled (``supports``).
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.compiler.batching import rows
from chainrule.compiler.batching.examples import (
    CannotBatchError,
    Form,
    Many,
    Moved,
    as_row,
    shifted,
)
from chainrule.operations_grad.indexing import unindex
from chainrule.operations_grad.shaping import astype_grad, broadcast_to
from chainrule.values.shapes import SEQUENCES, kind_of, shape_of
from chainrule.values.vertices import stand_in

_np: Any = np
SMALL = 1 << 8
"""Seeds of fewer entries, all together, are kept as they are."""
LARGE = 1 << 14
"""Arrays of more entries stay with NumPy."""
FILLED = 4
"""One entry in so many may be filled; above that the whole array is faster."""


class Sparse:
    """Examples, of which the entries are zero but in some places.

    Attributes
    ----------
    entries
        The others: a plain or traced array of one axis.
    places
        Where they are in the flattened array of all examples, in rising order.
    shape
        The shape of all examples: their number, then that of one.
    """

    def __init__(self, entries: Any, places: Any, shape: tuple[int, ...]) -> None:
        """Keep them."""
        self.entries = entries
        self.places = places
        self.shape = shape
        self._filled: Many | None = None

    def filled(self) -> Many:
        """Return all entries."""
        if self._filled is None:
            size = math.prod(self.shape)
            flat = _scattered(self.entries, self.places, size)
            self._filled = Many(_np.reshape(flat, self.shape))
        return self._filled

    def inside(self) -> Any:
        """Return for each entry its place in its own example, flattened."""
        return self.places % math.prod(self.shape[1:])

    def example(self) -> Any:
        """Return for each entry the number of its example."""
        return self.places // math.prod(self.shape[1:])


def of_seeds(value: Any) -> Many | Sparse:
    """Return a plain array of seeds as it is best kept."""
    if value.size < SMALL:
        return Many(value)
    places = np.flatnonzero(value)
    if FILLED * len(places) > value.size:
        return Many(value)
    return Sparse(value.ravel()[places], places, value.shape)


def sparse_result(moved: Moved) -> Sparse | None:
    """Return the result of a row with sparse operands; ``None`` if it has no form."""
    form = _FORMS.get(moved.row.function)
    if form is None:
        return None
    try:
        found = form(moved)
    except CannotBatchError:
        return None
    full = FILLED * len(found.places) > math.prod(found.shape)
    return None if full else found


def _scattered(entries: Any, places: Any, size: int) -> Any:
    """Return zeros with entries in places, which rise."""
    index = places
    if size < LARGE:  # the VM knows masks; where NumPy runs, numbers are faster
        index = np.zeros(size, np.bool_)
        index[places] = True
    return as_row(unindex, (entries,), {"index": (index,), "shape": (size,)})


def _picked(x: Any, places: Any) -> Any:
    """Return entries of a flat array; the array itself where those are all of it."""
    size = shape_of(x)[0]
    return x if len(places) == size and (places == np.arange(size)).all() else x[places]


def _of_one(moved: Moved) -> Sparse:
    """Run a function of each entry that keeps zeros."""
    x, *rest = moved.args
    if not _is_constant(rest):
        raise CannotBatchError
    entries = as_row(moved.row.function, (x.entries, *rest), moved.rest())
    return Sparse(entries, x.places, x.shape)


def _scaled(moved: Moved) -> Sparse:
    """Multiply or divide by what all examples share."""
    x, y = moved.args
    shape = moved.row.shape or ()
    swapped = isinstance(y, Sparse) and moved.row.function is np.multiply
    sparse, other = (y, x) if swapped else (x, y)
    if not isinstance(sparse, Sparse) or isinstance(other, (Sparse, Many)):
        raise CannotBatchError
    if moved.given:
        raise CannotBatchError
    if sparse.shape[1:] != shape:
        sparse = _repeated(Moved(moved.row, (sparse,), {}, moved.count))
    if shape_of(other) != ():
        own = np.arange(math.prod(shape_of(other))).reshape(shape_of(other))
        wanted = np.broadcast_to(own, shape).ravel()[sparse.inside()]
        other = _picked(_np.reshape(other, (-1,)), wanted)
    pair = (other, sparse.entries) if swapped else (sparse.entries, other)
    return Sparse(moved.row.function(*pair), sparse.places, sparse.shape)  # type: ignore


def _summed(moved: Moved) -> Sparse:
    """Add or subtract, on the union of the places."""
    x, y = moved.args
    if not (isinstance(x, Sparse) and isinstance(y, Sparse)) or moved.given:
        raise CannotBatchError
    if x.shape != y.shape:
        raise CannotBatchError
    places = x.places
    if not np.array_equal(places, y.places):
        places = np.union1d(places, y.places)
        if FILLED * len(places) > math.prod(x.shape):
            raise CannotBatchError
    a, b = (_scattered_on(places, v) for v in (x, y))
    return Sparse(moved.row.function(a, b), places, x.shape)  # type: ignore[misc]


def _scattered_on(places: Any, x: Sparse) -> Any:
    if len(places) == len(x.places):
        return x.entries
    return _scattered(x.entries, np.searchsorted(places, x.places), len(places))


def _moved_by(form: Form) -> Callable[[Moved], Sparse]:
    """Return the sparse form of a function that moves entries: numbers are moved."""

    def run(moved: Moved) -> Sparse:
        x, *rest = moved.args
        if not isinstance(x, Sparse) or not _is_constant((rest, moved.given)):
            raise CannotBatchError
        numbers = np.zeros(math.prod(x.shape), np.intp)
        numbers[x.places] = np.arange(1, 1 + len(x.places))
        numbered = Many(numbers.reshape(x.shape))
        found = form(Moved(moved.row, (numbered, *rest), moved.given, moved.count))
        flat = np.ravel(found)
        places = np.flatnonzero(flat)
        return Sparse(_picked(x.entries, flat[places] - 1), places, found.shape)

    return run


_repeated = _moved_by(rows.repeated_shape)


def _summed_over(moved: Moved) -> Sparse:
    """Sum over axes."""
    x = moved.args[0]
    if not isinstance(x, Sparse) or len(moved.args) > 2:
        raise CannotBatchError
    if moved.rest("axis", "keepdims"):
        raise CannotBatchError
    default = None if moved.row.function is np.sum else 0
    axes = shifted(moved.option("axis", 1, default), len(x.shape) - 1)
    axes = {axes} if isinstance(axes, int) else set(axes)
    kept = [a for a in range(len(x.shape)) if a not in axes]
    where = _np.unravel_index(x.places, x.shape)
    sizes = [x.shape[a] for a in kept]
    ends = _np.ravel_multi_index([where[a] for a in kept], sizes)
    return _added_at(x, ends, moved.row.shape or ())


def _unindexed(moved: Moved) -> Sparse:
    """Add entries at an index."""
    x = moved.args[0]
    index, shape = moved.given["index"], moved.given["shape"]
    if not isinstance(x, Sparse) or not _is_constant(index):
        raise CannotBatchError
    size = math.prod(shape)
    own = _np.ravel(np.arange(size).reshape(shape)[index])[x.inside()]
    return _added_at(x, x.example() * size + own, shape)


def _is_constant(x: Any) -> bool:
    """Tell whether an argument is the same in every call, for all examples."""
    kind = kind_of(x)
    if kind is slice:
        x = (x.start, x.stop, x.step)
    elif kind is dict:
        x = list(x.values())
    if isinstance(x, SEQUENCES):
        return all(map(_is_constant, x))
    return not isinstance(x, (Many, Sparse, stand_in))


def _added_at(x: Sparse, ends: Any, shape: Any) -> Sparse:
    """Return entries added up in new places."""
    places, numbers = np.unique(ends, return_inverse=True)
    if len(places) == len(ends):
        entries = _picked(x.entries, np.argsort(ends))
    else:
        given = {"index": (numbers,), "shape": places.shape}
        entries = as_row(unindex, (x.entries,), given)
    return Sparse(entries, places, (x.shape[0], *shape))


_FORMS: dict[Any, Callable[[Moved], Sparse]] = {
    **dict.fromkeys((np.negative, np.positive, np.conjugate, np.astype, np.copy,
                     np.real, np.imag, astype_grad.forward), _of_one),
    **dict.fromkeys((np.multiply, np.divide), _scaled),
    **dict.fromkeys((np.add, np.subtract), _summed),
    **dict.fromkeys((np.sum, np.add.reduce), _summed_over),
    operator.getitem: _moved_by(rows.getitem),
    unindex: _unindexed,
    **dict.fromkeys((np.reshape, np.ravel, np.expand_dims, np.squeeze),
                    _moved_by(rows.reshaped)),
    np.transpose: _moved_by(rows.transposed),
    np.swapaxes: _moved_by(rows.swapped),
    np.moveaxis: _moved_by(rows.moved_axes),
    np.flip: _moved_by(rows.reduced),
    np.roll: _moved_by(rows.rolled),
    **dict.fromkeys((np.broadcast_to, broadcast_to), _repeated),
}  # fmt: skip
"""The sparse form of each function that has one."""
