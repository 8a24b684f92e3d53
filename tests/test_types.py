"""What a type checker takes for a value: pyright reads this file, pytest runs it."""

from __future__ import annotations

from typing import Any, assert_type

import numpy as np
import pytest
from numpy.typing import NDArray

import chainrule as gd
from chainrule.nodes import node
from chainrule.operations import namespace
from chainrule.rules.namespace import plain
from chainrule.values.types import Array, ArrayValue, Namespace, Value


def twice(x: Value) -> Value:
    return x + x


def first(x: ArrayValue) -> ArrayValue:
    return x[0]


def half(xp: Namespace, x: Value) -> Array:
    return xp.multiply(x, 0.5)


def test_a_value_is_a_number_an_array_or_a_node() -> None:
    entries: NDArray[Any] = np.ones(3)
    doubles: NDArray[np.float64] = np.ones(3)
    for z in (twice(1), twice(0.5), twice(np.float64(1.0)), twice(node(1.0))):
        assert np.shape(z) == ()
    for z in (twice(entries), twice(doubles), twice(node(doubles))):
        assert np.shape(z) == (3,)


def test_an_array_is_numpys_or_a_node() -> None:
    assert first(np.ones((3, 2))).shape == (2,)
    assert first(node(np.ones((3, 2)))).shape == (2,)


def test_a_namespace_is_plain_or_records() -> None:
    assert np.ndim(half(plain, 1.0)) == 0
    assert isinstance(half(namespace, node(1.0)), node)


def test_results_are_arrays_and_no_strings() -> None:
    z = namespace.sin(node(2.0))
    assert_type(z, Array)
    assert_type(1.0 - z * 2.0, Array)
    assert_type(-(z**2)[...], Array)
    with pytest.raises(Exception, match="needs numbers"):
        z.__add__("text")  # pyright: ignore[reportArgumentType]


def test_transforms_keep_the_parameters() -> None:
    def f(x: float, *, scale: float = 1.0) -> float:
        return x * scale

    assert gd.grad(f)(2.0, scale=3.0) == 3.0
    fast = gd.compile(f)
    assert_type(fast(2.0, scale=3.0), float)
    assert fast.stats()
    decorated = gd.compile(static=("scale",))(f)
    assert_type(decorated(2.0, scale=3.0), float)
    assert gd.compile(gd.grad(f))(2.0, scale=3.0) == 3.0
    assert_type(gd.checkpoint(f)(2.0, scale=3.0), float)
    assert_type(gd.lift(f)(2.0, scale=3.0), float)
    assert gd.numerical(f)(2.0, scale=3.0) == 6.0
    with pytest.raises(TypeError):
        gd.checkpoint(f)(2.0, factor=3.0)  # pyright: ignore[reportCallIssue]
    with pytest.raises(TypeError):
        gd.grad(f)(2.0, factor=3.0)  # pyright: ignore[reportCallIssue]
    with pytest.raises(TypeError):
        fast(2.0, factor=3.0)  # pyright: ignore[reportCallIssue]


def test_explanations_are_made_at_once_or_later() -> None:
    def f(x: float, y: float) -> float:
        return x * y

    assert gd.explain(f, 2.0, y=3.0).mode == "reverse"
    assert gd.explain(f)(2.0, y=3.0).mode == "reverse"
    assert len(gd.draw(f, 2.0, 3.0).boxes) == len(gd.draw(f)(2.0, y=3.0).boxes) == 3
    with pytest.raises(gd.errors.ArgumentError):
        gd.explain(f, 2.0, 3.0, mode="backward")  # pyright: ignore[reportCallIssue, reportArgumentType]
