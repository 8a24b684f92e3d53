"""What functions read from outside, taken out of them: functions of plain arguments.

A function that a solver calls has parameters in its closure and among its arguments:
nodes, arrays and numbers. ``opened`` finds them and returns a template: with other
values in their places it makes the same function again. So a derivative is one of
arguments, a compiled function may be kept from one solve to the next, and what a
closure holds is read anew in each. Names of its module count where they hold nodes.

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
    is_assigning,
    made_already,
    made_of,
    method_of,
    names_of,
    noted,
    partial_of,
    parts_of_partial,
    read_outside,
)
from chainrule.transforms.values import is_of_nodes, joined_entries
from chainrule.values.containers import flatten, is_container, unflatten
from chainrule.values.shapes import SEQUENCES, ndarray
from chainrule.values.vertices import stand_in

_kind_of: Any = type
_vars: Any = vars
LIBRARIES = (
    *("numpy", "scipy", "chainrule", "autograd"),
    *("math", "cmath", "builtins", "operator"),
)
"""Packages whose functions and modules are the same in each call."""
NODES: Any = (node, stand_in)
"""What has derivatives: nodes, and the values of a trace."""
CALLS = (types.FunctionType, types.MethodType, functools.partial, Derived)
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
    fixed
        Nodes that it holds and that nothing else can be put in the places of: those of
        classes, of modules, and of functions that assign to names of their module.
    """

    values: list[Any]
    key: Hashable | None
    whole: Any
    _build: Build | None
    fixed: Sequence[Any] = ()

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
    all of these, and in functions that are found there in turn. Nodes are found under
    the names of its module too, and in the module's functions that it calls.
    """
    opening = Opening()
    build, key = opening.part(x)
    found, fixed = opening.values, list(opening.fixed.values())
    return Opened(found, None if opening.is_open else key, x, build, fixed)


@dataclass
class Opening:
    """What has been found so far."""

    binds: ClassVar[bool] = False
    """Whether functions are made again that hold no values."""
    values: list[Any] = field(default_factory=list[Any])
    is_open: bool = False
    """Whether something was met that may change unseen."""
    fixed: dict[int, Any] = field(default_factory=dict[int, Any])
    """Nodes that nothing can be put in the places of, by identity."""
    of_module: bool = False
    """Whether what is met belongs to a module: of its values only nodes are taken."""
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
            is_taken = not self.of_module or isinstance(x, NODES) or is_of_nodes(x)
            return self._value(x) if is_taken else (None, self._key(x))
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
        kind = _kind_of(x)
        if kind in SEQUENCES:
            return self._together(kind, x, kind)
        if kind is dict:
            keys = list(x)
            of_keys = tuple((_kind_of(k), k) for k in keys)
            return self._together(
                ("dict", *of_keys),
                list(x.values()),
                lambda parts: dict(zip(keys, parts, strict=True)),
            )
        leaves, structure = flatten(x)
        of = functools.partial(unflatten, structure)
        return self._together(("container", structure), leaves, of)

    def _value(self, x: Any) -> Part:
        place = self.places.setdefault(id(x), len(self.values))
        if place == len(self.values):
            self.alive.append(x)
            self.values.append(x if self.binds else joined_entries(x))

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
        kinds = [k for k in kind.__mro__ if not of_library(k)]
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
        if of_library(f):
            return None, ("library", id(f))
        number = self.numbers.get(id(f))
        if number is not None:
            return self._again(number)
        number = self._numbered(f)
        home, fixed, outer = home_of(f), (), self._names(f)
        if outer and is_assigning(f.__code__):  # not to a copy of its module's names
            fixed = tuple(self._fixed(x, home) for x in outer.values())
            outer = {}
        inside, defaults = list(map(contents, f.__closure__ or ())), _defaults(f)
        parts = list(map(self.part, inside))
        around = {n: self._of_module(x, home) for n, x in outer.items()}
        names = [n for n, (p, _) in around.items() if self.binds or p is not None]
        held = [*inside, *(outer[n] for n in names), *defaults]
        pairs = [*parts, *(around[n] for n in names)]
        pairs += [self.part(x) if x else (None, None) for x in defaults]
        reads = tuple((n, key) for n, (_, key) in around.items())
        key = (f.__code__, fixed, reads, *(key for _, key in pairs))
        others = [p for (p, _), x in zip(pairs, held, strict=True) if x is not f]
        is_bound = self.binds and len(held) > len(defaults)
        if all(build is None for build in others) and not is_bound:
            self.whole.add(number)
            return None, key
        return made_of(f, number, pairs, held, names, binds=self.binds), key

    def _names(self, f: types.FunctionType) -> dict[str, Any]:
        """Return what a function may read of its module, by name.

        The nodes that it reads as attributes of other modules are noted.
        """
        home = home_of(f)
        if home in LIBRARIES:
            return {}
        outer = read_outside(f)
        modules = [m for m in outer.values() if isinstance(m, types.ModuleType)]
        for held in [vars(m) for m in modules if not of_library(m)]:
            for x in [held[n] for n in names_of(f.__code__) if n in held]:
                if isinstance(x, NODES) or package_of(x) == home:
                    self._fixed(x, home)
        return outer

    def _of_module(self, x: Any, home: str) -> Part:
        """Return the part of what belongs to a module, or to a class."""
        is_near = not _has_state(x) or isinstance(x, CALLS)
        if not (is_near or package_of(_kind_of(x)) == home):  # an object of a library
            return None, self._key(x)
        was, self.of_module = self.of_module, True
        part = self.part(x)
        self.of_module = was
        return part

    def _fixed(self, x: Any, home: str) -> Hashable:
        """Return the key of what nothing is put in the place of, and note its nodes."""
        build, key = self._of_module(x, home)
        if build is None:
            return key
        self.is_open = True
        self.fixed.update({id(v): v for v in self.values if isinstance(v, NODES)})
        return None

    def _key(self, x: Any) -> Hashable:
        """Return what tells whether a thing is the same, and holds the same."""
        if x is None or isinstance(x, (bool, int, float, complex, str, bytes)):
            return (_kind_of(x), x)
        if isinstance(x, ndarray) and x.dtype.kind in "biufc" and x.size <= SMALL:
            return (x.dtype.str, x.shape, x.tobytes())
        if of_library(x) or x is EMPTY:
            return ("library", id(x))
        if isinstance(x, type):
            return self._class(x)
        self.is_open = True
        return None

    def _class(self, x: type) -> Hashable:
        """Return the key of a class: what its methods read, and its attributes."""
        number = self.numbers.get(id(x))
        if number is not None:
            return ("again", number)
        number = self.numbers[id(x)] = len(self.numbers)
        own = {k: v for k, v in vars(x).items() if k not in _OF_CLASSES}
        home = package_of(x)
        return (id(x), *((k, self._fixed(v, home)) for k, v in own.items()))


_OF_CLASSES = frozenset(vars(types.new_class("_")))
"""Attributes that Python gives each class."""


def _defaults(f: types.FunctionType) -> tuple[Any, Any]:
    """Return the defaults of a function's arguments, by place and by name."""
    return f.__defaults__ or (), f.__kwdefaults__ or {}


def home_of(f: types.FunctionType) -> str:
    """Return the name of the package whose names a function reads."""
    return str(f.__globals__.get("__name__")).partition(".")[0]


def package_of(x: type | Callable[..., Any]) -> str:
    """Return the name of the package that a function or a class is of."""
    return str(getattr(x, "__module__", "")).partition(".")[0]


def is_value(x: Any) -> bool:
    """Tell whether a thing is a number or an array that derivatives are about."""
    if isinstance(x, NODES):
        return True
    if isinstance(x, (float, complex)):
        return not (isinstance(x, float) and math.isnan(x))
    if is_of_nodes(x):
        return True
    return isinstance(x, (ndarray, np.generic)) and x.dtype.kind in "fc"


def of_library(x: Any) -> bool:
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
    """Tell whether a thing is an object that may have attributes of its own."""
    if isinstance(x, (type, types.ModuleType)) or of_library(x):
        return False
    return isinstance(getattr(x, "__dict__", None), dict)


__all__ = [
    "LIBRARIES",
    "Opened",
    "Opening",
    "home_of",
    "of_library",
    "opened",
    "package_of",
]
