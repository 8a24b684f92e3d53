"""``solve_bvp``: boundary value problems, with derivatives in their parameters.

SciPy finds a mesh and a solution of the collocation equations on it. With nodes the
solution is differentiated by these equations, and the mesh is constant. Their matrix is
put together of the Jacobians of the right-hand side in each point.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.integrate
import scipy.sparse as sp
import scipy.sparse.linalg as sla
from numpy.typing import NDArray

from chainrule import operations
from chainrule.errors import ArgumentError, SolutionWarning
from chainrule.nodes.admission import holds_nodes
from chainrule.nodes.node_class import node
from chainrule.rules.namespace import opaque
from chainrule.scipy.integrate.problem import MeetsNodeError, plainly, watched
from chainrule.scipy.integrate.whole import Whole
from chainrule.scipy.interpolate import CubicHermiteSpline
from chainrule.solving.implicit import solution
from chainrule.transforms.closures import Opened, opened
from chainrule.transforms.matrices import jacobian
from chainrule.transforms.products import jvp
from chainrule.transforms.values import contains_nodes, value
from chainrule.values.types import Array, ArrayValue, Value
from chainrule.values.vertices import first_stand_in, raw

_np: Any = np
_sp: Any = sp
_sla: Any = sla
_scipy: Any = scipy.integrate
NEWTON = 8
"""Steps at most from SciPy's solution to that of the collocation equations."""


def solve_bvp(
    fun: Callable[..., Any],
    bc: Callable[..., Any],
    x: Value,
    y: Value,
    p: Value | None = None,
    S: Any = None,
    fun_jac: Any = None,
    bc_jac: Any = None,
    **options: Any,
) -> Any:
    """Return the solution of a boundary value problem, as SciPy's ``solve_bvp`` does.

    It is differentiable in the nodes that ``fun`` and ``bc`` close over, and in the
    ends of ``x``, in both modes and at every order.

    Parameters
    ----------
    fun
        ``fun(x, y, p)``, or ``fun(x, y)`` without ``p``, returns dy/dx, shape (n, m).
    bc
        ``bc(ya, yb, p)`` returns what is to be zero at the ends, shape (n + k,).
    x, y, p
        The first mesh, shape (m,), and first guesses, shapes (n, m) and (k,). Guesses
        have no derivative.
    S, fun_jac, bc_jac, options
        As SciPy takes them. Jacobians that are not given are exact ones.

    Returns
    -------
    OdeResult
        SciPy's result, with nodes as ``y``, ``p`` and ``yp``, and a spline of nodes as
        ``sol``. Without a node it is SciPy's own.

    Raises
    ------
    ArgumentError
        With ``S``, if there are nodes.

    Warns
    -----
    SolutionWarning
        Where SciPy found no solution.

    Notes
    -----
    Source: Kierzenka & Shampine, "A BVP solver based on residual control and the
    MATLAB PSE", 2001; Griewank & Walther, chapter 15. SciPy solves the collocation
    equations to a part of ``tol``; with nodes they are solved to rounding.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as gd
    >>> from chainrule.scipy.integrate import solve_bvp
    >>> def middle(load):
    ...     def fun(x, y):
    ...         return np.stack([y[1], 0.0 * y[0] - load])
    ...
    ...     def bc(ya, yb):
    ...         return np.stack([ya[0], yb[0]])
    ...
    ...     x = np.linspace(0.0, 1.0, 5)
    ...     return solve_bvp(fun, bc, x, np.zeros((2, 5))).sol(0.5)[0]
    >>> round(float(middle(8.0)), 6), round(gd.grad(middle)(8.0), 6)
    (1.0, 0.125)
    """
    if contains_nodes(options):
        raise ArgumentError(
            "solve_bvp has no derivative in its options. Pass gd.value of them."
        )
    template = opened((fun, bc))
    mesh = operations.asarray(x)
    guess = raw(operations.asarray(y))
    unknown = None if p is None else raw(operations.asarray(p))
    problem = Boundary(template, guess, unknown, (S, fun_jac, bc_jac), options)
    operands = [mesh, *template.values]
    if first_stand_in([guess, unknown, *map(raw, operands)]) is not None:
        return _in_trace(problem, operands)
    if not any(map(holds_nodes, operands)):
        try:
            return problem.plain(watched, mesh, template.whole)
        except MeetsNodeError:
            pass
    return problem.result(mesh, template.values)


