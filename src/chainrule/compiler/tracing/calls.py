"""Calls: the arguments of a row by the names that its function gives them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.rules import rule, rule_of, traits_of
from chainrule.values.shapes import SEQUENCES

_OF_METHODS = ("array", "axis", "dtype", "out", "keepdims", "initial", "where")
"""The parameters of ``reduce``; ``accumulate`` has the first four."""


def named(
    function: Callable[..., Any], args: Sequence[Any], given: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a call's arguments by name, and the defaults of those it leaves out.

    >>> named(np.roll, (1.0, 2), {}), named(np.add.reduce, (1.0,), {})["axis"]
    ({'axis': None, 'a': 1.0, 'shift': 2}, 0)
    """
    names, defaults = _parameters(function)
    return {**defaults, **dict(zip(names, args, strict=False)), **given}


def parameters(
    function: Callable[..., Any],
    args: Sequence[Any],
    given: Mapping[str, Any],
    start: int,
) -> dict[str, Any]:
    """Return by name what a call was given from a position on."""
    names = _parameters(function)[0][start:]
    return {**dict(zip(names, args[start:], strict=False)), **given}


def by_position(
    function: Callable[..., Any], args: Sequence[Any], given: Mapping[str, Any]
) -> tuple[Sequence[Any], Mapping[str, Any]]:
    """Return a call with its operands by position, where rows are read from.

    >>> by_position(np.tensordot, (), {"b": 2.0, "a": 1.0, "axes": 0})
    ([1.0, 2.0], {'axes': 0})
    """
    if not given:
        return args, given
    known: Any = traits_of(function)
    count = len(getattr(known, "operand_names", None) or ()) or 1
    args, given = list(args), dict(given)
    for name in _parameters(function)[0][len(args) : count]:
        if name not in given:
            break
        args.append(given.pop(name))
    return args, given


def operand_count(function: Callable[..., Any], args: Sequence[Any]) -> int:
    """Return how many of a call's arguments are operands, the others parameters."""
    known = traits_of(function)
    if args and isinstance(args[0], SEQUENCES):
        return 1
    if issubclass(known, rule) and known.operand_names:
        return len(known.operand_names)
    return len(args) if known.entrywise or getattr(known, "variadic", False) else 1


def place_of(function: Callable[..., Any], name: str) -> int:
    """Return at which position a parameter may be given; -1 if by name only."""
    names = _parameters(function)[0]
    return names.index(name) if name in names else -1


@functools.cache
def _parameters(
    function: Callable[..., Any],
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return the names of a function's positional parameters, and all defaults."""
    if isinstance(getattr(function, "__self__", None), np.ufunc):
        return _OF_METHODS, {"axis": 0}
    try:
        listed = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # some functions do not tell
        known = rule_of(function)
        forward = getattr(known, "forward", None)
        if forward is None or forward is function:
            return (), {}
        listed = inspect.signature(forward).parameters.values()
        names = tuple(p.name for p in listed)
    else:
        names = tuple(
            p.name
            for p in listed
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        )
    empty = (inspect.Parameter.empty, np._NoValue)  # type: ignore[attr-defined]
    return names, {p.name: p.default for p in listed if p.default not in empty}


__all__ = ["by_position", "named", "operand_count", "parameters", "place_of"]
