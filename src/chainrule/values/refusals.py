"""Arrays of libraries that nodes cannot hold: what is one, and its refusal by name.

An xarray ``DataArray`` would lose its labels, a sparse array its zeros, a masked array
its mask, a tensor of PyTorch its device. NumPy's ``asarray`` does these without a
word; here they raise. pandas' objects are in memory and give way to nodes in its own
arithmetic: beside a node they stand for their values.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.values import foreign
from chainrule.values.buffered import buffered, current
from chainrule.values.frames import Frame
from chainrule.values.shapes import SEQUENCES, describe, ndarray
from chainrule.values.vertices import stand_in, vertex

_PROTOCOLS = (
    "__array__ __array_interface__ __array_struct__ __array_ufunc__ __array_function__ "
    "__array_namespace__ __cuda_array_interface__ __dataframe__ __dlpack__ toarray"
).split()
"""What tells an array of another library, and SciPy's sparse ones, which have none."""

_KNOWN: Any = (buffered, vertex, stand_in, np.generic, np.dtype, type)


_ADMITTED: set[type] = set()


def admit(kind: type) -> None:
    """Say that arrays of a class stand for their values beside a node."""
    _ADMITTED.add(kind)
    _is_unknown.cache_clear()


_HELD: list[Callable[[], bool]] = []


def admit_while(holds: Callable[[], bool]) -> None:
    """Say when arrays of any subclass of NumPy's stand for their values.

    Those with a mask never do, nor matrices, whose ``*`` is another product.
    """
    _HELD.append(holds)


def _gives_way(x: Any) -> bool:
    """Tell whether an array of a subclass stands for its values now."""
    if not isinstance(x, ndarray) or isinstance(x, _NO_VALUES):
        return False
    return any(holds() for holds in _HELD)


_NO_VALUES: Any = (np.matrix, np.ma.MaskedArray)


@functools.lru_cache(maxsize=1024)
def _is_unknown(kind: type) -> bool:
    """Tell whether instances of a class are arrays, and not NumPy's."""
    if issubclass(kind, _KNOWN) or kind is ndarray or kind in _ADMITTED:
        return False
    if issubclass(kind, ndarray):
        if issubclass(kind, _NO_VALUES):
            return True
        return kind.__module__.partition(".")[0] != "numpy"
    has_array = any(hasattr(kind, name) for name in _PROTOCOLS)
    return has_array or (hasattr(kind, "shape") and hasattr(kind, "dtype"))


def is_unknown(x: Any) -> bool:
    """Tell whether a value is an array that nodes cannot hold, or one with a mask."""
    unknown = _is_unknown(x.__class__) and not foreign.is_foreign(x)
    return unknown and not _gives_way(x)


def refuse(x: Any, where: str) -> None:
    """Raise if a value is an array that nodes cannot hold, or has one in a list."""
    if isinstance(x, SEQUENCES):
        for v in x:
            if v.__class__ is not float and v.__class__ is not int:
                refuse(v, where)
    elif is_unknown(x):
        raise refusal(x, where)


def admitted(x: Any, where: str) -> Any:
    """Return what stands beside a node, pandas' objects as their values, or raise."""
    if isinstance(x, SEQUENCES) or not _is_unknown(x.__class__):
        return current(x)
    if foreign.is_foreign(x):
        return x
    if isinstance(x, Frame):
        return x.to_numpy()
    if hasattr(x.__class__, "__pandas_priority__") or _gives_way(x):
        return np.asarray(x)
    raise refusal(x, where)


def refusal(x: Any, where: str) -> ArgumentError:
    """Return the error that names the class of an array, and what to write."""
    if isinstance(x, np.ma.MaskedArray):
        return ArgumentError(
            f"{where} needs plain numbers; received {describe(x)}, whose mask would be "
            "lost. Pass value.filled(...), and np.where(mask, ...) on the node."
        )
    if isinstance(x, np.matrix):
        return ArgumentError(
            f"{where} needs plain arrays; received {describe(x)}, whose * is a product "
            "of matrices. Pass np.asarray(value), and write @ for the product."
        )
    kind = x.__class__
    return ArgumentError(
        f"{where} needs NumPy's arrays; received {describe(x)} "
        f"({kind.__module__}.{kind.__qualname__}), which would lose in silence what it "
        f"is: computed later, labelled, sparse or elsewhere. {_remedy(x)}"
    )


def _remedy(x: Any) -> str:
    """Return what to write instead, by what the array can do."""
    if hasattr(x, "data_vars"):  # xarray's Dataset: a container of arrays
        return "Pass one of its arrays, value[name].to_numpy()."
    for method, text in _METHODS.items():
        if hasattr(x, method):
            return f"Pass {text}."
    return "Pass np.asarray(value)."


_METHODS = {
    "detach": "value.detach().numpy()",
    "to_numpy": "value.to_numpy()",
    "compute": "value.compute()",
    "toarray": "its dense array, value.toarray()",
    "todense": "its dense array, value.todense()",
    "asnumpy": "value.asnumpy()",
}
"""How libraries turn their arrays into NumPy's, by a method that tells them."""
