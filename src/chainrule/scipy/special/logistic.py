"""The logistic function, its logarithm and inverse; softplus; sums of exponentials."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.special

from chainrule.errors import ArgumentError
from chainrule.nodes.admission import plain_operand
from chainrule.operations import namespace as ops
from chainrule.operations_grad.exponentials import SMALLEST_NORMAL, exp_scaled, log_less
from chainrule.rules import elementwise, general
from chainrule.rules.cases import REAL, Cases, Conventions, Domain, Dtypes, case
from chainrule.rules.namespace import opaque
from chainrule.values.shapes import dtype_of, is_complex, ndarray, shape_of
from chainrule.values.types import Axis, Namespace, Operation, Value
from chainrule.values.vertices import is_stand_in
from chainrule.wrapping import implements, operation

_scipy: Any = scipy.special
_where: Any = np.where


def vanishing(x: float) -> float:
    """Return exp(-abs(x))."""
    y = -abs(x)
    return exp_scaled(-746.0 if y < -746.0 else y, 0.0)


class expit_grad(elementwise):
    """z = 1 / (1 + exp(-x)), the logistic function"""

    forward = "scipy.special:expit"
    expression = "1.0 / (1.0 + math.exp(-x))"
    dtypes: Dtypes = REAL

    @staticmethod
    def native(x: float) -> float:
        """Return 1 / (1 + e) or e / (1 + e), e = exp(-abs(x))."""
        e = vanishing(x)
        return (1.0 if x > 0.0 else e) / (1.0 + e)

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = expit(x) expit(-x)"""
        return z * xp.expit(-x)


class log_expit_grad(elementwise):
    """z = -log(1 + exp(-x))"""

    forward = "scipy.special:log_expit"
    expression = "x - math.log1p(math.exp(x)) if x < 0.0 else -math.log1p(math.exp(-x))"
    formula = "-math.log(1 + math.exp(-x))"
    dtypes: Dtypes = REAL

    @staticmethod
    def native(x: float) -> float:
        """Return -log(1 + e), less abs(x) where x < 0, e = exp(-abs(x))."""
        e = vanishing(x)
        v = 1.0 + e
        lost = e - (v - 1.0)
        log = log_less(v, 1023.0, 0.0, -lost * (2.0 - v))
        return x - log if x < 0.0 else -e if e < 1e-17 else -log

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = expit(-x)"""
        return xp.expit(-x)


class logit_grad(elementwise):
    """z = log(x / (1 - x)), the inverse of expit"""

    forward = "scipy.special:logit"
    expression = (
        "math.log1p((2.0 * x - 1.0) / (1.0 - x)) if x > 0.3 and x < 0.65 "
        "else math.log(x / (1.0 - x))"
    )
    formula = "math.log(x / (1 - x))"
    domain: Domain = {"x": (0.1, 0.9)}
    dtypes: Dtypes = REAL
    conventions: Conventions = (((0.0,), (np.inf,)), ((1.0,), (np.inf,)))

    @staticmethod
    def native(x: float) -> float:
        """Return log(x / (1 - x)), near 1/2 as log(1 + r), r = (2 x - 1) / (1 - x)."""
        is_near = x > 0.3 and x < 0.65
        r = (2.0 * x - 1.0) / (1.0 - x)
        v = 1.0 + r if is_near else x / (1.0 - x)
        lost = (r - (v - 1.0)) * (1.0 - r * (1.0 - r)) if is_near else 0.0
        tiny = v < SMALLEST_NORMAL
        y = v * 18014398509481984.0 if tiny else v  # 2**54
        inside = log_less(y, 1077.0 if tiny else 1023.0, 0.0, -lost)
        edge = -math.inf if x == 0.0 else math.inf if x == 1.0 else math.nan
        return inside if x > 0.0 and x < 1.0 else edge

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = 1 / (x (1 - x))"""
        return 1 / (x * (1 - x))


expit: Operation = operation(expit_grad)
log_expit: Operation = operation(log_expit_grad)
logit: Operation = operation(logit_grad)


def softplus(x: Value, **kwargs: Any) -> Value:
    """Return ``log(1 + exp(x))``; the keywords are those of ufuncs."""
    return np.logaddexp(0, x, **kwargs)


if hasattr(_scipy, "softplus"):
    implements(_scipy.softplus)(softplus)

# -------------------------------------------------------------- sums of exponentials


