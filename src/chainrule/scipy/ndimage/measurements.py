"""Measurements of labelled parts: sums, means, extremes, centres."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.ndimage
from numpy.typing import ArrayLike, NDArray

from chainrule.nodes.admission import plain_operand
from chainrule.operations import namespace as ops
from chainrule.values.types import Array, Operation
from chainrule.wrapping import implements

Labels = ArrayLike | None
"""Labels of the entries, or those that are looked for."""
Places = NDArray[np.intp]


class Parts:
    """Where the parts of an input are: flat places, and the part each belongs to."""

    def __init__(self, x: Array, labels: Labels, index: Labels) -> None:
        """Find the entries of each label of the index, or of all that are positive."""
        self.several: bool = index is not None and np.ndim(plain_operand(index)) > 0
        self.shape: tuple[int, ...] = (
            np.shape(plain_operand(index)) if index is not None else ()
        )
        if labels is None:
            whole = np.zeros(x.shape, np.intp)
            self.count, numbers = 1, whole
        else:
            marked = np.broadcast_to(np.asarray(plain_operand(labels)), x.shape)
            if index is None:
                self.count, numbers = 1, np.where(marked > 0, 0, -1)
            else:
                wanted = np.ravel(np.asarray(plain_operand(index)))
                self.count: int
                self.count, numbers = self._numbers(marked, wanted)
        flat = np.ravel(numbers)
        self.places: Places = np.flatnonzero(flat >= 0)
        self.part: Places = flat[self.places]

    def _numbers(self, marked: NDArray[Any], wanted: NDArray[Any]) -> Any:
        """Return how many different labels are wanted, and which each entry has."""
        self.again: Any
        known, self.again = np.unique(wanted, return_inverse=True)
        k = np.minimum(np.searchsorted(known, marked), len(known) - 1)
        return len(known), np.where(known[k] == marked, k, -1)

    def entries(self, x: Array) -> Any:
        """Return the entries of an input that belong to a part."""
        return ops.reshape(x, (-1,))[self.places]

    def sums(self, entries: Array) -> Any:
        """Return the sum of the entries of each part."""
        return ops.unindex(entries, index=self.part, shape=(self.count,))

    @property
    def sizes(self) -> NDArray[np.float64]:
        """How many entries each part has."""
        return np.bincount(self.part, minlength=self.count).astype(np.float64)

    def arranged(self, parts: Any) -> Any:
        """Return one result of each part as those of the index: one, or an array."""
        if not self.several:
            return parts[0]
        return ops.reshape(parts[self.again], self.shape)


def _image(x: ArrayLike) -> Array:
    x = ops.asarray(x)
    return x if x.dtype.kind in "fc" else x.astype(np.float64)


def _means(x: Array, parts: Parts) -> Any:
    with np.errstate(invalid="ignore"):
        return parts.sums(parts.entries(x)) / parts.sizes


@implements(scipy.ndimage.sum_labels, scipy.ndimage.sum)
def sum_labels(input: ArrayLike, labels: Labels = None, index: Labels = None) -> Any:
    """Return the sum of the entries of each part."""
    x = _image(input)
    parts = Parts(x, labels, index)
    return parts.arranged(parts.sums(parts.entries(x)))


@implements(scipy.ndimage.mean)
def mean(input: ArrayLike, labels: Labels = None, index: Labels = None) -> Any:
    """Return the mean of the entries of each part."""
    x = _image(input)
    parts = Parts(x, labels, index)
    return parts.arranged(_means(x, parts))


@implements(scipy.ndimage.variance)
def variance(input: ArrayLike, labels: Labels = None, index: Labels = None) -> Any:
    """Return the variance of the entries of each part."""
    x = _image(input)
    parts = Parts(x, labels, index)
    centred = parts.entries(x) - _means(x, parts)[parts.part]
    squares = parts.sums(centred * ops.conjugate(centred))
    with np.errstate(invalid="ignore"):
        return parts.arranged(squares / parts.sizes)


@implements(scipy.ndimage.standard_deviation)
def standard_deviation(
    input: ArrayLike, labels: Labels = None, index: Labels = None
) -> Any:
    """Return the root of the variance of the entries of each part."""
    return ops.sqrt(variance(input, labels, index))


@implements(scipy.ndimage.center_of_mass)
def center_of_mass(
    input: ArrayLike, labels: Labels = None, index: Labels = None
) -> Any:
    """Return the mean place of each part, its entries being weights, as tuples."""
    x = _image(input)
    parts = Parts(x, labels, index)
    whole = parts.arranged(parts.sums(parts.entries(x)))
    centres: list[Any] = []
    for a, n in enumerate(x.shape):
        place = np.arange(n, dtype=np.float64).reshape(-1, *(1,) * (x.ndim - 1 - a))
        moments = parts.sums(parts.entries(x * place))
        centres.append(parts.arranged(moments) / whole)
    if not parts.several:
        return tuple(centres)
    return [tuple(c[k] for c in centres) for k in np.ndindex(parts.shape)]


# ---------------------------------------------------------------------------- choices


def _chosen(choose: Operation, x: ArrayLike, labels: Labels, index: Labels) -> Any:
    """Return what is chosen of the entries of each part; 0 where it has none."""
    x = _image(x)
    parts = Parts(x, labels, index)
    entries = parts.entries(x)
    found: list[Any] = []
    for k in range(parts.count):
        places = np.flatnonzero(parts.part == k)
        has_none = not places.size and parts.several
        found.append(np.zeros((), x.dtype) if has_none else choose(entries[places]))
    return parts.arranged(ops.stack(found))


@implements(scipy.ndimage.minimum)
def minimum(input: ArrayLike, labels: Labels = None, index: Labels = None) -> Any:
    """Return the least of the entries of each part."""
    return _chosen(ops.min, input, labels, index)


@implements(scipy.ndimage.maximum)
def maximum(input: ArrayLike, labels: Labels = None, index: Labels = None) -> Any:
    """Return the largest of the entries of each part."""
    return _chosen(ops.max, input, labels, index)


@implements(scipy.ndimage.median)
def median(input: ArrayLike, labels: Labels = None, index: Labels = None) -> Any:
    """Return the median of the entries of each part."""
    return _chosen(np.median, input, labels, index)


@implements(scipy.ndimage.extrema)
def extrema(input: ArrayLike, labels: Labels = None, index: Labels = None) -> Any:
    """Return the extremes of the entries of each part, and where they are."""
    plain = (plain_operand(v) for v in (input, labels, index))
    found: Any = scipy.ndimage.extrema
    places = found(*plain)[2:]
    return (
        minimum(input, labels, index),
        maximum(input, labels, index),
        *places,
    )
