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
        (first,), (second,) = pairs
        x = x if n == 1 or first == 1 else _transposed(x)
        y = y if m == 1 or second == 0 else _transposed(y)
        return _multiplied(moved, x, y)
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


def _transposed(x: Any) -> Any:
    turned = _np.swapaxes(plain_of(x), -1, -2)
    return Many(turned) if isinstance(x, Many) else turned


def _multiplied(moved: Moved, x: Any, y: Any) -> Any:
    """Multiply matrices and vectors."""
    ranks = moved.rank(x), moved.rank(y)
    if ranks == (1, 1) and moved.row.dtype.kind in "fc":
        return _np.sum(moved.aligned(x, 1) * moved.aligned(y, 1), axis=-1)
    if ranks == (1, 2) and not isinstance(y, Many):
        return _np.matmul(x.value, y)
    if ranks == (2, 1) and not isinstance(x, Many):
        return _np.matmul(y.value, _np.transpose(x))
    left = x if ranks[0] == 2 else moved.widened(x, (-2,))
    right = y if ranks[1] == 2 else moved.widened(y, (-1,))
    z = _np.matmul(plain_of(left), plain_of(right))
    if ranks[0] == 1:
        z = z[..., 0, :]
    return z[..., 0] if ranks[1] == 1 else z


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
    parts = [letter * isinstance(x, Many) + part
             for x, part in zip(operands, inputs.split(","), strict=True)]  # fmt: skip
    plain = [plain_of(x) for x in operands]
    return moved.called(f"{','.join(parts)}->{letter}{output}", *plain)
