"""The rule of linear recurrences: s[k] = a[k - 1] s[k - 1] + b[k]."""

from __future__ import annotations

import functools
import importlib
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.rules import general
from chainrule.rules.cases import Cases, case
from chainrule.rules.namespace import EXTRA, plain
from chainrule.rules.supports import full_is_none, supported
from chainrule.values.foreign import first_foreign
from chainrule.values.shapes import shape_of
from chainrule.values.types import (
    Array,
    Mask,
    Namespace,
    Parameters,
    Result,
    Support,
    Value,
)
from chainrule.values.vertices import constant_full, first_stand_in, stand_in

Plain = NDArray[Any]


def recurrence(a: Array, b: Array) -> Value:
    """Return s of s[k] = a[k - 1] s[k - 1] + b[k] along the last axis, s[0] = b[0]."""
    trace = first_stand_in(a, b)
    if trace is not None:
        return trace.whole(recurrence, (a, b), {})
    if first_foreign((a, b)) is not None:
        return by_strides(plain, a, b)
    return _recurrence(np.asarray(a), np.asarray(b))


def _recurrence(a: Plain, b: Plain) -> Plain:
    lead, n = a.shape[:-1], b.shape[-1]
    dtype = a.dtype if a.dtype is b.dtype else np.result_type(a, b)
    if lead != b.shape[:-1]:
        lead = np.broadcast_shapes(lead, b.shape[:-1])
        a, b = np.broadcast_to(a, (*lead, n - 1)), np.broadcast_to(b, (*lead, n))
    if math.prod(lead) >= min(n, _MANY):
        return _all_lines(a, b, dtype)
    z = np.array(b, dtype, order="C")
    for lane in np.ndindex(lead) if lead else ((),):
        _solve_line(a[lane], z[lane])
    return z


EXTRA["recurrence"] = recurrence

_MANY = 256
"""Lines from which on a step of all takes less time than the steps of each."""
_LONG = 256
"""Entries of a line from which on BLAS takes less time than Python, its import too."""
_LETTERS = {"f": "s", "d": "d", "F": "c", "D": "z"}


def _all_lines(a: Plain, b: Plain, dtype: np.dtype[Any]) -> Plain:
    """Take each step on all lines at once."""
    z = np.array(np.moveaxis(b, -1, 0), dtype, order="C")
    for before, here, factor in zip(z, z[1:], np.moveaxis(a, -1, 0), strict=False):
        here += factor * before
    return np.moveaxis(z, 0, -1)


def _solve_line(a: Plain, z: Plain) -> None:
    """Solve one line in place: z is b, and becomes s."""
    letter = _LETTERS.get(z.dtype.char)
    blas = _blas() if letter and z.size >= _LONG else None
    if blas is not None and np.isfinite(a).all():  # a product with 0 is left out
        band = np.empty((2, z.size), z.dtype, order="F")
        np.negative(a, out=band[1, :-1])
        z[...] = getattr(blas, f"{letter}tbsv")(1, band, z, lower=1, diag=1)
        return
    pairs = zip(a.tolist(), z[1:].tolist(), strict=True)
    z[:] = list(itertools.accumulate(pairs, _step, initial=z[0].item()))


def _step(s: complex, pair: tuple[complex, complex]) -> complex:
    return pair[0] * s + pair[1]


@functools.cache
def _blas() -> Any:
    """Return SciPy's BLAS, which has bidiagonal systems; ``None`` without SciPy."""
    try:
        return importlib.import_module("scipy.linalg.blas")
    except ImportError:
        return None


def by_strides(xp: Namespace, a: Array, b: Array) -> Array:
    """Solve it by functions of whole arrays, for libraries that have no loops.

    Pairs (a, b) compose associatively, so strides of 1, 2, 4, ... reach all entries in
    log2(n) operations (Hillis & Steele, Data parallel algorithms, 1986).
    """
    n, stride = shape_of(b)[-1], 1
    while stride < n:
        moved = a[..., stride - 1 :] * b[..., : n - stride]
        b = xp.concatenate([b[..., :stride], b[..., stride:] + moved], axis=-1)
        later = a[..., stride:] * a[..., : n - 1 - stride]
        a = xp.concatenate([a[..., :stride], later], axis=-1)
        stride *= 2
    return b


