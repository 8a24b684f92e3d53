"""Whether a value holds nodes, and in which words: also closures and objects do."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterable
from types import (
    FunctionType,
    GeneratorType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any

from chainrule.values.shapes import ndarray
from chainrule.values.vertices import stand_in, vertex

_DICT: Any = dict
_COLLECTIONS: Any = (list, tuple, set, frozenset)

_LOOKED_AT = 200
"""How many entries of a container are looked at."""
_DEEP = 4
"""How many containers inside each other are looked into."""


def described(value: Any, depth: int = 0) -> str:
    """Say in what form a value holds nodes; an empty text if it holds none.

    >>> import chainrule as gd
    >>> x = gd.node(2.0)
    >>> described(x), described([x, 1.0]), described(lambda: x), described(1.0)
    ('a node', 'a list of nodes', 'a function that uses a node', '')
    """
    try:
        return _described(value, depth)
    except Exception:  # a proxy that will not say what it is
        return ""


def _described(value: Any, depth: int) -> str:
    if isinstance(value, vertex):
        return "a node"
    if isinstance(value, stand_in):
        return "a value of a compiled function"
    if value is None or depth > _DEEP or isinstance(value, ModuleType | str | bytes):
        return ""
    if isinstance(value, ndarray):
        held = value.dtype == object and _any(value.flat, depth)
        return "an array of nodes" if held else ""
    if isinstance(value, _DICT):
        return "a dict of nodes" if _any(_DICT.values(value), depth) else ""
    for kind in _COLLECTIONS:  # what it stores, whatever its class makes of it
        if isinstance(value, kind):
            held = _any(kind.__iter__(value), depth)
            return f"a {type(value).__name__} of nodes" if held else ""
    if isinstance(value, GeneratorType):
        frame = value.gi_frame
        held = frame is not None and _any(frame.f_locals.values(), depth)
        return "a generator of nodes" if held else ""
    if isinstance(value, FunctionType | functools.partial | MethodType):
        return "a function that uses a node" if _any(_bound(value), depth) else ""
    return (
        f"{_a(type(value).__name__)} that holds a node"
        if _in_object(value, depth)
        else ""
    )


def _any(values: Iterable[Any], depth: int) -> bool:
    pairs = zip(range(_LOOKED_AT), values, strict=False)
    return any(described(v, depth + 1) for _, v in pairs)


def _bound(value: Any) -> list[Any]:
    """Return what a function carries beside its code."""
    if isinstance(value, functools.partial):
        return [value.func, *value.args, *value.keywords.values()]
    if isinstance(value, MethodType):
        return [value.__self__, value.__func__]
    values: list[Any] = [
        value.__globals__.get(name) for name in value.__code__.co_names
    ]
    values = [v for v in values if isinstance(v, (vertex, list, ndarray))]
    for cell in value.__closure__ or ():
        try:
            values.append(cell.cell_contents)
        except ValueError:  # not assigned yet
            continue
    return [*values, *(value.__defaults__ or ())]


def _in_object(value: Any, depth: int) -> bool:
    """Look at what an object stores, but not at what it computes."""
    if isinstance(value, type):
        return False
    try:
        stored: Any = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return _any(_in_slots(value), depth)
    return isinstance(stored, _DICT) and _any(stored.values(), depth)


def _in_slots(value: Any) -> list[Any]:
    """Return what an object without a dict keeps, such as those of xarray."""
    found: list[Any] = []
    for kind in type(value).__mro__:
        for slot in vars(kind).values():
            if isinstance(slot, MemberDescriptorType):
                with contextlib.suppress(AttributeError):  # not assigned yet
                    found.append(slot.__get__(value))
    return found


def _a(name: str) -> str:
    return f"an {name}" if name[:1].lower() in "aeiou" else f"a {name}"
