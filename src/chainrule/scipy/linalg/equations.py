"""Linear and quadratic equations of matrices: Sylvester, Lyapunov, Riccati.

A cotangent of the solution solves the transposed linear equation. Source: G. Kao and
M. Hennequin, "Automatic differentiation of Sylvester, Lyapunov, and algebraic Riccati
equations" (2020). Cotangents pair with tangents as ``Re(sum(x_grad * x_dot))``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike

from chainrule.operations import namespace as ops
from chainrule.operations_grad.matrix_parts import adjoint, conjugate, swapped
from chainrule.rules import general
from chainrule.rules.cases import DOUBLE, Cases, Dtypes, case, regular, spd
from chainrule.rules.namespace import EXTRA, opaque, plain
from chainrule.scipy.linalg import inputs
from chainrule.scipy.linalg.inputs import checked
from chainrule.values.types import Namespace, Value
from chainrule.wrapping import implements, operation

_linalg: Any = scipy.linalg
_vectorize: Any = np.vectorize

# ------------------------------------------------------------- Sylvester and Lyapunov


@opaque
def sylvester(a: Value, b: Value, q: Value) -> Any:
    """Return z with ``a z + z b = q``; LinAlgError where LAPACK changes a and b."""
    a, b, q = np.asarray(a), np.asarray(b), np.asarray(q)
    if 0 in q.shape:
        return np.zeros(q.shape, np.result_type(a, b, q))
    if a.ndim == b.ndim == q.ndim == 2:
        return _sylvester(a, b, q)
    one_by_one = _vectorize(_sylvester, signature="(m,m),(n,n),(m,n)->(m,n)")
    return one_by_one(a, b, q)


def _sylvester(a: Value, b: Value, q: Value) -> Any:
    r, u = _linalg.schur(a)
    s, v = _linalg.schur(np.conj(b).T)
    f = np.conj(u).T @ q @ v
    z, scale, info = _linalg.get_lapack_funcs(("trsyl",), (r, s, f))[0](
        r, s, f, tranb="C"
    )
    if info:
        raise np.linalg.LinAlgError(
            "a z + z b = q has no unique solution: an eigenvalue of a is that of -b, "
            "as far as can be told."
        )
    return u @ (scale * z) @ np.conj(v).T


EXTRA["sylvester"] = sylvester


class sylvester_grad(general):
    """z solves a z + z b = q"""

    forward = sylvester
    signature = "(m,m),(n,n),(m,n)->(m,n)"
    may_raise = True
    cases: Cases = (
        case(regular(3, 3), regular(2, 2), (3, 2)),
        case(regular(2, 2, 2), regular(3, 3), (2, 2, 3)),
        case(regular(1, 1), regular(1, 1), (1, 1)),
    )

    @staticmethod
    def pullback(
        xp: Namespace, z_grad: Value, z: Value, a: Value, b: Value, q: Value
    ) -> tuple[Value, ...]:
        """q_grad solves a.T g + g b.T = z_grad; a_grad = -g z.T, b_grad = -z.T g"""
        g, z_t = xp.sylvester(swapped(xp, a), swapped(xp, b), z_grad), swapped(xp, z)
        return -xp.matmul(g, z_t), -xp.matmul(z_t, g), g

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Value | None],
        z: Value,
        a: Value,
        b: Value,
        q: Value,
    ) -> Value | None:
        """z_dot solves a z_dot + z_dot b = q_dot - a_dot z - z b_dot"""
        a_dot, b_dot, right = tangents
        if a_dot is not None:
            moved = -xp.matmul(a_dot, z)
            right = moved if right is None else right + moved
        if b_dot is not None:
            moved = -xp.matmul(z, b_dot)
            right = moved if right is None else right + moved
        return None if right is None else xp.sylvester(a, b, right)


_sylvester_of: Any = operation(sylvester_grad)


@implements(_linalg.solve_sylvester, may_raise=True)
def solve_sylvester(a: ArrayLike, b: ArrayLike, q: ArrayLike) -> Any:
    """Return z with ``a z + z b = q``, of shapes (m, m), (n, n) and (m, n)."""
    a, b, q = (checked(x, check_finite=False) for x in (a, b, q))
    return _sylvester_of(a, b, q)


@implements(_linalg.solve_continuous_lyapunov, may_raise=True)
def solve_continuous_lyapunov(a: ArrayLike, q: ArrayLike) -> Any:
    """Return z with ``a z + z a.H = q``."""
    a, q = (checked(x, check_finite=True) for x in (a, q))
    return _sylvester_of(a, inputs.adjoint(a), q)


@opaque
def discrete_lyapunov(a: Value, q: Value, *, method: str | None = None) -> Any:
    """Return SciPy's solution of z = a z a.H + q."""
    return _linalg.solve_discrete_lyapunov(a, q, method)


