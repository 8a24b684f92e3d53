"""Functions by name, ``"scipy.special:erf"``: imported when they are first needed.

So a rule file needs none of the libraries whose functions it declares. Such a function
is found by its first call, which imports the library, or by ``find_loaded``, once
somebody else has.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from chainrule.errors import MissingLibraryError

Note = Callable[[Any], None]
"""Called with the function when it is found."""

_AWAITED: dict[str, list[tuple[str, Note]]] = {}
LIBRARIES: set[str] = set()
"""The modules whose functions are named."""
DECLARED_IN: dict[str, str] = {"scipy.special": "chainrule.scipy.special"}
"""The module of ours that declares the functions of a library's module, by its name. It
is imported when such a function is asked for."""


class named_function:
    """A function that is imported by its first call."""

    def __init__(self, name: str) -> None:
        """Name a function: its module, a colon and its own name."""
        self.module: str
        self.__name__: str
        self.module, _, self.__name__ = name.partition(":")

    def __call__(self, *args: Any, **given: Any) -> Any:
        """Import the function and call it."""
        return self.found()(*args, **given)

    def __repr__(self) -> str:
        """Show the name."""
        return f"<function {self.module}.{self.__name__}, by name>"

    def found(self) -> Callable[..., Any]:
        """Import the function and return it."""
        try:
            module = importlib.import_module(self.module)
        except ImportError as error:
            library = self.module.partition(".")[0]
            raise MissingLibraryError(
                f"{self.__name__} is {self.module}.{self.__name__}, and {library} is "
                f"not installed. Run: python -m pip install {library}"
            ) from error
        find_loaded()
        function = function_in(module, self.__name__)
        if not callable(function):
            raise MissingLibraryError(
                f"{self.module} has no function {self.__name__}. Another version of it "
                "may have, or it has another name."
            )
        return function


def function_in(module: ModuleType, name: str) -> Any:
    """Return a function of a module, if it has one: NumPy's, where it wraps that.

    SciPy wraps its ufuncs where SCIPY_ARRAY_API is set, to choose by the kind of array.
    """
    found = getattr(module, name, None)
    behind = getattr(found, "__wrapped__", None)
    if isinstance(behind, np.ufunc):
        return behind
    is_wrapped = _is_numpys(behind) and not _is_numpys(found)
    return getattr(np, name, found) if is_wrapped else found


def _is_numpys(function: Any) -> bool:
    module: str = getattr(function, "__module__", None) or ""
    return module.partition(".")[0] == "numpy"


def await_function(name: str, note: Note) -> None:
    """Have a function told to ``note`` when it is found."""
    module, _, function = name.partition(":")
    LIBRARIES.add(module)
    _AWAITED.setdefault(module, []).append((function, note))


def find_loaded() -> bool:
    """Find the functions whose libraries are loaded; tell whether there were any."""
    loaded = [m for m in list(_AWAITED) if _is_loaded(m)]
    for module in loaded:
        for function, note in _AWAITED.pop(module, ()):  # another thread may be first
            found = function_in(sys.modules[module], function)
            if callable(found):  # a library may be older
                note(found)
    return bool(loaded)


def declare_functions_like(function: Any) -> bool:
    """Import the module that declares a function of a library, if it is not yet.

    Tell whether it was imported now.
    """
    name = getattr(function, "__name__", None)
    if not isinstance(name, str):
        return False
    for library, declaring in list(DECLARED_IN.items()):
        module = sys.modules.get(library)
        if module is not None and function_in(module, name) is function:
            importlib.import_module(declaring)
            return DECLARED_IN.pop(library, None) is not None
    return False


def declare_functions_of(name: str) -> None:
    """Import the module that declares the functions of a library's module, if any.

    A program that declares one of them is told that there is a rule when it does so,
    and not when somebody else calls another.
    """
    declaring = DECLARED_IN.pop(name.partition(":")[0], None)
    if declaring is not None:
        with contextlib.suppress(ImportError):  # the library is not installed
            importlib.import_module(declaring)


def _is_loaded(module: str) -> bool:
    """Tell whether a module is imported, and not still being so by another thread."""
    spec = getattr(sys.modules.get(module), "__spec__", None)
    return module in sys.modules and not getattr(spec, "_initializing", False)


def imported(function: Any) -> Any:
    """Return a function, imported if it is one by name."""
    return function.found() if isinstance(function, named_function) else function
