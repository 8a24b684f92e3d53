"""Rules of linear algebra: solve, inv, pinv, cholesky, qr.

The formulas are those of M. Giles, "Collected matrix derivative results for forward and
reverse mode algorithmic differentiation" (2008), extended to stacks and to complex
matrices; a docstring names its source where it is another. ``x.T`` exchanges the
last two axes and ``x.H`` conjugates as well. Cotangents pair with tangents as
``Re(sum(x_grad * x_dot))``, without a conjugate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.operations_grad.matrix_parts import (
    adjoint,
    as_read,
    as_read_grad,
    conjugate,
    lower_half,
    rows,
    swapped,
    upper_half,
)
from chainrule.rules import general
from chainrule.rules.cases import Cases, case, regular, spd
from chainrule.values.foreign import is_foreign, served_by
from chainrule.values.shapes import dtype_of, shape_of
from chainrule.values.types import Array, Namespace, Value
from chainrule.values.vertices import constant

_linalg: Any = np.linalg

# ------------------------------------------------------------------ systems, inverses


class solve_grad(general):
    """z = x^-1 y, the solution of x z = y

    As in NumPy 2, ``y`` is a vector only if it has one axis. Source: Giles 2008, 2.3.1.
    """

    forward = np.linalg.solve
    by_factors = "solve"
    signature = "(n,n),(n,m?)->(n,m?)"
    by_columns = may_raise = True
    cases: Cases = (
        case(regular(3, 3), (3,)),
        case(regular(3, 3), (3, 2)),
        case(regular(2, 3, 3), (2, 3, 2)),
        case(regular(2, 3, 3), (3,)),
        case(regular(3, 3), (4, 3, 1)),
        case(regular(2, 1, 2, 2), (3, 2, 2)),
        case(regular(1, 1), (1,)),
    )

    @staticmethod
    def pullback(
        xp: Namespace, z_grad: Value, z: Value, x: Value, y: Value
    ) -> tuple[Callable[[], Value], Value]:
        """y_grad = x.T^-1 z_grad; x_grad = -y_grad z.T"""
        vector = len(shape_of(y)) == 1
        if vector:
            z_grad, z = rows(xp, z_grad), rows(xp, z)
        y_grad = xp.linalg.solve(swapped(xp, x), z_grad)

        def x_grad() -> Value:
            return -xp.matmul(y_grad, swapped(xp, z))

        return x_grad, (y_grad[..., 0] if vector else y_grad)

    @staticmethod
    def pushforward(
        xp: Namespace, tangents: Sequence[Value | None], z: Value, x: Value, y: Value
    ) -> Value | None:
        """z_dot = x^-1 (y_dot - x_dot z)"""
        x_dot, y_dot = tangents
        vector = len(shape_of(y)) == 1
        if vector:
            z = rows(xp, z)
            y_dot = None if y_dot is None else rows(xp, y_dot)
        if x_dot is not None:
            moved = -xp.matmul(x_dot, z)
            y_dot = moved if y_dot is None else y_dot + moved
        if y_dot is None:
            return None
        z_dot = xp.linalg.solve(x, y_dot)
        return z_dot[..., 0] if vector else z_dot


class inv_grad(general):
    """z = x^-1

    Source: Giles 2008, 2.2.3.
    """

    forward = np.linalg.inv
    by_factors = "inv"
    signature = "(n,n)->(n,n)"
    may_raise = True
    cases: Cases = (case(regular(3, 3)), case(regular(2, 2, 2)), case(regular(1, 1)))

    @staticmethod
    def pullback(xp: Namespace, z_grad: Value, z: Value, x: Value) -> tuple[Value]:
        """x_grad = -z.T z_grad z.T"""
        z_t = swapped(xp, z)
        return (-xp.matmul(xp.matmul(z_t, z_grad), z_t),)

    @staticmethod
    def pushforward(
        xp: Namespace, tangents: Sequence[Value | None], z: Value, x: Value
    ) -> Value | None:
        """z_dot = -z x_dot z"""
        (x_dot,) = tangents
        return None if x_dot is None else -xp.matmul(xp.matmul(z, x_dot), z)


class pinv_grad(general):
    """z = pinv(x), the pseudo-inverse

    Valid where the rank does not change nearby: matrices of full rank. On a
    rank-deficient matrix it is the derivative along matrices of the same rank. A cutoff
    ``rcond`` that drops more than rounding errors is refused: what is left then has
    another derivative. Source: G. Golub and V. Pereyra, "The differentiation of
    pseudo-inverses and nonlinear least squares problems" (1973), eq. 4.12.
    """

    signature = "(m,n)->(n,m)"
    may_raise = True
    cases: Cases = (case((4, 2)), case((2, 4)), case(regular(3, 3)), case((2, 3, 2)))

    @staticmethod
    def forward(
        x: Value,
        *,
        rcond: float | None = None,
        rtol: float | None = None,
    ) -> Value:
        """Call NumPy's pinv where its cutoff only drops rounding errors."""
        cutoff = rtol if rcond is None else rcond
        if cutoff is None:
            return _linalg.pinv(x)
        noise = 10 * max(np.shape(x)[-2:]) * np.finfo(dtype_of(x)).eps
        lost = np.asarray(cutoff)[..., None] > noise
        if not is_foreign(x):  # whose singular values are not looked at
            s = _linalg.svd(x, compute_uv=False)
            top = np.max(s, axis=-1, keepdims=True, initial=0.0)
            lost = (s > noise * top) & (s <= np.asarray(cutoff)[..., None] * top)
        if np.any(lost):
            raise ArgumentError(
                f"pinv() on nodes was given the cutoff {cutoff!r}, which drops "
                "singular values that are no rounding errors. Use a smaller cutoff, or "
                "regularise: np.linalg.solve(x.T @ x + c * np.eye(n), x.T)."
            )
        return _linalg.pinv(x, rcond=cutoff)

    @staticmethod
    def pullback(
        xp: Namespace,
        z_grad: Value,
        z: Value,
        x: Value,
        *,
        rcond: float | None = None,
        rtol: float | None = None,
    ) -> tuple[Value]:
        """x_grad = ((z z.H).T g c.T + d.T g (z.H z).T).H - z.T g z.T, g = z_grad"""
        z_t, z_h = swapped(xp, z), adjoint(xp, z)
        c, d = _complements(xp, x, z)
        inner, outer = xp.matmul(z, z_h), xp.matmul(z_h, z)
        first = xp.matmul(xp.matmul(swapped(xp, inner), z_grad), swapped(xp, c))
        last = xp.matmul(swapped(xp, d), xp.matmul(z_grad, swapped(xp, outer)))
        direct = xp.matmul(xp.matmul(z_t, z_grad), z_t)
        return (adjoint(xp, first + last) - direct,)

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Value | None],
        z: Value,
        x: Value,
        *,
        rcond: float | None = None,
        rtol: float | None = None,
    ) -> Value | None:
        """z_dot = -z x_dot z + z z.H x_dot.H (1 - x z) + (1 - z x) x_dot.H z.H z"""
        (x_dot,) = tangents
        if x_dot is None:
            return None
        z_h, dot_h = adjoint(xp, z), adjoint(xp, x_dot)
        c, d = _complements(xp, x, z)
        first = xp.matmul(xp.matmul(xp.matmul(z, z_h), dot_h), c)
        last = xp.matmul(xp.matmul(d, dot_h), xp.matmul(z_h, z))
        return first + last - xp.matmul(xp.matmul(z, x_dot), z)


