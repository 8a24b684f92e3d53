"""linear_solve: the solution of a linear system that is given by a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.rules.supports import is_inexact, zeros_of
from chainrule.solving.forms import Form
from chainrule.solving.implicit import solution
from chainrule.solving.systems import System, checked_how
from chainrule.transforms.as_called import AsCalled
from chainrule.transforms.values import joined_entries, value
from chainrule.values.containers import map_leaves
from chainrule.values.shapes import describe
from chainrule.values.types import Array, Value
from chainrule.values.vertices import raw

_np: Any = np
Linear = Callable[[Any], Any]


def linear_solve(
    product: Linear | Array,
    b: Any,
    *,
    linear_solve: Any = None,
    matrix_free: bool = False,
) -> Any:
    """Return ``x`` with ``product(x) = b``, of a linear function.

    It is differentiated by ``b`` and by every node that ``product`` closes over, in
    both modes and at every order: cotangents are solutions with the transpose, which
    needs not be given. The matrix is factorised once for the solution and all sweeps.

    Parameters
    ----------
    product
        A linear function of what has the structure and shapes of ``b``, written with
        NumPy or chainrule functions; or a square matrix.
    b
        The right side: a number, an array or a container of them.
    linear_solve, matrix_free
        How it is solved, as for ``implicit``.

    Raises
    ------
    LinAlgError
        If the matrix is singular.
    ShapeError
        If the product has another shape than its argument.

    Examples
    --------
    >>> import chainrule as gd, numpy as np
    >>> def heat(u, k):  # an implicit step of the heat equation, no matrix
    ...     padded = np.concatenate([np.zeros(1), u, np.zeros(1)])
    ...     return u - k * (padded[2:] - 2 * u + padded[:-2])
    >>> def step(k):
    ...     u = gd.linear_solve(
    ...         lambda u: heat(u, k), np.array([0.0, 1.0, 0.0]), linear_solve="cg"
    ...     )
    ...     return u[1]
    >>> float(step(0.5).round(6)), round(gd.grad(step)(0.5), 6)
    (0.571429, -0.408163)
    """
    checked_how(linear_solve)
    b, form = map_leaves(joined_entries, b), Form()
    plain = form.flat(map_leaves(_inexact, value(b)))
    start = form.joined(plain)
    times = AsCalled.now(product) if callable(product) else None
    product = joined_entries(product)

    def equation(y: Value) -> Any:
        x = form.apart(y)
        z = _np.matmul(product, x) if times is None else times(x)
        return form.residual(z, y) - form.residual(b, y)

    zero: Any = zeros_of(raw(start))
    rest = value(equation(zero))
    system = System(
        equation, zero, (), linear_solve, matrix_free=matrix_free, reads=rest
    )
    x = system.solve(-rest, transposed=False)
    return form.apart(solution(equation, x, system=system))


def _inexact(x: Value) -> Any:
    """Return a number or an array of integers as one of floats."""
    if is_inexact(x):
        return x
    if isinstance(x, bool | str) or not hasattr(x + 0, "__mul__"):
        raise ArgumentError(f"linear_solve needs numbers; received {describe(x)}.")
    return x * 1.0


__all__ = ["linear_solve"]
