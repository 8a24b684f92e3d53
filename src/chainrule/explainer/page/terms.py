"""Operations that move, add up or multiply entries, as lists of terms for the page.

A linear or bilinear operation is found out by running it on unit arrays: entry ``k`` of
its result is a sum of terms, each an entry of one operand, or a product of entries of
two, times a number. The page replays it so, and shows which entry comes from which.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.explainer.account.views import VertexView
from chainrule.rules import linear
from chainrule.rules.namespace import evaluate

LARGEST = 400
"""Operands with more entries are not written as terms."""

MOST = 4000
"""Operations of more terms are not written as terms."""

Terms = dict[str, Any]
_Array = NDArray[np.float64]


def terms_of(v: VertexView) -> Terms | None:
    """Return an operation as terms, ``None`` if it has no such form.

    ``terms`` lists, for each group of operands (one or two positions), the entries of
    the result, of the operands, and the factors. ``offset`` is what the constants give,
    and ``extreme`` is 1 or -1 where the largest or smallest of the terms is taken.
    """
    operands = [x.value for x in v.operands]
    varying = [i for i, x in enumerate(v.operands) if x.index is not None]
    if not _is_small([*operands, v.value]):
        return None
    try:
        with np.errstate(all="ignore"):
            terms = _found(v, operands, varying)
    except (TypeError, ValueError, IndexError, ArithmeticError):
        return None
    count = sum(len(part["to"]) for part in terms["terms"]) if terms else 0
    return terms if count <= MOST else None


def _found(
    v: VertexView, operands: Sequence[Any], varying: Sequence[int]
) -> Terms | None:
    reduced: Any = getattr(v.rule, "reduces", None)
    if reduced is np.maximum or reduced is np.minimum:
        if not {"axis", "keepdims"}.issuperset(v.parameters):
            return None
        part = _linear(np.sum, operands, v.parameters, 0)
        return {"extreme": 1 if reduced is np.maximum else -1, "terms": [part]}
    if not issubclass(v.rule, linear):
        return None

    def run(*values: Any, **parameters: Any) -> Any:
        return evaluate(v.rule, values, parameters)

    if v.rule.jointly:
        zeros = list(operands)
        for i in varying:
            zeros[i] = _zeros(operands[i])
        offset = _flat(run(*zeros, **v.parameters))
        parts = [_linear(run, zeros, v.parameters, i, offset) for i in varying]
        terms: Terms = {"terms": parts}
        if offset.any():
            terms["offset"] = offset.tolist()
        return _checked(v, terms)
    if len(varying) == 1:
        return _checked(
            v, {"terms": [_linear(run, operands, v.parameters, varying[0])]}
        )
    if len(varying) == 2:
        part = _bilinear(run, operands, v.parameters, *varying)
        return _checked(v, {"terms": [part]})
    return None


def _linear(
    run: Any, operands: Sequence[Any], parameters: Any, i: int, offset: Any = 0.0
) -> dict[str, Any]:
    """Return the terms of an operation in one operand, by its unit arrays."""
    columns = [
        _flat(run(*operands[:i], unit, *operands[i + 1 :], **parameters)) - offset
        for unit in _units(operands[i])
    ]
    matrix = np.stack(columns, axis=1)
    to, at = np.nonzero(matrix)
    return _part([i], to, [at], matrix[to, at])


def _bilinear(
    run: Any, operands: Sequence[Any], parameters: Any, i: int, j: int
) -> dict[str, Any]:
    """Return the terms of an operation in two operands that it multiplies."""
    size = np.size(operands[j])
    place = np.arange(1.0, size + 1.0).reshape(np.shape(operands[j]))
    values = list(operands)
    rows: list[Any] = []
    for number, unit in enumerate(_units(operands[i])):
        values[i], values[j] = unit, np.ones_like(place)
        factor = _flat(run(*values, **parameters))
        values[j] = place
        code = _flat(run(*values, **parameters))
        for k in np.flatnonzero(factor):
            rows.append((k, number, code[k] / factor[k] - 1, factor[k]))
    table = np.array(rows, dtype=float).reshape(-1, 4)
    to, first, second = (np.rint(table[:, n]).astype(int) for n in range(3))
    order = np.lexsort((second, first, to))
    at = [first[order], second[order]]
    return _part([i, j], to[order], at, table[order, 3])


def _part(
    of: Sequence[int], to: Any, at: Sequence[Any], factors: Any
) -> dict[str, Any]:
    ones = bool((factors == 1.0).all())
    return {
        "of": list(of),
        "to": to.tolist(),
        "at": [x.tolist() for x in at],
        "by": None if ones else factors.tolist(),
    }


def _checked(v: VertexView, terms: Terms) -> Terms | None:
    """Return terms if they give the recorded result."""
    total = np.array(terms.get("offset", np.zeros(np.size(v.value))))
    part: Any
    operands: Any = v.operands
    for part in terms["terms"]:
        product: Any = np.ones(len(part["to"])) if part["by"] is None else part["by"]
        for i, at in zip(part["of"], part["at"], strict=True):
            product = product * _flat(operands[i].value)[at]
        np.add.at(total, part["to"], product)
    known = _flat(v.value)
    same = np.allclose(total, known, rtol=1e-9, atol=1e-12, equal_nan=True)
    return terms if same else None


def _is_small(values: Sequence[Any]) -> bool:
    array: Any = np.ndarray
    kinds = (float, int, array, np.generic)
    known = all(isinstance(x, kinds) and np.size(x) <= LARGEST for x in values)
    return known and all(np.asarray(x).dtype.kind in "fiub" for x in values)


def _units(x: Any) -> list[Any]:
    """Return the arrays of a shape that are 1 in one entry and 0 elsewhere."""
    units = np.eye(np.size(x)).reshape(-1, *np.shape(x))
    return list(units) if np.ndim(x) else units.tolist()


def _zeros(x: Any) -> Any:
    return np.zeros(np.shape(x)) if np.ndim(x) else 0.0


def _flat(x: Any) -> _Array:
    return np.asarray(x, dtype=float).ravel()


__all__ = ["LARGEST", "MOST", "Terms", "terms_of"]
