"""PPoly and the cubic interpolants, of nodes: SciPy's objects, and their pieces."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import scipy.interpolate
from numpy.typing import ArrayLike

from chainrule.scipy.interpolate import pieces, slopes
from chainrule.scipy.interpolate.pieces import Extrapolate
from chainrule.scipy.moving import (
    array_of,
    example,
    floats_of,
    increasing,
    moves,
    own_floats,
    refused,
)
from chainrule.values.types import Array

_scipy: Any = scipy.interpolate
_np: Any = np
Condition = str | tuple[int, ArrayLike]
"""What holds at an end: a word, or the order of a derivative and its value."""


class PPoly(_scipy.PPoly):
    """A piecewise polynomial, as ``scipy.interpolate.PPoly``.

    It is differentiable in its coefficients ``c``, its breakpoints ``x`` and the points
    at which it is called. At a breakpoint the derivative is that of the piece to the
    right. Without a node all of it is SciPy's.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as gd
    >>> from chainrule.scipy.interpolate import PPoly
    >>> gd.grad(lambda c: PPoly(np.stack([[c], [1.0]]), [0.0, 2.0])(1.5))(3.0)
    1.5
    """

    _moving: tuple[Any, Any] | None = None
    """The coefficients and breakpoints, where they hold nodes or traced values."""

    def __init__(
        self,
        c: ArrayLike,
        x: ArrayLike,
        extrapolate: Extrapolate = None,
        axis: int = 0,
    ) -> None:
        """Keep the coefficients, (k, m, ...), and the breakpoints, (m + 1,)."""
        _scipy.PPoly.__init__(self, example(c), example(x), extrapolate, axis)
        if moves(c, x):
            given = array_of(c)
            for _ in range(2 if axis else 0):
                given = _np.moveaxis(given, axis + 1, 0)
            self._moving = given, own_floats(x)

    @property
    def c(self) -> Any:
        """The coefficients."""
        return _scipy.PPoly.c.__get__(self) if self._moving is None else self._moving[0]

    @c.setter
    def c(self, value: ArrayLike) -> None:
        _scipy.PPoly.c.__set__(self, example(value))
        if self._moving is not None or moves(value):
            self._moving = array_of(value), self.x

    @property
    def x(self) -> Any:
        """The breakpoints."""
        return _scipy.PPoly.x.__get__(self) if self._moving is None else self._moving[1]

    @x.setter
    def x(self, value: ArrayLike) -> None:
        _scipy.PPoly.x.__set__(self, example(value))
        if self._moving is not None or moves(value):
            self._moving = self.c, array_of(value)

    def _with(self, c: Array, x: Array, extrapolate: Extrapolate) -> Self:
        """Return a piecewise polynomial like this one with other pieces."""
        made = self.construct_fast(example(c), example(x), extrapolate, self.axis)
        made._moving = c, x
        return made

    def __call__(
        self, x: ArrayLike, nu: int = 0, extrapolate: Extrapolate = None
    ) -> Any:
        """Return the ``nu``-th derivative at points."""
        if self._moving is None and not moves(x):
            return _scipy.PPoly.__call__(self, x, nu, extrapolate)
        extrapolate = self.extrapolate if extrapolate is None else extrapolate
        return pieces.evaluated(
            self.c, self.x, floats_of(x), nu, extrapolate=extrapolate, axis=self.axis
        )

    def derivative(self, nu: int = 1) -> Any:
        """Return the ``nu``-th derivative, a piecewise polynomial."""
        if self._moving is None:
            return _scipy.PPoly.derivative(self, nu)
        if nu < 0:
            return self.antiderivative(-nu)
        return self._with(pieces.derivative(self.c, nu), self.x, self.extrapolate)

    def antiderivative(self, nu: int = 1) -> Any:
        """Return the ``nu``-th antiderivative, which is 0 at the first breakpoint."""
        if self._moving is None:
            return _scipy.PPoly.antiderivative(self, nu)
        if nu <= 0:
            return self.derivative(-nu)
        c = self.c
        for _ in range(nu):
            c = pieces.antiderivative(c, self.x)
        keeps = self.extrapolate != "periodic"
        return self._with(c, self.x, self.extrapolate if keeps else False)

    def integrate(
        self, a: ArrayLike, b: ArrayLike, extrapolate: Extrapolate = None
    ) -> Any:
        """Return the integral from ``a`` to ``b``."""
        if self._moving is None and not moves(a, b):
            return _scipy.PPoly.integrate(self, a, b, extrapolate)
        extrapolate = self.extrapolate if extrapolate is None else extrapolate
        ends = floats_of(a), floats_of(b)
        return pieces.integral(self.c, self.x, *ends, extrapolate=extrapolate)

    def solve(self, y: ArrayLike = 0.0, *args: Any, **keywords: Any) -> Any:
        """Return where a plain piecewise polynomial has a value, as SciPy."""
        if self._moving is not None or moves(y):
            raise refused("Where a piecewise polynomial has a value", _ROOTS)
        return _scipy.PPoly.solve(self, y, *args, **keywords)

    def roots(self, *args: Any, **keywords: Any) -> Any:
        """Return the roots of a plain piecewise polynomial, as SciPy."""
        return self.solve(0.0, *args, **keywords)

    def extend(self, c: ArrayLike, x: ArrayLike) -> None:
        """Add plain pieces, as SciPy."""
        if self._moving is not None or moves(c, x):
            raise refused("extend", "Join the coefficients and make a PPoly of them.")
        _scipy.PPoly.extend(self, c, x)

    def _set(self, c: Array, x: Array) -> None:
        self._moving = c, x


_ROOTS = (
    "Find the root with plain numbers, and write gd.implicit(solve, residual), whose "
    "residual is the value of the polynomial: it has the derivatives of the root."
)


def _first(y: ArrayLike, axis: int) -> Any:
    """Return values with the axis along which they are interpolated first."""
    return _np.moveaxis(floats_of(y), axis, 0)


class CubicHermiteSpline(PPoly, _scipy.CubicHermiteSpline):
    """The cubics with given values and slopes, as SciPy's ``CubicHermiteSpline``."""

    def __init__(
        self,
        x: ArrayLike,
        y: ArrayLike,
        dydx: ArrayLike,
        axis: int = 0,
        extrapolate: Extrapolate = None,
    ) -> None:
        """Interpolate ``y``, and its derivative ``dydx``, along an axis."""
        plain = map(example, (x, y, dydx))
        _scipy.CubicHermiteSpline.__init__(self, *plain, axis, extrapolate)
        if moves(x, y, dydx):
            at, values, given = increasing(x), _first(y, axis), _first(dydx, axis)
            self._set(pieces.from_slopes(at, values, given), at)


