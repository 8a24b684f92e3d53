"""implicit: results of solvers, differentiated by the equation that they solve."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, ShapeError
from chainrule.nodes.node_class import node
from chainrule.nodes.recorder import next_serial, record
from chainrule.rules import rule
from chainrule.rules.namespace import opaque, plain
from chainrule.rules.supports import supported
from chainrule.solving.forms import Form
from chainrule.solving.reading import CONSTANT, Reading, is_unique, nodes_read, reading
from chainrule.solving.solvable import Solvable, Transposed
from chainrule.solving.systems import How, System, checked_how
from chainrule.transforms.as_called import AsCalled
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
from chainrule.values.containers import flatten, unflatten
from chainrule.values.shapes import describe, shape_of
from chainrule.values.types import Namespace, Parameters, Result, Value
from chainrule.values.vertices import first_stand_in, raw

_np: Any = np


def implicit(
    solve: Callable[..., Any],
    residual: Callable[..., Any],
    *,
    linear_solve: How = None,
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

        def found(*values: Value) -> Any:
            return form.flat(solve(*unflatten(structure, values)))

        found.__name__ = getattr(solve, "__name__", "solve")
        x = form.joined(opaque(found)(*map(value, leaves)))
        outer = list(dict.fromkeys(v for v in leaves if isinstance(v, node)))
        places = {v: i for i, v in enumerate(outer)}
        again = AsCalled.now(residual)

        def equation(z: Value, *operands: Value) -> Any:
            given = [operands[places[v]] if isinstance(v, node) else v for v in leaves]
            return form.residual(again(form.apart(z), *unflatten(structure, given)), z)

        how: Any = {"linear_solve": linear_solve, "matrix_free": matrix_free}
        reads = functools.partial(nodes_read, residual, args, form.apart, x)
        return form.apart(solution(equation, x, outer, reads=reads, **how))

    return solved


# ----------------------------------------------------------------- a solution, recorded


def solution(
    equation: Callable[..., Any],
    x: Value,
    operands: Sequence[node] = (),
    *,
    linear_solve: How = None,
    matrix_free: bool = False,
    system: Solvable | None = None,
    beside: Callable[..., Any] | None = None,
    reads: Callable[[Collection[node]], Reading] | None = None,
) -> Any:
    """Return a plain solution as a node, if the equation reads one.

    ``equation(x, *operands)`` is zero there; it may close over other nodes. ``system``
    solves with its derivative in ``x``, if that is known. ``beside`` is another
    equation, that holds on the other side of a kink: what the derivatives by both do
    not agree in is nan. ``reads`` tells which nodes' values it reads. By those in
    which it has no derivative the solution has one, of zero, where it is unique.
    """
    given = (equation,) if beside is None else (equation, beside)
    equations, runs, closed = _complete(given, x, operands, reads)
    if not operands and not closed:
        return x
    kept: list[_Kept] = []
    for e, run in zip(equations, runs, strict=True):
        solves = system or System(
            e,
            x,
            tuple(map(raw, operands)),
            linear_solve,
            matrix_free=matrix_free,
            rest=raw(run.outputs[0]),
            singular_is_nan=beside is not None,
        )
        kept.append(_Kept(x, e, solves))
    kept[0].beside = kept[-1] if len(kept) > 1 else None
    parameters: dict[str, Any] = {"x": kept[0], "closed": closed}
    parameters["serial"] = next_serial()
    return record(implicit_grad, [*operands, *closed], parameters)


def _complete(
    equations: Sequence[Callable[..., Any]],
    x: Value,
    operands: Sequence[node],
    reads: Callable[[Collection[node]], Reading] | None,
) -> tuple[Sequence[Callable[..., Any]], list[Recording], tuple[node, ...]]:
    """Return equations that depend on all that they read, their runs, and that."""
    runs = [_recorded(e, x, operands) for e in equations]
    closed, moves = _older(runs)
    known = {*closed, *operands}
    cut = [v for v in reads(known).nodes if v not in known] if reads else []
    if not cut:
        return equations, runs, closed
    if not closed and np.size(raw(x)):
        if not moves:
            raise ArgumentError(CONSTANT)
        outputs = [raw(z) for run in runs for z in run.outputs]
        alone = len(runs) == 1 and not operands
        alone = alone and first_stand_in(x, outputs) is None
        if alone and is_unique(equations[0], x):
            return equations, runs, closed
    equations = [reading(e, cut) for e in equations]
    runs = [_recorded(e, x, operands) for e in equations]
    return equations, runs, _older(runs)[0]


def _older(runs: Sequence[Recording]) -> tuple[tuple[node, ...], bool]:
    """Return the nodes that runs close over; and whether results move with inputs."""
    found = [closed_over(run.outputs, run.began) for run in runs]
    older = dict.fromkeys(v for nodes in found for v in nodes)
    inputs = {v for run in runs for v in run.inputs}
    return tuple(v for v in older if v not in inputs), all(found)


def _recorded(
    equation: Callable[..., Any], x: Value, operands: Sequence[Any]
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

    def __init__(
        self, x: Value, equation: Callable[..., Any], system: Solvable
    ) -> None:
        self.x = x
        self.equation = equation
        self.system = system
        self.beside: _Kept | None = None

    def both(self) -> list[_Kept]:
        """Return this equation, and the one beside it."""
        return [self] if self.beside is None else [self, self.beside]


def _agreed(
    xp: Namespace, sides: Sequence[supported | None], z: Result
) -> supported | None:
    """Return a derivative by one equation, or two: nan, at all orders, if not one."""
    known = [side for side in sides if side is not None]
    if len(known) < len(sides):
        if not known:
            return None
        known.append(supported(0.0 * known[0].value))
    if len(known) == 1:
        return known[0]
    one, other = known
    a, b = raw(one.value), raw(other.value)
    size = _np.maximum(_np.abs(a), _np.abs(b))
    close = SAME * size + 1e-4 * SAME * _np.max(size, initial=0.0)
    same = _np.where(_np.abs(a - b) <= close, 1.0, _np.nan)
    return supported(one.value * same ** xp.sum(z))


SAME = 1e-8
"""How near, relative to their size, derivatives on both sides of a kink are one."""


class implicit_grad(rule, kind=True):
    """F(z, x, y, ...) = 0, differentiated by the implicit function theorem"""

    variadic = True

    @staticmethod
    def forward(
        *operands: Value, x: _Kept, closed: tuple[Any, ...], serial: int
    ) -> Any:
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
        sides: list[Any] = []
        for kept in parameters["x"].both():
            run, as_values = cls._again(z, operands, parameters, kept)
            adjoint = cls._solved(
                xp, run, z_bar.value, kept, as_values=as_values, transposed=True
            )
            sides.append(
                swept_backwards(
                    xp, run, parameters["closed"], [-adjoint], as_values=as_values
                )
            )
        for i in wanted:
            bar = _agreed(xp, [bars[1 + i] for bars in sides], z)
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
        sides: list[supported | None] = []
        for kept in parameters["x"].both():
            run, as_values = cls._again(z, operands, parameters, kept)
            dots = swept_forwards(
                xp, run, parameters["closed"], [None, *tangents], as_values=as_values
            )
            if dots[0] is None:  # no tangent, if there is a derivative
                nothing = _np.zeros(shape_of(raw(kept.x)))
                kept.system.solve(nothing, transposed=False)
                sides.append(None)
                continue
            tangent = cls._solved(
                xp, run, dots[0].value, kept, as_values=as_values, transposed=False
            )
            sides.append(supported(-tangent))
        return _agreed(xp, sides, z)

    @staticmethod
    def _again(
        z: Result, operands: Sequence[Any], parameters: Parameters, kept: _Kept
    ) -> tuple[Recording, bool]:
        """Return a run of the residual at the solution."""
        closed = parameters["closed"]
        refuse_changed(closed, parameters["serial"], "a residual")
        inputs = operands[: len(operands) - len(closed)]
        x: Any = z
        return _recorded(kept.equation, x, inputs), are_values(operands)

    @staticmethod
    def _solved(
        xp: Namespace,
        run: Recording,
        b: Value,
        kept: _Kept,
        *,
        as_values: bool,
        transposed: bool,
    ) -> Any:
        """Return the solution of a system, as a solution in turn where it is recorded.

        Its residual is a sweep of the residual, and its matrix the same one.
        """
        system = kept.system
        if transposed:
            system = Transposed(system)
        found = system.solve(raw(b), transposed=False)
        if xp is plain:
            return found
        unknown = run.inputs[0]

        def equation(y: Value) -> Any:
            if transposed:
                swept = swept_backwards(xp, run, (), [y], as_values=as_values)
            else:
                dots = [supported(y)] + [None] * (len(run.inputs) - 1)
                swept = swept_forwards(xp, run, (), dots, as_values=as_values)
            return with_zeros(swept[:1], [unknown])[0] - b

        return solution(equation, found, system=system)


__all__ = ["implicit", "implicit_grad", "solution"]
