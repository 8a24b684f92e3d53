"""Batched products: sums of products of two operands over axes of both, and einsum."""

from __future__ import annotations

import string
from typing import Any

import numpy as np

from chainrule.compiler.batching.examples import CannotBatchError, Many, Moved, plain_of
from chainrule.rules.traits import Pairs
from chainrule.values.shapes import shape_of

_np: Any = np


def contracted(moved: Moved) -> Any:
    """Batch a product that sums over the axes that its rule names."""
    x, y = moved.args[:2]
    if moved.known.flattens:
        x, y = _flat(moved, x), _flat(moved, y)
    n, m = moved.rank(x), moved.rank(y)
    pairs = moved.known.contracts(n, m, **moved.parameters(2))
    if pairs is None:
        raise CannotBatchError
    if not pairs[0]:
        return _outer(moved, x, y)
    if len(pairs[0]) == 1 and max(n, m) <= 2:
        return _multiplied(moved, x, y, pairs)
    return _tensor_product(moved, x, y, pairs)


def _flat(moved: Moved, x: Any) -> Any:
    if isinstance(x, Many):
        return Many(_np.reshape(x.value, (moved.count, -1)))
    return _np.reshape(x, (-1,))


def _outer(moved: Moved, x: Any, y: Any) -> Any:
    """Multiply all entries of one with all of the other."""
    n, m = moved.rank(x), moved.rank(y)
    left = plain_of(x)
    left = _np.reshape(left, (*shape_of(left), *(1,) * m)) if m else left
    return left * moved.aligned(y, n + m)


def _multiplied(moved: Moved, x: Any, y: Any, pairs: Pairs) -> Any:
    """Multiply matrices and vectors, of which one axis each is summed over."""
    ((first,), (second,)), ranks = pairs, (moved.rank(x), moved.rank(y))
    if ranks == (1, 1) and moved.row.dtype.kind in "fc":
        return _np.sum(moved.aligned(x, 1) * moved.aligned(y, 1), axis=-1)
    if ranks == (1, 2) and not isinstance(y, Many):
        return _np.matmul(x.value, y if second == 0 else _np.transpose(y))
    if ranks == (2, 1) and not isinstance(x, Many):
        return _np.matmul(y.value, x if first == 0 else _np.transpose(x))
    left = _matrix(moved, x, -2, turned=first == 0)
    z = _np.matmul(left, _matrix(moved, y, -1, turned=second == 1))
    if ranks[0] == 1:
        z = z[..., 0, :]
    return z[..., 0] if ranks[1] == 1 else z


def _matrix(moved: Moved, x: Any, place: int, *, turned: bool) -> Any:
    """Return a vector as a matrix of one row or column, a matrix perhaps transposed."""
    if moved.rank(x) == 1:
        return plain_of(moved.widened(x, (place,)))
    return _np.swapaxes(plain_of(x), -1, -2) if turned else plain_of(x)


def _tensor_product(moved: Moved, x: Any, y: Any, pairs: Pairs) -> Any:
    """Batch ``np.tensordot`` along these axes of an example."""
    first, second = pairs
    n, m = moved.rank(x), moved.rank(y)
    if not isinstance(y, Many):
        return _np.tensordot(x.value, y, axes=([a + 1 for a in first], second))
    if not isinstance(x, Many):
        z = _np.tensordot(x, y.value, axes=(first, [b + 1 for b in second]))
        return _np.moveaxis(z, n - len(first), 0)
    names = string.ascii_letters[1 : 1 + n]
    others = list(string.ascii_letters[1 + n : 1 + n + m])
    for a, b in zip(first, second, strict=True):
        others[b] = names[a]
    kept = [c for c in names if c not in others] + [c for c in others if c not in names]
    text = f"a{names},a{''.join(others)}->a{''.join(kept)}"
    return _np.einsum(text, x.value, y.value)


def einsum(moved: Moved) -> Any:
    """Batch ``np.einsum`` with one more letter, for the examples."""
    subscripts, *operands = moved.args
    if not isinstance(subscripts, str) or "->" not in subscripts:
        raise CannotBatchError
    inputs, output = subscripts.split("->")
    letter = next(c for c in string.ascii_letters if c not in subscripts)
    parts = [
        letter * isinstance(x, Many) + part
        for x, part in zip(operands, inputs.split(","), strict=True)
    ]
    plain = [plain_of(x) for x in operands]
    return moved.called(f"{','.join(parts)}->{letter}{output}", *plain)