@dataclass
class Boundary:
    """A boundary value problem: what is constant in it.

    Attributes
    ----------
    template
        ``(fun, bc)`` with its values taken out.
    guess, unknown
        First guesses of the states, and of the parameters that are solved for.
    given
        ``S`` and the two Jacobians, as they were given.
    """

    template: Opened
    guess: Any
    unknown: Any
    given: tuple[Any, Any, Any]
    options: dict[str, Any]

    def plain(
        self, plainly: Callable[..., Any], x: ArrayValue, functions: tuple[Any, Any]
    ) -> Any:
        """Return SciPy's result for plain values."""
        singular, fun_jac, bc_jac = self.given
        system = Collocation(*functions, has_p=self.unknown is not None)
        return _scipy.solve_bvp(
            plainly(functions[0]),
            plainly(functions[1]),
            x,
            self.guess,
            self.unknown,
            singular,
            fun_jac or self._possible(system.in_points, x),
            bc_jac or self._possible(system.at_ends, None),
            **self.options,
        )

    def _possible(
        self, jac: Callable[..., Any], x: ArrayValue | None
    ) -> Callable[..., Any] | None:
        """Return a Jacobian of ours, if there is one."""
        y = self.guess.astype(_np.result_type(self.guess, float))
        more = () if self.unknown is None else (self.unknown,)
        try:
            jac(*((y[:, 0], y[:, -1]) if x is None else (x, y)), *more)
        except Exception:
            return None
        return jac

    def result(self, x: ArrayValue, values: Sequence[Any]) -> Any:
        """Return SciPy's result with what depends on nodes in it."""
        if self.given[0] is not None:
            raise ArgumentError(
                "solve_bvp has no derivative with a singular term S. Write the term "
                "into fun, on a mesh that begins beside the singularity."
            )
        plain = self.template.filled([raw(v) for v in values])
        found = self.plain(plainly, raw(x), plain)
        if found.status:
            warnings.warn(
                f"solve_bvp found no solution ({found.message.splitlines()[0]}); its "
                "derivative is that of another function.",
                SolutionWarning,
                stacklevel=3,
            )
        mesh = found.x
        if isinstance(x, node):
            first, last = raw(x)[0], raw(x)[-1]
            mesh = x[0] + (mesh - first) / (last - first) * (x[-1] - x[0])
        has_p = self.unknown is not None
        system = Collocation(*self.template.filled(values), has_p=has_p)
        known = Collocation(*plain, has_p=has_p)
        z = _solved(known, found)
        z = solution(
            functools.partial(system.residual, mesh, len(self.guess)),
            z,
            system=_Factors(known.matrix(found.x, len(self.guess), z)),
        )
        found.y, p = system.parts(len(self.guess), len(found.x), z)
        found.p = p[0] if p else None
        found.yp = system.slopes(mesh, found.y, *p)
        found.sol = CubicHermiteSpline(mesh, found.y, found.yp, axis=1)
        found.x = mesh
        return found


def _solved(system: Collocation, found: Any) -> Any:
    """Return the solution of the collocation equations, from SciPy's."""
    n = len(found.y)
    parts = [found.y.T.ravel(), *([] if found.p is None else [found.p])]
    z = _np.concatenate(parts)
    if found.status:
        return z
    for _ in range(NEWTON):
        rest = value(system.residual(found.x, n, z))
        step = _Factors(system.matrix(found.x, n, z)).solve(rest, transposed=False)
        z = z - step
        if _np.max(_np.abs(step)) <= 1e-13 * (1.0 + _np.max(_np.abs(z))):
            break
    return z


