"""``gd.source`` is runnable NumPy code, and ``gd.program`` prints the rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError, CompileError
from tests.compiler.comparing import assert_same

X = np.array([0.5, -1.0, 2.0, 3.5])
TABLE = np.linspace(-1.0, 1.0, 400).reshape(4, 100)


@dataclass
class Layer:
    weights: np.ndarray
    bias: float


def guarded(x):
    while np.sum(x) < 50.0:
        x = x * 1.5 + 1.0
    return x if x[0] > 3 else -x


def scanned(x):
    return gd.scan(lambda c, v: (np.sin(c + v), c * v), 0.1, x)


def large_constant(x):
    return TABLE @ (x @ TABLE) + TABLE[:, 0] - 1e-300 + np.array([np.inf, 1, 2, 3])


CALLS = {
    "numbers": (lambda x, y: x * y - 2.0 / x + (-3.0) ** 2 - -x, (2.0, 3.0)),
    "precedence": (lambda x, y: (x - (y - x)) / (y / x) ** -y * -(x + y), (2.0, 3.0)),
    "powers": (lambda x, y: (x**y) ** x + x ** (y**x) + (-x) ** 2 + 2.0**x, (1.5, 1.2)),
    "comparisons": (lambda x, y: ((x < y) & (y >= 2), x == y, ~(x != y)), (X, X[::-1])),
    "gradient": (gd.grad(lambda x: np.sum(np.sin(x) * x**2)), (X,)),
    "value_and_grad": (gd.value_and_grad(lambda x, y: np.sum(x) * y), (X, 2.0)),
    "hessian": (gd.hessian(lambda x: np.sum(x**3) * x[0]), (X,)),
    "jacobian": (gd.jacobian(lambda x: np.cumsum(np.sin(x) * x[::-1])), (X,)),
    "columns": (gd.jacobian(lambda x: x[:, None] * x + TABLE[:, :4] @ x,
                            mode="forward"), (X,)),
    "jacobian of a scan": (gd.jacobian(lambda x: scanned(x)[1]), (X,)),
    "containers": (
        lambda p, *, scale: {"z": (p["w"][0] * scale, [p["b"], None]), "n": "text"},
        ({"w": (X, 2.0), "b": 3.0},),
        {"scale": 2.0},
    ),
    "dataclass": (lambda p: Layer(p.weights * p.bias, p.bias), (Layer(X, 2.0),)),
    "names": (lambda x, x_0, v1, np_=2.0: x[0] - 2 * x[1] + 3 * x_0 * v1,
              ((1.0, 2.0), 5.0, 7.0)),
    "nested names": (lambda x, x_0: x[0] + 2 * x_0[0] + 3 * x_0[1],
                     ([1.0, 2.0], [5.0, 7.0])),
    "several arguments": (lambda *xs: xs[0] * xs[1] - xs[2], (1.0, 2.0, 4.0)),
    "static": (lambda x, n: x**n + n, (2.0, 3)),
    "string": (lambda x, how: np.sin(x) if how == "sin" else x, (2.0, "sin")),
    "guards": (guarded, (X,)),
    "constants": (large_constant, (X,)),
    "special constants": (lambda x: x * np.inf + x * -np.inf + np.nan, (X,)),
    "complex": (lambda z: np.sqrt(z * (1 - 2j)) + (1j) ** z + np.conj(z), (X * 1j,)),
    "single": (lambda x: x * 2.0 + np.float32(0.1) + np.ones(4, np.float32), (
        X.astype(np.float32),)),
    "indices": (lambda x: (x[1:], x[::-1], x[None, :, None], x[..., 1], x[x > 0],
                           x[np.array([1, 3])], x[np.argmax(x)]), (X,)),
    "functions": (lambda x: (np.linalg.norm(x), np.where(x > 0, x, 0), np.sort(x),
                             np.fft.fft(x), np.add.reduce(x), np.concatenate([x, X]),
                             np.einsum("i,i->", x, x), np.clip(x, 0, 1)), (X,)),
    "scan": (scanned, (X,)),
    "gradient of a scan": (gd.grad(lambda x: scanned(x)[0]), (X,)),
    "cond": (lambda x: gd.cond(x[0] > 0, np.sin, np.exp, x), (X,)),
    "while": (lambda x: gd.while_loop(lambda c: np.sum(c) < 99.0,
                                        lambda c: c * 2, x), (X,)),
    "vmap": (gd.vmap(gd.grad(lambda x: np.sin(x) * x)), (X,)),
    "mapped over": (lambda x: gd.vmap(np.linalg.qr)(
        np.outer(x, x).reshape(4, 2, 2)), (X,)),
    "cast": (lambda x: x.astype(np.float32).astype(float), (np.float64(0.1),)),
    "integers": (lambda n, x: x[:n] * n // 2 % 3, (3, np.arange(5))),
}  # fmt: skip


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_the_text_gives_the_same_numbers(call):
    f, arguments, *rest = call
    keywords = rest[0] if rest else {}
    fast = gd.compile(f, static=("n",) if f is CALLS["static"][0] else ())
    expected = fast(*arguments, **keywords)
    text = gd.source(fast)
    names = dict(text.constants)
    exec(text, names)
    given = [x for x in arguments if not isinstance(x, str)]
    given = given[:1] if f is CALLS["static"][0] else given
    run = names[fast.__name__ if fast.__name__.isidentifier() else "f"]
    with np.errstate(all="ignore"):
        assert_same(
            run(*given, **keywords), expected, 1e-6 if "float32" in text else 1e-12
        )


def test_the_text_reads_as_the_user_wrote_it():
    fast = gd.compile(gd.grad(lambda height, width: height * width + height**2))
    fast(2.0, 3.0)
    text = gd.source(fast)
    assert text.startswith("import numpy as np")
    assert "def f(height, width):" in text
    assert not text.constants.keys() - {"np"}
    assert max(map(len, text.splitlines())) < 60


def test_the_text_is_that_of_the_path_that_ran_last():
    fast = gd.compile(lambda x: np.sin(x) if x > 0 else np.exp(x))
    for x, name in ((1.0, "np.sin"), (-1.0, "np.exp"), (2.0, "np.sin")):
        fast(x)
        assert name in gd.source(fast)
        assert name in gd.program(fast)


def test_large_constants_have_names():
    fast = gd.compile(large_constant)
    fast(X)
    text = gd.source(fast)
    assert any(v is not np and np.shape(v) == (4, 100) for v in text.constants.values())
    assert len(text) < 1000


def test_a_program_prints_its_rows():
    fast = gd.compile(gd.value_and_grad(lambda x, w: np.sum(np.sin(x @ w) ** 2)))
    fast(np.ones((2, 3)), np.ones(3))
    lines = gd.program(fast).splitlines()
    assert lines[0].startswith("x ")
    assert lines[0].endswith("# float64[2, 3]")
    assert any("np.sin(" in line and "float64[2]" in line for line in lines)
    assert lines[-1].startswith("return ")
    rows = fast.stats()["programs"][0]["rows"]
    assert len(lines) == min(rows.values()) + 3


def test_what_was_not_compiled_has_no_text():
    for show in (gd.source, gd.program):
        with pytest.raises(ArgumentError, match="compiled function"):
            show(np.sin)
        with pytest.raises(CompileError, match="Call it once"):
            show(gd.compile(np.sin))


@pytest.mark.parametrize(
    "order", [np.less, np.less_equal, np.greater, np.greater_equal]
)
def test_numpy_orders_complex_numbers(order):
    fast = gd.compile(lambda z: (order(z, 1j), order(2.0, z), order(z, z)))
    for z in (1 + 1j, -1 - 2j, 2 + 0j):
        assert fast(z) == fast.f(z)
