"""The registry: every rule that was declared, and the rule of each function.

In: rule classes, as they are made, and the functions that they serve. Out: ``rule_of``,
by which the layers above ask what is known of a NumPy function: they keep no tables of
such functions of their own.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from types import BuiltinMethodType
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.rules.declarations import is_of_library
from chainrule.rules.named_functions import (
    await_function,
    declare_functions_like,
    find_loaded,
)
from chainrule.rules.traits import traits

if TYPE_CHECKING:
    from chainrule.rules.base import rule

REGISTRY: list[type[rule]] = []
"""Every rule with derivatives, in order of declaration; it drives tests and docs."""

EXPRESSED: list[type[rule]] = []
"""Every rule with an expression or a native function, those of locally constant
functions too."""

_RULES: dict[Any, type[rule]] = {}


def serve_by(
    operation: type[rule], *functions: Callable[..., Any] | tuple[Any, str] | str
) -> None:
    """Note that functions are what a rule declares.

    The first rule to say so stays, until its class is declared again. A ufunc's method
    is the ufunc and the method's name: ``(np.add, "reduce")``. A function of another
    library is its name: ``"scipy.special:erf"``.
    """
    for function in functions:
        if isinstance(function, str):
            await_function(function, functools.partial(serve_by, operation))
            continue
        known = _RULES.setdefault(function, operation)
        if is_again(operation, known):
            _RULES[function] = operation
            forget(known)
        elif known is not operation:
            _refuse_another(operation, known, function)


def serve_by_name(operation: type[rule], function: Callable[..., Any]) -> None:
    """Note that a rule declares a function of a library, now that it is found.

    Its name was given, so it comes before other rules that compute with it.
    """
    known = _RULES.get(function)
    if known is None or not is_of_library(known):
        _RULES[function] = operation
    if known is not None and is_again(operation, known):
        forget(known)


def is_again(operation: type[rule], known: type[rule]) -> bool:
    """Tell whether a class is another's declaration, made again in its place."""
    return (
        operation is not known
        and not is_of_library(known)
        and operation.__module__ == known.__module__
        and operation.__qualname__ == known.__qualname__
    )


def forget(operation: type[rule]) -> None:
    """Take a rule out of the lists: it was declared again."""
    for listed in (REGISTRY, EXPRESSED):
        if operation in listed:
            listed.remove(operation)


def _refuse_another(operation: type[rule], known: type[rule], function: Any) -> None:
    """Raise where two rules of a program say of one function that it is another."""
    own, other = operation.expression, known.expression
    if own and other and own != other and not is_of_library(known):
        raise ArgumentError(
            f"{operation.__name__}.expression is {own!r}, but {known.__name__} says "
            f"that {function.__name__} is {other!r}. Correct one of them."
        )


def rule_of(function: Callable[..., Any]) -> type[rule] | None:
    """Return the rule that declares a function; ``None`` if there is none.

    >>> import numpy as np
    >>> rule_of(np.tanh).__name__, rule_of(np.add.reduce).__name__, rule_of(print)
    ('tanh_grad', 'sum_grad', None)
    """
    try:
        found = _RULES.get(function)
    except TypeError:  # not every callable can be hashed
        return None
    if found is not None:
        return found
    if isinstance(function, BuiltinMethodType) and isinstance(
        function.__self__, np.ufunc
    ):
        return _RULES.get((function.__self__, function.__name__))
    is_new = declare_functions_like(function) | find_loaded()
    return _RULES.get(function) if is_new else None


def served() -> dict[Any, type[rule]]:
    """Return the functions that rules declare, with these."""
    find_loaded()
    return dict(_RULES)


def traits_of(function: Callable[..., Any]) -> type[traits]:
    """Return what is known of a function: its rule, or what every ufunc is.

    >>> traits_of(np.multiply.reduce).reduces, traits_of(print) is traits
    (<ufunc 'multiply'>, True)
    """
    operation = rule_of(function)
    if operation is not None:
        return operation
    if isinstance(function, np.ufunc):
        return _entrywise if function.signature is None else _of_last_axes(function)
    ufunc = getattr(function, "__self__", None)
    if isinstance(ufunc, np.ufunc):
        return _along_axes(ufunc, getattr(function, "__name__", ""))
    return traits


class _entrywise(traits):
    """What every ufunc is."""

    entrywise = True


@functools.cache
def _of_last_axes(ufunc: Any) -> type[traits]:
    """Return what a generalised ufunc is."""
    return type(ufunc.__name__, (traits,), {"signature": ufunc.signature})


@functools.cache
def _along_axes(ufunc: Any, method: str) -> type[traits]:
    """Return what a ufunc's method is."""
    along = {"axes": ("axis",)} if method in ("reduce", "accumulate") else {}
    named = {"reduce": "reduces", "accumulate": "accumulates"}.get(method)
    return type(method, (traits,), {**along, **({named: ufunc} if named else {})})


def operators() -> dict[Callable[..., Any], Any]:
    """Return Python's operators, and the function of NumPy that each is for arrays."""
    rules = dict.fromkeys(_RULES.values())
    return {
        getattr(operator, r.operator): r.forward
        for r in rules
        if vars(r).get("operator")
    }


__all__ = [
    "EXPRESSED",
    "REGISTRY",
    "operators",
    "rule_of",
    "serve_by",
    "served",
    "traits_of",
]
