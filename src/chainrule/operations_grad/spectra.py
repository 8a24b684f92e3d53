"""Rules of eigenvalues and singular values: eigh and svd, right or nan at ties.

The formulas divide by the gaps between values. Two values whose gap is a rounding error
of the largest one are a tie: their vectors are any basis of one space, and a quotient
by their gap would be noise. There a term is 0 where nothing depends on the choice of
the basis, and nan where something does. Second derivatives of what depends on the
values alone turn the basis of a tie to where the tangent moves it
(``weighted_projectors_grad``, ``weighted_dyads_grad``).

Conventions and sources as in ``chainrule.operations_grad.linalg``. With p = u.H x_dot v
the turn of the vectors takes ``(p + p.H) / 2`` over differences of singular values and
``(p - p.H) / 2`` over their sums, which never squares a value.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.operations_grad.linalg import (
    adjoint,
    as_read,
    as_read_grad,
    columns,
    conjugate,
    diagonal_of,
    rows,
    swapped,
)
from chainrule.operations_grad.partials import chosen
from chainrule.rules import declare, general
from chainrule.rules.cases import REAL, Cases, Dtypes, case, positive, symmetric
from chainrule.rules.namespace import EXTRA, plain
from chainrule.values.shapes import dtype_of, is_complex, shape_of
from chainrule.values.types import Array, Axis, Namespace, Value
from chainrule.values.vertices import first_stand_in, raw

_linalg: Any = np.linalg
_split: Any = np.split

# ------------------------------------------------------------------------------- ties


def rounding(x: Value) -> float:
    """Return what is a rounding error beside the largest entry of such an array."""
    return 10.0 * max(shape_of(x)[-1], 1) * float(np.finfo(dtype_of(x)).eps)


def largest(x: Value, axes: Axis) -> NDArray[Any]:
    """Return the largest magnitude along axes, kept as axes of length one."""
    return np.max(np.abs(x), axis=axes, keepdims=True, initial=0.0)


def ties(w: Value, *, sums: bool = False) -> NDArray[Any]:
    """Return which pairs of values differ (or add up) to a rounding error only."""
    w = raw(w)
    other = columns(plain, w)
    gaps = rows(plain, w) + other if sums else rows(plain, w) - other
    return np.abs(gaps) <= rounding(w) * largest(other, -1)


def is_small(x: Value, beside: Value) -> NDArray[Any]:
    """Return which entries of matrices are rounding errors beside the largest one."""
    return np.abs(raw(x)) <= rounding(raw(beside)) * largest(raw(beside), (-2, -1))


def over(xp: Namespace, x: Value, gaps: Value, tied: Any, at_ties: Value) -> Value:
    """Return ``x / gaps``, at ties what is given: 0 or nan, with the derivative nan."""
    quotient = x / xp.where(tied, 1.0, gaps)
    value = xp.where(tied, xp.astype(at_ties, dtype_of(x)) + 0.0 * x, quotient)
    return chosen(xp, value, tied)


def zero_or_nan(quiet: Value) -> NDArray[Any]:
    """Return 0 where a term vanishes by itself, nan elsewhere."""
    return np.where(quiet, 0.0, np.nan)


def differences(xp: Namespace, w: Value) -> Value:
    """Return w[j] - w[i] as matrices."""
    return columns(xp, w) - rows(xp, w)


def beside_diagonal(n: int) -> NDArray[Any]:
    """Return where a matrix is not on its diagonal."""
    return ~np.eye(n, dtype=bool)


# ----------------------------------------------------------------- turning tied blocks


def rotation(w: NDArray[Any], m: NDArray[Any]) -> NDArray[Any]:
    """Return unitary matrices that diagonalise the tied blocks of Hermitian ones.

    ``w`` are values in ascending order; a block that is diagonal already stays.
    """
    trace = first_stand_in(w, m)
    if trace is not None:
        return trace.whole(stacked_rotation, (w, m), {})
    return stacked_rotation(w, m)


def stacked_rotation(w: NDArray[Any], m: NDArray[Any]) -> NDArray[Any]:
    """Turn the tied blocks of a stack of matrices: ``rotation`` of plain values."""
    w, m = _aligned(w, m)
    q = _identities(m)
    for index, block in _tied_blocks(w, m):
        q[index][block] = np.linalg.eigh(m[index][block])[1]
    return q


declare(stacked_rotation, signature="(n),(n,n)->(n,n)", may_raise=True)


def rotations(s: NDArray[Any], p: NDArray[Any]) -> tuple[Any, Any]:
    """Return unitary matrices for the left and the right of the tied blocks of ``p``.

    ``s`` are singular values in descending order. The block of those that are 0 has a
    singular value decomposition of its own; others turn with their Hermitian part.
    """
    trace = first_stand_in(s, p)
    both = (
        stacked_rotations(s, p)
        if trace is None
        else trace.whole(stacked_rotations, (s, p), {})
    )
    return both[..., 0, :, :], both[..., 1, :, :]


def stacked_rotations(s: NDArray[Any], p: NDArray[Any]) -> NDArray[Any]:
    """Return ``rotations`` of plain matrices as one array of shape (..., 2, n, n)."""
    s, p = _aligned(s, p)
    q = np.stack([_identities(p), _identities(p)])
    for index, block in _tied_blocks(-s, p):
        part = p[index][block]
        if s[index][block[1][0, -1]] <= rounding(s) * np.max(s[index]):
            u, _, vh = np.linalg.svd(part)
            q[(0, *index)][block], q[(1, *index)][block] = u, vh.conj().T
        else:
            turned = np.linalg.eigh((part + part.conj().T) / 2)[1]
            q[(0, *index)][block] = q[(1, *index)][block] = turned
    return np.moveaxis(q, 0, -3)


declare(stacked_rotations, signature="(k),(m,n)->(2,m,n)", may_raise=True)


def _aligned(w: NDArray[Any], m: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return values and matrices with the same leading axes."""
    lead = np.broadcast_shapes(w.shape[:-1], m.shape[:-2])
    w = np.broadcast_to(w, (*lead, w.shape[-1]))
    return w, np.broadcast_to(m, (*lead, *m.shape[-2:]))


