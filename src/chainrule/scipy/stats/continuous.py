"""Continuous distributions: a formula for the standard one, placed by loc and scale."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from chainrule.scipy.moving import moves
from chainrule.scipy.stats.derived import derived
from chainrule.scipy.stats.distribution import (
    CONSTANT,
    OUTSIDE,
    TAILS,
    Formula,
    distribution,
    missing,
    only_where,
    operand,
    spread,
    surely,
)
from chainrule.scipy.stats.implicit import cumulative_of, quantile_of
from chainrule.scipy.stats.namespaces import np
from chainrule.values.quiet import quietly
from chainrule.values.types import Value
from chainrule.values.vertices import is_stand_in, raw, vertex

HALF_LINE = (0.0, math.inf)
UNIT = (0.0, 1.0)


class continuous(distribution):
    """A continuous distribution whose functions take nodes in every argument.

    The class of formulas declares ``logpdf`` or ``pdf`` of a standardised point and the
    shape parameters, and where they are formulas ``cdf``, ``sf``, ``logcdf``,
    ``logsf``, ``ppf``, ``isf``, ``mean``, ``var`` and ``entropy``. Its ``support`` is a
    pair, or a function of the shapes that returns one; ``open_at`` tells of each edge
    whether it is outside of it.

    Outside of the support densities are 0, and what is there is structurally zero in
    every derivative. At an edge that belongs to it the value is SciPy's and the
    derivative that from inside; where a logarithm of a probability is -inf there, it is
    structurally zero. A parameter that SciPy does not allow, such as a scale
    of 0, makes nan of the value and of its derivatives.

    A quantile without a formula has SciPy's value ``z`` and the derivative of the
    equation that it solves: ``dz = (dq - F_shapes dshapes) / pdf(z)``.
    """

    _methods = dict.fromkeys(("pdf", "logpdf", "cdf", "logcdf", "sf", "logsf"), "x")
    _methods |= dict.fromkeys(("ppf", "isf"), "q")
    _of_parameters = ("mean", "var", "std", "stats", "median", "interval", "entropy")
    _place = (("loc", 0), ("scale", 1))

    def pdf(self, x: Value, *args: Value, **kwds: Value) -> Any:
        """Return the density at ``x``."""
        return self._at("pdf", x, args, kwds)

    def logpdf(self, x: Value, *args: Value, **kwds: Value) -> Any:
        """Return the logarithm of the density at ``x``."""
        return self._at("logpdf", x, args, kwds)

    def cdf(self, x: Value, *args: Value, **kwds: Value) -> Any:
        """Return the probability of values up to ``x``."""
        return self._at("cdf", x, args, kwds)

    def logcdf(self, x: Value, *args: Value, **kwds: Value) -> Any:
        """Return the logarithm of the probability of values up to ``x``."""
        return self._at("logcdf", x, args, kwds)

    def sf(self, x: Value, *args: Value, **kwds: Value) -> Any:
        """Return the probability of values above ``x``."""
        return self._at("sf", x, args, kwds)

    def logsf(self, x: Value, *args: Value, **kwds: Value) -> Any:
        """Return the logarithm of the probability of values above ``x``."""
        return self._at("logsf", x, args, kwds)

    def ppf(self, q: Value, *args: Value, **kwds: Value) -> Any:
        """Return the value below which the probability is ``q``."""
        return self._at("ppf", q, args, kwds)

    def isf(self, q: Value, *args: Value, **kwds: Value) -> Any:
        """Return the value above which the probability is ``q``."""
        return self._at("isf", q, args, kwds)

    def median(self, *args: Value, **kwds: Value) -> Any:
        """Return the median."""
        if not moves(*args, *kwds.values()):
            return self._scipy.median(*args, **kwds)
        return self.ppf(0.5, *args, **kwds)

    def interval(self, confidence: Value, *args: Value, **kwds: Value) -> Any:
        """Return the ends of the central interval that has a probability."""
        if not moves(confidence, *args, *kwds.values()):
            return self._scipy.interval(confidence, *args, **kwds)
        tail = (1.0 - operand(confidence)) / 2.0
        ends = (self.ppf(q, *args, **kwds) for q in (tail, 1.0 - tail))
        return tuple(ends)

    # ------------------------------------------------------------------ on nodes

    def _at(
        self, method: str, x: Value, args: Sequence[Value], kwds: dict[str, Any]
    ) -> Any:
        if not moves(x, *args, *kwds.values()):
            return getattr(self._scipy, method)(x, *args, **kwds)
        placed = self._at_point if method in OUTSIDE else self._at_share
        return quietly(placed, method, operand(x), self._arguments(args, kwds))

    def _moment(self, method: str, arguments: list[Any]) -> Any:
        return quietly(self._placed_moment, method, arguments)

    def _at_point(self, method: str, x: Value, arguments: list[Any]) -> Any:
        """Return a function of a point: the standard one at ``(x - loc) / scale``."""
        *shapes, loc, scale = arguments
        y = x if is_plainly(loc, 0.0) else x - loc
        y = y if is_plainly(scale, 1.0) else y / scale
        density = None if "pdf" not in method or is_plainly(scale, 1.0) else scale
        z = self.standard(method, y, shapes, density)
        return self._checked(z, shapes, scale, y)

    def _at_share(self, method: str, q: Value, arguments: list[Any]) -> Any:
        """Return a quantile: ``loc + scale`` times the standard one."""
        *shapes, loc, scale = arguments
        formula = self.formula(method)
        share = raw(q)
        inside: Any = (share >= 0) & (share <= 1)
        z = formula(q if surely(inside) else np.where(inside, q, 0.5), *shapes)
        z = z if is_plainly(scale, 1.0) else z * scale
        z = z if is_plainly(loc, 0.0) else z + loc
        return self._checked(only_where(inside, z), shapes, scale, q, loc)

    def _checked(
        self, z: Value, shapes: Sequence[Any], scale: Value, *others: Value
    ) -> Any:
        """Return nan where a parameter is not allowed, in the shape of all of them."""
        allowed: Any = self._valid(shapes)
        if not is_plainly(scale, 1.0):
            allowed = allowed & (raw(scale) > 0)
        return spread(only_where(allowed, z), *shapes, scale, *others)

    def standard(
        self, method: str, y: Value, shapes: Sequence[Any], scale: Value | None = None
    ) -> Any:
        """Return a function at standardised points; the density of ``scale`` times."""
        formula = self.formula(method)
        low, high = self._support(shapes)
        at = raw(y)
        if is_plainly(low, -math.inf) and is_plainly(high, math.inf):
            return _scaled(method, formula(y, *shapes), scale)
        inside = self._inside(method, at, low, high)
        if surely(inside):
            return _scaled(method, formula(y, *shapes), scale)
        inside = inside | (at != at)  # a nan stays one
        safe = np.where(inside, y, _between(low, high))
        z = _scaled(method, formula(safe, *shapes), scale)
        below, above = OUTSIDE[method.removesuffix("_of_shapes")]
        return np.where(inside, z, np.where(at > low, above, below))

    def _inside(self, method: str, at: Value, low: Value, high: Value) -> Any:
        """Tell which points are in the support, where formulas are evaluated."""
        from_low, to_high = getattr(self.formulas, "open_at", (False, False))
        from_low |= method == "logcdf" or is_plainly(low, -math.inf)
        to_high |= method == "logsf" or is_plainly(high, math.inf)
        above: Any = at > low if from_low else at >= low
        below: Any = at < high if to_high else at <= high
        return above & below

    def _placed_moment(self, method: str, arguments: list[Any]) -> Any:
        """Return the mean, variance or entropy: the standard one, moved and scaled."""
        *shapes, loc, scale = arguments
        if moves(*shapes):
            z = self.formula(method)(*shapes)
        else:
            z = getattr(self._scipy, method)(*shapes)
        if method == "mean":
            z = z * scale + loc
        elif method == "var":
            z = z * scale**2
        else:
            z = z + np.log(scale)
        return self._checked(z, shapes, scale, loc)

    def _derived(self, method: str) -> Formula | None:
        """Return a formula by others, or by the density that it is an integral of."""
        found = derived(self._declared, method)
        if not self.declares("pdf", "logpdf"):
            return None
        if found is None and method in ("ppf", "isf"):
            return self._by_density(quantile_of, upper=method == "isf")
        return found

    def _declared(self, method: str) -> Formula | None:
        """Return a declared formula; distribution functions have one by the density."""
        own = self.declares(*TAILS) and not self.declares("cdf_of_shapes", "cdf_slopes")
        if method in ("cdf", "sf") and not own:
            return self._by_density(cumulative_of, upper=method == "sf")
        return getattr(self.formulas, method, None)

    def _by_density(self, rule: Callable[..., Any], *, upper: bool) -> Formula:
        """Return a function with SciPy's values, whose rule uses the density."""

        def function(x: Value, *shapes: Value) -> Any:
            for name, s in zip(self.shape_names, shapes, strict=True):
                if isinstance(s, vertex) and not self.knows(name):
                    raise missing(self.name, "cdf", f"in {name!r}. {CONSTANT}")
            return rule([x, *shapes], of=self.name, upper=upper)

        return function


def is_plainly(x: Value, value: float) -> bool:
    """Tell whether an argument is a certain plain number."""
    return type(x) is float and x == value


def _scaled(method: str, z: Value, scale: Value | None) -> Any:
    """Return a density of ``scale`` times the variable."""
    if scale is None:
        return z
    return z / scale if method == "pdf" else z - np.log(scale)


def _between(low: Any, high: Any) -> Any:
    """Return points of supports, where formulas are evaluated instead of outside."""
    if is_stand_in(low) or is_stand_in(high) or np.ndim(low) or np.ndim(high):
        lower, upper = np.isfinite(low), np.isfinite(high)
        from_low = np.where(upper, (low + high) / 2, low + 1.0)
        return np.where(lower, from_low, np.where(upper, high - 1.0, 0.0))
    if math.isfinite(low):
        return (low + high) / 2 if math.isfinite(high) else low + 1.0
    return high - 1.0 if math.isfinite(high) else 0.0
