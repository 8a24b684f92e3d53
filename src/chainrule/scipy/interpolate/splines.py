"""BSpline, and the functions that make splines through values or near them."""

from __future__ import annotations

import operator
from typing import Any, Self

import numpy as np
import scipy.interpolate
from numpy.typing import ArrayLike

from chainrule.scipy.interpolate import basis
from chainrule.scipy.interpolate.pieces import Extrapolate, lane
from chainrule.scipy.interpolate.slopes import banded, solved
from chainrule.scipy.moving import (
    array_of,
    example,
    floats_of,
    increasing,
    moves,
    own_floats,
    refused,
)
from chainrule.values.shapes import normalize_axes
from chainrule.values.types import Array
from chainrule.values.vertices import is_refused

_scipy: Any = scipy.interpolate
_np: Any = np
Ends = str | tuple[Any, Any] | None
"""A word, or for each end a word or pairs of an order and a derivative's value."""
Conditions = list[tuple[int, Any]]
"""Orders and values of the derivatives at an end."""


class BSpline(_scipy.BSpline):
    """A spline in the basis of B-splines, as ``scipy.interpolate.BSpline``.

    It is differentiable in its knots ``t``, where they are simple, in its coefficients
    ``c`` and in the points at which it is called. Without a node it is SciPy's.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as gd
    >>> from chainrule.scipy.interpolate import BSpline
    >>> t, c = np.arange(7.0), np.array([1.0, 2.0, 0.0, 1.0])
    >>> round(gd.grad(BSpline(t, c, 2))(2.5), 6)
    -0.5
    """

    _moving: tuple[Any, Any] | None = None
    """The knots and coefficients, where they hold nodes or traced values."""

    def __init__(
        self,
        t: ArrayLike,
        c: ArrayLike,
        k: int,
        extrapolate: Extrapolate = True,
        axis: int = 0,
    ) -> None:
        """Keep the knots, the coefficients and the degree."""
        _scipy.BSpline.__init__(self, example(t), example(c), k, extrapolate, axis)
        if moves(t, c):
            self._moving = own_floats(t), _np.moveaxis(own_floats(c), axis, 0)

    @classmethod
    def of(
        cls, t: Array, c: Array, k: int, extrapolate: Extrapolate = True, axis: int = 0
    ) -> Self:
        """Return a spline whose coefficients have the axis of the basis first."""
        made = cls.construct_fast(example(t), example(c), k, extrapolate, axis)
        if moves(t, c):
            made._moving = t, c
        return made

    @property
    def t(self) -> Any:
        """The knots."""
        return (
            _scipy.BSpline.t.__get__(self) if self._moving is None else self._moving[0]
        )

    @t.setter
    def t(self, value: ArrayLike) -> None:
        _scipy.BSpline.t.__set__(self, example(value))
        if self._moving is not None or moves(value):
            self._moving = array_of(value), self.c

    @property
    def c(self) -> Any:
        """The coefficients."""
        return (
            _scipy.BSpline.c.__get__(self) if self._moving is None else self._moving[1]
        )

    @c.setter
    def c(self, value: ArrayLike) -> None:
        _scipy.BSpline.c.__set__(self, example(value))
        if self._moving is not None or moves(value):
            self._moving = self.t, array_of(value)

    def __call__(
        self, x: ArrayLike, nu: int = 0, extrapolate: Extrapolate = None
    ) -> Any:
        """Return the ``nu``-th derivative at points."""
        if self._moving is None and not moves(x):
            return _scipy.BSpline.__call__(self, x, nu, extrapolate)
        extrapolate = self.extrapolate if extrapolate is None else extrapolate
        given = floats_of(self.t), floats_of(self.c), self.k, floats_of(x)
        return basis.evaluated(*given, nu, extrapolate=extrapolate, axis=self.axis)

    def derivative(self, nu: int = 1) -> Any:
        """Return the ``nu``-th derivative, a spline."""
        if self._moving is None:
            return _scipy.BSpline.derivative(self, nu)
        tck = self.t, self.c, self.k
        for _ in range(nu):
            tck = basis.derivative(*tck)
        return self.of(*tck, self.extrapolate, self.axis)

    def antiderivative(self, nu: int = 1) -> Any:
        """Return the ``nu``-th antiderivative, a spline that is 0 at its first knot."""
        if self._moving is None:
            return _scipy.BSpline.antiderivative(self, nu)
        tck = self.t, self.c, self.k
        for _ in range(nu):
            tck = basis.antiderivative(*tck)
        keeps = self.extrapolate != "periodic"
        return self.of(*tck, self.extrapolate if keeps else False, self.axis)

    def integrate(
        self, a: ArrayLike, b: ArrayLike, extrapolate: Extrapolate = None
    ) -> Any:
        """Return the integral from ``a`` to ``b``."""
        if self._moving is None and not moves(a, b):
            return _scipy.BSpline.integrate(self, a, b, extrapolate)
        extrapolate = self.extrapolate if extrapolate is None else extrapolate
        ends = floats_of(a), floats_of(b)
        return basis.integral(
            floats_of(self.t), floats_of(self.c), self.k, *ends, extrapolate=extrapolate
        )

    def insert_knot(self, x: ArrayLike, m: int = 1) -> Any:
        """Insert a knot into a plain spline, as SciPy."""
        if self._moving is not None or moves(x):
            raise refused("insert_knot", "Insert knots into a plain spline.")
        return _scipy.BSpline.insert_knot(self, x, m)


