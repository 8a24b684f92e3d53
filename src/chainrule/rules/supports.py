"""Cotangents and tangents with their supports: what is not zero by structure.

Seeds that are zero, and entries that an index, a mask or a maximum leaves out, are zero
by structure: a product with them is not taken, whatever the other factor is. A zero
that was computed is a number like any other, and zero times infinity stays nan.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chainrule.values.foreign import (
    PLAIN,
    first_foreign,
    is_foreign,
    made_like,
    may_occur,
)
from chainrule.values.shapes import (
    TUPLE,
    dtype_of,
    ndarray,
    reduced_axes,
    shape_of,
    size_of,
    unbroadcast,
)
from chainrule.values.types import (
    Mask,
    Namespace,
    Operation,
    Parameters,
    Result,
    Support,
    Value,
)
from chainrule.values.vertices import (
    first_stand_in,
    likeness,
    raw,
    stand_in,
    vertex,
)


class supported(NamedTuple):
    """A cotangent or tangent and its support (``None``: every entry)."""

    value: Any
    support: Any = None


def masked_call(
    forward: Operation, values: Sequence[Any], parameters: Parameters
) -> Any:
    """Call a ufunc where a mask holds; the other entries are zero."""
    where, rest = split_where(parameters)
    trace = first_stand_in(*values, where)
    if trace is not None:
        masked = {"forward": forward, **parameters}
        return trace.whole(masked_result, values, masked)
    if first_foreign((where, *values)) is not None:
        return _where(where, forward(*values, **rest), 0.0)
    shape = np.broadcast_shapes(np.shape(where), *(np.shape(v) for v in values))
    dtype = _result_dtype(forward, values)
    if dtype.kind not in "fc":
        dtype = np.dtype(np.float64)
    out = np.zeros(shape, dtype)
    return forward(*values, out=out, where=where, **rest)[()]


def _result_dtype(forward: Operation, values: Sequence[Any]) -> np.dtype[Any]:
    """Return the dtype of a ufunc's result: float_power of float32 is float64."""
    if not isinstance(forward, np.ufunc):
        return np.result_type(*values)
    kinds: list[Any] = [getattr(v, "dtype", None) or type(v) for v in values]
    known = (np.dtype(bool) if kind is bool else kind for kind in kinds)
    return forward.resolve_dtypes((*known, None))[-1]


def masked_result(*values: Value, forward: Operation, **parameters: Any) -> Any:
    """Call a ufunc where a mask holds: ``masked_call`` as a step of a trace."""
    return masked_call(forward, values, parameters)


def is_mask(where: Mask | None) -> bool:
    """Tell whether ``where=`` leaves anything out."""
    return where is not None and where is not True


def split_where(parameters: Parameters) -> tuple[Any, Parameters]:
    """Take ``where`` out of the parameters; ``None`` if it excludes nothing."""
    where = parameters.get("where")
    if where is None:
        return None, parameters
    rest = {k: v for k, v in parameters.items() if k != "where"}
    return (where if is_mask(where) else None), rest


def intersect(a: Support, b: Support) -> Support:
    """Return the intersection of two supports; ``None`` is everything."""
    if a is None:
        return full_is_none(b)
    return a if b is None else np.logical_and(a, b)


def full_is_none(support: Support) -> Support:
    """Return ``None`` for a support that is known to leave nothing out."""
    if support is None or isinstance(support, stand_in) or is_foreign(support):
        return support
    return None if np.all(support) else support


def is_empty(support: Support) -> bool:
    """Tell whether it is known that nothing is supported: the cotangent is absent."""
    if support is None or isinstance(support, stand_in) or is_foreign(support):
        return False
    return not np.any(support)


def nonzero(partial: Value) -> Any:
    """Return where a partial is not zero; of a stand-in nothing is known: ``None``."""
    partial = raw(partial)
    return None if isinstance(partial, stand_in) else partial != 0


def product(xp: Namespace, z_grad: Value, partial: Value, support: Support) -> Value:
    """Return cotangent times partial as one operation, on the support."""
    if support is not None:
        return xp.supported_product(z_grad, partial, support)
    if type(partial) is int and abs(partial) == 1:
        return z_grad if partial == 1 else -z_grad
    return z_grad * partial


def zeros_of(value: Any) -> Result:
    """Return zeros like a value (a float for a float, a tuple for a tuple)."""
    if isinstance(value, TUPLE):
        return tuple(zeros_of(v) for v in value)
    if type(value) is float or (isinstance(value, stand_in) and value.is_number):
        return 0.0
    return np.zeros_like(value)


def add_values(a: Any, b: Any) -> Any:
    """Add two cotangents; ``None`` is absent, tuples add part by part."""
    if a is None or b is None:
        return b if a is None else a
    if isinstance(b, TUPLE):
        return tuple(add_values(p, q) for p, q in zip(a, b, strict=True))
    return a + b


def accumulate(xp: Namespace, total: supported | None, part: supported) -> supported:
    """Add a contribution; supports unite."""
    if total is None:
        return part
    support = None
    if total.support is not None and part.support is not None:
        support = np.logical_or(total.support, part.support)
    return supported(add_values(total.value, part.value), full_is_none(support))


def project(xp: Namespace, part: supported, like: Any) -> supported:
    """Bring a cotangent to its receiver's shape and dtype (real if that is real)."""
    value, support = part
    if isinstance(support, stand_in):
        support = None  # its masks are in the value; see refuse_nans
    like = likeness(like)
    if isinstance(like, TUPLE):
        fitted = zip(value, like, strict=True)
        return supported(
            tuple(v if v is None else fit(xp, v, w) for v, w in fitted), support
        )
    if support is not None:
        whole = np.broadcast_shapes(np.shape(support), shape_of(value))
        support = fit_support(np.broadcast_to(support, whole), np.shape(like))
    return supported(fit(xp, value, like), support)


