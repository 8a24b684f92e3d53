"""Windows that are moved over an array: what is in them, as entries and as numbers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.rules.traits import Depends, Numbers
from chainrule.scipy.boundaries import Modes, Widths
from chainrule.scipy.correlations import reach, read_by_windows
from chainrule.values.types import Array, Value

Bools = NDArray[np.bool_]


def window(x: Value, footprint: Bools, origin: tuple[int, ...]) -> Widths:
    """Return how far windows reach beyond each axis."""
    return reach(x, tuple(range(footprint.ndim)), footprint.shape, origin)


def windows(longer: Array, footprint: Bools) -> Iterator[Any]:
    """Yield the first entries of all windows, then the second ones, and so on."""
    shape = [n - k + 1 for n, k in zip(longer.shape, footprint.shape, strict=True)]
    for offsets in itertools.product(*map(range, footprint.shape)):
        if footprint[offsets]:
            both = zip(offsets, shape, strict=True)
            yield longer[tuple(slice(k, k + n) for k, n in both)]


def in_windows(
    z: Numbers,
    x: Numbers,
    structure: Numbers | None = None,
    *,
    footprint: Bools,
    mode: Modes,
    origin: tuple[int, ...],
    **options: float,
) -> Depends:
    """Return which entries are in each window."""
    own = z, numbers_in(x, footprint, mode, origin)
    return (own,) if structure is None else (own, None)


def numbers_in(
    x: Numbers, footprint: Bools, mode: Modes, origin: tuple[int, ...]
) -> Numbers:
    """Return the numbers of the entries in each window."""
    axes = tuple(range(footprint.ndim))
    found = read_by_windows(x, axes, footprint.shape, mode, origin)
    return found[footprint.ravel()]


def of_sums(
    z: Numbers,
    w: Numbers,
    x: Numbers,
    *,
    footprint: Bools,
    mode: Modes,
    origin: tuple[int, ...],
) -> Depends:
    """Return which weights and entries the sum of each window is made of."""
    return (z, w), (z, numbers_in(x, footprint, mode, origin))


def of_spreads(
    z: Numbers,
    w: Numbers,
    x: Numbers,
    *,
    footprint: Bools,
    mode: Modes,
    origin: tuple[int, ...],
) -> Depends:
    """Return where weighted entries are spread to over windows."""
    places = numbers_in(z, footprint, mode, origin)
    return (places, w), (places, x)
