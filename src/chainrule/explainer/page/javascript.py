"""Scalar operations and their derivatives as JavaScript, written from the rules.

The page replays a recording at other inputs. What it computes with is made here by
running each rule on symbols; the only table is how a NumPy function is called in
JavaScript. An operation without such a form cannot be replayed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.explainer.account.views import Operand, VertexView
from chainrule.nodes.admission import operation_name
from chainrule.operations_grad.structure import identity_grad
from chainrule.rules import elementwise
from chainrule.rules.symbolic import Formula, Symbols, as_formula

JAVASCRIPT_FORMS: Mapping[str, str] = {
    "add": "{0} + {1}",
    "subtract": "{0} - {1}",
    "multiply": "{0} * {1}",
    "divide": "{0} / {1}",
    "true_divide": "{0} / {1}",
    "negative": "-{0}",
    "positive": "{0}",
    "square": "{0} * {0}",
    "reciprocal": "1 / {0}",
    "power": "power({0}, {1})",
    "float_power": "power({0}, {1})",
    "absolute": "Math.abs({0})",
    "fabs": "Math.abs({0})",
    "exp": "Math.exp({0})",
    "exp2": "Math.pow(2, {0})",
    "expm1": "Math.expm1({0})",
    "log": "Math.log({0})",
    "log2": "Math.log2({0})",
    "log10": "Math.log10({0})",
    "log1p": "Math.log1p({0})",
    "sqrt": "Math.sqrt({0})",
    "cbrt": "Math.cbrt({0})",
    "sin": "Math.sin({0})",
    "cos": "Math.cos({0})",
    "tan": "Math.tan({0})",
    "arcsin": "Math.asin({0})",
    "arccos": "Math.acos({0})",
    "arctan": "Math.atan({0})",
    "arctan2": "Math.atan2({0}, {1})",
    "hypot": "Math.hypot({0}, {1})",
    "sinh": "Math.sinh({0})",
    "cosh": "Math.cosh({0})",
    "tanh": "Math.tanh({0})",
    "arcsinh": "Math.asinh({0})",
    "arccosh": "Math.acosh({0})",
    "arctanh": "Math.atanh({0})",
    "deg2rad": "{0} * (pi / 180)",
    "radians": "{0} * (pi / 180)",
    "rad2deg": "{0} * (180 / pi)",
    "degrees": "{0} * (180 / pi)",
    "remainder": "modulo({0}, {1})",
    "fmod": "fmod({0}, {1})",
    "floor_divide": "Math.floor({0} / {1})",
    "floor": "Math.floor({0})",
    "ceil": "Math.ceil({0})",
    "trunc": "Math.trunc({0})",
    "copysign": "copysign({0}, {1})",
    "sign": "Math.sign({0})",
    "heaviside": "{0} < 0 ? 0 : {0} > 0 ? 1 : {0} === 0 ? {1} : nan",
    "isnan": "Number.isNaN({0})",
    "isinf": "Math.abs({0}) === inf",
    "isfinite": "Number.isFinite({0})",
    "logaddexp": "logaddexp({0}, {1})",
    "logaddexp2": "logaddexp({0} * Math.LN2, {1} * Math.LN2) / Math.LN2",
    "where": "{0} ? {1} : {2}",
    "maximum": "Math.max({0}, {1})",
    "minimum": "Math.min({0}, {1})",
    "fmax": "fmax({0}, {1})",
    "fmin": "-fmax(-({0}), -({1}))",
    "clip": "Math.min(Math.max({0}, {1}), {2})",
    "logical_and": "Boolean({0}) && Boolean({1})",
    "logical_or": "Boolean({0}) || Boolean({1})",
    "logical_not": "!{0}",
    "conjugate": "{0}",
    "real": "{0}",
    "fraction": "{0} - Math.trunc({0})",
    "nextafter": "{0}",
}
"""How a NumPy function of numbers is written in JavaScript."""

_PRELUDE = """\
const nan = NaN, inf = Infinity, pi = Math.PI, True = true, False = false;
const power = (x, y) => (x === 1 || y === 0 ? 1 : Math.pow(x, y));
const fmod = (x, y) => x % y;
const modulo = (x, y) => {
  const r = x % y;
  return r !== 0 && r < 0 !== y < 0 ? r + y : r;
};
const copysign = (x, y) => (y < 0 || Object.is(y, -0) ? -Math.abs(x) : Math.abs(x));
const logaddexp = (x, y) =>
  x === y ? x + Math.LN2 : Math.max(x, y) + Math.log1p(Math.exp(-Math.abs(x - y)));
