"""UnivariateSpline and its relatives: FITPACK's splines as objects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.interpolate
from numpy.typing import ArrayLike

from chainrule.scipy.interpolate import basis
from chainrule.scipy.interpolate.splines import splev, splrep
from chainrule.scipy.moving import example, moves, plain_only, refused

_np: Any = np
_scipy: Any = scipy.interpolate
_MODES = {"extrapolate": 0, "zeros": 1, "raise": 2, "const": 3}


class UnivariateSpline(_scipy.UnivariateSpline):
    """A smoothing spline of plain data, as ``scipy.interpolate.UnivariateSpline``.

    It is differentiable in the points at which it is called, and for ``s=0`` and an odd
    degree in ``x`` and ``y``.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as gd
    >>> from chainrule.scipy.interpolate import UnivariateSpline
    >>> x = np.arange(6.0)
    >>> round(gd.grad(UnivariateSpline(x, x**2, s=0))(1.5), 6)
    3.0
    """

    get_residual: plain_only = plain_only("It is 0 where s=0.")
    set_smoothing_factor: plain_only = plain_only("Make another spline.")
    _moving: tuple[Any, Any, int] | None = None
    """Knots, coefficients and degree, where they hold nodes or traced values."""

    def __init__(
        self,
        x: ArrayLike,
        y: ArrayLike,
        w: ArrayLike | None = None,
        bbox: Sequence[float | None] = (None, None),
        k: int = 3,
        s: float | None = None,
        ext: int | str = 0,
        check_finite: bool = False,
    ) -> None:
        """Fit the values ``y`` at ``x``."""
        plain = example(x), example(y), None if w is None else example(w)
        _scipy.UnivariateSpline.__init__(
            self, *plain, list(bbox), k, s, ext, check_finite
        )
        if moves(x, y, w):
            self._fit(x, y, w, k, s=s, whole=all(b is None for b in bbox))

    def _fit(
        self,
        x: ArrayLike,
        y: ArrayLike,
        w: ArrayLike | None,
        k: int,
        *,
        s: float | None,
        whole: bool,
    ) -> None:
        if s != 0 or k % 2 == 0 or not whole or moves(w):
            raise refused(
                "A smoothing spline, or one with bbox= or of even degree,",
                "Write s=0 for the spline through the values, or "
                "make_lsq_spline(x, y, t) for one with given knots.",
            )
        self._moving = splrep(x, y, k=k, s=0)

    def __call__(self, x: ArrayLike, nu: int = 0, ext: int | str | None = None) -> Any:
        """Return the ``nu``-th derivative at points."""
        if self._moving is None and not moves(x):
            return _scipy.UnivariateSpline.__call__(self, x, nu, ext)
        beyond: Any = self.ext if ext is None else ext
        mode: Any = _MODES.get(beyond, beyond)
        return splev(x, self._moving or self._eval_args, nu, mode)

    def derivative(self, n: int = 1) -> Any:
        """Return the ``n``-th derivative, a spline."""
        if self._moving is None:
            made = _scipy.UnivariateSpline.derivative(self, n)
            return UnivariateSpline._from_tck(made._eval_args, made.ext)
        return self._of(basis.derivative, n, 1 if self.ext == 3 else self.ext)

    def antiderivative(self, n: int = 1) -> Any:
        """Return the ``n``-th antiderivative, a spline that is 0 at the first knot."""
        if self._moving is None:
            made = _scipy.UnivariateSpline.antiderivative(self, n)
            return UnivariateSpline._from_tck(made._eval_args, made.ext)
        return self._of(basis.antiderivative, n, self.ext)

    def integral(self, a: ArrayLike, b: ArrayLike) -> Any:
        """Return the integral between two ends; outside the data the spline is 0."""
        if self._moving is None and not moves(a, b):
            return _scipy.UnivariateSpline.integral(self, a, b)
        t, _, k = self._moving or self._eval_args
        low, high = t[k], t[t.shape[0] - k - 1]
        above = self.antiderivative()
        return above(_np.clip(b, low, high)) - above(_np.clip(a, low, high))

    def _of(self, change: Callable[..., Any], n: int, ext: int) -> Any:
        """Return the spline whose knots and coefficients are changed ``n`` times."""
        t, c, k = self._moving or self._eval_args
        c = c[: t.shape[0] - k - 1]
        for _ in range(n):
            t, c, k = change(t, c, k)
        c = _np.concatenate([c, np.zeros(k + 1)])
        z = UnivariateSpline._from_tck((example(t), example(c), k), ext)
        z._moving = t, c, k
        return z

    def derivatives(self, x: ArrayLike) -> Any:
        """Return the value and all derivatives at a point."""
        if self._moving is None and not moves(x):
            return _scipy.UnivariateSpline.derivatives(self, x)
        _, _, k = self._moving or self._eval_args
        return _np.stack([self(x, nu) for nu in range(k + 1)])

    def get_coeffs(self) -> Any:
        """Return the coefficients in the basis of B-splines."""
        if self._moving is None:
            return _scipy.UnivariateSpline.get_coeffs(self)
        t, c, k = self._moving
        return c[: t.shape[0] - k - 1]

    def get_knots(self) -> Any:
        """Return the knots, of which each end is one."""
        if self._moving is None:
            return _scipy.UnivariateSpline.get_knots(self)
        t, _, k = self._moving
        return t[k : t.shape[0] - k]

    def roots(self) -> Any:
        """Return the roots of a plain spline."""
        self._refuse("roots", "Find them with plain data, by gd.implicit.")
        return _scipy.UnivariateSpline.roots(self)

    def _refuse(self, name: str, instead: str) -> None:
        if self._moving is not None:
            raise refused(f"The {name} of a spline of nodes", instead)


class InterpolatedUnivariateSpline(
    UnivariateSpline, _scipy.InterpolatedUnivariateSpline
):
    """The spline through values, as ``scipy.interpolate``'s."""

    def __init__(
        self,
        x: ArrayLike,
        y: ArrayLike,
        w: ArrayLike | None = None,
        bbox: Sequence[float | None] = (None, None),
        k: int = 3,
        ext: int | str = 0,
        check_finite: bool = False,
    ) -> None:
        """Interpolate the values ``y`` at ``x``."""
        plain = example(x), example(y), None if w is None else example(w)
        _scipy.InterpolatedUnivariateSpline.__init__(
            self, *plain, list(bbox), k, ext, check_finite
        )
        if moves(x, y, w):
            self._fit(x, y, w, k, s=0, whole=all(b is None for b in bbox))


class LSQUnivariateSpline(UnivariateSpline, _scipy.LSQUnivariateSpline):
    """A spline of plain data with given knots, as ``scipy.interpolate``'s."""

    def __init__(
        self, x: ArrayLike, y: ArrayLike, t: ArrayLike, *args: Any, **keywords: Any
    ) -> None:
        """Fit the values ``y`` at ``x``."""
        if moves(x, y, t, args, keywords):
            raise refused(
                "LSQUnivariateSpline of nodes", "Write make_lsq_spline(x, y, t)."
            )
        _scipy.LSQUnivariateSpline.__init__(self, x, y, t, *args, **keywords)
