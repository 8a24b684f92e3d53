"""Linear systems of sparse matrices and operators: direct, and by Krylov methods."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse import linalg

from chainrule import operations
from chainrule.errors import ArgumentError, SolutionWarning
from chainrule.nodes.admission import holds_nodes
from chainrule.nodes.joined import holds_followed
from chainrule.nodes.node_class import node
from chainrule.scipy.sparse.arrays import (
    Matrix,
    Operand,
    SparseNode,
    as_node,
    is_ours,
    refuse_dense,
)
from chainrule.scipy.sparse.linalg.operators import System as Given
from chainrule.scipy.sparse.linalg.operators import (
    as_function,
    plain_operator,
    product_of,
)
from chainrule.scipy.sparse.products import solve
from chainrule.solving.implicit import solution
from chainrule.solving.linear import linear_solve
from chainrule.solving.systems import System
from chainrule.transforms.as_called import AsCalled
from chainrule.transforms.values import joined_entries, value
from chainrule.values.shapes import shape_of
from chainrule.values.types import Array, Operation, Value
from chainrule.values.vertices import first_stand_in, raw

_np: Any = np
_linalg: Any = linalg
_is_sparse: Any = sp.issparse


def spsolve(
    A: Matrix, b: Operand, permc_spec: str | None = None, use_umfpack: bool = True
) -> Any:
    """Return the solution of ``A x = b``, as ``scipy.sparse.linalg.spsolve`` does.

    Parameters
    ----------
    A
        A square sparse matrix, of SciPy's or with a node as its data
        (``chainrule.scipy.sparse.csr_array((data, indices, indptr))``).
    b
        A vector or a matrix, which may be a node. Of a sparse matrix of several
        columns the solution is one too, with all entries: zeros may be others nearby.

    Notes
    -----
    ``b_grad = A.T^-1 x_grad``, and ``A.data`` gets the entries of ``-b_grad x.T`` at
    its places. The factors of the solution are kept for all sweeps.

    Examples
    --------
    >>> import chainrule as gd, numpy as np
    >>> from chainrule.scipy import sparse
    >>> def f(data):
    ...     a = sparse.csc_array((data, [0, 1, 1], [0, 2, 3]), shape=(2, 2))
    ...     return sparse.linalg.spsolve(a, np.array([1.0, 2.0]))[1]
    >>> gd.grad(f)(np.array([2.0, 1.0, 4.0]))
    array([ 0.0625 , -0.125  , -0.09375])
    """
    if not is_ours(A) and not is_ours(b):
        return _linalg.spsolve(A, b, permc_spec, use_umfpack)
    matrix = _sparse(A, "spsolve")
    is_sparse = _is_sparse(b) or isinstance(b, SparseNode)
    given: Any = b
    side = as_node(given).toarray() if is_sparse else operations.asarray(given)
    vector = len(shape_of(side)) == 1 or shape_of(side)[1] == 1
    if vector:
        side = operations.reshape(side, (-1,))
    x = _solved(matrix, side, permc_spec)
    return matrix.filled(x) if is_sparse and not vector else x


def _sparse(a: Matrix, name: str) -> SparseNode:
    if isinstance(a, SparseNode):
        return a
    if holds_followed(a):
        raise refuse_dense(a, name)
    return as_node(a)


def _solved(
    matrix: SparseNode, b: Value, permc_spec: str | None, *, transposed: bool = False
) -> Any:
    turned = (matrix.format == "csc") != transposed
    return solve(
        matrix.data,
        b,
        pattern=matrix.pattern,
        transposed=turned,
        permc_spec=permc_spec,
    )


def factorized(A: Matrix) -> Callable[[Array], Any]:
    """Return the function that solves ``A x = b``, as ``scipy.sparse.linalg`` does."""
    if not isinstance(A, SparseNode):
        plain = _linalg.factorized(A)
        matrix = as_node(A)
    else:
        plain, matrix = None, A

    def solved(b: Value) -> Any:
        if plain is not None and not is_ours(b):
            return plain(b)
        return _solved(matrix, operations.asarray(b), None)

    return solved


class Factors:
    """What ``splu`` returns of a matrix of nodes: its solutions, and no factors."""

    def __init__(self, matrix: SparseNode, permc_spec: str | None) -> None:
        """Keep the matrix, which is factorised by the first solution."""
        self._matrix = matrix
        self._permc_spec = permc_spec
        self.shape: tuple[int, int] = matrix.shape

    def solve(self, rhs: Value, trans: str = "N") -> Any:
        """Return the solution with the matrix, or with its transpose (``"T"``)."""
        if trans not in ("N", "T"):
            raise ArgumentError(
                f"solve() on nodes has trans 'N' and 'T'; received {trans!r}."
            )
        side = operations.asarray(rhs)
        return _solved(self._matrix, side, self._permc_spec, transposed=trans == "T")


def splu(A: Matrix, permc_spec: str | None = None, **options: Any) -> Any:
    """Return the factors of a sparse matrix, as ``scipy.sparse.linalg.splu`` does.

    Of a matrix whose data are a node they have ``solve`` alone.
    """
    if not isinstance(A, SparseNode):
        return _linalg.splu(A, permc_spec, **options)
    if options:
        raise ArgumentError(
            f"splu() of nodes does not support {', '.join(options)}. Leave it away."
        )
    return Factors(A, permc_spec)


# ------------------------------------------------------------------- Krylov methods


def _iterative(name: str) -> Operation:
    """Return one of SciPy's iterative solvers, for nodes too."""
    theirs = getattr(_linalg, name)

    @functools.wraps(theirs)
    def solver(A: Any, b: Any, x0: Any = None, **options: Any) -> Any:
        if holds_nodes(x0):
            x0 = value(x0)  # the solution does not depend on where it starts
        a: Any = as_function(joined_entries(A))
        given: Any = a
        linear = callable(a) and not isinstance(a, _linalg.LinearOperator)
        if not (linear or is_ours(given) or is_ours(b)):
            return theirs(a, b, x0, **options)
        return _on_nodes(theirs, a, b, x0, options)

    return solver


