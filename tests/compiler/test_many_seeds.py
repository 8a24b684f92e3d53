"""Compiled Jacobians and Hessians: one sweep is traced, and run for all seeds."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.native import llvm as native
from chainrule.nodes.recorder import record
from chainrule.transforms import matrices
from chainrule.values.shapes import dtype_of
from tests.compiler.comparing import assert_same, follows
from tests.helpers import OF_SCIPY, RULES, as_tuple, calls_of

X = np.linspace(0.5, 2.0, 4)
W = np.linspace(-1.0, 1.0, 12).reshape(4, 3)
M = np.diag(np.arange(1.0, 5.0)) + 0.1 * np.outer(X, X[::-1])
SMALL = 30
CALLS = list(chain.from_iterable(map(calls_of, RULES)))
PER_EXAMPLE = {"each_convolve", *(f"each_{r.forward.__name__}" for r in OF_SCIPY)}


def rows_of(fast):
    return fast.newest()[1].program.rows


def function_of(call):
    """Return a call's inexact results as a function of its inexact operands."""
    values = call.draw()
    moving = call.moving(values)

    def f(*operands):
        filled = list(values)
        for i, x in zip(moving, operands, strict=True):
            filled[i] = x
        results = as_tuple(record(call.rule, filled, call.parameters))
        return [z for z in results if dtype_of(gd.value(z)).kind in "fc"]

    return f, [values[i] for i in moving]


@pytest.mark.parametrize("mode", ["reverse", "forward"])
@pytest.mark.parametrize("call", CALLS, ids=[c.label for c in CALLS])
@np.errstate(all="ignore")
def test_the_jacobian_of_every_operation_is_that_of_eager(call, mode):
    f, operands = function_of(call)
    if sum(map(np.size, operands)) > SMALL or (mode == "forward" and not operands):
        pytest.skip("large")
    g = gd.jacobian(f, tuple(range(len(operands))), mode=mode)
    fast = gd.compile(g, executor="numpy")
    for scale in (1.0, 0.875):
        moved = [x * scale for x in operands]
        assert_same(fast(*moved), g(*moved), 1e-11)
    names = {getattr(row.function, "__name__", "") for row in rows_of(fast)}
    assert {n for n in names if n.startswith("each_")} <= PER_EXAMPLE


def wave(x):
    return np.sin(x) * x[::-1] + np.sum(x) ** 2


