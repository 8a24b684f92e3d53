"""Least squares of sparse matrices and operators, by Golub and Kahan's process."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.sparse import linalg

from chainrule import operations
from chainrule.errors import ArgumentError
from chainrule.nodes.admission import holds_nodes
from chainrule.scipy.sparse.arrays import is_ours
from chainrule.scipy.sparse.linalg.operators import (
    as_function,
    plain_operator,
    product_of,
)
from chainrule.solving.implicit import solution
from chainrule.solving.systems import MANY, iterated
from chainrule.transforms.gradients import grad
from chainrule.transforms.values import joined_entries, value
from chainrule.values.types import Array, Operation, Value
from chainrule.values.vertices import first_stand_in

_np: Any = np
_linalg: Any = linalg
SINGULAR = 1e14
"""The condition of the normal equations from which columns count as dependent."""


def _iterative(name: str) -> Operation:
    """Return one of SciPy's solvers, for nodes too."""
    theirs = getattr(_linalg, name)

    @functools.wraps(theirs)
    def solver(A: Any, b: Any, damp: Any = 0.0, *more: Any, **options: Any) -> Any:
        given = joined_entries(A)
        a, side = as_function(given), joined_entries(b)
        moves = is_ours(a) or is_ours(side) or holds_nodes(damp) or a is not given
        if not moves:
            return theirs(A, b, damp, *more, **options)
        traced = (getattr(a, "data", a), side, damp)
        if a is not given or first_stand_in(value(traced)) is not None:
            raise ArgumentError(
                f"{name} takes matrices and operators of plain values, and it is not "
                "compiled. Write np.linalg.lstsq(A, b), or cg of the normal equations."
            )
        if holds_nodes(options.get("x0")):
            options["x0"] = value(options["x0"])
        return _on_nodes(theirs, a, side, damp, more, options)

    return solver


def _on_nodes(
    theirs: Operation,
    a: Any,
    b: Any,
    damp: Value,
    more: Sequence[Any],
    options: Mapping[str, Any],
) -> tuple[Any, ...]:
    """Return the solution as a node, and what SciPy says of it.

    It solves ``A.T (A x - b) + damp**2 (x - x0) = 0``. Of fewer rows than columns,
    without ``damp``, it is ``x0 + A.T w`` with ``A A.T w = b - A x0``.
    """
    plain, side = plain_operator(a, 0, float), _np.ravel(value(b))
    x, *told = theirs(plain, side, value(damp), *more, **options)
    start = options.get("x0")
    origin = _np.zeros(x.shape) if start is None else _np.asarray(start)
    product, b = product_of(a), operations.reshape(operations.asarray(b), (-1,))
    rows, columns = a.shape
    is_damped = holds_nodes(damp) or bool(damp)
    if rows < columns and not is_damped:
        return (_shortest(theirs, plain, product, b, x, origin), *told)

    def half_squares(y: Array) -> Any:
        rest, moved = product(y) - b, damp * (y - origin)
        return 0.5 * (_np.sum(rest * rest) + _np.sum(moved * moved))

    return (_solution(grad(half_squares), x), *told)


def _shortest(
    theirs: Operation, plain: Any, product: Any, b: Any, x: Array, origin: Array
) -> Any:
    """Return the solution that is nearest to the origin, of fewer equations."""
    turned = _linalg.aslinearoperator(plain).T
    w = theirs(turned, x - origin, 0.0, 1e-14, 1e-14)[0]

    def transposed(v: Any) -> Any:
        def along(y: Array) -> Any:
            return _np.sum(product(y) * v)

        return grad(along)(_np.zeros(x.shape))

    def equation(v: Any) -> Any:
        return product(transposed(v) + origin) - b

    return transposed(_solution(equation, w)) + origin


def _solution(equation: Callable[[Array], Any], x: Array) -> Any:
    """Return the solution of normal equations: of many, by products with vectors."""
    many = x.size >= MANY
    how = _by_products if many else _by_factors
    return solution(equation, x, linear_solve=how, matrix_free=many)


def _by_factors(matrix: Array, b: Array) -> Any:
    if _np.linalg.cond(matrix) > SINGULAR:
        raise _np.linalg.LinAlgError(_DEPEND)
    return _np.linalg.solve(matrix, b)


def _by_products(operator: linalg.LinearOperator, b: Array) -> Any:
    """Solve by conjugate gradients, which have to find a random vector too."""
    known = _np.random.default_rng(0).normal(size=b.size)
    found = iterated("cg", operator, operator @ known)
    if _np.linalg.norm(found - known) > FAR * _np.linalg.norm(known):
        raise _np.linalg.LinAlgError(_DEPEND)
    return iterated("cg", operator, b)


FAR = 1e-3
"""How far, relative to its length, a vector may be found from where it is."""
_DEPEND = (
    "Singular matrix: the rows or columns of a least-squares problem depend on each "
    "other, or nearly so, and its solution has no derivative. Give it a damp."
)


lsmr: Operation = _iterative("lsmr")
lsqr: Operation = _iterative("lsqr")

__all__ = ["lsmr", "lsqr"]
