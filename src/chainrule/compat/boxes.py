"""The box: a node that a program of autograd takes for autograd's ``ArrayBox``.

It is a node whose class has another name, and that yields to autograd's ways where
these differ from NumPy's: ``a += x`` binds ``a`` anew, and arrays of other libraries
are asked before it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from chainrule.compat import traces
from chainrule.errors import ArgumentError
from chainrule.nodes.admission import INPUT, NONE, operation_name
from chainrule.nodes.node_class import node
from chainrule.nodes.operators import (
    BY_CLASS,
    operator,
    record_masked,
    set_operators,
)
from chainrule.nodes.recorder import next_serial, record
from chainrule.rules import rule
from chainrule.transforms.inputs import input_node
from chainrule.values import foreign, refusals
from chainrule.values.buffered import buffered
from chainrule.values.containers import declare_value, flatten
from chainrule.values.shapes import ndarray
from chainrule.values.types import Parameters
from chainrule.values.vertices import vertex

Maker = Callable[..., Any]
"""What makes a box of a value: ``maker(value, trace, node)``."""


class Mappings(dict[Any, Maker]):
    """Which class boxes the values of which class; programs write to it.

    A subclass of ``ndarray`` that is entered stands for its values beside a box, and
    gives way to boxes in its own ``__array_ufunc__``.
    """

    def __setitem__(self, kind: Any, maker: Maker) -> None:
        """Enter a class of values."""
        if issubclass(kind, ndarray) and kind is not ndarray:
            refusals.admit(kind)
            _give_way(kind)
        super().__setitem__(kind, maker)


def _give_way(kind: type) -> None:
    """Let the ufuncs of a class of arrays be those of a box where there is one."""
    own = kind.__dict__.get("__array_ufunc__")
    if own is None or hasattr(own, "gives_way"):
        return

    def gives_way(x: Any, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        for other in inputs:
            if isinstance(other, vertex):
                return other.__array_ufunc__(ufunc, method, *inputs, **kwargs)  # type: ignore
        return own(x, ufunc, method, *inputs, **kwargs)

    gives_way.gives_way = True  # type: ignore[attr-defined]
    kind.__array_ufunc__ = gives_way


CONVENTIONS: dict[Callable[..., Any], Callable[..., Any]] = {}
"""Functions of NumPy's whose derivatives, of boxes, are autograd's by convention."""


class Box:
    """What autograd calls a box; here every one of them is a node."""

    __slots__ = ()
    types: ClassVar[set[type]] = set()
    type_mappings: ClassVar[dict[Any, Maker]] = Mappings()

    def __init__(self, value: Any, trace: Any = None, node: Any = None) -> None:
        """Refuse values that are not made of numbers: ``ArrayBox`` boxes all others."""
        name = type(value).__name__
        raise ArgumentError(
            f"{type(self).__name__} boxes values of class {name}. Here numbers, arrays "
            f"and containers of them are differentiated: make {name} a dataclass of "
            "arrays, which needs no box."
        )

    @classmethod
    def register(cls, value_type: type) -> None:
        """Say that values of a class are boxed by this one."""
        Box.types.add(cls)
        Box.type_mappings[value_type] = cls
        Box.type_mappings[cls] = cls


class ArrayBox(Box, node):
    """A node under autograd's name, with the attributes that programs look at.

    >>> from chainrule import compat
    >>> compat.install_as_autograd()
    >>> import autograd
    >>> autograd.grad(lambda x: print(x) or x * x)(3.0)
    Autograd ArrayBox with value 3.0
    np.float64(6.0)
    >>> compat.uninstall_autograd()
    """

    __slots__ = ()
    __module__ = "autograd.numpy.numpy_boxes"
    watched = True

    def __init__(self, value: Any, trace: Any = None, node: Any = None) -> None:
        """Make a box by hand, as ``new_box`` does: a leaf of a trace."""
        self.operands: tuple[Any, ...]
        self.serial: int
        kind = value.__class__
        if kind is float or (kind is ndarray and value.dtype.kind in "fc"):
            self._value, self._step, self.operands = value, None, ()
            self._parameters, self.serial = INPUT, next_serial()
        else:
            x = input_node(value, copy=False, integers=True)
            if x is None:
                raise TypeError(f"Can't differentiate w.r.t. type {type(value)}")
            self._value, self._step, self.operands = x._value, x._step, x.operands
            self._parameters, self.serial = x._parameters, x.serial
        if trace is not None:
            traces.enter(trace, self, node)

    @property
    def _trace(self) -> int:
        """The number of the innermost trace that this depends on; -1 for none."""
        trace = traces.of(self)
        return -1 if trace is None else trace.number

    @property
    def _node(self) -> Any:
        """What the trace's class of nodes makes of this."""
        trace = traces.of(self)
        return None if trace is None else trace.node_of(self)

    def __str__(self) -> str:
        """Show the value, as autograd does."""
        return f"Autograd {type(self).__name__} with value {self._value}"

    __repr__ = __str__

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        """Return ``autograd.numpy``."""
        import chainrule.compat.autograd.numpy as served

        return served

    def __array_function__(
        self,
        func: Callable[..., Any],
        types: Collection[type],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> Any:
        """Run a function of NumPy's, by autograd's convention where that differs."""
        own = CONVENTIONS.get(func)
        if own is not None:
            return own(*args, **kwargs)
        return node.__array_function__(self, func, types, args, kwargs)

    def clip(self, *args: Any, **kwargs: Any) -> Any:
        """Return ``np.clip`` of this."""
        return np.clip(self, *args, **kwargs)

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any
    ) -> Any:
        """Run a ufunc; ``a += x`` returns a new box, and writes nothing into ``a``.

        An array of another library that holds boxes is asked instead.
        """
        if any(map(is_other, inputs)):
            return NotImplemented
        out: Any = kwargs.get("out")
        is_update = bool(out) and out[0] is inputs[0] and not isinstance(out[0], vertex)
        if is_update and method == "__call__" and not isinstance(out[0], buffered):
            del kwargs["out"]
        return node.__array_ufunc__(self, ufunc, method, *inputs, **kwargs)


