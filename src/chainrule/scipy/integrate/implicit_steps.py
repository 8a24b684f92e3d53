"""Steps of implicit methods, Radau and BDF: roots, differentiated as such.

Each step solves an equation, and SciPy's solver has the solution. Its derivative is by
the implicit function theorem, at every order. What SciPy's Newton iteration left over,
far below the tolerance of the step, is taken for zero.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.scipy.integrate.steps import Carry, Given, Method, Slope
from chainrule.solving.implicit import solution
from chainrule.values.types import Array, ArrayValue, Value
from chainrule.values.vertices import raw, stand_in

_np: Any = np
_S6 = 6.0**0.5
RADAU_C = _np.array([(4 - _S6) / 10, (4 + _S6) / 10, 1.0])
RADAU_A = _np.array(
    [
        [(88 - 7 * _S6) / 360, (296 - 169 * _S6) / 1800, (-2 + 3 * _S6) / 225],
        [(296 + 169 * _S6) / 1800, (88 + 7 * _S6) / 360, (-2 - 3 * _S6) / 225],
        [(16 - _S6) / 36, (16 + _S6) / 36, 1 / 9],
    ]
)
RADAU_P = _np.array(
    [
        [13 / 3 + 7 * _S6 / 3, 13 / 3 - 7 * _S6 / 3, 1 / 3],
        [-23 / 3 - 22 * _S6 / 3, -23 / 3 + 22 * _S6 / 3, -8 / 3],
        [10 / 3 + 5 * _S6, 10 / 3 - 5 * _S6, 10 / 3],
    ]
)
"""The polynomial through 0 and the three stages, in powers of x."""


def _root(found: Value, residual: Callable[..., Any]) -> Any:
    """Return a known root as one that moves with what the residual reads."""
    root = raw(found)
    if isinstance(root, stand_in):  # what a traced loop does not read does not move
        root = root + 0.0 * raw(residual(root))
    return solution(residual, root)


class Radau(Method):
    """Radau IIA of order 5: z = h A f(t + c h, y + z), and y' = y + z[2]."""

    def note(self, solver: Any) -> dict[str, Any]:
        """Return the stages."""
        return {"z": _np.zeros((3, solver.n)) if solver.Z is None else solver.Z}

    def no_step(self, note: Given) -> dict[str, Any]:
        """Return stages that do not move."""
        return {**note, "z": 0.0 * note["z"]}

    def start(self, f: Slope, t: Value, y: Value, begun: Given) -> Carry:
        """Return the state."""
        return y

    def step(
        self, f: Slope, carry: Carry, x: Given, *, dense: bool
    ) -> tuple[Carry, Any, Any]:
        """Z - h A f(t + c h, y + z) = 0"""
        t, h = x["t"], x["h"]

        def residual(z: Array) -> Any:
            slopes = [f(t + c * h, carry + z[i]) for i, c in enumerate(RADAU_C)]
            return z - h * (RADAU_A @ _np.stack(slopes))

        z = _root(x["z"], residual)
        after = carry + z[2]
        return after, after, RADAU_P @ z if dense else ()


ORDERS = 5
"""The highest order of BDF."""
ROWS = ORDERS + 3
"""Backward differences that the solver keeps."""


