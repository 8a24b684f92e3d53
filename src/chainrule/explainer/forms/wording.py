"""How the parts of an explanation are called: in one line, in few characters."""

from __future__ import annotations

from types import EllipsisType

import numpy as np

from chainrule.explainer.account.account import Account
from chainrule.explainer.account.brief import (
    as_numbers,
    is_array,
    printable,
    short,
)
from chainrule.explainer.account.views import Operand, VertexView
from chainrule.values.types import Result

_INPUTS = 6
"""How many inputs the title names."""

_CODE = 100
"""How many characters of an expression are shown."""

UNWRITTEN = ("grad_ops", "rerun", "values", "closed", "fixed", "keywords", "layout")
"""Parameters that hold what a user's own operation keeps for itself."""


def title(explained: Account) -> str:
    """Return what is explained, with the inputs' values and the result."""
    shown = explained.inputs[:_INPUTS]
    parts = [
        f"{explained.vertices[i].name} = {short(explained.vertices[i].value)}"
        for i in shown
    ]
    if len(shown) < len(explained.inputs):
        parts.append("...")
    inputs = printable(", ".join(parts))
    name = printable(explained.title)
    if not explained.called:
        return f"{name}, {inputs}" if inputs else name
    text = f"{name}({inputs})" if name.isidentifier() else f"{name} ({inputs})"
    if explained.error is not None:
        return text
    return f"{text} = {returned(explained)}"


def returned(explained: Account) -> str:
    """Return the result's value."""
    value = explained.returned
    return "None" if value is None else shortened(printable(short(value)))


def main_file(explained: Account) -> str:
    """Return the file whose lines are given by number alone: the result's."""
    for v in reversed(explained.vertices):
        if v.location is not None and not v.location.derived:
            return v.location.filename
    return ""


def operation_text(explained: Account, v: VertexView) -> str:
    """Return an operation as a call: ``sum(v1, axis=0)``."""
    if v.rule is None:
        return v.operation
    operands = [printable(_operand_text(explained, x)) for x in v.operands]
    if v.operation == "getitem":
        return shortened(f"{operands[0]}[{_index_text(v.parameters['index'])}]")
    parameters = [
        f"{k}={short(x) if is_array(x) else printable(repr(x))}"
        for k, x in v.parameters.items()
        if k not in UNWRITTEN
    ]
    return shortened(f"{v.operation}({', '.join([*operands, *parameters])})")


def _operand_text(explained: Account, x: Operand) -> str:
    text = explained.written(x)
    return f"{text} {np.shape(x.value)}" if x.index is None and x.name else text


def _index_text(index: Result | slice | EllipsisType | None) -> str:
    if isinstance(index, tuple):
        return ", ".join(map(_index_text, index))
    if isinstance(index, slice):
        ends = ["" if e is None else str(e) for e in (index.start, index.stop)]
        return ":".join([*ends, *([] if index.step is None else [str(index.step)])])
    if isinstance(index, EllipsisType):
        return "..."
    return short(index) if is_array(index) else printable(str(index))


def shortened(text: str, length: int = _CODE) -> str:
    """Return text without its middle, if it is long."""
    if len(text) <= length:
        return text
    head = (length - 5) * 2 // 3
    return f"{text[:head]} ... {text[-(length - 5 - head) :]}"


def number(partial: Result | None) -> str:
    """Return a local derivative's value."""
    return written(as_numbers(partial))


def written(value: Result | None) -> str:
    """Return a value as it is written in a table: of an array two entries."""
    return short(value, entries=2)
