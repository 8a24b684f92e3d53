"""Steps of SciPy's solvers, taken again on nodes.

In: what a solver of SciPy's noted of each step that it accepted. Out: the same steps as
functions of the state, of the time and of what the right-hand side reads, with the
polynomial in ``x = (t - t_old) / h`` that SciPy interpolates with,

    y(t) = y_old + rows[0] x + rows[1] x**2 + ...
"""

from __future__ import annotations

import abc
import functools
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import scipy.integrate
from numpy.typing import NDArray

from chainrule.values.types import Value

_np: Any = np
_scipy: Any = scipy.integrate
Slope = Callable[[Any, Any], Any]
"""The right-hand side: ``f(t, y)`` returns an array of the shape of ``y``."""
Carry = Any
Given = Mapping[str, Any]
"""What is known of a step: its start ``t``, its length ``h``, and what its method adds.
"""


class Method(abc.ABC):
    """A method of SciPy's, whose steps can be taken again."""

    alternate: bool = False
    """Whether its dense output takes the later of two polynomials between steps."""

    def __init__(self, solver: Any) -> None:
        """Take the class of SciPy's, with its coefficients."""
        self.tableau = solver

    def begin(self, solver: Any) -> dict[str, Any]:
        """Return what is to be known of a solver that has taken no step."""
        return {}

    def note(self, solver: Any) -> dict[str, Any]:
        """Return what is to be known of the step that a solver has just taken."""
        return {}

    def prepared(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return what all steps are made with, given what was noted of them."""
        return given

    def no_step(self, note: Given) -> dict[str, Any]:
        """Return what is known of a step of length 0, given the last one."""
        return dict(note)

    @abc.abstractmethod
    def start(self, f: Slope, t: Value, y: Value, begun: Given) -> Carry:
        """Return what the first step starts from."""

    @abc.abstractmethod
    def step(
        self, f: Slope, carry: Carry, x: Given, *, dense: bool
    ) -> tuple[Carry, Any, Any]:
        """Return what the next step starts from, the state, and the polynomial.

        The polynomial is empty unless it is asked for as ``dense``.
        """


class RungeKutta(Method):
    """Explicit methods: RK23, RK45, and classes with another tableau."""

    def start(self, f: Slope, t: Value, y: Value, begun: Given) -> Carry:
        """Return the state and its slope."""
        return y, f(t, y)

    def stages(self, f: Slope, carry: Carry, x: Given) -> list[Any]:
        """Return the slopes of a step's stages."""
        y, k = carry
        t, h = x["t"], x["h"]
        found = [k]
        for a, c in zip(self.tableau.A[1:], self.tableau.C[1:], strict=True):
            weights = a[: len(found)]
            found.append(f(t + c * h, y + h * _mixed(weights, found)))
        return found

    def step(
        self, f: Slope, carry: Carry, x: Given, *, dense: bool
    ) -> tuple[Carry, Any, Any]:
        """Y' = y + h (b @ k), k[s] = f(t + c[s] h, y + h (a[s] @ k))"""
        found = self.stages(f, carry, x)
        y, t, h = carry[0], x["t"], x["h"]
        after = y + h * _mixed(self.tableau.B, found)
        k = f(t + h, after)
        rows: Any = ()
        if dense:
            rows = self.rows(f, carry, x, after, [*found, k])
        return (after, k), after, rows

    def rows(
        self, f: Slope, carry: Carry, x: Given, after: Value, found: list[Any]
    ) -> Any:
        """Return the polynomial: h P.T @ k."""
        return x["h"] * (self.tableau.P.T @ _np.stack(found))


class Dop853(RungeKutta):
    """The method of order 8, whose dense output takes three more stages."""

    def rows(
        self, f: Slope, carry: Carry, x: Given, after: Value, found: list[Any]
    ) -> Any:
        """Return x (F0 + (1 - x) (F1 + x (F2 + ...))), in powers of x."""
        (y, k), t, h = carry, x["t"], x["h"]
        last, own = found[-1], self.tableau
        for a, c in zip(own.A_EXTRA, own.C_EXTRA, strict=True):
            weights = a[: len(found)]
            found.append(f(t + c * h, y + h * _mixed(weights, found)))
        change = after - y
        first = [change, h * k - change, 2.0 * change - h * (last + k)]
        rest = h * (own.D @ _np.stack(found))
        return _POWERS[:, :3] @ _np.stack(first) + _POWERS[:, 3:] @ rest


def _mixed(weights: NDArray[Any], slopes: Sequence[Any]) -> Any:
    """Return a sum of slopes with weights, those that are not 0."""
    pairs = zip(weights.tolist(), slopes, strict=True)
    parts = [w * k for w, k in pairs if w]
    return functools.reduce(operator.add, parts)


def _powers() -> Any:
    """Return x, x (1 - x), x**2 (1 - x), ... in powers of x, a column for each."""
    columns = _np.zeros((7, 7))
    p = _np.polynomial.Polynomial([1.0])
    for i in range(7):
        p = p * ([0.0, 1.0] if i % 2 == 0 else [1.0, -1.0])
        columns[: p.degree(), i] = p.coef[1:]
    return columns


_POWERS = _powers()


def recording(solver: Any, method: Method, notes: list[dict[str, Any]]) -> Any:
    """Return a class of SciPy's solvers that notes the steps that it accepts."""
    base: Any = solver

    class Recording(base):
        def __init__(self, *args: Any, **options: Any) -> None:
            base.__init__(self, *args, **options)
            notes.append(method.begin(self))

        def step(self) -> Any:
            message: Any = base.step(self)
            if self.status != "failed":
                ends = {"t": self.t_old, "h": self.t - self.t_old, "end": self.t}
                notes.append(ends | method.note(self))
            return message

    Recording.__name__ = solver.__name__
    return Recording
