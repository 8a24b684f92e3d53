"""Which entries of each window a filter has chosen, and how many share that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.rules import declare
from chainrule.rules.namespace import opaque
from chainrule.scipy.boundaries import Modes, extended
from chainrule.scipy.ndimage.windows import Bools, window, windows
from chainrule.values.shapes import dtype_of, shape_of
from chainrule.values.types import Value


@opaque
def chosen_of(
    x: Value,
    z: Value,
    structure: Any = None,
    *,
    footprint: Bools,
    mode: Modes,
    cval: float,
    origin: tuple[int, ...],
) -> NDArray[Any]:
    """Return which entries of each window are the one that was chosen."""
    widths = window(x, footprint, origin)
    longer: Any = extended(x, widths=widths, mode=mode, cval=cval)
    chosen = np.empty((np.count_nonzero(footprint), *np.shape(z)), bool)
    no_number = np.isnan(z)
    for k, entry in enumerate(windows(longer, footprint)):
        value = entry if structure is None else entry + structure[footprint][k]
        np.equal(value, z, out=chosen[k])
        if no_number.any():
            chosen[k] |= np.isnan(value) & no_number
    return chosen


@opaque
def ties_in(
    chosen: Any,
    counts: Value,
    *,
    footprint: Bools,
    mode: Modes,
    origin: tuple[int, ...],
    beyond: float,
) -> Value:
    """Return how many entries share: the sums of the counts of those chosen."""
    widths = window(counts, footprint, origin)
    longer: Any = extended(counts, widths=widths, mode=mode, cval=beyond)
    total: Any = 0.0
    for part, mask in zip(windows(longer, footprint), chosen, strict=True):
        total = total + part * mask
    return total


def axis_by_axis(
    ranked: Callable[..., Value],
    x: Value,
    z: Value,
    rank: int,
    footprint: Bools,
    mode: Modes,
    cval: float,
    origin: tuple[int, ...],
) -> tuple[list[tuple[Value, dict[str, Any]]], Value]:
    """Return which entries an extreme of a whole box chooses, along an axis at a time.

    ``ranked`` is SciPy's filter of a rank.

    The second result tells how many entries share the derivative of each window.
    """
    stages: list[tuple[Value, dict[str, Any]]] = []
    counts: Any = np.ones(shape_of(x), dtype_of(x))
    beyond = 1.0
    axes = [axis for axis, n in enumerate(footprint.shape) if n > 1]
    for axis in axes:
        n = footprint.shape[axis]
        shape = tuple(n if a == axis else 1 for a in range(footprint.ndim))
        moved = tuple(o if a == axis else 0 for a, o in enumerate(origin))
        where = {"footprint": np.ones(shape, bool), "mode": mode, "origin": moved}
        last = axis == axes[-1]
        extreme = 0 if rank == 0 else n - 1
        best = z if last else ranked(x, rank=extreme, cval=cval, **where)
        chosen = chosen_of(x, best, cval=cval, **where)
        counts = ties_in(chosen, counts, beyond=beyond, **where)
        beyond *= n
        stages.append((chosen, where))
        x = best
    return stages, counts


def is_box(rank: int, footprint: Bools) -> bool:
    """Tell whether an extreme of a window is one of lines of it, along each axis."""
    extreme = rank in (0, footprint.size - 1)
    return extreme and bool(footprint.all()) and sum(n > 1 for n in footprint.shape) > 1


declare(chosen_of)
declare(ties_in)