def _complements(xp: Namespace, x: Value, z: Value) -> tuple[Any, Any]:
    """Return 1 - x z and 1 - z x: the projections beside the two ranges."""
    m, n = shape_of(x)[-2:]
    dtype = dtype_of(x)
    return (
        constant(np.eye(m, dtype=dtype), x) - xp.matmul(x, z),
        constant(np.eye(n, dtype=dtype), x) - xp.matmul(z, x),
    )


# --------------------------------------------------------------------- decompositions


class cholesky_grad(general):
    """z = the lower triangular z with z z.H = x, or the upper one with z.H z = x

    NumPy reads one triangle of ``x``, so the derivative is on that triangle, where an
    entry off the diagonal stands for two. On symmetric changes of ``x`` this is the
    same as the symmetric gradient that other libraries give. Source: I. Murray,
    "Differentiation of the Cholesky decomposition" (2016), eq. 8 and 10.
    """

    signature = "(n,n)->(n,n)"
    by_factors = "cholesky"
    may_raise = True
    cases: Cases = (
        case(spd(3, 3)),
        case(spd(2, 2, 2)),
        case(spd(3, 3), upper=True),
        case(spd(1, 1)),
    )

    @staticmethod
    def forward(x: Value, *, upper: bool = False) -> Value:
        """Call NumPy's cholesky."""
        # Other libraries have no such parameter.
        function = served_by(_linalg.cholesky, x)
        return function(x, upper=True) if upper else function(x)

    @staticmethod
    def pullback(
        xp: Namespace, z_grad: Value, z: Value, x: Value, *, upper: bool = False
    ) -> tuple[Value]:
        """x_grad = z^-T half(z.T z_grad) conj(z)^-1, half: lower with half diagonal"""
        if upper:
            z, z_grad = adjoint(xp, z), adjoint(xp, z_grad)
        inverse = xp.linalg.inv(z)
        middle = lower_half(xp.matmul(swapped(xp, z), z_grad))
        left = xp.matmul(swapped(xp, inverse), middle)
        x_grad = xp.matmul(left, conjugate(xp, inverse))
        return (as_read_grad(xp, x_grad, upper=upper),)

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Value | None],
        z: Value,
        x: Value,
        *,
        upper: bool = False,
    ) -> Value | None:
        """z_dot = z half(z^-1 x_dot z^-H)"""
        (x_dot,) = tangents
        if x_dot is None:
            return None
        x_dot = as_read(xp, x_dot, upper=upper)
        z = adjoint(xp, z) if upper else z
        inverse = xp.linalg.inv(z)
        middle = xp.matmul(xp.matmul(inverse, x_dot), adjoint(xp, inverse))
        z_dot = xp.matmul(z, lower_half(middle))
        return adjoint(xp, z_dot) if upper else z_dot


