"""What functions read from outside, taken out of them: functions of plain arguments.

A function that a solver calls has parameters in its closure and among its arguments:
nodes, arrays and numbers. ``opened`` finds them and returns a template: with other
values in their places it makes the same function again. So a derivative is one of
arguments, a compiled function may be kept from one solve to the next, and what a
closure holds is read anew in each.

In: functions and containers of them. Out: the values that they hold, and an ``Opened``
that puts others in their places.
"""

from __future__ import annotations

import functools
import math
import types
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from chainrule.nodes.node_class import node
from chainrule.numpy.mirror import mirrored
from chainrule.transforms.derived import Derived
from chainrule.transforms.remaking import (
    EMPTY,
    Build,
    Part,
    Values,
    built,
    contents,
    fixed_parts,
    made_already,
    made_of,
    method_of,
    noted,
    partial_of,
    parts_of_partial,
)
from chainrule.values.containers import flatten, is_container, unflatten
from chainrule.values.shapes import ndarray
from chainrule.values.vertices import stand_in

_kind_of: Any = type
_vars: Any = vars
LIBRARIES = ("numpy", "scipy", "chainrule", "math", "cmath", "builtins", "operator")
"""Packages whose functions and modules are the same in each call."""
SMALL = 1 << 12
"""How many entries an array of a module may have that is compared by content."""


@dataclass(frozen=True)
class Opened:
    """Something with its values taken out.

    Attributes
    ----------
    values
        The numbers and arrays that it holds, nodes and traced values among them, each
        once.
    key
        Equal for two things that are the same but for these values; ``None`` where that
        cannot be told, as of objects that may change.
    whole
        The thing itself.
    """

    values: list[Any]
    key: Hashable | None
    whole: Any
    _build: Build | None

    def template(self) -> Opened:
        """Return what makes the thing with other values, and holds none of these."""
        return self if self._build is None else Opened([], self.key, None, self._build)

    def filled(self, values: Values) -> Any:
        """Return the thing with other values."""
        return self.whole if self._build is None else self._build(values, {})


def opened(x: Any) -> Opened:
    """Take out the numbers and arrays that functions hold.

    They are found in closures, defaults, the arguments of a ``functools.partial``, and
    the attributes of an object whose method or ``__call__`` it is; in containers of
    all of these, and in functions that are found there in turn.
    """
    opening = _Opening()
    build, key = opening.part(x)
    return Opened(opening.values, None if opening.is_open else key, x, build)


def bound(f: Callable[..., Any], of: Callable[..., Any]) -> Opened:
    """Take out the values that a function holds, with all else that it closes over.

    What is made of it again closes over what ``f`` does now, whatever is bound to the
    same names afterwards. Of objects only those of the package of ``of`` are looked
    into, and none of ours but derivatives.
    """
    inner = getattr(of, "__func__", of)
    package = str(getattr(inner, "__module__", "")).partition(".")[0]
    if package == __name__.partition(".")[0]:
        package = ""
    opening = _Binding(package=package)
    build, _ = opening.part(f)
    return Opened(opening.values, None, f, build)


