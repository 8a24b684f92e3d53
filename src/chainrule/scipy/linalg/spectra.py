"""Eigenvalues and singular values, and what is made of them.

Where values are tied see ``chainrule.operations_grad.ties``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike

from chainrule.errors import ArgumentError
from chainrule.numpy import matrices
from chainrule.operations import namespace as ops
from chainrule.operations_grad.eigenpairs import pair_dot, pair_grad
from chainrule.operations_grad.eigenvalues import eigh_grad
from chainrule.operations_grad.matrix_parts import columns, swapped
from chainrule.rules import general
from chainrule.rules.cases import REAL, Cases, Dtypes, case, symmetric
from chainrule.rules.namespace import opaque
from chainrule.scipy.linalg.inputs import adjoint, checked, hermitian, square
from chainrule.scipy.linalg.solving import solve_triangular
from chainrule.values.types import Array, ArrayValue, Namespace, Value
from chainrule.values.vertices import raw
from chainrule.wrapping import implements, operation

_linalg: Any = scipy.linalg
_take_along_axis: Any = np.take_along_axis

# ----------------------------------------------------------------- Hermitian matrices


@opaque
def hermitian_pairs(x: Value, *, UPLO: str, driver: str | None) -> Any:
    """Return SciPy's eigenvalues and eigenvectors of a Hermitian matrix."""
    if driver == "tridiagonal":
        d, e = (np.diagonal(x, k, axis1=-2, axis2=-1) for k in (0, -1))
        return tuple(_linalg.eigh_tridiagonal(d, e))
    w, v = _linalg.eigh(x, lower=UPLO == "L", driver=driver)
    return w, v


class hermitian_pairs_grad(general):
    """w, v = eigh(x), with x v = v diag(w), x Hermitian: see ``eigh_grad``"""

    forward = hermitian_pairs
    signature = "(n,n)->(n),(n,n)"
    may_raise = True
    outputs = 2
    cases: Cases = (
        case(symmetric(3, 3), UPLO="L", driver="evd"),
        case(symmetric(2, 2, 2), UPLO="U", driver="ev"),
    )
    dtypes: Dtypes = REAL
    untested: ClassVar[str] = eigh_grad.untested

    @staticmethod
    def pullback(
        xp: Namespace,
        z_grad: Sequence[Array | None],
        z: Sequence[Array],
        x: Value,
        *,
        UPLO: str,
        driver: str | None,
    ) -> tuple[Value | None]:
        """That of ``eigh_grad``"""
        return eigh_grad.pullback(xp, z_grad, z, x, UPLO=UPLO)

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Value | None],
        z: Sequence[Array],
        x: Value,
        *,
        UPLO: str,
        driver: str | None,
    ) -> tuple[Value | None, ...] | None:
        """That of ``eigh_grad``"""
        return eigh_grad.pushforward(xp, tangents, z, x, UPLO=UPLO)


_pairs: Any = operation(hermitian_pairs_grad)


@implements(_linalg.eigh, may_raise=True)
def eigh(
    a: ArrayLike,
    b: ArrayLike | None = None,
    *,
    lower: bool = True,
    eigvals_only: bool = False,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    type: int = 1,
    check_finite: bool = True,
    subset_by_index: Sequence[int] | None = None,
    subset_by_value: Sequence[float] | None = None,
    driver: str | None = None,
) -> Any:
    """Return w, v with ``a v = b v diag(w)``, of Hermitian a and positive b.

    ``type`` 2 is ``a b v = v diag(w)`` and 3 is ``b a v = v diag(w)``. One triangle of
    each matrix is read. See ``eigh_grad``; b is split by ``cholesky_grad``.
    """
    a = checked(a, check_finite=check_finite)
    square("eigh", a)
    if type not in (1, 2, 3):
        raise ValueError('"type" keyword only accepts 1, 2, and 3.')
    subset: Any = {"by_index": subset_by_index, "by_value": subset_by_value}
    if subset_by_index is not None and subset_by_value is not None:
        raise ValueError("Either index or value subset can be requested.")
    if b is None:
        w, v = _pairs(a, UPLO="L" if lower else "U", driver=driver)
    else:
        b = checked(b, check_finite=check_finite)
        whole = subset_by_index is None and subset_by_value is None
        routine = _DRIVERS[driver or ("gvd" if whole else "gvx")]
        w, v = _of_pencil(a, b, type, lower=lower, driver=routine)
    w, v = _subset(w, v, **subset)
    return w if eigvals_only else (w, v)


def tridiagonal_pairs(a: Array, **subset: Sequence[Any]) -> tuple[Any, Any]:
    """Return eigenvalues and eigenvectors of matrices that are tridiagonal."""
    return _subset(*_pairs(a, UPLO="L", driver="tridiagonal"), **subset)


