"""The forms of an elementwise function, and all else that a rule class declares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from chainrule.errors import ArgumentError
from chainrule.rules.attributes import check_attributes
from chainrule.rules.declarations import Derivative, check_declaration
from chainrule.rules.grammar import check_expression
from chainrule.rules.plain_functions import check_native

if TYPE_CHECKING:
    from chainrule.rules.base import rule

EXPRESSIONS = ("expression", "python", "javascript", "formula")


def check_rule(cls: type[rule], derivatives: Sequence[Derivative]) -> None:
    """Raise unless all that a rule class declares can be, and agrees with the rest.

    Classes of a program are checked when they are made, those of the library by its
    tests: that would take an eighth of the time of its import.

    Parameters
    ----------
    cls
        The rule, its ``operand_names`` read.
    derivatives
        Its methods that compute derivatives.
    """
    check_attributes(cls, derivatives)
    if cls._prefix or cls._main:
        check_declaration(cls, derivatives)
    own = vars(cls)
    if own.get("latex"):
        _check_latex(cls, own["latex"])
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