def _identities(m: NDArray[Any]) -> NDArray[Any]:
    return np.array(np.broadcast_to(np.eye(m.shape[-1], dtype=m.dtype), m.shape))


def _tied_blocks(w: NDArray[Any], m: NDArray[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield the indices of tied blocks in which ``m`` is finite and not diagonal."""
    close: Any = np.diff(w) <= rounding(w) * largest(w, -1)
    noise = rounding(m) * largest(m, (-2, -1))[..., 0, 0]
    for index in map(tuple, np.argwhere(close.any(-1)).tolist()):
        ends: Any = np.flatnonzero(~close[index]) + 1
        for run in _split(np.arange(w.shape[-1]), ends):
            block: Any = np.ix_(run, run)
            part = m[index][block]
            beside = np.abs(part - np.diag(np.diag(part)))
            if np.isfinite(part).all() and np.any(beside > noise[index]):
                yield index, block


# ------------------------------------------------------------------------- eigenvalues


class eigh_grad(general):
    """w, v = eigh(x), with x v = v diag(w), x Hermitian

    NumPy reads one triangle, so the derivative is on that triangle. The eigenvalues
    have a derivative where they are distinct; symmetric functions of repeated ones do
    too, and get it, also the second one. The eigenvectors of a repeated eigenvalue have
    none: what depends on the choice of them becomes nan. What does not, such as a
    function of the projector on their space, has the derivative 0 in them, as long as
    it does not use the eigenvalues as well. Of complex eigenvectors only functions that
    do not depend on their phases have a derivative. Source: Giles 2008, 3.1.
    """

    signature = "(n,n)->(n),(n,n)"
    may_raise = True
    outputs = 2
    cases: Cases = (
        case(symmetric(3, 3)),
        case(symmetric(2, 2, 2)),
        case(symmetric(3, 3), UPLO="U"),
        case(symmetric(1, 1)),
    )
    dtypes: Dtypes = REAL
    untested = "complex eigenvectors: LAPACK chooses their phases"

    @staticmethod
    def forward(x: Value, *, UPLO: str = "L") -> Any:
        """Call NumPy's eigh."""
        return _linalg.eigh(x, UPLO=UPLO)

    @staticmethod
    def pullback(
        xp: Namespace,
        z_grad: Sequence[Array | None],
        z: Sequence[Array],
        x: Value,
        *,
        UPLO: str = "L",
    ) -> tuple[Value | None]:
        """x_grad = conj(v) (diag(w_grad) + f * (m - m.H) / 2) v.T, m = v.T v_grad

        with f = 1 / (w_j - w_i).
        """
        (w_grad, v_grad), (w, v) = z_grad, z
        v_c, v_t = conjugate(xp, v), swapped(xp, v)
        x_grad: Any = 0.0
        if w_grad is not None and xp.recorded:
            projectors = xp.weighted_projectors(x, w_grad, UPLO=UPLO)
            x_grad = conjugate(xp, projectors)
        elif w_grad is not None:
            x_grad = xp.matmul(v_c * columns(xp, w_grad), v_t)
        if v_grad is not None:
            m = xp.matmul(v_t, v_grad)
            skew = (m - adjoint(xp, m)) / 2
            quiet = is_small(skew, m) if w_grad is None else False
            turned = _turn(xp, skew, w, quiet)
            x_grad = x_grad + xp.matmul(xp.matmul(v_c, turned), v_t)
        return (as_read_grad(xp, x_grad, upper=UPLO in ("U", "u")),)

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Value | None],
        z: Sequence[Array],
        x: Value,
        *,
        UPLO: str = "L",
    ) -> tuple[Value | None, ...] | None:
        """w_dot = diag(m), v_dot = v (f * m), m = v.H x_dot v, f = 1 / (w_j - w_i)

        In a tie w_dot are the eigenvalues of the block of m, the rates at which the
        values part.
        """
        (x_dot,), (w, v) = tangents, z
        if x_dot is None:
            return None
        x_dot = as_read(xp, x_dot, upper=UPLO in ("U", "u"))
        m = xp.matmul(adjoint(xp, v), xp.matmul(x_dot, v))
        q = rotation(raw(w), raw(m))
        w_dot = diagonal_of(xp, xp.matmul(adjoint(plain, q), xp.matmul(m, q)))
        w_dot = chosen(xp, xp.real(w_dot) if is_complex(m) else w_dot, _tied(w))
        return w_dot, xp.matmul(v, _turn(xp, m, w, is_small(m, m)))


