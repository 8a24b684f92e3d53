"""Ipopt's solutions as nodes: by the equations of what is active there.

Ipopt says how strongly each bound and constraint pushes. One that pushes more than it
is away is active, one that is farther away than it pushes is not, and where both are
small the solution has a kink (``scipy.optimize.stationary``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.ipopt.runs import Solution
from chainrule.nodes.admission import holds_nodes
from chainrule.scipy.optimize.bounds import limits
from chainrule.scipy.optimize.problems import FEW, Problem, flat_bounds, spread
from chainrule.scipy.optimize.stationary import (
    FREE,
    HIGH,
    LOW,
    Activity,
    minimum,
    regular,
    warn_of_kinks,
)
from chainrule.scipy.optimize.unknowns import Unknowns
from chainrule.transforms.values import value
from chainrule.values.containers import flatten
from chainrule.values.types import Array, Value

_np: Any = np
NEAR = 1e-3
"""Pushes and distances below which both may belong to a kink."""


class Limit:
    """A constraint of a problem: a function of the unknowns between two bounds."""

    def __init__(self, constraint: Any, unknowns: Unknowns, args: Any) -> None:
        """Take a ``NonlinearConstraint``, and what its function reads."""
        self.problem: Problem = Problem(constraint.fun, unknowns, args)
        size = int(_np.size(self.problem.first))
        self.low: Any = spread(constraint.lb, size)
        self.high: Any = spread(constraint.ub, size)

    def of(self, x: Value) -> Any:
        """Return the flat values of the function, nodes where it reads some."""
        return _np.reshape(self.problem.of(x, *self.problem.args), (-1,))


class Differentiated:
    """A problem whose arguments, closures or bounds hold nodes."""

    def __init__(
        self,
        f: Any,
        constraints: Sequence[Any],
        unknowns: Unknowns,
        args: Any,
        bounds: Any,
    ) -> None:
        """Take it as ``Problem.solve`` does."""
        self.problem: Problem = Problem(f, unknowns, args)
        self.limits: list[Limit] = [Limit(c, unknowns, args) for c in constraints]
        self.bounds: Any = bounds
        sides = (bounds.lb, bounds.ub) if hasattr(bounds, "lb") else bounds
        self._moves: bool = any(map(holds_nodes, flatten(sides)[0]))

    def entered(self, found: Solution) -> Solution:
        """Return a solution with nodes for its unknowns, and for what they give."""
        unknowns, args = self.problem.unknowns, self.problem.args
        x = Unknowns(found.x).start
        low, high = self._ends(unknowns)
        active = self._activity(found, x, value(low), value(high))
        z = minimum(self.problem, x, low, high, active, self.limits)
        found["x"] = unknowns.restored(z)
        found["fun"] = self.problem.of(z, *args)
        found["constr"] = [p.problem.of(z, *args) for p in self.limits]
        return found

    def _ends(self, unknowns: Unknowns) -> tuple[Any, Any]:
        if not self._moves:
            return limits(self.bounds, unknowns)
        if not unknowns.is_flat:
            raise ArgumentError(
                "bounds that are nodes are those of a flat array of unknowns. Write "
                "them as constraints: NonlinearConstraint(lambda x: x - low, 0, inf)."
            )
        return flat_bounds(self.bounds, unknowns.start.size)

    def _activity(self, found: Solution, x: Array, low: Array, high: Array) -> Activity:
        """Return what is active, by Ipopt's multipliers."""
        below = Unknowns(found.lower_multipliers).start
        above = Unknowns(found.upper_multipliers).start
        held = _states(x, low, high, below, above)
        given = [_np.zeros(0), *(_np.ravel(m) for m in found.multipliers)]
        multipliers = _np.concatenate(given)
        at = [_np.zeros(0), *(_np.ravel(c) for c in found.constr)]
        lower = [_np.zeros(0), *(value(p.low) for p in self.limits)]
        upper = [_np.zeros(0), *(value(p.high) for p in self.limits)]
        values, lows, highs = map(_np.concatenate, (at, lower, upper))
        active = _states(
            values,
            lows,
            highs,
            _np.maximum(-multipliers, 0.0),
            _np.maximum(multipliers, 0.0),
        )
        is_on = (active == LOW) | (active == HIGH)
        made = Activity(held, active, _np.where(is_on, multipliers, 0.0))
        if self.limits and x.size <= FEW:
            rows = [
                _np.reshape(p.problem.jacobian(x), (-1, x.size)) for p in self.limits
            ]
            bounded = _np.eye(x.size)[(held == LOW) | (held == HIGH)]
            made.regular = regular(_np.concatenate([*rows])[is_on], bounded)
        warn_of_kinks(made)
        return made


def _states(at: Array, low: Array, high: Array, below: Array, above: Array) -> Any:
    """Tell what holds entries, by their distances to bounds and by their pushes."""
    size = 1.0 + _np.abs(at)
    steepest = 1.0 + _np.max(_np.concatenate([below, above]), initial=0.0)
    is_low = at - low < high - at
    gap = _np.maximum(_np.where(is_low, at - low, high - at), 0.0) / size
    push = _np.where(is_low, below, above) / steepest
    side = _np.where(is_low, LOW, HIGH)
    both = _np.maximum(gap, push)
    like = _np.minimum(gap, push) > 1e-2 * both
    weak = (both <= 1e-6) | ((both <= NEAR) & like)
    states = _np.where(weak, side + HIGH, _np.where(push > gap, side, FREE))
    return _np.where(low == high, LOW, states)


__all__ = ["Differentiated"]
