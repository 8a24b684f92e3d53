"""What Ipopt calls, and what it has found."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import scipy.optimize
import scipy.sparse as sp

from chainrule.compiler.api import compile as compiled
from chainrule.errors import ArgumentError
from chainrule.nodes.admission import holds_nodes
from chainrule.progress import counted
from chainrule.scipy.optimize.bounds import Bounds, joined, limits, sides
from chainrule.scipy.optimize.kinks import Minimised
from chainrule.scipy.optimize.unknowns import Unknowns
from chainrule.sparse.matrices import SparseDerivative
from chainrule.transforms.gradients import grad
from chainrule.transforms.products import jvp
from chainrule.values.shapes import describe
from chainrule.values.types import Array, Shape

_np: Any = np
_scipy: Any = scipy.optimize
_Result: Any = scipy.optimize.OptimizeResult
Filled = Callable[[Sequence[Any]], tuple[Any, Sequence[Any], Sequence[Any]]]
"""Returns a function, constraints ``(f, low, high)`` and arguments that have values."""
WARM: Mapping[str, Any] = {
    "warm_start_init_point": "yes",
    "warm_start_bound_push": 1e-8,
    "warm_start_slack_bound_push": 1e-8,
    "warm_start_mult_bound_push": 1e-8,
    "mu_init": 1e-6,
}
"""Options under which Ipopt begins near a solution."""
CALLED = (
    "gradient",
    "constraints",
    "jacobian",
    "jacobianstructure",
    "hessian",
    "hessianstructure",
    "intermediate",
)
"""What Ipopt calls, besides the objective."""
SOLVED = (0, 1)
"""What Ipopt returns for a solution: to its tolerance, or to one that it accepts."""


def library() -> Any:
    """Return the module that calls Ipopt."""
    try:
        return importlib.import_module("cyipopt")
    except ImportError as error:
        raise ArgumentError(
            "gd.ipopt needs cyipopt, with Ipopt in it. Install chainrule[ipopt], or "
            "use chainrule.scipy.optimize.minimize(..., method='trust-constr')."
        ) from error


class Solution(_Result):
    """What Ipopt has found.

    Attributes
    ----------
    x
        The unknowns, in the form of the first guess.
    fun
        The function there.
    success, status, message
        Whether it is a solution, and what Ipopt says of it.
    nit
        The number of iterations.
    constr
        The values of the constraints: a list, of an array for each.
    multipliers
        Theirs: a list like it. At a solution the gradient of
        ``f + sum(multipliers * constr) - x @ lower + x @ upper`` is zero.
    lower_multipliers, upper_multipliers
        Those of the bounds, not negative, in the form of ``x``.

    Examples
    --------
    >>> import chainrule as gd, numpy as np
    >>> def f(x):
    ...     return (x - 3.0) ** 2
    >>> problem = gd.ipopt.problem(f, bounds=(0.0, 1.0))  # doctest: +SKIP
    >>> found = problem.solve(0.5)  # doctest: +SKIP
    >>> found.success, round(found.x, 6), found.upper_multipliers  # doctest: +SKIP
    (True, 1.0, 4.0)
    """


class Functions:
    """The functions of a problem of the flat unknowns, compiled, and derivatives."""

    def __init__(self, filled: Filled, unknowns: Unknowns) -> None:
        self.filled = filled
        self.unknowns = unknowns
        self.value: Any = compiled(self.objective)
        self.gradient: Any = compiled(grad(self.objective))
        self.together: Any = compiled(self._together)
        self.jacobian: SparseDerivative = SparseDerivative(self._together)
        self.hessian: SparseDerivative = SparseDerivative(
            self._lagrangian, symmetric=True
        )

    def objective(self, x: Array, *given: Any) -> Any:
        """Return the function."""
        f, _, args = self.filled(given)
        return f(self.unknowns.restored(x), *args)

    def minimised(self, given: Sequence[Any]) -> Minimised:
        """Return what is asked of the function at a minimum."""

        def value(x: Array) -> Any:
            return self.value(x, *given)

        def gradient(x: Array) -> Any:
            return self.gradient(x, *given)

        def product(x: Array, v: Array) -> Any:
            return jvp(gradient, (x,), (v,))[1]

        return Minimised(value, gradient, product)

    def parts(self, x: Array, *given: Any) -> list[Any]:
        """Return the constraints' values."""
        restored = self.unknowns.restored(x)
        _, constraints, args = self.filled(given)
        return [f(restored, *args) for f, _, _ in constraints]

    def sides(self, shapes: Sequence[Shape], *given: Any) -> tuple[Any, Any]:
        """Return the lower and the upper bounds of all constraints."""
        _, constraints, _ = self.filled(given)
        lower = sides([low for _, low, _ in constraints], shapes)
        return lower, sides([high for _, _, high in constraints], shapes)

    def _together(self, x: Array, *args: Any) -> Any:
        return _np.concatenate([_np.ravel(z) for z in self.parts(x, *args)])

    def _lagrangian(self, x: Array, factor: float, by: Array, *args: Any) -> Any:
        found = factor * self.objective(x, *args)
        return found + _np.sum(by * self._together(x, *args)) if by.size else found


