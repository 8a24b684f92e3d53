"""Einsum by products of two operands, which are matmul, dot and multiply.

In: explicit subscripts and operands. Out: their einsum to rounding, computed by calls
that run in BLAS, and that programs have more forms of than of einsum. A product that is
none of these, as where a label stands twice in a term, is NumPy's einsum of two.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.values.shapes import dtype_of, shape_of

_np: Any = np


def einsum_by_pairs(terms: Sequence[str], out: str, operands: Sequence[Any]) -> Any:
    """Return the sum of products over the labels that ``out`` leaves out.

    >>> a, x = np.eye(2), np.array([3.0, 4.0])
    >>> float(einsum_by_pairs(["i", "ij", "j"], "", [x, a, x]))
    25.0
    """
    left, values = list(terms), list(operands)
    for chosen in _in_twos(_path(left, out, values), len(values)):
        taken = sorted(chosen, reverse=True)
        mine, own = [left.pop(i) for i in taken], [values.pop(i) for i in taken]
        kept = out
        if left:
            read = set(out).union(*left)
            kept = "".join(c for c in dict.fromkeys("".join(mine[::-1])) if c in read)
        made = _pair(mine[::-1], kept, own[::-1])
        left.append(kept)
        values.append(made)
    return values[0]


def _in_twos(path: Sequence[Any], count: int) -> list[Any]:
    """Return a path of which each step takes two operands at most, or the only one.

    A step takes its operands out, and puts the result last.

    >>> _in_twos([(0, 1, 2)], 3)
    [(0, 1), (0, 1)]
    """
    steps: list[Any] = []
    for chosen in path:
        taken = sorted(chosen)
        while len(taken) > 2:
            steps.append((taken[0], taken[1]))
            count -= 1
            taken = [*(i - 2 for i in taken[2:]), count - 1]
        steps.append(tuple(taken))
        count -= len(taken) - 1
    return steps


def _path(terms: Sequence[str], out: str, operands: Sequence[Any]) -> list[Any]:
    """Return which operands to contract, step by step."""
    if len(terms) < 3:
        return [tuple(range(len(terms)))]
    likes = [np.broadcast_to(np.zeros(()), shape_of(x)) for x in operands]
    text = f"{','.join(terms)}->{out}"
    return _np.einsum_path(text, *likes, optimize="greedy")[0][1:]


def _pair(terms: Sequence[str], out: str, operands: Sequence[Any]) -> Any:
    """Return the contraction of one, two or more operands."""
    sizes: dict[str, set[int]] = {}
    for term, x in zip(terms, operands, strict=True):
        for c, n in zip(term, shape_of(x), strict=True):
            sizes.setdefault(c, set()).add(n)
    simple = all(len(n) == 1 for n in sizes.values()) and all(
        len(set(term)) == len(term) for term in terms
    )
    inexact = all(dtype_of(x).kind in "fc" for x in operands)
    if not simple or not inexact or len(terms) > 2 or len(set(out)) < len(out):
        return _np.einsum(f"{','.join(terms)}->{out}", *operands)
    others = [set(out).union(*terms[:i], *terms[i + 1 :]) for i in range(len(terms))]
    summed = [
        _summed(x, term, read)
        for x, term, read in zip(operands, terms, others, strict=True)
    ]
    if len(summed) == 1:
        ((x, term),) = summed
        return _ordered(x, term, out)
    return _product(summed[0], summed[1], out)


def _summed(x: Any, term: str, read: set[str]) -> tuple[Any, str]:
    """Return an operand summed over the labels that nothing else has."""
    axes = tuple(i for i, c in enumerate(term) if c not in read)
    if not axes:
        return x, term
    return _np.sum(x, axis=axes), "".join(c for c in term if c in read)


def _ordered(x: Any, term: str, wanted: str) -> Any:
    """Return an operand with its axes in the order of these labels."""
    if term == wanted:
        return x
    return _np.transpose(x, tuple(term.index(c) for c in wanted))


def _product(first: tuple[Any, str], last: tuple[Any, str], out: str) -> Any:
    """Return the product of two operands, summed over labels that are in both."""
    (x, a), (y, b) = first, last
    both = [c for c in a if c in b]
    summed = "".join(c for c in both if c not in out)
    if not summed:
        return _spread(x, a, out) * _spread(y, b, out)
    shared = "".join(c for c in out if c in both)
    rows = "".join(c for c in out if c in a and c not in b)
    columns = "".join(c for c in out if c in b and c not in a)
    if rows and columns and out.index(columns[0]) < out.index(rows[0]):
        return _product(last, first, out)
    x = _ordered(x, a, shared + rows + summed)
    if shared and not rows and not columns:
        y = _ordered(y, b, shared + summed)
        axes = tuple(range(len(shared), len(shared + summed)))
        return _np.sum(x * y, axis=axes)
    y = _ordered(y, b, shared + summed + columns)
    z = _multiplied(x, y, *map(len, (shared, rows, summed, columns)))
    return _ordered(z, shared + rows + columns, out)


def _spread(x: Any, term: str, out: str) -> Any:
    """Return an operand with an axis of length one for each label it does not have."""
    x = _ordered(x, term, "".join(c for c in out if c in term))
    shape = list(shape_of(x))
    wide = [shape.pop(0) if c in term else 1 for c in out]
    lead = next((i for i, c in enumerate(out) if c in term), len(out))
    return x if len(wide) - lead == len(term) else _np.reshape(x, wide[lead:])


def _multiplied(x: Any, y: Any, m: int, n: int, k: int, p: int) -> Any:
    """Multiply matrices, each axis of which may be several axes of an operand.

    Of ``x``, m axes are those of a stack, then come n axes of rows and k of columns;
    of ``y`` they are m, k and p.
    """
    s, t = shape_of(x), shape_of(y)
    stack, rows, inner, columns = s[:m], s[m : m + n], s[m + n :], t[m + k :]
    left: list[int] = [math.prod(rows)] if n or m else []
    right: list[int] = [math.prod(columns)] if p or m else []
    x = _shaped(x, (*stack, *left, math.prod(inner)))
    y = _shaped(y, (*stack, math.prod(inner), *right))
    z = _np.matmul(x, y) if left or right else _np.dot(x, y)
    return _shaped(z, (*stack, *rows, *columns))


def _shaped(x: Any, shape: Sequence[int]) -> Any:
    return x if shape_of(x) == shape else _np.reshape(x, shape)


__all__ = ["einsum_by_pairs"]