class qr_grad(general):
    """q, r = qr(x), with x = q r, r upper triangular, x not wider than high

    Valid where the columns are independent; otherwise ``r`` has no inverse and NumPy
    raises LinAlgError. Source: S. Walter and L. Lehmann, "Algorithmic differentiation
    of linear algebra functions with application in optimum experimental design" (2010).
    """

    signature = "(m,n)->(m,k),(k,n)"
    may_raise = True
    outputs = 2
    cases: Cases = (case((3, 3)), case((4, 2)), case((2, 3, 2)), case((1, 1)))

    @staticmethod
    def forward(x: Value) -> Any:
        """Call NumPy's qr in its reduced mode."""
        return _linalg.qr(x)

    @staticmethod
    def pullback(
        xp: Namespace, z_grad: Sequence[Array | None], z: Sequence[Array], x: Value
    ) -> tuple[Value | None]:
        """x_grad = (q_grad + conj(q) (h + h.H)) r^-T

        with h the upper triangle of r_grad r.T - q.T q_grad, its diagonal halved.
        """
        (q_grad, r_grad), (q, r) = z_grad, z
        whole: Any = 0.0
        if r_grad is not None:
            whole = xp.matmul(r_grad, swapped(xp, r))
        if q_grad is not None:
            whole = whole - xp.matmul(swapped(xp, q), q_grad)
        half = upper_half(whole)
        left = xp.matmul(conjugate(xp, q), half + adjoint(xp, half))
        left = left if q_grad is None else left + q_grad
        return (xp.matmul(left, swapped(xp, xp.linalg.inv(r))),)

    @staticmethod
    def pushforward(
        xp: Namespace, tangents: Sequence[Value | None], z: Sequence[Array], x: Value
    ) -> tuple[Value | None, ...] | None:
        """r_dot = t r, q_dot = x_dot r^-1 - q t, t the triangle of q.H x_dot r^-1"""
        (x_dot,), (q, r) = tangents, z
        if x_dot is None:
            return None
        c = xp.matmul(x_dot, xp.linalg.inv(r))
        w = xp.matmul(adjoint(xp, q), c)
        t = upper_half(w) + adjoint(xp, lower_half(w))
        return c - xp.matmul(q, t), xp.matmul(t, r)
