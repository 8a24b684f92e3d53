"""The forms of an elementwise function, checked when its rule is declared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chainrule.errors import ArgumentError
from chainrule.rules.declarations import is_of_library
from chainrule.rules.grammar import check_expression
from chainrule.rules.plain_functions import check_native

if TYPE_CHECKING:
    from chainrule.rules.base import rule

EXPRESSIONS = ("expression", "python", "javascript", "formula")


def check_forms(cls: type[rule]) -> None:
    """Raise unless what a rule class says of its forms can be translated."""
    own = vars(cls)
    if own.get("latex"):
        _check_latex(cls, own["latex"])
    if not is_of_library(cls):  # whose own are read by its tests: that takes time
        check_texts(cls)


def check_texts(cls: type[rule]) -> None:
    """Raise unless a rule's expressions and its function can be translated."""
    own = vars(cls)
    for form in EXPRESSIONS:
        if own.get(form, "") != "":
            check_expression(cls, form)
    if own.get("native") is not None:
        check_native(cls)


def _check_latex(cls: type[rule], latex: Any) -> None:
    r"""Raise unless it is a name, ``\tanh``, or has a ``{}`` for each operand."""
    wanted = len(cls.operand_names)
    text = latex if isinstance(latex, str) else "{0}"
    if "{}" in text:
        try:
            text = text.format(*"x" * wanted) * (text.count("{}") == wanted)
        except (ValueError, IndexError, KeyError):
            text = ""
    if not text or "{0}" in text or text.count("{") != text.count("}"):
        raise ArgumentError(
            f"{cls.__name__}.latex is {latex!r}. Write the function's name, "
            rf'"\tanh", or text with {{}} for each of its {wanted} operands, in '
            r'which other braces are doubled, "\sqrt{{{}}}".'
        )
