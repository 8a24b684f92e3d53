"""Foreign arrays and what every rule does with them: used by tests and the table.

A *library* makes arrays of plain ones (``put``), and plain ones of its arrays
(``get``). ``outcome`` runs one call of a rule on both kinds and compares.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

import chainrule as gd
from chainrule.nodes.node_class import node, record
from chainrule.rules.namespace import evaluate
from chainrule.values.foreign import Library, is_foreign, register_arrays
from tests.foreign.strict_arrays import add_at, counted, device
from tests.helpers import Call, as_tuple, noise

register_arrays(device, Library(add_at=add_at, mixes=False, writes=True))


class library(NamedTuple):
    """How to make its arrays, how to see them, and what refuses to look inside."""

    name: str
    put: Callable[[Any], Any]
    get: Callable[[Any], Any]
    closed: Callable[[], Any]


def _got(x: Any) -> Any:
    return x.held if isinstance(x, device) else x


STRICT = library("strict", device, _got, counted)


class ComputedError(Exception):
    """Something was computed while nothing was to be."""


@contextlib.contextmanager
def lazily() -> Iterator[None]:
    """Raise where Dask computes anything."""
    import dask

    def refuse(*args: Any, **given: Any) -> Any:
        raise ComputedError

    with dask.config.set(scheduler=refuse), warnings.catch_warnings():
        warnings.simplefilter("error", FutureWarning)
        yield


def of_dask(chunks: int = 2) -> library:
    """Return the library of Dask's arrays, of small chunks or of one (``-1``)."""
    import dask
    import dask.array as da

    def put(x: Any) -> Any:
        return da.from_array(np.asarray(x), chunks=chunks)

    def get(x: Any) -> Any:
        return dask.compute(x, scheduler="sync")[0]

    return library("Dask", put, get, lazily)


# ------------------------------------------------------------------ a rule on a library

ORDERS = ("grad", "jvp", "hvp")


def derivatives(call: Call, operands: list[Any], seeds: Any, dots: Any, order: str):
    """Return a derivative of a rule's call, by position of the moving operands."""
    moving = call.moving(call.draw())

    def f(*args: Any) -> tuple[Any, ...]:
        given = list(operands)
        for i, x in zip(moving, args, strict=True):
            given[i] = x
        z = record(call.rule, given, call.parameters)
        return tuple(v for v in as_tuple(z) if isinstance(v, node))

    primals = tuple(operands[i] for i in moving)

    def pulled(*args: Any) -> Any:
        return gd.vjp(f, *args)[1](seeds)

    if order == "grad":
        return pulled(*primals)
    if order == "jvp":
        return gd.jvp(f, primals, dots)
    return gd.jvp(pulled, primals, dots)[1]


def put_all(of: library, x: Any) -> Any:
    """Return a value with each array of NumPy's as one of the library's."""
    if isinstance(x, np.ndarray | np.generic):
        return of.put(x)
    if isinstance(x, list | tuple):
        return type(x)(put_all(of, v) for v in x)
    return x


SIGNS = {"qr_grad": "of the columns", "svd_grad": "of pairs of vectors"}
"""Rules whose results have signs that a library may choose as it likes."""


def serves(call: Call, of: library) -> bool:
    """Tell whether the library computes the rule's forward, and compare with NumPy's.

    One that computes something else raises here: its derivative would be wrong.
    """
    values = call.draw()
    expected = evaluate(call.rule, values, call.parameters)
    try:
        with of.closed():
            z = evaluate(call.rule, put_all(of, values), call.parameters)
    except Exception:
        return False
    try:
        compare(tuple(as_tuple(z)), tuple(as_tuple(expected)), of)
    except AssertionError:
        if call.rule.__name__ not in SIGNS:
            raise
        return False
    return True


def outcome(call: Call, of: library, order: str) -> None:
    """Compare a rule's derivative on foreign arrays with that on NumPy's, or raise."""
    values = call.draw()
    moving = call.moving(values)
    results, _ = call.run(values, moving)
    rng = call.rng
    seeds = tuple(noise(rng, z.value) for z in results)
    dots = tuple(call.direction(rng, i, values[i]) for i in moving)
    expected = derivatives(call, list(values), seeds, dots, order)
    operands = [put_all(of, x) for x in values]
    foreign_seeds, foreign_dots = put_all(of, seeds), put_all(of, dots)
    with of.closed():
        actual = derivatives(call, operands, foreign_seeds, foreign_dots, order)
    compare(actual, expected, of)


def compare(actual: Any, expected: Any, of: library) -> None:
    """Compare nested results; arrays have to be the library's."""
    if isinstance(expected, tuple):
        assert len(actual) == len(expected)
        for a, e in zip(actual, expected, strict=True):
            compare(a, e, of)
        return
    if np.ndim(expected):
        assert is_foreign(actual), f"{type(actual)} is no array of {of.name}"
    got = of.get(actual)
    assert np.shape(got) == np.shape(expected)
    assert np.asarray(got).dtype == np.asarray(expected).dtype
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-11)
