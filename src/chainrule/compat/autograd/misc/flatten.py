"""``autograd.misc.flatten``: containers of numbers and arrays as one vector."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.compat.namespaces import served
from chainrule.values.containers import flatten as leaves_of
from chainrule.values.containers import unflatten as unflattened
from chainrule.values.shapes import SEQUENCES, dtype_of
from chainrule.values.vertices import raw, vertex

_ravel: Callable[..., Any] = served(np.ravel)
_concatenate: Callable[..., Any] = served(np.concatenate)


def flatten(value: Any) -> tuple[Any, Callable[[Any], Any]]:
    """Return a vector of all numbers, dicts by their sorted keys, and the way back.

    The way back is linear in the vector, and can be differentiated. A real leaf takes
    the real part of its entries.
    """
    leaves, structure = leaves_of(value)
    if not leaves:

        def same(vector: Any) -> Any:
            return value

        return np.array([]), same
    plain = list(map(raw, leaves))
    shapes, stops = list(map(np.shape, plain)), np.cumsum(list(map(np.size, plain)))
    places = [slice(*pair) for pair in itertools.pairwise((0, *stops.tolist()))]
    kinds = [(type(x) is float, np.iscomplexobj(x)) for x in plain]

    def unflatten(vector: Any) -> Any:
        whole = np.asarray(vector) if isinstance(vector, SEQUENCES) else vector
        real = np.real(whole) if dtype_of(raw(whole)).kind == "c" else whole
        parts: list[Any] = []
        for place, shape, (number, is_complex) in zip(
            places, shapes, kinds, strict=True
        ):
            part = (whole if is_complex else real)[place.start if number else place]
            if number:  # NumPy's, which has a shape and a dtype as autograd's has
                parts.append(part)
            else:
                part = part if len(shape) == 1 else part.reshape(shape)
                parts.append(part if isinstance(part, vertex) else part.copy())
        return unflattened(structure, parts)

    return _concatenate([_ravel(x) for x in leaves]), unflatten


def flatten_func(
    func: Callable[..., Any], example: Any
) -> tuple[Callable[..., Any], Callable[[Any], Any], Any]:
    """Return a function of containers as one of vectors, with the way back."""
    vector, unflatten = flatten(example)

    def flat(x: Any, *args: Any) -> Any:
        return flatten(func(unflatten(x), *args))[0]

    return flat, unflatten, vector
