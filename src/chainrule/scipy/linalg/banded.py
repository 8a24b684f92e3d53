"""Banded matrices: systems, factors and eigenvalues.

``ab[u + i - j, j]`` is the entry (i, j) of a matrix with l diagonals below the main one
and u above it. Diagonals are gathered by index, so that no dense matrix is made, but
for ``cholesky_banded`` and eigenvalues.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike

from chainrule.errors import ArgumentError
from chainrule.operations import namespace as ops
from chainrule.operations_grad.matrix_parts import conjugate, rows
from chainrule.rules import general
from chainrule.rules.cases import Cases, case, within
from chainrule.rules.namespace import EXTRA, opaque
from chainrule.scipy.linalg.inputs import checked
from chainrule.scipy.linalg.spectra import eigh, tridiagonal_pairs
from chainrule.values.shapes import shape_of
from chainrule.values.types import Array, ArrayValue, Namespace, Value
from chainrule.wrapping import implements, operation

_linalg: Any = scipy.linalg


@opaque
def banded_solve(
    x: ArrayValue, y: Value, *, lower: int, upper: int, positive: bool
) -> Any:
    """Return SciPy's solution of x z = y for the diagonals x of a matrix.

    A matrix that is ``positive`` is read from its upper half.
    """
    if positive:
        return _linalg.solveh_banded(x[..., : upper + 1, :], y)
    return _linalg.solve_banded((lower, upper), x, y)


EXTRA["banded_solve"] = banded_solve


def _places(lower: int, upper: int, n: int) -> tuple[Any, Any, Any]:
    """Return the rows i of the matrix that each entry of ab belongs to.

    As indices that exist, and the mask of those that are meant; and the rows of ab.
    """
    r = np.arange(lower + upper + 1)[:, None]
    i = r + np.arange(n) - upper
    return np.clip(i, 0, max(n - 1, 0)), (i >= 0) & (i < n), r


def transposed(xp: Namespace, x: Value, lower: int, upper: int) -> Value:
    """Return the diagonals of the transposed matrix, with ``upper`` below."""
    # The row i of ab's column j is the column of the entry there in the transpose.
    i, meant, r = _places(upper, lower, shape_of(x)[-1])
    return xp.where(meant, xp.flip(x, axis=-2)[..., r, i], 0.0)


class banded_solve_grad(general):
    """z = a^-1 y, the solution of a z = y, x the diagonals of a

    Entries of ``x`` that stand for no entry of a have the derivative 0. Source: Giles
    2008, 2.3.1.
    """

    forward = banded_solve
    signature = "(k,n),(n,m?)->(n,m?)"
    by_columns = may_raise = True
    cases: Cases = (
        case(
            np.array([[0.1, 0.4, -0.3, 0.2], [3.0, 4.0, 5.0, 3.5]]),
            (4,),
            lower=0,
            upper=1,
            positive=False,
        ),
        case(within(1.0, 2.0, 1, 3), (3, 2), lower=0, upper=0, positive=False),
        case(
            np.array(
                [[[0.5, 0.4, 0.3]], [[3.0, 4.0, 5.0]], [[0.2, -0.3, 0.1]]]
            ).reshape(1, 3, 3),
            (3, 2),
            lower=1,
            upper=1,
            positive=False,
        ),
    )
    untested = "positive matrices, of which the other half is not read"

    @staticmethod
    def pullback(
        xp: Namespace,
        z_grad: Value,
        z: Value,
        x: Value,
        y: Value,
        *,
        lower: int,
        upper: int,
        positive: bool,
    ) -> tuple[Callable[[], Value], Value]:
        """y_grad = a.T^-1 z_grad; x_grad[r, j] = -y_grad[i] z[j], i = r + j - u"""
        vector = len(shape_of(y)) == 1
        if vector:
            z_grad, z = rows(xp, z_grad), rows(xp, z)
        y_grad = xp.banded_solve(
            transposed(xp, x, lower, upper),
            z_grad,
            lower=upper,
            upper=lower,
            positive=positive,
        )

        def x_grad() -> Value:
            i, meant, _ = _places(lower, upper, shape_of(x)[-1])
            products = xp.einsum("...rjc,...jc->...rj", y_grad[..., i, :], z)
            return xp.where(meant, -products, 0.0)

        return x_grad, (y_grad[..., 0] if vector else y_grad)

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Value | None],
        z: Value,
        x: Value,
        y: Value,
        *,
        lower: int,
        upper: int,
        positive: bool,
    ) -> Value | None:
        """z_dot = a^-1 (y_dot - a_dot z)"""
        x_dot, y_dot = tangents
        vector = len(shape_of(y)) == 1
        if vector:
            z = rows(xp, z)
            y_dot = None if y_dot is None else rows(xp, y_dot)
        if x_dot is not None:
            turned = transposed(xp, x_dot, lower, upper)
            i, _, _ = _places(upper, lower, shape_of(x)[-1])
            moved = -xp.einsum("...ri,...ric->...ic", turned, xp.asarray(z)[..., i, :])
            y_dot = moved if y_dot is None else y_dot + moved
        if y_dot is None:
            return None
        options: Any = {"lower": lower, "upper": upper, "positive": positive}
        z_dot = xp.banded_solve(x, y_dot, **options)
        return z_dot[..., 0] if vector else z_dot


_solve: Any = operation(banded_solve_grad)


@implements(_linalg.solve_banded, may_raise=True)
def solve_banded(
    l_and_u: tuple[int, int],
    ab: ArrayLike,
    b: ArrayLike,
    overwrite_ab: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Any:
    """Return z with ``a z = b``, ``ab`` the diagonals of a, of shape (l + u + 1, n)."""
    lower, upper = map(int, l_and_u)
    ab = checked(ab, check_finite=check_finite)
    b = checked(b, check_finite=check_finite)
    if lower + upper + 1 != ab.shape[-2]:
        raise ValueError(
            f"invalid values for the number of lower and upper diagonals: l+u+1 "
            f"({lower + upper + 1}) does not equal ab.shape[0] ({ab.shape[-2]})"
        )
    return _solve(ab, b, lower=lower, upper=upper, positive=False)


def _both_halves(ab: Array, *, lower: bool) -> Any:
    """Return all diagonals of a Hermitian matrix from those on one side."""
    k = ab.shape[-2] - 1
    main = ab[..., :1, :] if lower else ab[..., k:, :]
    main = ops.real(main) if ab.dtype.kind == "c" else main
    other: Any = transposed(ops, ab, k if lower else 0, 0 if lower else k)
    other = conjugate(ops, other)
    above, below = (other[..., :k, :], ab[..., 1:, :])
    if not lower:
        above, below = (ab[..., :k, :], other[..., 1:, :])
    return ops.concatenate([above, main, below], axis=-2)


@implements(_linalg.solveh_banded, may_raise=True)
def solveh_banded(
    ab: ArrayLike,
    b: ArrayLike,
    overwrite_ab: bool = False,
    overwrite_b: bool = False,
    lower: bool = False,
    check_finite: bool = True,
) -> Any:
    """Return z with ``a z = b``, a positive, ``ab`` its diagonals on one side."""
    ab = checked(ab, check_finite=check_finite)
    b = checked(b, check_finite=check_finite)
    k = ab.shape[-2] - 1
    whole = _both_halves(ab, lower=lower)
    return _solve(whole, b, lower=k, upper=k, positive=True)


def _dense(ab: Array, lower: int, upper: int) -> Any:
    """Return the matrix of these diagonals."""
    n = ab.shape[-1]
    r = upper + np.arange(n)[:, None] - np.arange(n)
    meant = (r >= 0) & (r <= lower + upper)
    found = ab[..., np.clip(r, 0, lower + upper), np.arange(n)]
    return ops.where(meant, found, 0.0)


@implements(_linalg.cholesky_banded, may_raise=True)
def cholesky_banded(
    ab: ArrayLike,
    overwrite_ab: bool = False,
    lower: bool = False,
    check_finite: bool = True,
) -> Any:
    """Return the diagonals of Cholesky's factor of a positive matrix.

    It is computed of the dense matrix: memory grows as the square of its size.
    """
    ab = checked(ab, check_finite=check_finite)
    k, n = ab.shape[-2] - 1, ab.shape[-1]
    sides = (k, 0) if lower else (0, k)
    c = ops.linalg.cholesky(_dense(ab, *sides), upper=not lower)
    i, meant, _ = _places(*sides, n)
    return ops.where(meant, c[..., i, np.arange(n)], ab)


@implements(_linalg.cho_solve_banded, may_raise=True)
def cho_solve_banded(
    cb_and_lower: tuple[ArrayLike, bool],
    b: ArrayLike,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Any:
    """Return z with ``a z = b``, from the factor that ``cholesky_banded`` returned."""
    cb, lower = cb_and_lower
    cb = checked(cb, check_finite=check_finite)
    b = checked(b, check_finite=check_finite)
    k = cb.shape[-2] - 1
    sides = (k, 0) if lower else (0, k)
    turned = conjugate(ops, transposed(ops, cb, *sides))
    below, above = (cb, turned) if lower else (turned, cb)
    z = _solve(below, b, lower=k, upper=0, positive=False)
    return _solve(above, z, lower=0, upper=k, positive=False)


# ------------------------------------------------------------------------ eigenvalues


def _subset(select: str | int, select_range: Sequence[float] | None) -> Any:
    """Return what selects the same eigenvalues, by index or by value."""
    names = {0: "a", 1: "v", 2: "i", "all": "a", "value": "v", "index": "i"}
    chosen = names.get(select, select)
    if chosen == "a":
        return {}
    if chosen not in ("v", "i") or select_range is None:
        raise ValueError("invalid argument for select")
    low, high = select_range
    if chosen == "v":
        return {"by_value": (low, high)}
    return {"by_index": (int(low), int(high))}


@implements(_linalg.eig_banded, may_raise=True)
def eig_banded(
    a_band: ArrayLike,
    lower: bool = False,
    eigvals_only: bool = False,
    overwrite_a_band: bool = False,
    select: str | int = "a",
    select_range: Sequence[float] | None = None,
    max_ev: int = 0,
    check_finite: bool = True,
) -> Any:
    """Return the eigenvalues of a Hermitian matrix, computed of the dense one."""
    if not eigvals_only:
        raise ArgumentError(
            "eig_banded() on nodes has a derivative with eigvals_only=True. For "
            "vectors too call eigh() of the dense matrix."
        )
    return eigvals_banded(
        a_band,
        lower,
        select=select,
        select_range=select_range,
        check_finite=check_finite,
    )


@implements(_linalg.eigvals_banded, may_raise=True)
def eigvals_banded(
    a_band: ArrayLike,
    lower: bool = False,
    overwrite_a_band: bool = False,
    select: str | int = "a",
    select_range: Sequence[float] | None = None,
    check_finite: bool = True,
) -> Any:
    """Return the eigenvalues of a Hermitian matrix, computed of the dense one."""
    ab = checked(a_band, check_finite=check_finite)
    k = ab.shape[-2] - 1
    a = _dense(ab, *((k, 0) if lower else (0, k)))
    subset = _subset(select, select_range)
    named = {f"subset_{k}": v for k, v in subset.items()}
    return eigh(a, lower=lower, eigvals_only=True, **named)


@implements(_linalg.eigh_tridiagonal, may_raise=True)
def eigh_tridiagonal(
    d: ArrayLike,
    e: ArrayLike,
    eigvals_only: bool = False,
    select: str | int = "a",
    select_range: Sequence[float] | None = None,
    check_finite: bool = True,
    tol: float = 0.0,
    lapack_driver: str = "auto",
) -> Any:
    """Return eigenvalues and vectors of a real symmetric tridiagonal matrix.

    ``d`` is its diagonal and ``e`` the one beside it. See ``eigh_grad``.
    """
    if tol != 0.0 or lapack_driver != "auto":
        raise ArgumentError(
            "eigh_tridiagonal() on nodes does not support tol= and lapack_driver=. "
            "Leave them away."
        )
    d, e = (checked(x, check_finite=check_finite) for x in (d, e))
    n = d.shape[-1]
    below = ops.expand_dims(e, -1) * np.eye(n - 1, n, dtype=e.dtype)
    zeros = np.zeros((*below.shape[:-2], 1, n), below.dtype)
    a = ops.concatenate([zeros, below], axis=-2) + ops.expand_dims(d, -1) * np.eye(
        n, dtype=d.dtype
    )
    w, v = tridiagonal_pairs(a, **_subset(select, select_range))
    return w if eigvals_only else (w, v)


@implements(_linalg.eigvalsh_tridiagonal, may_raise=True)
def eigvalsh_tridiagonal(
    d: ArrayLike,
    e: ArrayLike,
    select: str | int = "a",
    select_range: Sequence[float] | None = None,
    check_finite: bool = True,
    tol: float = 0.0,
    lapack_driver: str = "auto",
) -> Any:
    """Return the eigenvalues that ``eigh_tridiagonal`` returns."""
    return eigh_tridiagonal(
        d, e, True, select, select_range, check_finite, tol, lapack_driver
    )
