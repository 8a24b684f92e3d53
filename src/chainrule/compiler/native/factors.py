"""Factorisations that functions of one matrix share.

In: a program that solves with a matrix, inverts it, or takes its determinant, more than
once: gradients do. Out: the same program, in which the matrix is factorised once, by
SciPy's LAPACK: by Cholesky's method where it is symmetric and positive definite, which
takes half the work. The factor of ``cholesky`` is known to be triangular. NumPy
factorises anew in each call.
"""

from __future__ import annotations

import functools
import importlib.util
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.compiler.native.meanings import FLOATS
from chainrule.compiler.native.small_matrices import LARGEST, MatrixFunction
from chainrule.compiler.programs.program import Program, become, swapped
from chainrule.compiler.programs.program import transposed as transpose_of
from chainrule.compiler.tracing.rows import NO_KEYWORDS, Row
from chainrule.operations_grad import determinants
from chainrule.rules.registry import traits_of

Array = np.ndarray[Any, Any]


def share_factors(program: Program, *, native: bool = False) -> bool:
    """Have functions of one matrix share its factors; tell whether some do.

    With ``native`` those of a small matrix are machine code.
    """
    if not any(map(_use, program.rows)):
        return False
    if native:
        _turn_upper_factors(program)
    users = _users_of(program, native=native)
    small = {x for x in users if native and _size_of(x) < LARGEST}
    users = {
        x: rows
        for x, rows in users.items()
        if x in small or (_is_double(x) and _has_scipy() and _are_shared(x, rows))
    }
    new: dict[Row, Row] = {}
    for matrix, rows in users.items():
        triangular = _is_factor(matrix)
        if not triangular:
            n = _size_of(matrix)
            like = np.empty((*_stack_of(matrix), n + 1, n))
            new[rows[0]] = Row(factors, (matrix,), {}, [matrix], like, 0)
        held = matrix if triangular else new[rows[0]]
        for row in rows:
            _rewrite(row, held, triangular=triangular)
        if matrix in small:
            for row in {held, *rows} - {matrix}:
                _as_native(row, _size_of(matrix), _stack_of(matrix))
    roots = native and _cholesky_natively(program)
    roots |= native and _triangles_natively(program)
    if new:
        ordered: list[Row] = []
        for row in program.rows:
            ordered += [new[row], row] if row in new else [row]
        program.rows = ordered
        for i, row in enumerate(ordered):
            row.serial = i
    return roots or bool(users)


def _users_of(program: Program, *, native: bool) -> dict[Row, list[Row]]:
    """Return the rows that need factors, by their matrix."""
    found: dict[Row, list[Row]] = {}
    for row in program.rows:
        if _use(row) in _FORMS and not row.given:
            matrix, _ = _matrix_of(row)
            small = native and matrix is not None and _size_of(matrix) < LARGEST
            if matrix is not None and (small or _use(row) != "cofactors"):
                found.setdefault(matrix, []).append(row)
    return found


def _is_double(matrix: Row) -> bool:
    """Tell whether a row is one matrix of float64."""
    return len(matrix.shape or ()) == 2 and matrix.dtype == np.float64


def _are_shared(matrix: Row, rows: list[Row]) -> bool:
    """Tell whether factors spare work of NumPy's."""
    return len(rows) > 1 or (_is_factor(matrix) and _use(rows[0]) in _TRIANGULAR)


def _size_of(matrix: Row) -> int:
    return matrix.shape[-1] if matrix.shape else 0


def _stack_of(matrix: Row) -> tuple[int, ...]:
    return tuple(matrix.shape or ())[:-2]


def _as_native(row: Row, n: int, stack: tuple[int, ...]) -> None:
    """Let machine code compute a row that takes factors, or makes them."""
    name = row.function.__name__
    if name not in (*_FORMS, "factors", "solve_triangular", "inv_triangular"):
        return  # a determinant of a triangular matrix
    right = row.shape[len(stack) + 1 :] if name.startswith("solve") else (0,)
    columns, transposed = (*right, None)[0], row.args[-1] is True
    row.function = MatrixFunction(name, n, columns, transposed=transposed, stack=stack)


