"""The registry: every rule that was declared, and the rule of each function.

In: rule classes, as they are made, and the functions that they serve. Out: ``rule_of``,
by which the layers above ask what is known of a NumPy function: they keep no tables of
such functions of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from types import BuiltinMethodType
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from chainrule.rules.base import rule

REGISTRY: list[type[rule]] = []
"""Every rule with derivatives, in order of declaration; it drives tests and docs."""

_RULES: dict[Any, type[rule]] = {}


def serve_by(
    operation: type[rule], *functions: Callable[..., Any] | tuple[Any, str]
) -> None:
    """Note that functions are what a rule declares; the first rule to say so stays.

    A ufunc's method is the ufunc and the method's name: ``(np.add, "reduce")``.
    """
    for function in functions:
        _RULES.setdefault(function, operation)


def rule_of(function: Callable[..., Any]) -> type[rule] | None:
    """Return the rule that declares a function; ``None`` if there is none.

    >>> import numpy as np
    >>> rule_of(np.tanh).__name__, rule_of(np.add.reduce).__name__, rule_of(print)
    ('tanh_grad', 'sum_grad', None)
    """
    if isinstance(function, BuiltinMethodType) and isinstance(
        function.__self__, np.ufunc
    ):
        return _RULES.get((function.__self__, function.__name__))
    try:
        return _RULES.get(function)
    except TypeError:  # not every callable can be hashed
        return None


__all__ = ["REGISTRY", "rule_of", "serve_by"]
