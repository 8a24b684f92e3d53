"""Local derivatives of recorded operations: as numbers, terms and formulas."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.explainer.account.brief import short
from chainrule.explainer.account.formulas import (
    Term,
    as_term,
    documented,
    local_term,
    meanings,
    name,
    written_out,
)
from chainrule.explainer.account.views import Operand, VertexView
from chainrule.explainer.watching.names import operand_texts
from chainrule.rules import elementwise
from chainrule.rules.namespace import plain
from chainrule.values.foreign import first_foreign
from chainrule.values.types import Result
from chainrule.values.vertices import unboxed

Vertices = Sequence[VertexView]

_LONGEST = 40
"""Operands that the source writes with more characters are called by their names."""


def partial_value(v: VertexView, position: int) -> Result | None:
    """Return the derivative in an operand, ``None`` where it is no number or array."""
    if not issubclass(v.rule, elementwise) or position not in v.rule.parts:
        return None
    values = [v.value, *(x.value for x in v.operands)]
    if first_foreign(values) is None:  # whose functions take no numbers of NumPy's
        values = list(map(unboxed, values))
    others = {k: value for k, value in v.parameters.items() if k != "where"}
    return v.rule.parts[position](plain, *values, **others)


def partial_term(vertices: Vertices, v: VertexView, position: int) -> Term | None:
    """Return the derivative in an operand as a term, if it can be one."""
    z = name(v.name, unboxed(v.value))
    return local_term(v.rule, z, operand_terms(vertices, v), position, v.parameters)


def partial_formula(vertices: Vertices, v: VertexView, position: int) -> str:
    """Return the derivative in an operand as a formula, or what its rule says of it."""
    term = partial_term(vertices, v, position)
    if term is not None:
        return written_out(term)
    operands = [operand_text(vertices, x) for x in v.operands]
    meant = meanings(v.rule, v.name, operands, v.parameters)
    return documented(v.rule, position, meant)


def operand_text(vertices: Vertices, x: Operand) -> str:
    """Return an operand as it is written: its name, or a constant number."""
    if x.index is not None:
        return vertices[x.index].name
    return x.name or short(x.value)


def operand_expression(vertices: Vertices, v: VertexView, i: int) -> str:
    """Return what the program writes for an operand, or what it is called."""
    if v.location is not None and not v.location.derived:
        texts = operand_texts(v.location.text, len(v.operands))
        if texts and len(texts[i]) <= _LONGEST:
            return texts[i]
    return operand_text(vertices, v.operands[i])


def operand_terms(vertices: Vertices, v: VertexView) -> list[Term]:
    """Return the operands of a vertex as terms: names, and constant numbers."""
    return [
        as_term(x.value)
        if x.index is None and not x.name
        else name(operand_text(vertices, x), unboxed(x.value))
        for x in v.operands
    ]
