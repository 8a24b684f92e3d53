"""Functions, classes, objects and modules of lifted code: the same with other names."""

from __future__ import annotations

import abc
import builtins
import functools
import itertools
import sys
import types
from collections.abc import Mapping
from typing import Any

from chainrule.lifting.maths import MATH, Float, as_plain, function_of_math, is_math
from chainrule.lifting.mirrors import (
    is_ones_own,
    making,
    mirrored,
    module_of_numpy,
    ours,
    package_of,
)
from chainrule.numpy.lifted_arrays import as_given
from chainrule.values.buffered import buffered
from chainrule.values.shapes import TUPLE, kind_of, ndarray
from chainrule.values.vertices import stand_in

_MADE_OF_FUNCTIONS: Any = (functools.partial, types.MethodType)
_FUNCTIONS: Any = (types.FunctionType, types.ModuleType, *_MADE_OF_FUNCTIONS)
_CODE: Any = (*_FUNCTIONS, type)
_BOUND: Any = (staticmethod, classmethod)
_METACLASSES: Any = (type, abc.ABCMeta)
_CONTAINERS: Any = (list, tuple)
_TABLES: Any = (dict, list, tuple)


class Lifting:
    """What is lifted with one function: each function and class, once."""

    def __init__(self, packages: set[str]) -> None:
        """Lift code of these packages, and what is installed in none."""
        self.packages = packages
        self.functions: dict[int, Any] = {}
        self.classes: dict[type, type | None] = {}
        self.unlifted: dict[type, type] = {}
        self.names: dict[int, Names] = {}
        self.originals: list[Any] = []

    def is_inside(self, module: object) -> bool:
        """Tell whether code of a module is lifted."""
        package = package_of(module) if isinstance(module, str) else ""
        return bool(package) and (package in self.packages or is_ones_own(package))

    # --------------------------------------------------------------------- functions

    def function(self, f: Any) -> Any:
        """Return a function lifted; ``None`` if it is no function of Python's."""
        if isinstance(f, types.MethodType):
            inner = self.function(f.__func__)
            return inner and types.MethodType(inner, self.value(f.__self__))
        if kind_of(f) is functools.partial:
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
            names = self.names[id(f.__globals__)] = Names(self, f.__globals__)
        cells = f.__closure__ or ()
        named = zip(f.__code__.co_freevars, cells, strict=True)
        own = [types.CellType() if self._is_changed(*c) else c[1] for c in named]
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

    def _is_changed(self, name: str, cell: types.CellType) -> bool:
        """Tell whether a variable of an enclosing function is what may be lifted.

        ``super()`` wants its class as it was.
        """
        try:
            x = cell.cell_contents
        except ValueError:  # it is assigned later
            return False
        if isinstance(x, _FUNCTIONS):
            return True
        return name != "__class__" and self.value(x) is not x

    # -------------------------------------------------------------- classes, objects

    def lifted_class(self, c: type) -> Any:
        """Return a class whose methods are lifted; ``None`` if it has none to lift.

        It inherits from the class, so that its objects are objects of both, and from
        the lifted bases, which ``super()`` finds in the place of those that it means.
        """
        if c in self.unlifted:
            return c
        if c not in self.classes:
            self.classes[c] = None  # while it is being made
            self.classes[c] = self._lifted_class(c)
        return self.classes[c]

    def _lifted_class(self, c: Any) -> Any:
        if type(c) not in _METACLASSES or issubclass(c, BaseException):
            return None
        if not self.is_inside(c.__module__):
            return None
        bases = [b for b in map(self.lifted_class, c.__bases__) if b is not None]
        entries: dict[str, Any] = {**c.__dict__}
        if not bases and not any(map(self._is_written, entries.values())):
            return None
        members = {k: self._member(x) for k, x in entries.items()}
        own = {k: x for k, x in members.items() if x is not None}
        names: dict[str, Any] = {**own, "__slots__": (), "__doc__": c.__doc__}
        names |= {"__module__": c.__module__, "__qualname__": c.__qualname__}
        quiet = [_quiet()] if _listens(c) else []
        z = types.new_class(
            c.__name__, (*quiet, c, *bases), {}, lambda body: body.update(names)
        )
        self.unlifted[z] = c
        return z

    def _is_written(self, x: Any) -> bool:
        """Tell whether an entry of a class is code to lift, not made by a library."""
        x = getattr(x, "__func__", None) or getattr(x, "fget", None) or x
        f = getattr(x, "func", x)
        if not isinstance(f, types.FunctionType):
            return False
        is_inside = self.is_inside(f.__globals__.get("__name__"))
        return is_inside and f.__code__.co_filename != "<string>"

    def _member(self, x: Any) -> Any:
        """Return an entry of a class lifted; ``None`` if it stays as it is."""
        if isinstance(x, types.FunctionType):
            return self.function(x)
        if isinstance(x, _BOUND):
            inner = self.function(x.__func__)
            return inner and kind_of(x)(inner)
        if isinstance(x, property):
            return self._property(x)
        if isinstance(x, functools.cached_property):
            inner: Any = self.function(x.func)
            return inner and functools.cached_property(inner)
        return None

    def _property(self, x: property) -> property:
        fget, fset, fdel = map(self.value, (x.fget, x.fset, x.fdel))
        return property(fget, fset, fdel, x.__doc__)

    def twin(self, x: Any) -> Any:
        """Return an object of a lifted class with the attributes of ``x``, or ``x``."""
        kind = self.lifted_class(kind_of(x))
        if kind is None or kind is kind_of(x) or not hasattr(x, "__dict__"):
            return x
        try:
            z = object.__new__(kind)
        except TypeError:  # its memory is laid out in C
            return x
        object.__setattr__(z, "__dict__", x.__dict__)
        return z

    # ------------------------------------------------------------------------- values

    def value(self, x: Any) -> Any:
        """Return what stands for something that a function reads by a name."""
        if _is_module(x):
            return self.module(x)
        if kind_of(x) is ndarray or isinstance(x, (buffered, stand_in)):
            return as_given(x)
        if kind_of(x) in _TABLES:
            return self._table(x)
        mirror = mirrored(x)
        if mirror is not None:
            return making(mirror)
        if is_math(x):
            return function_of_math(x) or x
        if isinstance(x, type):
            return (self.lifted_class(x) or x) if self.is_inside(x.__module__) else x
        home = getattr(x, "__module__", None)
        inside = isinstance(x, types.FunctionType) and self.is_inside(home)
        if inside or isinstance(x, _MADE_OF_FUNCTIONS):
            found: Any = self.function(x)
            return x if found is None else found
        return self.twin(x) if self.is_inside(kind_of(x).__module__) else x

    def _table(self, x: Any) -> Any:
        """Return a table of functions with these lifted; another one as it is."""
        entries: Any = x.values() if kind_of(x) is dict else x
        if not any(isinstance(v, _CODE) for v in itertools.islice(entries, 64)):
            return x
        if kind_of(x) is dict:
            return {k: self.value(v) for k, v in x.items()}
        return kind_of(x)(map(self.value, x))

    def argument(self, x: Any) -> Any:
        """Return what stands for an argument, and in lists, tuples and dicts."""
        if kind_of(x) in _CONTAINERS:
            parts = list(map(self.argument, x))
            is_same = all(a is b for a, b in zip(x, parts, strict=True))
            return x if is_same else kind_of(x)(parts)
        return self.value(x)

    def module(self, module: types.ModuleType) -> Any:
        """Return what stands for a module."""
        if module in MATH:
            return MATH[module]
        made = module_of_numpy(module)
        if made is not module:
            return made
        name = module.__name__
        inside = self.is_inside(name) and name != "__main__"
        return Module(self, module) if inside or package_of(name) == "scipy" else module

    def imported(self, name: str, *args: Any, **given: Any) -> Any:
        """Return what an ``import`` inside of a function gives."""
        return self.value(builtins.__import__(name, *args, **given))

    def is_instance(self, x: object, kinds: Any) -> bool:
        """Return ``isinstance``: of classes as they are written, a node is a float."""
        return isinstance(as_plain(x), self._as_written(kinds))

    def is_subclass(self, c: type, kinds: Any) -> bool:
        """Return ``issubclass``, as ``is_instance`` does."""
        return issubclass(c, self._as_written(kinds))

    def parent(self, *given: Any) -> Any:
        """Return ``super``: of a class as it is written, whose bases are lifted."""
        if not given:  # as Python finds them
            frame = sys._getframe(1)
            known = frame.f_locals
            given = known["__class__"], known[frame.f_code.co_varnames[0]]
        found: Any = super
        return found(self.unlifted.get(given[0], given[0]), *given[1:])

    def _as_written(self, kinds: Any) -> Any:
        if isinstance(kinds, TUPLE):
            return tuple(map(self._as_written, kinds))
        if kinds is Float:
            return float
        return self.unlifted.get(kinds, kinds) if isinstance(kinds, type) else kinds


