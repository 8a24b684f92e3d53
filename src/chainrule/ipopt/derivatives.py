"""Ipopt's solutions as nodes: by the equations of what is active there.

Ipopt says how strongly each bound and constraint pushes. One that pushes more than it
is away is active, one that is farther away than it pushes is not, and where both are
small the solution has a kink (``scipy.optimize.stationary``).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import scipy.optimize

from chainrule.errors import ArgumentError
from chainrule.ipopt.runs import Functions, Run, Solution, apart
from chainrule.nodes.admission import holds_nodes
from chainrule.scipy.optimize.bounds import flat_bounds, joined, limits, spread
from chainrule.scipy.optimize.kinks import regular, smooth
from chainrule.scipy.optimize.minima import minimum_and_multipliers
from chainrule.scipy.optimize.problems import FEW, Problem
from chainrule.scipy.optimize.runs import are_plain, solved
from chainrule.scipy.optimize.stationary import (
    FREE,
    HIGH,
    LOW,
    Activity,
    activity_of,
    warn_of_kinks,
)
from chainrule.scipy.optimize.unknowns import Unknowns
from chainrule.transforms.closures import Opened
from chainrule.transforms.values import value
from chainrule.values.containers import flatten
from chainrule.values.types import Array, Value

_np: Any = np
_Result: Any = scipy.optimize.OptimizeResult
NEAR = 1e-3
"""Pushes and distances below which both may belong to a kink."""
OF_WARM = ("multipliers", "lower_multipliers", "upper_multipliers")
"""What Ipopt begins with besides unknowns."""


class Limit:
    """A constraint of a problem: a function of the unknowns between two bounds."""

    def __init__(self, constraint: Any, unknowns: Unknowns, args: Any) -> None:
        """Take a ``NonlinearConstraint``, and what its function reads."""
        self.problem: Problem = Problem(constraint.fun, unknowns, args)
        self.shape: tuple[int, ...] = np.shape(self.problem.first)
        size = math.prod(self.shape)
        self.low: Any = spread(constraint.lb, size)
        self.high: Any = spread(constraint.ub, size)

    def of(self, x: Value) -> Any:
        """Return the flat values of the function, nodes where it reads some."""
        return _np.reshape(self.problem.of(x), (-1,))


class Moving:
    """What moves of what functions read: nodes and traced values. The rest is constant.

    Attributes
    ----------
    values
        What moves, without nodes.
    is_node
        Whether a node is among it.
    """

    def __init__(self, held: Opened) -> None:
        """Take what has its values taken out."""
        self._places: list[int] = [
            i for i, x in enumerate(held.values) if not are_plain([x])
        ]
        moving = [held.values[i] for i in self._places]
        self.values: tuple[Any, ...] = tuple(map(value, moving))
        self.is_node: bool = any(map(holds_nodes, moving))
        self._held: Opened = held.template() if moving else held
        self._rest: list[Any] = [x if are_plain([x]) else None for x in held.values]

    def filled(self, values: Sequence[Any]) -> Any:
        """Return it with other values for what moves."""
        if not self._places:
            return self._held.whole
        whole = list(self._rest)
        for i, x in zip(self._places, values, strict=True):
            whole[i] = x
        return self._held.filled(whole)


class Differentiated:
    """A problem whose arguments, closures or bounds hold nodes or traced values.

    Attributes
    ----------
    values
        What moves, without nodes: of what the functions close over, and of arguments.
    is_node
        Whether the solution has a derivative.
    """

    def __init__(
        self,
        problem: tuple[Any, Sequence[Any]],
        functions: Functions,
        moving: tuple[Moving, Moving],
        unknowns: Unknowns,
        args: tuple[Any, ...],
        bounds: Any,
    ) -> None:
        """Take the function and the constraints, and what moves of them and of args."""
        f, constraints = problem
        self.unknowns = unknowns
        self.functions = functions
        self.problem: Problem = Problem(f, unknowns, args)
        self.limits: list[Limit] = [Limit(c, unknowns, args) for c in constraints]
        held, self._args = moving
        self._held_count: int = len(held.values)
        self.values: tuple[Any, ...] = (*held.values, *self._args.values)
        self.low: Any
        self.high: Any
        self.low, self.high = self._ends(bounds)
        self.is_node: bool = held.is_node or self._args.is_node
        self.is_node |= holds_nodes(self.low) or holds_nodes(self.high)
        self._settings: dict[str, Any] = {}

    def at(self, values: Sequence[Any]) -> Differentiated:
        """Return the problem with the plain values of a call."""
        same = copy.copy(self)
        same.values = tuple(values)
        return same

    def given(self) -> tuple[Any, ...]:
        """Return what the functions take besides the unknowns."""
        n = self._held_count
        return (*self.values[:n], *self._args.filled(self.values[n:]))

    def solution(
        self,
        warm: Solution | None,
        options: Mapping[str, str | float],
        **settings: Any,
    ) -> Solution:
        """Return what Ipopt finds, with nodes for its unknowns where it reads some."""
        self._settings = {"options": options, **settings}
        unknowns = self.unknowns
        begin = [] if warm is None else [_flat_part(warm[name]) for name in OF_WARM]
        found = solved(self._run, [self], unknowns.start, self.low, self.high, *begin)
        active = activity_of(found)
        if active is not None:
            ends = self.low, self.high
            found["x"], pushes = minimum_and_multipliers(
                self.problem, found.x, *ends, active, self.limits
            )
            found.update(zip(OF_WARM, pushes, strict=True))
            found["fun"] = self.problem.of(found.x)
        shapes = [p.shape for p in self.limits]
        for name in ("constr", "multipliers"):
            found[name] = apart(found[name], shapes)
        if active is not None:
            found["constr"] = [p.problem.of(found.x) for p in self.limits]
        found["x"] = unknowns.restored(found.x)
        for name in OF_WARM[1:]:
            found[name] = unknowns.restored(found[name])
        return Solution(found)

    def _run(
        self,
        problems: Sequence[Differentiated],
        start: Array,
        low: Array,
        high: Array,
        *begin: Array,
    ) -> Any:
        """Run Ipopt for the plain values of a call; what it finds is flat."""
        settings, given = dict(self._settings), problems[0].given()
        options = settings.pop("options")
        unknowns = Unknowns(self.unknowns.restored(start))
        run = Run(self.functions, unknowns, given, **settings)
        warm = Solution(zip(OF_WARM, begin, strict=True)) if begin else None
        solution = run.solved((low, high), warm, options)
        found = _Result(solution)
        for name in ("x", *OF_WARM[1:]):
            found[name] = Unknowns(solution[name]).start
        for name in ("constr", "multipliers"):
            found[name] = joined(cast(Any, solution)[name])
        if self.is_node:
            self._activity(found, low, high, given).enter(found)
        return found

    def _ends(self, bounds: Any) -> tuple[Any, Any]:
        sides = (bounds.lb, bounds.ub) if hasattr(bounds, "lb") else bounds
        if are_plain(flatten(sides)[0]):
            return limits(bounds, self.unknowns)
        if not self.unknowns.is_flat:
            raise ArgumentError(
                "bounds that are nodes are those of a flat array of unknowns. Write "
                "them as constraints: NonlinearConstraint(lambda x: x - low, 0, inf)."
            )
        return flat_bounds(bounds, self.unknowns.start.size)

    def _activity(
        self, found: Any, low: Array, high: Array, given: Sequence[Any]
    ) -> Activity:
        """Return what is active, by Ipopt's multipliers."""
        x = found.x
        held = _states(x, low, high, found.lower_multipliers, found.upper_multipliers)
        lower, upper = self.functions.sides([p.shape for p in self.limits], *given)
        multipliers = found.multipliers
        active = _states(
            found.constr,
            lower,
            upper,
            _np.maximum(-multipliers, 0.0),
            _np.maximum(multipliers, 0.0),
        )
        is_on = (active == LOW) | (active == HIGH)
        made = Activity(held, active, _np.where(is_on, multipliers, 0.0))
        rest = slope = self.functions.gradient(x, *given)
        if self.limits:
            rows = self.functions.jacobian(x, *given)
            rest = slope + rows.T @ multipliers
            if x.size <= FEW:
                bounded = _np.eye(x.size)[(held == LOW) | (held == HIGH)]
                made.regular = regular(rows.toarray()[is_on], bounded)
        f = self.functions.minimised(given)
        made.regular *= smooth(f, x, slope, rest, held == FREE)
        warn_of_kinks(made)
        return made


def _flat_part(x: Any) -> Any:
    """Return multipliers, which may be a list or a container, as one flat array."""
    x = value(x)
    return joined(cast(Any, x)) if isinstance(x, list) else Unknowns(x).start


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


__all__ = ["Differentiated", "Moving"]
