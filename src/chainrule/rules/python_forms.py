"""How operations are written for Python floats: through ``math``.

In: rules, or the names by which rules call functions of ``xp``. Out: their expressions
as text with ``{0}``, ``{1}`` for the operands; other names in it are those of ``MATH``.
"""

from __future__ import annotations

import ast
import functools
import math
from typing import Any

from chainrule.rules.base import rule
from chainrule.rules.expressions import (
    constant_value,
    function_in,
    function_of,
    parsed,
    rule_behind,
)
from chainrule.rules.namespace import rule_called

MATH: dict[str, Any] = {
    name: getattr(math, name) for name in dir(math) if not name.startswith("_")
}
MATH["pow_"] = math.pow  # powers of floats: never complex, and inf is an error
_TO_INTEGERS = ("floor", "ceil", "trunc", "round")


class _ThroughMath(ast.NodeTransformer):
    """Writes an expression of operands for floats: through the names in ``MATH``."""

    def __init__(self, operation: type[rule]) -> None:
        """Know the operands' places."""
        names = enumerate(operation.operand_names)
        self.places: dict[str, str] = {name: f"{{{i}}}" for i, name in names}

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """Write an operand."""
        return ast.Name(self.places.get(node.id, node.id))

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        """Write ``math.inf`` as ``inf``."""
        return ast.Name(node.attr)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """Write a call; what Python makes a whole number of is a float, with a sign."""
        if _is_constant(node):
            return ast.Constant(constant_value(node))
        name = function_in(node)
        arguments = [self.visit(x) for x in node.args]
        call = ast.Call(ast.Name("fabs" if name == "abs" else name), arguments, [])
        if name in _TO_INTEGERS:
            return ast.Call(ast.Name("copysign"), [call, arguments[0]], [])
        return call

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        """Write an operator, a power through ``math``."""
        if _is_constant(node):
            return ast.Constant(constant_value(node))
        x, y = self.visit(node.left), self.visit(node.right)
        if isinstance(node.op, ast.Pow):
            return ast.Call(ast.Name("pow_"), [x, y], [])
        return ast.BinOp(x, node.op, y)


def _is_constant(tree: ast.expr) -> bool:
    """Tell whether a tree names no operand."""
    names = {x.id for x in ast.walk(tree) if isinstance(x, ast.Name)}
    return names <= {"math"}


@functools.cache
def python_form(operation: type[rule]) -> str | None:
    """Return an operation on floats as text; ``None`` if it has no expression.

    >>> from chainrule.operations_grad import arcsin_grad, power_grad
    >>> python_form(arcsin_grad), python_form(power_grad)
    ('asin({0})', 'pow_({0}, {1})')
    """
    text = operation.python or operation.expression
    if not text:
        return None
    return ast.unparse(
        _ThroughMath(operation).visit(ast.parse(text.strip(), mode="eval").body)
    )


def scalar_form(name: str) -> str | None:
    """Return the text of what rules call ``xp.name``, on floats.

    >>> scalar_form("square"), scalar_form("sum")
    ('{0} * {0}', None)
    """
    operation = rule_called(name)
    return None if operation is None else python_form(operation)


def infix_form(operation: type[rule]) -> str | None:
    """Return the text of an operation that Python has as an operator; else ``None``.

    >>> from chainrule.operations_grad import power_grad
    >>> infix_form(power_grad)
    '{0} ** {1}'
    """
    name = function_of(operation)
    if rule_behind(name) is not operation:
        return None  # float_power, which has other dtypes
    tree = parsed(operation.expression)
    if not isinstance(tree, ast.BinOp):
        return None
    return ast.unparse(ast.BinOp(ast.Name("{0}"), tree.op, ast.Name("{1}")))
