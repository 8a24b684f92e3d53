"""What computed masks pick in the bodies of loops and maps."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import CompileError

X = np.random.default_rng(0).uniform(0.2, 1.2, (3, 4))


def added(r):
    r[r > 0.6] += 0.5 * r[0]
    r[r < 0.4] *= 0.9
    return r


def computed(r):
    y = r * 1.0
    y[r > 0.6] = 2 * r[r > 0.6] - y[r > 0.6] ** 2 * r[0]
    mask = y < 0.4
    y[mask] += 0.5 * r[mask] ** 2
    y[~mask] /= y[1]
    return y


def of_buffers(r):
    z, counts = np.zeros_like(r), gd.zeros(4, int)
    z[r > 0.6] += r[0]
    z[r <= 0.6] = r[r <= 0.6]
    counts[r > 0.5] += 2
    counts[r <= 0.5] -= 1
    return z * counts


def of_rows(r):
    z, mask = np.outer(r, np.arange(1.0, 4.0)), r > 0.6
    z[mask] *= np.array([1.0, 2.0, 3.0])
    z[mask] = z[mask] * r[1]
    return np.sum(z * z, axis=1)


def in_vmap(f):
    return gd.vmap(f)


def in_scan(f):
    def step(carry, row):
        return 0.5 * carry + f(row), None

    return lambda x: gd.scan(step, np.zeros(4), x)[0]


def in_while(f):
    def body(state):
        y, i = state
        return 0.9 * f(y) + 0.05, i + 1

    return lambda x: gd.while_loop(lambda s: s[1] < 4, body, (x[0], 0))[0]


@pytest.mark.parametrize("repeated", [in_vmap, in_scan, in_while])
@pytest.mark.parametrize("f", [added, computed, of_buffers, of_rows])
@pytest.mark.parametrize("executor", ["numpy", "native"])
def test_masks_that_pick_another_number_in_each_step(f, repeated, executor):
    g = repeated(f)

    def loss(x):
        return np.sum(np.sin(g(x)))

    def curve(x):
        return gd.hvp(loss, x, np.cos(x))

    def pushed(x):
        return gd.jvp(loss, (x,), (np.cos(x),))[1]

    for h in (g, gd.grad(loss), pushed, curve):
        fast = gd.compile(h, executor=executor)
        for x in (X, X[::-1] + 0.1, X**2, X * 0.3, X + 1.0):
            np.testing.assert_allclose(fast(x), h(x), rtol=1e-9, atol=1e-11)


def in_a_dictionary(r):
    kept = {}
    kept["large"] = r[r > 0.6]
    return r * len(kept["large"])


def in_a_list(r):
    kept = [0.0]
    kept[0] += r[r > 0.6]
    return r * kept[0].size


def beside(r):
    y, mask = r * 1.0, r > 0.6
    y[mask] = r[mask]
    return y * len(r[mask])


def through_a_name(r):
    y, mask = r * 1.0, r > 0.6
    large = r[mask]
    y[mask] = large / large.size
    return y


COUNTING = [in_a_dictionary, in_a_list, beside, through_a_name]


@pytest.mark.parametrize("f", COUNTING)
@pytest.mark.parametrize("repeated", [in_vmap, in_scan])
def test_numbers_of_entries_that_python_reads_are_refused(f, repeated):
    g = repeated(f)
    assert g(X).shape
    with pytest.raises(CompileError, match="shape"):
        gd.compile(g)(X)


@pytest.mark.parametrize("f", [*COUNTING, added, computed])
def test_a_number_of_entries_decides_outside_of_bodies(f):
    fast = gd.compile(lambda x: f(np.copy(x)))
    for x in (X[0], X[1], X[2], X[0] + 1.0):
        np.testing.assert_allclose(fast(x), f(x.copy()))
