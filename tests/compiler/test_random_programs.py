"""Random functions: what is compiled agrees with what is not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as gd
from chainrule.compiler.native import llvm as native
from tests.compiler.comparing import assert_same

SHAPES = [(), (3,), (2, 3), (2, 1), (3, 3)]
UNARY = [np.sin, np.tanh, np.negative, np.abs, np.square, np.arctan, np.cos,
         np.positive,
         lambda x: np.exp(-x * x), lambda x: np.sqrt(x * x + 1), lambda x: x / 3,
         lambda x: 0.5 - x, lambda x: x**3, lambda x: x * 1.0,
         lambda x: np.negative(-x),
         lambda x: np.maximum(x, 0.25), lambda x: np.clip(x, -0.7, 0.9),
         lambda x: np.where(x > 0.1, x, x * x), lambda x: np.round(x) * x,
         lambda x: np.sign(x) + x]  # fmt: skip
BINARY = [np.add, np.subtract, np.multiply, np.maximum, np.minimum,
          lambda x, y: np.arctan2(x, 1.5 + y * y),
          lambda x, y: x / (1 + y * y), lambda x, y: np.where(x < y, x, y * 2),
          lambda x, y: x - (-y), lambda x, y: x + (-y), np.hypot]  # fmt: skip
SHAPED = [
    lambda x: np.reshape(x, (-1,)),
    np.transpose,
    lambda x: x[..., ::-1] if np.ndim(x) else x,
    lambda x: x[0] if np.ndim(x) else x,
    lambda x: x[..., 1:] if np.ndim(x) and x.shape[-1] > 1 else x,
    lambda x: x[..., None] * 2,
    lambda x: np.sum(x, axis=-1) if np.ndim(x) else x,
    lambda x: np.mean(x, axis=0, keepdims=True) if np.ndim(x) else x,
    lambda x: np.cumsum(x, axis=0) if np.ndim(x) else x,
    lambda x: np.sort(x, axis=-1) if np.ndim(x) else x,
    np.max,
    lambda x: np.broadcast_to(x, (2, *np.shape(x))) if np.ndim(x) < 3 else x,
    lambda x: np.stack([x, x * 2]) if np.ndim(x) < 3 else x,
    np.squeeze,
    lambda x: (
        x[np.argmax(np.reshape(x, (np.shape(x)[0], -1))[:, 0])] if np.ndim(x) else x
    ),
    lambda x: np.ravel(x)[np.ravel(x) > 0.2],
    lambda x: np.swapaxes(x, 0, -1) if np.ndim(x) else x,
]
LOOPS = [
    lambda x: gd.scan(lambda c, v: (np.sin(c + np.sum(v)), c * v), 0.2, x)[1],
    gd.vmap(lambda v: np.sin(v) * np.sum(v)),
    lambda x: gd.cond(np.sum(x) > 0, np.sin, lambda v: v * 2, x),
]

index = st.integers(0, 99)
steps = st.lists(
    st.tuples(st.sampled_from("uuubbbsssglr"), index, index, index),
    min_size=3,
    max_size=14,
)


def program(plan):
    """Return the function that a plan describes: each step makes one more value."""

    def f(x, y):
        values = [x, y, np.float64(0.3), 0.7]
        for kind, which, i, j in plan:
            a, b = values[i % len(values)], values[j % len(values)]
            if kind == "u":
                z = UNARY[which % len(UNARY)](a)
            elif kind == "b":
                if not fits(a, b):
                    continue
                z = BINARY[which % len(BINARY)](a, b)
            elif kind == "s":
                z = SHAPED[which % len(SHAPED)](np.multiply(a, 1.0))
            elif kind == "g":
                z = a * 2 if np.sum(b) > 0.1 else a - 0.5
            elif kind == "l":
                if not np.ndim(a) or not np.shape(a)[0]:
                    continue
                z = LOOPS[which % len(LOOPS)](a)
            else:
                z = b
                for _ in range(which % 3):
                    z = np.tanh(z + 0.1) * z
            if np.size(z) and np.size(z) <= 64:
                values.append(z)
        return values[2:]

    return f


def fits(a, b):
    try:
        np.broadcast_shapes(np.shape(a), np.shape(b))
    except ValueError:
        return False
    return True


def total(f):
    def run(x, y):
        return sum(np.sum(np.sin(v)) for v in f(x, y)) + 0.0 * np.sum(x)

    return run


EXECUTORS = [
    "numpy",
    *(["vm", "native"] if native.available() else []),
]


@pytest.mark.parametrize("executor", EXECUTORS)
@settings(max_examples=80)
@given(steps, st.sampled_from(SHAPES), st.sampled_from(SHAPES), st.integers(0, 2**16))
def test_compiled_agrees_with_eager(executor, plan, left, right, seed):
    rng = np.random.default_rng(seed)
    f = program(plan)
    functions = [f, gd.grad(total(f), argnums=(0, 1))]
    compiled = [gd.compile(g, executor=executor) for g in functions]
    for _ in range(3):
        x, y = (drawn(rng, shape) for shape in (left, right))
        for g, fast in zip(functions, compiled, strict=True):
            with np.errstate(all="ignore"):
                assert_same(fast(x, y), g(x, y), 1e-9)


@settings(max_examples=25)
@given(steps, st.sampled_from(SHAPES), st.integers(0, 2**16))
def test_second_derivatives_agree(plan, shape, seed):
    rng = np.random.default_rng(seed)
    f = total(program(plan))
    x, y = drawn(rng, shape), drawn(rng, (3,))

    def second(x):
        return gd.hvp(lambda x: f(x, y), x, np.ones_like(x))

    with np.errstate(all="ignore"):
        expected = second(x)
        assert_same(gd.compile(second)(x), expected, 1e-8)
        once = gd.compile(lambda x: f(x, y))
        assert_same(gd.hvp(once, x, np.ones_like(x)), expected, 1e-8)


def drawn(rng, shape):
    """Return normal numbers, some of them exactly zero: kinks and ties."""
    x = rng.normal(size=shape) * (rng.uniform(size=shape) > 0.15)
    return np.float64(x) if shape == () else x
