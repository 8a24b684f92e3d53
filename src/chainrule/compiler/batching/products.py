"""Batched products: of vectors, matrices and tensors, and solutions of systems."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.compiler.batching.examples import CannotBatchError, Many, Moved, plain_of
from chainrule.values.shapes import SEQUENCES, normalize_axes, shape_of

_np: Any = np
Axes = tuple[int, ...]
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def multiplied(moved: Moved) -> Any:
    """Batch a product of matrices and vectors."""
    x, y = moved.args
    ranks = moved.rank(x), moved.rank(y)
    if moved.row.function is np.dot and (0 in ranks or max(ranks) > 2):
        return _contracted_along(moved, ranks[0] - 1, max(ranks[1] - 2, 0))
    if ranks == (1, 1) and moved.row.dtype.kind in "fc":
        return _np.sum(moved.aligned(x, 1) * moved.aligned(y, 1), axis=-1)
    if ranks == (1, 2) and not isinstance(y, Many):
        return _np.matmul(x.value, y)
    if ranks == (2, 1) and not isinstance(x, Many):
        return _np.matmul(y.value, _np.transpose(x))
    rank = max(2, *ranks)
    left = _matrix(moved, x, rank, -2)
    right = _matrix(moved, y, rank, -1)
    z = _np.matmul(left, right)
    if ranks[0] == 1:
        z = z[..., 0, :]
    return z[..., 0] if ranks[1] == 1 else z


def _matrix(moved: Moved, x: Any, rank: int, place: int) -> Any:
    """Return a vector as a matrix of one row or column, and align either."""
    if moved.rank(x) == 1:
        wide = _np.expand_dims(plain_of(x), place)
        x = Many(wide) if isinstance(x, Many) else wide
    return moved.aligned(x, rank)


def inner(moved: Moved) -> Any:
    """Batch ``np.inner``: along the last axis of both."""
    x, y = moved.args
    return _contracted_along(moved, moved.rank(x) - 1, moved.rank(y) - 1)


def outer(moved: Moved) -> Any:
    """Batch ``np.outer``: of the flattened operands."""
    x, y = moved.args
    left = _np.reshape(plain_of(x), (*[moved.count] * isinstance(x, Many), -1, 1))
    right = _np.reshape(plain_of(y), (*[moved.count] * isinstance(y, Many), 1, -1))
    return left * right


def _contracted_along(moved: Moved, a: int, b: int) -> Any:
    """Batch the sum of products along an axis of each; of a number, the product."""
    x, y = moved.args
    if not moved.rank(x) or not moved.rank(y):
        rank = moved.rank(x) + moved.rank(y)
        return moved.aligned(x, rank) * moved.aligned(y, rank)
    return _tensor_product(moved, (a,), (b,))


def contracted_axes(moved: Moved) -> Any:
    """Batch ``np.tensordot``."""
    x, y = moved.args[:2]
    axes: Any = moved.option("axes", 2, 2)
    if not isinstance(axes, SEQUENCES):
        first = tuple(range(moved.rank(x) - int(axes), moved.rank(x)))
        return _tensor_product(moved, first, tuple(range(int(axes))))
    given = [tuple(a) if isinstance(a, SEQUENCES) else (int(a),) for a in axes]
    first, second = (normalize_axes(a, moved.rank(v))
                     for a, v in zip(given, (x, y), strict=True))  # fmt: skip
    return _tensor_product(moved, first, second)


def _tensor_product(moved: Moved, first: Axes, second: Axes) -> Any:
    """Batch ``np.tensordot`` along these axes of an example."""
    x, y = moved.args[:2]
    rank, other = moved.rank(x), moved.rank(y)
    if not isinstance(y, Many):
        if (rank, other) == (1, 2):
            return _np.matmul(x.value, y if second == (0,) else _np.transpose(y))
        return _np.tensordot(x.value, y, axes=([a + 1 for a in first], second))
    if not isinstance(x, Many):
        if (rank, other) == (2, 1):
            return _np.matmul(y.value, x if first == (0,) else _np.transpose(x))
        z = _np.tensordot(x, y.value, axes=(first, [b + 1 for b in second]))
        return _np.moveaxis(z, rank - len(first), 0)
    names = _LETTERS[1 : 1 + rank]
    others = list(_LETTERS[1 + rank : 1 + rank + other])
    for a, b in zip(first, second, strict=True):
        others[b] = names[a]
    kept = [c for c in names if c not in others] + [c for c in others if c not in names]
    text = f"a{names},a{''.join(others)}->a{''.join(kept)}"
    return _np.einsum(text, x.value, y.value)


def crossed(moved: Moved) -> Any:
    """Batch ``np.cross`` of vectors along the last axes."""
    x, y = moved.args
    axes = moved.rest()
    if any(axis not in (-1, None) for axis in axes.values()):
        raise CannotBatchError
    rank = max(moved.rank(x), moved.rank(y))
    return _np.cross(moved.aligned(x, rank), moved.aligned(y, rank))


def solved(moved: Moved) -> Any:
    """Batch ``np.linalg.solve``."""
    a, b = moved.args
    own = moved.rank(b)
    if not isinstance(a, Many) and moved.rank(a) == 2 and own <= 2:
        return _solved_together(a, b.value)
    rank = max(2, moved.rank(a), own)
    z = _np.linalg.solve(moved.aligned(a, rank), _matrix(moved, b, rank, -1))
    return z[..., 0] if own == 1 else z


def _solved_together(a: Any, b: Any) -> Any:
    """Solve with one matrix for all examples, which is factorized once."""
    count, n = shape_of(b)[:2]
    columns = _np.reshape(_np.moveaxis(b, 0, -1), (n, -1))
    z = _np.reshape(_np.linalg.solve(a, columns), (*shape_of(b)[1:], count))
    return _np.moveaxis(z, -1, 0)


def contracted(moved: Moved) -> Any:
    """Batch ``np.einsum`` with one more letter, for the examples."""
    subscripts, *operands = moved.args
    if not isinstance(subscripts, str) or "->" not in subscripts:
        raise CannotBatchError
    inputs, output = subscripts.split("->")
    letter = next(c for c in _LETTERS if c not in subscripts)
    parts = [letter * isinstance(x, Many) + part
             for x, part in zip(operands, inputs.split(","), strict=True)]  # fmt: skip
    plain = [plain_of(x) for x in operands]
    return _np.einsum(f"{','.join(parts)}->{letter}{output}", *plain, **moved.rest())