def _tied(w: Value) -> NDArray[Any]:
    """Return which values are tied to another one."""
    n = shape_of(w)[-1]
    return np.any(ties(w) & beside_diagonal(n), axis=-1)


def _turn(xp: Namespace, m: Value, w: Value, quiet: Value) -> Value:
    """Return m / (w_j - w_i) and 0 on the diagonal; at ties 0 where quiet, else nan."""
    beside = beside_diagonal(shape_of(w)[-1])
    tied = ties(w) & beside
    gaps = xp.where(beside, differences(xp, w), np.inf)
    return over(xp, m, gaps, tied, zero_or_nan(quiet))


def weighted_projectors(x: Value, g: Value, *, UPLO: str = "L") -> Value:
    """Return v diag(g) v.H for the eigenvectors v of Hermitian matrices."""
    v = _linalg.eigh(x, UPLO=UPLO)[1]
    return np.matmul(v * columns(plain, g), adjoint(plain, v))


EXTRA["weighted_projectors"] = weighted_projectors


class weighted_projectors_grad(general):
    """z = v diag(g) v.H, with v the eigenvectors of x, a Hermitian matrix

    The cotangent of x where ``g`` is that of its eigenvalues. Its derivative takes the
    divided differences (g_j - g_i) / (w_j - w_i). In a tie ``g`` must be equal too, as
    it is for symmetric functions; the forward sweep then turns the basis of the tie to
    diagonalise the tangent, so that the undetermined difference is not needed.
    """

    forward = weighted_projectors
    cases: Cases = (
        case(symmetric(3, 3), (3,)),
        case(symmetric(2, 2, 2), (2, 2), UPLO="U"),
        case(symmetric(1, 1), (1,)),
    )
    dtypes: Dtypes = REAL

    @staticmethod
    def pullback(
        xp: Namespace, z_grad: Value, z: Value, x: Value, g: Value, *, UPLO: str = "L"
    ) -> tuple[Value, Value]:
        """g_grad = diag(v.H conj(z_grad) v), x_grad by divided differences"""
        w, v = xp.linalg.eigh(x, UPLO=UPLO)
        v_h = adjoint(xp, v)
        h = (z_grad + adjoint(xp, z_grad)) / 2
        m = xp.matmul(v_h, xp.matmul(conjugate(xp, h), v))
        g_grad = diagonal_of(xp, xp.real(m) if is_complex(m) else m)
        moved = xp.matmul(v, xp.matmul(_divided(xp, m, w, g), v_h))
        upper = UPLO in ("U", "u")
        return as_read_grad(xp, conjugate(xp, moved), upper=upper), g_grad

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Value | None],
        z: Value,
        x: Value,
        g: Value,
        *,
        UPLO: str = "L",
    ) -> Value | None:
        """z_dot = v (diag(g_dot) + d * (v.H x_dot v)) v.H, d divided differences"""
        x_dot, g_dot = tangents
        w, v = xp.linalg.eigh(x, UPLO=UPLO)
        middle: Any = 0.0
        if x_dot is not None:
            x_dot = as_read(xp, x_dot, upper=UPLO in ("U", "u"))
            m = xp.matmul(adjoint(xp, v), xp.matmul(x_dot, v))
            q = rotation(raw(w), raw(m))
            v = xp.matmul(v, q)
            m = xp.matmul(adjoint(plain, q), xp.matmul(m, q))
            middle = _divided(xp, m, w, g)
        if g_dot is not None:
            eye = np.eye(shape_of(w)[-1], dtype=dtype_of(w))
            middle = middle + columns(xp, g_dot) * eye
        return xp.matmul(v, xp.matmul(middle, adjoint(xp, v)))


