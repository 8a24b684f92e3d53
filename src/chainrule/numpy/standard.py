"""The array API: what the standard asks of arrays and functions beyond NumPy's own.

``x.__array_namespace__()`` is ``chainrule.numpy``, so that code which is written for
every array library runs on nodes. Of the functions only those are here that NumPy has
without a keyword, or with another name of an argument; they take NumPy's forms too.

Source: the Python array API standard, version 2024.12.
"""

from __future__ import annotations

import importlib
import types
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from chainrule.errors import EscapeError
from chainrule.nodes.beside_labelled import asked_by_indexing
from chainrule.nodes.node_class import node
from chainrule.numpy.mirror import mirrored
from chainrule.values.vertices import stand_in

VERSIONS = ("2021.12", "2022.12", "2023.12", "2024.12")
"""The versions of the standard that ``__array_namespace__`` can be asked for."""

# ------------------------------------------------------------------------------ arrays


def array_namespace(x: Any, /, *, api_version: str | None = None) -> Any:
    """Return ``chainrule.numpy``.

    Raises
    ------
    ValueError
        For a version of the standard that it does not follow.

    Examples
    --------
    >>> import chainrule as gd
    >>> x = gd.node([3.0, 4.0])
    >>> xp = x.__array_namespace__()
    >>> xp.linalg.vector_norm(x)
    node(5.0, vector_norm)
    """
    if api_version is not None and api_version not in VERSIONS:
        raise ValueError(
            f"chainrule.numpy follows the array API of version {VERSIONS[-1]}, not "
            f"{api_version}. Leave api_version away."
        )
    return importlib.import_module("chainrule.numpy")


class Asked:
    """``x.__array_namespace__``, which xarray's indexing is told that there is none."""

    def __get__(self, x: Any, owner: Any = None) -> Any:
        """Return the method."""
        if x is None:
            return array_namespace
        if asked_by_indexing():
            raise AttributeError("xarray indexes nodes as NumPy's arrays")
        return types.MethodType(array_namespace, x)


def special() -> Any:
    """Return ``chainrule.scipy.special``, the extension that SciPy looks for.

    Where SCIPY_ARRAY_API is set, ``scipy.special.erf(x)`` calls the namespace's.
    """
    try:
        return importlib.import_module("chainrule.scipy.special")
    except ImportError as error:
        raise AttributeError("chainrule.numpy.special needs SciPy") from error


def device(x: Any) -> str:
    """The device that holds the value: ``"cpu"``, as of NumPy's arrays."""
    return "cpu"


def to_device(x: Any, device: str, /, *, stream: None = None) -> Any:
    """Return x itself: there is one device, ``"cpu"``."""
    if device != "cpu" or stream is not None:
        raise ValueError(
            f"chainrule.numpy has one device, 'cpu', and no streams; received "
            f"{device!r} and stream={stream!r}."
        )
    return x


def dlpack(
    x: Any,
    /,
    *,
    stream: None = None,
    max_version: tuple[int, int] | None = None,
    dl_device: tuple[int, int] | None = None,
    copy: bool | None = None,
) -> Any:
    """Refuse: the memory says nothing of how the value was computed."""
    raise EscapeError(
        "x.__dlpack__() would hand the memory of a node to another library and lose "
        "its derivative. Hand over gd.value(x) if it is to be treated as constant."
    )


def dlpack_device(x: Any, /) -> tuple[int, int]:
    """Return the kind and the number of the device, of DLPack: those of the CPU."""
    return 1, 0


def _by_bits(ufunc: np.ufunc, *, reflected: bool = False) -> Callable[..., Any]:
    """Return an operator that works on integers: refused where there is a node."""

    def run(x: Any, *y: Any) -> Any:
        return ufunc(*y, x) if reflected else ufunc(x, *y)

    run.__doc__ = f"Call NumPy's {ufunc.__name__}, which refuses nodes with the reason."
    return run


