"""Arrays whose entries Python computes one by one: vectorize and fromiter."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from chainrule.nodes.joined import holds_followed
from chainrule.numpy.creation import in_dtype
from chainrule.operations import namespace as ops
from chainrule.values.shapes import TUPLE

_vectorize: Any = np.vectorize
_fromiter: Any = np.fromiter


class vectorize(_vectorize):  # noqa: N801
    """``np.vectorize`` of a function whose results may be nodes.

    It calls the function on one entry after the other. Where a result is a node, the
    results are joined to one node, of the dtype in ``otypes`` if that is given.

    Examples
    --------
    >>> import chainrule as gd
    >>> import chainrule.numpy as np
    >>> def cut(x, limit):
    ...     return x * x if x < limit else 2.0 * limit * x - limit**2
    >>> x = gd.node([1.0, 5.0])
    >>> np.sum(np.vectorize(cut, otypes=[float])(x, 2.0)).backward()
    >>> x.grad
    array([2., 4.])
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function on each entry; as a decorator, take the function."""
        known = callable(self.pyfunc) and (args or kwargs)
        if self.signature is not None or not known:
            return _vectorize.__call__(self, *args, **kwargs)
        otypes = self.otypes
        boxes = _vectorize(
            _boxing(self.pyfunc),
            None if otypes is None else "O" * len(otypes),
            excluded=self.excluded,
            cache=self.cache,
        )(*args, **kwargs)
        several = isinstance(boxes, TUPLE)
        columns = boxes if several else (boxes,)
        made = map(
            _opened, columns, [None] * len(columns) if otypes is None else otypes
        )
        return tuple(made) if several else next(made)


class _Box:
    """A result, which NumPy does not look into."""

    __slots__ = ("result",)

    def __init__(self, result: Any) -> None:
        self.result = result


def _boxing(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def boxing(*args: Any, **kwargs: Any) -> Any:
        z = function(*args, **kwargs)
        return tuple(map(_Box, z)) if isinstance(z, TUPLE) else _Box(z)

    return boxing


def _opened(boxes: Any, dtype: DTypeLike | None) -> Any:
    """Return the results in an array of boxes, as NumPy or as a node holds them."""
    results = [box.result for box in boxes.flat]
    if holds_followed(results):
        return in_dtype(ops.reshape(ops.asarray(results), boxes.shape), dtype)
    objects = np.empty(boxes.shape, dtype=object)
    for place, result in zip(np.ndindex(boxes.shape), results, strict=True):
        objects[place] = result
    return objects.astype(np.asarray(results[0]).dtype if dtype is None else dtype)


def fromiter(
    iter: Iterable[Any],
    dtype: DTypeLike,
    count: int = -1,
    *,
    like: ArrayLike | None = None,
) -> Any:
    """Return ``np.fromiter(iter, dtype, count)``, of nodes too.

    Examples
    --------
    >>> import chainrule as gd
    >>> x = gd.node(3.0)
    >>> gd.numpy.fromiter((k * x for k in range(3)), float)
    node([0., 3., 6.], astype)
    """
    found = list(iter if count < 0 else islice(iter, count))
    if holds_followed(found):
        return in_dtype(ops.asarray(found), dtype)
    return _fromiter(found, dtype, count, like=like)


__all__ = ["fromiter", "vectorize"]
