"""``out=``: results written into arrays, those of nodes and those of a trace.

A result is computed as without ``out=``, recorded, and then written, so that its
derivative, views and programs are those of ``out[...] = f(x)``.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from chainrule.errors import ArgumentError, ShapeError
from chainrule.nodes.admission import refuse_in_place, refuse_out
from chainrule.nodes.recorder import next_serial
from chainrule.nodes.remedies import inside_numpy
from chainrule.rules import traits_of
from chainrule.rules.declarations import parameters_of
from chainrule.values.buffered import buffered, current
from chainrule.values.foreign import first_foreign, is_foreign, may_be_written
from chainrule.values.shapes import TUPLE, dtype_of, ndarray, shape_of
from chainrule.values.types import ArrayValue, Index, Operation, Value
from chainrule.values.vertices import raw, stand_in, vertex

_WRITTEN: Any = (vertex, stand_in, buffered)
_astype: Any = np.astype


def shown(x: object) -> Any:
    """Return what NumPy can be called on, to ask whether it refuses a call."""
    if isinstance(x, list | tuple):
        return [*map(shown, x)]  # pyright: ignore[reportUnknownArgumentType]
    x = raw(current(x))
    return x.example if isinstance(x, stand_in) else x


def shown_index(index: Index) -> Any:
    """Return an index that NumPy can be called with."""
    return tuple(map(shown, index)) if isinstance(index, tuple) else shown(index)


def may_write(out: ArrayLike) -> bool:
    """Tell whether something is an array whose changes are recorded."""
    return isinstance(out, _WRITTEN)


def write(out: ArrayValue, z: ArrayValue | float, since: int) -> None:
    """Write a whole result into an array: as its state, where it is new ``since`` then.

    Nobody else has such a result, so that it need not be copied.
    """
    if isinstance(out, buffered):
        out[...] = z
        return
    if is_foreign(raw(out)):
        refuse_part(out, z)
    is_new = type(z) is type(out) if isinstance(z, stand_in) else _is_new(z, since)
    if is_new and shape_of(raw(z)) == out.shape and dtype_of(raw(z)) == out.dtype:
        out.receive(z)  # pyright: ignore
        return
    words = inside_numpy() if isinstance(out, vertex) and not out.shape else ""
    if words:  # it goes through an array of objects
        raise ArgumentError(words)
    out[...] = z  # pyright: ignore


def _is_new(z: Value, since: int) -> bool:
    if not isinstance(z, vertex) or z.serial < since:
        return False
    value: Any = z._value
    is_array = isinstance(value, _ARRAYS) or may_be_written(value)
    return is_array and getattr(value, "base", None) is None


_ARRAYS: Any = (ndarray, stand_in)


def write_result(
    out: ArrayValue, function: Operation, args: Sequence[Any], given: Mapping[str, Any]
) -> Any:
    """Return ``function(*args, **given, out=out)``, by NumPy's name of the function."""
    if not isinstance(out, _WRITTEN):
        refuse_out({"out": out})
    since = next_serial()
    args = _in_its_dtype(out, function, args, given)
    z = function(*args, **given)
    fits = shape_of(raw(z)) == out.shape and dtype_of(raw(z)) == out.dtype
    if not fits or given.get("dtype") is not None:
        refuse(function, args, given, out)
        z = np.asarray(z).astype(out.dtype) if isinstance(z, _PLAIN) else z
    elif function is np.dot:
        refuse(function, args, given, out)
    write(out, z, since)
    return out


_PLAIN: Any = (ndarray, np.generic, float, int)


def refuse(
    function: Operation, args: Sequence[Any], given: Mapping[str, Any], out: Any
) -> None:
    """Raise what NumPy raises for a call, if it does, without a write into ``out``.

    No function of another library is asked: what is written into its arrays is checked.
    """
    outs: Any = out if isinstance(out, TUPLE) else (out,)
    if first_foreign(map(raw, (*args, *outs))) is not None:
        return
    empty: Any = tuple(None if o is None else np.empty_like(shown(o)) for o in outs)
    with np.errstate(all="ignore"):
        function(
            *map(shown, args),
            **{k: shown(x) for k, x in given.items()},
            out=empty if out is outs else empty[0],
        )


def refuse_part(out: Any, z: Any) -> None:
    """Raise where a result does not go into a foreign array as it is."""
    shape = shape_of(raw(z))
    if np.broadcast_shapes(shape, out.shape) != out.shape:
        raise ShapeError(
            f"A result of shape {shape} does not go into an array of shape {out.shape}."
        )
    have, want = dtype_of(raw(z)), out.dtype
    if not np.can_cast(have, want, "same_kind"):
        raise ArgumentError(
            f"A result of {have} would be written into an array of {want}, which "
            "would lose a part of it. Write into an array of that dtype, or "
            "z.astype(dtype) first."
        )