ArrayBox.__qualname__ = "ArrayBox"
declare_value(ArrayBox)


def is_other(x: Any) -> bool:
    """Tell whether something is an array of another library that takes ufuncs."""
    return (
        hasattr(x.__class__, "__array_ufunc__")
        and not isinstance(x, ndarray)
        and (foreign.is_foreign(x) or refusals.is_unknown(x))
        and not hasattr(x.__class__, "__pandas_priority__")
    )


refusals.admit_while(lambda: bool(traces.STACK.open))


def _record(
    operation: type[rule], operands: Sequence[Any], parameters: Parameters = NONE
) -> Any:
    """Record an operation, or give way to an array of another library."""
    if any(map(is_other, operands)):
        return NotImplemented
    return record(operation, operands, parameters)


def _record_masked(operation: type[rule], operands: Sequence[Any], where: Any) -> Any:
    if any(map(is_other, operands)):
        return NotImplemented
    return record_masked(operation, operands, where)


NAMES: dict[str, Any] = {
    "node": ArrayBox,
    "record": _record,
    "record_masked": _record_masked,
}
"""What the text of the operators of boxes refers to, beside what that of nodes does."""
set_operators(ArrayBox, **NAMES)


@functools.cache
def operator_of(rule_class: type[rule]) -> Any:
    """Return the function of boxes for a rule that works entry by entry."""
    return operator(rule_class, operation_name(rule_class), masked=True, **NAMES)


BY_CLASS[ArrayBox] = operator_of

# ------------------------------------------------------------------------- boxing


def as_box(x: Any) -> Any:
    """Return a node that nobody else has seen yet as a box."""
    if x.__class__ is node:
        x.__class__ = ArrayBox
    return x


def boxing(f: Callable[..., Any]) -> Any:
    """Return a function whose arguments, new nodes of a transform, arrive as boxes."""

    def boxed(*args: Any, **keywords: Any) -> Any:
        for x in flatten((args, keywords))[0]:
            as_box(x)
        return f(*args, **keywords)

    return boxed
