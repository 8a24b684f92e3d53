"""``autograd.numpy.numpy_vjps``: what rules of programs take from autograd's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.compat.autograd.numpy.own_functions import metadata
from chainrule.compat.primitives import shaped
from chainrule.values.vertices import raw

nograd_functions: list[Any] = []
"""Functions without a derivative; here NumPy's names say themselves what they are."""


def unbroadcast(x: Any, target_meta: Any, broadcast_idx: int = 0) -> Any:
    """Return a cotangent summed to the shape that ``metadata`` tells of the target."""
    shape, _, dtype, is_complex = target_meta
    if np.iscomplexobj(raw(x)) and not is_complex:
        x = np.real(x)
    return shaped(x, np.broadcast_to(np.zeros((), dtype), shape))


def unbroadcast_f(target: Any, f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a vjp whose result is summed to the shape of the target."""
    meta = metadata(target)

    def summed(g: Any) -> Any:
        return unbroadcast(f(g), meta)

    return summed


def replace_zero(x: Any, val: Any) -> Any:
    """Return an array with another value where it is zero."""
    where: Any = np.where
    return where(x, x, val)


def balanced_eq(x: Any, z: Any, y: Any) -> Any:
    """Return 1 where ``x`` is ``z``, and a half where ``y`` is so too."""
    return (x == z) / (1.0 + (x == y))


def match_complex(target: Any, x: Any) -> Any:
    """Return an array as complex as another."""
    wanted, given = np.iscomplexobj(raw(target)), np.iscomplexobj(raw(x))
    if given and not wanted:
        return np.real(x)
    return x + 0j if wanted and not given else x
