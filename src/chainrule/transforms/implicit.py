"""implicit: results of solvers, differentiated by the equation that they solve."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, ShapeError
from chainrule.nodes.node_class import node
from chainrule.nodes.recorder import next_serial, record
from chainrule.rules import rule
from chainrule.rules.namespace import opaque, plain
from chainrule.rules.supports import is_inexact, supported
from chainrule.transforms.matrices import jacobian
from chainrule.transforms.one_run import (
    are_values,
    closed_over,
    refuse_changed,
    swept_backwards,
    swept_forwards,
)
from chainrule.transforms.recorded_call import Recording
from chainrule.transforms.values import value
from chainrule.values.containers import flatten, unflatten
from chainrule.values.shapes import describe, ndarray, shape_of
from chainrule.values.types import Namespace, Parameters, Result, Value
from chainrule.values.vertices import raw

_np: Any = np
LinearSolve = Callable[[Any, Any], Any]
"""``linear_solve(A, b)`` returns x with A x = b, of a matrix."""


def implicit(
    solve: Callable[..., Any],
    residual: Callable[..., Any],
    *,
    linear_solve: LinearSolve | None = None,
) -> Callable[..., Any]:
    """Return what ``solve`` finds, as a differentiable function of its arguments.

    ``x = solve(*args)`` is any solver, in any language: it is called with plain values
    and runs once. Its result has to make ``residual(x, *args)`` zero, and by that
    equation ``dx = -(dF/dx)^-1 dF``, for the arguments and for every node that
    ``residual`` closes over, in both modes and at every order. A root has its function
    as residual, a fixed point ``x - g(x)``, an optimum the gradient of the objective.

    Parameters
    ----------
    solve
        Takes the arguments' plain values and returns a number or an array.
    residual
        ``residual(x, *args)`` returns an array of the shape of ``x``. It is written
        with NumPy or chainrule functions; arguments may be containers.
    linear_solve
        ``linear_solve(A, b)`` solves a system with the square matrix ``dF/dx`` or its
        transpose, of the flattened ``x``; ``np.linalg.solve`` by default.

    Raises
    ------
    ShapeError
        If the residual has another shape than the solution.
    ArgumentError
        If the solution is no number and no array.

    Notes
    -----
    Source: the implicit function theorem; Griewank & Walther, chapter 15. Where
    ``dF/dx`` is singular, as at a double root, the derivative does not exist: LAPACK
    raises, or gives infinities. The solution's own error enters the derivative.
    Compiled, the solver is called as it is, and its derivative is compiled.

    Examples
    --------
    >>> import chainrule as gd
    >>> def newton(a):
    ...     x = 1.0
    ...     for _ in range(30):
    ...         x = x - (x**2 - a) / (2 * x)
    ...     return x
    >>> root = gd.implicit(newton, lambda x, a: x**2 - a)
    >>> gd.grad(root)(4.0), gd.grad(gd.grad(root))(4.0)
    (0.25, -0.03125)
    """
    for f, name in ((solve, "solve"), (residual, "residual")):
        if not callable(f):
            raise ArgumentError(
                f"implicit needs a function as {name}; received {describe(f)}."
            )

    @functools.wraps(solve)
    def solved(*args: Any) -> Any:
        leaves, structure = flatten(args)

        @opaque
        def found(*values: Value) -> Any:
            return _solution(solve(*unflatten(structure, values)))

        x = found(*map(value, leaves))
        outer = list(dict.fromkeys(v for v in leaves if isinstance(v, node)))
        places = {v: i for i, v in enumerate(outer)}

        def equation(z: Value, *operands: Value) -> Any:
            given = [operands[places[v]] if isinstance(v, node) else v for v in leaves]
            return residual(z, *unflatten(structure, given))

        run = _recorded(equation, x, outer)
        known = set(run.inputs)
        older = closed_over(run.outputs, run.began)
        closed = tuple(v for v in older if v not in known)
        if not outer and not closed:
            return x
        solver = _LinearSolver(equation, linear_solve or np.linalg.solve)
        parameters: dict[str, Any] = {"solver": solver, "closed": closed}
        parameters |= {"x": _Kept(x), "serial": next_serial()}
        return record(implicit_grad, [*outer, *closed], parameters)

    return solved


def _solution(x: Any) -> Any:
    """Return what a solver has found as a float or an array of inexact numbers."""
    if isinstance(x, int) and not isinstance(x, bool):
        x = float(x)
    if not isinstance(x, (ndarray, float, np.generic)) or not is_inexact(x):
        raise ArgumentError(
            "implicit needs a solver that returns a number or an array of them; "
            f"received {describe(x)}. Return its solution: result.x."
        )
    if isinstance(x, ndarray):
        return _np.array(x)  # a solver may write its next solution there
    return x


def _recorded(
    equation: Callable[..., Any], x: Any, operands: Sequence[Any]
) -> Recording:
    """Record the residual at a solution, which is its first input."""
    places = range(1 + len(operands))
    run = Recording(equation, [x, *operands], places, {})
    shape = shape_of(raw(run.outputs[0])) if len(run.outputs) == 1 else None
    if shape != np.shape(raw(x)):
        raise ShapeError(
            f"the residual has shape {shape}, and the solution {np.shape(raw(x))}. "
            "Return as many equations as there are unknowns."
        )
    return run


class _Kept:
    """A solution among parameters: nobody changes it, so it is not copied."""

    def __init__(self, x: Any) -> None:
        self.x = x


class _LinearSolver:
    """Systems with the derivative of a residual in its unknowns."""

    def __init__(self, equation: Callable[..., Any], solve: LinearSolve) -> None:
        self.equation = equation
        self._solve = solve
        self._matrix: Any = None

    def matrix(self, x: Any, operands: Sequence[Any], *, is_plain: bool) -> Any:
        """Return the square matrix; of values it is computed once."""
        if is_plain and self._matrix is not None:
            return self._matrix
        found: Any = jacobian(self.equation)(x, *operands)
        size = int(np.size(raw(x)))
        found = _np.reshape(found, (size, size))
        if is_plain:
            self._matrix = found = value(found)
        return found

    def solve(self, matrix: Any, b: Any) -> Any:
        """Return the solution for a right side of the shape of the unknowns."""
        shape = shape_of(raw(b))
        found = self._solve(matrix, _np.reshape(b, (-1,)))
        return _np.reshape(found, shape)


class implicit_grad(rule, kind=True):
    """F(z, x, y, ...) = 0, differentiated by the implicit function theorem"""

    variadic = True

    @staticmethod
    def forward(*operands: Value, solver: Any, closed: Any, x: Any, serial: int) -> Any:
        """Return the solution that was found."""
        return x.x

    @classmethod
    def pull(
        cls,
        xp: Namespace,
        z_bar: supported,
        z: Result,
        operands: Sequence[Any],
        wanted: Sequence[int],
        parameters: Parameters,
    ) -> Iterator[tuple[int, supported]]:
        """Solve the transposed system, and sweep the residual back from there."""
        run, matrix, as_values = cls._again(xp, z, operands, parameters)
        adjoint = parameters["solver"].solve(_np.transpose(matrix), z_bar.value)
        bars = swept_backwards(
            xp, run, parameters["closed"], [-adjoint], as_values=as_values
        )
        for i in wanted:
            bar = bars[1 + i]
            if bar is not None:
                yield i, bar

    @classmethod
    def push(
        cls,
        xp: Namespace,
        tangents: Sequence[supported | None],
        z: Result,
        operands: Sequence[Any],
        parameters: Parameters,
    ) -> supported | None:
        """Sweep the residual forward, and solve the system for the tangent."""
        run, matrix, as_values = cls._again(xp, z, operands, parameters)
        dots = swept_forwards(
            xp, run, parameters["closed"], [None, *tangents], as_values=as_values
        )
        if dots[0] is None:
            return None
        return supported(-parameters["solver"].solve(matrix, dots[0].value))

    @staticmethod
    def _again(
        xp: Namespace, z: Result, operands: Sequence[Any], parameters: Parameters
    ) -> tuple[Recording, Any, bool]:
        """Return a run of the residual at the solution, and its derivative there."""
        closed, solver = parameters["closed"], parameters["solver"]
        refuse_changed(closed, parameters["serial"], "a residual")
        inputs = operands[: len(operands) - len(closed)]
        as_values = are_values(operands)
        run = _recorded(solver.equation, z, inputs)
        matrix = solver.matrix(z, inputs, is_plain=xp is plain)
        return run, matrix, as_values


__all__ = ["implicit"]
