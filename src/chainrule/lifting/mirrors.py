"""What stands for the modules and functions of NumPy and SciPy in lifted code."""

from __future__ import annotations

import functools
import importlib
import sys
import types
from typing import Any

import numpy as np

from chainrule.notes.origins import USER, origin_of
from chainrule.notes.targets import module_of
from chainrule.numpy import random
from chainrule.numpy.lifted_arrays import as_made, lifted
from chainrule.rules.named_functions import function_in
from chainrule.values.shapes import TUPLE, kind_of

MIRRORED = ("numpy", "numpy.linalg", "numpy.fft", "numpy.random")
"""The modules of NumPy that have one of ours."""


def package_of(module: str) -> str:
    """Return the first name of a module's."""
    return module.partition(".")[0]


@functools.cache
def is_ones_own(package: str) -> bool:
    """Tell whether a package is code of one's own: installed nowhere."""
    module = sys.modules.get(package)
    file = getattr(module, "__file__", None)
    for folder in getattr(module, "__path__", ()) if file is None else ():
        file = f"{folder}/__init__.py"
    return file is not None and origin_of(file, package) == USER


_NO_FUNCTIONS: Any = (type, str, tuple, list, dict)


class Making:
    """A function of NumPy whose new arrays are lifted ones."""

    def __init__(self, function: Any) -> None:
        """Stand for a function, or for a ufunc with its methods."""
        self.__wrapped__ = function
        self.__module__ = module_of(function)
        self.__name__: str = getattr(function, "__name__", repr(function))
        self.__doc__ = function.__doc__

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Call it."""
        return as_made(self.__wrapped__(*args, **options), args)

    def __getitem__(self, index: Any) -> Any:
        """Make an array as ``np.r_[...]`` does."""
        args: Any = index if isinstance(index, TUPLE) else (index,)
        return as_made(self.__wrapped__[index], args)

    def __getattr__(self, name: str) -> Any:
        """Find a method of a ufunc."""
        return getattr(self.__wrapped__, name)

    def __repr__(self) -> str:
        """Show the function."""
        return repr(self.__wrapped__)


@functools.cache
def making(function: Any) -> Any:
    """Return what stands for a function that makes arrays; anything else as it is."""
    if function in _DRAWING:
        return _DRAWING[function]
    makes = callable(function) or hasattr(function, "__getitem__")
    is_made_of = isinstance(function, _NO_FUNCTIONS)
    return Making(function) if makes and not is_made_of else function


class MadeModule:
    """A module of NumPy, whose functions make lifted arrays."""

    def __init__(self, module: types.ModuleType) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        """Find a name of the module's."""
        found = getattr(self._module, name)
        if isinstance(found, types.ModuleType):
            return module_of_numpy(found)
        z = making(found) if _may_be_kept(found) else found
        vars(self)[name] = z
        return z

    def __dir__(self) -> list[str]:
        return dir(self._module)

    def __repr__(self) -> str:
        return f"<{self._module!r}, lifted>"


class Generator(random.Generator):
    """A generator of lifted code, whose arrays are lifted ones."""

    _new = staticmethod(lifted.fresh)


class RandomState(random.RandomState):
    """An older generator of lifted code, whose arrays are lifted ones."""

    _new = staticmethod(lifted.fresh)


def default_rng(seed: Any = None) -> Generator:
    """Return a generator of lifted code."""
    lifted_generator: Any = Generator
    return lifted_generator(np.random.default_rng(seed).bit_generator)


_DRAWING: dict[Any, Any] = {
    random.Generator: Generator,
    random.RandomState: RandomState,
    random.default_rng: default_rng,
}


def _may_be_kept(x: Any) -> bool:
    return getattr(kind_of(x), "__hash__", None) is not None


@functools.cache
def module_of_numpy(module: types.ModuleType) -> Any:
    """Return what stands for a module of NumPy's, or of its mirror, in lifted code."""
    name = module.__name__.removeprefix("chainrule.")
    if name not in MIRRORED:
        return module
    return MadeModule(ours(name))


def mirrored(x: Any) -> Any:
    """Return what stands for an object of NumPy or SciPy; ``None`` if nothing does."""
    name = getattr(x, "__name__", None) or getattr(x, "name", None)
    home = getattr(x, "__module__", None) or "numpy"
    if not isinstance(home, str) or package_of(home) not in ("numpy", "scipy"):
        return None
    if not isinstance(name, str):  # an object, such as scipy.stats.multivariate_normal
        name = _name_of(x, home)
    for module in _modules_of(home) if name else ():
        theirs = sys.modules.get(module)
        if theirs is None or not (
            getattr(theirs, name, None) is x or function_in(theirs, name) is x
        ):
            continue
        mirror = ours(module)
        if mirror is not None and (module in MIRRORED or name in dir(mirror)):
            return getattr(mirror, name) if callable(x) else None
    return None


def _name_of(x: Any, home: str) -> str:
    """Return the public name of an object of SciPy's; nothing if it has none."""
    if package_of(home) != "scipy" or not callable(x):
        return ""
    found = [vars(sys.modules[m]) for m in _modules_of(home) if m in sys.modules]
    return next((k for names in found for k, y in names.items() if y is x), "")


def _modules_of(home: str) -> list[str]:
    """Return the public modules that may have an object of a module."""
    if package_of(home) == "numpy":
        return [*MIRRORED, "scipy.special"]
    parts = [p for p in home.split(".") if not p.startswith("_")]
    return [".".join(parts[:n]) for n in range(len(parts), 1, -1)]


@functools.cache
def ours(module: str) -> Any:
    """Return the module of ours that mirrors one of NumPy's or SciPy's, if any."""
    try:
        return importlib.import_module(f"chainrule.{module}")
    except (ImportError, AttributeError):
        return None


__all__ = [
    "MIRRORED",
    "Making",
    "is_ones_own",
    "making",
    "mirrored",
    "module_of_numpy",
    "ours",
    "package_of",
]