def logsumexp_of(a: Value, b: Value, *, axis: Axis = None) -> Value:
    """Return ``log |sum(b exp(a))|`` along ``axis``, which is kept; without ``|`` ...

    ... for complex operands.
    """
    x: Any = a
    is_traced = is_stand_in(x)
    unweighted = type(b) is float and b == 1.0
    if unweighted and (is_traced or type(x) is ndarray) and x.dtype.kind == "f":
        top = x.max(axis=axis, keepdims=True) if x.size else np.inf
        if is_traced or np.isfinite(top).all():
            return _of_reals(x, top, axis)
    return _by_scipy(a, b, axis=axis)


def _of_reals(a: Any, top: Any, axis: Axis) -> Any:
    """Return what SciPy does, by the same steps; of known numbers, finite ones.

    The largest ones are left out of the sum, whose logarithm keeps what is small.
    """
    is_top: Any = a == top
    one = a.dtype.type(1)
    ones: Any = _where(is_top, one, one - one)
    count: Any = ones.sum(axis=axis, keepdims=True)
    if is_stand_in(a):  # the largest may be a nan, which equals nothing
        count = np.maximum(count, 1.0)
    powers: Any = _where(is_top, 0.0, _powers(a, top))
    rest: Any = powers.sum(axis=axis, keepdims=True)
    return np.log1p(rest / count) + np.log(count) + top


@opaque
def _by_scipy(a: Value, b: Value, *, axis: Axis) -> Value:
    if np.iscomplexobj(a) or np.iscomplexobj(b):
        return _scipy.logsumexp(a, axis=axis, b=b, keepdims=True)
    if type(b) is float and b == 1.0:
        return _scipy.logsumexp(a, axis=axis, keepdims=True)
    return _scipy.logsumexp(a, axis=axis, b=b, keepdims=True, return_sign=True)[0]


class logsumexp_of_grad(general):
    """z = log |sum(b exp(a))| along ``axis``, which is kept; a and b of one shape"""

    forward = logsumexp_of
    axes: tuple[str, ...] = ("axis",)
    cases: Cases = (
        case((3, 4), (3, 4), axis=1),
        case((3, 4), (3, 4), axis=(0, 1)),
        case((2, 3), (2, 3), axis=None),
    )

    @staticmethod
    def pullback(
        xp: Namespace, z_grad: Value, z: Value, a: Value, b: Value, *, axis: Axis = None
    ) -> tuple[Value, Value]:
        """Return z_grad p b and z_grad p, p = exp(a - z) / sign(sum(b exp(a)))"""
        p = _shares(xp, z, a, b, axis) * z_grad
        return p * b, p

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Any,
        z: Value,
        a: Value,
        b: Value,
        *,
        axis: Axis = None,
    ) -> Value:
        """Return sum(p (b a_dot + b_dot))"""
        a_dot, b_dot = tangents
        moved = 0.0 if a_dot is None else b * a_dot
        moved = moved if b_dot is None else moved + b_dot
        return xp.sum(_shares(xp, z, a, b, axis) * moved, axis=axis, keepdims=True)


def _powers(a: Any, top: Any) -> Any:
    """Return ``exp(a - top)``; of traced values, which may be infinite, ``exp(a)``."""
    shift: Any = _where(np.isfinite(top), top, 0.0) if is_stand_in(a) else top
    return np.exp(a - shift)


def _shares(xp: Namespace, z: Value, a: Value, b: Value, axis: Axis) -> Value:
    """Return ``exp(a) / sum(b exp(a))``; a trace has these exponentials already."""
    if type(b) is float and b == 1.0 and is_stand_in(a) and dtype_of(a).kind == "f":
        p: Any = _powers(a, np.max(a, axis=axis, keepdims=True))
        return p / p.sum(axis=axis, keepdims=True)
    p = xp.exp(a - z)
    return p / xp.sum(b * p, axis=axis, keepdims=True)


class softmax_grad(general):
    """z = exp(x) / sum(exp(x)) along ``axis``"""

    @staticmethod
    def forward(x: Value, *, axis: Axis = None) -> Value:
        """Divide powers by their sum, the largest being 1."""
        powers = np.exp(x - np.max(x, axis=axis, keepdims=True))
        return powers / np.sum(powers, axis=axis, keepdims=True)

    axes: tuple[str, ...] = ("axis",)
    dtypes: Dtypes = REAL
    cases: Cases = (case((4,)), case((3, 4), axis=1), case((2, 3), axis=(0, 1)))

    @staticmethod
    def pullback(
        xp: Namespace, z_grad: Value, z: Value, x: Value, *, axis: Axis = None
    ) -> tuple[Value]:
        """Return z (z_grad - sum(z z_grad))"""
        return (z * (z_grad - xp.sum(z * z_grad, axis=axis, keepdims=True)),)

    @staticmethod
    def pushforward(
        xp: Namespace, tangents: Any, z: Value, x: Value, *, axis: Axis = None
    ) -> Value:
        """Return z (x_dot - sum(z x_dot))"""
        (x_dot,) = tangents
        return z * (x_dot - xp.sum(z * x_dot, axis=axis, keepdims=True))