def _turn_upper_factors(program: Program) -> None:
    """Have upper factors of small matrices be lower ones of their transposes."""
    rows: list[Row] = []
    for row in program.rows:
        is_upper = _use(row) == "cholesky" and row.given.get("upper") is True
        if is_upper and row.dtype in FLOATS and 0 < _size_of(row) < LARGEST:
            x = row.operands[0]
            turned = x.with_call(np.swapaxes, (x, -1, -2))
            lower = row.with_call(row.function, (turned,))
            rows += [turned, lower]
            become(row, np.swapaxes, (lower, -1, -2))
            row.given = NO_KEYWORDS
        rows.append(row)
    program.rows = rows


def _cholesky_natively(program: Program) -> bool:
    """Let machine code compute factors of Cholesky's; tell whether it computes some."""
    found = False
    for row in program.rows:
        if not _is_factor(row) or 0 in (row.shape or (0,)):
            continue
        if row.dtype in FLOATS and _size_of(row) < LARGEST:
            row.function = MatrixFunction(
                "cholesky", _size_of(row), 0, transposed=False, stack=_stack_of(row)
            )
            row.args, row.given, found = row.args[:1], {}, True
    return found


def _triangles_natively(program: Program) -> bool:
    """Let machine code solve small triangular systems; tell whether it solves some."""
    rows, found = list[Row](), False
    for row in program.rows:
        if _use(row) == "solve_triangular" and row.given["structure"] == "triangular":
            found |= _solve_triangle(row, rows)
        rows.append(row)
    program.rows = rows
    return found


def _solve_triangle(row: Row, rows: list[Row]) -> bool:
    """Solve with the lower triangle of a matrix, or of one that is transposed first."""
    matrix, transposed = _matrix_of(row)
    if matrix is None or _size_of(matrix) >= LARGEST:
        return False
    if row.given["lower"] == transposed:  # the upper triangle
        if transposed:
            matrix, transposed = row.args[0], False
        else:
            turned = matrix.with_call(np.swapaxes, (matrix, -1, -2))
            rows.append(turned)
            matrix, transposed = turned, True
    row.function, row.given = solve_triangular, NO_KEYWORDS
    row.args = (matrix, row.args[1], transposed)
    row.operands = [x for x in row.args if isinstance(x, Row)]
    _as_native(row, _size_of(matrix), _stack_of(matrix))
    return True


def _use(row: Row) -> str:
    """Return what factors are to a row's function."""
    return traits_of(row.function).by_factors


def _is_factor(matrix: Row) -> bool:
    """Tell whether a matrix is a lower triangular factor."""
    lower = not matrix.given.get("upper", False)
    return _use(matrix) == "cholesky" and lower


def _matrix_of(row: Row) -> tuple[Row | None, bool]:
    """Return the one matrix that a row factorises, and whether it is transposed."""
    x = row.args[0]
    if not isinstance(x, Row) or x.dtype not in FLOATS or len(x.shape or ()) < 2:
        return None, False
    if not x.shape or 0 in x.shape:
        return None, False
    stack = x.shape[:-2]
    if _use(row) in ("solve", "solve_triangular"):
        shape = np.shape(_like(row.args[1]))
        alike = shape[:-2] == stack and len(shape) > 1
        if row.dtype not in FLOATS or not (alike or (len(shape) == 1 and not stack)):
            return None, False
    before = swapped(x) or (None if stack else transpose_of(x))
    if isinstance(before, Row):
        return before, True
    return x, False


def _like(x: Any) -> Any:
    return np.empty(x.shape) if isinstance(x, Row) and x.shape is not None else x


def _rewrite(row: Row, held: Row, *, triangular: bool) -> None:
    """Have a row take its matrix's factors."""
    matrix, transposed = _matrix_of(row)
    form = _TRIANGULAR if triangular else _FORMS
    found = form.get(_use(row))
    if found is None:
        return  # a determinant of a triangular matrix
    row.function = found
    more = (matrix,) if found is cofactors else row.args[1:]
    row.args = (held, *more, transposed)
    row.operands = [x for x in row.args if isinstance(x, Row)]


# ------------------------------------------------------------------------- functions


@functools.cache
def _has_scipy() -> bool:
    loaded = "scipy" in sys.modules
    return loaded or importlib.util.find_spec("scipy") is not None


@functools.cache
def _lapack() -> Any:
    return importlib.import_module("scipy.linalg.lapack")


_SINGULAR, _SYMMETRIC = -1.0, -2.0
"""What stands for the pivots of a singular matrix, and of one factorised by Cholesky's
method."""