for _class in (node, stand_in):
    for _name, _method in {
        "__array_namespace__": Asked(),
        "__dlpack__": dlpack,
        "__dlpack_device__": dlpack_device,
        "device": property(device, doc=device.__doc__),
        "to_device": to_device,
    }.items():
        setattr(_class, _name, _method)
for _name, _ufunc in {
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
    "lshift": np.left_shift,
    "rshift": np.right_shift,
}.items():
    setattr(node, f"__{_name}__", _by_bits(_ufunc))
    setattr(node, f"__r{_name}__", _by_bits(_ufunc, reflected=True))
node.__invert__ = _by_bits(np.invert)  # type: ignore[attr-defined]

# --------------------------------------------------------------------------- functions

_sort, _argsort, _clip = mirrored(np.sort), mirrored(np.argsort), mirrored(np.clip)
_flip = mirrored(np.flip)


def sort(
    a: ArrayLike,
    axis: int | None = -1,
    kind: Any = None,
    order: Any = None,
    *,
    stable: bool | None = None,
    descending: bool = False,
) -> Any:
    """Return a sorted, with ``descending`` from its largest entry to its smallest.

    Examples
    --------
    >>> import chainrule as gd
    >>> x = gd.node([2.0, 3.0, 1.0])
    >>> gd.numpy.sort(x, descending=True)
    node([3., 2., 1.], flip)
    """
    z = _sort(a, axis, kind, order, stable=stable)
    return _flip(z, axis=-1 if axis is None else axis) if descending else z


def argsort(
    a: ArrayLike,
    axis: int | None = -1,
    kind: Any = None,
    order: Any = None,
    *,
    stable: bool | None = None,
    descending: bool = False,
) -> Any:
    """Return the places that sort a: plain integers.

    With ``descending`` and ``stable``, equal entries keep their order.

    Examples
    --------
    >>> import chainrule as gd
    >>> gd.numpy.argsort(gd.node([2.0, 3.0, 2.0]), descending=True, stable=True)
    array([1, 0, 2])
    """
    if not descending:
        return _argsort(a, axis, kind, order, stable=stable)
    if axis is None:
        a, axis = mirrored(np.ravel)(a), -1
    places = _argsort(_flip(a, axis=axis), axis, kind, order, stable=stable)
    return np.shape(a)[axis] - 1 - _flip(places, axis=axis)


def clip(
    a: ArrayLike,
    min: ArrayLike | None = None,
    max: ArrayLike | None = None,
    out: Any = None,
    **named: Any,
) -> Any:
    """Return a, no less than ``min`` and no more than ``max``; ``None`` is no bound.

    Examples
    --------
    >>> import chainrule as gd
    >>> gd.numpy.clip(gd.node([0.5, 3.0]), max=2.0)
    node([0.5, 2. ], clip)
    """
    given = {"min": min, "max": max, "out": out}
    named |= {name: x for name, x in given.items() if x is not None}
    return _clip(a, **named)


def fftfreq(
    n: int, d: Any = 1.0, device: str | None = None, *, dtype: DTypeLike | None = None
) -> Any:
    """Return the frequencies of ``fft`` of n samples at distance d.

    Examples
    --------
    >>> import chainrule.numpy as np
    >>> np.fft.fftfreq(4, dtype=np.float32)
    array([ 0.  ,  0.25, -0.5 , -0.25], dtype=float32)
    """
    return _in_dtype(mirrored(np.fft.fftfreq)(n, d, device), dtype)


def rfftfreq(
    n: int, d: Any = 1.0, device: str | None = None, *, dtype: DTypeLike | None = None
) -> Any:
    """Return the frequencies of ``rfft`` of n samples at distance d.

    Examples
    --------
    >>> import chainrule.numpy as np
    >>> np.fft.rfftfreq(4)
    array([0.  , 0.25, 0.5 ])
    """
    return _in_dtype(mirrored(np.fft.rfftfreq)(n, d, device), dtype)


def _in_dtype(x: Any, dtype: DTypeLike | None) -> Any:
    return x if dtype is None else x.astype(dtype)


__all__ = ["argsort", "clip", "fftfreq", "rfftfreq", "sort"]