class log_softmax_grad(general):
    """z = x - log(sum(exp(x))) along ``axis``"""

    @staticmethod
    def forward(x: Value, *, axis: Axis = None) -> Value:
        """Subtract the logarithm of a sum of powers, of which the largest is 1."""
        top: Any = np.max(x, axis=axis, keepdims=True)
        below = x - np.where(np.isfinite(top), top, 0.0)
        total = np.sum(np.exp(below), axis=axis, keepdims=True)
        with np.errstate(divide="ignore"):
            return below - np.log(total)

    axes: tuple[str, ...] = ("axis",)
    dtypes: Dtypes = REAL
    cases: Cases = (case((4,)), case((3, 4), axis=1), case((2, 3), axis=(0, 1)))

    @staticmethod
    def pullback(
        xp: Namespace, z_grad: Value, z: Value, x: Value, *, axis: Axis = None
    ) -> tuple[Value]:
        """Return z_grad - exp(z) sum(z_grad)"""
        return (z_grad - xp.exp(z) * xp.sum(z_grad, axis=axis, keepdims=True),)

    @staticmethod
    def pushforward(
        xp: Namespace, tangents: Any, z: Value, x: Value, *, axis: Axis = None
    ) -> Value:
        """Return x_dot - sum(exp(z) x_dot)"""
        (x_dot,) = tangents
        return x_dot - xp.sum(xp.exp(z) * x_dot, axis=axis, keepdims=True)


weighted_logsumexp: Operation = operation(logsumexp_of_grad)
of_softmax: Operation = operation(softmax_grad)
of_log_softmax: Operation = operation(log_softmax_grad)


@implements(_scipy.softmax)
def softmax(x: Value, axis: Axis = None) -> Value:
    """Return ``exp(x) / sum(exp(x))``, the sum over axes, or over all if ``None``."""
    return of_softmax(x, axis=axis)


@implements(_scipy.log_softmax)
def log_softmax(x: Value, axis: Axis = None) -> Value:
    """Return ``x - log(sum(exp(x)))``, the sum over axes, or over all if ``None``."""
    return of_log_softmax(x, axis=axis)


@implements(_scipy.logsumexp)
def logsumexp(
    a: Value,
    axis: Axis = None,
    b: Value | None = None,
    keepdims: bool = False,
    return_sign: bool = False,
) -> Any:
    """Return ``log(sum(b exp(a)))`` over axes, without overflow.

    Parameters
    ----------
    a, b
        Arrays of shapes that broadcast to each other; ``b`` is 1 where it is not given.
        Either may be a node.
    axis
        An axis or a tuple of axes; all of them if ``None``.
    keepdims
        Whether these axes stay, of length one.
    return_sign
        Whether to return a pair: the logarithm of the absolute value of the sum, and
        the sign, which is locally constant. Without it negative sums give nan.

    Raises
    ------
    ArgumentError
        For the sign of complex nodes: it is a phase, which is not constant.

    Examples
    --------
    >>> import numpy as np, chainrule as gd
    >>> from chainrule.scipy import special
    >>> gd.grad(special.logsumexp)(np.array([0.0, 0.0, np.log(2.0)]))
    array([0.25, 0.25, 0.5 ])
    """
    x: Any = ops.asarray(a)
    w: Any = 1.0 if b is None else ops.asarray(b)
    if b is not None:
        x, w = np.broadcast_arrays(x, w)
    if not shape_of(x):
        x, w = ops.reshape(x, (1,)), w if b is None else ops.reshape(w, (1,))
        axis = None
    if return_sign and (is_complex(x) or is_complex(w)):
        raise ArgumentError(
            "logsumexp(..., return_sign=True) of complex nodes is refused: the sign is "
            "a phase. Take the real and the imaginary part of logsumexp(...)."
        )
    z = weighted_logsumexp(x, w, axis=axis)
    if b is None and not return_sign:
        return z if keepdims else np.squeeze(z, axis=axis)
    if b is None:
        sign: Any = np.where(np.isnan(plain_operand(z)), np.nan, 1.0)
    else:
        sign = ops.sign(ops.sum(w * ops.exp(x - z), axis=axis, keepdims=True))
        if not return_sign and not is_complex(x):
            z = ops.where(sign < 0, np.nan, z)
    if not keepdims:
        z, sign = np.squeeze(z, axis=axis), np.squeeze(sign, axis=axis)
    return (z, sign) if return_sign else z
