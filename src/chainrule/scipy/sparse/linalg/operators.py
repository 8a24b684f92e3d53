"""Linear operators of SciPy's, applied to nodes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import DTypeLike
from scipy.sparse import linalg

from chainrule.errors import ArgumentError
from chainrule.nodes.joined import holds_followed
from chainrule.rules import linear
from chainrule.rules.cases import DOUBLE, Cases, Dtypes, case
from chainrule.rules.namespace import EXTRA, opaque
from chainrule.scipy.sparse.arrays import Matrix, SparseNode, as_node
from chainrule.transforms.products import vjp
from chainrule.transforms.values import value
from chainrule.values.shapes import describe, shape_of
from chainrule.values.types import Array, Namespace, Operation, Value
from chainrule.wrapping import operation

_np: Any = np
_linalg: Any = linalg
_is_sparse: Any = sp.issparse


class Map:
    """An operator of SciPy's as a parameter of a rule."""

    def __init__(self, operator: linalg.LinearOperator) -> None:
        """Keep it."""
        self._operator = operator

    def __repr__(self) -> str:
        """Show the operator."""
        return f"<map {self._operator!r}>"

    def product(self, x: Any, *, transposed: bool) -> Any:
        """Return the product with a vector or a matrix, or that of the transpose."""
        if not transposed:
            return self._operator @ x
        return _np.conj(self._operator.H @ _np.conj(x))


System = Matrix | Value | linalg.LinearOperator | Callable[[Any], Any]
"""What a linear system is given by."""
_EXAMPLE = Map(_linalg.aslinearoperator(_np.array([[1.0, 2.0, 0.0], [0.5, 0.0, -1.0]])))


@opaque
def operator_product(x: Value, *, operator: Map, transposed: bool) -> Value:
    """Return an operator's product with a vector or a matrix, or its transpose's."""
    return operator.product(x, transposed=transposed)


EXTRA["operator_product"] = operator_product


class operator_product_grad(linear):
    """z = a x, with a linear operator a of SciPy's; a.T x if transposed"""

    forward = operator_product
    cases: Cases = (
        case((3,), operator=_EXAMPLE, transposed=False),
        case((2, 2), operator=_EXAMPLE, transposed=True),
    )
    dtypes: Dtypes = DOUBLE

    @staticmethod
    def transpose_x(
        xp: Namespace, z_grad: Value, x: Value, *, operator: Map, transposed: bool
    ) -> Value:
        """x_grad = a.T z_grad"""
        return xp.operator_product(z_grad, operator=operator, transposed=not transposed)


_product: Operation = operation(operator_product_grad)


def product_of(a: Any) -> Callable[[Any], Any]:
    """Return the product with a matrix or an operator as a function of nodes."""
    if isinstance(a, SparseNode) or _is_sparse(a):
        return as_node(a).__matmul__
    if isinstance(a, _linalg.LinearOperator):
        return functools.partial(_product, operator=Map(a), transposed=False)
    if callable(a):
        return a
    if len(shape_of(a)) != 2:
        raise ArgumentError(
            "a linear system needs a matrix, a sparse matrix, a LinearOperator or a "
            f"linear function; received {describe(a)}."
        )
    return functools.partial(_np.matmul, a)


def as_function(a: Any) -> Any:
    """Return the function of an operator of SciPy's, if it reads nodes.

    SciPy's operators take what is computed for arrays of numbers.
    """
    f = getattr(a, "_CustomLinearOperator__matvec_impl", None)
    if f is None:
        return a
    found = f(_np.zeros(a.shape[1], a.dtype))
    return f if holds_followed(found) else a


def plain_operator(a: System, size: int, dtype: DTypeLike) -> Any:
    """Return a matrix or an operator with plain values."""
    if isinstance(a, SparseNode):
        matrix = a.pattern.matrix(value(a.data))
        return matrix.T if a.format == "csc" else matrix
    if callable(a) and not isinstance(a, _linalg.LinearOperator):
        return _linalg.LinearOperator(
            (size, size),
            matvec=functools.partial(_plainly, a),
            rmatvec=_transposed(a, _np.zeros(size, dtype)),
            dtype=dtype,
        )
    return value(a)


def _plainly(f: Callable[[Any], Any], x: Array) -> Any:
    """Return a function's plain result, which SciPy may write into."""
    return _np.array(value(f(_np.reshape(x, (-1,)))))


def _transposed(f: Callable[[Any], Any], zeros: Array) -> Callable[[Any], Any]:
    """Return the product with the conjugate transpose of a linear function."""

    @functools.cache
    def pull() -> Any:
        return vjp(f, zeros)[1]

    def product(x: Array) -> Any:
        seed = _np.conj(_np.reshape(x, (-1,)))
        return _np.conj(_np.array(value(pull()(seed)[0])))

    return product


__all__ = ["as_function", "plain_operator", "product_of"]
