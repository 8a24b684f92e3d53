"""Labelled arrays as containers: xarray's and pandas' objects around their values.

Flattened, one gives its values, and its labels are the structure. Put together again
with values of the same shape it has the same labels: gradients come back as what the
argument was. xarray holds nodes too, so that a function is given a ``DataArray`` of
them. pandas does not: there the values stand alone, as they do beside a node.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.values.shapes import ndarray, shape_of
from chainrule.values.vertices import stand_in

Labelled = Any
"""A ``Series``, ``DataFrame``, ``DataArray`` or ``Dataset``."""


class Labels:
    """What labels values: the structure of a container, equal for equal labels."""

    def __init__(self, template: Labelled) -> None:
        """Keep an object with these labels, and values that take no memory."""
        self.template = template
        self.kind: type = type(template)

    def __eq__(self, other: object) -> bool:
        """Tell whether labels, names and shapes are the same."""
        if not isinstance(other, Labels) or other.kind is not self.kind:
            return False
        return self.template is other.template or self._same(other.template)

    def _same(self, other: Labelled) -> bool:
        mine = self.template
        if hasattr(mine, "identical"):
            return bool(mine.identical(other))
        axes = zip(mine.axes, other.axes, strict=True)
        named = getattr(mine, "name", None) == getattr(other, "name", None)
        return mine.shape == other.shape and named and all(a.equals(b) for a, b in axes)

    def __hash__(self) -> int:
        """Return a number that equal labels share."""
        return hash((self.kind, _shape(self.template)))

    def __repr__(self) -> str:
        """Show the class and its shape."""
        return f"{self.kind.__name__} of shape {_shape(self.template)}"


def _shape(template: Labelled) -> tuple[Any, ...]:
    shape = getattr(template, "shape", None)
    return tuple(dict(template.sizes).items()) if shape is None else tuple(shape)


Parts = tuple[tuple[Any, ...], Any, tuple[Any, ...]]
"""The values of an object, its labels, and the names of its values."""


def handlers_of(
    kind: type,
) -> tuple[Callable[[Labelled], Parts], Callable[[Any, Sequence[Any]], Any]] | None:
    """Return how a class is taken apart and put together, if it labels values."""
    return _HANDLERS.get((kind.__module__.partition(".")[0], kind.__name__))


def is_dataset(kind: type) -> bool:
    """Tell whether a class labels several arrays, each with a name."""
    return kind.__name__ == "Dataset" and handlers_of(kind) is not None


def _zeros(shape: tuple[int, ...]) -> Any:
    return np.broadcast_to(np.zeros(()), shape)


def _of_pandas(x: Labelled) -> Parts:
    kind: Any = x.__class__
    own = {"name": x.name} if x.ndim == 1 else {"columns": x.columns}
    labels = Labels(kind(_zeros(x.shape), index=x.index, **own))
    return (_values(x),), labels, ("values",)


def _values(x: Labelled) -> Any:
    """Return the numbers; those of pandas' own dtypes as floats, with nan."""
    values = x.to_numpy()
    dtypes = [x.dtype] if x.ndim == 1 else list(x.dtypes)
    if values.dtype == object and all(getattr(d, "kind", "O") in "iuf" for d in dtypes):
        return x.to_numpy(np.float64, na_value=np.nan)
    return values


def _as_pandas(labels: Labels, values: Sequence[Any]) -> Any:
    (x,) = values
    template: Any = labels.template
    if isinstance(x, stand_in):
        raise ArgumentError(
            f"A compiled function received a {template.__class__.__name__} of pandas, "
            "which holds no traced values. Pass value.to_numpy(), and label what comes "
            "back: pandas.Series(gradient, index=value.index)."
        )
    if not isinstance(x, ndarray) or x.shape != template.shape:
        return x
    own = {"name": template.name} if x.ndim == 1 else {"columns": template.columns}
    kind: Any = labels.kind
    return kind(x, index=template.index, **own)


def _of_array(x: Labelled) -> Parts:
    return (x.data,), Labels(x.copy(data=_zeros(x.shape))), ("data",)


def _as_array(labels: Labels, values: Sequence[Any]) -> Any:
    (x,) = values
    template: Any = labels.template
    if x is None or shape_of(x) != template.shape:
        return x
    return template.copy(data=np.asarray(x) if np.ndim(x) == 0 else x)


def _of_dataset(x: Labelled) -> Parts:
    names = tuple(x.data_vars)
    template = x.copy(data={k: _zeros(x[k].shape) for k in names})
    return tuple(x[k].data for k in names), Labels(template), names


def _as_dataset(labels: Labels, values: Sequence[Any]) -> Any:
    template: Any = labels.template
    pairs = zip(template.data_vars, values, strict=True)
    known = {k: x for k, x in pairs if x is not None}
    if any(shape_of(x) != template[k].shape for k, x in known.items()):
        return known
    return template[list(known)].copy(data=known)


_HANDLERS: dict[tuple[str, str], Any] = {
    ("pandas", "Series"): (_of_pandas, _as_pandas),
    ("pandas", "DataFrame"): (_of_pandas, _as_pandas),
    ("xarray", "DataArray"): (_of_array, _as_array),
    ("xarray", "Dataset"): (_of_dataset, _as_dataset),
}