@dataclass
class _Opening:
    """What has been found so far."""

    binds: ClassVar[bool] = False
    """Whether functions are made again that hold no values."""
    values: list[Any] = field(default_factory=list[Any])
    is_open: bool = False
    """Whether something was met that may change unseen."""
    places: dict[int, int] = field(default_factory=dict[int, int])
    numbers: dict[int, int] = field(default_factory=dict[int, int])
    """The numbers of functions, containers and objects, by identity."""
    alive: list[Any] = field(default_factory=list[Any])
    whole: set[int] = field(default_factory=set[int])
    """The numbers of those that hold no values."""
    around: set[int] = field(default_factory=set[int])
    """What is being looked into, by its identity."""

    def part(self, x: Any) -> Part:
        """Return what makes ``x`` again, and its key."""
        if is_value(x):
            return self._value(x)
        if isinstance(x, types.FunctionType):
            return self._function(x)
        if isinstance(x, functools.partial):
            parts = parts_of_partial(x)
            return self._together("partial", parts, partial_of)
        if isinstance(x, types.MethodType):
            return self._together("method", [x.__func__, x.__self__], method_of)
        if not (is_container(x) or _has_state(x)):
            return None, self._key(x)
        if id(x) in self.around:  # it holds itself
            self.is_open = True
            return None, None
        number = self.numbers.get(id(x))
        if number is not None:
            return self._again(number)
        number = self._numbered(x)
        self.around.add(id(x))
        build, key = self._container(x) if is_container(x) else self._object(x)
        self.around.discard(id(x))
        if build is None:
            self.whole.add(number)
            return None, key
        return noted(build, number), key

    def _numbered(self, x: Any) -> int:
        """Note a function, a container or an object that is met for the first time."""
        self.alive.append(x)  # so that no other has its identity
        return self.numbers.setdefault(id(x), len(self.numbers))

    def _again(self, number: int) -> Part:
        """Return what makes a thing that has been met before."""
        again = None if number in self.whole else made_already(number)
        return again, ("again", number)

    def _container(self, x: Any) -> Part:
        leaves, structure = flatten(x)
        of = functools.partial(unflatten, structure)
        return self._together(("container", structure), leaves, of)

    def _value(self, x: Any) -> Part:
        place = self.places.setdefault(id(x), len(self.values))
        if place == len(self.values):
            self.values.append(x)

        def build(values: Values, made: dict[int, Any]) -> Any:
            return values[place]

        return build, ("value", place)

    def _together(
        self, kind: Hashable, parts: Sequence[Any], of: Callable[[list[Any]], Any]
    ) -> Part:
        pairs = [self.part(x) for x in parts]
        key = (kind, *(key for _, key in pairs))
        if all(build is None for build, _ in pairs):
            return None, key
        fixed = fixed_parts(pairs, parts)

        def build(values: Values, made: dict[int, Any]) -> Any:
            return of(built(pairs, fixed, values, made))

        return build, key

    def _object(self, x: Any) -> Part:
        """Return an object as a copy with other attributes."""
        held: dict[str, Any] = _vars(x)
        names, kind = list(held), _kind_of(x)
        kinds = [k for k in kind.__mro__ if not _of_library(k)]
        of_class = tuple(self._key(k) for k in kinds)

        def copy_of(parts: list[Any]) -> Any:
            made = object.__new__(kind)
            _vars(made).update(zip(names, parts, strict=True))
            return made

        return self._together(
            ("object", *names, of_class), list(held.values()), copy_of
        )

    def _function(self, f: types.FunctionType) -> Part:
        """Return a function of Python's with another closure."""
        if _of_library(f):
            return None, ("library", id(f))
        number = self.numbers.get(id(f))
        if number is not None:
            return self._again(number)
        number = self._numbered(f)
        cells = f.__closure__ or ()
        held = [*map(contents, cells), f.__defaults__ or (), f.__kwdefaults__ or {}]
        pairs = [self.part(x) for x in held]
        keys = tuple(key for _, key in pairs)
        key = (f.__code__, keys, self._names(f.__code__, f.__globals__))
        if all(build is None for build, _ in pairs) and not (self.binds and cells):
            self.whole.add(number)
            return None, key
        return made_of(f, number, pairs, held, binds=self.binds), key

    def _names(self, code: types.CodeType, names: dict[str, Any]) -> Hashable:
        """Return the key of what code reads of its module, with that inside it."""
        found = [(n, self._key(names[n])) for n in code.co_names if n in names]
        inner = [c for c in code.co_consts if isinstance(c, types.CodeType)]
        return (*found, *(self._names(c, names) for c in inner))

    def _key(self, x: Any) -> Hashable:
        """Return what tells whether a thing is the same, and holds the same."""
        if x is None or isinstance(x, (bool, int, float, complex, str, bytes)):
            return (_kind_of(x), x)
        if isinstance(x, (tuple, list)):
            return self._keys(x)
        if isinstance(x, ndarray) and x.dtype.kind in "biufc" and x.size <= SMALL:
            return (x.dtype.str, x.shape, x.tobytes())
        if _of_library(x) or x is EMPTY:
            return ("library", id(x))
        if isinstance(x, type):
            return self._class(x)
        if isinstance(x, types.FunctionType):
            build, key = self._function(x)
            self.is_open |= build is not None  # a module's name is not put elsewhere
            return key
        self.is_open = True
        return None

    def _keys(self, x: Any) -> Hashable:
        return (_kind_of(x), *map(self._key, x))

    def _class(self, x: type) -> Hashable:
        """Return the key of a class: what its methods read, and its attributes."""
        number = self.numbers.get(id(x))
        if number is not None:
            return ("again", number)
        number = self.numbers[id(x)] = len(self.numbers)
        own = {k: v for k, v in vars(x).items() if k not in _OF_CLASSES}
        return (id(x), *((k, self._key(v)) for k, v in own.items()))


@dataclass
class _Binding(_Opening):
    """What has been found of a function that is to be called again later."""

    binds: ClassVar[bool] = True
    package: str = ""

    def part(self, x: Any) -> Part:
        """Return what makes ``x`` again; an array of any kind is a value."""
        if isinstance(x, ndarray):
            return self._value(x)
        return super().part(x)

    def _object(self, x: Any) -> Part:
        kind: type = _kind_of(x)
        is_own = kind.__module__.partition(".")[0] == self.package
        is_plain = kind.__new__ is object.__new__
        if not (isinstance(x, Derived) or (is_own and is_plain)):
            return None, None
        return super()._object(x)

    def _key(self, x: Any) -> Hashable:
        return None

    def _names(self, code: types.CodeType, names: dict[str, Any]) -> Hashable:
        return None


_OF_CLASSES = frozenset(vars(types.new_class("_")))
"""Attributes that Python gives each class."""


def is_value(x: Any) -> bool:
    """Tell whether a thing is a number or an array that derivatives are about."""
    if isinstance(x, (node, stand_in)):
        return True
    if isinstance(x, (float, complex)):
        return not (isinstance(x, float) and math.isnan(x))
    return isinstance(x, (ndarray, np.generic)) and x.dtype.kind in "fc"


def _of_library(x: Any) -> bool:
    """Tell whether a thing is a module, function or class of a known library."""
    if isinstance(x, (np.ufunc, mirrored)):
        return True
    if isinstance(x, types.ModuleType):
        return x.__name__.partition(".")[0] in LIBRARIES
    if not isinstance(x, (types.FunctionType, types.BuiltinFunctionType, type)):
        return False
    home, name = x.__module__ or "", x.__qualname__
    return home.partition(".")[0] in LIBRARIES and "<locals>" not in name


def _has_state(x: Any) -> bool:
    """Tell whether a thing is an object with attributes of its own."""
    if isinstance(x, (type, types.ModuleType)) or _of_library(x):
        return False
    held = getattr(x, "__dict__", None)
    return bool(held) and isinstance(held, dict)


__all__ = ["Opened", "bound", "opened"]
