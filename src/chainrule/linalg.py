"""Linear algebra beyond NumPy's: functions of symmetric matrices."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule import operations
from chainrule.errors import ArgumentError, ShapeError
from chainrule.nodes.admission import holds_nodes
from chainrule.nodes.recorder import record
from chainrule.operations_grad.matrix_parts import adjoint, columns, conjugate
from chainrule.rules import general
from chainrule.rules.cases import Cases, case, symmetric
from chainrule.rules.namespace import plain
from chainrule.transforms.gradients import grad
from chainrule.values.shapes import describe, dtype_of, is_complex
from chainrule.values.types import Namespace, Value
from chainrule.values.vertices import vertex

Function = Callable[[Any], Any]


def funm_symmetric(x: ArrayLike, f: Function) -> Any:
    """Return f(x) = v diag(f(w)) v.H of symmetric matrices x = v diag(w) v.H.

    Parameters
    ----------
    x
        A real symmetric or complex Hermitian matrix of shape (n, n), or a stack of
        them. What is not symmetric of it is left out: f acts on (x + x.H) / 2.
    f
        A real function of a real array, entry by entry, that chainrule can
        differentiate (``np.exp``). It may not depend on nodes from outside.

    Returns
    -------
    node or array
        Matrices of the shape of ``x``.

    Raises
    ------
    ArgumentError
        If f returns another shape, complex numbers or a node.
    ShapeError
        If the matrices are not square.

    Notes
    -----
    The derivative is exact where eigenvalues are equal or nearly so, in both modes and
    at every order, unlike that of ``(v * f(w)) @ v.T`` with ``np.linalg.eigh``. It
    takes divided differences of f: ``v (d * (v.H x_dot v)) v.H`` with
    ``d[i, j] = (f(w_i) - f(w_j)) / (w_i - w_j)``, and those of m + 1 eigenvalues at
    order m (R. Bhatia, Matrix Analysis, V.3; N. Higham, Functions of Matrices, 3.2).

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as gd
    >>> def partition(x):
    ...     return np.trace(gd.linalg.funm_symmetric(x, np.exp))
    >>> gd.grad(partition)(np.zeros((2, 2)))
    array([[1., 0.],
           [0., 1.]])
    """
    x = operations.asarray(x)
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ShapeError(
            f"funm_symmetric() needs square matrices; received {describe(x)}."
        )
    return record(symmetric_function_grad, (x,), {"f": f})


def symmetric_function(*operands: NDArray[Any], f: Function) -> Any:
    """Return f(x), or its derivative along one direction or several.

    ``operands`` are x and the directions.
    """
    hermitian = [(a + adjoint(plain, a)) / 2 for a in operands]
    w, v = np.linalg.eigh(hermitian[0])
    v_h = adjoint(plain, v)
    inside = [np.matmul(v_h, np.matmul(e, v)) for e in hermitian[1:]]
    if not inside:
        return np.matmul(v * columns(plain, _checked(f, w)), v_h)
    middle = _middle(divided_differences(f, w, len(inside)), inside)
    return np.matmul(v, np.matmul(middle, v_h))


def _middle(table: NDArray[Any], inside: list[Any]) -> Any:
    """Return d[i, ..., j] e1[i, k] e2[k, ...] ..., summed over k and all orders."""
    letters = "abcdefghijklm"[: len(inside) + 1]
    pairs = ["..." + a + b for a, b in itertools.pairwise(letters)]
    text = f"...{letters},{','.join(pairs)}->...{letters[0]}{letters[-1]}"
    orders = itertools.permutations(inside)
    first = np.einsum(text, table, *next(orders))
    return sum((np.einsum(text, table, *order) for order in orders), first)


def _checked(f: Function, w: NDArray[Any]) -> Any:
    """Return f of eigenvalues, an array of real numbers like them."""
    values = f(w)
    if isinstance(values, vertex) or holds_nodes(values):
        raise ArgumentError(
            "The function given to funm_symmetric() depends on a node from outside, "
            "whose derivative would be lost. Scale the matrix instead, or write "
            "(v * f(w)) @ v.T with w, v = np.linalg.eigh(x)."
        )
    if np.shape(values) != np.shape(w) or is_complex(values):
        raise ArgumentError(
            "The function given to funm_symmetric() must return a real number for each "
            f"of the eigenvalues, an array of shape {np.shape(w)}; received "
            f"{describe(values)}."
        )
    return values


# ------------------------------------------------------------------ divided differences


def divided_differences(f: Function, w: NDArray[Any], order: int) -> Any:
    """Return f[w_i, w_j, ...] for all choices of order + 1 values, with new last axes.

    A quotient of differences loses digits where values are close, and the Taylor series
    about their mean is short where they are: each is taken where its error is smaller.
    """
    values = _checked(f, w)
    slopes = [f]
    for _ in range(order + 2):
        slopes.append(_slope(slopes[-1]))
    table, error = values, np.finfo(dtype_of(w)).eps * np.abs(values)
    for m in range(1, order + 1):
        table, error = _next_order(slopes, w, m, table, error)
    return table


def _slope(f: Function) -> Function:
    def total(w: NDArray[Any]) -> Any:
        return np.sum(f(w))

    return grad(total)


def _next_order(
    slopes: list[Function], w: NDArray[Any], m: int, table: NDArray[Any], error: Any
) -> tuple[Any, Any]:
    """Return the differences of m + 1 values from those of m, and their errors."""
    first, last = np.expand_dims(table, -1), np.expand_dims(table, -m - 1)
    errors = np.expand_dims(error, -1) + np.expand_dims(error, -m - 1)
    gaps = _along(w, 0, m) - _along(w, m, m)
    near = gaps == 0
    safe = np.where(near, 1.0, gaps)
    quotient = (first - last) / safe
    quotient_error = np.where(near, np.inf, errors / np.abs(safe))
    series, series_error = _series(slopes, w, m)
    poor = quotient_error > np.sqrt(np.finfo(dtype_of(w)).eps) * np.abs(series)
    better = poor & (series_error <= quotient_error)
    quotients = np.where(better, series, quotient)
    # Quotients need the two values that are furthest apart: the first and the last.
    ordered = (..., *np.sort(np.indices((w.shape[-1],) * (m + 1)), axis=0))
    return quotients[ordered], np.where(better, series_error, quotient_error)[ordered]


def _along(w: NDArray[Any], i: int, m: int) -> Any:
    """Return w along the i-th of m + 1 new axes."""
    others = tuple(axis - m - 1 for axis in range(m + 1) if axis != i)
    return np.expand_dims(w, others)


def _series(slopes: list[Function], w: NDArray[Any], m: int) -> tuple[Any, Any]:
    """Return the divided differences of m + 1 close values, and how far they are off.

    They are means of the m-th derivative over a simplex, divided by m!; a second term
    takes the variance of the values.
    """
    all_of = [_along(w, i, m) for i in range(m + 1)]
    mean = sum(all_of) / (m + 1)
    variance = sum((value - mean) ** 2 for value in all_of) / ((m + 1) * (m + 2))
    main = slopes[m](mean) / math.factorial(m)
    second = slopes[m + 2](mean) * variance / (2 * math.factorial(m))
    # The derivative is taken at the values too: what it varies by bounds the error.
    there = slopes[m](w) / math.factorial(m)
    size, varied = np.abs(main), np.zeros_like(main)
    for i in range(m + 1):
        value = _along(there, i, m)
        size = np.maximum(size, np.abs(value))
        varied = np.maximum(varied, np.abs(value - main))
    part = varied / np.where(size == 0, 1.0, size)
    return main + second, size * (part**1.5 + np.finfo(dtype_of(w)).eps)


# -------------------------------------------------------------------------- the rule


class symmetric_function_grad(general):  # noqa: N801
    """z = f(x) of Hermitian x, or its derivative along e, ... at x.

    The derivative in x along a direction is the same function with that direction as
    one more operand. It is symmetric in all directions and the cotangent.
    """

    forward = symmetric_function
    cases: Cases = (
        case(symmetric(3, 3), f=np.exp),
        case(symmetric(2, 2, 2), f=np.sin),
        case(symmetric(3, 3), symmetric(3, 3), f=np.sin),
    )

    @staticmethod
    def pullback(
        xp: Namespace, z_grad: Value, z: Any, *operands: Value, f: Function
    ) -> tuple[Any, ...]:
        """x_grad = conj(D f(x)[..., conj(z_grad)]), e_grad with conj(z_grad) for e."""
        c = conjugate(xp, z_grad)
        grads = [xp.apply(symmetric_function_grad, [*operands, c], {"f": f})]
        for i in range(1, len(operands)):
            arguments = [*operands[:i], c, *operands[i + 1 :]]
            grads.append(xp.apply(symmetric_function_grad, arguments, {"f": f}))
        return tuple(conjugate(xp, g) for g in grads)

    @staticmethod
    def pushforward(
        xp: Namespace, tangents: Sequence[Any], z: Any, *operands: Value, f: Function
    ) -> Any:
        """z_dot = D f(x)[..., x_dot] + the sum over directions e with e_dot for e."""
        z_dot: Any = None
        for i, moved in enumerate(tangents):
            if moved is None:
                continue
            arguments = [*operands, moved]
            if i:
                arguments = [*operands[:i], moved, *operands[i + 1 :]]
            term = xp.apply(symmetric_function_grad, arguments, {"f": f})
            z_dot = term if z_dot is None else z_dot + term
        return z_dot
