"""Expressions of rules as JavaScript, and the functions of ``math`` that it lacks.

In: rules. Out: texts with ``{0}``, ``{1}`` for the operands, in which ``math`` is what
``prelude`` says.
"""

from __future__ import annotations

import ast
import functools
import re
from typing import Any

from chainrule.rules import rule, rule_of
from chainrule.rules.expressions import function_in, is_test, parsed
from chainrule.rules.namespace import rule_called

_HELPERS = {
    "power": """(x, y) =>
  x === 1 || y === 0 || (x === -1 && Math.abs(y) === inf) ? 1 : Math.pow(x, y)""",
    "modulo": """(x, y) => {
  const r = x % y;
  return r === 0 ? math.copysign(r, y) : r < 0 !== y < 0 ? r + y : r;
}""",
    "quotient": """(x, y) => {
  const r = x % y, q = (x - r) / y - (r !== 0 && r < 0 !== y < 0 ? 1 : 0);
  return y === 0 ? x / y : q === 0 ? math.copysign(0, x / y) : Math.round(q);
}""",
    "erfSeries": """(x) => {
  let term = x, sum = x;
  for (let n = 1; term > 1e-17 * sum; n++) sum += term *= (2 * x * x) / (2 * n + 1);
  return (sum * 2 * Math.exp(-x * x)) / Math.sqrt(pi);
}""",
    "erfcFraction": """(x) => {
  let below = x;
  for (let n = 120; n > 0; n--) below = x + n / 2 / below;
  return Math.exp(-x * x) / below / Math.sqrt(pi);
}""",
    "math.fabs": "Math.abs",
    "math.exp2": "(x) => Math.pow(2, x)",
    "math.pow": "power",
    "math.fmod": "(x, y) => x % y",
    "math.copysign": """(x, y) =>
    y < 0 || Object.is(y, -0) ? -Math.abs(x) : Math.abs(x)""",
    "math.round": """(x) =>
    Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x)""",
    "math.radians": "(x) => x * (pi / 180)",
    "math.degrees": "(x) => x * (180 / pi)",
    "math.isnan": "Number.isNaN",
    "math.isinf": "(x) => Math.abs(x) === inf",
    "math.isfinite": "Number.isFinite",
    "math.erf": """(x) => {
    const a = Math.abs(x), z = a < 2 ? (a ? erfSeries(a) : 0) : 1 - erfcFraction(a);
    return math.copysign(z, x);
  }""",
    "math.erfc": "(x) => (x < 2 ? 1 - math.erf(x) : erfcFraction(x))",
}
"""What expressions may call that JavaScript has not. The series and the continued
fraction are DLMF 7.6.2 and 7.9.1."""


def prelude(text: str) -> str:
    """Return the JavaScript that expressions are written with, as far as they need it.

    >>> "erf" in prelude("math.exp(x0)"), "erfSeries" in prelude("math.erfc(x0)")
    (False, True)
    """
    needed: set[str] = set()
    waiting = [text]
    while waiting:
        names = set(re.findall(r"(?:math\.)?\w+", waiting.pop()))
        found = names & _HELPERS.keys() - needed
        needed |= found
        waiting += map(_HELPERS.__getitem__, found)
    members = "".join(
        f"  {name.removeprefix('math.')}: {body},\n"
        for name, body in _HELPERS.items()
        if name in needed and name.startswith("math.")
    )
    functions = "".join(
        f"const {name} = {body};\n"
        for name, body in _HELPERS.items()
        if name in needed and not name.startswith("math.")
    )
    return (
        "const nan = NaN, inf = Infinity, pi = Math.PI, True = true, False = false;\n"
        f"{functions}const math = {{\n  __proto__: Math,\n  inf, nan, pi, e: Math.E,\n"
        f"{members}}};\n"
    )


_WITHOUT = (
    "comb dist factorial frexp fsum gamma gcd isclose isqrt lcm ldexp lgamma modf "
    "nextafter perm prod remainder sumprod ulp"
)
"""Functions of Python's ``math`` that are not in JavaScript, and not above."""


@functools.cache
def javascript_form(operation: type[rule]) -> str | None:
    """Return an operation on numbers as JavaScript; ``None`` if it has no such form.

    >>> from chainrule.operations_grad import logaddexp_grad, where_grad
    >>> javascript_form(where_grad), javascript_form(logaddexp_grad)[:40]
    ('({0} != 0) ? {1} : {2}', '({0} == {1}) ? ({0} + math.log(2.0)) : (')
    """
    text = operation.javascript or operation.expression
    if not text:
        return None
    places = {name: f"{{{i}}}" for i, name in enumerate(operation.operand_names)}
    return _written(parsed(text), places)