def fit_support(support: NDArray[Any], target: tuple[int, ...]) -> Any:
    """Broadcast a support to a shape, or unite it over the axes that one lacks."""
    if np.broadcast_shapes(support.shape, target) == target:
        return full_is_none(np.broadcast_to(support, target))
    axes = reduced_axes(support.shape, target)
    return full_is_none(np.any(support, axis=axes).reshape(target))


def fit(xp: Namespace, value: Any, like: Any) -> Value:
    """Sum, broadcast and cast a cotangent to the shape and dtype of ``like``."""
    if type(value) is type(like) is ndarray:
        if value.shape == like.shape and value.dtype is like.dtype:
            return value
    elif type(like) is float:
        if type(raw(value)) is float:
            return value
        value = unbroadcast(xp, value, ())
        value = xp.real(value) if dtype_of(value).kind == "c" else value
        if is_foreign(raw(value)):
            return value
        if not isinstance(value, vertex | stand_in):
            return float(value)
        return value if dtype_of(value) == np.float64 else xp.astype(value, np.float64)
    if type(value) is float or type(value) is complex:
        if isinstance(like, stand_in) and like.is_number and type(value) is float:
            return value
        value = np.asarray(value)[()]
    if like.__class__ not in PLAIN:
        value = made_like(value, like)
    value = unbroadcast(xp, value, like.shape)
    have, want = dtype_of(value), like.dtype
    if have != want:
        if have.kind == "c" and want.kind != "c":
            value = xp.real(value)
        if dtype_of(value) != want:
            value = xp.astype(xp.asarray(value), want)
    return value


def marked(support: Support, shape: Sequence[int], like: Any = None) -> Any:
    """Return positive numbers where a support holds and zeros elsewhere.

    They are sent through a linear map to find the support of its result. No two are
    alike, so that coefficients of both signs (``diff``) cannot cancel them. Those of a
    foreign array (``like``) are all one, for maps without negative coefficients.
    """
    if is_foreign(like):
        return (
            np.ones_like(like, dtype=np.float64) if support is None else 1.0 * support
        )
    size = math.prod(shape)
    marks = (1.0 + np.arange(size) * _GOLDEN % 1.0).reshape(shape)
    return marks if support is None else marks * support


_where: Any = np.where
_vdot: Any = np.vdot
_count_nonzero: Any = np.count_nonzero
_GOLDEN = (np.sqrt(5.0) - 1.0) / 2.0


def is_inexact(value: Result) -> bool:
    """Tell whether a value is made of real or complex floats."""
    kind = getattr(getattr(value, "dtype", None), "kind", None)
    return type(value) in (float, complex) or kind in ("f", "c")


# -------------------------------------------------------- what a sweep needs of them


def with_support(seed: Any) -> supported:
    """Return a seed whose zeros are structural.

    Those of a node are not: what it was computed from may be differentiated, and a zero
    at this point is no zero next to it. Nor are those of a value that a trace stands
    for, since it may be another in a later call.
    """
    kind = seed.__class__
    if kind is float and seed:
        return supported(seed)
    if kind not in PLAIN and (
        isinstance(seed, (TUPLE, vertex, stand_in)) or is_foreign(seed)
    ):
        return supported(seed)
    if _count_nonzero(seed) == size_of(seed):
        return supported(seed)
    return supported(seed, np.asarray(seed) != 0)


def needs_supports(
    order: Iterable[vertex],
    seeds: Mapping[vertex, Any],
    results: Iterable[vertex] = (),
) -> bool:
    """Tell whether a sweep of foreign arrays has to carry supports.

    Their entries are not asked for a nan: it has wherever a rule makes structural
    zeros. Seeds may be plain where what they are seeds of is foreign, and tangents
    become foreign beside foreign constants.
    """
    if not may_occur():
        return False
    ends = [*seeds.values()]
    for z in seeds:
        ends.append(z._value)
    for z in results:
        ends.append(z._value)
    for x in ends:
        if x.__class__ not in PLAIN and is_foreign(x):
            break
    else:
        return False
    return any(
        z._step is not None and z.rule.structural_for(z.parameters) for z in order
    )


def have_nan(parts: Sequence[Any]) -> bool:
    """Tell whether one of several cotangents holds a nan: one look for all of them.

    Their squares are added up, which have no two signs, so that only a nan gives one.
    """
    total: Any = 0.0
    for x in parts:
        if x.__class__ is float:
            total += x * x
        elif x.__class__ is ndarray and x.size < _SHARED:
            total += _vdot(x, x)
        elif has_nan(x):
            return True
    return bool(total != total) and any(map(has_nan, parts))


_SHARED = 8192
"""Entries from which on BLAS may share a sum among threads, and wait for them."""


def has_nan(x: Any) -> bool:
    """Tell whether a cotangent holds a nan; a foreign array is not asked."""
    if isinstance(x, float):
        return bool(x != x)
    if type(x) is not ndarray:
        if x is None or isinstance(x, TUPLE):
            return False
        if isinstance(x, stand_in):
            x.refuse_nan()
            return False
        if is_foreign(x):
            return False  # see needs_supports
    if x.size >= _SHARED and x.dtype.kind in "fc":
        return bool(np.isnan(x).any())
    square = _vdot(x, x)  # one pass, and nan where an entry is
    return bool(square != square) and bool(np.isnan(x).any())
