"""What was called: its module and its name, as users know them."""

from __future__ import annotations

import inspect
import sys
from types import FrameType, FunctionType, ModuleType
from typing import Any

import numpy as np

from chainrule.nodes.remedies import home_of, public
from chainrule.values.shapes import kind_of

_WRAPPED: Any = (staticmethod, classmethod)


def attribute_of(x: Any, name: str) -> Any:
    """Return an attribute as it is stored; ``None`` where finding it needs code."""
    if isinstance(x, ModuleType):
        inside = sys.modules.get(f"{x.__name__}.{name}")
        return vars(x).get(name, inside)
    attribute: Any = inspect.getattr_static(x, name, None)
    return attribute.__func__ if isinstance(attribute, _WRAPPED) else attribute


def module_of(target: Any) -> str:
    """Return the public module of a function, a class, a method or an object."""
    if isinstance(target, np.ufunc):
        return home_of(target)
    owner = getattr(target, "__self__", None)
    if owner is not None and not isinstance(owner, ModuleType):
        target = owner if isinstance(owner, type) else type(owner)
    target = getattr(target, "__objclass__", target)
    module = getattr(target, "__module__", None)
    if not isinstance(module, str):
        module = type(target).__module__
    return public(module) or module.lstrip("_")


def name_of(target: Any) -> str:
    """Return the name of a function or class; of an object, that of its class."""
    name = getattr(target, "__name__", None)
    return name if isinstance(name, str) else type(target).__name__


def is_native(target: Any) -> bool:
    """Tell whether a callable is written in C, so that it has no frame of its own."""
    if isinstance(target, type):
        made = (
            inspect.getattr_static(target, name) for name in ("__init__", "__new__")
        )
        return not any(isinstance(f, FunctionType | staticmethod) for f in made)
    return callable(target) and not isinstance(target, FunctionType)


def owner_of(frame: FrameType) -> Any:
    """Return the object whose method a frame runs; ``None`` in a function."""
    code = frame.f_code
    if not code.co_argcount or code.co_varnames[0] not in ("self", "cls"):
        return None
    return frame.f_locals.get(code.co_varnames[0])


def function_of(frame: FrameType) -> Any:
    """Return the function that a frame runs, or the object or class of its method."""
    name = frame.f_code.co_name
    function = frame.f_globals.get(name)
    if function is not None:
        return function
    owner = owner_of(frame)
    if name in ("__call__", "__init__") and owner is not None:
        return kind_of(owner)
    return _Unnamed(frame)


class _Unnamed:
    """A function or method that no name leads to."""

    def __init__(self, frame: FrameType) -> None:
        """Keep its module and its name."""
        module = str(frame.f_globals.get("__name__", ""))
        name = frame.f_code.co_name.removeprefix(f"{module}.")  # as Cython writes it
        self.__module__ = module
        owner = owner_of(frame)
        first = "" if owner is None else f"{type(owner).__name__}."
        self.__name__: str = f"{first}{name}"
