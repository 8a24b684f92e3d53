"""Minima as functions of what their problem reads: by the Karush-Kuhn-Tucker system.

At a minimum the gradient of the Lagrange function is zero in the free unknowns; bounds
that are active hold their unknowns, active constraints have a multiplier, and those
that are not have none:

    grad f(x) + sum of m_i grad c_i(x) = 0,  c_i(x) = b_i (active), m_i = 0 (else).

What is active is found on plain values (``stationary``); a minimum, and its
multipliers, are the solution of these equations as a node (``solving.solution``).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.nodes.node_class import node
from chainrule.scipy.optimize.problems import Problem
from chainrule.scipy.optimize.stationary import FREE, HIGH, LOW, Activity
from chainrule.solving.implicit import solution
from chainrule.solving.reading import Reading
from chainrule.transforms.gradients import grad
from chainrule.values.types import Array
from chainrule.values.vertices import is_stand_in

_np: Any = np


class Multipliers(NamedTuple):
    """How strongly constraints push at a minimum, and lower and upper bounds."""

    of_constraints: Any
    lower: Any
    upper: Any


def minimum(
    problem: Problem,
    x: Array,
    low: Array,
    high: Array,
    found: Activity,
    conditions: Sequence[Any] = (),
) -> Any:
    """Return a minimum as a node: the solution of the equations of what is active.

    Where a bound does not push, there are two: those in which it holds, and those in
    which it is not there. What both give of a derivative is one, and the rest nan.
    """
    z = _solved(problem, x, low, high, found, conditions)
    return z[: problem.unknowns.start.size]


def minimum_and_multipliers(
    problem: Problem,
    x: Array,
    low: Array,
    high: Array,
    found: Activity,
    conditions: Sequence[Any] = (),
) -> tuple[Any, Multipliers]:
    """Return a minimum as a node, and its multipliers, which are nodes too.

    Those of the bounds are what they hold of the Lagrange function's gradient.
    """
    n = problem.unknowns.start.size
    z = _solved(problem, x, low, high, found, conditions)
    y, multipliers = z[:n], z[n:]
    slope = grad(_lagrangian(problem, conditions))(y, multipliers)
    lower, upper = (
        _np.where(found.held == FREE, 0.0, _np.maximum(s, 0.0)) for s in (slope, -slope)
    )
    return y, Multipliers(multipliers, lower, upper)


def _lagrangian(problem: Problem, conditions: Sequence[Any]) -> Callable[..., Any]:
    """Return the Lagrange function of the unknowns and of the multipliers."""

    def of(y: Array, multipliers: Array) -> Any:
        total = problem.of(y)
        if conditions:
            total = total + _np.sum(multipliers * _values(conditions, y))
        return total

    return of


def _solved(
    problem: Problem,
    x: Array,
    low: Array,
    high: Array,
    found: Activity,
    conditions: Sequence[Any],
) -> Any:
    """Return the unknowns and the multipliers of the constraints in one array."""
    n = problem.unknowns.start.size
    is_free = not conditions and not is_stand_in(found.held)
    is_free = is_free and found.regular == 1.0 and not (found.held != FREE).any()

    gradient = grad(_lagrangian(problem, conditions))

    def equations(z: Array, *, freed: bool = False) -> Any:
        y, multipliers = z[:n], z[n:]
        free = gradient(y, multipliers)
        if is_free:
            return free
        held, active = (_settled(s, freed=freed) for s in (found.held, found.active))
        first = _at_bounds(held, y, low, high, free)
        first = first * found.regular ** _np.sum(y)  # 1, or nan at every order
        if not conditions:
            return first
        pairs = zip(*((c.low, c.high) for c in conditions), strict=True)
        lower, upper = (_np.concatenate(b) for b in pairs)
        given = _values(conditions, y)
        second = _at_bounds(active, given, lower, upper, multipliers)
        return _np.concatenate([first, second])

    beside = functools.partial(equations, freed=True) if _has_kinks(found) else None
    z = _np.concatenate([x, found.multipliers]) if conditions else x
    reads = functools.partial(_reads, problem, x, conditions)
    return solution(equations, z, beside=beside, reads=reads)


def _reads(
    problem: Problem, x: Array, conditions: Sequence[Any], known: Collection[node]
) -> Reading:
    found = [problem.reading(x, known, with_x=True)]
    found += [c.problem.reading(x, known) for c in conditions]
    return Reading([v for each in found for v in each.nodes])


def _has_kinks(found: Activity) -> bool:
    """Tell whether a bound may be met without a push; that of a row is not known."""
    states = (found.held, found.active)
    return any(is_stand_in(s) or bool((s > HIGH).any()) for s in states)


def _settled(states: Array, *, freed: bool) -> Any:
    """Return states in which bounds that do not push hold, or are not there."""
    return _np.where(states > HIGH, FREE if freed else states - HIGH, states)


def _values(conditions: Sequence[Any], y: Array) -> Any:
    return _np.concatenate([c.of(y) for c in conditions])


def _at_bounds(states: Array, y: Array, low: Array, high: Array, free: Array) -> Any:
    """Return the distance to the bound that is active, and ``free`` where none is."""
    low, high = (_np.where(states == s, b, 0.0) for s, b in ((LOW, low), (HIGH, high)))
    held = _np.where(states == LOW, y - low, y - high)
    return _np.where((states == LOW) | (states == HIGH), held, free)


__all__ = ["Multipliers", "minimum", "minimum_and_multipliers"]