def _is_module(x: Any) -> bool:
    """Tell whether something is a module, or an object that a package put for one."""
    if isinstance(x, types.ModuleType):
        return True
    name = None if isinstance(x, _CODE) else getattr(x, "__name__", None)
    return isinstance(name, str) and sys.modules.get(name) is x


def _quiet() -> type:
    """Return a class beside which others are not told who inherits from them."""

    class Quiet:
        __slots__ = ()

        def __init_subclass__(cls) -> None:
            """Tell nobody."""

    return Quiet


def _listens(c: type) -> bool:
    """Tell whether a class does something when a class inherits from it."""
    bases = [b for b in c.__mro__ if b.__module__ not in ("builtins", "typing")]
    return any("__init_subclass__" in vars(b) for b in bases)


class Module:
    """A module whose functions and classes are lifted when they are looked up."""

    def __init__(self, lifting: Lifting, module: types.ModuleType) -> None:
        self._lifting = lifting
        self._module = module

    def __getattr__(self, name: str) -> Any:
        """Find a name of the module's."""
        mirror = ours(self._module.__name__)
        if mirror is not None and name in vars(mirror):
            found = getattr(mirror, name)
            if not isinstance(found, types.ModuleType):
                return found
        return self._lifting.value(getattr(self._module, name))

    def __dir__(self) -> list[str]:
        return dir(self._module)

    def __repr__(self) -> str:
        return f"<{self._module!r}, lifted>"