def _on_nodes(
    theirs: Operation, a: Given, b: Value, x0: Value | None, options: Mapping[str, Any]
) -> tuple[Any, int]:
    """Return the solution as a node, and what SciPy says of it."""
    b = operations.reshape(operations.asarray(b), (-1,))
    product = product_of(a)
    if product is a:  # a function
        product = AsCalled.now(product)
    again = {k: x for k, x in options.items() if not k.startswith("callback")}
    how = functools.partial(_adjoint, theirs, again)

    def equation(y: Value) -> Any:
        return product(y) - b

    zero = _np.zeros(shape_of(b), _np.result_type(raw(b).dtype, _np.float32))
    if first_stand_in(raw(equation(zero))) is not None:  # in a trace, one row
        return linear_solve(product, b, linear_solve=how, matrix_free=True), 0
    plain = value(b)
    x, info = theirs(plain_operator(a, plain.size, plain.dtype), plain, x0, **options)
    z = solution(equation, x, system=System(equation, x, (), how, matrix_free=True))
    if info and isinstance(z, node):
        _warn(theirs.__name__)
    return z, info


def _adjoint(
    theirs: Operation, options: Mapping[str, Any], operator: Any, b: Array
) -> Any:
    """Return the solution with an operator, or with the transpose of the given one."""
    given = dict(options)
    M = given.get("M")
    if M is not None and operator.is_transpose:
        given["M"] = _linalg.aslinearoperator(M).T
    x, info = theirs(operator, b, **given)
    if info:
        _warn(theirs.__name__)
    return x


def _warn(name: str) -> None:
    warnings.warn(
        f"{name} stopped before it had solved its system, so a derivative of the "
        "solution is not one. Give it more iterations (maxiter=) or a preconditioner "
        "(M=).",
        SolutionWarning,
        stacklevel=4,
    )


bicg: Operation = _iterative("bicg")
bicgstab: Operation = _iterative("bicgstab")
cg: Operation = _iterative("cg")
cgs: Operation = _iterative("cgs")
gcrotmk: Operation = _iterative("gcrotmk")
gmres: Operation = _iterative("gmres")
lgmres: Operation = _iterative("lgmres")
minres: Operation = _iterative("minres")
qmr: Operation = _iterative("qmr")
tfqmr: Operation = _iterative("tfqmr")

__all__ = [
    "Factors",
    "bicg",
    "bicgstab",
    "cg",
    "cgs",
    "factorized",
    "gcrotmk",
    "gmres",
    "lgmres",
    "minres",
    "qmr",
    "splu",
    "spsolve",
    "tfqmr",
]
