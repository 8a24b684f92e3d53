"""Which methods of SciPy's have steps that can be taken again."""

from __future__ import annotations

from typing import Any

import scipy.integrate

from chainrule.scipy.integrate.implicit_steps import Bdf, Radau
from chainrule.scipy.integrate.steps import Dop853, Method, RungeKutta

_scipy: Any = scipy.integrate
_EXPLICIT: Any = _scipy.RK45.__bases__[0]
_HOW: tuple[tuple[Any, Any], ...] = (
    (_scipy.DOP853, Dop853),
    (_EXPLICIT, RungeKutta),
    (_scipy.Radau, Radau),
    (_scipy.BDF, Bdf),
)


def method_of(solver: Any) -> Method | None:
    """Return how steps of a solver class are taken again; ``None`` if they cannot."""
    for known, how in _HOW:
        if issubclass(solver, known):
            own = solver._step_impl is not known._step_impl
            return None if own else how(solver)
    return None


__all__ = ["method_of"]
