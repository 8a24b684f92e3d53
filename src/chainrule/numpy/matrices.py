"""Linear algebra composed of others: norms, svd, qr, lstsq, tensorsolve, ..."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from chainrule.errors import ArgumentError, CompileError, ShapeError
from chainrule.nodes.admission import plain_operand
from chainrule.nodes.node_class import node
from chainrule.numpy.products import moved_axis
from chainrule.operations import namespace as operations
from chainrule.values.foreign import is_foreign
from chainrule.values.shapes import normalize_axes, own_axes
from chainrule.values.types import Array, ArrayValue, Axis, Shape
from chainrule.values.vertices import (
    as_array,
    is_refused,
    is_stand_in,
    raw,
    surely_holds,
)
from chainrule.wrapping import implements

_take_along_axis: Any = np.take_along_axis
_tril: Any = np.tril
_NO_VALUE: Any = np._NoValue  # type: ignore[attr-defined]
_SVD_RESULT: Any = type(np.linalg.svd(np.eye(1)))

# ----------------------------------------------------------------------------- norms


@implements(np.linalg.norm)
def norm(
    x: ArrayLike,
    ord: float | str | None = None,
    axis: Axis = None,
    keepdims: bool = False,
) -> Any:
    """Return the norm of vectors or matrices.

    Where a norm is 0 its derivative is 0, the subgradient of least norm; see
    ``vector_norm_grad``. Absolute values, maxima and singular values keep their own
    conventions: in ties of the maximum the derivative is shared.
    """
    x = operations.asarray(x)
    plain_default = ord is None or (ord == 2 and x.ndim == 1)
    if axis is None and (plain_default or (ord in ("f", "fro") and x.ndim == 2)):
        return operations.linalg.vector_norm(x, keepdims=keepdims)
    given: Any = axis
    axes = normalize_axes(given if np.ndim(given) == 0 else tuple(given), x.ndim)
    if len(axes) == 1:
        return _vector_norm(x, 2 if ord is None else ord, axes, keepdims=keepdims)
    if len(axes) == 2:
        return _matrix_norm(x, "fro" if ord is None else ord, axes, keepdims=keepdims)
    raise ShapeError(
        f"norm() needs one or two axes with ord={ord!r}; received axis={axis!r} and "
        f"shape {x.shape}. Pass axis=, or use np.linalg.vector_norm."
    )


@implements(np.linalg.vector_norm, axes=("axis",))
def vector_norm(
    x: ArrayLike, /, *, axis: Axis = None, keepdims: bool = False, ord: float = 2
) -> Any:
    """Return the norm of vectors along any number of axes."""
    x = operations.asarray(x)
    return _vector_norm(x, ord, axis, keepdims=keepdims)


@implements(np.linalg.matrix_norm, signature="(m,n)->()")
def matrix_norm(
    x: ArrayLike, /, *, keepdims: bool = False, ord: float | str = "fro"
) -> Any:
    """Return the norm of matrices, the last two axes."""
    x = operations.asarray(x)
    return _matrix_norm(x, ord, (x.ndim - 2, x.ndim - 1), keepdims=keepdims)


def _vector_norm(x: Array, ord: float | str, axis: Axis, *, keepdims: bool) -> Any:
    if isinstance(ord, str):
        raise ArgumentError(
            f"ord={ord!r} is a norm of matrices; received one axis. For vectors pass a "
            "number or np.inf."
        )
    options: dict[str, Any] = {"axis": axis, "keepdims": keepdims}
    if ord == 0:
        return np.linalg.vector_norm(plain_operand(x), ord=0, **options)
    if math.isinf(ord):
        return _extreme(operations.absolute(x), own_axes(axis, x.ndim), ord, keepdims)
    return operations.linalg.vector_norm(x, ord=ord, **options)


def _extreme(x: Array, axes: Shape, ord: float, keepdims: bool) -> Array:
    """Return the largest entry along the axes, or the smallest where ``ord < 0``.

    The largest of no sizes is 0, as in NumPy; the smallest of none does not exist.
    """
    if ord < 0:
        return operations.min(x, axis=axes, keepdims=keepdims)
    empty = math.prod(x.shape[axis] for axis in axes) == 0
    options = {"initial": 0.0} if empty else {}
    return operations.max(x, axis=axes, keepdims=keepdims, **options)


def _matrix_norm(
    x: Array, ord: float | str | None, axes: tuple[int, int], *, keepdims: bool
) -> Array:
    row, column = axes
    if row == column:
        raise ShapeError(f"norm() needs two different axes; received {axes}.")
    if ord in ("f", "fro"):
        return operations.linalg.vector_norm(x, axis=axes, keepdims=keepdims)
    if ord in (1, -1, np.inf, -np.inf):
        summed, compared = (row, column) if abs(ord) == 1 else (column, row)
        sums = operations.sum(operations.absolute(x), axis=summed, keepdims=True)
        z = _extreme(sums, (compared,), ord, keepdims=True)
    elif ord in (2, -2, "nuc"):
        last = moved_axis(x, row, -1)
        s = svdvals(moved_axis(last, column - (column > row), -2))
        if ord == "nuc":
            z = operations.sum(s, axis=-1)
        else:
            z = _extreme(s, (s.ndim - 1,), ord, keepdims=False)
        z = operations.expand_dims(z, tuple(sorted(axes)))
    else:
        raise ArgumentError(
            f"norm() of matrices does not know ord={ord!r}; it knows 'fro', 'nuc', 1, "
            "-1, 2, -2, np.inf and -np.inf."
        )
    return z if keepdims else operations.squeeze(z, axis=tuple(axes))


@implements(np.linalg.cond, primitive=True, may_raise=True, signature="(m,n)->()")
def cond(x: ArrayLike, p: float | str | None = None) -> Any:
    """Return the condition number: the norm of x times that of its inverse."""
    x = operations.asarray(x)
    if p in (None, 2, -2):
        s = svdvals(x)
        first, last = s[..., 0], s[..., -1]
        return last / first if p == -2 else first / last
    axes = (x.ndim - 2, x.ndim - 1)
    inverse = operations.linalg.inv(x)
    return _matrix_norm(x, p, axes, keepdims=False) * _matrix_norm(
        inverse, p, axes, keepdims=False
    )


# -------------------------------------------------------------------- decompositions


def any_imaginary(z: Any, name: str) -> bool:
    """Tell whether a function of real numbers has complex values, and so a dtype.

    Raises
    ------
    CompileError
        In the body of a compiled map or loop, which cannot decide for each example.
    """
    try:
        return bool(np.any(z.imag))
    except CompileError as error:
        raise CompileError(
            f"{name} of real numbers is real or complex by its values, which compiled "
            "maps and loops cannot decide for each example. Give it complex numbers, "
            f"{name}(a + 0j), and take np.real(z) of what is real."
        ) from error


@implements(np.linalg.eig, primitive=True, signature="(n,n)->(n),(n,n)", may_raise=True)
def eig(a: ArrayLike) -> Any:
    """Return eigenvalues and eigenvectors, real where all are; see ``eig_grad``."""
    a = operations.asarray(a)
    z = operations.linalg.complex_eig(a)
    w: Any = raw(z[0])
    if a.dtype.kind == "c" or any_imaginary(w, "np.linalg.eig"):
        return z
    return type(z)(*map(operations.real, z))


@implements(np.linalg.eigvals, primitive=True, signature="(n,n)->(n)", may_raise=True)
def eigvals(a: ArrayLike) -> Any:
    """Return the eigenvalues of matrices, real where all are; see ``eig_grad``."""
    return eig(a)[0]


@implements(np.linalg.eigvalsh, primitive=True, signature="(n,n)->(n)", may_raise=True)
def eigvalsh(a: ArrayLike, UPLO: str = "L") -> Any:
    """Return the eigenvalues of Hermitian matrices; see ``eigh_grad``."""
    return operations.linalg.eigh(a, UPLO=UPLO)[0]


@implements(
    np.linalg.svd, primitive=True, signature="(m,n)->(m,k),(k),(k,n)", may_raise=True
)
def svd(
    a: ArrayLike,
    full_matrices: bool = True,
    compute_uv: bool = True,
    hermitian: bool = False,
) -> Any:
    """Return u, s, vh of the singular value decomposition; see ``svd_grad``.

    With ``full_matrices`` the vectors beyond the singular values complete a basis, in
    one way of many: a derivative that depends on them raises.
    """
    a = operations.asarray(a)
    if hermitian:
        return _hermitian_svd(a, compute_uv=compute_uv)
    if not compute_uv:
        return svdvals(a)
    z: Any = operations.linalg.reduced_svd(a)
    m, n = a.shape[-2:]
    if not full_matrices or m == n:
        return z
    whole: Any = np.linalg.svd(raw(a), full_matrices=True)
    left = _completed(a, z[0], whole[0], -1) if m > n else z[0]
    right = _completed(a, z[2], whole[2], -2) if m < n else z[2]
    return type(z)(left, z[1], right)


def _hermitian_svd(a: Array, *, compute_uv: bool) -> Any:
    """Return u, s, vh of Hermitian matrices, by their eigenvalues."""
    w, v = operations.linalg.eigh(a)
    s = operations.absolute(w)
    values: Any = plain_operand(s)
    order = np.argsort(values, axis=-1)[..., ::-1]
    s = _take_along_axis(s, order, axis=-1)
    if not compute_uv:
        return s
    order = np.expand_dims(order, -2)
    u = _take_along_axis(v, order, axis=-1)
    signs = _take_along_axis(np.sign(plain_operand(w))[..., None, :], order, axis=-1)
    return _SVD_RESULT(u, s, _adjoint(u * signs))


@implements(np.linalg.svdvals, primitive=True, signature="(m,n)->(k)", may_raise=True)
def svdvals(x: ArrayLike, /) -> Any:
    """Return the singular values; see ``svd_grad``."""
    return operations.linalg.reduced_svd(x)[1]


@implements(
    np.linalg.qr, primitive=True, signature="(m,n)->(m,k),(k,n)", may_raise=True
)
def qr(a: ArrayLike, mode: str = "reduced") -> Any:
    """Return q, r with a = q r; see ``qr_grad``. A wide matrix ends in q.H a.

    With ``mode="complete"`` the columns of q beyond those of a tall matrix complete a
    basis, in one way of many: a derivative that depends on them raises.
    """
    a = operations.asarray(a)
    m, n = a.shape[-2:]
    if mode not in ("reduced", "r", "complete"):
        raise ArgumentError(
            f"qr() on nodes does not support mode={mode!r}: it has a derivative in "
            "modes 'reduced', 'r' and 'complete'."
        )
    z: Any = operations.linalg.reduced_qr(a[..., :m] if m < n else a)
    if m < n:
        rest = operations.matmul(_adjoint(z[0]), a[..., m:])
        z = type(z)(z[0], operations.concatenate([z[1], rest], axis=-1))
    if mode == "complete" and m > n:
        whole: Any = np.linalg.qr(raw(a), mode)
        none = np.zeros((*a.shape[:-2], m - n, n), a.dtype)
        lower = operations.concatenate([z[1], none], axis=-2)
        z = type(z)(_completed(a, z[0], whole[0], -1), lower)
    return z[1] if mode == "r" else z


class UndeterminedVectors:
    """The derivative of vectors that complete a basis: there is none but 0."""

    first_order_only: str = (
        "Vectors that complete a basis are among the operands, which the matrix does "
        "not determine: beside them are first derivatives in reverse mode only. Write "
        "svd(a, full_matrices=False), np.linalg.qr(a) or scipy.linalg.qr(a, "
        "mode='economic')."
    )

    def __init__(self, a: node) -> None:
        """Keep the matrix."""
        self.vertices: list[node] = [a]

    def backward(self, z_grad: ArrayValue) -> None:
        """Raise, unless nothing depends on the vectors."""
        if is_refused(z_grad != 0):
            raise ArgumentError(
                "A derivative depends on vectors that complete a basis, which the "
                "matrix does not determine. Leave them out, u[:, :k], or write "
                "svd(a, full_matrices=False), np.linalg.qr(a) or scipy.linalg.qr(a, "
                "mode='economic')."
            )


def _completed(a: Array, z: Array, whole: Any, axis: int) -> Any:
    """Return vectors along an axis, followed by those that complete a basis."""
    k = z.shape[axis]
    rest: Any = whole[..., k:] if axis == -1 else whole[..., k:, :]
    if isinstance(a, node):
        rest = node(rest, grad_ops=UndeterminedVectors(a))
    return operations.concatenate([z, rest], axis=axis)


def _adjoint(x: Array) -> Array:
    x = operations.swapaxes(x, -1, -2)
    return operations.conj(x) if x.dtype.kind == "c" else x


# -------------------------------------------------------------------- linear systems


@implements(np.linalg.pinv, primitive=True, signature="(m,n)->(n,m)", may_raise=True)
def pinv(
    a: ArrayLike,
    rcond: ArrayLike | None = None,
    hermitian: bool = False,
    *,
    rtol: ArrayLike | None = _NO_VALUE,
) -> Any:
    """Return the pseudo-inverses of matrices; see ``pinv_grad``.

    Of Hermitian ones the lower triangle is read. They are locally constant in the
    cutoffs.
    """
    x, rcond, rtol = operations.asarray(a), plain_operand(rcond), plain_operand(rtol)
    if hermitian:
        half, eye = _tril(x, -1), np.eye(x.shape[-1], dtype=x.dtype)
        x = half + _adjoint(half) + operations.real(x) * eye
    if rtol is None:
        rtol = max(x.shape[-2:]) * float(np.finfo(x.dtype).eps)
    elif rtol is _NO_VALUE:
        rtol = None
    elif rcond is not None:
        raise ValueError("`rtol` and `rcond` can't be both set.")
    return operations.linalg.pinv(x, rcond=rcond, rtol=rtol)


@implements(np.linalg.lstsq, primitive=True, may_raise=True)
def lstsq(a: ArrayLike, b: ArrayLike, rcond: float | None = None) -> Any:
    """Return the least-squares solution, residuals, rank and singular values.

    The solution is ``pinv(a) @ b``; see ``pinv_grad``. The rank is a plain integer.
    """
    a, b = operations.asarray(a), operations.asarray(b)
    if a.ndim != 2 or b.ndim not in (1, 2):
        raise ShapeError(
            f"lstsq() needs a matrix and a vector or matrix; received shapes {a.shape} "
            f"and {b.shape}. Loop over a stack."
        )
    m, n = a.shape
    s = svdvals(a)
    largest = np.finfo(as_array(plain_operand(s)).dtype).eps * max(m, n)
    cutoff = largest if rcond is None else max(rcond, largest)
    values = plain_operand(s)
    rank = np.sum(values > cutoff * (np.max(values) if values.size else 0.0))
    unknown = is_stand_in(rank) or is_foreign(rank)
    rank = rank if unknown else int(rank)
    x = operations.matmul(operations.linalg.pinv(a, rcond=cutoff), b)
    if m <= n or surely_holds(rank < n):
        return x, np.empty(0, x.dtype), rank, s
    rest = operations.absolute(b - operations.matmul(a, x))
    residuals = operations.sum(rest * rest, axis=0, keepdims=b.ndim == 1)
    if unknown:  # NumPy returns none where the rank is lower
        residuals = operations.where(rank < n, np.nan, residuals)
    return x, residuals, rank, s


@implements(np.linalg.tensorsolve, may_raise=True)
def tensorsolve(a: ArrayLike, b: ArrayLike, axes: Sequence[int] | None = None) -> Any:
    """Return x with tensordot(a, x, x.ndim) = b."""
    a, b = operations.asarray(a), operations.asarray(b)
    if axes is not None:
        last = [axis % a.ndim for axis in axes]
        first = [axis for axis in range(a.ndim) if axis not in last]
        a = operations.transpose(a, (*first, *last))
    shape = a.shape[b.ndim :]
    count = math.prod(shape)
    matrix = operations.reshape(a, (b.size, count))
    return operations.reshape(
        operations.linalg.solve(matrix, operations.reshape(b, (-1,))), shape
    )


@implements(np.linalg.tensorinv, may_raise=True)
def tensorinv(a: ArrayLike, ind: int = 2) -> Any:
    """Return the inverse of ``a`` as a map from its last axes to its first ``ind``."""
    a = operations.asarray(a)
    if ind <= 0:
        raise ArgumentError(f"tensorinv needs ind > 0; received {ind}.")
    first, last = a.shape[:ind], a.shape[ind:]
    matrix = operations.reshape(a, (math.prod(first), math.prod(last)))
    return operations.reshape(operations.linalg.inv(matrix), (*last, *first))
