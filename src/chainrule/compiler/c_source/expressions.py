"""Expressions of rules in C99, for numbers of type ``double``.

In: an operation of a tape, and the texts of its operands. Out: a C expression, and the
helpers that it calls: what Python's arithmetic has and C has not.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping, Sequence

from chainrule.compiler.native.c_library import address, c_name
from chainrule.compiler.native.meanings import CannotLowerError
from chainrule.compiler.native.operations import ELEMENTWISE
from chainrule.rules.expressions import constant_value, is_test, parsed, parts_of

HELPERS: Mapping[str, str] = {
    "modulo": """\
static double modulo(double x, double y)
{
    double r = fmod(x, y);
    if (r == 0.0)
        return copysign(r, y);
    return (r < 0.0) != (y < 0.0) ? r + y : r;
}
""",
    "quotient": """\
static double quotient(double x, double y)
{
    double r = fmod(x, y), q, whole;
    if (y == 0.0)
        return x / y;
    q = (x - r) / y;
    if (r != 0.0 && (r < 0.0) != (y < 0.0))
        q -= 1.0;
    if (q == 0.0)
        return copysign(0.0, x / y);
    whole = floor(q);
    return q - whole > 0.5 ? whole + 1.0 : whole;
}
""",
    "ulp": """\
static double ulp(double x)
{
    x = fabs(x);
    return isinf(x) ? x : nextafter(x, INFINITY) - x;
}
""",
}
"""What NumPy's remainder and whole quotient do, and Python's ``math.ulp``."""

_SIGNS: Mapping[type[ast.AST], str] = {
    **{ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"},
    **{ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="},
    **{ast.Eq: "==", ast.NotEq: "!=", ast.And: "&&", ast.Or: "||"},
}
_CALLS = {"Pow": "pow", "Mod": "modulo", "FloorDiv": "quotient"}


def literal(x: float) -> str:
    """Return a number in C, exactly."""
    if math.isnan(x):
        return "NAN"
    if math.isinf(x):
        return "INFINITY" if x > 0 else "(-INFINITY)"
    text = repr(float(x))
    return f"({text})" if text[0] == "-" else text


class Expressions:
    """Writes operations; ``helpers`` are the names of those that they call."""

    def __init__(self) -> None:
        """Begin."""
        self.helpers: set[str] = set()

    def operation(self, name: str, operands: Sequence[str]) -> str:
        """Return an elementwise operation on operands, which are names or numbers."""
        known = ELEMENTWISE[name]
        if known.rounds:
            return f"(float)({self.operation(known.rounds, operands)})"
        if not known.expression:
            raise CannotLowerError(f"{name} has no form in C")
        tree = parsed(known.expression)
        self._space = dict(zip(known.operands, operands, strict=True))
        if is_test(tree):
            return f"{self._condition(tree)} ? 1.0 : 0.0"
        text = self._number(tree)
        return text[1:-1] if text[0] == "(" and text[1] != "-" else text

    def _number(self, tree: ast.expr) -> str:
        """Return the text of a number, in parentheses where it has parts."""
        names = {x.id for x in ast.walk(tree) if isinstance(x, ast.Name)}
        if names.isdisjoint(self._space):
            return literal(constant_value(tree))
        if isinstance(tree, ast.Name):
            return self._space[tree.id]
        if isinstance(tree, ast.UnaryOp):
            return f"(-{self._number(tree.operand)})"
        if isinstance(tree, ast.IfExp):
            test = self._condition(tree.test)
            return f"({test} ? {self._number(tree.body)} : {self._number(tree.orelse)})"
        if is_test(tree):
            return f"({self._condition(tree)} ? 1.0 : 0.0)"
        name, parts = parts_of(tree)
        numbers = list(map(self._number, parts))
        if isinstance(tree, ast.BinOp) and type(tree.op) in _SIGNS:
            return f"({numbers[0]} {_SIGNS[type(tree.op)]} {numbers[1]})"
        called = _CALLS.get(name) or _c_function(name)
        if called in HELPERS:
            self.helpers.add(called)
        elif not address(called):  # radians and degrees
            return f"({numbers[0]} * {literal(getattr(math, name)(1.0))})"
        return f"{called}({', '.join(numbers)})"

    def _condition(self, tree: ast.expr) -> str:
        """Return the text of what is true or false, in parentheses."""
        if isinstance(tree, ast.Compare):
            left, right = self._number(tree.left), self._number(tree.comparators[0])
            return f"({left} {_SIGNS[type(tree.ops[0])]} {right})"
        if isinstance(tree, ast.BoolOp):
            sign = f" {_SIGNS[type(tree.op)]} "
            return f"({sign.join(map(self._condition, tree.values))})"
        if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not):
            return f"(!{self._condition(tree.operand)})"
        return f"({self._number(tree)} != 0.0)"


def _c_function(name: str) -> str:
    if name == "round":
        return "rint"
    return "fabs" if name == "abs" else c_name(name)


__all__ = ["HELPERS", "Expressions", "literal"]
