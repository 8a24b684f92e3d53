"""Reductions of entries that have places on a tape.

In: the places of an array, and axes. Out: those of what is left of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.compiler.native.meanings import CannotLowerError
from chainrule.compiler.native.movements import Places
from chainrule.compiler.tape.places import stretches

if TYPE_CHECKING:
    from chainrule.compiler.tape.lowering import Builder


def reduced(b: Builder, name: str, pair: str, places: Places, axes: Any) -> Places:
    """Write a reduction over axes; ``pair`` is the operation on two entries."""
    if not places.size:
        raise CannotLowerError
    kept = [i for i in range(places.ndim) if i not in axes]
    moved = np.transpose(places, [*axes, *kept])
    shape = moved.shape[len(axes) :]
    moved = moved.reshape(-1, *shape)
    count, size = moved.shape[0], int(np.prod(shape, dtype=int))
    if count == 1:
        return moved[0]
    if size >= 8 or count <= 4:
        total = moved[0]
        for part in moved[1:]:
            total = b.elementwise(pair, shape, total, part)
        return total
    result = b.new(shape)
    columns = moved.reshape(count, size)
    for j, z in enumerate(np.ravel(result).tolist()):
        _reduced_one(b, name, columns[:, j], z)
    return result


def _reduced_one(b: Builder, name: str, places: Places, z: int) -> None:
    parts = list(stretches(places[None, :]))
    if len(parts) > 1:
        places = b.elementwise("copy", places.shape, places)
    step = int(places[1] - places[0])
    b.code.add(name, z, [(int(places[0]), step)], len(places))


__all__ = ["reduced"]
