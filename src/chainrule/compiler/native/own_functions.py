"""Functions that native code calls: of rules, in plain arithmetic or as expressions.

Each has the name of its operation, from which its symbol in native code is made.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence

from chainrule.compiler.native.operations import ELEMENTWISE, name_of
from chainrule.rules import rule
from chainrule.rules.expressions import rule_behind
from chainrule.rules.registry import EXPRESSED

Native = Callable[..., float]
"""A function in plain arithmetic."""


def native_of(name: str) -> Native | None:
    """Return the native function of the rule behind a function or operator, if any."""
    operation = rule_behind(name)
    return None if operation is None else operation.native


def name_of_native(native: Native) -> str | None:
    """Return the operation that a Python function computes; ``None``: a helper's."""
    operation = _by_native(len(EXPRESSED), EXPRESSED[-1]).get(native)
    return None if operation is None else name_of(operation)


@functools.lru_cache(maxsize=1)
def _by_native(count: int, last: type[rule]) -> Mapping[Native, type[rule]]:
    """Return the rules that have a native function, by that."""
    return {r.native: r for r in reversed(EXPRESSED) if r.native is not None}


def parameters_of(name: str) -> Sequence[str]:
    """Return the parameters of an operation's function."""
    native = ELEMENTWISE[name].native
    if native is None:
        return ELEMENTWISE[name].operands
    return [*inspect.signature(native).parameters]


def symbol(name: str, width: int) -> str:
    """Return the name under which native code calls the function of an operation."""
    return f"chainrule_{name}_{width}"