class recurrence_grad(general):
    """s[k] = a[k - 1] s[k - 1] + b[k] along the last axis, with s[0] = b[0]

    The transpose is the same recurrence backwards: t[k] = s_grad[k] + a[k] t[k + 1] is
    the cotangent of b[k], and that of a[k] is t[k + 1] s[k].
    """

    forward = recurrence
    signature = "(m),(n)->(n)"
    cases: Cases = (
        case((4,), (5,)),
        case((2, 3), (2, 4)),
        case((3,), (2, 4)),
        case(np.array([0.0, 2.0, 0.0]), (4,)),
        case((300, 1), (300, 2)),
        case((0,), (1,)),
        case((2, 0), (2, 0)),
    )

    @staticmethod
    def pullback(
        xp: Namespace, z_grad: Array, z: Array, a: Array, b: Array
    ) -> tuple[Value, Value]:
        """b_grad[k] = t[k]; a_grad[k] = t[k + 1] s[k]"""
        t = solved(xp, a[BACKWARDS], z_grad[BACKWARDS])[0][BACKWARDS]
        return t[..., 1:] * z[..., :-1], t

    @staticmethod
    def pushforward(
        xp: Namespace, tangents: Sequence[Array | None], z: Array, a: Array, b: Array
    ) -> Value:
        """s_dot[k] = a[k - 1] s_dot[k - 1] + a_dot[k - 1] s[k - 1] + b_dot[k]"""
        a_dot, terms = tangents
        if a_dot is not None:
            moved = a_dot * z[..., :-1]
            first = constant_full((*shape_of(z)[:-1], 1), 0, z)
            moved = xp.concatenate([first, moved], axis=-1)
            terms = moved if terms is None else moved + terms
        return xp.recurrence(a, terms)

    @classmethod
    def pull(
        cls,
        xp: Namespace,
        z_bar: supported,
        z: Result,
        operands: Sequence[Any],
        wanted: Sequence[int],
        parameters: Parameters,
    ) -> Iterator[tuple[int, supported]]:
        """Yield what ``pullback`` returns; what no supported result reads is 0."""
        z_grad, support = z_bar
        if is_full(support):
            yield from super().pull(xp, z_bar, z, operands, wanted, parameters)
            return
        s: Any = z
        live = np.broadcast_to(support, shape_of(z))[BACKWARDS]
        t, live = solved(xp, operands[0][BACKWARDS], z_grad[BACKWARDS], live)
        t, live = t[BACKWARDS], live[BACKWARDS]
        if 0 in wanted:
            later = live[..., 1:]
            a_grad = xp.supported_product(s[..., :-1], t[..., 1:], later)
            yield 0, supported(a_grad, full_is_none(later))
        if 1 in wanted:
            yield 1, supported(t, full_is_none(live))


BACKWARDS = (Ellipsis, slice(None, None, -1))


def is_full(support: Mask | None) -> bool:
    """Tell whether a support leaves nothing out that is known."""
    return support is None or isinstance(support, stand_in)


def solved(xp: Namespace, a: Array, b: Array, live: Support = None) -> tuple[Any, Any]:
    """Return the solution of a recurrence, and its support if ``live`` is that of b.

    It begins at the first entry that is live: whatever ``a`` is before, s is 0 there.
    """
    if live is None:
        return xp.recurrence(a, b), None
    begun = np.cumsum(live, axis=-1) > 0
    a, b = xp.where(begun[..., :-1], a, 0.0), xp.where(live, b, 0.0)
    return xp.recurrence(a, b), begun


__all__ = [
    "BACKWARDS",
    "by_strides",
    "is_full",
    "recurrence",
    "recurrence_grad",
    "solved",
]
