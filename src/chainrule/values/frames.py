"""The columns of a ``DataFrame`` where pandas cannot hold them: nodes, traced values.

A function that is differentiated in a ``DataFrame``, or compiled, is given a ``Frame``.
Columns and choices of columns are read as from pandas; in arithmetic and in NumPy's
functions it stands for its array. It has no index: that stays out of the way.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from chainrule.errors import ArgumentError
from chainrule.values.shapes import describe

_np: Any = np


class Opaque:
    """A column that holds no numbers of NumPy's: text, dates, categories."""

    def __init__(self, column: Any) -> None:
        """Keep it."""
        self.column: Any = column

    def __eq__(self, other: object) -> bool:
        """Tell whether a function would read the same of two columns."""
        if not isinstance(other, Opaque):
            return False
        x, y = self.column, other.column
        return bool(x.name == y.name and x.index.identical(y.index) and x.equals(y))

    def __hash__(self) -> int:
        """Return a number that equal columns share."""
        return hash((str(self.column.dtype), len(self.column)))


class OpaqueArray(Opaque):
    """A variable of xarray's that holds no numbers: text, dates."""

    def __eq__(self, other: object) -> bool:
        """Tell whether a function would read the same of two variables."""
        return isinstance(other, OpaqueArray) and bool(
            self.column.identical(other.column)
        )

    def __hash__(self) -> int:
        """Return a number that equal variables share."""
        return hash((str(self.column.dtype), self.column.shape))


class Rows:
    """The index of a ``Frame`` of a compiled function, which is not known there."""

    def __init__(self, count: int) -> None:
        """Keep how many rows there are."""
        self.shape: tuple[int] = (count,)

    def __len__(self) -> int:
        """Return how many there are."""
        return self.shape[0]

    def equals(self, other: object) -> bool:
        """Tell whether there are as many."""
        return isinstance(other, Rows) and other.shape == self.shape


class Frame(NDArrayOperatorsMixin):
    """Columns by name, each a node, a traced value or an array.

    Parameters
    ----------
    labels
        Those of the ``DataFrame``, for gradients to come back with.
    parts
        The columns in their order, of shape ``(n,)`` each; ``Opaque`` where a column
        holds no numbers.

    Examples
    --------
    >>> import chainrule as gd, numpy as np, pandas as pd  # doctest: +SKIP
    >>> data = pd.DataFrame({"x": [1.0, 2.0], "y": [3.0, 5.0]})  # doctest: +SKIP
    >>> gd.grad(lambda t: np.sum(t["x"] * t["y"]))(data)  # doctest: +SKIP
         x    y
    0  3.0  1.0
    1  5.0  2.0
    """

    __slots__ = ("_labels", "_parts")

    def __init__(self, labels: Any, parts: Sequence[Any]) -> None:
        """Keep them."""
        self._labels: Any = labels
        self._parts: tuple[Any, ...] = tuple(parts)

    def flattened(self) -> tuple[tuple[Any, ...], Any, tuple[int, ...]]:
        """Return the columns, the labels, and the places of the columns."""
        return self._parts, self._labels, tuple(range(len(self._parts)))

    # -------------------------------------------------------------------- by columns

    @property
    def columns(self) -> Any:
        """The names of the columns, as pandas keeps them."""
        return self._labels.axes[1]

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of rows and of columns."""
        return len(self), len(self._parts)

    def __len__(self) -> int:
        """Return how many rows there are, as pandas does."""
        return len(self._labels.axes[0])

    def __iter__(self) -> Iterator[Hashable]:
        """Go through the names of the columns."""
        return iter(self.columns)

    def __contains__(self, name: object) -> bool:
        """Tell whether a column has this name."""
        return name in self.columns

    def keys(self) -> Any:
        """Return the names of the columns."""
        return self.columns

    def items(self) -> Iterator[tuple[Hashable, Any]]:
        """Go through names and columns."""
        return zip(self.columns, map(opened, self._parts), strict=True)

    def __getitem__(self, name: Any) -> Any:
        """Return a column by its name, or several by a list of names."""
        names = self.columns
        if hasattr(name, "dtype") and not isinstance(name, type(names)):
            raise ArgumentError(
                f"A frame without its index is read by names of columns; received "
                f"{describe(name)}. Choose rows of its arrays, frame['x'][mask] or "
                "frame.to_numpy()[mask]."
            )
        if isinstance(name, (list, type(names))):
            places: Any = names.get_indexer_for(name)
            if (places < 0).any():
                raise KeyError(name)
            return self._chosen(places)
        place: Any = names.get_loc(name)
        if isinstance(place, int):
            return opened(self._parts[place])
        return self._chosen(np.arange(len(names))[place])  # a name of several columns

    def _chosen(self, places: Any) -> Frame:
        labels = self._labels.of_columns(self.columns[places])
        return Frame(labels, [self._parts[i] for i in places])

    def __getattr__(self, name: str) -> Any:
        """Return a column as an attribute."""
        if not name.startswith("_") and name in self.columns:
            return self[name]
        raise AttributeError(
            f"The columns of a DataFrame that is differentiated, or an argument of a "
            f"compiled function, have no {name!r}: they are arrays by name, without an "
            "index. Take them, frame[name], or frame.to_numpy() for a function of "
            "NumPy's; what needs pandas is computed before the call."
        )

    # ---------------------------------------------------------------------- as arrays

    def to_numpy(self) -> Any:
        """Return the columns as one array of shape ``(n, k)``: a node, if they are."""
        for name, part in zip(self.columns, self._parts, strict=True):
            if isinstance(part, Opaque):
                raise ArgumentError(
                    f"The column {name!r} holds no numbers. Choose columns that do: "
                    "frame[['x', 'y']]."
                )
        if not self._parts:
            return np.empty(self.shape)
        return _np.stack(self._parts, axis=1)

    values: Any = property(to_numpy)

    @property
    def T(self) -> Any:  # noqa: N802
        """The transposed array."""
        return self.to_numpy().T

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        """Return NumPy's array, where there is one."""
        return np.asarray(self.to_numpy(), dtype)

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any
    ) -> Any:
        """Stand for the array in a ufunc."""
        return getattr(ufunc, method)(*map(_array, inputs), **kwargs)

    def __array_function__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> Any:
        """Stand for the array in any other of NumPy's functions."""
        return func(*map(_array, args), **{k: _array(x) for k, x in kwargs.items()})

    def __repr__(self) -> str:
        """Show the columns."""
        return f"Frame({dict(self.items())!r})"


def opened(part: Any) -> Any:
    """Return a column as a function reads it."""
    if isinstance(part, OpaqueArray):
        return part.column.data
    return part.column if isinstance(part, Opaque) else part


def _array(x: Any) -> Any:
    """Return an operand with arrays in the place of frames."""
    if isinstance(x, list | tuple):
        parts: list[Any] = [_array(v) for v in x]  # pyright: ignore
        return parts if isinstance(x, list) else tuple(parts)
    return x.to_numpy() if isinstance(x, Frame) else x


__all__ = ["Frame", "Opaque", "OpaqueArray", "Rows", "opened"]