class Bdf(Method):
    """Backward differentiation with orders 1 to 5, in quasi-constant steps.

    The carry is the matrix D of backward differences of the state. Each step changes
    their spacing, D <- E D, predicts p D, solves for the new state with what is known
    of the old ones, g D, and updates D <- L D + w (y' - p D), which also changes the
    spacing for the next one. E, p, g, L and w follow from the orders and lengths of
    the steps. Source: Shampine & Reichelt, The MATLAB ODE Suite, 1997.
    """

    alternate = True

    def begin(self, solver: Any) -> dict[str, Any]:
        """Return the length that the first differences are of."""
        self._before: Any = (solver.order, solver.h_abs * solver.direction)
        return {"h": self._before[1]}

    def note(self, solver: Any) -> dict[str, Any]:
        """Return the state, and what the step is made with."""
        order, before = self._before
        h = solver.t - solver.t_old
        after = solver.h_abs * solver.direction
        self._before = (solver.order, after)
        factor = after / h if solver.n_equal_steps == 0 and h else 1.0
        _, p, update, w = _update(order)
        leave = _spacing(_np.array([factor]), _np.array([solver.order]))[0]
        g = _np.zeros(ROWS)
        g[1 : order + 1] = solver.gamma[1 : order + 1] / solver.alpha[order]
        return {
            "y": solver.y,
            "order": order,
            "before": before or 1.0,
            "p": p,
            "g": g,
            "alpha": solver.alpha[order],
            "L": leave @ update,
            "w": leave @ w,
            "W": _polynomials(h / after if h else 1.0, solver.order),
        }

    def prepared(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return what the steps are made with, E among it."""
        rest = {k: x for k, x in given.items() if k not in ("before", "order")}
        factors = given["h"] / given["before"]
        return {**rest, "E": _spacing(factors, given["order"])}

    def no_step(self, note: Given) -> dict[str, Any]:
        """Return a step that leaves the differences as they are."""
        first = _np.zeros(ROWS)
        first[0] = 1.0
        same = _np.identity(ROWS)
        nothing = {"g": 0.0 * first, "w": 0.0 * first, "L": same, "E": same}
        return {**note, **nothing, "p": first}

    def start(self, f: Slope, t: Value, y: Value, begun: Given) -> Carry:
        """Return the differences before the first step: y, h f(t, y), 0, ..."""
        zeros = _np.zeros((ROWS - 2, *_np.shape(y)))
        return _np.concatenate([_np.stack([y, begun["h"] * f(t, y)]), zeros])

    def step(
        self, f: Slope, carry: Carry, x: Given, *, dense: bool
    ) -> tuple[Carry, Any, Any]:
        """Y - p D + g D - h / alpha f(t + h, y) = 0"""
        h = x["h"]
        differences = x["E"] @ carry
        predicted, known = x["p"] @ differences, x["g"] @ differences

        def residual(y: Value) -> Any:
            return y - predicted + known - h / x["alpha"] * f(x["t"] + h, y)

        y = _root(x["y"], residual)
        change = x["w"][:, None] * (y - predicted)
        after = x["L"] @ differences + change
        return after, y, x["W"] @ after[1 : ORDERS + 1] if dense else ()


def _update(order: int) -> tuple[int, Any, Any, Any]:
    """Return how a step of an order predicts, and how it updates the differences."""
    p, w = _np.zeros(ROWS), _np.zeros(ROWS)
    p[: order + 1] = 1.0
    w[: order + 3] = 1.0
    update = _np.identity(ROWS)
    update[: order + 1, : order + 1] = _np.triu(_np.ones((order + 1, order + 1)))
    update[order + 1] = 0.0
    update[order + 2] = 0.0
    update[order + 2, order + 1] = -1.0
    return order, p, update, w


def _spacing(factors: ArrayValue, orders: ArrayValue) -> Any:
    """Return the matrices that change the spacing of differences by factors.

    (R(factor) R(1)).T in the rows up to the order, R[i, j] the product of
    (m - 1 - factor j) / m over m = 1 to i.
    """
    i = _np.arange(1, ORDERS + 1.0)[:, None]
    j = _np.arange(1, ORDERS + 1.0)

    def products(factors: ArrayValue) -> Any:
        inner = _np.cumprod((i - 1 - factors[:, None, None] * j) / i, axis=1)
        count = len(inner)
        below = _np.concatenate([_np.zeros((count, ORDERS, 1)), inner], axis=2)
        return _np.concatenate([_np.ones((count, 1, ORDERS + 1)), below], axis=1)

    both = products(factors) @ products(_np.ones(1))[0]
    rows = _np.arange(ORDERS + 1)
    inside = (rows[:, None] <= orders[:, None, None]) & (rows <= orders[:, None, None])
    changed = _np.where(inside, _np.swapaxes(both, 1, 2), 1.0 * (rows[:, None] == rows))
    padding = ((0, 0), (0, ROWS - ORDERS - 1), (0, ROWS - ORDERS - 1))
    rest = _np.diag(1.0 * (_np.arange(ROWS) > ORDERS))
    return _np.pad(changed, padding) + rest


def _polynomials(ratio: float, order: int) -> Any:
    """Return the interpolating polynomials of differences, in powers of x.

    That of difference j is the product of ((x - 1) ratio + i) / (i + 1) over i < j.
    """
    found = _np.zeros((ORDERS, ORDERS))
    p = _np.polynomial.Polynomial([1.0])
    for i in range(order):
        p = p * _np.polynomial.Polynomial([i - ratio, ratio]) / (i + 1)
        found[: p.degree(), i] = p.coef[1:]
    return found


__all__ = ["Bdf", "Radau"]
