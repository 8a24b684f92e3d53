"""Products and solutions with a sparse matrix: of its data, and of what it meets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.rules import general, multilinear
from chainrule.rules.cases import DOUBLE, Cases, Dtypes, case
from chainrule.rules.namespace import EXTRA, opaque
from chainrule.rules.traits import Depends, Numbers
from chainrule.scipy.sparse.patterns import Pattern
from chainrule.values.shapes import shape_of
from chainrule.values.types import Namespace, Operation, Value
from chainrule.wrapping import operation

_np: Any = np
_SQUARE = Pattern(_np.array([0, 2, 1, 0, 2]), _np.array([0, 2, 3, 5]), (3, 3))
_WIDE = Pattern(_np.array([0, 3, 1]), _np.array([0, 2, 3]), (2, 4))
_DATA = _np.array([2.0, 0.5, -1.5, 0.3, 3.0])


def _oriented(pattern: Pattern, *, transposed: bool) -> tuple[Any, Any]:
    """Return the rows and columns of the entries of a matrix, or of its transpose."""
    pair = (pattern.rows, pattern.columns)
    return pair[::-1] if transposed else pair


def _paired(
    xp: Namespace, left: Value, right: Value, pattern: Pattern, *, transposed: bool
) -> Value:
    """Return the entries at the pattern's places of the outer product left right.T."""
    rows, columns = _oriented(pattern, transposed=transposed)
    product = xp.getitem(left, index=rows) * xp.getitem(right, index=columns)
    return product if len(shape_of(product)) == 1 else xp.sum(product, axis=-1)


@opaque
def sparse_product(
    data: Value, x: Value, *, pattern: Pattern, transposed: bool
) -> Value:
    """Return the product of a sparse matrix, or its transpose, with (n,) or (n, k)."""
    matrix = pattern.matrix(data)
    return (matrix.T if transposed else matrix) @ x


@opaque
def sparse_solve(
    data: Value, b: Value, *, pattern: Pattern, transposed: bool, permc_spec: str | None
) -> Value:
    """Return the solution with a square sparse matrix, or with its transpose."""
    entries, side = _np.asarray(data), _np.asarray(b)
    kind = _np.result_type(entries, side, _np.float32)
    factor = pattern.factor(entries.astype(kind), permc_spec)
    return factor.solve(side.astype(kind), trans="N" if transposed else "T")


EXTRA["sparse_product"] = sparse_product
EXTRA["sparse_solve"] = sparse_solve


class sparse_product_grad(multilinear):
    """z = a x, with the sparse matrix a of these data; with a.T if transposed"""

    forward = sparse_product
    cases: Cases = (
        case((5,), (3,), pattern=_SQUARE, transposed=False),
        case((3,), (4, 2), pattern=_WIDE, transposed=False),
        case((3,), (2, 2), pattern=_WIDE, transposed=True),
    )
    dtypes: Dtypes = ("float32", *DOUBLE)

    @staticmethod
    def depends(
        z: Numbers,
        data: Numbers,
        x: Numbers,
        *,
        pattern: Pattern,
        transposed: bool,
    ) -> Depends:
        """Return which entry of the matrix meets which of the vector, and where."""
        rows, columns = _oriented(pattern, transposed=transposed)
        own = data.reshape(-1, *[1] * (x.ndim - 1))
        return (z[rows], own), (z[rows], x[columns])

    @staticmethod
    def transpose_data(
        xp: Namespace,
        z_grad: Value,
        data: Value,
        x: Value,
        *,
        pattern: Pattern,
        transposed: bool,
    ) -> Value:
        """data_grad = the entries of z_grad x.T at the places of data"""
        return _paired(xp, z_grad, x, pattern, transposed=transposed)

    @staticmethod
    def transpose_x(
        xp: Namespace,
        z_grad: Value,
        data: Value,
        x: Value,
        *,
        pattern: Pattern,
        transposed: bool,
    ) -> Value:
        """x_grad = a.T z_grad"""
        return xp.sparse_product(
            data, z_grad, pattern=pattern, transposed=not transposed
        )


class sparse_solve_grad(general):
    """z solves a z = b, with the sparse matrix a of these data; a.T z = b if transposed

    Both sweeps have the factors of the solution.
    """

    forward = sparse_solve
    may_raise = True
    cases: Cases = (
        case(_DATA, (3,), pattern=_SQUARE, transposed=False, permc_spec=None),
        case(_DATA, (3, 2), pattern=_SQUARE, transposed=True, permc_spec="NATURAL"),
    )
    dtypes: Dtypes = ("float32", *DOUBLE)

    @staticmethod
    def pullback(
        xp: Namespace,
        z_grad: Value,
        z: Value,
        data: Value,
        b: Value,
        *,
        pattern: Pattern,
        transposed: bool,
        permc_spec: str | None,
    ) -> tuple[Any, Value]:
        """b_grad = a.T^-1 z_grad; data_grad = the entries of -b_grad z.T there"""
        b_grad = xp.sparse_solve(
            data,
            z_grad,
            pattern=pattern,
            transposed=not transposed,
            permc_spec=permc_spec,
        )

        def data_grad() -> Value:
            return -_paired(xp, b_grad, z, pattern, transposed=transposed)

        return data_grad, b_grad

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Value | None],
        z: Value,
        data: Value,
        b: Value,
        *,
        pattern: Pattern,
        transposed: bool,
        permc_spec: str | None,
    ) -> Value | None:
        """z_dot = a^-1 (b_dot - a_dot z)"""
        data_dot, b_dot = tangents
        if data_dot is not None:
            moved = -xp.sparse_product(
                data_dot, z, pattern=pattern, transposed=transposed
            )
            b_dot = moved if b_dot is None else b_dot + moved
        if b_dot is None:
            return None
        return xp.sparse_solve(
            data, b_dot, pattern=pattern, transposed=transposed, permc_spec=permc_spec
        )


product: Operation = operation(sparse_product_grad)
solve: Operation = operation(sparse_solve_grad)

__all__ = ["product", "solve"]