const fmax = (x, y) => (x >= y || y !== y ? x : y);
"""

_PYTHON_ONLY = re.compile(r"\*\*|//|%|\bnp\b")
"""Operators that mean something else in JavaScript, or nothing."""

COMPARISONS: Mapping[str, str] = {
    "less": "<",
    "less_equal": "<=",
    "greater": ">",
    "greater_equal": ">=",
    "equal": "==",
    "not_equal": "!=",
    "bool": "!=",
}
"""Comparisons that a replay watches, so that it sees when a branch would change."""


@dataclass(frozen=True)
class Script:
    """One operation in JavaScript: ``x0``, ``x1``, ... are its operands that vary.

    Attributes
    ----------
    forward
        The expression of the result.
    parts
        The expression of each local derivative, also in ``z``, by operand position.
    variables
        How many operands vary.
    structural
        Whether a derivative that is zero means that nothing flows.
    """

    forward: str
    parts: tuple[tuple[int, str], ...]
    variables: int
    structural: bool

    def text(self) -> str:
        """Return the operation as a JavaScript object."""
        names = ", ".join(f"x{i}" for i in range(self.variables))
        parts = ", ".join(f"{i}: (z, {names}) => {d}" for i, d in self.parts)
        structural = "true" if self.structural else "false"
        return (
            f"{{forward: ({names}) => {self.forward}, partials: {{{parts}}}, "
            f"structural: {structural}}}"
        )


def script_of(view: VertexView) -> Script | None:
    """Return an operation in JavaScript, or ``None`` if it has no such form."""
    rule = view.rule
    if rule is None or not is_number(view.value) or view.parameters.get("where"):
        return None
    if not all(is_number(x.value) or _is_constant(x) for x in view.operands):
        return None
    if rule is identity_grad:
        return Script("x0", ((0, "1"),), 1, structural=False)
    if not issubclass(rule, elementwise):
        return None
    xp = Symbols(JAVASCRIPT_FORMS)
    operands = _symbols(view.operands)
    try:
        forward = getattr(xp, _name_of(rule))(*operands, **view.parameters)
        forward = _written(forward)
        parts = tuple(
            (i, _written(partial(xp, Formula("z"), *operands, **view.parameters)))
            for i, partial in rule.parts.items()
            if view.operands[i].index is not None
        )
    except (TypeError, AttributeError, IndexError, ArgumentError):
        return None
    variables = sum(x.index is not None for x in view.operands)
    return Script(forward, parts, variables, rule.structural)


def rules_text(scripts: Sequence[Script]) -> str:
    """Return the JavaScript that gives the page its operations."""
    listed = ",\n".join(s.text() for s in scripts)
    return (
        '"use strict";\nglobalThis.chainruleRules = (() => {\n'
        f"{_PRELUDE}return [\n{listed}\n];\n}})();\n"
    )


def is_number(x: Any) -> bool:
    """Tell whether a value is a real number in double precision."""
    if type(x) is np.ndarray:
        return x.ndim == 0 and x.dtype.name == "float64"
    return isinstance(x, float)


def _name_of(rule: type[elementwise]) -> str:
    """Return the NumPy function that a rule computes; one by hand has none."""
    name = getattr(rule.forward, "__name__", "")
    if name and getattr(np, name, None) is rule.forward:
        return name
    if rule.__module__.startswith("chainrule."):
        return operation_name(rule)
    raise TypeError(f"{rule.__name__} computes no NumPy function")


def _is_constant(x: Operand) -> bool:
    return x.index is None and (
        isinstance(x.value, bool | int | float | np.integer | np.bool_)
    )


def _symbols(operands: Sequence[Operand]) -> list[Any]:
    """Return a symbol for each operand that varies, a Python number for the others."""
    found: list[Any] = []
    count = 0
    for x in operands:
        if x.index is not None:
            found.append(Formula(f"x{count}"))
            count += 1
        else:
            value = x.value
            found.append(value.item() if hasattr(value, "item") else value)
    return found


def _written(x: Any) -> str:
    text = as_formula(x).text
    if _PYTHON_ONLY.search(text):
        raise TypeError(f"{text} means something else in JavaScript")
    return text


__all__ = [
    "COMPARISONS",
    "JAVASCRIPT_FORMS",
    "Script",
    "is_number",
    "rules_text",
    "script_of",
]
