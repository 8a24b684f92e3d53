"""Foreign arrays: those of other libraries that a node may hold as its value.

NumPy's functions hand them to their library (``__array_ufunc__``,
``__array_function__``), so that rules compute with them as with NumPy's. What makes it
work is a rule of our own: *a foreign array is never asked for its entries*. They may
not be computed yet (Dask), or lie on a device (CuPy). So nothing here calls ``bool``,
``float`` or ``np.asarray`` on one; what is decided from entries elsewhere (supports,
checks, ties) is a mask of the same class, or is not decided.

Classes are entered with :func:`register_arrays`; those of Dask and CuPy are when one is
first met. All others are refused by name (:mod:`chainrule.values.refusals`).
"""

from __future__ import annotations

import copy
import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.errors import ArgumentError, EscapeError

_ndarray: Any = np.ndarray
_PLAIN: Any = (_ndarray, np.generic, int, float, complex)
_like: Any = np.zeros_like
_full: Any = np.full_like


class Library(NamedTuple):
    """What must be known of a class of arrays besides NumPy's protocols.

    Attributes
    ----------
    add_at
        ``add_at(x, index, y)`` adds ``y`` into ``x``, or a copy, at an index that may
        pick entries twice, and returns it; ``None`` where there is no such function.
    layout
        ``layout(x)`` returns keywords that make ``broadcast_to`` cut its result as
        ``x`` is cut: the chunks of a Dask array.
    broadcast_to
        The function that takes them.
    undecided
        What becomes of a comparison of a node: an array whose ``bool`` raises.
    mixes
        Whether NumPy's arrays may stand beside its own. Where they may not, constants
        beside a node are made arrays of the library.
    getitem
        ``getitem(x, index)`` reads at an index, where ``x[index]`` takes fewer of them.
    functions
        Has what stands for functions of NumPy's that the library computes otherwise,
        by their names.
    cut_as
        ``cut_as(x, like)`` returns ``x`` cut as another array of its shape is.
    writes
        Whether nodes of its arrays may be written into: ``x[i] = v`` changes an array,
        and one that shows memory of another has that as its ``base``.
    of_entries
        ``of_entries(f, *values)`` applies a function of entries in one operation, where
        each operation of ``f`` by itself would cost more.
    """

    add_at: Callable[[Any, Any, Any], Any] | None = None
    layout: Callable[[Any], Mapping[str, Any]] | None = None
    broadcast_to: Callable[..., Any] | None = None
    undecided: Callable[[Any], Any] | None = None
    mixes: bool = True
    getitem: Callable[[Any, Any], Any] | None = None
    functions: type | None = None
    cut_as: Callable[[Any, Any], Any] | None = None
    writes: bool = False
    of_entries: Callable[..., Any] | None = None


_BY_NAME = {
    "dask.array": "chainrule.values.dask_arrays",
    "cupy": "chainrule.values.cupy_arrays",
}
"""Libraries whose classes are entered when one is first met, and by which module."""
_DASK, _CUPY = _BY_NAME
_modules = sys.modules

PLAIN: frozenset[type] = frozenset(
    {float, int, bool, complex, _ndarray, np.float64, np.float32, np.bool}
)
"""The classes that values usually have, which are known to be no foreign arrays."""

_LIBRARIES: dict[type, Library | None] = {}
"""The library of each class that was looked up; ``None``: not foreign."""

_REGISTERED: dict[type, Library] = {}


def register_arrays(kind: type, library: Library | None = None) -> None:
    """Let nodes hold arrays of a class of another library.

    The class must take part in NumPy's dispatch: ``__array_ufunc__`` and
    ``__array_function__``, with ``np.zeros_like(x, shape=...)``, ``np.where`` and
    ``np.sum`` among the functions that it serves. Arrays of Dask and CuPy need no
    registration.

    Parameters
    ----------
    kind
        The class.
    library
        What else is known of it.

    Raises
    ------
    ArgumentError
        If the class has not both of NumPy's protocols.
    """
    needed = ("__array_ufunc__", "__array_function__", "shape", "dtype")
    lacking = [name for name in needed if getattr(kind, name, None) is None]
    if lacking:
        raise ArgumentError(
            f"{kind.__module__}.{kind.__qualname__} lacks {', '.join(lacking)}, so "
            "NumPy's functions cannot be called on its arrays and nodes cannot hold "
            "them. Give it NumPy's protocols, or pass plain arrays."
        )
    if issubclass(kind, _ndarray):
        raise ArgumentError(
            f"{kind.__qualname__} is a subclass of numpy.ndarray, of which nodes take "
            "the entries. Pass np.asarray(value)."
        )
    _REGISTERED[kind] = Library() if library is None else library
    _LIBRARIES.clear()


