"""Local derivatives as formulas, at the point where they were taken.

A rule runs on terms as it runs on numbers: a term is a formula and its value. So the
formula comes from the rule's declaration, and where a rule chooses by value it shows
what was chosen: the derivative of ``x**2`` is ``2 * x``, whatever the rule does at 0.
"""

from __future__ import annotations

import inspect
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.explainer.account.brief import is_bool, short
from chainrule.rules import elementwise, general, linear, rule
from chainrule.rules.namespace import plain
from chainrule.rules.symbolic import ATOM, UNARY, Formula, Symbols, as_formula
from chainrule.values.foreign import is_foreign
from chainrule.values.types import Result

_SIGNS = {
    "+": "add",
    "-": "sub",
    "*": "mul",
    "/": "truediv",
    "%": "mod",
    "//": "floordiv",
    "**": "pow",
    "<": "lt",
    "<=": "le",
    ">": "gt",
    ">=": "ge",
    "==": "eq",
    "!=": "ne",
}
INFIX: dict[str, Any] = {sign: getattr(operator, n) for sign, n in _SIGNS.items()}
"""The operators of formulas."""


class Term:
    """A formula as a tree, with its value.

    ``head`` is ``"name"``, ``"number"``, ``"negative"``, an infix sign, or the name of
    a function; ``parts`` are terms, or the text of a name.
    """

    __slots__ = ("head", "parts", "value")
    __array_ufunc__ = None

    def __init__(self, head: str, parts: Sequence[Any], value: Result | None) -> None:
        """Keep the formula and its value."""
        self.head: str = head
        self.parts: Sequence[Any] = parts
        self.value: Any = value

    def __neg__(self) -> Term:
        """Negate."""
        if self.head == "number":
            return as_term(-self.value)
        return Term("negative", [self], -self.value)

    def same(self, other: Term) -> bool:
        """Tell whether two terms are the same formula."""
        if self.head != other.head or len(self.parts) != len(other.parts):
            return False
        if self.head == "number":
            return bool(self.value == other.value)
        if self.head == "name":
            return self.parts == other.parts
        return all(a.same(b) for a, b in zip(self.parts, other.parts, strict=True))


def as_term(x: Any) -> Term:
    """Return a number as a term; a term stays."""
    return x if isinstance(x, Term) else Term("number", (), x)


def name(text: str, value: Result) -> Term:
    """Return a variable with its value."""
    return Term("name", (text,), value)


def _joined(sign: str, a: Term | Result, b: Term | Result) -> Term:
    a, b = as_term(a), as_term(b)
    value = INFIX[sign](a.value, b.value)
    if a.head == "number" and b.head == "number":
        return as_term(value)
    if sign == "**":
        return _power(a, b, value)
    if sign == "*" and _is(b, 1):
        return a
    if sign == "*" and _is(a, 1):
        return b
    return Term(sign, (a, b), value)


def _power(a: Term, b: Term, value: Result) -> Term:
    if _is(b, 1):
        return a
    return as_term(1.0) if _is(b, 0) else Term("**", (a, b), value)


def _is(x: Term, number: int) -> bool:
    return x.head == "number" and np.ndim(x.value) == 0 and bool(x.value == number)


def _define(python_name: str, sign: str) -> None:
    def infix(a: Term, b: Term | Result) -> Term:
        return _joined(sign, a, b)

    def reflected(a: Term, b: Term | Result) -> Term:
        return _joined(sign, b, a)

    setattr(Term, f"__{python_name}__", infix)
    setattr(Term, f"__r{python_name}__", reflected)


for _sign, _name in _SIGNS.items():
    _define(_name, _sign)