EXTRA["discrete_lyapunov"] = discrete_lyapunov


class discrete_lyapunov_grad(general):
    """z solves z = a z a.H + q"""

    forward = discrete_lyapunov
    signature = "(n,n),(n,n)->(n,n)"
    may_raise = True
    cases: Cases = (
        case(regular(3, 3), (3, 3)),
        case((2, 2, 2), (2, 2), method="bilinear"),
        case(regular(1, 1), (1, 1), method="direct"),
    )
    dtypes: Dtypes = DOUBLE

    @staticmethod
    def pullback(
        xp: Namespace,
        z_grad: Value,
        z: Value,
        a: Value,
        q: Value,
        *,
        method: str | None = None,
    ) -> tuple[Value, Value]:
        """q_grad solves g = a.T g conj(a) + z_grad

        a_grad = g (z a.H).T + conj(g.T a z).
        """
        g = xp.discrete_lyapunov(swapped(xp, a), z_grad, method=method)
        first = xp.matmul(g, swapped(xp, xp.matmul(z, adjoint(xp, a))))
        second = xp.matmul(swapped(xp, g), xp.matmul(a, z))
        return first + conjugate(xp, second), g

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Value | None],
        z: Value,
        a: Value,
        q: Value,
        *,
        method: str | None = None,
    ) -> Value | None:
        """z_dot solves z_dot = a z_dot a.H + q_dot + a_dot z a.H + a z a_dot.H"""
        a_dot, right = tangents
        if a_dot is not None:
            moved = xp.matmul(xp.matmul(a_dot, z), adjoint(xp, a))
            moved = moved + xp.matmul(xp.matmul(a, z), adjoint(xp, a_dot))
            right = moved if right is None else right + moved
        if right is None:
            return None
        return xp.discrete_lyapunov(a, right, method=method)


_discrete_lyapunov: Any = operation(discrete_lyapunov_grad)


@implements(_linalg.solve_discrete_lyapunov, may_raise=True)
def solve_discrete_lyapunov(
    a: ArrayLike, q: ArrayLike, method: str | None = None
) -> Any:
    """Return z with ``z = a z a.H + q``."""
    a, q = (checked(x, check_finite=False) for x in (a, q))
    return _discrete_lyapunov(a, q, method=method)


# ---------------------------------------------------------------------------- Riccati


@opaque
def riccati(
    a: Value, b: Value, q: Value, r: Value, s: Value, *, discrete: bool, balanced: bool
) -> Any:
    """Return SciPy's stabilising solution, for the Hermitian parts of q and r."""
    q, r = ((x + adjoint(plain, x)) / 2 for x in (q, r))
    solver = _linalg.solve_discrete_are if discrete else _linalg.solve_continuous_are
    return solver(a, b, q, r, None, s, balanced)


def _feedback(
    xp: Namespace, z: Value, operands: Sequence[Value], *, discrete: bool
) -> tuple[Value, Value]:
    """Return the gain k and the closed loop a - b k.

    k solves ``(r + b.H z b) k = b.H z a + s.H``, and ``r k = b.H z + s.H`` in
    continuous time.
    """
    a, b, _, r, s = operands
    moved = xp.matmul(adjoint(xp, b), z)
    if discrete:
        r, moved = r + xp.matmul(moved, b), xp.matmul(moved, a)
    k = xp.linalg.solve(r, moved + adjoint(xp, s))
    return k, a - xp.matmul(b, k)


