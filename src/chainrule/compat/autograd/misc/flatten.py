"""``autograd.misc.flatten``: containers of numbers and arrays as one vector."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.compat.autograd.core import make_vjp
from chainrule.compat.namespaces import served
from chainrule.values.containers import flatten as leaves_of

_ravel: Callable[..., Any] = served(np.ravel)
_concatenate: Callable[..., Any] = served(np.concatenate)


def flatten(value: Any) -> tuple[Any, Callable[[Any], Any]]:
    """Return a vector of all numbers, dicts by their sorted keys, and the way back.

    The way back is linear in the vector, and can be differentiated.
    """
    if not leaves_of(value)[0]:

        def same(vector: Any) -> Any:
            return value

        return np.array([]), same
    unflatten, vector = make_vjp(_vector, value)
    return vector, unflatten


def _vector(value: Any) -> Any:
    return _concatenate([_ravel(x) for x in leaves_of(value)[0]])


def flatten_func(
    func: Callable[..., Any], example: Any
) -> tuple[Callable[..., Any], Callable[[Any], Any], Any]:
    """Return a function of containers as one of vectors, with the way back."""
    vector, unflatten = flatten(example)

    def flat(x: Any, *args: Any) -> Any:
        return flatten(func(unflatten(x), *args))[0]

    return flat, unflatten, vector