class PchipInterpolator(PPoly, _scipy.PchipInterpolator):
    """The monotone cubic interpolant, as SciPy's ``PchipInterpolator``.

    Its slopes have kinks: at one the derivative is that of a side.
    """

    def __init__(
        self,
        x: ArrayLike,
        y: ArrayLike,
        axis: int = 0,
        extrapolate: Extrapolate = None,
    ) -> None:
        """Interpolate ``y`` along an axis."""
        _scipy.PchipInterpolator.__init__(
            self, example(x), example(y), axis, extrapolate
        )
        if moves(x, y):
            at, values = increasing(x), _first(y, axis)
            given = slopes.pchip_slopes(at, values)
            self._set(pieces.from_slopes(at, values, given), at)


class Akima1DInterpolator(PPoly, _scipy.Akima1DInterpolator):
    """Akima's cubic interpolant, as SciPy's ``Akima1DInterpolator``."""

    def __init__(
        self,
        x: ArrayLike,
        y: ArrayLike,
        axis: int = 0,
        *,
        method: str = "akima",
        extrapolate: bool | None = None,
    ) -> None:
        """Interpolate ``y`` along an axis."""
        _scipy.Akima1DInterpolator.__init__(
            self, example(x), example(y), axis, method=method, extrapolate=extrapolate
        )
        if moves(x, y):
            at, values = increasing(x), _first(y, axis)
            given = slopes.akima_slopes(at, values, method)
            self._set(pieces.from_slopes(at, values, given), at)


class CubicSpline(PPoly, _scipy.CubicSpline):
    """The cubic spline through values, as ``scipy.interpolate.CubicSpline``.

    It is differentiable in ``x``, in ``y``, in the values of boundary conditions, and
    in the points at which it is called.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as gd
    >>> from chainrule.scipy.interpolate import CubicSpline
    >>> x = np.arange(4.0)
    >>> gd.grad(lambda y: CubicSpline(x, y)(1.5))(x**2)
    array([-0.0625,  0.5625,  0.5625, -0.0625])
    """

    def __init__(
        self,
        x: ArrayLike,
        y: ArrayLike,
        axis: int = 0,
        bc_type: Condition | tuple[Condition, Condition] = "not-a-knot",
        extrapolate: Extrapolate = None,
    ) -> None:
        """Interpolate ``y`` along an axis, with conditions at the ends."""
        both: Any = (bc_type, bc_type) if isinstance(bc_type, str) else tuple(bc_type)
        plain = bc_type
        if not isinstance(bc_type, str):
            plain = tuple(
                c if isinstance(c, str) else tuple(map(example, c)) for c in both
            )
        _scipy.CubicSpline.__init__(
            self, example(x), example(y), axis, plain, extrapolate
        )
        if not moves(x, y, *both):
            return
        at, values = increasing(x), _first(y, axis)
        start, end = (_ALIASES.get(c, c) if isinstance(c, str) else c for c in both)
        if start == "periodic":
            given = slopes.periodic_slopes(at, values)
        else:
            given = slopes.spline_slopes(at, values, start, end)
        self._set(pieces.from_slopes(at, values, given), at)


_ALIASES: dict[str, Any] = {"clamped": (1, 0.0), "natural": (2, 0.0)}


def pchip_interpolate(
    xi: ArrayLike, yi: ArrayLike, x: ArrayLike, der: Any = 0, axis: int = 0
) -> Any:
    """Return the monotone interpolant, or derivatives of it, at points."""
    found = PchipInterpolator(xi, yi, axis=axis)
    if np.ndim(der):
        return [found(x, nu) for nu in der]
    return found(x, int(der))
