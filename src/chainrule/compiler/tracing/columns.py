"""Columns: a value of each step of a loop that counts its steps in each call.

How many steps there are differs from call to call, and a row has one shape for all
calls. So the row of a column has no shape. Whoever computes with a column sees one of
its entries: shape and dtype are an entry's, and NumPy's functions act on each of them.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.compiler.tracing.rows import Function, mapped
from chainrule.values.shapes import ARRAYS, Shape, dtype_of, shape_of


class Column:
    """A value of each step.

    Attributes
    ----------
    entries
        The values, in order of the steps.
    like
        A value of the shape and dtype of each of them.
    """

    __slots__ = ("entries", "like")

    def __init__(self, entries: Sequence[Any], like: Any) -> None:
        """Keep them."""
        self.entries: Sequence[Any] = entries
        self.like: Any = like

    @property
    def shape(self) -> Shape:
        """The shape of an entry."""
        return shape_of(self.like)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of an entry."""
        return dtype_of(self.like)

    def __getitem__(self, index: Any) -> Any:
        """Index each entry."""
        return _of_each(operator.getitem, (self, index), {})

    def copy(self) -> Column:
        """Return this, into which nobody writes."""
        return self

    def __add__(self, other: Any) -> Column:
        """Add to each entry."""
        return _of_each(operator.add, (self, other), {})

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, **given: Any
    ) -> Column:
        """Call a ufunc, or one of its methods, on each entry."""
        return _of_each(getattr(ufunc, method), inputs, given)

    def __array_function__(
        self,
        function: Function,
        types: Sequence[type],
        args: Sequence[Any],
        given: Mapping[str, Any],
    ) -> Any:
        """Call a NumPy function on each entry; one that reads the shape, on one."""
        result = _of_each(function, args, given)
        return result if isinstance(result.like, (*ARRAYS, Column)) else result.like


class RaggedColumns(Column):
    """A column for each example of a vmap, each with a number of steps of its own."""

    __slots__ = ()
    __array_ufunc__: Any = None

    def __init__(self, columns: Sequence[Column]) -> None:
        """Keep the examples' columns."""
        super().__init__(columns, np.stack([x.like for x in columns]))

    def __getitem__(self, index: int) -> Any:
        """Return the column of one example."""
        return self.entries[index]

    def __add__(self, other: Any) -> Column:
        """Add the columns of each example."""
        pairs = zip(self.entries, other.entries, strict=True)
        return RaggedColumns([x + y for x, y in pairs])

    def __array_function__(
        self,
        function: Function,
        types: Sequence[type],
        args: Sequence[Any],
        given: Mapping[str, Any],
    ) -> Any:
        """Repeat this for more examples; other functions are called per example."""
        if function is np.broadcast_to and args[1][1:] == self.shape:
            return RaggedColumns([self] * args[1][0])
        return NotImplemented


class OnEntries:
    """A function of arrays, on each entry of the columns among its arguments."""

    keeps_shape = True
    takes_columns = True

    def __init__(self, function: Function) -> None:
        """Keep it."""
        self.function = function
        self.__name__: str = getattr(function, "__name__", "function")

    def __call__(self, *args: Any, **given: Any) -> Column:
        """Call it on each entry."""
        return _of_each(self.function, args, given)


def function_of_entries(function: Function) -> Function:
    """Return the function that one of columns calls on each entry; others as given."""
    return function.function if isinstance(function, OnEntries) else function


def of_columns(function: Function) -> Function:
    """Return a function that takes columns: itself, or it on each of their entries."""
    takes = getattr(function, "takes_columns", False)
    return function if takes else OnEntries(function)


def _of_each(
    function: Function, args: Sequence[Any], given: Mapping[str, Any]
) -> Column:
    """Call a function on each entry of the columns among its arguments."""
    columns: list[Column] = []

    def noted(column: Any) -> Any:
        if isinstance(column, Column):
            columns.append(column)
        return column

    def called(entries: Sequence[Any]) -> Any:
        following = iter(entries)

        def entry_of(x: Any) -> Any:
            return next(following) if isinstance(x, Column) else x

        return function(*mapped(entry_of, tuple(args)), **given)

    mapped(noted, tuple(args))
    steps = zip(*(x.entries for x in columns), strict=True)
    return Column(list(map(called, steps)), called([x.like for x in columns]))