class Collocation:
    """The equations of the three-point Lobatto formula, and their matrix.

    The unknowns are the states at the points of the mesh, one after the other, and the
    parameters.
    """

    def __init__(self, fun: Any, bc: Any, *, has_p: bool) -> None:
        """Take the right-hand side, and the conditions at the ends."""
        self.fun = fun
        self.bc = bc
        self.has_p = has_p

    def parts(self, n: int, m: int, z: Array) -> tuple[Any, list[Any]]:
        """Return the states, shape (n, m), and the parameters in a list, if any."""
        y = _np.transpose(_np.reshape(z[: n * m], (m, n)))
        return y, [z[n * m :]] if self.has_p else []

    def slopes(self, x: Array, y: Array, *p: Array) -> Any:
        """Return the right-hand side as an array."""
        return operations.asarray(self.fun(x, y, *p))

    def residual(self, x: Array, n: int, z: Array) -> Any:
        """y1 - y0 - h / 6 (f0 + 4 f(middle) + f1), and the conditions at the ends."""
        y, p = self.parts(n, _np.shape(raw(x))[0], z)
        h = _np.diff(x)
        f = self.slopes(x, y, *p)
        middle = 0.5 * (y[:, 1:] + y[:, :-1]) - 0.125 * h * (f[:, 1:] - f[:, :-1])
        inner = self.slopes(x[:-1] + 0.5 * h, middle, *p)
        rest = y[:, 1:] - y[:, :-1] - h / 6 * (f[:, :-1] + 4 * inner + f[:, 1:])
        ends = operations.asarray(self.bc(y[:, 0], y[:, -1], *p))
        return _np.concatenate([_np.reshape(_np.transpose(rest), (-1,)), ends])

    def in_points(self, x: Array, y: Array, *p: Array) -> Any:
        """Return df/dy, shape (n, n, m), and df/dp, shape (n, k, m), with ``p``."""
        units = _np.identity(len(y))[:, :, None] * _np.ones_like(y)
        dy = _along(lambda y: self.slopes(x, y, *p), y, units)
        if not p:
            return dy
        units = _np.identity(len(p[0]))
        return dy, _along(lambda q: self.slopes(x, y, q), p[0], units)

    def at_ends(self, ya: Array, yb: Array, *p: Array) -> Any:
        """Return the derivatives of the conditions in both ends, and in ``p``."""

        def conditions(*args: Array) -> Any:
            return operations.asarray(self.bc(*args))

        found: Any = jacobian(conditions, tuple(range(2 + len(p))))(ya, yb, *p)
        return tuple(map(value, found))

    def matrix(self, x: Array, n: int, z: Array) -> Any:
        """Return the derivative of the residual in the unknowns, sparse."""
        m = len(x)
        y, p = self.parts(n, m, z)
        h = _np.diff(x)
        f = value(self.slopes(x, y, *p))
        middle = 0.5 * (y[:, 1:] + y[:, :-1]) - 0.125 * h * (f[:, 1:] - f[:, :-1])
        at = [_pages(self.in_points(x, y, *p))]
        at += [_pages(self.in_points(x[:-1] + 0.5 * h, middle, *p))]
        (dy, *dp), (inner, *inner_p) = at
        h = h[:, None, None]
        one = _np.identity(n)
        left = -one - h / 6 * (dy[:-1] + 2 * inner) - h**2 / 12 * inner @ dy[:-1]
        right = one - h / 6 * (dy[1:] + 2 * inner) + h**2 / 12 * inner @ dy[1:]
        blocks = [
            [_diagonals(left, 0, n * m) + _diagonals(right, n, n * m)],
            [_ends(self.at_ends(y[:, 0], y[:, -1], *p), m)],
        ]
        if dp:
            moved = inner_p[0] + 0.125 * h * inner @ (dp[0][:-1] - dp[0][1:])
            column = -h / 6 * (dp[0][:-1] + dp[0][1:] + 4 * moved)
            k = column.shape[2]
            blocks[0].append(_sp.csr_array(column.reshape(-1, k)))
            blocks[1].append(_sp.csr_array(self.at_ends(y[:, 0], y[:, -1], *p)[2]))
        return _sp.csc_array(_sp.block_array(blocks))


def _along(f: Callable[[Any], Any], x: Array, units: Array) -> Any:
    """Return the derivatives along units, side by side."""
    return _np.stack([value(jvp(f, (x,), (u,))[1]) for u in units], 1)


def _pages(found: Any) -> list[Any]:
    """Return Jacobians in points with the points first."""
    if not isinstance(found, tuple):
        return [_np.moveaxis(found, 2, 0)]
    dy, dp = found  # pyright: ignore[reportUnknownVariableType]
    return [_np.moveaxis(dy, 2, 0), _np.moveaxis(dp, 2, 0)]


def _diagonals(blocks: NDArray[Any], shift: int, width: int) -> Any:
    """Return a matrix of square blocks along a diagonal."""
    count, n, _ = blocks.shape
    rows = _np.arange(count * n).reshape(count, n, 1) + _np.zeros((1, 1, n), int)
    columns = _np.arange(count * n).reshape(count, 1, n) + shift
    columns = columns + _np.zeros((1, n, 1), int)
    places = (rows.ravel(), columns.ravel())
    return _sp.csr_array((blocks.ravel(), places), shape=(count * n, width))


def _ends(found: Sequence[Any], m: int) -> Any:
    """Return the rows of the conditions, without the parameters."""
    count, n = found[0].shape
    between = _np.zeros((count, n * (m - 2)))
    return _sp.csr_array(_np.concatenate([found[0], between, found[1]], axis=1))


class _Factors:
    """A sparse matrix, factorised when it is first asked to solve."""

    def __init__(self, matrix: Any) -> None:
        self._matrix = matrix

    @functools.cached_property
    def _lu(self) -> Any:
        return _sla.splu(self._matrix)

    def solve(self, b: Value, *, transposed: bool) -> Any:
        """Return the solution for a right side."""

        def linear_solve(b: Value) -> Any:
            return self._lu.solve(_np.asarray(b), "T" if transposed else "N")

        return opaque(linear_solve)(b)


def _in_trace(problem: Boundary, operands: Sequence[Any]) -> Any:
    """Return the result in a trace, where the solver is one row."""
    kept: list[Any] = []

    def f(x: Array, *values: Value) -> tuple[Any, ...]:
        found = problem.result(x, values)
        kept[:] = [found]
        p = () if found.p is None else (found.p,)
        return (found.x, found.y, found.yp, found.rms_residuals, found.status, *p)

    x, y, slopes, residuals, status, *p = Whole(f, "solve_bvp").operation(*operands)
    found = kept[0]
    found.x, found.y, found.yp, found.rms_residuals = x, y, slopes, residuals
    found.status, found.success = status, status == 0
    found.p = p[0] if p else None
    found.sol = CubicHermiteSpline(x, y, slopes, axis=1)
    return found


__all__ = ["solve_bvp"]
