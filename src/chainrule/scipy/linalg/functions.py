"""Functions of matrices: exponential, logarithm, powers, sine and so on.

The derivative of a function f at x along e is the upper right block of
``f([[x, e], [0, x]])`` (R. Mathias, "A chain rule for matrix functions and
applications", 1996), which is f again: so it has all derivatives, also where
eigenvalues are equal. Its transpose is the derivative at x.T.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike

from chainrule.errors import ArgumentError
from chainrule.nodes.admission import holds_nodes
from chainrule.numpy.matrices import any_imaginary
from chainrule.operations import namespace as ops
from chainrule.operations_grad.matrix_parts import swapped
from chainrule.operations_grad.ties import largest
from chainrule.rules import general
from chainrule.rules.cases import DOUBLE, Cases, Dtypes, case, regular, spd
from chainrule.rules.namespace import EXTRA, opaque
from chainrule.scipy.linalg.inputs import checked, in_double, square
from chainrule.values.shapes import shape_of
from chainrule.values.types import ArrayValue, Namespace, Operation, Value
from chainrule.values.vertices import is_stand_in, raw
from chainrule.wrapping import implements, operation

_linalg: Any = scipy.linalg


def along(
    xp: Namespace, f: Operation, x: Value, e: Value, **given: float | None
) -> Value:
    """Return the derivative of a matrix function f at x along e.

    ``e`` is scaled to the size of 1, so that it does not choose how f is computed.
    """
    n = shape_of(x)[-1]
    size = largest(raw(e), (-2, -1))
    size = np.where(size == 0, 1.0, size)
    top = xp.concatenate([x, e / size], axis=-1)
    bottom = xp.concatenate([0.0 * x, x], axis=-1)
    return size * f(xp.concatenate([top, bottom], axis=-2), **given)[..., :n, n:]


# ------------------------------------------------------------------------- exponential


@opaque
def matrix_exp(x: Value) -> Any:
    """Return SciPy's matrix exponential."""
    return _linalg.expm(x)


EXTRA["matrix_exp"] = matrix_exp


class matrix_exp_grad(general):
    """z = expm(x) = 1 + x + x x / 2 + ..."""

    forward = matrix_exp
    signature = "(n,n)->(n,n)"
    cases: Cases = (case((3, 3)), case((2, 1, 1)), case(np.zeros((2, 2))))

    @staticmethod
    def pullback(xp: Namespace, z_grad: Value, z: Value, x: Value) -> tuple[Value]:
        """x_grad = the derivative at x.T along z_grad"""
        return (along(xp, xp.matrix_exp, swapped(xp, x), z_grad),)

    @staticmethod
    def pushforward(
        xp: Namespace, tangents: Sequence[Value | None], z: Value, x: Value
    ) -> Value | None:
        """z_dot = the derivative at x along x_dot"""
        (x_dot,) = tangents
        return None if x_dot is None else along(xp, xp.matrix_exp, x, x_dot)


_exp: Any = operation(matrix_exp_grad)


@implements(_linalg.expm)
def expm(A: ArrayLike) -> Any:
    """Return the exponentials of matrices of shape (..., n, n).

    >>> import chainrule as gd
    >>> from chainrule.scipy import linalg
    >>> turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    >>> gd.grad(lambda t: linalg.expm(t * turn)[1, 0])(0.0)
    1.0
    """
    a = checked(A, check_finite=False)
    a = ops.reshape(a, (1, 1)) if a.ndim < 2 and a.size == 1 else a
    square("expm", a)
    return _exp(a)


@implements(_linalg.expm_frechet)
def expm_frechet(
    A: ArrayLike,
    E: ArrayLike,
    method: str | None = None,
    compute_expm: bool = True,
    check_finite: bool = True,
) -> Any:
    """Return expm(A) and its derivative along E, or the derivative alone.

    ``method`` names SciPy's ways to compute the same.
    """
    a, e = (in_double(checked(x, check_finite=check_finite)) for x in (A, E))
    if method not in (None, "SPS", "blockEnlarge"):
        raise ValueError(f"Unknown method {method!r}")
    moved = along(ops, _exp, a, e)
    return (_exp(a), moved) if compute_expm else moved


# --------------------------------------------------------------- logarithm and powers


def as_known(z: ArrayValue, real: bool | None) -> Any:
    """Return a function of real matrices as real or complex numbers.

    SciPy decides by the values; a trace has decided before: see ``is_real``.
    """
    return z if real is None else np.real(z) if real else z + 0j


def is_real(name: str, f: Operation, a: ArrayValue, **given: float) -> bool | None:
    """Tell a trace whether a function of matrices has real values."""
    value = raw(a)
    if not is_stand_in(value) or a.dtype.kind == "c":
        return None
    z: Any = f(value, real=False, **given)
    return not any_imaginary(z, name)


@opaque
def matrix_log(x: Value, *, real: bool | None = None) -> Any:
    """Return SciPy's matrix logarithm."""
    x = np.asarray(x)  # SciPy's results are in double precision, and so are its checks
    return as_known(_linalg.logm(x.astype(np.result_type(x, np.float64))), real)


@opaque
def matrix_power_of(x: Value, *, t: float, real: bool | None = None) -> Any:
    """Return SciPy's fractional power of matrices."""
    return as_known(_linalg.fractional_matrix_power(x, t), real)


EXTRA["matrix_log"] = matrix_log
EXTRA["matrix_power_of"] = matrix_power_of


