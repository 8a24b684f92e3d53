"""Expressions of rules as terms: what a function is, written out in its operands."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping, Sequence

from chainrule.explainer.account.formulas import Term, as_term, name
from chainrule.rules import rule
from chainrule.rules.expressions import function_in, parsed, rule_behind
from chainrule.rules.namespace import rule_called

CHOICE = "if"
"""The head of a term that is one of two: condition, and what it is if so, if not."""

_HEADS: dict[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Mod: "%",
    ast.FloorDiv: "//", ast.Pow: "**", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">",
    ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=", ast.And: "and", ast.Or: "or",
}  # fmt: skip


def rule_named(head: str) -> type[rule] | None:
    """Return the rule behind a term's function: ``cosh``, ``math.log``, ``abs``."""
    if head.startswith("math.") or head == "abs":
        return rule_behind(head.removeprefix("math."))
    return rule_called(head)


def formula_of(operation: type[rule] | None, parts: Sequence[Term]) -> Term | None:
    """Return what a rule computes of terms; ``None`` where its name says it better.

    That is so where its expression is a single call, or decides by comparing.
    """
    if operation is None or operation.latex:
        return None
    text = operation.formula or operation.expression
    if not text or not (operation.formula or _is_readable(parsed(text))):
        return None
    return _term(parsed(text), dict(zip(operation.operand_names, parts, strict=True)))


def _is_readable(tree: ast.expr) -> bool:
    """Tell whether an expression without a formula is read as one."""
    inside = list(ast.iter_child_nodes(tree))
    if isinstance(tree, ast.Name):
        return False
    if isinstance(tree, ast.IfExp):
        return all(isinstance(x, ast.Name) for x in inside)
    if isinstance(tree, ast.Call) and all(isinstance(x, ast.Name) for x in tree.args):
        return False
    return not any(isinstance(x, ast.IfExp) for x in ast.walk(tree))


def _term(tree: ast.expr, operands: Mapping[str, Term]) -> Term:
    """Return a tree as a term of its operands."""

    def made(head: str, *parts: ast.expr) -> Term:
        return Term(head, [_term(x, operands) for x in parts], None)

    if isinstance(tree, ast.Name):
        return operands[tree.id]
    if isinstance(tree, ast.Constant):
        return as_term(tree.value)
    if isinstance(tree, ast.Attribute):
        value: float = getattr(math, tree.attr)
        return name(tree.attr, value) if math.isfinite(value) else as_term(value)
    if isinstance(tree, ast.Call):
        function = function_in(tree)
        return made(function if function == "abs" else f"math.{function}", *tree.args)
    if isinstance(tree, ast.IfExp):
        return made(CHOICE, tree.test, tree.body, tree.orelse)
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not):
        return made("==", tree.operand, ast.Constant(0))
    if isinstance(tree, ast.UnaryOp):
        value_of = _term(tree.operand, operands)
        if value_of.head == "number":
            return as_term(-value_of.value)
        return Term("negative", [value_of], None)
    if isinstance(tree, ast.BinOp):
        return made(_HEADS[type(tree.op)], tree.left, tree.right)
    if isinstance(tree, ast.Compare):
        return made(_HEADS[type(tree.ops[0])], tree.left, tree.comparators[0])
    assert isinstance(tree, ast.BoolOp)  # noqa: S101
    *first, last = tree.values
    before = first[0] if len(first) == 1 else ast.BoolOp(tree.op, first)
    return made(_HEADS[type(tree.op)], before, last)


__all__ = ["CHOICE", "formula_of", "rule_named"]