class _Terms:
    """The array namespace that computes with terms."""

    pi = name("pi", np.pi)
    recorded = False

    def __getattr__(self, function: str) -> Callable[..., Term]:
        """Return a function of terms."""
        if function.startswith("__"):
            raise AttributeError(function)
        compute: Any = getattr(plain, function)

        def call(*args: Term | Result) -> Term:
            terms = [as_term(x) for x in args]
            value: Any = compute(*(t.value for t in terms))
            if all(t.head == "number" for t in terms):
                return as_term(value)
            return Term(function, terms, value)

        return call

    @staticmethod
    def where(condition: Term | Result, x: Term | Result, y: Term | Result) -> Term:
        """Return what is chosen, if it is one of the two everywhere."""
        condition, x, y = as_term(condition), as_term(x), as_term(y)
        asked = not is_foreign(condition.value)
        if x.same(y) or (asked and np.all(condition.value)):
            return x
        if asked and not np.any(condition.value):
            return y
        value = plain.where(condition.value, x.value, y.value)
        return Term("where", [condition, x, y], value)

    @staticmethod
    def power(x: Term | Result, y: Term | Result) -> Term:
        """Return a power, written with its sign."""
        x, y = as_term(x), as_term(y)
        if x.head == "number" and y.head == "number":
            return as_term(np.power(np.float64(x.value), y.value))
        return _power(x, y, np.power(x.value, y.value))


_LONG = 40
"""Documented formulas longer than this lose what follows their first comma."""

_terms: Any = _Terms()
_symbols: Any = Symbols()

_UNREADABLE = (TypeError, AttributeError, ValueError, IndexError, ZeroDivisionError)
"""What a rule raises that asks more of its operands than a term can tell."""


def local_term(
    operation: type[rule],
    z: Term,
    operands: Sequence[Term],
    position: int,
    parameters: Mapping[str, Any],
) -> Term | None:
    """Return the partial derivative in one operand, ``None`` where no formula tells it.

    Parameters
    ----------
    operation
        Its rule.
    z, operands
        Its result and its operands, as terms.
    position
        Which operand.
    parameters
        The parameters of the operation.
    """
    if not issubclass(operation, elementwise) or position not in operation.parts:
        return None
    others = {k: v for k, v in parameters.items() if k != "where"}
    try:
        with np.errstate(all="ignore"):
            return as_term(operation.parts[position](_terms, z, *operands, **others))
    except _UNREADABLE:
        return None


def written_out(term: Term) -> str:
    """Return a term as Python text.

    >>> x = name("x", 2.0)
    >>> written_out(-(x + 1) * x**2)
    '-(x + 1) * x ** 2'
    """
    return _formula(term).text


def _formula(term: Term) -> Formula:
    if term.head == "name":
        return Formula(term.parts[0])
    if term.head == "number":
        return _number(term.value)
    parts: list[Any] = [_formula(part) for part in term.parts]
    if term.head == "negative":
        return operator.neg(parts[0])
    if term.head in INFIX:
        return INFIX[term.head](*parts)
    return getattr(_symbols, term.head)(*parts)


def _number(value: Result) -> Formula:
    """Return a constant as a formula: six digits, a sign that binds as one."""
    if is_bool(value):
        return as_formula(int(value))
    text = short(value)
    return Formula(text, UNARY if text.startswith("-") else ATOM)


def documented(operation: type[rule], position: int, meant: Mapping[str, str]) -> str:
    """Return the formula that the rule documents for one operand, or for all.

    ``meant`` says what stands for the names in it: ``{"x": "weights", "z": "v3"}``.
    """
    method: Callable[..., Any] | None = operation.parts.get(position)
    if method is None and issubclass(operation, linear | general):
        method = getattr(operation, operation._main, None)
    docs = [inspect.getdoc(of) or "" for of in (method, operation) if of]
    lines = [doc.strip().split("\n")[0] for doc in docs]
    line = next((line for line in lines if " = " in line), "")
    if len(line) > _LONG:
        line = re.split(r", (?![^(\[]*[)\]])", line)[0]

    def replaced(word: re.Match[str]) -> str:
        if not word[2]:
            return meant.get(word[1], word[1])
        return f"{meant[word[1]]}.grad" if word[1] in meant else word[0]

    return re.sub(r"(?<![\w.])([A-Za-z]\w*?)(_grad)?(?!\w)", replaced, line)


def meanings(
    operation: type[rule],
    z: str,
    operands: Sequence[str],
    parameters: Mapping[str, Any],
) -> dict[str, str]:
    """Return what the names of a rule stand for in one operation."""
    integers = {k: str(v) for k, v in parameters.items() if isinstance(v, int)}
    named = dict(zip(operation.operand_names, operands, strict=False))
    named.pop("a", None)  # also an English word
    return integers | named | {"z": z}
