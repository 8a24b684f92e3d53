"""Values that carry the text that computes them, so that rules write code.

A rule computes with the array namespace it is given. Given ``written_numpy`` and
``Written`` values it computes as usual, and the text of what it did comes along:

>>> x = Written(Formula("x"), np.array([1.0, 2.0]))
>>> total = written_numpy.sum(2 * x, axis=0)
>>> total.text, float(total.value)
('np.sum(2 * x, axis=0)', 6.0)
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.nodes.admission import operation_name
from chainrule.nodes.remedies import home_of
from chainrule.operations_grad.indexing import (
    getitem_grad,
    picks_once,
    setitem,
    setitem_grad,
)
from chainrule.operations_grad.recurrences import by_strides
from chainrule.operations_grad.structure import identity_grad
from chainrule.rules import rule
from chainrule.rules.declarations import is_of_library
from chainrule.rules.namespace import rule_called
from chainrule.rules.symbolic import ATOM, Formula
from chainrule.values.operators import Operators
from chainrule.values.shapes import reduced_axes
from chainrule.values.types import Index, Parameters, Result, Shape

Argument = Result | list[Any] | str | np.dtype[Any] | type | None
"""What a rule hands to a function of NumPy; what is written is a ``Result``."""

_LARGEST_CONSTANT = 64


class UnwritableError(TypeError):
    """What cannot be written as code; the message says why."""


class Written(Operators):
    """A value and the text that computes it."""

    __array_ufunc__ = None

    def __init__(self, formula: Formula, value: Argument) -> None:
        """Keep both."""
        self.formula: Any = formula
        self.value: Any = value

    @property
    def shape(self) -> Shape:
        """The shape of the value."""
        return np.shape(self.value)

    @property
    def ndim(self) -> int:
        """How many axes it has."""
        return np.ndim(self.value)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Its dtype."""
        return np.asarray(self.value).dtype

    @property
    def text(self) -> str:
        """The text."""
        return self.formula.text

    def __neg__(self) -> Written:
        """Negate."""
        return Written(-self.formula, -self.value)

    def __or__(self, other: Argument) -> Written:
        """Write that either of two masks holds."""
        return written_numpy.logical_or(self, other)

    def __and__(self, other: Argument) -> Written:
        """Write that both of two masks hold."""
        return written_numpy.logical_and(self, other)

    def __getitem__(self, index: Index) -> Written:
        """Index."""
        text = f"{self.formula._at(ATOM)}[{index_text(index)}]"
        value: Any = np.asarray(self.value)
        return Written(Formula(text), value[index])


def _define(function: Callable[[Any, Any], Any]) -> None:
    def infix(a: Argument, b: Argument) -> Written:
        x, y = as_written(a), as_written(b)
        return Written(function(x.formula, y.formula), function(x.value, y.value))

    def reflected(a: Written, b: Argument) -> Written:
        return infix(b, a)

    name = function.__name__.strip("_")
    setattr(Written, f"__{name}__", infix)
    setattr(Written, f"__r{name}__", reflected)


_operator: Any = operator
for _name in "add sub mul truediv mod floordiv pow lt le gt ge eq ne".split():
    _define(getattr(_operator, _name))


class WrittenNumPy:
    """The array namespace that writes calls of NumPy's functions."""

    recorded = False

    def __init__(self, module: ModuleType = np, prefix: str = "np.") -> None:
        """Write functions of a module behind a prefix."""
        self._module = module
        self._prefix = prefix

    def __getattr__(self, name: str) -> Any:
        """Find a function of NumPy or of SciPy; ours that have no formula raise."""
        declared = None if hasattr(self._module, name) else rule_called(name)
        if declared is not None and declared.forward_name:
            module = declared.forward_name.partition(":")[0]
            return WrittenNumPy(sys.modules[module], f"{module}.").__getattr__(name)
        function: Any = getattr(self._module, name)
        if function is np.linalg:
            return WrittenNumPy(np.linalg, "np.linalg.")
        if not callable(function):
            constant: Any = getattr(self._module, name)
            return Written(Formula(f"{self._prefix}{name}"), constant)

        def call(*args: Argument, **keywords: Argument) -> Written:
            texts = [argument_text(x) for x in args]
            texts += [f"{k}={argument_text(x)}" for k, x in keywords.items()]
            parameters = {k: _value(x) for k, x in keywords.items()}
            value: Any = function(*map(_value, args), **parameters)
            return Written(Formula(f"{self._prefix}{name}({', '.join(texts)})"), value)

        return call

    @staticmethod
    def norm_in_range(norm: Written, x: Written, *, ord: float) -> Written:
        """Write the norm itself: the code is held to the sweep at the point."""
        return norm

    @staticmethod
    def cofactors(x: Written) -> Written:
        """Write the cofactors of a matrix that has an inverse."""
        linalg = written_numpy.linalg
        inverse = written_numpy.swapaxes(linalg.inv(x), -1, -2)
        return written_numpy.expand_dims(linalg.det(x), (-2, -1)) * inverse

    def unindex(self, x: Argument, *, index: Index, shape: tuple[int, ...]) -> Written:
        """Write zeros with ``x`` added at an index."""
        once = picks_once(index)
        value: Any = np.zeros(shape)
        (operator.setitem if once else np.add.at)(value, _value(index), _value(x))
        how = "_placed" if once else "_added"
        text = f"{how}({argument_text(x)}, {shape}, np.s_[{index_text(index)}])"
        return Written(Formula(text), value)

    def recurrence(self, a: Argument, b: Argument) -> Written:
        """Write a linear recurrence, which NumPy has no function of."""
        arrays: Any = self
        return as_written(by_strides(arrays, as_written(a), as_written(b)))

    def setitem(self, x: Argument, y: Argument, *, index: Index) -> Written:
        """Write an array with ``y`` in the place of some entries."""
        value = setitem(_value(x), _value(y), index=index)
        arguments = f"{argument_text(x)}, {argument_text(y)}"
        return Written(
            Formula(f"_replaced({arguments}, np.s_[{index_text(index)}])"), value
        )


