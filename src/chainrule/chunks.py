"""``map_reduce``: a function of each chunk of large data, compiled, and its sum.

It is a few lines over Dask: ``blockwise`` calls the function on the blocks that stand
in one row, so that reading a block and computing with it is one task, and a tree of
tasks adds the results. The function is compiled, which each process does once.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.compiler import compile as compiled
from chainrule.compiler.dispatch.compiled import Compiled
from chainrule.errors import ArgumentError, MissingLibraryError
from chainrule.nodes.admission import holds_nodes
from chainrule.parallel_work import told
from chainrule.values.containers import flatten, unflatten
from chainrule.values.foreign import first_foreign
from chainrule.values.shapes import SEQUENCES, describe
from chainrule.values.types import Value


def map_reduce(
    f: Callable[..., Any],
    *data: Any,
    reduce: Callable[[Any, Any], Any] | None = None,
    compile: bool = True,
    split_every: int = 8,
) -> MapReduce:
    """Return the function of parameters that sums ``f`` over the chunks of data.

    ``map_reduce(f, X, y)(w)`` is ``f(w, X[0], y[0]) + f(w, X[1], y[1]) + ...``, where
    ``X[i]`` are the chunks along the first axis. It is lazy: a ``Delayed`` of Dask, for
    any of its schedulers. The derivative of a sum is the sum of the derivatives, so map
    the derivative: ``map_reduce(gd.value_and_grad(loss), X, y)``.

    Parameters
    ----------
    f
        Called with the parameters and then one chunk of each of the data, as NumPy
        arrays; returns numbers, arrays, or containers of them.
    *data
        Arrays of Dask that are cut alike along their first axis, or lists of chunks
        (arrays, or ``Delayed`` that make them).
    reduce
        Joins two results; it has to be associative. By default it adds them, leaf by
        leaf.
    compile
        Whether the function is compiled: once in each process, and once for each shape
        of a chunk. A function that is compiled already keeps its options.
    split_every
        How many results one task of the tree joins.

    Returns
    -------
    MapReduce
        Called with the parameters, it returns a ``Delayed``; its method ``compute``
        returns the result. Parameters are numbers, arrays and containers of them; each
        worker receives them once.

    Raises
    ------
    ArgumentError
        If the data are cut differently, or along other axes too.
    MissingLibraryError
        If Dask is not installed.

    Notes
    -----
    Chunks stay where they are: only parameters and partial sums move. A worker that is
    lost takes its chunks' results along, and Dask computes these again.

    Examples
    --------
    >>> import chainrule as gd, numpy as np
    >>> def loss(w, x, y):
    ...     return np.sum((x @ w - y) ** 2)
    >>> x, y = np.arange(12.0).reshape(6, 2), np.ones(6)
    >>> total = gd.map_reduce(gd.value_and_grad(loss), [x[:3], x[3:]], [y[:3], y[3:]])
    >>> value, slope = total.compute(np.array([0.1, 0.2]))  # doctest: +SKIP
    """
    if not data:
        raise ArgumentError("map_reduce needs data: map_reduce(f, X, y).")
    if split_every < 2:
        raise ArgumentError(f"split_every is 2 or more; received {split_every}.")
    return MapReduce(f, data, reduce or _added, compile=compile, every=split_every)


class MapReduce:
    """A sum over chunks, as a function of parameters: see ``map_reduce``."""

    def __init__(
        self,
        f: Callable[..., Any],
        data: Sequence[Any],
        reduce: Callable[[Any, Any], Any],
        *,
        compile: bool,
        every: int,
    ) -> None:
        """Cut the data; nothing is computed."""
        self._dask: Any = _library("dask")
        f = compiled(f) if compile and not isinstance(f, Compiled) else f
        name = getattr(f, "__name__", "on_chunk")  # for Dask's dashboard
        self._apply: Any = Part(
            name, functools.partial(_on_chunk, f), "chunk {0} raised this."
        )
        self._joined: Any = Part(
            "joined",
            functools.partial(functools.reduce, reduce),
            "joining the results of chunks {0} to {1} raised this.",
        )
        self._every: int = every
        self._data: list[Any] = [_as_blocks(x) for x in data]
        _check_alike(self._data)

    def __call__(self, *parameters: Any) -> Any:
        """Return the sum for these parameters, as a ``Delayed``."""
        if any(holds_nodes(x) for x in flatten(parameters)[0]):
            raise ArgumentError(
                "map_reduce received a node. Map the derivative instead of deriving "
                "the map: map_reduce(gd.value_and_grad(f), X, y)(w)."
            )
        lazy = first_foreign(flatten(parameters)[0])
        if lazy is not None:
            raise ArgumentError(
                f"map_reduce sends its parameters to each worker, as numbers; received "
                f"{describe(lazy)}. Pass NumPy's: w.compute()."
            )
        delayed = self._dask.delayed
        given = delayed(parameters, traverse=False, pure=True)
        keys, collections = self._mapped(given)
        return self._tree(keys, collections)

    def compute(self, *parameters: Any, **options: Any) -> Any:
        """Return the sum for these parameters, computed; options are Dask's."""
        return self(*parameters).compute(**options)

    def _mapped(self, given: Any) -> tuple[list[Any], list[Any]]:
        """Return the keys of one task for each row of blocks, and what has them."""
        if isinstance(self._data[0], list):
            apply = self._dask.delayed(self._apply, pure=True)
            rows = zip(*self._data, strict=True)
            made = [apply((i,), given, *chunks) for i, chunks in enumerate(rows)]
            return [x.key for x in made], made
        largest = max(self._data, key=lambda x: x.ndim)
        ndim = largest.ndim
        places = _library("dask.layers").ArrayBlockIdDep(largest.chunks)
        pairs: list[Any] = [places, tuple(range(ndim)), given, None]
        for x in self._data:
            pairs += [x, tuple(range(x.ndim))]  # nothing is contracted: tasks fuse
        parts = _library("dask.array").blockwise(
            self._apply,
            tuple(range(ndim)),
            *pairs,
            align_arrays=False,
            dtype=object,
            meta=np.empty((0,) * ndim, object),
        )
        (parts,) = self._dask.optimize(parts)
        rest = (0,) * (ndim - 1)
        return [(parts.name, i, *rest) for i in range(parts.numblocks[0])], [parts]

    def _tree(self, keys: list[Any], collections: Sequence[Any]) -> Any:
        """Return the ``Delayed`` that joins results in a tree, as one layer of tasks.

        One made by ``delayed`` for each join would be merged with all before it.
        """
        name = f"map_reduce-{self._dask.base.tokenize(keys, self._every, self._joined)}"
        layer: dict[Any, Any] = {}
        parts = [(i, i, key) for i, key in enumerate(keys)]
        while True:
            joined: list[Any] = []
            for i in range(0, len(parts), self._every):
                firsts, lasts, ks = zip(*parts[i : i + self._every], strict=True)
                key, place = f"{name}-{len(layer)}", (firsts[0], lasts[-1])
                layer[key] = (self._joined, place, list(ks))
                joined.append((*place, key))
            parts = joined
            if len(parts) == 1:
                break
        graph = _library("dask.highlevelgraph").HighLevelGraph.from_collections(
            name, layer, dependencies=collections
        )
        return _library("dask.delayed").Delayed(parts[0][-1], graph, layer=name)


