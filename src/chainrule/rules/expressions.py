"""The expression of a rule: what it computes, and what follows from that.

A rule of one entry each says once what it computes, as a small Python expression of its
operands::

    expression = "x if x > y or x != x else y"

It may hold arithmetic, comparisons, ``and``, ``or``, ``not``, choices, ``abs``,
``round`` and functions of ``math``. What IEEE arithmetic says holds for it: 1 / 0 is
inf, and the logarithm of -1 is nan. In: rules. Out: their expressions as trees, and
the rule behind each function and operator that the trees name.
"""

from __future__ import annotations

import ast
import functools
import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from chainrule.errors import ArgumentError
from chainrule.rules.registry import EXPRESSED

if TYPE_CHECKING:
    from chainrule.rules.base import rule

_WORDS = frozenset(("if", "else", "and", "or", "not", "abs", "round"))
_NAMES = re.compile(r"(?<![\w.])([A-Za-z_]\w*)(?:\.(\w+))?")


def check_expression(cls: type[rule], text: str) -> None:
    """Raise if an expression names what is no operand and no function of ``math``."""
    for name, attribute in _NAMES.findall(text):
        if name == "math" and hasattr(math, attribute):
            continue
        if attribute or (name not in _WORDS and name not in cls.operand_names):
            raise ArgumentError(
                f"{cls.__name__}.expression names {name}{attribute and '.'}{attribute}."
                f" It may name the operands ({', '.join(cls.operand_names)}), abs, "
                "round and functions of math."
            )


def operands_in(text: str) -> tuple[str, ...]:
    """Return the operands that an expression names, in alphabetical order.

    >>> operands_in("math.floor(y / x) if x != 0.0 else y")
    ('x', 'y')
    """
    names = {name for name, attribute in _NAMES.findall(text) if not attribute}
    return tuple(sorted(names - _WORDS))


@functools.cache
def parsed(text: str) -> ast.expr:
    """Return an expression as a tree."""
    return ast.parse(text, mode="eval").body


def is_test(tree: ast.expr) -> bool:
    """Tell whether a tree's value is true or false, and no number."""
    return isinstance(tree, ast.Compare | ast.BoolOp) or (
        isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not)
    )


def tests(operation: type[rule]) -> bool:
    """Tell whether a rule compares or tests numbers: it is true or false."""
    return operation.expression != "" and is_test(parsed(operation.expression))


def function_in(tree: ast.expr) -> str:
    """Return the function that a call names: ``"tanh"``, ``"abs"``; else ``""``."""
    if not isinstance(tree, ast.Call):
        return ""
    function = tree.func
    return (
        function.attr if isinstance(function, ast.Attribute) else ast.unparse(function)
    )


def parts_of(tree: ast.expr) -> tuple[str, list[ast.expr]]:
    """Return the function or operator at the top of a tree, and what it is given.

    >>> name, parts = parts_of(parsed("math.atan2(x, y + 1)"))
    >>> name, list(map(ast.unparse, parts)), parts_of(parsed("x % y"))[0]
    ('atan2', ['x', 'y + 1'], 'Mod')
    """
    if isinstance(tree, ast.Call):
        return function_in(tree), tree.args
    if isinstance(tree, ast.BinOp):
        return type(tree.op).__name__, [tree.left, tree.right]
    return "", []


def function_of(operation: type[rule]) -> str:
    """Return the function or operator that a rule is, if its expression is just that.

    >>> from chainrule.operations_grad import remainder_grad, tanh_grad
    >>> function_of(tanh_grad), function_of(remainder_grad)
    ('tanh', 'Mod')
    """
    if not operation.expression:
        return ""
    name, parts = parts_of(parsed(operation.expression))
    arguments = [x.id for x in parts if isinstance(x, ast.Name)]
    return name if arguments == [*operation.operand_names] else ""


def rule_behind(name: str) -> type[rule] | None:
    """Return the first rule whose expression is just this function or operator.

    >>> rule_behind("tanh").__name__, rule_behind("Mod").__name__, rule_behind("gamma")
    ('tanh_grad', 'remainder_grad', None)
    """
    return _behind(len(EXPRESSED)).get(name)


@functools.lru_cache(maxsize=1)
def _behind(count: int) -> Mapping[str, type[rule]]:
    """Return all rules by the function or operator that they are."""
    rules: dict[str, type[rule]] = {}
    for operation in EXPRESSED[:count]:
        rules.setdefault(function_of(operation), operation)
    return rules