def _in_its_dtype(
    out: ArrayValue, function: Operation, args: Sequence[Any], given: Mapping[str, Any]
) -> Sequence[Any]:
    """Return arguments with the array to be added up in the dtype of the result."""
    known = traits_of(function)
    adds = known.reduces is not None or known.accumulates is not None
    if not adds or given.get("dtype") is not None or not args:
        return args
    x, dtype = args[0], np.result_type(out.dtype, dtype_of(raw(args[0])))
    return args if dtype_of(raw(x)) == dtype else (_astype(x, dtype), *args[1:])


# ---------------------------------------------------------------------------- ufuncs


def _cast(x: Value, dtype: DTypeLike) -> Any:
    return _astype(np.asarray(x) if isinstance(x, _PLAIN) else x, dtype)


def write_ufunc(
    ufunc: np.ufunc, method: str, inputs: Sequence[Any], given: Mapping[str, Any]
) -> Any:
    """Return the result of a ufunc, or of a method of one, with ``out=(...)``."""
    given = dict(given)
    outs: tuple[Any, ...] = given.pop("out")
    if not all(out is None or isinstance(out, _WRITTEN) for out in outs):
        refuse_in_place(ufunc, inputs, {"out": outs})
    if method != "__call__":
        return write_result(outs[0], getattr(ufunc, method), inputs, given)
    since = next_serial()
    casting = {k: given.pop(k) for k in ("casting", "dtype") if k in given}
    if casting.get("dtype") is not None:
        refuse(ufunc, inputs, {**given, **casting}, outs)
        inputs = [_cast(x, casting["dtype"]) for x in inputs]
    results: Any = ufunc(*inputs, **given)
    several: Any = results if isinstance(results, tuple) else (results,)  # pyright: ignore
    pairs: list[Any] = list(zip(several, outs, strict=True))  # pyright: ignore
    if any(o is not None and not _fits(z, o) for z, o in pairs):
        refuse(ufunc, inputs, {**given, **casting}, outs)
    mask = given.get("where", True)
    for z, out in pairs:
        if out is not None:
            write(out, z if mask is True else np.where(mask, z, out), since)  # pyright: ignore
    written: Any = tuple([z if out is None else out for z, out in pairs])
    return written if several is results else written[0]


def _fits(z: Value, out: Value) -> bool:
    return shape_of(raw(z)) == out.shape and dtype_of(raw(z)) == out.dtype  # pyright: ignore


# ------------------------------------------------------------------- other functions


@functools.cache
def place_of_out(function: Operation) -> int | None:
    """Return where ``out`` stands among a function's arguments; ``None`` if nowhere.

    >>> place_of_out(np.sum), place_of_out(np.dot), place_of_out(np.sort)
    (3, 2, None)
    """
    known = parameters_of(function)
    if known is None:  # a function in C that does not tell
        return None
    if "out" in known.keywords:
        return _NOWHERE
    names = known.positional
    return names.index("out") if "out" in names else None


_NOWHERE = 99
"""The place of what is given by its name only."""


@functools.cache
def names_of(function: Operation) -> tuple[str, ...]:
    """Return the names of a function's parameters."""
    return tuple(inspect.signature(function).parameters)


def without_out(
    function: Operation, args: Sequence[Any], given: Mapping[str, Any]
) -> tuple[Any, Sequence[Any], Mapping[str, Any]]:
    """Return the ``out`` among a call's arguments, and the others."""
    if "out" in given:
        return given["out"], args, {k: x for k, x in given.items() if k != "out"}
    place = place_of_out(function)
    if place is None or len(args) <= place:
        return None, args, given
    names = names_of(function)[place + 1 :]
    rest = dict(zip(names, args[place + 1 :], strict=False))
    return args[place], args[:place], {**rest, **given}


def taking_out(function: Operation, model: Operation) -> Operation:
    """Return a composed function that writes into ``out`` what NumPy's ``model`` does.

    One that has no parameter of this name is returned as it is.
    """
    place = place_of_out(function)
    if place is None:
        return function

    @functools.wraps(function)
    def run(*args: Any, **given: Any) -> Any:
        if "out" not in given and len(args) <= place:
            return function(*args, **given)
        out, args_, given_ = without_out(function, args, given)
        if out is None:
            return function(*args_, **given_)
        return write_result(out, model, args_, given_)

    return run