def _subset(
    w: Array,
    v: Array,
    by_index: Sequence[int] | None = None,
    by_value: Sequence[float] | None = None,
) -> tuple[Any, Any]:
    """Return the pairs of these indices, or with values in this interval."""
    if by_index is not None:
        first, last = by_index
        return w[..., first : last + 1], v[..., first : last + 1]
    if by_value is None:
        return w, v
    low, high = by_value
    return _chosen(w, v, (raw(w) > low) & (raw(w) <= high))


_DRIVERS = {"gv": "ev", "gvd": "evd", "gvx": "evx"}
"""LAPACK's routines for two matrices, and those for one that they call."""


def _chosen(w: Array, v: Array, inside: ArrayValue) -> tuple[Any, Any]:
    """Return the values inside an interval; of a stack, where they are as many."""
    inside = np.asarray(inside)
    counts = np.sum(inside, axis=-1)
    if np.any(counts != np.max(counts, initial=0)):
        raise ArgumentError(
            "eigh() on nodes with subset_by_value needs as many values in each matrix "
            f"of a stack; received {counts}. Loop over the stack."
        )
    count = int(np.max(counts, initial=0))
    order = np.argsort(~inside, axis=-1, stable=True)[..., :count]
    return (
        _take_along_axis(w, order, axis=-1),
        _take_along_axis(v, np.expand_dims(order, -2), axis=-1),
    )


def _of_pencil(
    a: Array, b: Array, kind: int, *, lower: bool, driver: str
) -> tuple[Any, Any]:
    """Return the pairs of two matrices by the factor of b, as LAPACK does."""
    a = hermitian(a, lower=lower)
    c = ops.linalg.cholesky(b, upper=not lower)
    c = c if lower else adjoint(c)
    if kind == 1:
        a = solve_triangular(c, a, lower=True)
        a = adjoint(solve_triangular(c, adjoint(a), lower=True))
    else:
        a = ops.matmul(adjoint(c), ops.matmul(a, c))
    w, v = _pairs(a, UPLO="L" if lower else "U", driver=driver)
    if kind == 3:
        return w, ops.matmul(c, v)
    return w, solve_triangular(c, v, lower=True, trans=2)


@implements(_linalg.eigvalsh, may_raise=True)
def eigvalsh(
    a: ArrayLike,
    b: ArrayLike | None = None,
    *,
    lower: bool = True,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    type: int = 1,
    check_finite: bool = True,
    subset_by_index: Sequence[int] | None = None,
    subset_by_value: Sequence[float] | None = None,
    driver: str | None = None,
) -> Any:
    """Return the eigenvalues that ``eigh`` returns."""
    return eigh(
        a,
        b,
        lower=lower,
        eigvals_only=True,
        type=type,
        check_finite=check_finite,
        subset_by_index=subset_by_index,
        subset_by_value=subset_by_value,
        driver=driver,
    )


# ------------------------------------------------------------------- without symmetry


@opaque
def pencil_pairs(x: Value, y: Value) -> Any:
    """Return SciPy's eigenvalues and eigenvectors of two matrices, complex."""
    w, v = _linalg.eig(x, y)
    return w + 0j, v + 0j


_THREE = np.array([[1.0, 0.3, -0.2], [0.1, 8.0, 0.2], [-0.3, 0.1, 20.0]])


class pencil_pairs_grad(general):
    """w, v = eig(x, y), with x v = y v diag(w): see ``eig_grad``

    Valid where y has an inverse; otherwise LinAlgError is raised.
    """

    forward = pencil_pairs
    signature = "(n,n),(n,n)->(n),(n,n)"
    may_raise = True
    outputs = 2
    cases: Cases = (
        case(_THREE, np.array([[2.0, 0.1, 0.3], [0.2, 1.0, 0.1], [0.0, 0.3, 1.5]])),
        case(
            _THREE[:2, :2], np.array([[[2.0, 0.1], [0.3, 1.0]], [[1.0, 0.2], [0.1, 3]]])
        ),
    )
    dtypes: Dtypes = REAL
    untested = "complex eigenvectors: LAPACK chooses their phases"

    @staticmethod
    def pullback(
        xp: Namespace,
        z_grad: Sequence[Array | None],
        z: Sequence[Array],
        x: Value,
        y: Value,
    ) -> tuple[Value, ...]:
        """x_grad = (y v)^-T p_grad v.T, y_grad = -(y v)^-T p_grad diag(w) v.T"""
        inverse = xp.linalg.inv(xp.matmul(y, z[1]))
        p_grad = pair_grad(xp, z_grad, z, inverse)
        left, v_t = xp.matmul(swapped(xp, inverse), p_grad), swapped(xp, z[1])
        return xp.matmul(left, v_t), -xp.matmul(left * columns(xp, z[0]), v_t)

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Value | None],
        z: Sequence[Array],
        x: Value,
        y: Value,
    ) -> tuple[Value | None, ...] | None:
        """w_dot and v_dot of ``pair_dot``, p = (y v)^-1 (x_dot v - y_dot v diag(w))"""
        x_dot, y_dot = tangents
        w, v = z
        moved = None if x_dot is None else xp.matmul(x_dot, v)
        if y_dot is not None:
            other = -xp.matmul(y_dot, v * columns(xp, w))
            moved = other if moved is None else moved + other
        if moved is None:
            return None
        inverse = xp.linalg.inv(xp.matmul(y, v))
        return pair_dot(xp, xp.matmul(inverse, moved), z, inverse)


