"""Scalar operations and their derivatives as JavaScript, written from the rules.

The page replays a recording at other inputs. What it computes with is made here by
running each rule on symbols. An operation without a form in JavaScript cannot be
replayed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.explainer.account.views import Operand, VertexView
from chainrule.explainer.page.javascript_forms import (
    compared,
    javascript_form,
    javascript_of,
    prelude,
)
from chainrule.operations_grad.structure import identity_grad
from chainrule.rules import elementwise, rule
from chainrule.rules.symbolic import ATOM, Formula, Symbols, as_formula


@dataclass(frozen=True)
class Script:
    """One operation on entries: ``x0``, ``x1``, ... are its operands that vary.

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


class Form(Protocol):
    """An operation that can be written as a JavaScript object."""

    def text(self) -> str:
        """Return the object."""
        ...


def script_of(view: VertexView) -> Script | None:
    """Return an operation in JavaScript, or ``None`` if it has no such form."""
    operation = view.rule
    if operation is None or not is_real(view.value) or "where" in view.parameters:
        return None
    if not all(is_real(x.value) or _is_constant(x) for x in view.operands):
        return None
    if operation is identity_grad:
        return Script("x0", ((0, "1"),), 1, structural=False)
    if not issubclass(operation, elementwise):
        return None
    xp = Symbols()
    operands = _symbols(view.operands)
    try:
        forward = _forward(operation, operands, view.parameters)
        parts = tuple(
            (i, _written(partial(xp, Formula("z"), *operands, **view.parameters)))
            for i, partial in operation.parts.items()
            if view.operands[i].index is not None
        )
    except (TypeError, AttributeError, IndexError, ArgumentError):
        return None
    variables = sum(map(varies, view.operands))
    return Script(forward, parts, variables, operation.structural)


def sign_of(operation: str) -> str | None:
    """Return the sign by which an operation on two numbers compares them.

    A replay watches comparisons, so that it sees when a branch would change; the truth
    of a number compares it with 0, and whether it is nan with itself.
    """
    return (
        "!="
        if operation in ("bool", "isnan")
        else compared(getattr(np, operation, None))
    )


def rules_text(scripts: Sequence[Form]) -> str:
    """Return the JavaScript that gives the page its operations."""
    listed = ",\n".join(s.text() for s in scripts)
    return (
        '"use strict";\nglobalThis.chainruleRules = (() => {\n'
        f"{prelude(listed)}return [\n{listed}\n];\n}})();\n"
    )


def is_real(x: Any) -> bool:
    """Tell whether a value is a real number in double precision, or an array."""
    if type(x) is np.ndarray:
        return x.dtype.name == "float64"
    return isinstance(x, float)


def varies(x: Operand) -> bool:
    """Tell whether an operand is handed to a form: a vertex, or an array."""
    return x.index is not None or np.ndim(x.value) > 0


def _forward(operation: type[rule], operands: Sequence[Any], parameters: Any) -> str:
    """Return the result of a rule that is given no parameters."""
    form = javascript_form(operation)
    if form is None or parameters:
        raise TypeError(f"{operation.__name__} has no expression")
    texts = [as_formula(x)._at(ATOM) for x in operands]
    return f"({form.format(*texts)})"


def _is_constant(x: Operand) -> bool:
    if type(x.value) is np.ndarray:
        return x.index is None and x.value.dtype.kind in "fiub"
    return x.index is None and (
        isinstance(x.value, bool | int | float | np.integer | np.bool_)
    )


def _symbols(operands: Sequence[Operand]) -> list[Any]:
    """Return a symbol for each operand that varies, a Python number for the others."""
    found: list[Any] = []
    count = 0
    for x in operands:
        if varies(x):
            found.append(Formula(f"x{count}"))
            count += 1
        else:
            value = x.value
            found.append(value.item() if hasattr(value, "item") else value)
    return found


def _written(x: Formula | float) -> str:
    """Return a formula as JavaScript, or raise ``TypeError``."""
    formula = as_formula(x).text
    text = javascript_of(formula)
    if text is None:
        raise TypeError(f"{formula} has no form in JavaScript")
    return text


__all__ = [
    "Form",
    "Script",
    "is_real",
    "rules_text",
    "script_of",
    "sign_of",
    "varies",
]
