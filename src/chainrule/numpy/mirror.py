"""The mirror: every name of a NumPy module, taking nodes and lists of nodes.

NumPy hands a call to chainrule where an argument is a node. It cannot where the node is
inside a list, nor for functions that make arrays, such as ``array``. The functions here
look inside lists first; without a node they are NumPy's own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from chainrule import operations
from chainrule.errors import MissingRuleError
from chainrule.nodes.admission import holds_nodes, missing, unwrapped
from chainrule.nodes.joined import joined, lists_of_arrays
from chainrule.nodes.recorder import as_operand
from chainrule.nodes.remedies import remedy, written
from chainrule.nodes.tables import FUNCTIONS, LOCALLY_CONSTANT, REFUSED
from chainrule.numpy.buffer_operands import called
from chainrule.numpy.buffers import as_buffer, shown_of
from chainrule.rules.named_functions import function_in
from chainrule.values.buffered import buffered
from chainrule.values.foreign import first_foreign, served_by
from chainrule.values.shapes import ndarray
from chainrule.values.types import Operation
from chainrule.values.vertices import first_stand_in

Lookup = Callable[[str], Any]
"""A ``__getattr__`` of a module."""
Listing = Callable[[], list[str]]
"""A ``__dir__`` of a module."""

OWN: dict[Any, Callable[..., Any]] = {}
"""What stands for functions that NumPy does not hand over, such as ``np.array``."""


MAKERS: set[Any] = set()
"""Functions that make arrays, which take nodes here."""


def stands_for(*served: Any) -> Callable[[Any], Any]:
    """Decorate what stands for functions that NumPy does not hand over."""

    def decorate(function: Any) -> Any:
        OWN.update(dict.fromkeys(served, function))
        return function

    return decorate


class mirrored:  # noqa: N801
    """A function of NumPy that also looks for nodes inside lists.

    >>> import chainrule as gd
    >>> x, y = gd.node(3.0), gd.node(4.0)
    >>> gd.numpy.hypot(x, y)
    node(5.0, hypot)
    >>> gd.numpy.sum([x, y])
    node(7.0, sum)
    """

    def __init__(self, function: Operation) -> None:
        """Mirror a function or a ufunc."""
        self._function = function
        self.__name__: str = getattr(function, "__name__", repr(function))
        self.__doc__ = function.__doc__
        self.__wrapped__ = function

    def __repr__(self) -> str:
        """Show the name."""
        return f"<chainrule's {written(self._function)}>"

    def __instancecheck__(self, x: object) -> bool:
        """Tell whether ``x`` is of the class that this makes, without a node."""
        return isinstance(x, self.__wrapped__)  # type: ignore[arg-type]

    def __getattr__(self, name: str) -> Any:
        """Find a method of a ufunc, such as ``add.reduce``."""
        attribute = getattr(self._function, name)
        return _joining_method(attribute) if name in _METHODS else attribute

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the operation where there is a node, NumPy's function otherwise."""
        function = self._function
        if not any(map(holds_nodes, [*args, *kwargs.values()])):
            return _plainly(function, args, kwargs)
        operation = OWN.get(function) or FUNCTIONS.get(function)
        if operation is not None:
            operands, named = joined(operation, args, kwargs)
            return operation(*operands, **named)
        if function in LOCALLY_CONSTANT:
            named = {k: unwrapped(v) for k, v in kwargs.items()}
            return _plainly(function, tuple(map(unwrapped, args)), named)
        if function in REFUSED:
            raise missing(written(function), REFUSED[function])
        return _without_rule(function, args, kwargs)


def _without_rule(
    function: Operation, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Call a function that no rule serves: what is written in Python may take nodes.

    NumPy asks the nodes. SciPy's code runs on them as it is, entry by entry where it
    makes arrays of objects, and is refused where it takes none.
    """
    name = written(function)
    if name.startswith("np.") or any(map(callable, [*args, *kwargs.values()])):
        return function(*map(_joined, args), **kwargs)
    try:
        return _entries_joined(function(*map(_joined, args), **kwargs))
    except MissingRuleError:
        raise
    except Exception as error:
        module, _, own = name.rpartition(".")
        raise MissingRuleError(
            f"{name} has no derivative rule, and its own code does not take nodes "
            f"({type(error).__name__}: {str(error).partition(chr(10))[0]:.200}). "
            f"{remedy(module, own, FUNCTIONS.__contains__)}"
        ) from error


def _entries_joined(z: Any) -> Any:
    """Return results with arrays of nodes as one node each."""
    if type(z) in (tuple, list):
        return type(z)(map(_entries_joined, z))
    if hasattr(z, "_make"):  # a named tuple
        return z._make(map(_entries_joined, z))
    return operations.asarray(z) if type(z) is ndarray and holds_nodes(z) else z


def _plainly(function: Operation, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call NumPy's function without a node; lists of traced values are joined."""
    if first_stand_in(args, kwargs) is None:
        lazy = first_foreign(args)
        call = function if lazy is None else served_by(function, lazy)
        made = call(*args, **kwargs)
        return as_buffer(made) if function in MAKERS else shown_of(made, args)
    made = _traced_call(function, args, kwargs)
    return as_buffer(made, args) if function in MAKERS else made


def _traced_call(
    function: Operation, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    own = OWN.get(function)
    if own is None and not written(function).startswith("np."):
        own = FUNCTIONS.get(function)  # other libraries do not hand calls over
    if own is not None:
        return own(*args, **kwargs)
    several = lists_of_arrays(function)
    operands = [x if i in several else _traced(x) for i, x in enumerate(args)]
    named = {k: x if k in several else _traced(x) for k, x in kwargs.items()}
    if function is np.take:
        return called(function, operands, named)
    return function(*operands, **named)


def _traced(x: Any) -> Any:
    """Return lists and object arrays that hold traced values as one traced value."""
    inside = None if isinstance(x, buffered) else first_stand_in(x)
    return x if inside is None or inside is x else as_operand(x)


_METHODS = ("accumulate", "at", "outer", "reduce", "reduceat")
"""The methods of ufuncs, which NumPy hands over where an argument is a node."""


def _joining_method(method: Callable[..., Any]) -> Callable[..., Any]:
    def joining(*args: Any, **kwargs: Any) -> Any:
        named = {k: _traced(_joined(x)) for k, x in kwargs.items()}
        return method(*(_traced(_joined(x)) for x in args), **named)

    return joining


def _joined(x: Any) -> Any:
    """Return lists of nodes as one; a buffer stays, since it may be written into."""
    joins = holds_nodes(x) and not isinstance(x, buffered)
    return operations.asarray(x) if joins else x


_mirror = cache(mirrored)


_SERVED = ("__version__", "__array_api_version__", "__array_namespace_info__")
"""What a module says of its library; its other names of this kind are its own."""


def mirror_of(module: ModuleType) -> tuple[Lookup, Listing]:
    """Return ``__getattr__`` and ``__dir__`` for a module that mirrors another."""

    def attribute(name: str) -> Any:
        if name.startswith("__") and name not in _SERVED:
            raise AttributeError(
                f"module 'chainrule.{module.__name__}' has no attribute {name!r}"
            )
        value = getattr(module, name)
        if not callable(value):
            return value
        value = function_in(module, name)
        if isinstance(value, type) and value not in OWN:
            return value
        return _mirror(value)

    def names() -> list[str]:
        return [name for name in dir(module) if not name.startswith("_")]

    return attribute, names
