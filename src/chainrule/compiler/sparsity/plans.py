"""Plans: the few sweeps that a whole Jacobian is made of, where these are enough."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.compiler.control.bodies import Body, traced_in
from chainrule.compiler.sparsity.compression import (
    Compression,
    compressed,
    compressed_symmetric,
)
from chainrule.compiler.sparsity.detection import Detection
from chainrule.compiler.sparsity.structure import Structure
from chainrule.compiler.tracing.trace import Trace
from chainrule.values.types import Array

_np: Any = np
FILLED = 4
"""One entry in so many may be filled; above that all sweeps are as fast."""


class Plan:
    """Which products a matrix is made of, and which of its entries they have.

    Attributes
    ----------
    right, left
        The vectors that it is multiplied with; ``None`` if there are none.
    picked
        The places of its entries in the flattened products: first those from the right.
    places
        The places of the same entries in the flattened matrix.
    """

    def __init__(self, found: Compression, pattern: Structure, dtype: Any) -> None:
        """Take the products of a compression that reads each entry from one of them."""
        seeds = found.seeds(dtype)
        self.right: Any = seeds.pop(0) if found.columns is not None else None
        self.left: Any = seeds.pop(0) if found.rows is not None else None
        if found.recovery is not None:  # symmetric: from both sides it is the same
            self.right, self.left = self.left, self.right
        self.picked: Any = found.places
        self.places: Any = pattern.rows() * pattern.shape[1] + pattern.indices
        self.sweeps: int = found.sweeps


def plan_of(
    sweep: Callable[[Any], list[Any]],
    seed: Array,
    outside: list[Any],
    *,
    forward: bool,
    mode: str,
) -> Plan | None:
    """Return how to compute a matrix, or ``None`` if that takes most of its sweeps.

    Parameters
    ----------
    sweep
        From a seed to a product of the matrix: ``forward``, or back.
    outside
        Values that the sweep reads, which may be traced.
    mode
        That of a compression, or ``"symmetric"``.
    """
    try:
        pattern = _pattern(Body(traced_in(outside) or Trace(), sweep, [seed]))
    except Exception:
        return None
    if pattern is None:
        return None
    if not forward:
        pattern, _ = pattern.transposed()
    if mode == "symmetric":
        pattern = _with_transposed(pattern)
        found = compressed_symmetric(pattern, "star", 0)
    else:
        found = compressed(pattern, mode)
    if FILLED * found.sweeps > seed.size:
        return None
    return Plan(found, pattern, seed.dtype)


def _pattern(body: Body) -> Structure | None:
    """Return which results of a sweep its seed enters; ``None`` if these are many."""
    program = body.program
    found = Detection(program, program.inputs[:1], filled=FILLED)
    (output,) = program.outputs
    pattern = found.of(output)
    whole = pattern.size * pattern.columns
    if FILLED * pattern.most() > 2 * whole:
        return None
    structure = pattern.structure()
    return structure if FILLED * structure.nnz <= whole else None


def _with_transposed(pattern: Structure) -> Structure:
    """Return the entries of a square matrix, and those of its transposed."""
    n = pattern.shape[0]
    rows, columns = pattern.rows().astype(_np.int64), pattern.indices
    both = _np.concatenate([rows * n + columns, columns.astype(_np.int64) * n + rows])
    both.sort()
    first = _np.append(True, both[1:] != both[:-1])  # np.unique imports masked arrays
    rows, columns = _np.divmod(both[first], n)
    starts = _np.append(0, _np.cumsum(_np.bincount(rows, minlength=n)))
    return Structure(columns, starts, (n, n))


__all__ = ["Plan", "plan_of"]
