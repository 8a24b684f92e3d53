"""The user's functions: their names in messages, and calls by names of parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter
from typing import Any

from chainrule.values.shapes import kind_of


def describe_function(f: Callable[..., Any]) -> str:
    """Return a function's name for messages."""
    return f"{getattr(f, '__name__', kind_of(f).__name__)}()"


def parameters_of(f: Callable[..., Any]) -> inspect.Signature | None:
    """Return the parameters of a function; ``None`` where Python does not know them."""
    try:
        return inspect.signature(f)
    except (TypeError, ValueError):
        return None


def takes_any_keywords(parameters: inspect.Signature | None) -> bool:
    """Tell whether a function may see in which order its keywords are given."""
    if parameters is None:
        return True
    return Parameter.VAR_KEYWORD in [x.kind for x in parameters.parameters.values()]


def apply(
    f: Callable[..., Any],
    parameters: inspect.Signature | None,
    args: Sequence[Any],
    keywords: Mapping[str, Any],
    statics: Mapping[str, Any],
) -> Any:
    """Call a function; where there are static arguments, all are given by name."""
    if parameters is None or not statics:
        return f(*args, **keywords)
    arguments = {**keywords, **statics}
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for name, parameter in parameters.parameters.items():
        if name not in arguments:
            continue
        if parameter.kind is parameter.VAR_POSITIONAL:
            positional += arguments[name]
        elif parameter.kind is parameter.VAR_KEYWORD:
            named |= arguments[name]
        elif parameter.kind is parameter.KEYWORD_ONLY:
            named[name] = arguments[name]
        else:
            positional.append(arguments[name])
    return f(*positional, **named)


def positional_names(f: Any) -> list[str]:
    """Return the names of a function's positional parameters, also under transforms."""
    while not inspect.isfunction(f) and hasattr(f, "f"):
        f = f.f
    parameters = parameters_of(f)
    if parameters is None:
        return []
    by_position = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    return [x.name for x in parameters.parameters.values() if x.kind in by_position]