def _alike(g: Value) -> Value:
    """Return which pairs of weights are equal as far as rounded ties can be."""
    g = raw(g)
    difference = np.abs(differences(plain, g))
    tolerance = float(np.sqrt(np.finfo(dtype_of(g)).eps))
    return difference <= tolerance * largest(columns(plain, g), -1)


def _divided(xp: Namespace, m: Value, w: Value, g: Value) -> Value:
    """Return m (g_j - g_i) / (w_j - w_i), 0 on the diagonal."""
    quiet = is_small(m, m) & _alike(g)
    return _turn(xp, m * differences(xp, g), w, quiet)


# --------------------------------------------------------------------- singular values


class svd_grad(general):
    """u, s, vh = svd(x), with x = u diag(s) vh, u and vh without their null spaces

    Singular values have a derivative where they are distinct and positive; symmetric
    functions of repeated ones get it too, also the second one. Singular vectors of a
    repeated or vanishing singular value have none: what depends on the choice of them
    becomes nan. What does not, such as a function of the projector on their space, has
    the derivative 0 in them, as long as it does not use the singular values as well. Of
    complex singular vectors only functions that do not depend on their phases have a
    derivative. Source: J. Townsend, "Differentiating the singular value decomposition"
    (2016); Giles 2008, 3.2.
    """

    signature = "(m,n)->(m,k),(k),(k,n)"
    may_raise = True
    outputs = 3
    cases: Cases = (
        case((3, 3)),
        case((4, 2)),
        case((2, 4)),
        case((2, 3, 2)),
        case((1, 1)),
    )
    dtypes: Dtypes = REAL
    untested = "complex singular vectors: LAPACK chooses their phases"

    @staticmethod
    def forward(x: Value) -> Any:
        """Call NumPy's svd for the vectors of the singular values alone."""
        return _linalg.svd(x, full_matrices=False)

    @staticmethod
    def pullback(
        xp: Namespace, z_grad: Sequence[Array | None], z: Sequence[Array], x: Value
    ) -> tuple[Value | None]:
        """x_grad = conj(u) (diag(s_grad) + middle) conj(vh) + what leaves the spaces

        middle = (a + b) / 2 / (s_j - s_i) + (a - b) / 2 / (s_j + s_i), with a and b the
        parts (m - m.H) / 2 of u.T u_grad and v.T v_grad.
        """
        (u_grad, s_grad, vh_grad), (u, s, vh) = z_grad, z
        x_grad: Any = 0.0
        if s_grad is not None and xp.recorded:
            x_grad = conjugate(xp, xp.weighted_dyads(x, s_grad))
        elif s_grad is not None:
            scaled = conjugate(xp, u) * columns(xp, s_grad)
            x_grad = xp.matmul(scaled, conjugate(xp, vh))
        if u_grad is not None or vh_grad is not None:
            given = (u_grad, vh_grad, s_grad is None)
            x_grad = x_grad + _vectors_pulled(xp, given, u, s, vh)
        return (x_grad,)

    @staticmethod
    def pushforward(
        xp: Namespace, tangents: Sequence[Value | None], z: Sequence[Array], x: Value
    ) -> tuple[Value | None, ...] | None:
        """s_dot = real(diag(p)), p = u.H x_dot v; u and v turn by a + b and a - b

        with a = (p + p.H) / 2 / (s_j - s_i), b = (p - p.H) / 2 / (s_j + s_i).
        """
        (x_dot,), (u, s, vh) = tangents, z
        if x_dot is None:
            return None
        v = adjoint(xp, vh)
        p = xp.matmul(xp.matmul(adjoint(xp, u), x_dot), v)
        q = rotations(raw(s), raw(p))
        turned = xp.matmul(adjoint(plain, q[0]), xp.matmul(p, q[1]))
        s_dot = diagonal_of(xp, xp.real(turned) if is_complex(p) else turned)
        s_dot = chosen(xp, s_dot, _tied(s))
        a, b = _halves(xp, p, s)
        u_dot, v_dot = xp.matmul(u, a + b), xp.matmul(v, a - b)
        if shape_of(u)[-2] > shape_of(s)[-1]:
            moved = xp.matmul(x_dot, v) - xp.matmul(u, p)
            u_dot = u_dot + _over_values(xp, moved, s, quiet=True)
        if shape_of(vh)[-1] > shape_of(s)[-1]:
            moved = xp.matmul(adjoint(xp, x_dot), u)
            moved = moved - xp.matmul(v, adjoint(xp, p))
            v_dot = v_dot + _over_values(xp, moved, s, quiet=True)
        return u_dot, s_dot, adjoint(xp, v_dot)


