"""The axes of examples: one for all, or arranged as arguments and results are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError, CompileError, ShapeError
from tests.compiler.comparing import assert_same

X = np.arange(6.0).reshape(3, 2) + 1.0
W = np.array([1.0, -2.0, 3.0])


@dataclass
class Pair:
    a: object
    b: object


class Named(NamedTuple):
    a: object
    b: object


def compiled_too(f, *args, **keywords):
    """Return the result of a mapped function, compiled and not."""
    found = f(*args, **keywords)
    assert_same(gd.compile(f)(*args, **keywords), found)
    return found


def times(a, b):
    return np.sum(a) * b


ARRANGED = {
    "dict": (lambda p: times(p["a"], p["b"]), {"a": X, "b": 2.0}, {"a": 0, "b": None}),
    "other order": (
        lambda p: times(p["a"], p["b"]), {"b": 2.0, "a": X}, {"a": 0, "b": None},
    ),
    "dataclass": (lambda p: times(p.a, p.b), Pair(X, 2.0), Pair(0, None)),
    "named tuple": (lambda p: times(p.a, p.b), Named(X, 2.0), Named(0, None)),
    "tuple": (lambda p: times(*p), (X, 2.0), (0, None)),
    "list": (lambda p: times(*p), [X, 2.0], [0, None]),
    "nested": (
        lambda p: times(p["q"].a, p["q"].b[1]) + p["r"],
        {"q": Pair(X.T, (None, W)), "r": 1.0}, {"q": Pair(1, 0), "r": None},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("f", "arg", "axes"), ARRANGED.values(), ids=ARRANGED)
def test_a_container_has_an_axis_for_each_part(f, arg, axes):
    found = compiled_too(gd.vmap(f, in_axes=(axes,)), arg)
    assert np.shape(found) == (3,)
    both = gd.vmap(lambda p, y: f(p) * y, in_axes=[axes, 0])
    assert_same(compiled_too(both, arg, W), found * W)
    compiled_too(gd.vmap(gd.grad(lambda y, p: f(p) * y), in_axes=(0, axes)), W, arg)


def test_results_have_an_axis_each():
    def f(x):
        return x * 2.0, {"a": np.outer(x, x), "b": np.sum(x)}

    found = compiled_too(gd.vmap(f, out_axes=(1, {"a": -1, "b": 0})), X)
    assert found[0].shape == (2, 3)
    assert found[1]["a"].shape == (2, 2, 3)
    assert found[1]["b"].shape == (3,)
    assert compiled_too(gd.vmap(f, out_axes=(1, 0)), X)[1]["a"].shape == (3, 2, 2)
    np.testing.assert_array_equal(found[0], X.T * 2.0)


def test_keywords_have_their_place_in_a_sequence():
    def f(x, w, scale=1.0):
        return np.sum(x) * w * scale

    expected = np.sum(X, 1) * 2.0
    for axes in ((0, None), [0, None]):
        assert_same(compiled_too(gd.vmap(f, in_axes=axes), X, w=2.0), expected)
    mapped = gd.vmap(f, in_axes=(1, None, 0))
    assert_same(compiled_too(mapped, X.T, scale=W, w=2.0), expected * W)


def test_other_keywords_are_mapped_where_they_have_axes():
    def f(x, *, w, scale, name):
        return np.sum(x) * w * scale * len(name)

    found = compiled_too(gd.vmap(f), X, w=W, scale=2.0, name="ab")
    assert_same(found, np.sum(X, 1) * W * 4.0)
    assert_same(compiled_too(gd.vmap(f, 1), X.T, w=W, scale=2.0, name="ab"), found)


REFUSED = {
    "bare dict": ({"a": 0, "b": None}, 0, "one entry per argument"),
    "text": ("a", 0, "one entry per argument"),
    "float": (1.0, 0, "one entry per argument"),
    "too many": ((0, 0), 0, "for 1 arguments"),
    "other keys": (({"a": 0, "c": None},), 0, "same parts"),
    "a float inside": (({"a": 0.5, "b": None},), 0, "same parts"),
    "deeper than the argument": (({"a": (0,), "b": None},), 0, "same parts"),
    "a truth value": (({"a": True, "b": None},), 0, "same parts"),
    "no results": (({"a": 0, "b": None},), (), "out_axes"),
    "more results": (({"a": 0, "b": None},), (0, 0), "out_axes"),
    "shared result": (({"a": 0, "b": None},), None, "received None"),
}


@pytest.mark.parametrize(("axes", "out", "message"), REFUSED.values(), ids=REFUSED)
def test_axes_of_another_arrangement_are_refused(axes, out, message):
    mapped = gd.vmap(lambda p: times(p["a"], p["b"]), in_axes=axes, out_axes=out)
    for f in (mapped, gd.compile(mapped)):
        with pytest.raises(ArgumentError, match=message):
            f({"a": X, "b": 2.0})


@pytest.mark.parametrize("axis", [2, -3])
def test_an_axis_that_no_array_has_is_refused(axis):
    for mapped in (gd.vmap(np.sin, in_axes=axis), gd.vmap(np.sin, out_axes=axis)):
        for f in (mapped, gd.compile(mapped)):
            with pytest.raises(ShapeError, match=f"axis {axis}"):
                f(X)


# --------------------------------------------------------- shapes that depend on values


PICKING = {
    "mask": lambda v: np.sum(v[v > 0]),
    "python sum": lambda v: sum(v[v > 0]),
    "compress": lambda v: np.sum(np.compress(v > 0, v)),
    "nonzero": lambda v: np.sum(v[np.nonzero(v > 0)[0]]),
    "unique": lambda v: np.sum(np.unique(v)),
    "one-sided where": lambda v: np.sum(v[np.where(v > 0)]),
}
"""What has another shape for each of the rows."""
ROWS = np.array([[1.0, -1.0, 2.0], [2.0, 3.0, 3.0], [-1.0, -2.0, -2.0]])


@pytest.mark.parametrize("f", PICKING.values(), ids=PICKING)
def test_a_shape_that_differs_between_examples_is_named(f):
    message = r"test_axes.py, line \d+.*shape.*np.where"
    for g in (f, gd.grad(lambda v: f(v) + np.sum(v * 0.0))):
        with pytest.raises(CompileError, match=message):
            gd.compile(gd.vmap(g))(ROWS)


def test_a_shape_that_differs_between_calls_is_named():
    fast = gd.compile(gd.vmap(PICKING["mask"]))
    assert_same(fast(np.abs(ROWS)), np.sum(np.abs(ROWS), axis=1))
    with pytest.raises(CompileError, match=r"x\[mask\] at .*test_axes.py, line \d+"):
        fast(ROWS)
    assert_same(fast(np.abs(ROWS)), np.sum(np.abs(ROWS), axis=1))


def test_what_the_message_proposes_works():
    for f in (
        lambda v: np.sum(v, where=v > 0),
        lambda v: np.sum(np.where(v > 0, v, 0.0)),
    ):
        for g in (f, gd.grad(f)):
            assert_same(gd.compile(gd.vmap(g))(ROWS), gd.vmap(g)(ROWS))


def test_a_shape_that_differs_between_steps_is_named():
    def total(rows):
        return gd.scan(lambda c, v: (c + np.sum(v[v > 0]), None), 0.0, rows)[0]

    with pytest.raises(CompileError, match=r"test_axes.py, line \d+.*np.where"):
        gd.compile(total)(ROWS)