_of_two: Any = operation(pencil_pairs_grad)


@implements(_linalg.eig, may_raise=True)
def eig(
    a: ArrayLike,
    b: ArrayLike | None = None,
    left: bool = False,
    right: bool = True,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    homogeneous_eigvals: bool = False,
) -> Any:
    """Return w, the left vectors and the right ones, with ``a v = b v diag(w)``.

    Vectors have length 1. The left ones are those of the inverse of ``b v``, with the
    phase that LAPACK gives them. See ``eig_grad``.

    >>> import chainrule as gd
    >>> from chainrule.scipy import linalg
    >>> a = np.array([[1.0, 2.0], [0.0, 3.0]])
    >>> gd.grad(lambda a: np.real(linalg.eigvals(a)[1]))(a)
    array([[0., 0.],
           [1., 1.]])
    """
    if homogeneous_eigvals:
        raise ArgumentError(
            "eig() on nodes does not support homogeneous_eigvals=True: numerator and "
            "denominator are determined up to a factor. Leave it away."
        )
    a = checked(a, check_finite=check_finite)
    square("eig", a)
    if b is None:
        w, v = ops.linalg.complex_eig(a)
        product = v
    else:
        b = checked(b, check_finite=check_finite)
        w, v = _of_two(a, b)
        product = ops.matmul(b, v)
    is_real = a.dtype.kind != "c" and (b is None or b.dtype.kind != "c")
    is_real = is_real and not matrices.any_imaginary(raw(w), "eig")
    found = [v] if right else []
    if left:
        u = adjoint(ops.linalg.inv(product))
        u = u / ops.linalg.vector_norm(u, axis=-2, keepdims=True)
        theirs = left_vectors(raw(a), None if b is None else raw(b))
        found.insert(0, u * _phases(u, theirs))
    found = [ops.real(x) for x in found] if is_real else found
    return (w, *found) if found else w


@opaque
def left_vectors(x: Value, y: Value | None) -> Any:
    """Return SciPy's left eigenvectors."""
    return _linalg.eig(x, y, left=True, right=False)[1]


def _phases(u: Array, theirs: Array) -> Any:
    """Return the numbers of size 1 that turn vectors to those of LAPACK.

    The entry that LAPACK made real stays real.
    """
    size = np.where(np.imag(theirs) == 0, np.abs(theirs), -1.0)
    at = np.expand_dims(np.argmax(size, axis=-2), -2)
    entry = _take_along_axis(u, at, axis=-2)
    sign = np.sign(_take_along_axis(theirs, at, axis=-2).real)
    return sign * ops.conj(entry) / ops.absolute(entry)


@implements(_linalg.eigvals, may_raise=True)
def eigvals(
    a: ArrayLike,
    b: ArrayLike | None = None,
    overwrite_a: bool = False,
    check_finite: bool = True,
    homogeneous_eigvals: bool = False,
) -> Any:
    """Return the eigenvalues that ``eig`` returns, complex."""
    return eig(
        a,
        b,
        right=False,
        check_finite=check_finite,
        homogeneous_eigvals=homogeneous_eigvals,
    )


# --------------------------------------------------------------------- singular values


@implements(_linalg.svd, may_raise=True)
def svd(
    a: ArrayLike,
    full_matrices: bool = True,
    compute_uv: bool = True,
    overwrite_a: bool = False,
    check_finite: bool = True,
    lapack_driver: str = "gesdd",
) -> Any:
    """Return u, s, vh with ``a = u diag(s) vh``, or s alone; see ``svd_grad``."""
    if lapack_driver != "gesdd" and compute_uv:
        raise ArgumentError(
            f"svd() on nodes does not support lapack_driver={lapack_driver!r}, which "
            "may choose other signs of the vectors. Leave it away."
        )
    a = checked(a, check_finite=check_finite)
    z: Any = matrices.svd(a, full_matrices=full_matrices, compute_uv=compute_uv)
    return tuple(z) if compute_uv else z


@implements(_linalg.svdvals, may_raise=True)
def svdvals(a: ArrayLike, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """Return the singular values of matrices; see ``svd_grad``."""
    return matrices.svdvals(checked(a, check_finite=check_finite))
