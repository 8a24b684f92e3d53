"""implicit: results of solvers, differentiated by the equation that they solve."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, ShapeError
from chainrule.nodes.node_class import node
from chainrule.nodes.recorder import next_serial, record
from chainrule.rules import rule
from chainrule.rules.namespace import opaque, plain
from chainrule.rules.supports import is_inexact, supported
from chainrule.solving.systems import System, checked_how
from chainrule.transforms.one_run import (
    are_values,
    closed_over,
    refuse_changed,
    swept_backwards,
    swept_forwards,
    with_zeros,
)
from chainrule.transforms.recorded_call import Recording
from chainrule.transforms.values import value
from chainrule.values.containers import LEAF, Tree, flatten, unflatten
from chainrule.values.shapes import describe, ndarray, shape_of
from chainrule.values.types import Namespace, Parameters, Result, Value
from chainrule.values.vertices import raw, stand_in

_np: Any = np


def implicit(
    solve: Callable[..., Any],
    residual: Callable[..., Any],
    *,
    linear_solve: Any = None,
    matrix_free: bool = False,
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
        Takes the arguments' plain values and returns a number, an array, or a container
        of them.
    residual
        ``residual(x, *args)`` returns what has the structure and shapes of ``x``. It is
        written with NumPy or chainrule functions; arguments may be containers.
    linear_solve
        How systems with ``dF/dx`` and its transpose are solved. ``"dense"`` factorises
        the matrix and ``"sparse"`` a sparse one (``gd.sparse``), once for all sweeps;
        ``"gmres"``, ``"bicgstab"``, ``"cg"`` (symmetric, positive) and ``"minres"``
        (symmetric) take products with vectors, and make no matrix. A function
        ``linear_solve(A, b)`` is given the square matrix of the flattened ``x``. By
        default it is dense, or sparse where there are many unknowns and few entries.
    matrix_free
        Whether a function ``linear_solve(A, b)`` is given a ``LinearOperator`` of
        SciPy's, and no matrix.

    Raises
    ------
    ShapeError
        If the residual has another shape than the solution.
    ArgumentError
        If the solution holds what is no number and no array.
    LinAlgError
        In a sweep, if ``dF/dx`` is singular, as at a double root: the derivative does
        not exist.

    Warns
    -----
    SolutionWarning
        Where a Newton step from the solution would lead far away, so that it is none.

    Notes
    -----
    Source: the implicit function theorem; Griewank & Walther, chapter 15. Sweeps that
    are themselves differentiated solve with the same factors. The solution's own error
    enters the derivative. Compiled, the solver is called as it is, and its derivative
    is compiled.

    Newton steps taken on nodes are no substitute: after k of them, from a solution that
    is a constant, derivatives are exact to order 2**k - 1, and wrong above it without a
    word. These here are exact at every order.

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
    checked_how(linear_solve)

    @functools.wraps(solve)
    def solved(*args: Any) -> Any:
        leaves, structure = flatten(args)
        form = Form()

        @opaque
        def found(*values: Value) -> Any:
            return form.flat(solve(*unflatten(structure, values)))

        x = form.joined(found(*map(value, leaves)))
        outer = list(dict.fromkeys(v for v in leaves if isinstance(v, node)))
        places = {v: i for i, v in enumerate(outer)}

        def equation(z: Value, *operands: Value) -> Any:
            given = [operands[places[v]] if isinstance(v, node) else v for v in leaves]
            return form.residual(
                residual(form.apart(z), *unflatten(structure, given)), z
            )

        z = solution(
            equation, x, outer, linear_solve=linear_solve, matrix_free=matrix_free
        )
        return form.apart(z)

    return solved


class Form:
    """The structure of a solution, and its inexact leaves as one flat array.

    A solution that is a number or an array keeps its shape.
    """

    def __init__(self) -> None:
        self.structure: Any = LEAF
        self.fixed: dict[int, Any] = {}
        self.shapes: list[tuple[int, ...]] = []

    def flat(self, x: Tree) -> Any:
        """Return the leaves of a solution, and note its structure."""
        leaves, self.structure = flatten(x)
        if self.structure is LEAF or self.structure == LEAF:
            self.structure = LEAF
            return _number(x)
        self.fixed = {i: v for i, v in enumerate(leaves) if not is_inexact(v)}
        moving = [_number(v) for i, v in enumerate(leaves) if i not in self.fixed]
        if not moving:
            raise _no_numbers(x)
        return tuple(moving)

    def joined(self, found: Any) -> Any:
        """Return the leaves as one array."""
        if self.structure is LEAF:
            return found
        self.shapes = list(map(shape_of, found))
        return _np.concatenate([_np.reshape(v, (-1,)) for v in found])

    def apart(self, z: Any) -> Any:
        """Return an array in the structure of the solution."""
        if self.structure is LEAF:
            return z
        parts: list[Any] = []
        begin = 0
        for shape in self.shapes:
            size = math.prod(shape)
            part = z[begin : begin + size]
            parts.append(_np.reshape(part, shape) if shape else part[0])
            begin += size
        for i, v in sorted(self.fixed.items()):
            parts.insert(i, v)
        return unflatten(self.structure, parts)

    def residual(self, tree: Tree, z: Any) -> Any:
        """Return the residual's leaves as an array like the solution's."""
        if self.structure is LEAF:
            return tree
        leaves = flatten(tree)[0]
        if len(leaves) == len(self.shapes) + len(self.fixed):
            leaves = [v for i, v in enumerate(leaves) if i not in self.fixed]
        shapes = [shape_of(raw(v)) for v in leaves]
        if shapes != self.shapes:
            raise ShapeError(
                f"the residual has leaves of shapes {shapes}, and the solution "
                f"{self.shapes}. Return an equation for each unknown, in its place."
            )
        return _np.concatenate([_np.reshape(v, (-1,)) for v in leaves])


def _no_numbers(x: Any) -> ArgumentError:
    return ArgumentError(
        "implicit needs a solver that returns a number or an array of them, or a "
        f"container; received {describe(x)}. Return its solution: result.x."
    )


def _number(x: Any) -> Any:
    """Return a leaf of a solution as a float or an array of inexact numbers."""
    if isinstance(x, int) and not isinstance(x, bool):
        x = float(x)
    kinds = (ndarray, float, complex, np.generic, stand_in)
    if not isinstance(x, kinds) or not is_inexact(x):
        raise _no_numbers(x)
    if isinstance(x, ndarray):
        return _np.array(x)  # a solver may write its next solution there
    return x


# ----------------------------------------------------------------- a solution, recorded


def solution(
    equation: Callable[..., Any],
    x: Any,
    operands: Sequence[node] = (),
    *,
    linear_solve: Any = None,
    matrix_free: bool = False,
    system: Any = None,
) -> Any:
    """Return a plain solution as a node, if the equation reads one.

    ``equation(x, *operands)`` is zero there; it may close over other nodes. ``system``
    solves with its derivative in ``x``, if that is known.
    """
    run = _recorded(equation, x, operands)
    known = set(run.inputs)
    older = closed_over(run.outputs, run.began)
    closed = tuple(v for v in older if v not in known)
    if not operands and not closed:
        return x
    if system is None:
        system = System(
            equation,
            x,
            tuple(map(raw, operands)),
            linear_solve,
            matrix_free=matrix_free,
            rest=raw(run.outputs[0]),
        )
    parameters: dict[str, Any] = {"x": _Kept(x, equation, system), "closed": closed}
    parameters["serial"] = next_serial()
    return record(implicit_grad, [*operands, *closed], parameters)


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

    def __init__(self, x: Any, equation: Callable[..., Any], system: Any) -> None:
        self.x = x
        self.equation = equation
        self.system = system


class _Transposed:
    """A system with the transpose of another one's matrix, by the same factors."""

    def __init__(self, system: Any) -> None:
        self._system = system

    def solve(self, b: Any, *, transposed: bool) -> Any:
        """Return the solution for a right side."""
        return self._system.solve(b, transposed=not transposed)


