"""``lift``: a function that runs with arrays which take nodes, as it is written.

In: a function that fills arrays of NumPy's, ``y = np.zeros(n); y[i] = x``. Out: the
same code with other global names: its ``np`` is ``chainrule.numpy``, whose arrays take
nodes, its ``scipy`` is ``chainrule.scipy`` where that has the name, and so on for what
it calls in its own package. NumPy itself is left alone.
"""

from __future__ import annotations

import builtins
import functools
import importlib
import sys
import types
from collections.abc import Callable, Mapping
from typing import Any

from chainrule.errors import ArgumentError
from chainrule.rules.named_functions import function_in
from chainrule.values.shapes import describe

_MIRRORED = ("numpy", "numpy.linalg", "numpy.fft")
"""The modules of NumPy that have one of ours."""
_MADE_OF_FUNCTIONS: Any = (functools.partial, types.MethodType)
_kind_of: Any = type


def lift(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that does what ``f`` does, with arrays that take nodes.

    NumPy's arrays cannot remember how an entry was computed, so ``y = np.zeros(3)``
    refuses ``y[0] = x``. In the lifted function the names ``np`` and ``scipy`` of its
    module stand for ``chainrule.numpy`` and ``chainrule.scipy``, whose arrays do. So do
    names that were imported from them (``from numpy import zeros``), imports inside of
    functions, functions of the same package that ``f`` calls, by whatever name, and
    functions among its defaults and in its closure.

    It does not see: classes of the package and their methods (lift the method itself,
    ``gd.lift(model.step)``), functions of other packages, arrays that were made before
    the call or by other libraries, and functions that reach ``f`` as arguments. What
    the function assigns to names declared ``global`` is seen by lifted functions only.

    Parameters
    ----------
    f
        A Python function or method, or a ``functools.partial`` of one.

    Raises
    ------
    ArgumentError
        If ``f`` is no Python function: a class, or a function in C.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as gd
    >>> def powers(x):
    ...     y = np.zeros(3)
    ...     for i in range(3):
    ...         y[i] = x**i
    ...     return y
    >>> gd.jacobian(gd.lift(powers))(2.0)
    array([0., 1., 4.])
    """
    lifted = _Lifting(_package(getattr(f, "__module__", "") or "")).function(f)
    if lifted is None:
        raise ArgumentError(
            f"gd.lift takes a Python function or method; received {describe(f)}. Lift "
            "the function that calls it."
        )
    return lifted


def _package(module: str) -> str:
    return module.partition(".")[0]


class _Lifting:
    """What is lifted with one function: each function of its package, once."""

    def __init__(self, package: str) -> None:
        """Lift functions of this package."""
        self.package = package
        self.functions: dict[int, Any] = {}
        self.names: dict[int, _Names] = {}
        self.originals: list[Any] = []

    def function(self, f: Any) -> Any:
        """Return a function lifted; ``None`` if it is no function of Python's."""
        if isinstance(f, types.MethodType):
            inner = self.function(f.__func__)
            return inner and types.MethodType(inner, f.__self__)
        if _kind_of(f) is functools.partial:
            inner = self.function(f.func)
            args = map(self.value, f.args)
            given = {k: self.value(x) for k, x in f.keywords.items()}
            return inner and functools.partial(inner, *args, **given)
        if not isinstance(f, types.FunctionType):
            return None
        known = self.functions.get(id(f))
        return self._lifted(f) if known is None else known

    def _lifted(self, f: types.FunctionType) -> Any:
        names = self.names.get(id(f.__globals__))
        if names is None:
            names = self.names[id(f.__globals__)] = _Names(self, f.__globals__)
        cells = f.__closure__ or ()
        own = [types.CellType() if _holds_function(c) else c for c in cells]
        closure = tuple(own) or None
        z = types.FunctionType(f.__code__, names, f.__name__, None, closure)
        self.functions[id(f)] = z
        self.originals.append(f)  # its identity is not given to another one
        z.__defaults__ = f.__defaults__ and tuple(map(self.value, f.__defaults__))
        z.__kwdefaults__ = f.__kwdefaults__ and {
            k: self.value(x) for k, x in f.__kwdefaults__.items()
        }
        z.__dict__.update(f.__dict__)
        for name in ("__module__", "__qualname__", "__doc__", "__annotations__"):
            setattr(z, name, getattr(f, name))
        for original, cell in zip(cells, own, strict=True):
            if cell is not original:
                cell.cell_contents = self.value(original.cell_contents)
        return z

    def value(self, x: Any) -> Any:
        """Return what stands for something that a function reads by a name."""
        if isinstance(x, types.ModuleType):
            return self._module(x)
        ours = mirrored(x)
        if ours is not None:
            return ours
        home = getattr(x, "__module__", None) or ""
        inside = isinstance(x, types.FunctionType) and _package(home) == self.package
        made = inside or isinstance(x, _MADE_OF_FUNCTIONS)
        found: Any = self.function(x) if made else None
        return x if found is None else found

    def _module(self, module: types.ModuleType) -> Any:
        name = module.__name__
        if name in _MIRRORED:
            return importlib.import_module(f"chainrule.{name}")
        if _package(name) == "scipy":
            return _Module(self, module)
        inside = _package(name) == self.package and name != "__main__"
        return _Module(self, module) if inside else module

    def imported(self, name: str, *args: Any, **given: Any) -> Any:
        """Return what an ``import`` inside of a function gives."""
        return self.value(builtins.__import__(name, *args, **given))


_FUNCTIONS: Any = (
    types.FunctionType,
    types.MethodType,
    types.ModuleType,
    functools.partial,
)


def _holds_function(cell: types.CellType) -> bool:
    """Tell whether a variable of an enclosing function is what may be lifted."""
    try:
        x = cell.cell_contents
    except ValueError:  # it is assigned later
        return False
    return isinstance(x, _FUNCTIONS) or mirrored(x) is not None


def mirrored(x: Any) -> Any:
    """Return what stands for an object of NumPy or SciPy; ``None`` if nothing does."""
    name = getattr(x, "__name__", None) or getattr(x, "name", None)
    home = getattr(x, "__module__", None) or "numpy"
    if not isinstance(name, str) or _package(home) not in ("numpy", "scipy"):
        return None
    for module in _modules_of(home):
        theirs = sys.modules.get(module)
        if theirs is None or not (
            getattr(theirs, name, None) is x or function_in(theirs, name) is x
        ):
            continue
        ours = _ours(module)
        if ours is not None and (module in _MIRRORED or name in dir(ours)):
            return getattr(ours, name) if callable(x) else None
    return None


def _modules_of(home: str) -> list[str]:
    """Return the public modules that may have an object of a module."""
    if _package(home) == "numpy":
        return [*_MIRRORED, "scipy.special"]
    parts = [p for p in home.split(".") if not p.startswith("_")]
    return [".".join(parts[:n]) for n in range(len(parts), 1, -1)]


@functools.cache
def _ours(module: str) -> Any:
    """Return the module of ours that mirrors one of NumPy's or SciPy's, if any."""
    try:
        return importlib.import_module(f"chainrule.{module}")
    except (ImportError, AttributeError):
        return None


class _Module:
    """A module whose functions are lifted when they are looked up."""

    def __init__(self, lifting: _Lifting, module: types.ModuleType) -> None:
        self._lifting = lifting
        self._module = module

    def __getattr__(self, name: str) -> Any:
        ours = _ours(self._module.__name__)
        if ours is not None and name in vars(ours):
            found = getattr(ours, name)
            if not isinstance(found, types.ModuleType):
                return found
        return self._lifting.value(getattr(self._module, name))

    def __dir__(self) -> list[str]:
        return dir(self._module)

    def __repr__(self) -> str:
        return f"<{self._module!r}, lifted>"


_BUILTINS = vars(builtins)


class _Names(dict[str, Any]):
    """The global names of lifted functions: those of a module, as they are lifted.

    Python looks a global name up by ``[]`` where the names are no plain dict, and its
    builtins in the dict itself.
    """

    def __init__(self, lifting: _Lifting, known: Mapping[str, Any]) -> None:
        super().__init__(
            __name__=known.get("__name__", ""),
            __builtins__={**_BUILTINS, "__import__": lifting.imported},
        )
        self.lifting = lifting
        self.known = known

    def __missing__(self, name: str) -> Any:
        if name not in self.known:
            return _BUILTINS[name]  # found here, and not after an error
        return self.lifting.value(self.known[name])

    def __contains__(self, name: object) -> bool:
        return name in self.keys() or name in self.known


__all__ = ["lift"]
