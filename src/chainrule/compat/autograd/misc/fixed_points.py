"""``autograd.misc.fixed_points``: the fixed point of an iteration, in its parameter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule.compat.autograd.core import defvjp, make_vjp, primitive, vspace

Function = Callable[..., Any]


@primitive
def fixed_point(f: Function, a: Any, x0: Any, distance: Function, tol: float) -> Any:
    """Return x = f(a)(x), iterated from ``x0`` until it moves by less than ``tol``."""
    step = f(a)
    x, before = step(x0), x0
    while distance(x, before) > tol:
        x, before = step(x), x
    return x


def fixed_point_vjp(
    ans: Any, f: Function, a: Any, x0: Any, distance: Function, tol: float
) -> Function:
    """x_bar is the fixed point of u = g + u df/dx; a_bar = u df/da"""  # noqa: D400

    def of_both(parameter: Any, x: Any) -> Any:
        return f(parameter)(x)

    def adjoint(params: Any) -> Function:
        parameter, x, bar = params
        pullback, _ = make_vjp(f(parameter), x)
        space = vspace(x)

        def step(g: Any) -> Any:
            return space.add(pullback(g), bar)

        return step

    def vjp(g: Any) -> Any:
        zero = vspace(x0).zeros()
        bar = fixed_point(adjoint, (a, ans, g), zero, distance, tol)

        def of_parameter(parameter: Any) -> Any:
            return of_both(parameter, ans)

        return make_vjp(of_parameter, a)[0](bar)

    return vjp


defvjp(fixed_point, None, fixed_point_vjp, None)