class riccati_grad(general):
    """z solves a.H z + z a - (z b + s) r^-1 (b.H z + s.H) + q = 0, or in discrete time

    z = a.H z a - (a.H z b + s) (r + b.H z b)^-1 (b.H z a + s.H) + q. With the gain k
    and the closed loop ``c = a - b k`` the right sides are stationary in k, so that
    their change is ``n + n.H`` with ``n = z (a_dot - b_dot k) - s_dot k + (q_dot + k.H
    r_dot k) / 2``; in discrete time ``c.H z`` stands for the z in it. Of q and r the
    Hermitian parts act.
    """

    forward = riccati
    signature = "(n,n),(n,m),(n,n),(m,m),(n,m)->(n,n)"
    may_raise = True
    cases: Cases = (
        case(
            (3, 3),
            (3, 2),
            spd(3, 3),
            spd(2, 2),
            0.1 * np.ones((3, 2)),
            discrete=False,
            balanced=True,
        ),
        case(
            (2, 2),
            (2, 1),
            spd(2, 2),
            spd(1, 1),
            np.zeros((2, 1)),
            discrete=True,
            balanced=False,
        ),
    )
    dtypes: Dtypes = DOUBLE

    @staticmethod
    def pullback(
        xp: Namespace,
        z_grad: Value,
        z: Value,
        a: Value,
        b: Value,
        q: Value,
        r: Value,
        s: Value,
        *,
        discrete: bool,
        balanced: bool,
    ) -> tuple[Value, ...]:
        """The cotangents of n, by g + g.H with g the cotangent of its equation"""
        k, c = _feedback(xp, z, (a, b, q, r, s), discrete=discrete)
        if discrete:
            g = xp.discrete_lyapunov(conjugate(xp, c), z_grad)
            z = xp.matmul(adjoint(xp, c), z)
        else:
            g = -xp.sylvester(conjugate(xp, c), swapped(xp, c), z_grad)
        g = g + adjoint(xp, g)
        g_k = xp.matmul(g, swapped(xp, k))
        z_t = swapped(xp, z)
        r_grad = xp.matmul(conjugate(xp, k), g_k) / 2
        return xp.matmul(z_t, g), -xp.matmul(z_t, g_k), g / 2, r_grad, -g_k

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Value | None],
        z: Value,
        a: Value,
        b: Value,
        q: Value,
        r: Value,
        s: Value,
        *,
        discrete: bool,
        balanced: bool,
    ) -> Value | None:
        """c.H z_dot + z_dot c = -(n + n.H), or z_dot = c.H z_dot c + n + n.H"""
        if all(t is None for t in tangents):
            return None
        k, c = _feedback(xp, z, (a, b, q, r, s), discrete=discrete)
        a_dot, b_dot, q_dot, r_dot, s_dot = (0.0 if t is None else t for t in tangents)
        first = a_dot if tangents[1] is None else a_dot - xp.matmul(b_dot, k)
        n: Any = q_dot / 2
        if tangents[0] is not None or tangents[1] is not None:
            left = xp.matmul(adjoint(xp, c), z) if discrete else z
            n = n + xp.matmul(left, first)
        if tangents[3] is not None:
            n = n + xp.matmul(xp.matmul(adjoint(xp, k), r_dot), k) / 2
        if tangents[4] is not None:
            n = n - xp.matmul(s_dot, k)
        n = n + adjoint(xp, n)
        if discrete:
            return xp.discrete_lyapunov(adjoint(xp, c), n)
        return -xp.sylvester(adjoint(xp, c), c, n)


_riccati: Any = operation(riccati_grad)


@implements(_linalg.solve_continuous_are, may_raise=True)
def solve_continuous_are(
    a: ArrayLike,
    b: ArrayLike,
    q: ArrayLike,
    r: ArrayLike,
    e: ArrayLike | None = None,
    s: ArrayLike | None = None,
    balanced: bool = True,
) -> Any:
    """Return the stabilising z of the Riccati equation in continuous time.

    ``a.H z e + e.H z a - (e.H z b + s) r^-1 (b.H z e + s.H) + q = 0``; only the
    Hermitian parts of ``q`` and ``r`` act. See ``riccati_grad``.

    >>> import chainrule as gd
    >>> from chainrule.scipy import linalg
    >>> one = np.ones((1, 1))
    >>> gd.grad(lambda q: linalg.solve_continuous_are(0.0 * one, one, q, one)[0, 0])(
    ...     one
    ... )
    array([[0.5]])
    """
    return _solve_are(a, b, q, r, e, s, discrete=False, balanced=balanced)


@implements(_linalg.solve_discrete_are, may_raise=True)
def solve_discrete_are(
    a: ArrayLike,
    b: ArrayLike,
    q: ArrayLike,
    r: ArrayLike,
    e: ArrayLike | None = None,
    s: ArrayLike | None = None,
    balanced: bool = True,
) -> Any:
    """Return the stabilising z of the Riccati equation in discrete time.

    ``e.H z e = a.H z a - (a.H z b + s) (r + b.H z b)^-1 (b.H z a + s.H) + q``; only the
    Hermitian parts of ``q`` and ``r`` act. See ``riccati_grad``.
    """
    return _solve_are(a, b, q, r, e, s, discrete=True, balanced=balanced)


def _solve_are(
    a: ArrayLike,
    b: ArrayLike,
    q: ArrayLike,
    r: ArrayLike,
    e: ArrayLike | None,
    s: ArrayLike | None,
    *,
    discrete: bool,
    balanced: bool,
) -> Any:
    """Solve for e.H z e, with e^-1 a and e^-1 b in the place of a and b."""
    a, b, q, r = (checked(x, check_finite=True) for x in (a, b, q, r))
    s = np.zeros_like(b) if s is None else checked(s, check_finite=True)
    if e is None:
        return _riccati(a, b, q, r, s, discrete=discrete, balanced=balanced)
    e = checked(e, check_finite=True)
    a, b = ops.linalg.solve(e, a), ops.linalg.solve(e, b)
    z = _riccati(a, b, q, r, s, discrete=discrete, balanced=balanced)
    left = ops.linalg.solve(inputs.adjoint(e), z)
    return inputs.adjoint(ops.linalg.solve(inputs.adjoint(e), inputs.adjoint(left)))
