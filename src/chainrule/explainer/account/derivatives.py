"""Local derivatives of recorded operations: as numbers, terms and formulas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
from chainrule.rules import elementwise, rule
from chainrule.rules.namespace import plain
from chainrule.values.types import Result
from chainrule.values.vertices import unboxed


@dataclass(frozen=True)
class LocalDerivative:
    """The derivative of a vertex' operation in one operand."""

    vertices: Sequence[VertexView]
    vertex: VertexView
    rule: type[rule]
    position: int

    @property
    def value(self) -> Result | None:
        """The number or array; ``None`` where the derivative is no such thing."""
        v, i = self.vertex, self.position
        if not issubclass(self.rule, elementwise) or i not in self.rule.parts:
            return None
        operands = [unboxed(x.value) for x in v.operands]
        given = {k: value for k, value in v.parameters.items() if k != "where"}
        return self.rule.parts[i](plain, unboxed(v.value), *operands, **given)

    @property
    def term(self) -> Term | None:
        """The derivative as a term, if it can be one."""
        v = self.vertex
        z = name(v.name, unboxed(v.value))
        operands = operand_terms(self.vertices, v)
        return local_term(self.rule, z, operands, self.position, v.parameters)

    @property
    def formula(self) -> str:
        """The derivative as a formula, or what its rule says of it."""
        term = self.term
        if term is not None:
            return written_out(term)
        v = self.vertex
        operands = [operand_text(self.vertices, x) for x in v.operands]
        meant = meanings(self.rule, v.name, operands, v.parameters)
        return documented(self.rule, self.position, meant)


def operand_text(vertices: Sequence[VertexView], x: Operand) -> str:
    """Return an operand as it is written: its name, or a constant number."""
    if x.index is not None:
        return vertices[x.index].name
    return x.name or short(x.value)


def operand_terms(vertices: Sequence[VertexView], v: VertexView) -> list[Term]:
    """Return the operands of a vertex as terms: names, and constant numbers."""
    return [
        as_term(x.value)
        if x.index is None and not x.name
        else name(operand_text(vertices, x), unboxed(x.value))
        for x in v.operands
    ]
