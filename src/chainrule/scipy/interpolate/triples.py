"""Splines as FITPACK has them: knots, coefficients with zeros behind, and a degree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.interpolate
from numpy.typing import ArrayLike

from chainrule.errors import ArgumentError
from chainrule.scipy.interpolate import basis
from chainrule.scipy.interpolate.splines import BSpline, splev
from chainrule.scipy.moving import floats_of, moves

_np: Any = np
_scipy: Any = scipy.interpolate


def splint(a: ArrayLike, b: ArrayLike, tck: Any, full_output: int = 0) -> Any:
    """Return the integral of a spline, which is 0 outside of its knots.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as gd
    >>> from chainrule.scipy.interpolate import splint, splrep
    >>> x = np.arange(6.0)
    >>> round(gd.grad(lambda b: splint(0.0, b, splrep(x, x**2)))(2.0), 6)
    4.0
    """
    parts = _parts(tck)
    if not moves(a, b, *parts):
        return _scipy.splint(a, b, tck, full_output)
    if full_output:
        raise ArgumentError("splint of nodes has no full_output=. Leave it away.")
    t, c, k = floats_of(parts[0]), floats_of(parts[1]), parts[2]
    low, high = t[k], t[t.shape[0] - k - 1]
    above = basis.antiderivative(t, c, k)
    upper, lower = (_np.clip(floats_of(x), low, high) for x in (b, a))
    return splev(upper, above) - splev(lower, above)


def splder(tck: Any, n: int = 1) -> Any:
    """Return the ``n``-th derivative of a spline, in the form it was given in."""
    return _changed(tck, n, "derivative", basis.derivative, splantider)


def splantider(tck: Any, n: int = 1) -> Any:
    """Return the ``n``-th antiderivative of a spline, in the form it was given in."""
    return _changed(tck, n, "antiderivative", basis.antiderivative, splder)


def _parts(tck: Any) -> Any:
    return tck.tck if isinstance(tck, _scipy.BSpline) else tck


def _changed(
    tck: Any,
    n: int,
    name: str,
    change: Callable[..., Any],
    back: Callable[..., Any],
) -> Any:
    if isinstance(tck, BSpline):
        return getattr(tck, name)(n)
    if not moves(*_parts(tck)):
        return getattr(_scipy, {"derivative": "splder"}.get(name, "splantider"))(tck, n)
    if n < 0:
        return back(tck, -n)
    t, c, k = floats_of(tck[0]), floats_of(tck[1]), tck[2]
    if name == "derivative" and n > k:
        raise ValueError(f"Order of derivative (n = {n!r}) must be <= order of spline")
    c = c[: t.shape[0] - k - 1]
    for _ in range(n):
        t, c, k = change(t, c, k)
        c = c[: t.shape[0] - k - 1]
    return t, _np.concatenate([c, np.zeros((k + 1, *c.shape[1:]))]), k


__all__ = ["splantider", "splder", "splint"]
