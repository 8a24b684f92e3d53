"""Linear systems with the derivative of a residual, solved on plain values.

A ``System`` belongs to one solution. Its matrix is made, and factorised, when a sweep
first asks for it; all sweeps of that solution share it, at every order.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.errors import ArgumentError, ChainruleError, SolutionWarning
from chainrule.rules.namespace import opaque, plain
from chainrule.rules.supports import supported
from chainrule.solving.rows import traced_alone
from chainrule.transforms.matrices import jacobian
from chainrule.transforms.one_run import (
    run_of,
    swept_backwards,
    swept_forwards,
    with_zeros,
)
from chainrule.transforms.values import value
from chainrule.values.shapes import describe, ndarray, shape_of
from chainrule.values.types import Array, Value
from chainrule.values.vertices import first_stand_in, stand_in

if TYPE_CHECKING:
    from scipy.sparse.linalg import LinearOperator

_np: Any = np
Solve = Callable[..., Any]
"""``solve(b, transposed=...)`` returns x with A x = b, or with A.T x = b, all flat."""
How = str | Callable[..., Any] | None
"""A way of solving, by its name or as a function; ``None`` chooses one."""
MANY = 500
"""Unknowns from which the matrix is taken to be sparse, if it is."""
FULL = 0.1
"""The share of entries above which a sparse matrix is factorised as a dense one."""
KRYLOV = ("bicgstab", "cg", "gmres", "minres")
HOWS = ("dense", "sparse", *KRYLOV)


class System:
    """Systems with the derivative of ``equation`` in its first argument.

    Parameters
    ----------
    equation
        A function of the unknowns and of the operands; it may close over nodes.
    x, operands
        Plain values, where the derivative is taken.
    how
        One of ``HOWS``, ``None`` to choose, or a function of the matrix and a right
        side; of an operator of SciPy's where ``matrix_free``.
    rest
        The value of the equation there, by which the solution is judged.
    reads
        A value of the equation: a traced one where it closes over such.
    singular_is_nan
        Whether the solution with a singular matrix is nan, and is not refused.
    """

    def __init__(
        self,
        equation: Callable[..., Any],
        x: Value,
        operands: Sequence[Any],
        how: How = None,
        *,
        matrix_free: bool = False,
        rest: Any = None,
        reads: Any = None,
        singular_is_nan: bool = False,
    ) -> None:
        """Keep what is given; nothing is computed."""
        self.equation = equation
        self.x = x
        self.operands: tuple[Any, ...] = tuple(operands)
        self.how = how
        self.matrix_free = matrix_free
        self.rest: Any = rest
        self.singular_is_nan = singular_is_nan
        self._trace = first_stand_in(x, self.operands, rest, reads)
        self._size = int(_np.size(x.example if isinstance(x, stand_in) else x))
        self._known: list[tuple[tuple[Any, ...], Solve]] = []

    def solve(self, b: Value, *, transposed: bool) -> Any:
        """Return the solution for a right side of the shape of the unknowns."""
        found = self._solved(_np.reshape(b, (-1,)), transposed=transposed)
        return _np.reshape(found, shape_of(b))

    def _solved(self, b: Array, *, transposed: bool) -> Any:
        trace = self._trace
        small = self.how is None and self._size < MANY
        if (small or self.how == "dense") and first_stand_in(trace, b) is not None:
            solve = opaque(_solved_or_nan) if self.singular_is_nan else _np.linalg.solve
            return solve(self._oriented(transposed=transposed), b)
        if trace is not None:
            return self._as_a_row(trace, b, transposed=transposed)
        if first_stand_in(b) is not None:
            return opaque(functools.partial(self._factor, transposed=transposed))(b)
        self._judge()
        return self._factor(b, transposed=transposed)

    # ------------------------------------------------------------------ the matrix

    def _flat(self, x: Value) -> Any:
        """Return the flat residual of flat unknowns."""
        z = self.equation(_np.reshape(x, shape_of(self.x)), *self.operands)
        return _np.reshape(z, (-1,))

    @functools.cached_property
    def _matrix(self) -> Any:
        """The square matrix of the flat unknowns."""
        found: Any = jacobian(self.equation)(self.x, *self.operands)
        return value(_np.reshape(found, (self._size, self._size)))

    def _oriented(self, *, transposed: bool) -> Any:
        return _np.transpose(self._matrix) if transposed else self._matrix

    @functools.cached_property
    def _factor(self) -> Solve:
        """What solves on plain values: made once."""
        flat = _np.reshape(_np.asarray(self.x), (-1,))
        return self._solver(self._flat).at(flat)

    def _solver(self, f: Callable[..., Any]) -> Solver:
        return Solver(
            f,
            self.how,
            matrix_free=self.matrix_free,
            singular_is_nan=self.singular_is_nan,
        )

    # ------------------------------------------------------------------- in a trace

    def _as_a_row(self, trace: stand_in, b: Array, *, transposed: bool) -> Any:
        """Solve in one row of a trace, with the residual traced by itself."""
        x = self.x.example if isinstance(self.x, stand_in) else self.x
        flat = _np.reshape(_np.asarray(x), (-1,))
        run, captured = traced_alone(trace, self._flat, [flat])
        solver = self._solver(run)

        @opaque
        def linear_solve(b: Array, x: Array, *captured: Value) -> Any:
            return self._kept(solver, x, captured)(b, transposed=transposed)

        return linear_solve(b, _np.reshape(self.x, (-1,)), *captured)

    def _kept(self, solver: Solver, x: Any, captured: Sequence[Any]) -> Solve:
        """Return what solves for these values: the last one, where they are the same.

        Rows of one program ask for the same matrix one after the other.
        """
        key = (x, *captured)
        for known, solve in self._known:
            if all(map(_np.array_equal, known, key)):
                return solve

        solve = solver.at(x, captured)
        kept = tuple(v.copy() if isinstance(v, ndarray) else v for v in key)
        self._known[:] = [(kept, solve)]
        return solve

    # ------------------------------------------------------------- is it a solution?

    def _judge(self) -> None:
        """Warn where a Newton step from the solution would lead far away."""
        rest, self.rest = self.rest, None
        if rest is None or self.how in KRYLOV or self.matrix_free:
            return
        step = _np.max(
            _np.abs(self._factor(_np.ravel(rest), transposed=False)), initial=0.0
        )
        size = _np.max(_np.abs(self.x), initial=0.0)
        if step > FAR * (0.1 + size):
            warnings.warn(
                f"the solution does not satisfy its equation: a Newton step from it "
                f"has length {step:.1e}, and the solution {size:.1e}, so its "
                "derivative is that of another point. Let the solver run longer, or "
                "give it a smaller tolerance.",
                SolutionWarning,
                stacklevel=2,
            )


FAR = 1e-2
"""The length of a Newton step, relative to the solution, that is too long for one."""


# ------------------------------------------------------------------- ways of solving


class Solver:
    """What solves systems with the Jacobian of ``f(x, *captured)`` in ``x``.

    Nodes that ``f`` closes over are constants.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        how: How,
        *,
        matrix_free: bool,
        singular_is_nan: bool = False,
    ) -> None:
        """Keep the function, and the way."""
        self._f = f
        self._how = how
        self._singular_is_nan = singular_is_nan
        self._given: bool = callable(how)
        self._by_products: bool = how in KRYLOV or (self._given and matrix_free)

    def at(self, x: Array, captured: Sequence[Any] = ()) -> Solve:
        """Return what solves with the matrix at a point: factorised, if it is."""
        try:
            return self._at(x, captured)
        except _np.linalg.LinAlgError:
            if self._singular_is_nan:
                return _nowhere
            raise

    def _at(self, x: Array, captured: Sequence[Any]) -> Solve:
        if self._by_products:
            return _krylov(functools.partial(self._listed, captured), x, self._how)
        many = self._how is None and x.size >= MANY and x.dtype.kind == "f"
        if many or self._how == "sparse":
            return self._sparse(x, captured)
        return self._dense(x, captured)

    def _dense(self, x: Any, captured: Sequence[Any]) -> Solve:
        matrix = value(jacobian(self._f)(x, *captured))
        how: Any = self._how
        return _given(how, matrix) if self._given else factorised(matrix)

    def _sparse(self, x: Array, captured: Sequence[Any]) -> Solve:
        """Factorise a sparse matrix; a dense one where it is none, or without SciPy."""
        must = self._how == "sparse"
        try:
            matrix = self._derivative(x, *captured)
        except (ChainruleError, ImportError):  # full, or it has no program
            if must:
                raise
            return self._dense(x, captured)
        if matrix.nnz > FULL * x.size**2 and not must:
            return factorised(matrix.toarray())
        return sparse_factor(matrix)

    @functools.cached_property
    def _derivative(self) -> Any:
        from chainrule.sparse.matrices import SparseDerivative

        return SparseDerivative(self._f, closed_is_constant=True)

    def _listed(self, captured: Sequence[Any], x: Value) -> list[Any]:
        return [self._f(x, *captured)]


