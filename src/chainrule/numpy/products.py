"""Products composed of others: vdot, kron, cross, vecdot, multi_dot, matrix_power."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from operator import index
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from chainrule.errors import ArgumentError, ShapeError
from chainrule.operations import namespace as operations
from chainrule.operations_grad.matrix_parts import conjugate
from chainrule.values.types import Array, Shape, Value
from chainrule.wrapping import implements, serve

serve(operations.matmul, np.linalg.matmul)
serve(operations.tensordot, np.linalg.tensordot)


@implements(np.vdot)
def vdot(a: ArrayLike, b: ArrayLike) -> Any:
    """Return the sum of conj(a) b over the flattened operands."""
    a, b = (operations.reshape(operations.asarray(x), (-1,)) for x in (a, b))
    return operations.dot(conjugate(operations, a), b)


@implements(np.linalg.outer)
def linalg_outer(x1: ArrayLike, x2: ArrayLike, /) -> Any:
    """Return the outer product of two vectors."""
    x1, x2 = operations.asarray(x1), operations.asarray(x2)
    if x1.ndim != 1 or x2.ndim != 1:
        raise ShapeError(
            f"np.linalg.outer needs two vectors; received shapes {x1.shape} and "
            f"{x2.shape}. Use np.outer, which flattens, or np.multiply.outer."
        )
    return operations.outer(x1, x2)


@implements(np.kron)
def kron(a: ArrayLike, b: ArrayLike) -> Any:
    """Return the Kronecker product: every element of ``a`` times all of ``b``."""
    a, b = operations.asarray(a), operations.asarray(b)
    count = max(a.ndim, b.ndim)
    left, right = _filled(a.shape, count), _filled(b.shape, count)
    ones = (1,) * count
    product = operations.multiply(
        operations.reshape(a, tuple(chain(*zip(left, ones, strict=True)))),
        operations.reshape(b, tuple(chain(*zip(ones, right, strict=True)))),
    )
    sizes = (n * m for n, m in zip(left, right, strict=True))
    return operations.reshape(product, tuple(sizes))


def _filled(shape: Shape, count: int) -> Shape:
    return (1,) * (count - len(shape)) + shape


# ------------------------------------------------------------------ products of vectors


_TWO_COMPONENTS = np.lib.NumpyVersion(np.__version__) < "2.5.0"
"""Whether NumPy's own cross takes vectors of two components, as it did at first."""


