"""Labelled arrays as containers: xarray's and pandas' objects around their values.

Flattened, one gives its values, and its labels are the structure. Put together again
with values of the same shape it has the same labels: gradients come back as what the
argument was. xarray holds nodes too, so that a function is given a ``DataArray`` of
them. pandas does not: there the values of a ``Series`` stand alone, as they do beside a
node, and a ``DataFrame`` is a ``Frame`` of its columns.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.values.frames import Frame, Opaque, OpaqueArray, Rows, opened
from chainrule.values.shapes import ndarray, shape_of
from chainrule.values.vertices import Count


class Labelled:
    """A ``Series``, ``DataFrame``, ``DataArray`` or ``Dataset``."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...
        def __getitem__(self, name: Hashable) -> Any: ...


class Labels:
    """What labels values: the structure of a container, equal for equal labels.

    Attributes
    ----------
    kind
        The class of the object.
    template
        An xarray object with these labels, and values that take no memory.
    axes, name
        The indices of a pandas object, and its name.
    """

    def __init__(
        self,
        kind: type,
        template: Labelled | None = None,
        axes: Sequence[Any] = (),
        name: Hashable = "",
    ) -> None:
        """Keep them."""
        self.kind: type = kind
        self.template: Labelled | None = template
        self.axes: Sequence[Any] = axes
        self.name: Hashable = name

    @property
    def shape(self) -> tuple[Any, ...]:
        """The lengths of the axes, with their names if they have such."""
        if self.template is None:
            return tuple(map(len, self.axes))
        return tuple(dict[Any, int](self.template.sizes).items())

    def __eq__(self, other: object) -> bool:
        """Tell whether labels, names and shapes are the same."""
        if not isinstance(other, Labels) or other.kind is not self.kind:
            return False
        if self.template is not None:
            return bool(self.template.identical(other.template))
        rows, *columns = zip(self.axes, other.axes, strict=True)
        return (
            self.name == other.name
            and rows[0].equals(rows[1])
            and all(a.identical(b) for a, b in columns)
        )

    def of_columns(self, names: Any) -> Labels:
        """Return the labels of some columns of a frame."""
        return Labels(self.kind, axes=(self.axes[0], names))

    def __hash__(self) -> int:
        """Return a number that equal labels share."""
        return hash((self.kind, self.shape))

    def __repr__(self) -> str:
        """Show the class and its shape."""
        return f"{self.kind.__name__} of shape {self.shape}"


MET = Count()
"""How often an object of pandas was taken apart: one is among what was flattened."""

Parts = tuple[tuple[Any, ...], Labels, tuple[Any, ...]]
"""The values of an object, its labels, and the names of its values."""


def handlers_of(
    kind: type,
) -> tuple[Callable[[Labelled], Parts], Callable[[Any, Sequence[Any]], Any]] | None:
    """Return how a class is taken apart and put together, if it labels values."""
    return _HANDLERS.get((kind.__module__.partition(".")[0], kind.__name__))


def labels_several(kind: type) -> bool:
    """Tell whether a class labels several arrays, each with a name."""
    return kind.__name__ in ("Dataset", "DataFrame") and handlers_of(kind) is not None


# ----------------------------------------------------------------------------- pandas


def _column(x: Labelled) -> Any:
    """Return the numbers of a series, if they have a dtype of NumPy's."""
    dtype: Any = x.dtype
    if isinstance(dtype, np.dtype) and str(dtype.kind) in "biufc":
        return x.to_numpy()
    return Opaque(x)


def _of_series(x: Labelled) -> Parts:
    MET.count += 1
    return (_column(x),), Labels(x.__class__, axes=x.axes, name=x.name), ("values",)


def _as_series(labels: Labels, values: Sequence[Any]) -> Any:
    (x,) = values
    if isinstance(x, Opaque):
        return x.column
    if not isinstance(x, ndarray) or x.shape != labels.shape:
        return x
    kind: Any = labels.kind
    return kind(x, index=labels.axes[0], name=labels.name)