written_numpy: Any = WrittenNumPy()


def fitted(
    part: Argument, shape: tuple[int, ...], gather: Callable[..., Written]
) -> Written:
    """Undo broadcasting: sum (or unite) what was repeated, repeat what was not."""
    part = as_written(part)
    if part.shape == shape:
        return part
    common = np.broadcast_shapes(part.shape, shape)
    if common == shape:
        return written_numpy.broadcast_to(part, shape)
    if common != part.shape:
        part = written_numpy.broadcast_to(part, common)
    part = gather(part, axis=reduced_axes(common, shape))
    return part if part.shape == shape else written_numpy.reshape(part, shape)


_INFIX = ("add", "sub", "mul", "truediv", "mod", "pow", "neg")


def call_of(
    operation: type[rule], operands: Sequence[Any], parameters: Parameters
) -> Any:
    """Write an operation itself, or raise ``TypeError`` or ``AttributeError``."""
    if operation is identity_grad:
        return operands[0]
    if operation is getitem_grad:
        return operands[0][parameters["index"]]
    if operation is setitem_grad:
        return written_numpy.setitem(*operands, **parameters)
    if operation.operator in _INFIX:
        return getattr(operator, operation.operator)(*map(as_written, operands))
    space, name = _home_of(operation)
    if operation.variadic and name != "einsum":
        return getattr(space, name)(list(operands), **parameters)
    return getattr(space, name)(*operands, **parameters)


def _home_of(operation: type[rule]) -> tuple[Any, str]:
    """Return the library that a rule's function is called from, and its name there."""
    name = getattr(operation.forward, "__name__", "")
    for space in (written_numpy.linalg, written_numpy):
        if getattr(space._module, name, None) is operation.forward:
            return space, name
    home = home_of(operation.forward)
    if home:
        return WrittenNumPy(sys.modules[home], f"{home}."), name
    if not is_of_library(operation):
        raise UnwritableError("it is a rule of the program's own")
    name = operation_name(operation)
    return written_numpy if hasattr(np, name) else written_numpy.linalg, name


# ------------------------------------------------------------------------------- texts


def as_written(x: Argument) -> Written:
    """Return a constant with its text; what is written stays."""
    if isinstance(x, Written):
        return x
    text = argument_text(x)
    formula: Any = Formula(text.removeprefix("-"))
    return Written(-formula if text.startswith("-") else formula, x)


def argument_text(x: Any) -> str:
    """Return the text of an argument, or raise ``TypeError``."""
    if isinstance(x, Written):
        return x.text
    if type(x) in (tuple, list):
        texts = ", ".join(argument_text(v) for v in x)
        comma = "," if len(x) == 1 else ""
        return f"[{texts}]" if type(x) is list else f"({texts}{comma})"
    if _is_dtype(x):
        return f"np.{np.dtype(x).name}"
    if type(x) is np.ndarray:
        return _array_text(x)
    value = x.item() if hasattr(x, "item") else x
    if type(value) is float and not np.isfinite(value):
        return f"-np.{-value}" if value < 0 else f"np.{value}"
    if value is None or value is Ellipsis or type(value) in (bool, int, float, str):
        return repr(value)
    raise UnwritableError(f"a {type(x).__name__} is not written as code")


def _is_dtype(x: Any) -> bool:
    if isinstance(x, type):
        return issubclass(x, np.generic)
    return isinstance(x, np.dtype)


def _array_text(x: NDArray[Any]) -> str:
    if x.size > _LARGEST_CONSTANT:
        raise UnwritableError(
            f"a constant array of shape {x.shape} is too long to write"
        )
    plain = x.dtype.name in ("float64", "int64", "bool") and x.size
    dtype = "" if plain else f", dtype=np.{x.dtype.name}"
    shape = "" if x.size else f".reshape({x.shape})"
    return f"np.array({argument_text(x.tolist())}{dtype}){shape}"


def index_text(index: Index) -> str:
    """Return an index as it stands between brackets.

    >>> index_text((0, slice(None, 3), None)), index_text(slice(4, None, -1))
    ('0, :3, None', '4::-1')
    """
    if isinstance(index, tuple) and index:
        return ", ".join(index_text(i) for i in index)
    if isinstance(index, slice):
        ends = ["" if i is None else str(i) for i in (index.start, index.stop)]
        return ":".join([*ends, *([] if index.step is None else [str(index.step)])])
    return "..." if index is Ellipsis else argument_text(index)


def _value(x: Any) -> Any:
    if type(x) in (tuple, list):
        return type(x)(map(_value, x))
    return x.value if isinstance(x, Written) else x


__all__ = [
    "UnwritableError",
    "Written",
    "WrittenNumPy",
    "argument_text",
    "as_written",
    "call_of",
    "fitted",
    "index_text",
    "written_numpy",
]