def javascript_of(formula: str) -> str | None:
    """Return a formula of a rule's partial as JavaScript, if it has such a form.

    >>> javascript_of("x0 ** 2 * where(x0 > 0, log1p(z), 1)")
    'power(x0, 2) * (((x0 > 0) != 0) ? math.log1p(z) : 1)'
    """
    return _written(parsed(formula), {})


def compared(function: Any) -> str | None:
    """Return the sign by which a function compares two numbers, if it does that.

    >>> import numpy as np
    >>> compared(np.not_equal), compared(np.isnan)
    ('!=', None)
    """
    operation = rule_of(function)
    if operation is None or not operation.expression:
        return None
    tree = parsed(operation.expression)
    if not isinstance(tree, ast.Compare):
        return None
    compared = [ast.unparse(x) for x in (tree.left, *tree.comparators)]
    of_operands = compared == [*operation.operand_names]
    return _SIGNS[type(tree.ops[0])] if of_operands else None


_SIGNS: dict[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.USub: "-",
    ast.Not: "!", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.Eq: "==", ast.NotEq: "!=", ast.And: "&&", ast.Or: "||",
}  # fmt: skip


def _written(tree: Any, places: dict[str, str]) -> str | None:
    """Return a tree as JavaScript; ``None`` where a function is not in it."""
    if isinstance(tree, ast.Name):
        return places.get(tree.id, tree.id)
    if isinstance(tree, ast.Constant | ast.Attribute):
        return ast.unparse(tree)
    parts: list[str] = []
    for x in _parts(tree):
        part = _written(x, places)
        if part is None:
            return None
        bare = isinstance(tree, ast.Call) and not _is_of_xp(tree)
        parts.append(part if bare or _ATOM.fullmatch(part) else f"({part})")
    if isinstance(tree, ast.Call) and _is_of_xp(tree):
        form = _form_called(function_in(tree))
        parts = [f"({x})" if x.startswith("-") else x for x in parts]  # no --x
        return None if form is None else form.format(*parts)
    if isinstance(tree, ast.Call):
        name = {"abs": "fabs"}.get(function_in(tree), function_in(tree))
        given = ", ".join(parts)
        return None if name in _WITHOUT.split() else f"math.{name}({given})"
    if isinstance(tree, ast.IfExp):
        test = parts[0] if is_test(tree.test) else f"({parts[0]} != 0)"  # nan is true
        return f"{test} ? {parts[1]} : {parts[2]}"
    if isinstance(tree, ast.UnaryOp):
        part = f"({parts[0]})" if parts[0].startswith("-") else parts[0]
        return _SIGNS[type(tree.op)] + part
    if isinstance(tree, ast.BinOp) and type(tree.op) not in _SIGNS:
        return _CALLED[type(tree.op)].format(*parts)
    op: ast.AST = tree.ops[0] if isinstance(tree, ast.Compare) else tree.op
    return f" {_SIGNS[type(op)]} ".join(parts)


_CALLED: dict[type[ast.AST], str] = {
    ast.Mod: "modulo({0}, {1})",
    ast.FloorDiv: "quotient({0}, {1})",
    ast.Pow: "power({0}, {1})",
}


def _is_of_xp(tree: ast.Call) -> bool:
    """Tell whether a formula calls a function of ``xp``."""
    return isinstance(tree.func, ast.Name) and tree.func.id not in ("abs", "round")


def _form_called(name: str) -> str | None:
    """Return the form of a function of ``xp``."""
    operation = rule_called(name)
    return None if operation is None else javascript_form(operation)


_ATOM = re.compile(r"-?[\w.{}]+|[\w.]+\((?:[^()]|\([^()]*\))*\)")
"""What binds tighter than any operator."""


def _parts(tree: Any) -> list[ast.expr]:
    """Return the parts of a tree, in the order in which they are written."""
    if isinstance(tree, ast.Call):
        return tree.args
    if isinstance(tree, ast.IfExp):
        return [tree.test, tree.body, tree.orelse]
    if isinstance(tree, ast.UnaryOp):
        return [tree.operand]
    if isinstance(tree, ast.BinOp):
        return [tree.left, tree.right]
    return (
        tree.values if isinstance(tree, ast.BoolOp) else [tree.left, *tree.comparators]
    )


__all__ = ["compared", "javascript_form", "javascript_of", "prelude"]
