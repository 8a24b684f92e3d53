"""``odeint`` with derivatives, by the adjoint equation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.integrate

from chainrule.compat.autograd.core import make_vjp
from chainrule.compat.autograd.misc.flatten import flatten
from chainrule.compat.declaring import defvjp_argnums
from chainrule.compat.namespaces import served
from chainrule.compat.primitives import primitive

Function = Callable[..., Any]
_hstack: Function = served(np.hstack)
_dot: Function = served(np.dot)

odeint: Any = primitive(scipy.integrate.odeint)
"""``scipy.integrate.odeint(func, y0, t, args)``, differentiable in y0, t and args."""


def _vjps(
    argnums: Sequence[int], ans: Any, args: Sequence[Any], kwargs: Any
) -> Function:
    """-d y_bar/dt = y_bar df/dy, from the last time back to the first.

    What the parameters and the first time contribute is integrated with it. Source:
    Froehlich, Loos and Hasenauer, arXiv:1711.08079.
    """
    func, _, t, parameters = (*args, kwargs.get("args", ()))[:4]
    rest = {k: v for k, v in kwargs.items() if k != "args"}
    vector, unflatten = flatten(parameters)

    def of_all(x: Any) -> Any:
        y, time, flat = x
        return func(y, time, *unflatten(flat))

    size = np.shape(ans)[1]

    def backwards(state: Any, time: Any, flat: Any) -> Any:
        """Return how y, y_bar, t_bar and those of the parameters change."""
        point = state[:size], time, flat
        pullback, slope = make_vjp(of_all, point, copy=False)
        y_bar, t_bar, flat_bar = pullback(-state[size : 2 * size])
        return _hstack((slope, y_bar, t_bar, flat_bar))

    def vjp(g: Any) -> list[Any]:
        y_bar, start_bar = g[-1], 0.0
        flat_bar: Any = np.zeros(np.size(vector))
        time_bars: list[Any] = []
        for i in range(np.shape(ans)[0] - 1, 0, -1):
            time_bar = _dot(func(ans[i], t[i], *parameters), g[i])
            time_bars.insert(0, time_bar)
            state = _hstack((ans[i], y_bar, start_bar - time_bar, flat_bar))
            span = _hstack((t[i], t[i - 1]))
            state = odeint(backwards, state, span, (vector,), **rest)[1]
            y_bar = state[size : 2 * size] + g[i - 1]
            start_bar, flat_bar = state[2 * size], state[2 * size + 1 :]
        bars = [None, y_bar, _hstack((start_bar, *time_bars)), unflatten(flat_bar)]
        return [bars[i] for i in argnums]

    return vjp


defvjp_argnums(odeint, _vjps)