class implicit_grad(rule, kind=True):
    """F(z, x, y, ...) = 0, differentiated by the implicit function theorem"""

    variadic = True

    @staticmethod
    def forward(*operands: Value, x: Any, closed: Any, serial: int) -> Any:
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
        run, as_values = cls._again(z, operands, parameters)
        adjoint = cls._solved(
            xp, run, z_bar.value, parameters, as_values=as_values, transposed=True
        )
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
        run, as_values = cls._again(z, operands, parameters)
        dots = swept_forwards(
            xp, run, parameters["closed"], [None, *tangents], as_values=as_values
        )
        if dots[0] is None:
            return None
        tangent = cls._solved(
            xp, run, dots[0].value, parameters, as_values=as_values, transposed=False
        )
        return supported(-tangent)

    @staticmethod
    def _again(
        z: Result, operands: Sequence[Any], parameters: Parameters
    ) -> tuple[Recording, bool]:
        """Return a run of the residual at the solution."""
        closed = parameters["closed"]
        refuse_changed(closed, parameters["serial"], "a residual")
        inputs = operands[: len(operands) - len(closed)]
        return _recorded(parameters["x"].equation, z, inputs), are_values(operands)

    @staticmethod
    def _solved(
        xp: Namespace,
        run: Recording,
        b: Any,
        parameters: Parameters,
        *,
        as_values: bool,
        transposed: bool,
    ) -> Any:
        """Return the solution of a system, as a solution in turn where it is recorded.

        Its residual is a sweep of the residual, and its matrix the same one.
        """
        system = parameters["x"].system
        if transposed:
            system = _Transposed(system)
        found = system.solve(raw(b), transposed=False)
        if xp is plain:
            return found
        unknown = run.inputs[0]

        def equation(y: Any) -> Any:
            if transposed:
                swept = swept_backwards(xp, run, (), [y], as_values=as_values)
            else:
                dots = [supported(y)] + [None] * (len(run.inputs) - 1)
                swept = swept_forwards(xp, run, (), dots, as_values=as_values)
            return with_zeros(swept[:1], [unknown])[0] - b

        return solution(equation, found, system=system)


__all__ = ["implicit", "implicit_grad", "solution"]
