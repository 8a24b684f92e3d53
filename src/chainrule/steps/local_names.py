"""What generated steps call the operands of a rule: by their names, where free.

Steps have variables of their own, and call functions. An operand with the name of one
of these, ``c`` or ``sin``, gets another in the text: ``_0_c``.
"""

from __future__ import annotations

import re

import numpy as np

from chainrule.rules import rule
from chainrule.rules.namespace import EXTRA, NAMED
from chainrule.rules.python_forms import MATH

_VARIABLES = frozenset(
    "LARGE add_into bars c dots errors fit np operands parameters product reference "
    "reference_step step tangent_step total vertex xp z z_grad".split()
)
_PATTERNS = r"a\d+|d_.*|_.*|.*_|.*_dot"
"""Of numbered variables, of those made from the name of another operand, and ours."""


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
