r"""Formulas in LaTeX: names, numbers and the terms of local derivatives.

``1 / y`` is ``\frac{1}{y}``, ``cos(x)`` is ``\cos(x)``, ``x#2`` (the second ``x``) is
``x^{(2)}``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from chainrule.explainer.account.brief import is_array, is_bool, is_tuple, short
from chainrule.explainer.account.formulas import INFIX, Term
from chainrule.explainer.forms.wording import UNWRITTEN
from chainrule.rules.symbolic import ATOM, COMPARISON, POWER, PRODUCT, SUM, UNARY

Written = tuple[str, float]
"""LaTeX, and how tightly it binds."""

_FRACTION = UNARY + 0.5  # binds as a factor, but is no base of a power

_GREEK = re.compile(
    "alpha|beta|[gG]amma|[dD]elta|epsilon|zeta|eta|[tT]heta|iota|kappa|[lL]ambda|mu|nu|"
    "[xX]i|[pP]i|rho|[sS]igma|tau|[uU]psilon|[pP]hi|chi|[pP]si|[oO]mega"
)

_WORD = re.compile(r"\\mathit|\\texttt")

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    **{c: f"\\{c}" for c in "{}$&#_%"},
}

_KNOWN = {
    "sin": r"\sin", "cos": r"\cos", "tan": r"\tan",
    "sinh": r"\sinh", "cosh": r"\cosh", "tanh": r"\tanh",
    "arcsin": r"\arcsin", "arccos": r"\arccos", "arctan": r"\arctan",
    "log": r"\log",
    "log2": r"\log_{2}",
    "log10": r"\log_{10}",
    "maximum": r"\max",
    "minimum": r"\min",
    "sign": r"\operatorname{sgn}",
    "det": r"\det",
}  # fmt: skip

_TEMPLATES = {
    "absolute": r"\left|{}\right|",
    "abs": r"\left|{}\right|",
    "fabs": r"\left|{}\right|",
    "sqrt": r"\sqrt{{{}}}",
    "cbrt": r"\sqrt[3]{{{}}}",
    "floor": r"\left\lfloor {}\right\rfloor",
    "ceil": r"\left\lceil {}\right\rceil",
    "floor_divide": r"\left\lfloor \frac{{{}}}{{{}}}\right\rfloor",
}
_POWERS = {"square": "2", "reciprocal": "-1"}
_COMPARISONS = {
    "<": "<", "<=": r"\le", ">": ">", ">=": r"\ge", "==": "=", "!=": r"\ne",
    "logical_and": r"\wedge", "logical_or": r"\vee",
}  # fmt: skip
_OPERATIONS = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "power": "**",
    "remainder": "%", "matmul": "*",
}  # fmt: skip


def escaped(text: str) -> str:
    r"""Return text for ``\text{...}``.

    >>> print(escaped("a_1 {50%}"))
    a\_1 \{50\%\}
    """
    return "".join(_SPECIAL.get(c, c) for c in text)


def symbol(name: str, accent: str = "") -> str:
    r"""Return a vertex' name in mathematics, with an accent such as ``\bar``.

    >>> print(symbol("v12"), symbol("theta"), symbol("x#2", r"\bar"), symbol("p['w']"))
    v_{12} \theta \bar{x}^{(2)} \texttt{p['w']}
    """
    repeated = re.fullmatch(r"(.+)#(\d+)", name)
    name, count = repeated.groups() if repeated else (name, "")
    base, subscript = name, ""
    numbered = re.fullmatch(r"([^\W\d_]+)_?(\d+)", name)
    if numbered:
        base, subscript = numbered[1], f"_{{{numbered[2]}}}"
    wide = False
    if _GREEK.fullmatch(base):
        base = f"\\{base}"
    elif len(base) > 1:
        wide = True
        style = "mathit" if re.fullmatch(r"[A-Za-z]+", base) else "texttt"
        base = f"\\{style}{{{escaped(base)}}}"
    elif not base.isalpha():
        base = f"\\texttt{{{escaped(base)}}}"
    if accent:
        accent = {r"\bar": r"\overline"}.get(accent, accent) if wide else accent
        base = f"{accent}{{{base}}}"
    return base + subscript + (f"^{{({count})}}" if count else "")


def number(value: Any, digits: int = 6) -> str:
    r"""Return a number, or a small array, or the first entries of a large one.

    >>> import numpy as np
    >>> print(number(1.5e-7), number(np.array([1.0, 2.0])))
    1.5 \times 10^{-7} \begin{pmatrix} 1 & 2 \end{pmatrix}
    """
    if is_array(value):
        return _array(value)
    if is_tuple(value):
        return ",\\ ".join(map(number, value))
    if is_bool(value):
        return rf"\text{{{'true' if value else 'false'}}}"
    text = short(value, digits)
    text = text.replace("inf", r"\infty").replace("nan", r"\text{nan}")
    text = text.replace("j", r"\mathrm{i}")
    return re.sub(r"e([+-])0*(\d+)", _power_of_ten, text)


def _power_of_ten(found: re.Match[str]) -> str:
    sign = "-" if found[1] == "-" else ""
    return rf" \times 10^{{{sign}{found[2]}}}"


def _array(value: Any) -> str:
    if value.size and value.ndim <= 2 and value.size <= 9:
        rows = [value] if value.ndim == 1 else list(value)
        lines = [" & ".join(number(v, 4) for v in row) for row in rows]
        body = r" \\ ".join(lines)
        return rf"\begin{{pmatrix}} {body} \end{{pmatrix}}"
    shape = r" \times ".join(map(str, value.shape))
    entries = [number(v, 4) for v in value.flat[:3]]
    listed = ",\\ ".join([*entries, r"\dots"])
    return rf"\left({listed}\right)_{{{shape}}}"


def term(x: Term) -> str:
    r"""Return a term in LaTeX.

    >>> from chainrule.explainer.account.formulas import name
    >>> y = name("y", 2.0)
    >>> print(term(-1 / (y + 1)), term((y / 2) ** 3))
    \frac{-1}{y + 1} {\left(\frac{y}{2}\right)}^{3}
    """
    return _written(x)[0]


def operation(view: Any, operands: Sequence[Term], z: Any) -> str:
    """Return what an operation computes, in terms of its operands."""
    name = view.operation
    if name == "negative":
        return term(Term("negative", operands, z))
    if name in _OPERATIONS and len(operands) == 2:
        return term(Term(_OPERATIONS[name], operands, z))
    if name == "getitem":
        index = escaped(short(view.parameters["index"]))
        return rf"{{{_at(operands[0], ATOM)}}}_{{\texttt{{[{index}]}}}}"
    given = [
        rf"\texttt{{{escaped(f'{k}={short(v)}')}}}"
        for k, v in view.parameters.items()
        if k not in (*UNWRITTEN, "where")
    ]
    if given:
        listed = ", ".join([*map(term, operands), *given])
        return rf"\operatorname{{{escaped(name)}}}" + parenthesised(listed)
    return _call(name, operands)[0]


# ----------------------------------------------------------------------------- a term


def _at(x: Term, binding: float) -> str:
    text, bound = _written(x)
    return text if bound >= binding else parenthesised(text)


def parenthesised(text: str) -> str:
    """Return LaTeX in parentheses as high as it."""
    if re.search(r"\\frac|\^|\\begin|\\left", text):
        return rf"\left({text}\right)"
    return f"({text})"


def _written(x: Term) -> Written:
    if x.head == "number":
        text = number(x.value)
        return text, UNARY if text.startswith("-") or r"\times" in text else ATOM
    if x.head == "name":
        return symbol(x.parts[0]), ATOM
    if x.head == "negative":
        return f"-{_at(x.parts[0], UNARY)}", UNARY
    if x.head in _COMPARISONS:
        return f"\\left[{_comparison(x)}\\right]", ATOM
    return _infix(x) if x.head in INFIX else _call(x.head, x.parts)


def _comparison(x: Term) -> str:
    if x.head not in _COMPARISONS:
        return _written(x)[0]
    left, right = (
        _comparison(p) if p.head in _COMPARISONS else _at(p, COMPARISON + 1)
        for p in x.parts
    )
    return f"{left} {_COMPARISONS[x.head]} {right}"


def _infix(x: Term) -> Written:
    a, b = x.parts
    if x.head == "/":
        return rf"\frac{{{term(a)}}}{{{term(b)}}}", _FRACTION
    if x.head == "**":
        return f"{{{_at(a, ATOM)}}}^{{{term(b)}}}", POWER
    if x.head == "//":
        return rf"\left\lfloor \frac{{{term(a)}}}{{{term(b)}}}\right\rfloor", ATOM
    if x.head == "*":
        left, right = _at(a, PRODUCT), _at(b, PRODUCT + 1)
        if right.startswith("-"):
            right = parenthesised(right)
        apart = right[0].isdigit() or _WORD.search(left + right)
        sign = r" \cdot " if apart else r" \, "
        return f"{left}{sign}{right}", PRODUCT
    if x.head == "%":
        return rf"{_at(a, PRODUCT)} \bmod {_at(b, PRODUCT + 1)}", PRODUCT
    right = _at(b, SUM + 1)
    right = parenthesised(right) if right.startswith("-") else right
    return f"{_at(a, SUM)} {x.head} {right}", SUM


def _call(name: str, parts: Sequence[Term]) -> Written:
    written = [term(p) for p in parts]
    if name in _TEMPLATES:
        return _TEMPLATES[name].format(*written), ATOM
    if name in ("exp", "exp2"):
        return f"{'e' if name == 'exp' else 2}^{{{written[0]}}}", POWER
    if name in _POWERS:
        return f"{{{_at(parts[0], ATOM)}}}^{{{_POWERS[name]}}}", POWER
    if name == "expm1":
        return f"e^{{{written[0]}}} - 1", SUM
    if name == "hypot":
        squares = (f"{{{_at(p, ATOM)}}}^{{2}}" for p in parts)
        return rf"\sqrt{{{' + '.join(squares)}}}", ATOM
    if name == "log1p":
        return rf"\log{parenthesised('1 + ' + _at(parts[0], SUM + 1))}", ATOM
    if name == "where":
        condition = _comparison(parts[0])
        rows = rf"{written[1]} & {condition} \\ {written[2]} & \text{{else}}"
        return rf"\begin{{cases}} {rows} \end{{cases}}", PRODUCT
    function = _KNOWN.get(name) or rf"\operatorname{{{escaped(name)}}}"
    return function + parenthesised(", ".join(written)), ATOM
