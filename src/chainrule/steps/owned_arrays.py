"""Adding into large arrays in place, where a sweep alone holds them."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.rules.namespace import plain
from chainrule.rules.supports import accumulate, fit, supported
from chainrule.values.foreign import is_foreign, library_of
from chainrule.values.shapes import TUPLE, is_complex, ndarray
from chainrule.values.vertices import first_stand_in, stand_in, vertex

LARGE = 1 << 15
"""Arrays from this many bytes on are updated in place where the sweep owns them."""


def _count(x: Any) -> int:
    return sys.getrefcount(x)


def _probe() -> int:
    bars = {"x": np.empty(1)}
    c = bars["x"]
    return _count(c)


_HELD_ONCE = _probe()
"""Reference count seen by ``_count`` of an array held by one table and one name."""


def add_into(bars: dict[vertex, Any], x: Any, part: Any) -> None:
    """Add a cotangent to a table: in place where it alone holds a large array."""
    c = bars[x]
    if c is None:
        bars[x] = part
    elif (
        type(c) is ndarray
        and c.nbytes >= LARGE
        and _count(c) == _HELD_ONCE
        and c.base is None
        and type(part) is ndarray
        and c.dtype == part.dtype
    ):
        np.add(c, part, out=c)
    elif isinstance(c, TUPLE):
        bars[x] = accumulate(plain, supported(c), supported(part)).value
    else:
        bars[x] = c + part


def _probe_temporary() -> int:
    def see(g: Any, p: Any) -> int:
        return _count(p)

    return see(None, np.empty(1) + 1.0)


_TEMPORARY = _probe_temporary()


def times(z_grad: Any, partial: Any) -> Any:
    """Return cotangent times partial, into the partial where that is a temporary.

    ``None`` stays: the reference says that there is no partial.
    """
    if (
        type(partial) is ndarray
        and partial.nbytes >= LARGE
        and _count(partial) == _TEMPORARY
        and partial.base is None
        and type(z_grad) is ndarray
        and z_grad.shape == partial.shape
        and z_grad.dtype == partial.dtype
    ):
        return np.multiply(z_grad, partial, out=partial)
    return None if partial is None else z_grad * partial


def times_each(
    partial: Callable[..., Any],
    read: Sequence[int],
    z_grad: Any,
    values: Sequence[Any],
    parameters: Mapping[str, Any],
) -> Any:
    """Return cotangent times ``partial(plain, *values)``, as ``times`` does.

    It is one operation of a foreign array, where the library can apply a function to
    entries. ``values`` are the result and the operands; ``read`` are the positions of
    those that the partial of real ones reads: no others have to be computed.
    """
    library = library_of(z_grad)
    if library is None or library.of_entries is None:
        return times(z_grad, partial(plain, *values, **parameters))
    if any(map(is_complex, values)):
        read = range(len(values))
    whole = functools.partial(_times_each, partial, len(values), read, **parameters)
    return library.of_entries(whole, z_grad, *(values[i] for i in read))


def _times_each(
    partial: Callable[..., Any],
    count: int,
    read: Sequence[int],
    z_grad: Any,
    *given: Any,
    **parameters: Any,
) -> Any:
    """Compute a part of a cotangent from parts of what its partial reads."""
    values: list[Any] = [None] * count
    for i, x in zip(read, given, strict=True):
        values[i] = x
    with np.errstate(all="ignore"):
        return times(z_grad, partial(plain, *values, **parameters))


def _probe_given() -> int:
    def step(z: Any, z_grad: Any, bars: Any) -> int:
        return sys.getrefcount(z_grad)

    bars: Any = {"z": np.empty(1)}
    z_grad = bars["z"]
    bars["z"] = None
    return step("z", z_grad, bars)


GIVEN = _probe_given()
"""Reference count that a step sees of a cotangent which nothing but the sweep holds."""


def are_plain(parameters: Mapping[str, Any]) -> bool:
    """Tell whether no parameter stands for a traced value: an index that is computed.

    NumPy would write into a plain array at the index of the example.
    """
    for x in parameters.values():
        if x.__class__ not in _PLAIN and first_stand_in(x) is not None:
            return False
    return True


_PLAIN = frozenset((int, slice, ndarray))
"""Classes of parameters that hold no traced value: ends of slices are integers."""


def accumulate_by(
    bars: dict[vertex, Any], x: Any, value: Any, add: Callable[..., None], *given: Any
) -> None:
    """Let a rule add a mostly zero cotangent into the table's own array, in place.

    ``add(buffer, z_grad, **parameters)`` is the rule's ``accumulate_x``. An array that
    something else may hold is copied first.
    """
    z_grad, parameters = given
    if type(z_grad) is not ndarray and (
        isinstance(z_grad, stand_in) or is_foreign(z_grad)
    ):
        raise TypeError("A trace changes no array, nor is a foreign one changed.")
    if not are_plain(parameters):
        raise TypeError("A trace changes no array at a traced index.")
    c = bars[x]
    if type(value) is not ndarray:
        part = np.zeros(np.shape(value), getattr(value, "dtype", None))
        add(part, z_grad, **parameters)
        bars[x] = fit(plain, part, value) if c is None else c + fit(plain, part, value)
        return
    if c is None:
        c = np.zeros(value.shape, value.dtype)
        add(c, z_grad, **parameters)
        bars[x] = c
        return
    if not (
        type(c) is ndarray
        and _count(c) == _HELD_ONCE
        and c.base is None
        and c.dtype == value.dtype
    ):
        c = bars[x] = np.array(c, value.dtype)
    add(c, z_grad, **parameters)