def _halves(xp: Namespace, p: Value, s: Value) -> tuple[Any, Any]:
    """Return how the vectors turn together, and against each other."""
    p_h = adjoint(xp, p)
    a, b = (p + p_h) / 2, (p - p_h) / 2
    return _turn(xp, a, s, is_small(a, p)), _over_sums(xp, b, s, is_small(b, p))


def _over_sums(xp: Namespace, b: Value, s: Value, quiet: Value) -> Value:
    """Return b / (s_j + s_i); where both are 0, 0 where quiet and else nan."""
    sums = columns(xp, s) + rows(xp, s)
    return over(xp, b, sums, ties(s, sums=True), zero_or_nan(quiet))


def _over_values(xp: Namespace, x: Value, s: Value, *, quiet: bool) -> Value:
    """Return x[:, j] / s[j]; where that is 0, 0 if x is so and quiet, else nan."""
    values = columns(plain, raw(s))
    zero = values <= rounding(raw(s)) * largest(values, -1)
    silent = is_small(x, x) if quiet else False
    return over(xp, x, columns(xp, s), zero, zero_or_nan(silent))


def _vectors_pulled(xp: Namespace, given: Any, u: Value, s: Value, vh: Value) -> Value:
    """Return the cotangent of x from those of the singular vectors."""
    u_grad, vh_grad, alone = given
    u_c, v_t, outside = conjugate(xp, u), conjugate(xp, vh), 0.0
    inner: list[Any] = [None, None]
    if u_grad is not None:
        inner[0] = xp.matmul(swapped(xp, u), u_grad)
        if shape_of(u)[-2] > shape_of(s)[-1]:
            beside = u_grad - xp.matmul(u_c, inner[0])
            outside = xp.matmul(_over_values(xp, beside, s, quiet=alone), v_t)
    if vh_grad is not None:
        v_grad = adjoint(xp, vh_grad)
        inner[1] = xp.matmul(v_t, v_grad)
        if shape_of(vh)[-1] > shape_of(s)[-1]:
            beside = v_grad - xp.matmul(swapped(xp, vh), inner[1])
            beside = _over_values(xp, beside, s, quiet=alone)
            outside = outside + adjoint(xp, xp.matmul(beside, swapped(xp, u)))
    middle = _middle(xp, inner, s, alone=alone)
    return xp.matmul(xp.matmul(u_c, middle), v_t) + outside


def _middle(xp: Namespace, inner: Sequence[Any], s: Value, *, alone: bool) -> Value:
    """Return the middle of ``svd_grad.pullback`` from u.T u_grad and v.T v_grad."""
    a, b = (0.0 if m is None else (m - adjoint(xp, m)) / 2 for m in inner)
    size = sum(largest(raw(m), (-2, -1)) for m in inner if m is not None)
    together, against = (a + b) / 2, (a - b) / 2
    quiet = [
        np.abs(raw(m)) <= rounding(raw(m)) * size if alone else False
        for m in (together, against)
    ]
    turned = _turn(xp, 2 * together, s, quiet[0])
    return turned + _over_sums(xp, 2 * against, s, quiet[1])


