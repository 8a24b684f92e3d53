"""Reads and writes under vmap, at places that are shared or each example's own."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd

N = 4
RNG = np.random.default_rng(12)
X = RNG.normal(size=(N, 4, 4, 4))
FIRST, SECOND = np.array([1, -3, 2, 0]), np.array([3, 0, 0, 2])
AXES = [(0, 0, 0), (0, None, 0), (None, 0, None), (0, 0, None)]
PICKS = {
    "i": lambda i, j: (i,),
    "i,j": lambda i, j: (i, j),
    ":,i": lambda i, j: (slice(None), i),
    "i,:,j": lambda i, j: (i, slice(None), j),
    "...,i": lambda i, j: (..., i),
    "...,i,j": lambda i, j: (..., i, j),
    "i,...,j": lambda i, j: (i, ..., j),
    "1,i": lambda i, j: (1, i),
    "1,:,i": lambda i, j: (1, slice(None), i),
    "None,i": lambda i, j: (None, i),
    ":,None,i": lambda i, j: (slice(None), None, i),
    "i,None,:2": lambda i, j: (i, None, slice(0, 2)),
    "::-1,i": lambda i, j: (slice(None, None, -1), i),
    ":2,i-1,j": lambda i, j: (slice(0, 2), i - 1, j),
}


def written(pick):
    def f(x, i, j):
        y = x * 1.0
        y[pick(i, j)] = np.cos(x[pick(i, j)]) * x[0, 0, 0]
        y[pick(j, i)] *= 1.5
        read = np.sum(np.sin(x[pick(i, j)]) ** 3)
        return np.sum(y**2 * np.arange(64.0).reshape(4, 4, 4)) + read

    return f


@pytest.mark.parametrize(
    "axes", [(0, 0, 0), (0, None, 0), (None, 0, None), (0, 0, None)]
)
@pytest.mark.parametrize("pick", PICKS.values(), ids=list(PICKS))
def test_each_example_has_its_places(pick, axes):
    values = [
        x if a == 0 else x[0] for x, a in zip((X, FIRST, SECOND), axes, strict=True)
    ]
    for f in (written(pick), gd.grad(written(pick))):
        expected = np.stack(
            [
                f(*(v[k] if a == 0 else v for v, a in zip(values, axes, strict=True)))
                for k in range(N)
            ]
        )
        for executor in ("numpy", "native"):
            fast = gd.compile(gd.vmap(f, axes), executor=executor)
            np.testing.assert_allclose(fast(*values), expected, rtol=1e-11)
            loops = fast.stats()["programs"][0]["loops"]
            assert not [x for x in loops if x["loop"].startswith("each")]


def test_arrays_of_places_behind_a_slice_leave_the_examples_first():
    """There are as many examples as places: their axes have one length."""
    x, places = RNG.normal(size=(3, 2, 4, 5)), np.array([0, 3, 1])
    weights = np.arange(12.0).reshape(3, 4)

    def read(x, i):
        return np.sum(np.sin(x[0, :, i]) * weights)

    def write(x, i):
        y = x * 1.0
        y[0, :, i] = weights * x[1, 0, 0]
        return y

    for f in (read, write, gd.grad(read)):
        expected = np.stack([f(each, places) for each in x])
        for executor in ("numpy", "native"):
            fast = gd.compile(gd.vmap(f, (0, None)), executor=executor)
            np.testing.assert_allclose(fast(x, places), expected)


def test_a_map_of_loops_that_fill_arrays():
    def f(x, at):
        def step(y, k):
            y[at[k]] = y[at[k] - 1] * 0.9 + x[k]
            return y, None

        return np.sum(gd.scan(step, x * 0.0, np.arange(6))[0] ** 2)

    xs = RNG.normal(size=(3, 6))
    for at in (RNG.integers(-5, 6, size=(3, 6)), RNG.integers(0, 6, size=6)):
        axes = (0, 0 if at.ndim == 2 else None)
        every = at if at.ndim == 2 else [at] * 3
        for g in (f, gd.grad(f)):
            expected = np.stack([g(x, a) for x, a in zip(xs, every, strict=True)])
            for executor in ("numpy", "native"):
                fast = gd.compile(gd.vmap(g, axes), executor=executor)
                np.testing.assert_allclose(fast(xs, at), expected, rtol=1e-11)