def valley(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def network(x, w):
    return np.tanh(np.tanh(x @ w) @ w.T)


def summed(f):
    return lambda *xs: np.sum(np.cos(f(*xs)))


def recurrent(c, w):
    def step(c, x):
        c = np.tanh(w @ c[:3] + x)
        return c, np.sum(c) * x

    return gd.scan(step, c, np.outer(X, X))


def in_steps(xs):
    def step(c, x):
        return c + gd.jacobian(lambda v: np.sin(v) * v[::-1])(x) @ x, x

    return gd.scan(step, np.zeros(3), xs)[0]


def choice(x):
    return gd.cond(x[0] > 1.0, np.sin, np.exp, x * x)


def root(x):
    return gd.while_loop(lambda y: np.sum(np.abs(y * y - x)) > 1e-9,
                         lambda y: (y + x / y) / 2, x)  # fmt: skip


def captured(x):
    return gd.jacobian(lambda y: y * np.sum(x) + np.outer(x, y)[0])(np.cos(x))


def halved_pullback(z_grad, z, x):
    return (z_grad / 2 if np.max(z_grad) > 0.0 else 0.0 * x,)


halved = gd.custom_operation(lambda x: x / 2, halved_pullback)


CASES = {
    "rows": (gd.jacobian(wave), (X,)),
    "columns": (gd.jacobian(wave, mode="forward"), (X,)),
    "matrix of a matrix": (gd.jacobian(lambda w: w.T @ w), (W,)),
    "columns of a matrix": (gd.jacobian(lambda w: w.T @ w, mode="forward"), (W,)),
    "several inputs": (gd.jacobian(network, (0, 1)), (X, W)),
    "several inputs, columns": (gd.jacobian(network, (1, 0), mode="forward"), (X, W)),
    "numbers": (gd.jacobian(lambda x, y: np.stack([x * y, x, x**y]), (0, 1)),
                (2.0, 3.0)),
    "a number of an array": (gd.jacobian(lambda x: np.sum(x**3)), (X,)),
    "an array of a number": (gd.jacobian(lambda x: x * X**x), (1.5,)),
    "containers": (
        gd.jacobian(lambda p: {"a": p["u"] * p["v"], "b": [p["u"] @ X, 1.0]}),
        ({"u": X, "v": 2.0, "name": "w"},),
    ),
    "absent": (gd.jacobian(lambda x, y: (x * 2.0, np.sin(y)), (0, 1)), (X, X)),
    "absent, columns": (gd.jacobian(lambda x, y: (x * 2.0, np.sin(y)), (0, 1),
                                    mode="forward"), (X, X)),
    "of no input": (gd.jacobian(lambda x, y: (y * y, x)), (X, X)),
    "constant": (gd.jacobian(lambda x: np.ones(3)), (X,)),
    "linear": (gd.jacobian(lambda x: 2.0 * x[::2] - x[1::2]), (X,)),
    "empty": (gd.jacobian(lambda x: x[:0]), (X,)),
    "one entry": (gd.jacobian(lambda x: x[:1] * x), (X,)),
    "single precision": (gd.jacobian(network, (0, 1)),
                         (X.astype(np.float32), W.astype(np.float32))),
    "mixed precision": (gd.jacobian(network, (0, 1)), (X.astype(np.float32), W)),
    "integers": (gd.jacobian(lambda x, n: x[n] * n), (X, np.array([0, 2, 2]))),
    "a place of its own": (gd.jacobian(lambda x: x * x[np.argmax(x)]), (X,)),
    "complex result": (gd.jacobian(lambda x: np.exp(1j * x) * x[0]), (X,)),
    "complex inside": (gd.jacobian(lambda x: np.abs(np.fft.fft(x)) ** 2), (X,)),
    "sort": (gd.jacobian(lambda x: np.sort(np.sin(3 * x)) * np.max(x)), (X,)),
    "triangle": (gd.jacobian(lambda x: np.linalg.cholesky(M + np.diag(x))), (X,)),
    "solve": (gd.jacobian(lambda x: np.linalg.solve(M + np.diag(x), x)), (X,)),
    "solve many": (gd.jacobian(lambda x: np.linalg.solve(M, np.outer(x, x))), (X,)),
    "eigenvalues": (gd.jacobian(lambda x: tuple(np.linalg.eigh(M + M.T + np.diag(x)))),
                    (X,)),
    "hessian": (gd.hessian(valley), (X,)),
    "hessian of several": (gd.hessian(summed(network), (0, 1)), (X, W)),
    "hessian of a tuple": (gd.hessian(
        lambda x: np.sum(np.linalg.eigh(M + M.T + np.diag(x))[0] ** 3)), (X,)),
    "jacobian of jacobian": (gd.jacobian(gd.jacobian(wave)), (X,)),
    "both directions": (gd.jacobian(gd.jacobian(wave, mode="forward")), (X,)),
    "directions reversed": (gd.jacobian(gd.jacobian(wave), mode="forward"), (X,)),
    "jacobian of hessian": (gd.jacobian(gd.hessian(valley)), (X,)),
    "hessian in grad": (gd.grad(summed(gd.hessian(valley))), (X,)),
    "jacobian in grad": (gd.grad(summed(gd.jacobian(network, 1)), (0, 1)), (X, W)),
    "columns in grad": (gd.grad(summed(gd.jacobian(network, mode="forward")), (0, 1)),
                        (X, W)),
    "hessian of a sum of jacobians": (gd.hessian(summed(gd.jacobian(wave))), (X,)),
    "tuples in grad": (gd.grad(summed(gd.hessian(
        lambda x: np.linalg.slogdet(M + np.diag(x))[1] ** 2))), (X,)),
    "jacobian along a vector": (lambda x: gd.jvp(gd.jacobian(wave), (x,), (X,))[1],
                                (X,)),
    "vmap of jacobian": (gd.vmap(gd.jacobian(wave)), (W,)),
    "vmap of hessian": (gd.vmap(gd.hessian(valley)), (W,)),
    "jacobian of vmap": (gd.jacobian(gd.vmap(wave)), (W,)),
    "captured": (captured, (X,)),
    "captured in vmap": (gd.vmap(captured), (W,)),
    "derivative of captured": (gd.jacobian(captured), (X,)),
    "of a scan": (gd.jacobian(recurrent, (0, 1)), (X, np.eye(4, 3))),
    "columns of a scan": (gd.jacobian(recurrent, (0, 1), mode="forward"),
                          (X, np.eye(4, 3))),
    "hessian of a scan": (gd.hessian(lambda c, w: np.sum(recurrent(c, w)[1]), (0, 1)),
                          (X, np.eye(4, 3))),
    "hessian of a scan in grad": (gd.grad(lambda c, w: np.sum(gd.hessian(
        lambda c: np.sum(recurrent(c, w)[1]))(c) ** 2), (0, 1)), (X, np.eye(4, 3))),
    "in a scan": (in_steps, (W,)),
    "derivative in a scan": (gd.jacobian(in_steps), (W,)),
    "of a cond": (gd.jacobian(choice), (X,)),
    "of a while loop": (gd.jacobian(root, mode="forward"), (X,)),
    "of a branching derivative": (gd.jacobian(lambda x: halved(x * x)), (X,)),
    "of a compiled function": (gd.jacobian(gd.compile(wave)), (X,)),
}  # fmt: skip


@pytest.mark.parametrize("executor", ["numpy", "vm"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_compiled_is_eager(case, executor):
    if executor == "vm" and not native.available():
        pytest.skip("the VM needs llvmlite")
    f, arguments = case
    other = [x if np.asarray(x).dtype.kind in "iOUS" else x * 0.875 for x in arguments]
    rtol = 1e-4 if any(is_single(x) for x in arguments) else 1e-9
    fast = follows(f, arguments, other, rtol=rtol, executor=executor)
    assert fast.stats()["nan_reruns"] == 0


def is_single(x):
    return getattr(x, "dtype", None) == np.float32


GROWING = {
    "rows": gd.jacobian(wave),
    "columns": gd.jacobian(wave, mode="forward"),
    "hessian": gd.hessian(valley),
    "hessian in grad": gd.grad(summed(gd.hessian(valley))),
    "jacobian of jacobian": gd.jacobian(gd.jacobian(wave)),
    "hessian of a scan": gd.hessian(
        lambda xs: gd.scan(lambda c, x: (np.sin(c * x), c), 0.5, xs)[0]
    ),
}


@pytest.mark.parametrize("f", GROWING.values(), ids=GROWING)
def test_the_program_does_not_grow_with_the_number_of_seeds(f):
    counts: list[int] = []
    for n in (5, 11):
        fast = gd.compile(f)
        fast(np.linspace(0.5, 1.5, n))
        counts.append(fast.stats()["programs"][0]["rows"]["traced"])
    assert counts[0] == counts[1]


def test_only_the_sweep_is_repeated():
    fast = gd.compile(gd.jacobian(lambda x: np.sin(np.exp(x))))
    fast(X)
    shapes = {row.function: row.shape for row in rows_of(fast)}
    assert shapes[np.exp] == shapes[np.cos] == (4,)
    assert shapes[np.multiply] == (4, 4)


def test_large_values_are_swept_for_some_seeds_at_a_time(monkeypatch):
    f = gd.jacobian(lambda x: np.tanh(np.outer(x, X)) @ X)
    x = np.linspace(0.0, 1.0, 10)
    whole = gd.compile(f)
    whole(x)
    monkeypatch.setattr(matrices, "AT_ONCE", 3 * 40)
    blocks = follows(f, (x,), (x + 1.0,), executor="numpy")
    assert max(np.prod(row.shape) for row in rows_of(whole)) == 400
    shapes = {row.shape for row in rows_of(blocks)}
    assert {(3, 10, 4), (1, 10, 4)} <= shapes
    assert (10, 10, 4) not in shapes


def test_a_nan_in_a_derivative_is_looked_at_by_eager():
    f = gd.jacobian(lambda x: np.where(x > 0, np.sqrt(x), 0.0))
    fast = gd.compile(f)
    for x in (X, np.array([1.0, 0.0, 4.0]), X, np.array([1.0, 0.0, 9.0])):
        assert_same(fast(x), f(x))
    assert fast.stats()["nan_reruns"] == 2


def test_a_nan_that_no_argument_changes_is_looked_at_by_eager():
    poles = np.array([1.0, np.inf, 2.0])
    f = gd.jacobian(lambda x: np.where(np.isinf(poles), 0.0, x * poles))
    fast = gd.compile(f)
    for x in (X[:3], -X[:3]):
        with np.errstate(all="ignore"):
            assert_same(fast(x), f(x))
    assert np.isfinite(fast(X[:3])).all()


def test_what_is_the_same_in_every_call_is_computed_once():
    fast = gd.compile(gd.jacobian(lambda x: np.cumsum(x[::2]) * 3.0))
    np.testing.assert_array_equal(fast(X), [[3, 0, 0, 0], [3, 0, 3, 0]])
    assert not rows_of(fast)


@pytest.mark.parametrize(
    "f",
    [
        gd.jacobian(lambda c, w: recurrent(c[0], w), (0, 1)),
        gd.vmap(recurrent, (0, None)),
    ],
)
def test_a_scan_of_many_examples_is_one_scan(f):
    arguments = np.stack([X, -X, X / 2]), np.eye(4, 3)
    fast = follows(f, arguments)
    names = [getattr(row.function, "__name__", "") for row in rows_of(fast)]
    assert not any(name.startswith("each_") for name in names)
