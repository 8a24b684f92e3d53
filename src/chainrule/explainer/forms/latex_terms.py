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
from chainrule.explainer.forms.expression_terms import CHOICE, formula_of, rule_named
from chainrule.explainer.forms.wording import UNWRITTEN
from chainrule.operations_grad.indexing import getitem_grad
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

_COMPARISONS = {
    "<": "<",
    "<=": r"\le",
    ">": ">",
    ">=": r"\ge",
    "==": "=",
    "!=": r"\ne",
    "and": r"\wedge",
    "or": r"\vee",
}


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
    if view.rule is getitem_grad:
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
    return _applied(view.rule, name, operands)[0]


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
    if x.head == CHOICE:
        condition = _comparison(x.parts[0])
        yes, no = map(term, x.parts[1:])
        rows = rf"{yes} & {condition} \\ {no} & \text{{else}}"
        return rf"\begin{{cases}} {rows} \end{{cases}}", PRODUCT
    if x.head in INFIX:
        return _infix(x)
    return _applied(rule_named(x.head), x.head.removeprefix("math."), x.parts)


def _comparison(x: Term) -> str:
    x = _opened(x)
    if x.head not in _COMPARISONS:
        return _written(x)[0]
    left, right = (
        _comparison(p) if _opened(p).head in _COMPARISONS else _at(p, COMPARISON + 1)
        for p in x.parts
    )
    return f"{left} {_COMPARISONS[x.head]} {right}"


def _opened(x: Term) -> Term:
    """Return a call of ``logical_and`` or ``less`` as the comparison that it is."""
    if x.head in ("number", "name") or x.head in INFIX:
        return x
    formula = formula_of(rule_named(x.head), x.parts)
    return x if formula is None or formula.head not in _COMPARISONS else formula


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


def _applied(rule: Any, name: str, parts: Sequence[Term]) -> Written:
    """Return a rule's function of terms: by its LaTeX, its formula, or its name."""
    given: str = rule.latex if rule is not None else ""
    if "{}" in given:
        return given.format(*map(term, parts)), POWER if "^" in given else ATOM
    formula = None if given else formula_of(rule, parts)
    if formula is not None:
        return _written(formula)
    function = given or rf"\operatorname{{{escaped(name)}}}"
    return function + parenthesised(", ".join(map(term, parts))), ATOM
