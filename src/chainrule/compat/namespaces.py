"""The namespaces: NumPy's and SciPy's modules, each function taking boxes.

A function here is a plain Python function that has its own globals, so that what it
does can be exchanged: by ``defvjp(autograd.numpy.f, ...)`` a program gives a function
of NumPy's that has no rule a derivative, wherever it was imported to before.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable, Iterable
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from chainrule.compat import boxes, traces
from chainrule.compat.boxes import ArrayBox, is_other
from chainrule.compat.conventions import CONVENTIONS
from chainrule.compat.primitives import NoRuleError, primitive, unboxed
from chainrule.errors import MissingRuleError
from chainrule.nodes.joined import lists_of_arrays
from chainrule.nodes.tables import FUNCTIONS, LOCALLY_CONSTANT, UFUNCS
from chainrule.numpy.mirror import MAKERS, OWN, mirrored
from chainrule.rules import elementwise, rule_of
from chainrule.transforms.collector import CollectorPaused
from chainrule.values.buffered import current
from chainrule.values.shapes import kind_of, ndarray

Function = Callable[..., Any]


def _SERVED(*args: Any, **kwargs: Any) -> Any:  # noqa: N802
    called: Any = function  # type: ignore[name-defined]  # noqa: F821
    for x in (*args, *kwargs.values()):
        kind = x.__class__
        if kind is box:  # type: ignore[name-defined]  # noqa: F821
            called = operate()  # type: ignore[name-defined]  # noqa: F821
        elif kind in lists:  # type: ignore[name-defined]  # noqa: F821
            if not holds_plain(x):  # type: ignore[name-defined]  # noqa: F821
                return general(args, kwargs)  # type: ignore[name-defined]  # noqa: F821
        elif kind not in plain or (kind is ndarray and x.dtype.char == "O"):  # type: ignore[name-defined]  # noqa: F821
            return general(args, kwargs)  # type: ignore[name-defined]  # noqa: F821
    if called is None:
        return general(args, kwargs)  # type: ignore[name-defined]  # noqa: F821
    return called(*args, **kwargs)  # pyright: ignore[reportUnknownVariableType]


def _SERVED_UFUNC(*args: Any, **kwargs: Any) -> Any:  # noqa: N802
    if not kwargs:
        boxed = False
        for x in args:
            kind = x.__class__
            if kind is box:  # type: ignore[name-defined]  # noqa: F821
                boxed = True
            elif kind not in plain:  # type: ignore[name-defined]  # noqa: F821
                break
        else:
            return operate(*args) if boxed else function(*args)  # type: ignore # noqa: F821
    return general(args, kwargs)  # type: ignore[name-defined]  # noqa: F821


def _SERVED_FILLING(*args: Any, **kwargs: Any) -> Any:  # noqa: N802
    if records() or not holds_plain((*args, *kwargs.values())):  # type: ignore # noqa: F821
        return general(args, kwargs)  # type: ignore[name-defined]  # noqa: F821
    return function(*args, **kwargs)  # type: ignore # noqa: F821


def _OVERRIDDEN(*args: Any, **kwargs: Any) -> Any:  # noqa: N802
    return overriding(*args, **kwargs)  # type: ignore[name-defined]  # noqa: F821


_PLAIN = frozenset(
    (float, int, bool, complex, str, type(None), type, ndarray, np.float64, np.float32)
)
_NUMBERS = _PLAIN - {ndarray}
_LISTS = frozenset((list, tuple))
_FILLED = frozenset[Any](
    getattr(np, f"{name}{like}")
    for name in ("zeros", "ones", "empty", "full")
    for like in ("", "_like")
)
"""What makes buffers, in calls that are recorded."""
_SPACES: dict[int, tuple[Any, Any]] = {}
"""Each function that is served, by its identity, with what serves it."""
_BY_SERVED: dict[Function, Any] = {}


def served(function: Any) -> Any:
    """Return what a program of autograd sees of a function of NumPy's or SciPy's."""
    if isinstance(function, mirrored):
        function = function.__wrapped__
    known = _SPACES.get(id(function))
    if known is not None:
        return known[1]
    space: dict[str, Any] = {"__name__": __name__, "__builtins__": __builtins__}
    general = _General(function)
    ours = general.mirror is function
    space |= {"general": general, "function": function, "ndarray": ndarray}
    operate = functools.partial(_operation_of, function, general.of_values)
    space |= {"box": ArrayBox, "operate": operate}
    space["plain"], space["lists"] = (frozenset(), ()) if ours else (_PLAIN, _LISTS)
    space |= {"holds_plain": _holds_plain, "records": records}
    code = (_SERVED_FILLING if general.fills else _SERVED).__code__
    rule_class = getattr(UFUNCS.get(function), "rule", None)
    if rule_class is None and isinstance(function, np.ufunc):
        rule_class = rule_of(function)
    name = getattr(function, "__name__", repr(function))
    if rule_class is not None and issubclass(rule_class, elementwise):
        space["operate"] = boxes.operator_of(rule_class)
        code = _SERVED_UFUNC.__code__
    made: Any = FunctionType(code, space, name)
    made.__qualname__, made.__doc__ = name, getattr(function, "__doc__", None)
    made.__module__, made.__wrapped__ = __name__, function
    made.fun = function
    if isinstance(function, np.ufunc):
        for method in ("accumulate", "at", "outer", "reduce", "reduceat"):
            setattr(made, method, getattr(general.mirror, method))
    _SPACES[id(function)] = function, made
    _BY_SERVED[made] = function
    return made


def _holds_plain(parts: Any) -> bool:
    """Tell whether a list or a tuple holds numbers, words and NumPy's arrays alone."""
    if _NUMBERS.issuperset(map(kind_of, parts)):
        return True
    for x in parts:
        kind = kind_of(x)
        if kind in _LISTS:
            if not _holds_plain(x):
                return False
        elif kind not in _PLAIN or (kind is ndarray and x.dtype.char == "O"):
            return False
    return True


