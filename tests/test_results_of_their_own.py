"""What loops, branches, maps and derivatives return is written unseen by others."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd

X = np.random.default_rng(0).uniform(0.2, 1.2, (3, 4))


def same(v):
    return v


def halved(carry):
    return carry * 0.5


def both_gradients(x):
    return gd.grad(lambda a, b: np.sum((a + b) ** 2), (0, 1))(x, x * 1.0)


RESULTS = {
    "a loop of no steps": lambda x: gd.while_loop(lambda c: np.sum(c) > 99.0, same, x),
    "a loop": lambda x: gd.while_loop(lambda c: np.sum(c) > 2.0, halved, x),
    "a scan": lambda x: gd.scan(lambda c, i: (c, None), x, np.arange(2.0))[0],
    "a scan of no steps": lambda x: gd.scan(lambda c, i: (c, i), x, np.empty(0))[0],
    "rows of a scan": lambda x: gd.scan(lambda c, i: (c, c), x, np.arange(2.0))[1][0],
    "a map": gd.vmap(same),
    "two results of a map": gd.vmap(lambda r: (r, r)),
    "a repeated row": lambda x: gd.vmap(lambda r, q: q, in_axes=(0, None))(x, x[0]),
    "a branch": lambda x: gd.cond(x[0, 0] > 0, same, lambda v: v * 2.0, x),
    "a part of a branch": lambda x: gd.cond(x[0, 0] > 0, np.transpose, np.transpose, x),
    "a checkpoint": gd.checkpoint(same),
    "a part of a checkpoint": gd.checkpoint(np.transpose),
    "a gradient": gd.grad(lambda v: np.sum(v * v) / 2.0),
    "two gradients": both_gradients,
    "a cotangent": lambda x: gd.vjp(same, x)[1](x)[0],
    "a part of a cotangent": lambda x: gd.vjp(np.transpose, x)[1](x.T)[0],
    "a tangent": lambda x: gd.jvp(same, (x,), (x,))[1],
    "a linear map's": lambda x: gd.linearize(same, x)[1](x),
    "a value": lambda x: gd.vjp(same, x)[0],
    "an auxiliary value": lambda x: gd.value_and_grad(
        lambda v: (np.sum(v), v), has_aux=True
    )(x)[0][1],
    "a compiled function's": gd.compile(same),
}


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_is_written_alone(name):
    def f(x):
        z = RESULTS[name](x)
        first, second = z if isinstance(z, tuple) else (z, x)
        first[0] += x[0, 0]
        x[1] *= 3.0
        first *= x[1, 1]
        return np.sum(first**2) + np.sum(x**3) + np.sum(second)

    value, slope = gd.value_and_grad(f)(X)
    np.testing.assert_allclose(value, f(X.copy()))
    step = np.cos(np.arange(X.size)).reshape(X.shape)
    along = (f(X + 1e-6 * step) - f(X - 1e-6 * step)) / 2e-6
    np.testing.assert_allclose(np.sum(slope * step), along, rtol=1e-6)
    for executor in ("numpy", "native"):
        fast = gd.compile(f, executor=executor)
        np.testing.assert_allclose(fast(X), value)
    fast = gd.compile(gd.grad(f))
    np.testing.assert_allclose(fast(X), slope)
