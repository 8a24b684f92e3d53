"""What a function read from outside its arguments: it stays as it was traced.

In: a function, and the objects among its arguments. Out: names, and what they hold:
globals, names of enclosing functions, and attributes of objects (``self.rate``). They
are found in the function's code, and in that of the user's own functions and methods
that it calls by such a name. What is reached otherwise, through ``getattr`` or an
object in a list, is not found.
"""

from __future__ import annotations

import dis
import inspect
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any

from chainrule.values.shapes import TUPLE, describe, kind_of

MOST = 200
"""How many functions are looked into."""

_FOREIGN = frozenset((*sys.stdlib_module_names, "numpy", "scipy", "chainrule"))
_ABSENT: Any = object()


@dataclass(frozen=True)
class Known:
    """A value that code can name, how people would, and whether it is from outside."""

    name: str
    value: Any
    outside: bool


Names = Mapping[str, Known]


def captured(f: Callable[..., Any], objects: Mapping[str, Any]) -> dict[str, str]:
    """Return the names that a function reads from outside, and what they hold.

    ``objects`` are arguments that are no numbers, by the names of their parameters.
    """
    outside: dict[str, str] = {}
    seen: set[Any] = set()
    given: Names = {k: Known(k, x, outside=False) for k, x in objects.items()}
    waiting: list[tuple[Any, Names]] = [_function_of(f, given, "self")]
    while waiting and len(seen) < MOST:
        function, given = waiting.pop()
        key = (function, *((k, id(x.value)) for k, x in given.items()))
        if function is None or key in seen:
            continue
        seen.add(key)
        for x in _read(function, given):
            if callable(x.value) and not isinstance(x.value, type):
                owner = x.name.rpartition(".")[0]
                name = owner if inspect.ismethod(x.value) else x.name
                waiting.append(_function_of(x.value, {}, name))
            if _is_value(x.value):
                outside[x.name] = describe(x.value)
    return outside


def _is_value(x: Any) -> bool:
    """Tell whether this is no function, class or module."""
    if isinstance(x, (type, types.ModuleType, types.FunctionType, types.MethodType)):
        return False
    return not (callable(x) and is_foreign(kind_of(x)))


def _function_of(
    f: Callable[..., Any] | None, given: Names, name: str
) -> tuple[Any, Names]:
    """Return the function that a callable runs, and what is known of its arguments.

    ``name`` is that of the object, if it is a method or an object that is called.
    """
    for _ in range(MOST):
        if inspect.isfunction(f):
            if not is_foreign(f):
                return f, given
            f = getattr(f, "__wrapped__", None)  # of our vmap, the user's function
            continue
        if inspect.ismethod(f):
            f, given = f.__func__, _bound(f.__func__, f.__self__, given, name)
            continue
        inner = None
        if is_foreign(kind_of(f)):  # a transform of ours, or functools.partial
            inner = getattr(f, "f", None) or getattr(f, "func", None)
        if inner is None:
            inner = kind_of(f).__call__ if callable(f) else None
            given = _bound(inner, f, given, name)
        if inner is None or not (callable(inner) and hasattr(inner, "__module__")):
            return None, given
        f = inner
    return None, given


def _bound(f: Callable[..., Any] | None, own: Any, given: Names, name: str) -> Names:
    """Return what is known of a method's arguments: the object, and these."""
    names = f.__code__.co_varnames if inspect.isfunction(f) else ()
    return {names[0]: Known(name, own, outside=False), **given} if names else given


def is_foreign(x: Any) -> bool:
    """Tell whether a function or class is Python's, NumPy's, SciPy's or ours."""
    module = getattr(x, "__module__", None)
    if inspect.isfunction(x):
        module = x.__globals__.get("__name__", module)  # not that of what it wraps
    return (module or "").split(".")[0] in _FOREIGN


# --------------------------------------------------------------------- reading the code


def _read(f: FunctionType, given: Names) -> Iterator[Known]:
    """Yield what a function reads from outside."""
    local = dict(given)
    for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
        try:
            local[name] = Known(name, cell.cell_contents, outside=True)
        except ValueError:  # nothing is in it yet
            continue
    yield from _read_by(f.__code__, f.__globals__, local)


def _read_by(code: CodeType, names: Mapping[str, Any], local: Names) -> Iterator[Known]:
    """Yield what one code object reads, and those inside it."""
    x: Known | None = None
    for step in dis.get_instructions(code):
        if step.opname in _BETWEEN:
            continue
        if x is not None and step.opname in _ATTRIBUTES:
            value = _attribute(x.value, step.argval)
            if value is not _ABSENT:
                x = Known(f"{x.name}.{step.argval}", value, outside=True)
                continue
        if x is not None and x.outside:
            yield x
        x = _loaded(step, names, local)
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            own = {*inner.co_varnames} - {*inner.co_freevars}
            seen = {k: v for k, v in local.items() if k not in own}
            yield from _read_by(inner, names, seen)


_ATTRIBUTES = ("LOAD_ATTR", "LOAD_METHOD")
_BETWEEN = ("CACHE", "EXTENDED_ARG", "PUSH_NULL")


def _attribute(x: Any, name: str) -> Any:
    """Return an attribute, if it can be read without running the user's code."""
    if isinstance(x, types.ModuleType) and x.__name__.split(".")[0] in _FOREIGN:
        return _ABSENT
    value: Any = inspect.getattr_static(x, name, _ABSENT)
    if isinstance(value, property):
        return _ABSENT if value.fget is None else types.MethodType(value.fget, x)
    if isinstance(value, types.FunctionType) and not isinstance(x, types.ModuleType):
        return types.MethodType(value, x) if name not in _own(x) else value
    if isinstance(value, _WRAPPED):
        wrapped: Any = value
        return wrapped.__func__
    if isinstance(value, types.MemberDescriptorType):  # a slot
        return getattr(x, name, _ABSENT)
    if callable(value) and name not in _own(x) and not isinstance(x, types.ModuleType):
        return _ABSENT  # a method that is no Python
    return _ABSENT if isinstance(value, _OF_C) else value


def _own(x: Any) -> Mapping[str, Any]:
    return getattr(x, "__dict__", {})


_WRAPPED: Any = (staticmethod, classmethod)
_OF_C: Any = (
    types.GetSetDescriptorType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.BuiltinFunctionType,
)


def _loaded(
    step: dis.Instruction, names: Mapping[str, Any], local: Names
) -> Known | None:
    """Return what a step loads by a name."""
    name: Any = step.argval
    if isinstance(name, TUPLE) and "LOAD_FAST" in step.opname:
        name = name[-1]  # of two that are loaded at once
    if "LOAD_FAST" in step.opname or step.opname in ("LOAD_DEREF", "LOAD_CLASSDEREF"):
        return local.get(name)
    if step.opname in ("LOAD_GLOBAL", "LOAD_NAME") and name in names:
        return Known(name, names[name], outside=True)
    return None


__all__ = ["captured", "is_foreign"]
