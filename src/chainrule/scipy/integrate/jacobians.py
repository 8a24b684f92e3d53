"""Jacobians of right-hand sides, for the methods that solve equations with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.scipy.integrate.replay import Program
from chainrule.solving.kept import Warmed
from chainrule.sparse.api import jacobian as sparse_jacobian
from chainrule.transforms.matrices import jacobian
from chainrule.transforms.values import value
from chainrule.values.types import Array, ArrayValue, Value

_np: Any = np
LARGE = 50
"""Unknowns from which on a Jacobian may be sparse."""
FULL = 0.2
"""The share of entries from which on a matrix is no longer sparse."""


def jacobian_of(
    program: Program, t: float, y0: ArrayValue, values: Sequence[Any], *, dense: bool
) -> Callable[[float, Any], Any] | None:
    """Return df/dy as a function of time and state, exact; compiled when that pays.

    ``None`` where the right-hand side has no derivative of ours: SciPy takes
    differences.
    """
    if y0.dtype.kind == "c":
        return None
    large = y0.size >= LARGE and not dense
    for kind in ("sparse", "dense") if large and program.may_compile else ("dense",):
        key = (kind, y0.size)
        if key not in program.runs:
            program.runs[key] = _made(program, kind)
        found = program.runs[key]
        if found is None:
            continue
        try:
            first = found(y0, t, list(values))
        except Exception:
            program.runs[key] = None
            continue
        if kind == "sparse" and first.nnz > FULL * y0.size**2:
            program.runs[key] = None
            continue

        def of(t: float, y: Array, found: Any = found) -> Any:
            return found(y, t, list(values))

        return of
    return None


def _made(program: Program, kind: str) -> Any:
    def slope(y: Value, t: Value, values: Sequence[Any]) -> Any:
        return program.slope(values, y)(t, y)

    if kind == "sparse":
        return sparse_jacobian(slope)
    full = jacobian(slope, mode="forward")
    run = Warmed(full) if program.may_compile else full

    def plain(y: Value, t: Value, values: Sequence[Any]) -> Any:
        return value(run(y, t, values))

    return plain


__all__ = ["jacobian_of"]