def _operation_of(function: Function, of_values: Function) -> Function | None:
    """Return what stands for a function of NumPy's on boxes, if it takes no lists.

    One that is locally constant is that ``of_values``.
    """
    if function in OWN:
        return None
    known = CONVENTIONS.get(function) or FUNCTIONS.get(function)
    return of_values if known is None and function in LOCALLY_CONSTANT else known


class _General:
    """A function of NumPy's on whatever it is given: lists, keywords, other arrays."""

    def __init__(self, function: Function) -> None:
        self.function = function
        ours = getattr(type(function), "__module__", "").startswith("chainrule.")
        ours = ours or getattr(function, "__module__", "").startswith("chainrule.")
        self.mirror: Any = function if ours else mirrored(function)
        self.makes: bool = function in MAKERS
        self.fills: bool = function in _FILLED
        self.lists: Any = lists_of_arrays(function)
        known = function in UFUNCS or function in FUNCTIONS
        self.has_rule: bool = ours or known or rule_of(function) is not None

    def of_values(self, *args: Any, **kwargs: Any) -> Any:
        """Call it with the values of boxes, if all of them are NumPy's."""
        values = [x._value if x.__class__ is ArrayBox else x for x in args]
        if _PLAIN.issuperset(map(kind_of, values)) and not self.fills:
            return self.function(*values, **kwargs)
        return self(args, kwargs)

    def called(self, *args: Any, **kwargs: Any) -> Any:
        """Call it with these arguments."""
        return self(args, kwargs)

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call it; a box for which there is no rule is an error as autograd has it."""
        if any(map(is_other, args)):
            return self.function(*args, **kwargs)
        if self.lists:
            args = tuple(map(_listed, args))
        try:
            z = self.mirror(*args, **kwargs)
            plain = self.makes and not (self.fills and records())
            return current(z) if plain else z
        except MissingRuleError as error:
            if isinstance(error, NotImplementedError):
                raise
            raise NoRuleError(*error.args) from error


def records() -> bool:
    """Tell whether a call is recorded, of which an array may be told to take boxes.

    Elsewhere arrays are NumPy's own, whose class programs compare.
    """
    return bool(traces.STACK.open) or CollectorPaused.holds_this_thread()


def _listed(x: Any) -> Any:
    """Return what can only be gone through as a list, as autograd's stacks do."""
    walked = hasattr(x, "__iter__") and not hasattr(x, "__getitem__")
    return list(x) if walked else x


def overridden(fun: Any) -> Any:
    """Return the primitive behind a function, to give it a rule.

    A function of a served module becomes one, under all names that it has.
    """
    function = _BY_SERVED.get(fun)
    if function is None:
        return fun
    space = fun.__globals__
    if "overriding" not in space:
        space["overriding"] = primitive(function)
        general: _General = space["general"]
        if general.has_rule:
            space["overriding"].builtin = general.called
        fun.__code__ = _OVERRIDDEN.__code__
    return space["overriding"]


def namespace_of(module: Any, listed: Iterable[str] | None = None) -> dict[str, Any]:
    """Return the public names of a module, its functions as a program sees them.

    ``listed`` are names to ask for, those that it lists where this is left out.
    """
    names: dict[str, Any] = {}
    known = vars(module) if isinstance(module, ModuleType) else {}
    for name in dir(module) if listed is None else listed:
        if name.startswith("_") or name == "test":
            continue
        if known and name not in known and _is_module(f"{module.__name__}.{name}"):
            continue  # which would be loaded now: numpy.f2py
        if not hasattr(module, name):
            continue
        value = getattr(module, name)
        if isinstance(value, ModuleType):
            continue
        is_function = callable(value) and hasattr(value, "__name__")
        is_function = is_function and not isinstance(value, type)
        names[name] = served(value) if is_function else _INTEGERS.get(id(value), value)
    return names


def _is_module(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def wrap_namespace(old: dict[str, Any], new: dict[str, Any]) -> None:
    """Enter the public names of a module (``old``), functions taking boxes."""
    new.update(namespace_of(SimpleNamespace(**old), old))


def wrap_intdtype(kind: Any) -> Any:
    """Return a class of NumPy's integers that boxes are cast to by their values."""

    class integers(kind):  # noqa: N801
        """Integers, of boxes too."""

        def __new__(cls, *args: Any) -> Any:
            return kind(*map(unboxed, args))

    integers.__name__ = integers.__qualname__ = kind.__name__
    return integers


_KINDS: Any = np.int8, np.int16, np.int32, np.int64, np.integer
_INTEGERS: Any = {id(kind): wrap_intdtype(kind) for kind in _KINDS}


def library_namespace(part: str) -> dict[str, Any]:
    """Return the public names of a part of SciPy: ours, or SciPy's where it is not.

    ``part`` may name an object whose methods are meant: ``"stats.norm"``.
    """
    module, _, within = part.partition(".")
    known: dict[str, Any] = {}
    for library in ("scipy", "chainrule.scipy"):
        try:
            found: Any = importlib.import_module(f"{library}.{module}")
        except ModuleNotFoundError:
            continue
        found = getattr(found, within, None) if within else found
        known |= namespace_of(found, [*known, *dir(found)])
    return known