def checked_how(how: How) -> How:
    """Return a way to solve systems, or raise for what is none."""
    if how is None or callable(how) or how in HOWS:
        return how
    raise ArgumentError(
        f"linear_solve= is one of {', '.join(map(repr, HOWS))}, or a function of a "
        f"matrix and a right side; received {describe(how)}."
    )


def _given(solve: Callable[[Any, Any], Any], matrix: Array) -> Solve:
    def solved(b: Array, *, transposed: bool) -> Any:
        return solve(matrix.T if transposed else matrix, b)

    return solved


def factorised(matrix: Array) -> Solve:
    """Return what solves by the LU factors of a dense matrix, by LAPACK."""
    try:
        from scipy.linalg import get_lapack_funcs
    except ImportError:
        return _given(_np.linalg.solve, matrix)
    get: Any = get_lapack_funcs
    matrix = _np.asarray(matrix)
    if not matrix.size or not _np.isfinite(matrix).all():
        return _nowhere
    getrf, getrs = get(("getrf", "getrs"), (matrix,))
    factor, pivots, info = getrf(matrix)
    if info > 0:
        raise _np.linalg.LinAlgError(_SINGULAR)

    def solved(b: Any, *, transposed: bool) -> Any:
        if _np.iscomplexobj(b) and not _np.iscomplexobj(factor):
            parts = [solved(part, transposed=transposed) for part in (b.real, b.imag)]
            return parts[0] + 1j * parts[1]
        return getrs(factor, pivots, b, trans=int(transposed))[0]

    return solved