def ours(s: Any) -> BSpline:
    """Return a plain spline of SciPy's as one of ours."""
    return BSpline.construct_fast(s.t, s.c, s.k, s.extrapolate, s.axis)


def make_interp_spline(
    x: ArrayLike,
    y: ArrayLike,
    k: int = 3,
    t: ArrayLike | None = None,
    bc_type: Ends = None,
    axis: int = 0,
    check_finite: bool = True,
) -> BSpline:
    """Return the spline through values, as ``scipy.interpolate.make_interp_spline``.

    It is differentiable in ``x``, ``y``, the knots ``t`` and the values of boundary
    conditions: its coefficients solve the linear system of the basis functions.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as gd
    >>> from chainrule.scipy.interpolate import make_interp_spline
    >>> x = np.arange(5.0)
    >>> gd.grad(lambda y: make_interp_spline(x, y, k=2)(1.0, 1))(x**2).round(3)
    array([-0.414, -0.271,  0.8  , -0.129,  0.014])
    """
    ends = (
        [bc_type, bc_type] if bc_type is None or isinstance(bc_type, str) else bc_type
    )
    if not moves(x, y, t, list(ends)):
        return ours(_scipy.make_interp_spline(x, y, k, t, bc_type, axis, check_finite))
    plain = bc_type if isinstance(bc_type, str) else _plain_ends(bc_type)
    knots = None if t is None else example(t)
    _scipy.make_interp_spline(  # it raises where this call is wrong
        example(x), example(y), k, knots, plain, axis, check_finite
    )
    at, values = increasing(x), floats_of(y)
    axis = normalize_axes(axis, values.ndim)[0]
    values = _np.moveaxis(values, axis, 0)
    k = operator.index(k)
    if k <= 1 and t is None:
        repeated = [at[:1], at, at[-1:]] if k else [at, at[-1:]]
        return BSpline.of(_np.concatenate(repeated), values, k, True, axis)
    if bc_type == "periodic":
        return BSpline.of(*_periodic(at, values, k), k, "periodic", axis)
    first, last = (_conditions(e, values) for e in ends)
    extra = bool(first or last)
    given = _knots(at, k, augmented=extra) if t is None else floats_of(t)
    c = _collocated(at, values, given, k, first, last)
    return BSpline.of(given, c, k, True, axis)


def _collocated(
    x: Array, y: Array, t: Array, k: int, first: Conditions, last: Conditions
) -> Any:
    """Return the coefficients of the spline through values, and with derivatives."""
    ends = [(x[:1], first), (x[-1:], last)]
    head, tail = ([basis.local(t, k, end, nu) for nu, _ in c] for end, c in ends)
    found = [*head, basis.local(t, k, x), *tail]
    interval, values = (_np.concatenate(part) for part in zip(*found, strict=True))
    above, below = (
        [_np.broadcast_to(v, y.shape[1:])[None] for _, v in c] for c in (first, last)
    )
    rows = basis.bands(interval, values, k)
    return banded((k, k), rows, _np.concatenate([*above, y, *below]))


def _plain_ends(ends: Any) -> Any:
    if ends is None:
        return None
    return tuple(
        e if e is None or isinstance(e, str) else [(nu, example(v)) for nu, v in e]
        for e in ends
    )


def _conditions(end: Any, y: Array) -> Conditions:
    """Return orders and values of the derivatives that are given at an end."""
    words: dict[Any, int] = {"clamped": 1, "natural": 2}
    if end is None or end in ("not-a-knot", "periodic"):
        return []
    if isinstance(end, str):
        return [(words[end], np.zeros(y.shape[1:]))]
    return [(nu, array_of(v)) for nu, v in end]


def _knots(x: Array, k: int, *, augmented: bool) -> Any:
    """Return all x as knots, or those of not-a-knot conditions."""
    ends = [
        _np.broadcast_to(e, (k + augmented_by,))
        for e, augmented_by in ((x[:1], 1 - augmented), (x[-1:], 1 - augmented))
    ]
    if augmented:
        return _np.concatenate([ends[0], x, ends[1]])
    half = (k + 1) // 2 if k % 2 else k // 2
    inner = x if k % 2 else (x[1:] + x[:-1]) / 2
    return _np.concatenate([ends[0], inner[half : inner.shape[0] - half], ends[1]])