def _of_frame(x: Labelled) -> Parts:
    MET.count += 1
    columns = tuple(_column(x.iloc[:, i]) for i in range(x.shape[1]))
    return columns, Labels(x.__class__, axes=x.axes), tuple(range(x.shape[1]))


def as_frame(labels: Labels, values: Sequence[Any]) -> Any:
    """Return columns, of which some may be missing, as pandas has them if it can."""
    index, names = labels.axes
    known: Any = np.flatnonzero([x is not None for x in values])
    if len(known) < len(names):
        labels = labels.of_columns(names[known])
    parts: list[Any] = [values[i] for i in known]
    held: list[Any] = [x for x in parts if not isinstance(x, Opaque)]
    if any(shape_of(x) != index.shape for x in held):
        return {names[i]: opened(x) for i, x in zip(known, parts, strict=True)}
    if isinstance(index, Rows) or not all(isinstance(x, ndarray) for x in held):
        return Frame(labels, parts)
    kind: Any = labels.kind
    frame = kind(dict(enumerate(map(opened, parts))), index=index)
    frame.columns = labels.axes[1]
    return frame


def is_unheld(x: Labelled) -> bool:
    """Tell whether an object labels values of plain numbers only: one of pandas'."""
    return x.__class__.__module__.partition(".")[0] == "pandas" and bool(
        handlers_of(x.__class__)
    )


def labelled_as(x: Labelled, z: Any) -> Any:
    """Return a derivative with the labels of ``x``, of pandas, which held no nodes."""
    if not labels_several(x.__class__):
        return _as_series(_of_series(x)[1], [z])
    if not isinstance(z, Frame):
        return z
    parts, labels, _ = z.flattened()
    return as_frame(Labels(labels.kind, axes=(x.axes[0], labels.axes[1])), parts)


def without_labels(x: Labelled) -> Any:
    """Return an object of pandas as a compiled function is given it.

    The values of a series, and a frame of columns without an index. Other columns than
    those of numbers stay as they are.
    """
    if not labels_several(x.__class__):
        return x if isinstance(_column(x), Opaque) else _column(x)
    columns, labels, _ = _of_frame(x)
    return Frame(Labels(labels.kind, axes=(Rows(x.shape[0]), labels.axes[1])), columns)


# ----------------------------------------------------------------------------- xarray


def _zeros(shape: tuple[int, ...]) -> Any:
    return np.broadcast_to(np.zeros(()), shape)


def _numbers(x: Labelled) -> Any:
    """Return the values of an array, if they are numbers or nodes."""
    data, dtype = x.data, x.dtype
    kind: Any = dtype.kind if isinstance(dtype, np.dtype) else ""
    if kind == "O" and isinstance(data, ndarray):
        kind = "U" if all(isinstance(v, str) for v in data.flat) else kind
    return data if kind and kind in "biufcO" else OpaqueArray(x.variable)


def _of_array(x: Labelled) -> Parts:
    return (_numbers(x),), Labels(x.__class__, x.copy(data=_zeros(x.shape))), ("data",)


def _as_array(labels: Labels, values: Sequence[Any]) -> Any:
    x, template = opened(values[0]), labels.template
    if template is None or x is None or shape_of(x) != template.shape:
        return x
    return template.copy(data=x)


def _of_dataset(x: Labelled) -> Parts:
    names = tuple(x.data_vars)
    template = x.copy(data={k: _zeros(x[k].shape) for k in names})
    return tuple(_numbers(x[k]) for k in names), Labels(x.__class__, template), names


def _as_dataset(labels: Labels, values: Sequence[Any]) -> Any:
    template: Any = labels.template
    pairs = zip(template.data_vars, values, strict=True)
    known = {k: opened(x) for k, x in pairs if x is not None}
    if any(shape_of(x) != template[k].shape for k, x in known.items()):
        return known
    return template[list(known)].copy(data=known)


_HANDLERS: dict[tuple[str, str], Any] = {
    ("pandas", "Series"): (_of_series, _as_series),
    ("pandas", "DataFrame"): (_of_frame, as_frame),
    ("xarray", "DataArray"): (_of_array, _as_array),
    ("xarray", "Dataset"): (_of_dataset, _as_dataset),
}