_BUILTINS = vars(builtins)


class Names(dict[str, Any]):
    """The global names of lifted functions: those of a module, as they are lifted.

    Python looks a global name up by ``[]`` where the names are no plain dict, and its
    builtins in the dict itself.
    """

    def __init__(self, lifting: Lifting, known: Mapping[str, Any]) -> None:
        """Stand for the names of a module."""
        own = {
            "__import__": lifting.imported,
            "isinstance": lifting.is_instance,
            "issubclass": lifting.is_subclass,
            "super": lifting.parent,
            "float": Float,
        }
        super().__init__(
            __name__=known.get("__name__", ""), __builtins__={**_BUILTINS, **own}
        )
        self.lifting = lifting
        self.known = known
        self.values_of: dict[str, tuple[Any, Any]] = {}

    def __missing__(self, name: str) -> Any:
        """Find a name of the module's, lifted, or of Python's."""
        if name not in self.known:
            return self["__builtins__"][name]  # found here, and not after an error
        x = self.known[name]
        original, lifted = self.values_of.get(name, (None, None))
        if original is not x:
            lifted = self.lifting.value(x)
            if kind_of(x) not in _TABLES:  # which may change
                self.values_of[name] = x, lifted
        return lifted

    def __contains__(self, name: object) -> bool:
        """Tell whether there is such a name."""
        return name in self.keys() or name in self.known


__all__ = ["Lifting", "Module", "Names"]