def _solved_or_nan(matrix: Array, b: Array) -> Any:
    """Return the solution; nan where the matrix is singular."""
    try:
        return _np.linalg.solve(matrix, b)
    except _np.linalg.LinAlgError:
        return _nowhere(b, transposed=False)


def _nowhere(b: Any, *, transposed: bool) -> Any:
    """Return nan for each unknown: those of a matrix that holds nan, or is empty."""
    return b * _np.nan


_SINGULAR = (
    "Singular matrix: a linear system has no unique solution. Where it is that of a "
    "residual at a solution, the solution has no derivative there."
)


def sparse_factor(matrix: Any) -> Solve:
    """Return what solves by the factors of a sparse matrix, by SuperLU."""
    if not _np.isfinite(matrix.data).all():
        return _nowhere
    from scipy.sparse import linalg

    splu: Any = linalg.splu
    try:
        factor: Any = splu(matrix.tocsc())
    except RuntimeError as error:
        if "singular" not in str(error):
            raise
        raise _np.linalg.LinAlgError(_SINGULAR) from None

    def solved(b: Array, *, transposed: bool) -> Any:
        return factor.solve(b, trans="T" if transposed else "N")

    return solved


def _krylov(f: Callable[[Any], list[Any]], x: Any, how: Any) -> Solve:
    """Return what solves by products with vectors alone: sweeps of one recording."""
    from scipy.sparse.linalg import LinearOperator as Operator

    run = run_of(f, [x], [0])

    def product(v: Array) -> Any:
        seed = supported(_np.reshape(v, -1).astype(x.dtype))
        return with_zeros(swept_forwards(plain, run, (), [seed]), [x])[0]

    def transpose(v: Array) -> Any:
        seed = _np.reshape(v, -1).astype(x.dtype)
        return with_zeros(swept_backwards(plain, run, (), [seed]), [x])[0]

    make: Any = Operator
    size = (x.size, x.size)
    forward = make(size, matvec=product, rmatvec=transpose, dtype=x.dtype)
    backward = make(size, matvec=transpose, rmatvec=product, dtype=x.dtype)
    forward.is_transpose, backward.is_transpose = False, True
    solve: Any = how if callable(how) else functools.partial(iterated, how)

    def solved(b: Array, *, transposed: bool) -> Any:
        return solve(backward if transposed else forward, b)

    return solved


def iterated(how: str, operator: LinearOperator, b: Array) -> Any:
    """Return the solution by a Krylov method of SciPy's; warn where it has not got to.

    ``LinearOperator.rmatvec`` is that of the conjugate transpose; all is real here.
    """
    import scipy.sparse.linalg

    exact = 10.0 * float(np.finfo(b.dtype).eps)
    options: dict[str, Any] = {"rtol": max(1e-12, exact)}
    if how == "gmres":
        options["restart"] = min(operator.shape[0], 100)
    found, info = getattr(scipy.sparse.linalg, how)(operator, b, **options)
    if info:
        rest = _np.linalg.norm(operator @ found - b)
        warnings.warn(
            f"{how} stopped before it solved a system of a derivative: the residual "
            f"is {rest:.1e}, and the right side {_np.linalg.norm(b):.1e}. Give a "
            "function as linear_solve=, with a preconditioner, and matrix_free=True.",
            SolutionWarning,
            stacklevel=2,
        )
    return found


__all__ = ["HOWS", "System", "checked_how", "factorised", "iterated", "sparse_factor"]