def factors(matrix: Array) -> Array:
    """Return L and U of the transposed matrix, in one, and below them the pivots.

    Of a symmetric matrix that is positive definite it is U, with U.T U the matrix.
    """
    n = len(matrix)
    found = np.empty((n + 1, n))
    turned = np.ascontiguousarray(matrix).T
    if np.array_equal(matrix, turned):
        upper, indefinite = _lapack().dpotrf(turned, clean=0)
        if not indefinite:
            found[:n], found[n] = upper.T, _SYMMETRIC
            return found
    lu, pivots, singular = _lapack().dgetrf(turned)
    found[:n], found[n] = lu.T, _SINGULAR if singular else pivots
    return found


def _is_symmetric(held: Array) -> bool:
    """Tell whether a matrix was factorised by Cholesky's method."""
    return bool(held[-1, 0] == _SYMMETRIC)


def _parts(held: Array) -> tuple[Any, Any]:
    """Return L and U, and the pivots, of a matrix that is not singular."""
    if held[-1, 0] == _SINGULAR:
        raise np.linalg.LinAlgError("Singular matrix")
    return held[:-1].T, held[-1].astype(np.intc)


def solve(held: Array, y: Array, transposed: bool) -> Any:  # noqa: FBT001
    """Solve with the matrix of these factors, or with it transposed."""
    if _is_symmetric(held):
        return _lapack().dpotrs(held[:-1].T, y)[0]
    return _lapack().dgetrs(*_parts(held), y, trans=int(not transposed))[0]


def inv(held: Array, transposed: bool) -> Any:  # noqa: FBT001
    """Return the inverse."""
    if _is_symmetric(held):
        found: Array = _lapack().dpotri(held[:-1].T)[0]  # above the diagonal
        np.copyto(found, found.T, where=_below(len(found)))
        return found
    found = _lapack().dgetri(*_parts(held))[0]
    return found if transposed else found.T


@functools.lru_cache(8)
def _below(n: int) -> Any:
    """Tell which entries of a matrix are below its diagonal."""
    return np.tri(n, k=-1, dtype=bool)


def slogdet(held: Array, transposed: bool) -> tuple[Any, Any]:  # noqa: FBT001
    """Return the sign of the determinant, and the logarithm of its size."""
    if held[-1, 0] == _SINGULAR:
        return np.float64(0.0), np.float64(-np.inf)
    diagonal = held.diagonal()
    size = np.add.reduce(np.log(np.abs(diagonal)))
    if np.isnan(size):
        return size, size
    if _is_symmetric(held):
        return np.float64(1.0), 2.0 * size
    changes = np.count_nonzero(held[-1] != np.arange(len(diagonal)))
    changes += np.count_nonzero(diagonal < 0.0)
    return np.float64(-1.0 if changes % 2 else 1.0), size


def det(held: Array, transposed: bool) -> Any:  # noqa: FBT001
    """Return the determinant."""
    if held[-1, 0] == _SINGULAR:
        return np.float64(0.0)
    diagonal = held.diagonal()
    if _is_symmetric(held):
        return np.multiply.reduce(diagonal * diagonal)
    swaps = np.count_nonzero(held[-1] != np.arange(len(diagonal)))
    return np.multiply.reduce(diagonal) * (-1.0 if swaps % 2 else 1.0)


def cofactors(held: Array, matrix: Array, transposed: bool) -> Any:  # noqa: FBT001
    """Return the cofactors of a small matrix."""
    return determinants.cofactors(matrix.T if transposed else matrix)


def _refuse_singular(diagonal: Array) -> None:
    if not diagonal.all():
        raise np.linalg.LinAlgError("Singular matrix")


def solve_triangular(factor: Array, y: Array, transposed: bool) -> Any:  # noqa: FBT001
    """Solve with a lower triangular matrix, or with it transposed."""
    _refuse_singular(factor.diagonal())
    upper = np.ascontiguousarray(factor).T
    return _lapack().dtrtrs(upper, y, lower=0, trans=int(not transposed))[0]


def inv_triangular(factor: Array, transposed: bool) -> Any:  # noqa: FBT001
    """Return the inverse of a lower triangular matrix."""
    _refuse_singular(factor.diagonal())
    found = _lapack().dtrtri(np.ascontiguousarray(factor).T, lower=0)[0]
    return found if transposed else found.T


Form = Callable[..., Any]
_FORMS: dict[str, Form] = {f.__name__: f for f in (solve, inv, slogdet, det, cofactors)}
_TRIANGULAR: dict[str, Form] = {"solve": solve_triangular, "inv": inv_triangular}

__all__ = ["share_factors"]