def _on_chunk(f: Callable[..., Any], parameters: tuple[Any, ...], *chunk: Value) -> Any:
    """Call a function on parameters and a chunk of each of the data."""
    return f(*parameters, *chunk)


class Part:
    """A function in a task, whose errors say which chunks it was called with."""

    def __init__(self, name: str, f: Callable[..., Any], note: str) -> None:
        """Keep the function, and what is to be said of an error, with places."""
        self.__name__: str = name
        self._f, self._note, self._away = f, note, False

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Come to another process."""
        self.__dict__.update(state, _away=True)

    def __call__(self, place: tuple[int, ...], *args: Value) -> Any:
        """Call the function."""
        try:
            return self._f(*args)
        except Exception as raised:
            note = f"chainrule.map_reduce: {self._note.format(*place)}"
            error = told(raised, note, away=self._away)
            if error is raised:
                raise
        raise error


def _added(x: Any, y: Any) -> Any:
    """Add two results leaf by leaf."""
    leaves, structure = flatten(x)
    others, same = flatten(y)
    if same != structure:
        raise ArgumentError(
            f"The chunks have results of different structures, {structure} and {same}: "
            "give reduce= a function of two of them."
        )
    return unflatten(structure, [a + b for a, b in zip(leaves, others, strict=True)])


def _as_blocks(x: Any) -> Any:
    """Return data as an array of Dask with one row of blocks, or as a list of chunks.

    Other axes than the first have to be whole, as the function sees whole rows.
    """
    if isinstance(x, SEQUENCES):
        return list(x)
    if not hasattr(x, "numblocks"):
        raise ArgumentError(
            f"map_reduce needs arrays of Dask or lists of chunks; received "
            f"{describe(x)}. {_as_array_of_dask(x)}"
        )
    if not x.ndim or any(n != 1 for n in x.numblocks[1:]):
        raise ArgumentError(
            f"map_reduce needs chunks of whole rows; received {describe(x)} in "
            f"{x.numblocks} blocks. Write x.rechunk({{0: 'auto', 1: -1}})."
        )
    return x


def _as_array_of_dask(x: Any) -> str:
    """Say how to make an array of Dask of what is none."""
    if hasattr(getattr(x, "data", None), "numblocks"):
        return "Pass the array that it labels, x.data."
    if hasattr(x, "to_dask_array"):
        return "Pass x.to_dask_array(lengths=True)."
    return "Write dask.array.from_array(x, chunks=(rows, -1))."


def _check_alike(data: Sequence[Any]) -> None:
    """Raise unless all data have the same rows in the same chunks."""
    lists: list[Any] = [x for x in data if isinstance(x, list)]
    if lists and len(lists) < len(data):
        raise ArgumentError("map_reduce takes arrays of Dask, or lists, and not both.")
    if lists and (not lists[0] or len(set(map(len, lists))) > 1):
        raise ArgumentError(
            f"map_reduce needs as many chunks of each; received "
            f"{list(map(len, lists))}."
        )
    rows = [] if lists else [x.chunks[0] for x in data]
    for other in rows[1:]:
        if other != rows[0]:
            raise ArgumentError(
                f"The data are cut differently along their first axis: {rows[0]} and "
                f"{other}. Write y.rechunk({{0: x.chunks[0]}})."
            )


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingLibraryError(
            f"map_reduce needs {name.partition('.')[0]}: pip install 'chainrule[dask]'."
        ) from error
