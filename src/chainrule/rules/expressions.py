"""The expression of a rule: what it computes, and what follows from that.

A rule of one entry each says once what it computes, as a small Python expression of its
operands::

    expression = "x if x > y or x != x else y"

It may hold arithmetic, comparisons, ``and``, ``or``, ``not``, choices, ``abs``,
``round`` and functions of ``math``; what else it holds is refused when the rule is
declared (:mod:`chainrule.rules.grammar`). What IEEE arithmetic says holds for it: 1 / 0
is inf, and the logarithm of -1 is nan. In: rules. Out: their expressions as trees, and
the rule behind each function and operator that the trees name.
"""

from __future__ import annotations

import ast
import functools
import math
import operator
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.rules.registry import EXPRESSED
from chainrule.values.types import Operation

if TYPE_CHECKING:
    from chainrule.rules.base import rule

_WORDS = frozenset(("if", "else", "and", "or", "not", "abs", "round"))
_NAMES = re.compile(r"(?<![\w.])([A-Za-z_]\w*)(?:\.(\w+))?")


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
    return ast.parse(text.strip(), mode="eval").body


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


@functools.cache
def function_of(operation: type[rule]) -> str:
    """Return the function or operator that a rule is, if its expression is just that.

    >>> from chainrule.operations_grad import remainder_grad, tanh_grad
    >>> function_of(tanh_grad), function_of(remainder_grad)
    ('tanh', 'Mod')
    """
    if not operation.expression:
        return ""
    name, parts = parts_of(parsed(operation.expression))
    return name if [*map(ast.unparse, parts)] == [*operation.operand_names] else ""


def rule_behind(name: str) -> type[rule] | None:
    """Return the first rule whose expression is just this function or operator.

    >>> rule_behind("tanh").__name__, rule_behind("Mod").__name__, rule_behind("gamma")
    ('tanh_grad', 'remainder_grad', None)
    """
    return _behind(name, len(EXPRESSED), EXPRESSED[-1])


@functools.lru_cache(maxsize=1 << 8)
def _behind(name: str, count: int, last: type[rule]) -> type[rule] | None:
    """Return the first rule of a name, asked again when rules are declared."""
    return next((r for r in EXPRESSED if function_of(r) == name), None)


# ------------------------------------------------------------------------- constants


def constant_value(tree: ast.expr) -> float:
    """Return what a tree without operands amounts to, by IEEE arithmetic.

    >>> constant_value(parsed("1 / 0")), constant_value(parsed("-math.exp(1000.0)"))
    (inf, -inf)
    """
    if isinstance(tree, ast.Constant):
        number: Any = tree.value
        return by_ieee(float, number)
    if isinstance(tree, ast.Attribute):
        return getattr(math, tree.attr)
    if isinstance(tree, ast.UnaryOp):
        return -constant_value(tree.operand)
    name, parts = parts_of(tree)
    function = _OPERATORS.get(name) or getattr(math, name, None) or _BUILT_IN[name]
    return float(by_ieee(function, *map(constant_value, parts)))


_of: Any = operator
_OPERATORS: Mapping[str, Operation] = {
    "Add": _of.add,
    "Sub": _of.sub,
    "Mult": _of.mul,
    "Div": _of.truediv,
    "Pow": math.pow,
    "Mod": _of.mod,
    "FloorDiv": _of.floordiv,
}
_BUILT_IN: Mapping[str, Operation] = {"abs": abs, "round": round}


def by_ieee(function: Operation, *numbers: Any) -> Any:
    """Call a function or an operator; where Python raises, at a pole, as IEEE says.

    >>> by_ieee(operator.truediv, 1, 0), by_ieee(math.log, -1.0)
    (inf, nan)
    """
    try:
        z = function(*numbers)
        return math.nan if isinstance(z, complex) else z
    except (ZeroDivisionError, ValueError, OverflowError) as error:
        name: str = function.__name__
        behind = rule_behind({"pow": "Pow"}.get(name, name))
        if behind is not None:
            function = behind.forward
        elif function.__module__ != "_operator":  # a function that NumPy has not
            pole = name == "lgamma" or numbers == (0.0,)
            return math.inf if pole or isinstance(error, OverflowError) else math.nan
        with np.errstate(all="ignore"):
            return float(function(*map(np.float64, numbers)))
