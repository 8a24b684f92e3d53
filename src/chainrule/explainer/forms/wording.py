"""How the parts of an explanation are called: in one line, in few characters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.explainer.account.brief import (
    is_array,
    is_bool,
    is_tuple,
    printable,
    short,
)

if TYPE_CHECKING:
    from chainrule.explainer.account.account import Explanation
    from chainrule.explainer.account.views import Operand, VertexView

_INPUTS = 6
"""How many inputs the title names."""

_CODE = 100
"""How many characters of an expression are shown."""

UNWRITTEN = ("grad_ops", "rerun", "values", "closed", "fixed", "keywords")
"""Parameters that hold what a user's own operation keeps for itself."""


def title(explained: Explanation) -> str:
    """Return what is explained, with the inputs' values and the result."""
    shown = explained.inputs[:_INPUTS]
    parts = [
        f"{explained.vertices[i].name} = {short(explained.vertices[i].value)}"
        for i in shown
    ]
    if len(shown) < len(explained.inputs):
        parts.append("...")
    given = printable(", ".join(parts))
    name = printable(explained.title)
    if not explained.called:
        return f"{name}, {given}" if given else name
    text = f"{name}({given})" if name.isidentifier() else f"{name} ({given})"
    if explained.error is not None:
        return text
    return f"{text} = {returned(explained)}"


def returned(explained: Explanation) -> str:
    """Return the result's value."""
    value = explained.returned
    return "None" if value is None else shortened(printable(short(value)))


def main_file(explained: Explanation) -> str:
    """Return the file whose lines are given by number alone: the result's."""
    for v in reversed(explained.vertices):
        if v.place is not None and not v.place.derived:
            return v.place.filename
    return ""


def operation_text(explained: Explanation, v: VertexView) -> str:
    """Return an operation as a call: ``sum(v1, axis=0)``."""
    if v.rule is None:
        return v.operation
    operands = [printable(_operand_text(explained, x)) for x in v.operands]
    if v.operation == "getitem":
        return shortened(f"{operands[0]}[{_index_text(v.parameters['index'])}]")
    given = [
        f"{k}={short(x) if is_array(x) else printable(repr(x))}"
        for k, x in v.parameters.items()
        if k not in UNWRITTEN
    ]
    return shortened(f"{v.operation}({', '.join([*operands, *given])})")


def _operand_text(explained: Explanation, x: Operand) -> str:
    text = explained.written(x)
    return f"{text} {np.shape(x.value)}" if x.index is None and x.name else text


def _index_text(index: Any) -> str:
    if is_tuple(index):
        return ", ".join(map(_index_text, index))
    if type(index) is slice:
        ends = ["" if e is None else str(e) for e in (index.start, index.stop)]
        return ":".join([*ends, *([] if index.step is None else [str(index.step)])])
    if index is Ellipsis:
        return "..."
    return short(index) if is_array(index) else printable(str(index))


def shortened(text: str, length: int = _CODE) -> str:
    """Return text without its middle, if it is long."""
    if len(text) <= length:
        return text
    head = (length - 5) * 2 // 3
    return f"{text[:head]} ... {text[-(length - 5 - head) :]}"


def number(partial: Any) -> str:
    """Return a local derivative's value."""
    return written(as_number(partial))


def written(value: Any) -> str:
    """Return a value as it is written in a table: of an array two entries."""
    return short(value, entries=2)


def as_number(partial: Any) -> Any:
    """Return a local derivative as numbers: a mask is zeros and ones."""
    if is_bool(partial):
        return int(partial)
    if is_array(partial) and partial.dtype == bool:
        return partial.astype(float)
    return partial
