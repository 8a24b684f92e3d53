"""Labelled arrays as containers: xarray's and pandas' objects around their values.

Flattened, one gives its values, and its labels are the structure. Put together again
with values of the same shape it has the same labels: gradients come back as what the
argument was. xarray holds nodes too, so that a function is given a ``DataArray`` of
them. pandas does not: there the values of a ``Series`` stand alone, as they do beside a
node, and a ``DataFrame`` is a dict of its columns.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.values.shapes import ndarray, shape_of
from chainrule.values.vertices import stand_in


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
        pairs = zip(self.axes, other.axes, strict=True)
        return self.name == other.name and all(a.equals(b) for a, b in pairs)

    def __hash__(self) -> int:
        """Return a number that equal labels share."""
        return hash((self.kind, self.shape))

    def __repr__(self) -> str:
        """Show the class and its shape."""
        return f"{self.kind.__name__} of shape {self.shape}"


class Opaque:
    """A column that holds no numbers of NumPy's."""

    def __init__(self, column: Labelled) -> None:
        """Keep it."""
        self.column = column


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
    return (_column(x),), Labels(x.__class__, axes=x.axes, name=x.name), ("values",)


def _as_series(labels: Labels, values: Sequence[Any]) -> Any:
    (x,) = values
    _refuse_traced(labels, values)
    if isinstance(x, Opaque):
        return x.column
    if not isinstance(x, ndarray) or x.shape != labels.shape:
        return x
    kind: Any = labels.kind
    return kind(x, index=labels.axes[0], name=labels.name)


def _of_frame(x: Labelled) -> Parts:
    columns = tuple(_column(x.iloc[:, i]) for i in range(x.shape[1]))
    return columns, Labels(x.__class__, axes=x.axes), tuple(range(x.shape[1]))


def _as_frame(labels: Labels, values: Sequence[Any]) -> Any:
    _refuse_traced(labels, values)
    index, names = labels.axes
    known = {i: x for i, x in enumerate(values) if x is not None}
    columns = {i: x.column if isinstance(x, Opaque) else x for i, x in known.items()}
    if not all(
        isinstance(x, Opaque) or (isinstance(x, ndarray) and x.shape == index.shape)
        for x in known.values()
    ):
        return {names[i]: x for i, x in columns.items()}
    kind: Any = labels.kind
    frame = kind(columns, index=index)
    frame.columns = names[list(columns)]
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
    if not isinstance(z, dict):
        return z
    found: Any = z  # pyright: ignore[reportUnknownVariableType]
    labels = _of_frame(x)[1]
    return _as_frame(labels, [found.get(name) for name in labels.axes[1]])


def _refuse_traced(labels: Labels, values: Sequence[Any]) -> None:
    if any(isinstance(x, stand_in) for x in values):
        raise ArgumentError(
            f"A compiled function received a {labels.kind.__name__} of pandas, which "
            "holds no traced values. Pass value.to_numpy(), and label what comes back: "
            "pandas.Series(gradient, index=value.index)."
        )


# ----------------------------------------------------------------------------- xarray


def _zeros(shape: tuple[int, ...]) -> Any:
    return np.broadcast_to(np.zeros(()), shape)


def _of_array(x: Labelled) -> Parts:
    return (x.data,), Labels(x.__class__, x.copy(data=_zeros(x.shape))), ("data",)


def _as_array(labels: Labels, values: Sequence[Any]) -> Any:
    (x,) = values
    template: Any = labels.template
    if x is None or shape_of(x) != template.shape:
        return x
    return template.copy(data=x)


def _of_dataset(x: Labelled) -> Parts:
    names = tuple(x.data_vars)
    template = x.copy(data={k: _zeros(x[k].shape) for k in names})
    return tuple(x[k].data for k in names), Labels(x.__class__, template), names


def _as_dataset(labels: Labels, values: Sequence[Any]) -> Any:
    template: Any = labels.template
    pairs = zip(template.data_vars, values, strict=True)
    known = {k: x for k, x in pairs if x is not None}
    if any(shape_of(x) != template[k].shape for k, x in known.items()):
        return known
    return template[list(known)].copy(data=known)


_HANDLERS: dict[tuple[str, str], Any] = {
    ("pandas", "Series"): (_of_series, _as_series),
    ("pandas", "DataFrame"): (_of_frame, _as_frame),
    ("xarray", "DataArray"): (_of_array, _as_array),
    ("xarray", "Dataset"): (_of_dataset, _as_dataset),
}
