"""Discrete distributions: functions of whole numbers and of real parameters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from chainrule.scipy.moving import moves
from chainrule.scipy.stats.derived import derived
from chainrule.scipy.stats.distribution import (
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
from chainrule.scipy.stats.implicit import cumulative_of
from chainrule.scipy.stats.namespaces import np
from chainrule.values.quiet import quietly
from chainrule.values.types import Value
from chainrule.values.vertices import is_stand_in, raw, vertex

_COUNTS = "it counts, and has no derivative. Pass gd.value(...)."
_STEPS = "a quantile of counts is a step function. Pass gd.value(x)."


class discrete(distribution):
    """A discrete distribution whose functions take nodes in its real parameters.

    The class of formulas declares ``logpmf`` or ``pmf`` of a whole number and the shape
    parameters, and where they are formulas the distribution functions; those that are
    not are sums of probabilities. ``refused`` names the shapes that count. The points
    and ``loc`` are plain. Outside of the support, and between whole numbers, the
    probability is 0, with derivatives that are structurally zero.
    """

    _methods = dict.fromkeys(("pmf", "logpmf", "cdf", "logcdf", "sf", "logsf"), "k")
    _of_parameters = ("mean", "var", "std", "stats", "entropy")
    _everywhere = (0.0, math.inf)
    _place = (("loc", 0),)

    def pmf(self, k: Value, *args: Value, **kwds: Value) -> Any:
        """Return the probability of ``k``."""
        return self._at("pmf", k, args, kwds)

    def logpmf(self, k: Value, *args: Value, **kwds: Value) -> Any:
        """Return the logarithm of the probability of ``k``."""
        return self._at("logpmf", k, args, kwds)

    def cdf(self, k: Value, *args: Value, **kwds: Value) -> Any:
        """Return the probability of values up to ``k``."""
        return self._at("cdf", k, args, kwds)

    def logcdf(self, k: Value, *args: Value, **kwds: Value) -> Any:
        """Return the logarithm of the probability of values up to ``k``."""
        return self._at("logcdf", k, args, kwds)

    def sf(self, k: Value, *args: Value, **kwds: Value) -> Any:
        """Return the probability of values above ``k``."""
        return self._at("sf", k, args, kwds)

    def logsf(self, k: Value, *args: Value, **kwds: Value) -> Any:
        """Return the logarithm of the probability of values above ``k``."""
        return self._at("logsf", k, args, kwds)

    # ------------------------------------------------------------------ on nodes

    def _at(
        self, method: str, k: Value, args: Sequence[Value], kwds: dict[str, Any]
    ) -> Any:
        if not moves(k, *args, *kwds.values()):
            return getattr(self._scipy, method)(k, *args, **kwds)
        k, (*shapes, loc) = operand(k), self._arguments(args, kwds)
        for x, name in ((k, "k"), (loc, "loc")):
            if isinstance(x, vertex):
                raise missing(self.name, f"{method} in {name!r}", _COUNTS)
        return quietly(self._at_count, method, k - loc, shapes)

    def _at_count(self, method: str, y: Value, shapes: Sequence[Any]) -> Any:
        z = self.standard(method, y, shapes)
        return spread(only_where(self._valid(shapes), z), *shapes)

    def standard(self, method: str, y: Value, shapes: Sequence[Any]) -> Any:
        """Return a function at counts, which have ``loc`` subtracted."""
        formula = self.formula(method)
        low, high = self._support(shapes)
        if method in ("pmf", "logpmf"):
            inside: Any = (y >= low) & (y <= high) & (y == np.floor(y))
            inside = inside & np.isfinite(y)
        else:
            inside = (y >= low) & (y < high)
            y = np.floor(y)
        if surely(inside):
            return formula(y, *shapes)
        inside = inside | (y != y)  # a nan stays one
        start = 0.0 if np.ndim(low) == 0 and not np.isfinite(low) else low
        z = formula(np.where(inside, y, start), *shapes)
        below, above = OUTSIDE[method]
        return np.where(inside, z, np.where(y > low, above, below))

    def _moment(self, method: str, arguments: list[Any]) -> Any:
        *shapes, loc = arguments
        if isinstance(loc, vertex) and not moves(*shapes):
            z = getattr(self._scipy, method)(*shapes)
        else:
            z = quietly(self.formula(method), *shapes)
        z = z + loc if method == "mean" else z
        return spread(only_where(self._valid(shapes), z), *shapes, loc)

    def _derived(self, method: str) -> Formula | None:
        """Return a formula by others, or the sum that a distribution function is."""
        return derived(self._declared, method)

    def _declared(self, method: str) -> Formula | None:
        declared = getattr(self.formulas, method, None)
        if method in ("cdf", "sf") and not self.declares(*TAILS):
            if self.declares("cdf_slopes"):
                return _by_slopes(self.name, upper=method == "sf")
            return self._summed if method == "cdf" else None
        return declared

    def _summed(self, k: Value, *shapes: Value) -> Any:
        """Return the sum of the probabilities from the first count to ``k``."""
        if is_stand_in(k):
            raise missing(
                self.name,
                "cdf",
                "at traced counts. Pass the counts as a "
                "constant of the compiled function.",
            )
        low, _ = self._support(shapes)
        first: Any = np.min(low)
        number: Any = k == k
        k = np.where(number, k, first)
        last: Any = np.max(k, initial=first)
        counts = np.arange(first, last + 1.0)
        pmf = self.formula("pmf")
        if all(np.ndim(raw(s)) == 0 for s in shapes):
            sums: Any = np.cumsum(pmf(counts, *shapes))
            return only_where(number, sums[np.asarray(k - first, dtype=int)])
        ends = np.expand_dims(k, -1)
        held: Any = (counts <= ends) & (counts >= np.expand_dims(low, -1))
        columns = [np.expand_dims(s, -1) for s in shapes]
        parts = np.where(held, pmf(np.minimum(counts, ends), *columns), 0.0)
        return only_where(number, np.sum(parts, -1))


def _by_slopes(name: str, *, upper: bool) -> Formula:
    def function(k: Value, *shapes: Value) -> Any:
        return cumulative_of([k, *shapes], of=name, upper=upper)

    return function
