"""What generated steps call the operands of a rule: by their names, where free.

Steps have variables of their own, and call functions. An operand with the name of one
of these, ``c`` or ``sin``, gets another in the text: ``_0_c``. The formulas of partials
are written in these names.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

import numpy as np

from chainrule.rules import elementwise, rule
from chainrule.rules.namespace import EXTRA, NAMED
from chainrule.rules.python_forms import MATH
from chainrule.rules.symbolic import Form, partial_formulas
from chainrule.steps.text import names_in

_VARIABLES = frozenset(
    "LARGE add_into bars c dots errors fit np operands parameters product reference "
    "reference_step step tangent_step total vertex xp z z_grad".split()
)
_PATTERNS = r"a\d+|d_.*|_.*|.*_|.*_dot"
"""Of numbered variables, of those made from the name of another operand, and ours."""


@functools.cache
def local_names(operation: type[rule]) -> tuple[str, ...]:
    """Return the names of a rule's operands in generated text.

    >>> from chainrule.operations_grad import power_grad
    >>> local_names(power_grad)
    ('x', 'y')
    """
    return tuple(
        f"_{i}_{name}" if _is_taken(name) else name
        for i, name in enumerate(operation.operand_names)
    )


def _is_taken(name: str) -> bool:
    """Tell whether generated text may mean something else by an operand's name."""
    if name in _VARIABLES or re.fullmatch(_PATTERNS, name):
        return True
    return any(name in names for names in (MATH, EXTRA, NAMED)) or hasattr(np, name)


@functools.cache
def formulas_of(
    operation: type[elementwise],
    form: Form | None,
    *,
    recorded: bool = False,
) -> Mapping[str, str]:
    """Return the formulas of a rule's partials; none where a partial has no text.

    They are in the operands' local names, and by these.
    """
    names = local_names(operation)
    try:
        return partial_formulas(operation, form, names, recorded=recorded)
    except (TypeError, AttributeError):
        return {}


@functools.cache
def names_read(operation: type[elementwise], wanted: tuple[bool, ...]) -> set[str]:
    """Return the names of the operands that the wanted partials read."""
    names = local_names(operation)
    formulas = formulas_of(operation, None)
    nodes = [n for n, w in zip(names, wanted, strict=True) if w]
    read = names_in(formulas[n] for n in nodes if n in formulas)
    if len(formulas) < len(operation.parts):
        read |= set(names)  # a partial without a formula may read any of them
    own = zip(operation.operand_names, names, strict=True)
    return {name for name, local in own if local in read}