class matrix_log_grad(general):
    """z = logm(x), with expm(z) = x and eigenvalues between -pi and pi i

    Valid where no eigenvalue is 0 or negative.
    """

    forward = matrix_log
    signature = "(n,n)->(n,n)"
    may_raise = True
    cases: Cases = (case(regular(2, 2)), case(spd(2, 1, 1)))
    dtypes: Dtypes = DOUBLE

    @staticmethod
    def pullback(
        xp: Namespace, z_grad: Value, z: Value, x: Value, *, real: bool | None = None
    ) -> tuple[Value]:
        """x_grad = the derivative at x.T along z_grad"""
        return (along(xp, xp.matrix_log, swapped(xp, x), z_grad, real=real),)

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Value | None],
        z: Value,
        x: Value,
        *,
        real: bool | None = None,
    ) -> Value | None:
        """z_dot = the derivative at x along x_dot"""
        (x_dot,) = tangents
        if x_dot is None:
            return None
        return along(xp, xp.matrix_log, x, x_dot, real=real)


class matrix_power_of_grad(general):
    """z = x^t = expm(t logm(x))

    Valid where no eigenvalue is 0 or negative, or t is a whole number.
    """

    forward = matrix_power_of
    signature = "(n,n)->(n,n)"
    may_raise = True
    cases: Cases = (
        case(regular(2, 2), t=0.3),
        case(spd(2, 1, 1), t=-1.5),
        case((2, 2), t=3),
    )
    dtypes: Dtypes = DOUBLE

    @staticmethod
    def pullback(
        xp: Namespace,
        z_grad: Value,
        z: Value,
        x: Value,
        *,
        t: float,
        real: bool | None = None,
    ) -> tuple[Value]:
        """x_grad = the derivative at x.T along z_grad"""
        f = xp.matrix_power_of
        return (along(xp, f, swapped(xp, x), z_grad, t=t, real=real),)

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Value | None],
        z: Value,
        x: Value,
        *,
        t: float,
        real: bool | None = None,
    ) -> Value | None:
        """z_dot = the derivative at x along x_dot"""
        (x_dot,) = tangents
        if x_dot is None:
            return None
        return along(xp, xp.matrix_power_of, x, x_dot, t=t, real=real)


_log: Any = operation(matrix_log_grad)
_power: Any = operation(matrix_power_of_grad)
_POWER = "fractional_matrix_power"


def refuse_estimate(name: str, disp: bool | None) -> None:
    """Raise where an estimate of the error is asked for."""
    if disp is not None and not disp:
        raise ArgumentError(
            f"{name}() on nodes does not support disp=False, which returns an estimate "
            "of the error too. Leave it away."
        )


@implements(_linalg.logm, may_raise=True)
def logm(A: ArrayLike, disp: bool | None = None) -> Any:
    """Return the logarithms of matrices (..., n, n); see ``matrix_log_grad``."""
    refuse_estimate("logm", disp)
    a = checked(A, check_finite=False)
    square("logm", a)
    return _log(a, real=is_real("logm", matrix_log, a))


@implements(_linalg.fractional_matrix_power, may_raise=True)
def fractional_matrix_power(A: ArrayLike, t: float) -> Any:
    """Return ``A^t`` of matrices (..., n, n); t may be a node too."""
    a = checked(A, check_finite=False)
    square("fractional_matrix_power", a)
    if holds_nodes(t) or is_stand_in(t):
        return _exp(t * _log(a, real=is_real("logm", matrix_log, a)))
    return _power(
        a, t=t, real=is_real("fractional_matrix_power", matrix_power_of, a, t=t)
    )


# ------------------------------------------------------------- of sums of exponentials


def _halves(A: ArrayLike, factor: complex) -> tuple[Any, Any]:
    """Return (expm(factor a) + expm(-factor a)) / 2, and the same with a minus."""
    a = checked(A, check_finite=False)
    square("expm", a)
    there, back = _exp(factor * a), _exp(-factor * a)
    return (there + back) / 2, (there - back) / 2


def _circular(A: ArrayLike) -> tuple[Any, Any]:
    """Return the cosine and the sine of matrices, real ones of real ones."""
    a = checked(A, check_finite=False)
    if a.dtype.kind == "c":
        even, odd = _halves(a, 1j)
        return even, -1j * odd
    square("expm", a)
    turned = _exp(1j * a)
    return ops.real(turned), ops.imag(turned)


@implements(_linalg.cosm)
def cosm(A: ArrayLike) -> Any:
    """Return the cosines of matrices of shape (..., n, n)."""
    return _circular(A)[0]


@implements(_linalg.sinm)
def sinm(A: ArrayLike) -> Any:
    """Return the sines of matrices of shape (..., n, n)."""
    return _circular(A)[1]


@implements(_linalg.tanm, may_raise=True)
def tanm(A: ArrayLike) -> Any:
    """Return the tangents of matrices of shape (..., n, n)."""
    return _quotient(*_circular(A))


@implements(_linalg.coshm)
def coshm(A: ArrayLike) -> Any:
    """Return the hyperbolic cosines of matrices of shape (..., n, n)."""
    return _halves(A, 1.0)[0]


@implements(_linalg.sinhm)
def sinhm(A: ArrayLike) -> Any:
    """Return the hyperbolic sines of matrices of shape (..., n, n)."""
    return _halves(A, 1.0)[1]


@implements(_linalg.tanhm, may_raise=True)
def tanhm(A: ArrayLike) -> Any:
    """Return the hyperbolic tangents of matrices of shape (..., n, n)."""
    return _quotient(*_halves(A, 1.0))


def _quotient(even: ArrayValue, odd: ArrayValue) -> Any:
    return ops.linalg.solve(even, odd)