@implements(np.cross, signature="(n),(n)->(n)")
def cross(
    a: ArrayLike,
    b: ArrayLike,
    axisa: int = -1,
    axisb: int = -1,
    axisc: int = -1,
    axis: int | None = None,
) -> Any:
    """Return the cross product of vectors with three components.

    Vectors with two of them are taken as by NumPy: until its version 2.5.
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    a = moved_axis(operations.asarray(a), axisa, -1)
    b = moved_axis(operations.asarray(b), axisb, -1)
    flat = a.shape[-1:] == b.shape[-1:] == (2,)
    z = operations.cross(_three_components(a), _three_components(b))
    return z[..., 2] if flat else moved_axis(z, -1, axisc)


@implements(np.linalg.cross)
def linalg_cross(x1: ArrayLike, x2: ArrayLike, /, *, axis: int = -1) -> Any:
    """Return the cross product of vectors with three components."""
    x1, x2 = operations.asarray(x1), operations.asarray(x2)
    if x1.shape[axis] != 3 or x2.shape[axis] != 3:
        raise ShapeError(
            f"np.linalg.cross needs vectors of three components; received shapes "
            f"{x1.shape} and {x2.shape} with axis={axis}."
        )
    return cross(x1, x2, axis=axis)


def _three_components(x: Array) -> Array:
    if x.shape[-1:] == (2,) and _TWO_COMPONENTS:
        return operations.concatenate([x, np.zeros((*x.shape[:-1], 1), x.dtype)], -1)
    if x.shape[-1:] == (3,):
        return x
    several = "two or three components" if _TWO_COMPONENTS else "three components"
    remedy = " Write x[0] * y[1] - x[1] * y[0]." if x.shape[-1:] == (2,) else ""
    raise ShapeError(
        f"cross() needs vectors with {several}; received shape {x.shape}.{remedy}"
    )


def moved_axis(x: Array, source: int, target: int) -> Array:
    """Return ``x`` with one axis moved to another place."""
    source, target = source % x.ndim, target % x.ndim
    if source == target:
        return x
    axes = [a for a in range(x.ndim) if a != source]
    axes.insert(target, source)
    return operations.transpose(x, tuple(axes))


def vecdot(x1: ArrayLike, x2: ArrayLike, *, axis: int = -1) -> Any:
    """Return the sum of conj(x1) x2 along an axis."""
    x1, x2 = operations.asarray(x1), operations.asarray(x2)
    if x1.ndim and x2.ndim:
        x1, x2 = moved_axis(x1, axis, -1), moved_axis(x2, axis, -1)
    if not x1.ndim or x1.shape[-1:] != x2.shape[-1:]:
        raise ShapeError(
            f"vecdot() needs vectors of one length; received shapes {x1.shape} and "
            f"{x2.shape} with axis={axis}."
        )
    return operations.einsum("...i,...i->...", conjugate(operations, x1), x2)


def linalg_vecdot(x1: Value, x2: Value, /, *, axis: int = -1) -> Any:
    """Return the sum of conj(x1) x2 along an axis."""
    return vecdot(x1, x2, axis=axis)


def matvec(x1: Value, x2: ArrayLike) -> Any:
    """Return stacks of matrices times stacks of vectors."""
    x2 = operations.expand_dims(operations.asarray(x2), -1)
    return operations.matmul(x1, x2)[..., 0]


def vecmat(x1: ArrayLike, x2: Value) -> Any:
    """Return stacks of conjugated vectors times stacks of matrices."""
    x1 = operations.expand_dims(operations.asarray(x1), -2)
    return operations.matmul(conjugate(operations, x1), x2)[..., 0, :]


serve(vecdot, np.vecdot)
serve(linalg_vecdot, np.linalg.vecdot)
if hasattr(np, "matvec"):  # NumPy 2.2
    serve(matvec, np.matvec)
    serve(vecmat, np.vecmat)


# ----------------------------------------------------------------- products of matrices


@implements(np.linalg.multi_dot)
def multi_dot(arrays: Sequence[Any], *, out: None = None) -> Any:
    """Return the product of matrices, in the order that takes the fewest products.

    The first and the last may be vectors. Source of the order: Cormen et al.,
    Introduction to Algorithms, 15.2.
    """
    factors = [operations.asarray(x) for x in arrays]
    if len(factors) < 2:
        raise ShapeError(
            f"multi_dot needs two arrays or more; received {len(factors)}."
        )
    shapes = [x.shape for x in factors]
    if any(len(s) != 2 for s in shapes[1:-1]) or any(
        len(s) not in (1, 2) for s in (shapes[0], shapes[-1])
    ):
        raise ShapeError(
            f"multi_dot needs matrices, and vectors only at its ends; received shapes "
            f"{shapes}."
        )
    sizes = [1 if len(shapes[0]) == 1 else shapes[0][0]]
    sizes += [s[0] for s in shapes[1:]]
    sizes += [1 if len(shapes[-1]) == 1 else shapes[-1][1]]
    return _product(factors, chain_order(sizes), 0, len(factors) - 1)


def chain_order(sizes: Sequence[int]) -> dict[tuple[int, int], int]:
    """Return where to split each stretch of a product of matrices.

    >>> chain_order([10, 100, 5, 50])[0, 2]
    1
    """
    count = len(sizes) - 1
    cost = {(i, i): 0 for i in range(count)}
    order: dict[tuple[int, int], int] = {}
    for i, j in ((i, i + n) for n in range(1, count) for i in range(count - n)):
        costs = {
            k: cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1]
            for k in range(i, j)
        }
        order[i, j] = min(costs, key=costs.__getitem__)
        cost[i, j] = costs[order[i, j]]
    return order


def _product(
    factors: Sequence[Any], order: Mapping[tuple[int, int], int], i: int, j: int
) -> Array:
    if i == j:
        return factors[i]
    k = order[i, j]
    left, right = _product(factors, order, i, k), _product(factors, order, k + 1, j)
    return operations.matmul(left, right)


@implements(
    np.linalg.matrix_power, may_raise=True, signature="(n,n)->(n,n)", views=True
)
def matrix_power(a: ArrayLike, n: Any) -> Any:
    """Return the n-th power of square matrices, by repeated squaring.

    The power 0 is the identity; its derivative is structurally zero.
    """
    a = operations.asarray(a)
    try:
        n = index(n)
    except TypeError as error:
        raise ArgumentError(
            f"matrix_power needs an integer power; received {n!r}. Use np.linalg.eigh "
            "for other powers of symmetric matrices."
        ) from error
    if n == 0:
        return operations.where(True, np.eye(a.shape[-1], dtype=a.dtype), a)
    base = operations.linalg.inv(a) if n < 0 else a
    z: Any = None
    for place, bit in enumerate(bin(abs(n))[:1:-1]):
        base = operations.matmul(base, base) if place else base
        if bit == "1":  # of the third power NumPy takes the square first
            factors = (base, z) if abs(n) == 3 else (z, base)
            z = base if z is None else operations.matmul(*factors)
    return z