def _periodic(x: Array, y: Array, k: int) -> tuple[Any, Any]:
    """Return knots and coefficients of the spline that repeats after ``x[-1]``."""
    n = x.shape[0]
    inner = x
    if k % 2 == 0:
        inner = _np.concatenate([x[:1], (x[1:-1] + x[:-2]) / 2, x[-1:]])
    steps = _np.diff(inner)
    places = [i % (n - 1) for i in range(k)]
    after = inner[-1:] + _np.cumsum(_np.stack([steps[i] for i in places]))
    before = inner[:1] - _np.cumsum(_np.stack([steps[-i - 1] for i in places]))
    t = _np.concatenate([before[::-1], inner, after])
    full = basis.design(x[:-1], t, k)
    wrap = np.eye(n - 1)[np.arange(n + k - 1) % (n - 1)]
    c = solved(full @ wrap, y[:-1])
    return t, _np.take(c, np.arange(n + k - 1) % (n - 1), axis=0)


def make_lsq_spline(
    x: ArrayLike,
    y: ArrayLike,
    t: ArrayLike,
    k: int = 3,
    w: ArrayLike | None = None,
    axis: int = 0,
    check_finite: bool = True,
    *,
    method: str = "qr",
) -> BSpline:
    """Return the spline nearest to values, as ``scipy.interpolate.make_lsq_spline``.

    It minimises the sum of (w (y - s(x)))**2 over the coefficients, and is
    differentiable in ``x``, ``y``, ``t`` and ``w``.
    """
    if not moves(x, y, t, w):
        given = {"w": w, "axis": axis, "check_finite": check_finite, "method": method}
        return ours(_scipy.make_lsq_spline(x, y, t, k, **given))
    weights = None if w is None else example(w)
    plain = map(example, (x, y, t))
    _scipy.make_lsq_spline(*plain, k, weights, axis, check_finite, method=method)
    at, values, knots = floats_of(x), floats_of(y), floats_of(t)
    axis = normalize_axes(axis, values.ndim)[0]
    values = _np.moveaxis(values, axis, 0)
    rows = basis.design(at, knots, k)
    if w is not None:
        rows, values = (
            rows * floats_of(w)[:, None],
            values * lane(floats_of(w), values.ndim),
        )
    flat = _np.reshape(values, (values.shape[0], -1))
    q, r = _np.linalg.qr(rows)
    c = _np.linalg.solve(r, _np.transpose(q) @ flat)
    return BSpline.of(knots, _np.reshape(c, (-1, *values.shape[1:])), k, True, axis)


def splrep(
    x: ArrayLike,
    y: ArrayLike,
    w: ArrayLike | None = None,
    xb: float | None = None,
    xe: float | None = None,
    k: int = 3,
    task: int = 0,
    s: float | None = None,
    t: ArrayLike | None = None,
    full_output: int = 0,
    per: int = 0,
    quiet: int = 1,
) -> Any:
    """Return knots, coefficients and degree, as ``scipy.interpolate.splrep``.

    Of nodes it is the spline through the values, ``s=0`` and odd ``k``.
    """
    if not moves(x, y, w, t):
        return _scipy.splrep(x, y, w, xb, xe, k, task, s, t, full_output, per, quiet)
    unknown = {"xb": xb, "xe": xe, "task": task, "t": t, "per": per}
    given = [name for name, v in unknown.items() if v is not None and v != 0]
    smooth = (s or 0) > 0 or (s is None and w is not None)
    if given or full_output or smooth or k % 2 == 0:
        raise refused(
            "splrep with smoothing, given knots, even k or other options",
            "Write splrep(x, y, s=0) for the spline through the values, or "
            "make_lsq_spline(x, y, t) for one with given knots.",
        )
    made = make_interp_spline(x, y, k)
    none = np.zeros(k + 1)
    return made.t, _np.concatenate([made.c, none]), k


def splev(x: ArrayLike, tck: Any, der: int = 0, ext: int = 0) -> Any:
    """Return a spline's values or derivatives, as ``scipy.interpolate.splev``."""
    made: Any = tck
    t, c, k = made.tck if isinstance(tck, _scipy.BSpline) else made
    if not moves(x, t, c):
        return _scipy.splev(x, tck, der, ext)
    if type(c) in (list, tuple) and np.ndim(example(c)) > 1:
        return [splev(x, (t, one, k), der, ext) for one in c]
    knots, at = floats_of(t), floats_of(x)
    low, high = _np.take(knots, k), _np.take(knots, knots.shape[0] - k - 1)
    outside = (at < low) | (at > high)
    if ext == 2 and is_refused(outside):
        raise ValueError("Invalid input data")
    if ext == 3:
        at = _np.clip(at, low, high)
    z = basis.evaluated(knots, floats_of(c), k, at, der, extrapolate=True)
    return _np.where(outside, 0.0, z) if ext == 1 else z
