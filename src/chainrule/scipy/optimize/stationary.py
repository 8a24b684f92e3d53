"""What is active at a minimum: bounds that hold unknowns, constraints that push.

``activity`` finds it on plain values, when the solver has run. ``minima`` has the
equations of what is active, and their solution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.scipy.optimize.kinks import regular, smooth, warn
from chainrule.scipy.optimize.problems import FEW, Problem
from chainrule.values.types import Array

_np: Any = np
NEAR = 1e-3
"""How near to a bound, relative to an unknown, it may hold the unknown."""
FREE, LOW, HIGH, WEAK_LOW, WEAK_HIGH = range(5)
"""What an unknown or a constraint is at a solution: off its bounds, on one of them, or
on one that does not push it."""
SMALL = 1e-6
"""A multiplier and a distance to a bound that are both below this are zero."""

Conditions = Sequence[tuple[Problem, Array, Array]]
"""Functions with the lower and the upper bounds of their entries."""


@dataclass
class Activity:
    """What is active at a solution, and with which multipliers.

    Attributes
    ----------
    held
        Of each unknown, ``FREE``, ``LOW``, ``HIGH``, ``WEAK_LOW`` or ``WEAK_HIGH``.
    active
        Of each constraint, likewise.
    multipliers
        Of each constraint; zero where it is not active.
    regular
        1, or nan where the active constraints depend on each other, or the function has
        a kink.
    """

    held: Any
    active: Any
    multipliers: Any
    regular: Any = 1.0

    def enter(self, found: Any) -> None:
        """Enter it in a result, from where ``activity_of`` takes it."""
        found.update({f"_{name}": x for name, x in vars(self).items()})


# --------------------------------------------------------------------- what is active


def activity(
    problem: Problem,
    x: Array,
    low: Array,
    high: Array,
    conditions: Conditions = (),
) -> Activity:
    """Return what is active at a solution, of plain values; warn of kinks."""
    if conditions:
        found = _constrained(problem, x, low, high, conditions)
    else:
        held, is_smooth = _held(problem, x, low, high)
        found = Activity(held, _np.zeros(0, int), _np.zeros(0), is_smooth)
    warn_of_kinks(found)
    return found


def warn_of_kinks(found: Activity) -> None:
    """Warn of bounds and constraints that are met and do not push."""
    for states, what in ((found.held, "unknowns"), (found.active, "constraints")):
        if (states > HIGH).any():
            warn(
                f"{what} {_np.flatnonzero(states > HIGH).tolist()} lie at a bound "
                "that does not push them: the minimum has a kink there, and the "
                "derivatives that meet it are nan. Move the bound, or leave it away."
            )


def note_activity(found: Any, *problem: Any) -> None:
    """Enter what is active at a result, found here."""
    activity(problem[0], found.x, *problem[1:]).enter(found)


def activity_of(found: Any) -> Activity | None:
    """Take what is active out of a result, if it was entered."""
    names = [f.name for f in fields(Activity)]
    if f"_{names[0]}" not in found:
        return None
    return Activity(*(found.pop(f"_{name}") for name in names))


def _held(problem: Problem, x: Array, low: Array, high: Array) -> tuple[Any, float]:
    """Tell which unknowns a bound holds: they are on it, or pushed there from near.

    Solvers stop before a bound, or on it with a slope that is not yet zero. So what
    counts is where the Newton step of one unknown alone leads, after one of all those
    that are far from their bounds: beyond the bound, which holds it then, away from it,
    or just onto it, where the bound does not push.
    """
    slope = _np.asarray(problem.gradient(x))
    gap = _np.minimum(x - low, high - x)
    near = gap <= 10 * NEAR * _np.maximum(1.0, _np.abs(x))
    is_smooth = smooth(problem.minimised, x, slope, slope, ~near)
    if not near.any():
        return _np.zeros(x.size, int), is_smooth
    side = _np.where(high - x < x - low, HIGH, LOW)
    inwards = _np.where(side == HIGH, -slope, slope)
    places, curvature = _np.flatnonzero(near & (low < high)), _np.zeros(x.size)
    if places.size:
        curvature, change = _curvatures_at(problem, x, slope, near, places)
        inwards[places] += _np.where(side == HIGH, -change, change)[places]
    needed = curvature * _np.maximum(gap, 0.0)
    steepest = max(1.0, float(_np.max(_np.abs(slope), initial=0.0)))
    weak = _np.abs(inwards - needed) <= LIKE * needed + 1e-7 * steepest
    weak &= (gap > 0.0) <= (needed > 0.0)
    states = _np.where(weak, side + HIGH, _np.where(inwards > needed, side, FREE))
    return _np.where(low == high, LOW, _np.where(near, states, FREE)), is_smooth


LIKE = 0.1
"""How near to a bound, relative to its step, a Newton step ends on it."""


def _curvatures_at(
    problem: Problem, x: Array, slope: Array, near: NDArray[Any], places: NDArray[Any]
) -> tuple[Any, Any]:
    """Return second derivatives of some unknowns, and how their slopes will change.

    They change by the Newton step of the unknowns that are far from bounds, and these
    follow the others, where the unknowns are few.
    """
    if x.size <= FEW:
        matrix = _np.asarray(problem.hessian(x))
        far, curvature = _np.flatnonzero(~near), _np.diagonal(matrix).copy()
        change = _np.zeros(x.size)
        if far.size:
            beside = matrix[_np.ix_(far, places)]
            sides = _np.column_stack([-slope[far], beside])
            steps = _np.linalg.lstsq(matrix[_np.ix_(far, far)], sides, rcond=None)[0]
            change = matrix[:, far] @ steps[:, 0]
            curvature[places] -= _np.sum(beside * steps[:, 1:], axis=0)
        return _np.maximum(curvature, 0.0), change
    if problem.sparse_hessian is not None:
        found: Any = problem.sparse_hessian(x).diagonal()
    else:
        found = _np.zeros(x.size)
        for i in places:
            along = _np.zeros(x.size)
            along[i] = 1.0
            found[i] = problem.product(x, along)[i]
    return _np.maximum(found, 0.0), _np.zeros(x.size)


def _constrained(
    problem: Problem, x: Array, low: Array, high: Array, conditions: Conditions
) -> Activity:
    """Return what is active among bounds and constraints, by their multipliers.

    Those near a bound are taken for active, and the ones that pull are let go, the
    strongest first, until all push. A multiplier is measured by how far the minimum
    would go without it, like the distance to the bound. Where some hardly push, it is
    asked again nearer to the minimum: after a Newton step that stays on the bounds.
    """
    found = _near_to(problem, x, low, high, conditions)
    if found.is_doubtful and x.size <= FEW:
        nearer = x + _newton_step(problem, x, found, conditions)
        found = _near_to(problem, nearer, low, high, conditions)
    rest = found.slope - _np.where(found.active, found.push, 0.0) @ found.rows
    bounded = (found.active | found.weak)[: x.size]
    is_smooth = smooth(problem.minimised, x, found.slope, rest, ~bounded)
    side = _np.where(found.sign < 0, HIGH, LOW)
    states = _np.where(found.weak, side + HIGH, _np.where(found.active, side, FREE))
    kept, n = (states == LOW) | (states == HIGH), x.size
    return Activity(
        states[:n],
        states[n:],
        _np.where(kept, -found.push, 0.0)[n:],
        regular(found.rows[kept]) * is_smooth,
    )


@dataclass
class _Near:
    """Bounds and constraints near a point: their gradients, and how each one pushes."""

    slope: Any
    rows: Any
    gap: Any
    sign: Any
    push: Any
    active: Any
    weak: Any
    is_doubtful: bool


def _near_to(
    problem: Problem, x: Array, low: Array, high: Array, conditions: Conditions
) -> _Near:
    """Return which bounds and constraints push at a point that is nearly a minimum."""
    slope = _np.asarray(problem.gradient(x))
    values = _np.concatenate([_np.ravel(p.value(x)) for p, _, _ in conditions])
    slopes = [_np.reshape(p.jacobian(x), (-1, x.size)) for p, _, _ in conditions]
    rows = _np.concatenate([_np.eye(x.size), *slopes])
    at = _np.concatenate([x, values])
    lower = _np.concatenate([low, *(b for _, b, _ in conditions)])
    upper = _np.concatenate([high, *(b for _, _, b in conditions)])
    equal = lower == upper
    lengths = _np.linalg.norm(rows, axis=1)
    unit = _np.where(lengths == 0.0, 1.0, lengths) * (1.0 + _np.max(_np.abs(x)))
    below, above = (at - lower) / unit, (upper - at) / unit
    gap = _np.where(equal, 0.0, _np.maximum(_np.minimum(below, above), 0.0))
    sign = _np.where(above < below, -1.0, 1.0)  # which way a bound pushes
    active = equal | (gap <= NEAR)
    far = lengths**2 / unit / _curvatures(problem, x, rows, active & ~equal)
    push, active, weak = _pushing(rows, slope, active, equal, sign, far, gap)
    hardly = weak | ((gap <= NEAR) & (_np.abs(push) * far <= 10 * NEAR) & ~equal)
    distance = _np.where(sign < 0, upper - at, at - lower)
    return _Near(
        slope, rows, distance * sign, sign, push, active, weak, bool(hardly.any())
    )


def _newton_step(
    problem: Problem, x: Array, near: _Near, conditions: Conditions
) -> Any:
    """Return a Newton step to the minimum with all bounds that are met as equations."""
    met = near.active | near.weak
    matrix = _np.array(problem.hessian(x))
    pushes = _np.where(met, near.push, 0.0)
    first = x.size
    for p, _, _ in conditions:
        last = first + int(_np.size(p.first))
        matrix -= p.weighted_hessian(x, pushes[first:last])
        first = last
    rows = near.rows[met]
    corner = _np.zeros((len(rows), len(rows)))
    system = _np.block([[matrix, -rows.T], [rows, corner]])
    rest = _np.concatenate([near.slope - pushes @ near.rows, near.gap[met]])
    return -_np.linalg.lstsq(system, rest, rcond=None)[0][: x.size]


def _curvatures(problem: Problem, x: Array, rows: Array, wanted: Array) -> Any:
    """Return the second derivatives along the wanted rows; never quite zero."""
    found = _np.ones(len(rows))
    for i in _np.flatnonzero(wanted):
        length = _np.linalg.norm(rows[i]) or 1.0
        along = rows[i] / length
        found[i] = abs(float(along @ problem.product(x, along)))
    return _np.maximum(found, 1e-8 * _np.max(found))


def _pushing(
    rows: Array,
    slope: Array,
    active: NDArray[Any],
    equal: NDArray[Any],
    sign: Array,
    far: Array,
    gap: Array,
) -> tuple[Any, Any, Any]:
    """Return the multipliers, what is active, and what of it hardly pushes."""
    open_ended = ~equal
    while True:
        push = _np.zeros(len(rows))
        push[active] = _np.linalg.lstsq(rows[active].T, slope, rcond=None)[0]
        strength = _np.abs(push) * far
        candidates = active & open_ended
        weak = candidates & _is_weak(strength, gap)
        pulls = _np.where(candidates & (push * sign < 0) & ~weak, strength, 0.0)
        loose = _np.where(candidates & ~weak, gap - strength, 0.0)
        let_go = pulls if pulls.any() else loose
        worst = int(_np.argmax(let_go))
        if let_go[worst] <= 0.0:
            return push, active, weak
        active = active.copy()
        active[worst] = False


def _is_weak(strength: Array, gap: Array) -> Any:
    """Tell whether a multiplier is zero, and so is the distance to the bound.

    Interior methods stop where both are small and of one size.
    """
    both = _np.maximum(strength, gap)
    like = _np.minimum(strength, gap) > 1e-2 * both
    return (both <= SMALL) | ((both <= NEAR) & like)


__all__ = [
    "FREE",
    "HIGH",
    "LOW",
    "Activity",
    "activity",
    "activity_of",
    "note_activity",
    "warn_of_kinks",
]
