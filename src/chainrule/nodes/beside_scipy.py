"""What SciPy's own code asks of a node, and is answered.

Operators of a node beside a sparse matrix are those of ``chainrule.scipy.sparse``.
SciPy's ``A @ x`` asks ``x`` for an array, and lets ``x`` answer by its own operator
where that is none: a single object. So nodes and traced values make one for it.

Solvers of numbers compare what they were given, and return a plain number that no
derivative reaches; those in C take no error from what they ask of a node. Each asks a
function of NumPy first or last, which is where they are refused.
"""

from __future__ import annotations

import importlib
import sys
from types import FrameType
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, EscapeError
from chainrule.nodes.beside_labelled import beside_labelled
from chainrule.nodes.recorder import record
from chainrule.rules import rule


def beside_sparse(name: str, x: Any, y: Any) -> Any:
    """Return an operator's result where an operand is a sparse matrix.

    ``NotImplemented`` where none is, or where sparse matrices have no such operator.
    """
    if not (_is_sparse(x) or _is_sparse(y)):
        return NotImplemented
    return importlib.import_module("chainrule.scipy.sparse.arrays").operated(name, x, y)


def _is_sparse(x: Any) -> bool:
    if getattr(x.__class__, "is_sparse_node", False):
        return True
    sparse: Any = sys.modules.get("scipy.sparse")
    return sparse is not None and sparse.issparse(x)


def record_beside(operation: type[rule], operands: Any, *masked: Any) -> Any:
    """Record an operator, or have another library's operand answer."""
    try:
        return record(operation, operands, *masked)
    except ArgumentError:
        if len(operands) == 2 and not masked:
            for beside in (beside_sparse, beside_labelled):
                z = beside(operation.operator, *operands)
                if z is not NotImplemented:
                    return z
        raise


def asked_by_sparse() -> bool:
    """Tell whether a product of a sparse matrix asks ``__array__``, two frames above.

    It takes a single object as the answer of what has operators of its own.
    """
    frame: Any = sys._getframe(2)
    return frame.f_code.co_name == "_matmul_dispatch" and frame.f_globals.get(
        "__name__", ""
    ).startswith("scipy.sparse.")


def one_object() -> Any:
    """Return the array that says so."""
    return np.empty((), object)


_SOLVERS = frozenset(
    "_array_newton _check_func _func_wrap _minimize_scalar_bounded "
    "_minimize_scalar_brent _minimize_scalar_golden curve_fit f_raise newton".split()
)
"""Code of SciPy's that asks something of what its solvers were given."""


def refuse_solvers(x: Any, depth: int) -> None:
    """Raise where one of SciPy's solvers asks, so many frames above."""
    frame: Any = sys._getframe(depth)
    while _is_of(frame, "numpy."):
        frame = frame.f_back
    if frame.f_code.co_name not in _SOLVERS or not _is_of(frame, "scipy.optimize."):
        return
    name = ""
    while frame is not None and _is_of(frame, "scipy.optimize."):
        name, frame = frame.f_code.co_name, frame.f_back
    raise EscapeError(
        f"scipy.optimize.{name} knows plain numbers only, and met {x!r}, which "
        f"its result would not depend on. Write chainrule.scipy.optimize.{name}(...), "
        "whose result is a node, or give it gd.value(...) of what it reads."
    )


def _is_of(frame: FrameType, package: str) -> bool:
    return str(frame.f_globals.get("__name__", "")).startswith(package)


__all__ = [
    "asked_by_sparse",
    "beside_sparse",
    "one_object",
    "record_beside",
    "refuse_solvers",
]
