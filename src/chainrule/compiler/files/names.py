"""Names of functions in files: those that the rule registry knows, and no others.

In: the function of a row. Out: its name, or from a name the function. What a file names
is looked up in this table only, so that a file can call nothing else.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.compiler.control.carries import cast
from chainrule.compiler.files.errors import refuse
from chainrule.compiler.programs.text import numpy_names
from chainrule.compiler.tracing.plain_operators import power
from chainrule.errors import FileError
from chainrule.nodes.tables import FUNCTIONS, LOCALLY_CONSTANT
from chainrule.rules.declarations import is_of_library
from chainrule.rules.named_functions import LIBRARIES, named_function
from chainrule.rules.registry import rule_of, served
from chainrule.rules.supports import masked_result
from chainrule.values.shapes import kind_of

Function = Callable[..., Any]

_METHODS = ("reduce", "accumulate", "outer", "reduceat")
_OWN: Mapping[str, Any] = {
    "chainrule.cast": cast,
    "chainrule.elementwise_power": power,
    "chainrule.masked_result": masked_result,
    "np.array": np.array,
    "np.frexp": np.frexp,
    "np.modf": np.modf,
    "np.divmod": np.divmod,
}
"""Functions of rows that are no rule's."""


def name_of(function: Function) -> str:
    """Return the name of a function in files; refuse one that is not the library's."""
    name = _known().get(function)
    if name is not None:
        return name
    ufunc = getattr(function, "__self__", None)
    if isinstance(ufunc, np.ufunc) and function.__name__ in _METHODS:
        return f"{name_of(ufunc)}.{function.__name__}"
    shown = getattr(function, "__name__", repr(function))
    known = rule_of(function)
    if known is not None and not is_of_library(known):
        raise refuse(f"it calls {shown}, whose rule {known.__name__} is Python code")
    raise refuse(f"it calls {shown}, which no rule of the library declares")


@functools.lru_cache(maxsize=1024)
def function_named(name: str) -> Function:
    """Return the function of a name; raise if the library has none."""
    library = name.partition(":")[0] if kind_of(name) is str else ""
    if library in LIBRARIES:
        with contextlib.suppress(ImportError):
            importlib.import_module(library)
    table = _table()
    found = table.get(name) if kind_of(name) is str else None
    if found is None and kind_of(name) is str and name.count(".") > 1:
        ufunc, _, method = name.rpartition(".")
        found = table.get(ufunc)
        known = isinstance(found, np.ufunc) and method in _METHODS
        found = getattr(found, method) if known else None
    if found is None:
        raise FileError(
            f"No rule of this version declares a function {str(name)[:80]!r}. The file "
            "was changed, or made by another version: make it again with gd.save."
        )
    return found.found() if isinstance(found, named_function) else found


def _known() -> dict[Any, str]:
    """Return the names by functions. They grow when a library is imported."""
    return _tables(len(served()), len(LOCALLY_CONSTANT), len(FUNCTIONS))[0]


def _table() -> dict[str, Any]:
    """Return the functions by names."""
    return _tables(len(served()), len(LOCALLY_CONSTANT), len(FUNCTIONS))[1]


def _by_rules(names: dict[Any, str]) -> None:
    """Give functions of the library that share a name those of their rules."""
    shared = Counter(names.values())
    for function, declared in served().items():
        name = names.get(function) if kind_of(function) is not tuple else None
        if name is not None and shared[name] > 1 and ":" not in name:
            home = declared.__module__.removeprefix("chainrule.")
            names[function] = f"chainrule.{home}.{declared.__qualname__}"


@functools.lru_cache(maxsize=1)
def _tables(*sizes: int) -> tuple[dict[Any, str], dict[str, Any]]:
    """Return both tables, for the sizes of what they are made of."""
    names: dict[Any, str] = {f: name for name, f in _OWN.items()}
    for function, declared in served().items():
        if kind_of(function) is tuple:
            continue  # a ufunc's method
        if is_of_library(declared) and not declared.writes:
            names.setdefault(function, _written(function))
    _by_rules(names)
    for function in (*LOCALLY_CONSTANT, *FUNCTIONS):
        name = numpy_names().get(id(function))
        if name is not None:
            names.setdefault(function, name)
    return names, {name: f for f, name in reversed(names.items())}


_MODULES = {"_operator": "operator.", "math": "math.", "builtins": ""}


def _written(function: Function) -> str:
    name = numpy_names().get(id(function))
    if name is not None:
        return name
    if isinstance(function, named_function):
        return f"{function.module}:{function.__name__}"
    for library in LIBRARIES:  # one that was named, and is found
        module = sys.modules.get(library)
        if getattr(module, getattr(function, "__name__", ""), None) is function:
            return f"{library}:{function.__name__}"
    module = _MODULES.get(getattr(function, "__module__", ""), "chainrule.")
    return f"{module}{function.__name__}"


__all__ = ["function_named", "name_of"]