def library_of(x: Any) -> Library | None:
    """Return the library of a foreign array; ``None`` for everything else."""
    kind = x.__class__
    try:
        return _LIBRARIES[kind]
    except KeyError:
        found = _LIBRARIES[kind] = _looked_up(kind)
        return found


def _looked_up(kind: type) -> Library | None:
    home = kind.__module__
    for name, module in _BY_NAME.items():
        if home.startswith(name) and name in _modules:
            importlib.import_module(module)
    for base in kind.__mro__:
        if base in _REGISTERED:
            return _REGISTERED[base]
    return None


def may_occur() -> bool:
    """Tell whether there may be foreign arrays: whether a library of them is loaded."""
    return bool(_REGISTERED) or _DASK in _modules or _CUPY in _modules


def is_foreign(x: Any) -> bool:
    """Tell whether a value is an array of another library that a node may hold."""
    return library_of(x) is not None


def served_by(function: Callable[..., Any], x: Any) -> Callable[..., Any]:
    """Return a function of NumPy, or what stands for it on arrays such as ``x``."""
    library = library_of(x)
    home = str(getattr(function, "__module__", ""))
    if library is None or home.partition(".")[0] != "numpy":
        return function
    return getattr(library.functions, getattr(function, "__name__", ""), function)


def may_be_written(x: Any) -> bool:
    """Tell whether a value is a foreign array whose nodes may be written into."""
    library = library_of(x)
    return library is not None and library.writes


def changes_memory(x: Any) -> bool:
    """Tell whether a write into a foreign array changes memory that others may see."""
    return may_be_written(x) and hasattr(x, "base")


def first_foreign(values: Any) -> Any:
    """Return the first foreign array among some values; ``None`` if there is none."""
    for x in values:
        if library_of(x) is not None:
            return x
    return None


def made_like(x: Any, like: Any) -> Any:
    """Return a plain array as one of the library of ``like``, if that is foreign."""
    if library_of(like) is None or not isinstance(x, _PLAIN):
        return x
    as_array: Any = np.asarray
    return as_array(x, like=like)


def beside(values: Sequence[Any]) -> Any:
    """Return the foreign array that constants of NumPy's cannot stand beside."""
    for x in values:
        if x.__class__ not in PLAIN:
            library = library_of(x)
            if library is not None and not library.mixes:
                return x
    return None


def alike(values: Sequence[Any], *, numbers: bool = False) -> Sequence[Any]:
    """Return values with NumPy's arrays as ones of a library that mixes with none.

    With ``numbers`` those too, where a function takes arrays only.
    """
    like = beside(values)
    if like is None:
        return values
    kinds = _PLAIN if numbers else _ndarray
    return [made_like(x, like) if isinstance(x, kinds) else x for x in values]


def zeros(shape: tuple[int, ...], dtype: Any, like: Any) -> Any:
    """Return zeros of a shape and dtype, of the class of ``like``."""
    if library_of(like) is None:
        return np.zeros(shape, dtype)
    return _like(like, shape=shape, dtype=dtype)


def full(shape: Sequence[int], entry: float, like: Any) -> Any:
    """Return an array of one number, in the class and dtype of ``like``."""
    if library_of(like) is None:
        return np.full(shape, entry, like.dtype)
    return _full(like, entry, shape=tuple(shape))


def layout_of(x: Any) -> Mapping[str, Any]:
    """Return the keywords that have ``xp.broadcast_to`` cut its result as ``x`` is."""
    library = library_of(x)
    if library is None or library.layout is None:
        return {}
    return library.layout(x)


def cut_as(x: Any, like: Any) -> Any:
    """Return a derivative cut as what it is the derivative of."""
    library = library_of(x)
    if library is None or library.cut_as is None or library_of(like) is not library:
        return x
    return library.cut_as(x, like)


def kept(x: Any) -> Any:
    """Return a foreign array that its owner's writes do not reach."""
    return copy.copy(x)


NO_BRANCH = (
    "A branch (if, and, or, while) on a lazy array would compute it, and record one "
    "side only. Write np.where(condition, a, b), or gd.value(condition).compute() if "
    "the branch is to be taken once and for all."
)


def refuse_branch(x: Any) -> None:
    """Raise if a value, whose truth is asked for, is computed later."""
    library = library_of(x)
    if library is not None and library.undecided is not None:
        raise EscapeError(NO_BRANCH)


def undecided(mask: Any) -> Any:
    """Return a mask; one that is computed later refuses to be a branch's condition."""
    library = library_of(mask)
    if library is None or library.undecided is None:
        return mask
    return library.undecided(mask)


def shown(x: Any) -> str:
    """Describe a foreign array without its entries."""
    return f"{x.__class__.__name__}, shape {x.shape}, {x.dtype}"
