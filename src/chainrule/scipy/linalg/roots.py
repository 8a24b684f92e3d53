"""The square root and the sign of matrices, whose derivatives solve equations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike

from chainrule.operations_grad.matrix_parts import swapped
from chainrule.rules import general
from chainrule.rules.cases import Cases, case, regular, spd
from chainrule.rules.namespace import opaque
from chainrule.scipy.linalg.functions import as_known, is_real, refuse_estimate
from chainrule.scipy.linalg.inputs import checked, square
from chainrule.values.types import Namespace, Value
from chainrule.wrapping import implements, operation

_linalg: Any = scipy.linalg


@opaque
def matrix_sqrt(x: Value, *, real: bool | None = None) -> Any:
    """Return SciPy's square root of matrices."""
    return as_known(_linalg.sqrtm(x), real)


class matrix_sqrt_grad(general):
    """z = sqrtm(x), with z z = x and no eigenvalue of z in the left half plane

    The derivative solves a Sylvester equation, which has a solution where no eigenvalue
    is 0 or negative; otherwise LinAlgError is raised. Source: N. Higham, Functions of
    Matrices, 6.1.
    """

    forward = matrix_sqrt
    signature = "(n,n)->(n,n)"
    may_raise = True
    cases: Cases = (
        case(regular(3, 3)),
        case(spd(2, 2, 2)),
        case(np.array([[2.0, 1.0], [0.0, 2.0]])),
        case(regular(1, 1)),
    )

    @staticmethod
    def pullback(
        xp: Namespace, z_grad: Value, z: Value, x: Value, *, real: bool | None = None
    ) -> tuple[Value]:
        """x_grad solves z.T x_grad + x_grad z.T = z_grad"""
        z_t = swapped(xp, z)
        return (xp.sylvester(z_t, z_t, z_grad),)

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Value | None],
        z: Value,
        x: Value,
        *,
        real: bool | None = None,
    ) -> Value | None:
        """z_dot solves z z_dot + z_dot z = x_dot"""
        (x_dot,) = tangents
        return None if x_dot is None else xp.sylvester(z, z, x_dot)


@opaque
def matrix_sign(x: Value) -> Any:
    """Return SciPy's sign of matrices."""
    return _linalg.signm(x)


class matrix_sign_grad(general):
    """z = signm(x): eigenvalues become 1 or -1, by the signs of their real parts

    The derivative solves a Sylvester equation with ``n = x z``, the root of x x: see N.
    Higham, Functions of Matrices, 5.1. It raises LinAlgError where a real part is 0.
    """

    forward = matrix_sign
    signature = "(n,n)->(n,n)"
    may_raise = True
    cases: Cases = (
        case(np.array([[2.0, 1.0, 0.5], [0.0, -1.0, 0.3], [0.1, 0.2, -3.0]])),
        case(np.array([[2.0, 1.0], [0.2, -1.0]])),
    )

    @staticmethod
    def pullback(xp: Namespace, z_grad: Value, z: Value, x: Value) -> tuple[Value]:
        """x_grad = g - z.T g z.T, with g the solution of n.T g + g n.T = z_grad"""
        z_t = swapped(xp, z)
        n_t = xp.matmul(z_t, swapped(xp, x))
        g = xp.sylvester(n_t, n_t, z_grad)
        return (g - xp.matmul(xp.matmul(z_t, g), z_t),)

    @staticmethod
    def pushforward(
        xp: Namespace, tangents: Sequence[Value | None], z: Value, x: Value
    ) -> Value | None:
        """z_dot solves n z_dot + z_dot n = x_dot - z x_dot z"""
        (x_dot,) = tangents
        if x_dot is None:
            return None
        n = xp.matmul(x, z)
        return xp.sylvester(n, n, x_dot - xp.matmul(xp.matmul(z, x_dot), z))


_sqrt: Any = operation(matrix_sqrt_grad)
_sign: Any = operation(matrix_sign_grad)


@implements(_linalg.sqrtm, may_raise=True)
def sqrtm(A: ArrayLike, disp: bool | None = None, blocksize: int | None = None) -> Any:
    """Return the square roots of matrices (..., n, n); see ``matrix_sqrt_grad``."""
    refuse_estimate("sqrtm", disp)
    a = checked(A, check_finite=False)
    square("sqrtm", a)
    return _sqrt(a, real=is_real("sqrtm", matrix_sqrt, a))


@implements(_linalg.signm, may_raise=True)
def signm(A: ArrayLike, disp: bool | None = None) -> Any:
    """Return the signs of matrices (..., n, n); see ``matrix_sign_grad``."""
    refuse_estimate("signm", disp)
    a = checked(A, check_finite=False)
    square("signm", a)
    return _sign(a)