def weighted_dyads(x: Value, g: Value) -> Value:
    """Return u diag(g) vh for the singular vectors of matrices."""
    u, _, vh = _linalg.svd(x, full_matrices=False)
    return np.matmul(u * columns(plain, g), vh)


EXTRA["weighted_dyads"] = weighted_dyads
EXTRA["reduced_svd"] = svd_grad.forward


class weighted_dyads_grad(general):
    """z = u diag(g) vh, with u and vh the singular vectors of x

    The cotangent of x where ``g`` is that of its singular values; see
    ``weighted_projectors_grad``. Where a singular value is 0, ``g`` must be so.
    """

    forward = weighted_dyads
    cases: Cases = (
        case((3, 3), (3,)),
        case((4, 2), positive(2)),
        case((2, 4), positive(2)),
        case((2, 3, 2), (2, 2)),
    )
    dtypes: Dtypes = REAL

    @staticmethod
    def pullback(
        xp: Namespace, z_grad: Value, z: Value, x: Value, g: Value
    ) -> tuple[Value, Value]:
        """g_grad = diag(p), x_grad as z_dot, of the conjugate cotangent"""
        u, s, vh = xp.reduced_svd(x)
        v, moved = adjoint(xp, vh), conjugate(xp, z_grad)
        p = xp.matmul(adjoint(xp, u), xp.matmul(moved, v))
        g_grad = diagonal_of(xp, xp.real(p) if is_complex(p) else p)
        x_grad = _dyads_moved(xp, moved, p, (u, s, v), g)
        return conjugate(xp, x_grad), g_grad

    @staticmethod
    def pushforward(
        xp: Namespace, tangents: Sequence[Value | None], z: Value, x: Value, g: Value
    ) -> Value | None:
        """z_dot = u (diag(g_dot) + middle) vh + what leaves the spaces

        middle = a (g_j - g_i) / (s_j - s_i) + b (g_j + g_i) / (s_j + s_i) with a and b
        the halves (p + p.H) / 2 and (p - p.H) / 2 of p = u.H x_dot v.
        """
        x_dot, g_dot = tangents
        u, s, vh = xp.reduced_svd(x)
        v = adjoint(xp, vh)
        z_dot: Any = 0.0
        if x_dot is not None:
            p = xp.matmul(adjoint(xp, u), xp.matmul(x_dot, v))
            q = rotations(raw(s), raw(p))
            u, v = xp.matmul(u, q[0]), xp.matmul(v, q[1])
            p = xp.matmul(adjoint(plain, q[0]), xp.matmul(p, q[1]))
            z_dot = _dyads_moved(xp, x_dot, p, (u, s, v), g)
        if g_dot is not None:
            z_dot = z_dot + xp.matmul(u * columns(xp, g_dot), adjoint(xp, v))
        return z_dot


def _dyads_moved(
    xp: Namespace, moved: Value, p: Value, parts: Sequence[Value], g: Value
) -> Value:
    """Return the derivative of u diag(g) v.H along ``moved``, g held constant."""
    u, s, v = parts
    p_h = adjoint(xp, p)
    a, b = (p + p_h) / 2, (p - p_h) / 2
    # A weight at a vanishing singular value is a kink: there is no second derivative.
    values, weights = raw(s), raw(g)
    zero = values <= rounding(values) * largest(values, -1)
    kink = zero & (np.abs(weights) > np.sqrt(rounding(values)) * largest(weights, -1))
    quiet = is_small(a, p) & _alike(g)
    middle = _turn(xp, a * differences(xp, g), s, quiet)
    sums = columns(xp, g) + rows(xp, g)
    middle = middle + _over_sums(xp, b * sums, s, is_small(b, p))
    middle = middle + columns(plain, zero_or_nan(~kink))
    z_dot = xp.matmul(u, xp.matmul(middle, adjoint(xp, v)))
    weighted = columns(xp, g)
    if shape_of(u)[-2] > shape_of(s)[-1]:
        outside = weighted * (xp.matmul(moved, v) - xp.matmul(u, p))
        outside = _over_values(xp, outside, s, quiet=False)
        z_dot = z_dot + xp.matmul(outside, adjoint(xp, v))
    if shape_of(v)[-2] > shape_of(s)[-1]:
        outside = xp.matmul(adjoint(xp, moved), u) - xp.matmul(v, p_h)
        outside = _over_values(xp, weighted * outside, s, quiet=False)
        z_dot = z_dot + xp.matmul(u, adjoint(xp, outside))
    return z_dot