class _PatternGrewError(Exception):
    """A matrix has entries that Ipopt was not told of."""


class Run:
    """One solution: what Ipopt calls, and what it is told first."""

    def __init__(
        self,
        functions: Functions,
        unknowns: Unknowns,
        args: tuple[Any, ...],
        callback: Callable[[Any], Any] | None,
        *,
        progress: bool,
    ) -> None:
        self.functions = functions
        self.unknowns = unknowns
        self.args = args
        self.callback = callback
        self.latest: Any = unknowns.start
        self.iterations: float = 0
        self.problem: Any = None
        self.progress = progress
        first: Any = functions.objective(unknowns.start, *args)
        parts = functions.parts(unknowns.start, *args)
        if any(map(holds_nodes, [first, *parts])):
            raise ArgumentError(
                "a function of the problem holds a node where it cannot be told from "
                "the rest. Pass it in args of solve."
            )
        if first is None or _np.size(first) != 1:
            raise ArgumentError(
                f"Ipopt minimises a number; the function returned {describe(first)}."
            )
        self.shapes: list[tuple[int, ...]] = [np.shape(z) for z in parts]
        self.count: int = sum(map(math.prod, self.shapes))
        self._jacobian_pattern: Any = None
        self._hessian_pattern: Any = None
        self._lower: Any = None

    # ------------------------------------------------------------- what Ipopt calls

    def objective(self, x: Array) -> Any:
        """Return the function."""
        return float(_np.reshape(self.functions.value(_np.array(x), *self.args), ()))

    def gradient(self, x: Array) -> Any:
        """Return its gradient."""
        return self.functions.gradient(_np.array(x), *self.args)

    def constraints(self, x: Array) -> Any:
        """Return the values of all constraints."""
        if not self.count:
            return _np.zeros(0)
        return self.functions.together(_np.array(x), *self.args)

    def jacobian(self, x: Array) -> Any:
        """Return the entries of the constraints' Jacobian."""
        if not self.count:
            return _np.zeros(0)
        given = (_np.array(x), *self.args)
        state, entries = self.functions.jacobian.evaluated(given, {})
        if state.pattern is not self._jacobian_pattern:
            raise _PatternGrewError
        return entries if entries.size else _np.zeros(1)

    def jacobianstructure(self) -> Any:
        """Return the places of these entries."""
        if not self.count:
            return _np.zeros(0, int), _np.zeros(0, int)
        given = (self.latest, *self.args)
        state = self.functions.jacobian.state_at(given, {})
        self._jacobian_pattern = state.pattern
        if not state.pattern.nnz:  # Ipopt wants an entry
            return _np.zeros(1, int), _np.zeros(1, int)
        return _places(state.pattern)

    def hessian(self, x: Array, multipliers: Array, factor: float) -> Any:
        """Return the entries of the Lagrangian's Hessian, below the diagonal."""
        given = (_np.array(x), float(factor), _np.array(multipliers), *self.args)
        state, entries = self.functions.hessian.evaluated(given, {})
        if state.pattern is not self._hessian_pattern:
            raise _PatternGrewError
        return entries[self._lower]

    def hessianstructure(self) -> Any:
        """Return the places of these entries."""
        given = (self.latest, 1.0, _np.ones(self.count), *self.args)
        try:
            state = self.functions.hessian.state_at(given, {})
        except ArgumentError as error:
            error.add_note(
                "It is the Hessian of the Lagrangian: solve(..., "
                "hessian_approximation='limited-memory') does without."
            )
            raise
        self._hessian_pattern = state.pattern
        rows, columns = _places(state.pattern)
        self._lower = rows >= columns
        return rows[self._lower], columns[self._lower]

    def intermediate(self, *told: float) -> bool:
        """Note an iteration, and show it; tell whether to go on."""
        self.iterations = told[1]
        iterate = self.problem.get_current_iterate()
        if iterate is not None:
            self.latest = _np.array(iterate["x"])
        if self.callback is None:
            return True
        step = _scipy.OptimizeResult(
            x=self.unknowns.restored(self.latest),
            fun=told[2],
            nit=told[1],
            infeasibility=told[3],
            barrier=told[5],
        )
        try:
            self.callback(step)
        except StopIteration:
            return False
        return True

    # -------------------------------------------------------------------- solutions

    def solved(
        self, bounds: Bounds, warm: Solution | None, options: Mapping[str, str | float]
    ) -> Solution:
        """Return what Ipopt finds; once more where a pattern grew on the way."""
        low, high = limits(bounds, self.unknowns)
        given: dict[str, Any] = {"print_level": 0, "sb": "yes"}
        start: dict[str, Any] = {}
        if warm is not None:
            given |= WARM
            start = {
                "lagrange": joined(warm.multipliers),
                "zl": Unknowns(warm.lower_multipliers).start,
                "zu": Unknowns(warm.upper_multipliers).start,
            }
        given |= options
        with counted(self.objective, "ipopt", own=self.progress) as objective:
            while True:
                self.problem = self._problem(low, high, given, objective)
                try:
                    x, told = self.problem.solve(self.latest, **start)
                except _PatternGrewError:
                    continue
                return self._solution(x, told)

    def _problem(
        self,
        low: Array,
        high: Array,
        options: Mapping[str, Any],
        objective: Callable[..., float],
    ) -> Any:
        """Return the problem as Ipopt takes it."""
        lower, upper = self.functions.sides(self.shapes, *self.args)
        called: dict[str, Any] = {name: getattr(self, name) for name in CALLED}
        called["objective"] = objective
        if options.get("hessian_approximation") == "limited-memory":
            del called["hessian"], called["hessianstructure"]
        size = self.unknowns.start.size
        made = library().Problem(
            size, self.count, SimpleNamespace(**called), low, high, lower, upper
        )
        for name, setting in options.items():
            try:
                made.add_option(name, setting)
            except TypeError as error:
                raise ArgumentError(
                    f"Ipopt has no option {name!r} that may be {setting!r}. See "
                    "https://coin-or.github.io/Ipopt/OPTIONS.html."
                ) from error
        return made

    def _solution(self, x: Array, told: Mapping[str, Any]) -> Solution:
        message = told["status_msg"]
        return Solution(
            x=self.unknowns.restored(x),
            fun=float(told["obj_val"]),
            success=told["status"] in SOLVED,
            status=told["status"],
            message=message.decode() if isinstance(message, bytes) else message,
            nit=self.iterations,
            constr=apart(told["g"], self.shapes),
            multipliers=apart(told["mult_g"], self.shapes),
            lower_multipliers=self.unknowns.restored(told["mult_x_L"]),
            upper_multipliers=self.unknowns.restored(told["mult_x_U"]),
        )


def apart(flat: Array, shapes: Sequence[Shape]) -> list[Any]:
    """Return an array of all constraints as one for each."""
    found: list[Any] = []
    begin = 0
    for shape in shapes:
        end = begin + math.prod(shape)
        found.append(_np.reshape(flat[begin:end], shape))
        begin = end
    return found


def _places(pattern: sp.csr_array[Any]) -> tuple[Any, Any]:
    """Return the rows and the columns of a pattern's entries, in their order."""
    counts = _np.diff(pattern.indptr)
    return _np.repeat(_np.arange(counts.size), counts), pattern.indices


__all__ = ["Filled", "Functions", "Run", "Solution", "apart", "library"]
