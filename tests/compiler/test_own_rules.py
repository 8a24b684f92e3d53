"""Rules declared outside the package have all forms that their traits give them."""

from __future__ import annotations

import math

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.sparsity import plans
from chainrule.compiler.tape.lowering import Builder
from chainrule.rules import REGISTRY, elementwise, general, linear
from chainrule.wrapping import operation
from tests.compiler.comparing import follows
from tests.compiler.test_sparsity import always_few, largest

_known = list(REGISTRY)


class delayed_grad(linear):
    """z[i] = x[i - by] along the last axis, zeros in front"""

    moves = nonnegative = structural = True

    @staticmethod
    def forward(x, *, by=1):
        z = np.zeros_like(np.asarray(x))
        z[..., by:] = x[..., :-by]
        return z

    @staticmethod
    def transpose_x(xp, z_grad, x, *, by=1):
        index = (..., slice(0, np.shape(x)[-1] - by))
        return xp.unindex(z_grad[..., by:], index=index, shape=np.shape(x))


class total_grad(linear):
    """z = sum(x) along the axis"""

    nonnegative = True
    axes = ("axis",)
    reduces = np.add

    @staticmethod
    def forward(x, *, axis=None):
        return np.apply_over_axes(np.sum, np.asarray(x), axis or 0).sum(axis)

    @staticmethod
    def transpose_x(xp, z_grad, x, *, axis=None):
        kept = z_grad if axis is None else xp.expand_dims(z_grad, axis)
        return xp.broadcast_to(kept, np.shape(x))


class softplus_grad(elementwise):
    """z = log(1 + exp(x))"""

    @staticmethod
    def forward(x):
        return np.log1p(np.exp(np.asarray(x)))

    @staticmethod
    def d_x(xp, z, x):
        return 1.0 - xp.exp(-z)


class root_of_number_grad(elementwise):
    """z = sqrt(x), of numbers alone"""

    @staticmethod
    def forward(x):
        return math.sqrt(x)

    @staticmethod
    def d_x(xp, z, x):
        return 0.5 / z


class symmetric_grad(general):
    """z = x x^T"""

    signature = "(m,n)->(m,m)"

    @staticmethod
    def forward(x):
        x = np.asarray(x)
        return x @ np.swapaxes(x, -1, -2)

    @staticmethod
    def pullback(xp, z_grad, z, x):
        return (xp.matmul(z_grad + xp.swapaxes(z_grad, -1, -2), x),)

    @staticmethod
    def pushforward(xp, tangents, z, x):
        half = xp.matmul(tangents[0], xp.swapaxes(x, -1, -2))
        return half + xp.swapaxes(half, -1, -2)


class running_grad(linear):
    """z[k] = sum of x[i] for i <= k, along the axis"""

    axes = ("axis",)
    flattens = True

    @staticmethod
    def forward(x, *, axis=None):
        flat = np.ravel(np.asarray(x)) if axis is None else np.asarray(x)
        return np.add.accumulate(flat, 0 if axis is None else axis)

    @staticmethod
    def transpose_x(xp, z_grad, x, *, axis=None):
        turned = xp.flip(xp.cumsum(xp.flip(z_grad, axis=axis), axis=axis), axis=axis)
        return xp.reshape(turned, np.shape(x))


REGISTRY[:] = _known
delayed, total = operation(delayed_grad), operation(total_grad)
softplus, root = operation(softplus_grad), operation(root_of_number_grad)
symmetric, running = operation(symmetric_grad), operation(running_grad)
X = np.linspace(0.5, 2.0, 120).reshape(5, 4, 6)
FUNCTIONS = {
    "moved": lambda x: delayed(np.sin(x), by=2) * x,
    "reduced": lambda x: total(np.exp(x), axis=0) * x,
    "reduced to a number": lambda x: total(x[0] ** 2) * x,
    "entry by entry": lambda x: softplus(x) * x,
    "of matrices": lambda x: symmetric(x) @ x,
    "along an axis": lambda x: running(x * x, axis=-1) + running(x * x).reshape(4, 6),
}
ORDERS = {
    "value": lambda f: f,
    "reverse": gd.jacobian,
    "forward": lambda f: gd.jacobian(f, mode="forward"),
}
per = pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)


@per
@pytest.mark.parametrize("order", ORDERS)
def test_examples_run_together(f, order):
    g = ORDERS[order](f)
    fast = follows(gd.vmap(g), (X,), (X[::-1],), rtol=1e-11, executor="numpy")
    assert "each_" not in gd.program(fast)


def test_a_function_of_numbers_is_called_for_each_example():
    fast = follows(gd.vmap(lambda x: root(x) * x), (X[0, 0],), (X[0, 1],))
    assert "each_root_of_number" in gd.program(fast)


FLAT = {
    "moved": lambda x: delayed(np.sin(x)) * x,
    "reduced": lambda x: total(np.sin(x).reshape(6, 4), axis=1),
}
flat = pytest.mark.parametrize("f", FLAT.values(), ids=FLAT)


@flat
def test_jacobians_run_on_the_entries_that_are_not_zero(f, monkeypatch):
    always_few(monkeypatch)
    x = X[0].ravel()
    for mode in ("reverse", "forward"):
        fast = follows(gd.jacobian(f, mode=mode), (x,), (x + 1.0,), executor="numpy")
        sweeps = x.size if mode == "forward" else np.size(f(x))
        assert largest(fast) <= sweeps * x.size // plans.FILLED
        assert "each_" not in gd.program(fast)


@flat
def test_a_tape_has_them(f):
    x = X[0].ravel()
    for g in (f, lambda x: gd.jvp(f, (x,), (x,))[1]):
        fast = follows(g, (x,), (x + 1.0,), executor="vm")
        assert not Builder(fast.newest()[1].program).called
