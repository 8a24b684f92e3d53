"""vmap: a loop outside compile, whole arrays inside; the same numbers."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError, CompileError, ShapeError
from chainrule.nodes.recorder import record
from tests.compiler.comparing import assert_same, follows
from tests.helpers import RULES, as_tuple, calls_of, is_inexact

X = np.linspace(-1.0, 2.0, 12).reshape(4, 3)
T = np.linspace(0.1, 1.0, 24).reshape(2, 4, 3)
V = np.array([0.5, -1.0, 2.0])


def test_axes_of_every_kind():
    cases = [
        (lambda x: x * 2, 0, 0, (X,)),
        (lambda x: x * 2, 1, 0, (X,)),
        (lambda x: x * 2, -1, 1, (X,)),
        (lambda x, v: x @ v, (0, None), 0, (X, V)),
        (lambda x, v: x * v, (1, 0), 1, (X, V)),
        (lambda x, v: (x * np.sum(v), v), (None, 0), -1, (X, V)),
        (lambda t: np.sum(t, axis=0), 1, 1, (T,)),
        (lambda t: t.T, 2, 2, (T,)),
        (lambda d, s: d["a"] * s + d["b"][0], (0, None), 0,
         ({"a": X, "b": [X[:, 0]]}, 2.0)),
        (lambda x, n: x**n, (0, None), 0, (X, 3)),
        (lambda x, n: x * n, 0, 0, (V, np.arange(3))),
        (lambda x: (np.argmax(x), x > 0, 3, np.float32(1)), 0, 0, (X,)),
    ]  # fmt: skip
    for f, in_axes, out_axes, arguments in cases:
        mapped = gd.vmap(f, in_axes, out_axes)
        assert_same(gd.compile(mapped)(*arguments), mapped(*arguments))
        follows(mapped, arguments, arguments)


def test_keywords_are_mapped_along_their_first_axis():
    f = gd.vmap(lambda x, *, s: x * s)
    follows(lambda x, s: f(x, s=s), (X, np.arange(4.0)), (X * 2, np.arange(4.0)))


TRANSFORMS = {
    "grad": gd.grad(lambda x: np.sum(np.sin(x) ** 2) + np.prod(x)),
    "value_and_grad": gd.value_and_grad(lambda x: np.sum(np.exp(x)) * x[0]),
    "jacobian": gd.jacobian(lambda x: np.tanh(x) * x[::-1]),
    "forward": gd.jacobian(lambda x: np.tanh(x) * x[::-1], mode="forward"),
    "hessian": gd.hessian(lambda x: np.sum(np.sin(x) * x[0])),
    "hvp": lambda x: gd.hvp(lambda y: np.sum(y**3) * y[0], x, np.ones(3)),
    "max": gd.grad(lambda x: np.max(x) * np.linalg.norm(x)),
    "sort": gd.grad(lambda x: np.sum(np.sort(x) * V)),
    "scan": lambda x: gd.scan(lambda c, v: (np.sin(c + v), c), 0.0, x),
    "grad of scan": gd.grad(
        lambda x: gd.scan(lambda c, v: (np.sin(c * v), c), 1.0, x)[0]
    ),
    "cond": lambda x: np.where(x > 0, np.sqrt(np.abs(x)), x),
    "solve": lambda x: np.linalg.solve(np.diag(x) + np.outer(V, V), x),
    "mean": lambda x: (x - np.mean(x)) / np.std(x),
    "cumsum": lambda x: np.cumsum(np.outer(x, V)) + np.cumprod(np.outer(x, V)),
    "argmax": lambda x: np.argmax(np.outer(x, V)) * np.argsort(x),
    "divmod": lambda x: np.divmod(x[0], V),
    "modf": lambda x: np.modf(np.outer(V, V) * x[1]),
    "einsum": lambda x: np.einsum("i,ij->j", x, np.outer(V, x)),
    "index": lambda x: (x[np.array([2, 0])], x[..., None], np.outer(x, V)[:, 1]),
    "mixed index": lambda x: np.outer(x, V)[:, None, :][0, :, np.array([0, 2])],
    "own place": lambda x: x[np.argmax(x)],
    "stack": lambda x: np.stack([x, V, np.cos(x)], axis=1),
    "concatenate": lambda x: np.concatenate([V, x, x[:1]]),
    "list": lambda x: np.array([x[0], 2.0, x[1] * x[2]]),
    "roll": lambda x: np.roll(np.outer(x, V), 1, axis=0) + np.roll(x, 2),
    "complex": lambda x: np.abs(np.fft.fft(x)) + np.real(np.exp(1j * x)),
    "matrix": lambda x: np.linalg.inv(np.eye(3) + np.outer(x, x)) @ x,
    "matrices": lambda x: (np.outer(x, V) @ np.ones((5, 3, 2)), V @ np.outer(x, x)),
    "interp": lambda x: np.interp(x, np.arange(-2.0, 4.0), np.arange(6.0) ** 2),
    "mask": lambda x: x * (x > 0.2) + np.clip(x, -0.3, 0.9),
    "all": lambda x: (np.all(x > 0), np.any(x > 0), np.sum(x > 0)),
}  # fmt: skip


@pytest.mark.parametrize("f", TRANSFORMS.values(), ids=TRANSFORMS)
def test_functions_and_their_derivatives_per_example(f):
    fast = follows(gd.vmap(f), (X,), (X[::-1] * 0.9,), (np.roll(X, 1, axis=1),))
    assert fast.stats()["retraces"] == 0


@pytest.mark.parametrize("name", ["grad", "jacobian", "scan", "max", "solve", "einsum",
                                  "index", "stack", "roll", "matrix", "divmod",
                                  "own place", "mean", "cumsum", "sort"])  # fmt: skip
def test_derivatives_of_a_mapped_function(name):
    def total(x):
        found = gd.vmap(TRANSFORMS[name])(x)
        return sum(np.sum(z**2) for z in as_tuple(found))

    follows(gd.grad(total), (X,), (X[::-1] * 0.9,), rtol=1e-11)
    pushed = lambda x: gd.jvp(total, (x,), (np.cos(x),))  # noqa: E731
    follows(pushed, (X,), (X * 0.9,), rtol=1e-11, scale=1.0)
    if name not in ("jacobian", "scan", "mean"):
        follows(gd.hessian(total), (X,), rtol=1e-10)


def test_nesting():
    def f(x, y):
        return np.sin(x) * y + np.sum(y)

    table = gd.vmap(gd.vmap(f, (None, 0)), (0, None))
    follows(table, (V, V * 2), (V + 1, V))
    follows(gd.vmap(gd.vmap(gd.grad(f, argnums=(0, 1)))), (X, X * 2), (-X, X))
    follows(gd.vmap(gd.vmap(np.linalg.norm), in_axes=1, out_axes=1), (T,), (T * 2,))
    follows(gd.jacobian(lambda x: table(x, V)), (V,), (-V,))
    follows(gd.vmap(gd.hessian(lambda v: np.sum(table(v, v)))), (X,), (-X,), rtol=1e-11)


def test_closures_over_arguments_and_constants():
    def f(x, w, s):
        a = np.tanh(w) * s
        return gd.vmap(lambda v: np.sum(np.sin(a * v)) + s * np.sum(V))(x)

    follows(f, (X, V, 2.0), (X, -V, 3.0))
    grads = gd.grad(lambda *a: np.sum(f(*a) ** 2), argnums=(0, 1, 2))
    follows(grads, (X, V, 2.0), (X * 2, -V, 3.0))


def test_a_mapped_constant_beside_a_traced_argument():
    table = X.copy()

    def f(x):
        return gd.vmap(lambda v, c: v * gd.grad(lambda u: np.sum(u[:2] ** 3))(c))(
            x, table
        )

    follows(f, (X[:, 0],), (X[:, 1],))
    fast = gd.compile(f)
    before = fast(X[:, 0])
    table[:] = 9.0
    assert_same(fast(X[:, 0]), before)
    follows(
        lambda x: gd.vmap(lambda v, s: v * gd.grad(np.sin)(s), (0, None))(x, 0.7), (V,)
    )


def test_loops_over_shared_values_inside():
    def f(x, w):
        def one(v):
            return v * gd.scan(lambda c, y: (np.sin(c + y), c), 0.0, w)[0]

        return gd.vmap(one)(x)

    follows(f, (V, V * 2), (V, -V))
    follows(gd.grad(lambda x, w: np.sum(f(x, w)), argnums=(0, 1)), (V, V * 2), (V, -V))
    follows(lambda x: gd.vmap(lambda v: gd.cond(
        x[0] > 0, lambda v: v**2, lambda v: -v, v))(x), (V,), (-V,))  # fmt: skip


def test_single_precision_stays():
    x = X.astype(np.float32)
    for f in (lambda v: v * 2.0 + 1, gd.grad(lambda v: np.sum(np.sin(v) * 2.0 + v**2))):
        follows(gd.vmap(f), (x,), (x * 2,), rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.bool_, np.int8, np.int64])
@pytest.mark.parametrize("product", [np.dot, np.matmul, np.inner])
def test_products_of_integers_keep_their_dtype(product, dtype):
    x = np.array([[100, 1, 100], [0, 0, 3]]).astype(dtype)
    follows(gd.vmap(product), (x, np.ones_like(x)), (x, x))
    follows(gd.vmap(product, in_axes=(0, None)), (x, x[0]))


def test_one_example_and_many():
    for n in (1, 2, 300):
        x = np.linspace(0.0, 1.0, 3 * n).reshape(n, 3)
        follows(gd.vmap(TRANSFORMS["grad"]), (x,))


@pytest.mark.parametrize("compiled", [False, True])
def test_errors(compiled):
    run = gd.compile if compiled else lambda f: f
    with pytest.raises(ShapeError, match="one number of examples"):
        run(gd.vmap(lambda x, y: x))(X, V)
    with pytest.raises(ShapeError, match="no axis 2"):
        run(gd.vmap(lambda x: x, in_axes=2))(X)
    with pytest.raises(ShapeError, match="one example or more"):
        run(gd.vmap(lambda x: x))(X[:0])
    with pytest.raises(ArgumentError, match="in_axes"):
        run(gd.vmap(lambda x: x, in_axes=(0, 0)))(X)
    with pytest.raises(ArgumentError, match="needs a function"):
        gd.vmap(3.0)


def test_a_python_branch_per_example_is_refused():
    with pytest.raises(CompileError, match=r"np\.where"):
        gd.compile(gd.vmap(lambda v: v if v > 0 else -v))(V)


CALLS = list(chain.from_iterable(map(calls_of, RULES)))


@pytest.mark.thinned(2)
@pytest.mark.parametrize("call", CALLS, ids=lambda c: c.label)
def test_every_rule_is_mapped(call):
    values = call.draw()
    moving = [i for i in call.moving(values) if np.size(values[i])]
    if not moving:
        pytest.skip("nothing to map over")

    def one(*operands):
        filled = list(values)
        for i, x in zip(moving, operands, strict=True):
            filled[i] = x
        found = as_tuple(record(call.rule, filled, call.parameters))
        return tuple(
            z for z in found if getattr(z, "dtype", np.dtype(float)).kind in "fc"
        )

    def pulled(*operands):
        found, pull = gd.vjp(one, *operands)
        return pull(tuple(gd.value(np.cos(np.real(z))) for z in found))

    # On a busy machine the first call is native code, which rounds float32 by itself.
    single = call.parameters.get("dtype") in (np.float32, "float32")
    scales = (1.0, 0.875, 0.9375)
    stacked = [np.stack([np.asarray(values[i]) * s for s in scales]) for i in moving]
    with np.errstate(all="ignore"):
        for f in (one, pulled):
            try:
                expected = gd.vmap(f)(*stacked)
            except np.linalg.LinAlgError:
                pytest.skip("scaled operands leave the domain")
            found = gd.compile(gd.vmap(f))(*stacked)
            for z, e in zip(found, expected, strict=True):
                if is_inexact(e):
                    assert_same(z, e, 1e-6 if single else 1e-11)


@pytest.mark.parametrize(
    "f",
    [
        lambda x, y: np.array([x, x]) * y,
        lambda x, y: y - np.array([[x], [y]]),
        lambda x, y: np.full(3, x) * np.r_[y, x, 1.0],
        lambda x, y: np.maximum(np.array([x, 0.5]), y),
        lambda x, y: np.array([x, y]) @ np.array([[x, 1.0], [y, 2.0]]),
    ],
)
def test_arrays_made_of_values(f):
    a, b = np.array([1.0, 2.0, -1.0]), np.array([0.5, -2.0, 3.0])
    follows(f, (2.0, 3.0), (-1.0, 0.5))
    follows(gd.vmap(f), (a, b), (b, a))
    follows(gd.vmap(gd.jacobian(f)), (a, b), (b, a))


@pytest.mark.parametrize(
    "f",
    [
        lambda x, y: np.sum(np.array([x, x]) * y),
        lambda x, y: (y + np.array([x, x * 2]))[1] * y,
        lambda x, y: np.dot(np.array([x, x * x]), np.ones(2) * y),
        lambda x, y: np.sum(np.where(y > 0, np.array([x, x * x]), 0.0)),
        lambda x, y: np.sum(np.where(y > 0, [x, x * x], 0.0)),
        lambda x, y: np.max(np.maximum(np.array([x, x * x]), y)),
        lambda x, y: np.sum(np.concatenate([np.array([x, x * x]), np.ones(1) * y])),
        lambda x, y: np.sum(np.add.outer(np.array([x, x * x]), y)),
    ],
)
def test_arrays_made_of_nodes_beside_values_that_are_not_differentiated(f):
    for g in (gd.grad(f), gd.hessian(f)):
        follows(g, (2.0, 3.0), (1.5, -2.0))
        follows(g, (1.5, -2.0), (2.0, 3.0))
