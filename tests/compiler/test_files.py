"""Programs in files: what is saved is what runs, and no file can do more than that."""

from __future__ import annotations

import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.dispatch import compiled as dispatch
from chainrule.compiler.files import saving
from chainrule.compiler.native import llvm
from chainrule.errors import CompileError, FileError
from chainrule.nodes.recorder import record
from chainrule.scipy.sparse.patterns import Pattern
from tests.compiler.comparing import assert_same
from tests.helpers import RULES, as_tuple, calls_of, is_inexact, noise

EXECUTORS = ["auto", "numpy", *(["vm", "native"] if llvm.available() else [])]


@pytest.fixture
def untraced(monkeypatch):
    """Have a trace of anything be an error, when it is called."""

    def forbid():
        def specialise(*args):
            raise AssertionError("traced")

        monkeypatch.setattr(dispatch, "specialise", specialise)

    return forbid


def loaded(fast, max_bytes=1 << 24):
    return saving.loaded_from(saving.text_of(fast).encode(), max_bytes)


def again(f, *calls, **options):
    """Compile a function, call it, and return it as it is loaded from its text."""
    fast = gd.compile(f, **options)
    for arguments in calls:
        fast(*arguments)
    return loaded(fast)


# ------------------------------------------------------------------ what is the same

X = np.linspace(0.1, 1.0, 6)


def scanned(x, xs):
    return gd.scan(lambda c, v: (np.tanh(c * x + v), c * v), 0.1, xs)


def nested(x, xs):
    def outer(c, row):
        return gd.scan(lambda d, v: (np.sin(d) * v, None), c, row)[0], c

    return gd.scan(outer, x, np.stack([xs, xs * 2]))


def root(a):
    return gd.while_loop(
        lambda x: abs(x * x - a) > 1e-12 * a, lambda x: (x + a / x) / 2, a
    )


def branch(x):
    return gd.cond(np.sum(x) > 1, lambda v: np.sin(v) * v, lambda v: v**3, x)


def guarded(x, n):
    for _ in range(n):
        x = x * 2 if x < 5 else x - 1
    return x


def _written(x):
    y = np.copy(x)
    y += x
    return y


def _by_entries(x):
    total = 0.0
    for i in range(180):
        total = total + np.sin(x[i] * total) * x[i + 20]
    return total


FUNCTIONS = {
    "value and gradient": (gd.value_and_grad(lambda x: np.sum(np.sin(x) * x)), [(X,)]),
    "numbers": (gd.grad(lambda x, y: x * y + np.exp(x) / y, (0, 1)), [(2.0, 3.0)]),
    "shapes": (lambda x: x * 2, [(X,), (X[:3],), (2.0,), (np.float32(2.0),), (3,)]),
    "containers": (
        lambda p, *, k: {"b": (p["w"] * k, None), "a": [p["c"][0], 3.0, "text"]},
        [({"w": X, "c": [2.0, None]},)],
    ),
    "guards": (guarded, [(1.0, 3), (4.0, 2), (9.0, 3)]),
    "masks": (lambda x: x[x > 0.5] * 2, [(X,), (X * 0.2,)]),
    "constants": (lambda x: x * np.arange(6)[::-1] + X.reshape(2, 3).T.ravel(), [(X,)]),
    "float32": (gd.grad(lambda x: np.sum(x**3)), [(X.astype(np.float32),)]),
    "complex": (lambda x: np.exp(1j * x) ** 2 + (1 - 0j), [(X,), (1 + 2j,)]),
    "integers": (lambda n: (n**3, n // 3, n << 2), [(5,), (-7,), (2**20,)]),
    "writes": (_written, [(X,)]),
    "scan": (gd.value_and_grad(lambda x, xs: scanned(x, xs)[0]), [(0.5, X)]),
    "ys of a scan": (gd.jacobian(lambda xs: scanned(0.5, xs)[1]), [(X,)]),
    "nested scans": (gd.grad(lambda x, xs: nested(x, xs)[0]), [(0.5, X)]),
    "checkpoints": (
        gd.grad(lambda x: gd.scan(
            lambda c, v: (np.sin(c * v), None), x, np.ones(20), checkpoint=4)[0]),
        [(0.5,)],
    ),
    "a scan that reads no xs": (
        lambda xs: gd.scan(lambda c, _: (c * 2.0, None), 1.0, xs)[0], [(X,)]),
    "while": (gd.value_and_grad(root), [(2.0,), (100.0,)]),
    "second order of while": (gd.grad(gd.grad(root)), [(2.0,)]),
    "cond": (gd.jacobian(branch), [(X,), (-X,)]),
    "vmap": (gd.vmap(gd.grad(lambda x: np.sum(np.sin(x) * x))), [(np.ones((4, 3)),)]),
    "blocks": (
        gd.vmap(gd.grad(lambda x: np.sin(np.exp(np.sin(x) * x) * x) * x)),
        [(np.linspace(0, 1, 300),)],
    ),
    "vmap of while": (gd.vmap(gd.grad(root)), [(np.array([2.0, 3.0, 50.0]),)]),
    "each": (gd.vmap(np.convolve), [(np.ones((3, 4)), np.ones((3, 2)))]),
    "entries": (gd.grad(_by_entries), [(np.linspace(0.1, 1.0, 200),)]),
    "hessian": (gd.hessian(lambda x: np.sum((x[1:] - x[:-1] ** 2) ** 2)), [(X,)]),
    "linear algebra": (
        gd.grad(lambda a: np.sum(np.linalg.inv(a)) + np.linalg.slogdet(a)[1]),
        [(np.eye(3) + 0.1,)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_loaded_function_has_the_results_of_the_saved_one(name, executor, untraced):
    f, calls = FUNCTIONS[name]
    given = {"k": 3.0} if name == "containers" else {}
    fast = gd.compile(f, executor=executor)
    expected = [fast(*arguments, **given) for arguments in calls]
    found = loaded(fast)
    untraced()
    for _ in range(3):
        for arguments, result in zip(calls, expected, strict=True):
            assert_same(found(*arguments, **given), result)
    assert found.stats()["retraces"] == fast.stats()["retraces"]
    assert saving.text_of(found) == saving.text_of(fast)


CALLS = [
    pytest.param(call, id=call.label, marks=[pytest.mark.slow] if i else [])
    for rule in RULES
    for i, call in enumerate(calls_of(rule))
]


@pytest.mark.parametrize("call", CALLS)
def test_every_operation_of_the_registry_and_its_pullback(call):
    operands = call.draw()
    moving = call.moving(operands)
    rng = np.random.default_rng(1)
    seeds = tuple(noise(rng, z) for z in call.value(operands))

    def plain(*given):
        filled = list(operands)
        for i, x in zip(moving, given, strict=True):
            filled[i] = x
        results = as_tuple(record(call.rule, filled, call.parameters))
        return tuple(z for z in results if is_inexact(np.ones((), z.dtype)))

    def pulled(*given):
        return gd.vjp(plain, *given)[1](seeds[: len(plain(*given))])

    given = [operands[i] for i in moving]
    fast = gd.compile(pulled, executor="numpy")
    expected = fast(*given)
    if any(isinstance(x, Pattern) for x in call.parameters.values()):
        with pytest.raises(CompileError, match="holds Pattern"):
            loaded(fast)
    elif fast.stats()["programs"]:
        found = loaded(fast)(*given)
        np.testing.assert_equal(found, expected)


def test_another_process_needs_none_of_the_python(tmp_path):
    fast = gd.compile(gd.value_and_grad(lambda x: np.sum(np.sin(x) * x)))
    fast(X)
    gd.save(fast, tmp_path / "f")
    code = (
        "import sys, numpy as np, chainrule as gd\n"
        "fast = gd.load(sys.argv[1])\n"
        "print(fast(np.linspace(0.1, 1.0, 6))[0].hex(), fast.__name__)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "f")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert run.stdout.split() == [float(fast(X)[0]).hex(), "<lambda>"]


def test_static_arguments_and_defaults(untraced):
    def f(x, n=2, *, mode="up", shift=1.0):
        return x**n + shift if mode == "up" else x - n

    fast = gd.compile(f, static=("n", "mode"))
    fast(2.0, 3), fast(2.0), fast(2.0, mode="down")
    found = loaded(fast)
    untraced()
    assert (found(2.0, n=3), found(3.0), found(3.0, 2, mode="down")) == (9, 10, 1)
    with pytest.raises(FileError, match=r"arguments \(float, n=7, mode='up'\); it has"):
        found(2.0, 7)


def test_kinds_of_arguments_that_the_file_has_not():
    found = again(lambda x: x * 2, (X,), (2.0,))
    with pytest.raises(FileError, match=r"\(float64\[3\]\); it has some for") as raised:
        found(np.ones(3))
    assert "(float64[6]), (float)" in str(raised.value)
    found = again(guarded, (1.0, 2))
    with pytest.raises(FileError, match="take a path"):
        found(1.0, 3)


def test_order_of_keys_and_layouts_in_memory(untraced):
    def f(d):
        return list(d), sum(d.values())

    fast = gd.compile(f)
    calls = [{"a": 1.0, "b": 2.0}, {"b": 2.0, "a": 1.0}]
    expected = [fast(d) for d in calls]
    found = loaded(fast)
    untraced()
    assert [found(d) for d in calls] == expected


def test_source_stats_and_options():
    fast = gd.compile(guarded, fastmath=True, paths=7, max_programs=9)
    fast(1.0, 2)
    found = loaded(fast)
    assert gd.program(found) == gd.program(fast)
    assert gd.source(found) == gd.source(fast)
    assert found.options == fast.options
    kept = found.stats()["programs"][0]
    assert kept["rows"] == fast.stats()["programs"][0]["rows"]
    assert kept["because"] == "from a file, not run yet"


@pytest.mark.parametrize("executor", EXECUTORS)
def test_bound_calls_and_threads(executor):
    f = gd.value_and_grad(lambda x: np.sum(np.sin(x) * x))
    fast = gd.compile(f, executor=executor)
    fast(X)
    found = loaded(fast)
    x = np.copy(X)
    bound = found.bind(x)
    for _ in range(3):
        x += 0.1
        assert_same(bound(), f(x))
    found = loaded(fast)
    with ThreadPoolExecutor(4) as pool:
        for result in pool.map(found, [X] * 20):
            assert_same(result, f(X))


def test_a_loaded_function_pickles():
    found = again(gd.grad(lambda x: np.sum(x**3)), (X,))
    assert_same(pickle.loads(pickle.dumps(found))(X), 3 * X**2)


# ------------------------------------------------------------------------ derivatives


def test_derivatives_that_were_asked_for_are_in_the_file(untraced):
    fast = gd.compile(lambda x, k: np.sum(np.sin(x) * x**k), static="k")
    calls = [
        lambda g: gd.grad(g)(X, 2),
        lambda g: gd.jvp(lambda x: g(x, 2), (X,), (X,)),
    ]
    calls.append(lambda g: gd.grad(lambda x: np.sum(gd.grad(g)(x, 2)))(X))
    expected = [call(fast) for call in calls]
    found = loaded(fast)
    untraced()
    for call, result in zip(calls, expected, strict=True):
        assert_same(call(found), result)


OTHERS = {
    "rows": (lambda x: np.sum(np.sin(x) * x[::-1] ** 3), X),
    "a gradient": (lambda x: np.sum(gd.grad(lambda v: np.sum(v**4))(x)), X),
    "float": (gd.grad(lambda x: x**3 * np.sin(x)), 2.0),
    "stack": (lambda x: np.prod(np.array([x[0], x[1] * 2, 3.0])), X),
    "scan": (lambda x: scanned(x, X)[0] + np.sum(scanned(x, X)[1]), 0.5),
    "gradient of a scan": (gd.grad(lambda x: scanned(x, X)[0]), 0.5),
    "while": (root, 2.0),
    "cond": (lambda x: np.sum(branch(x)), X),
    "vmap": (lambda x: np.sum(gd.vmap(lambda v: np.sin(v) * v)(x)), X),
    "blocks": (
        lambda x: np.sum(gd.vmap(lambda v: np.sin(np.exp(np.sin(v) * v) * v) * v)(x)),
        np.linspace(0, 1, 300),
    ),
    "each": (lambda x: np.sum(gd.vmap(np.convolve)(x, x)), np.ones((3, 4)) + X[:4]),
    "masked": (lambda x: np.sum(np.sqrt(x, where=x > 0.5, out=None) ** 2), X),
    "linear algebra": (lambda x: np.linalg.slogdet(np.outer(x, x) + np.eye(6))[1], X),
}


@pytest.mark.filterwarnings("ignore:'where' used without 'out'")
@pytest.mark.parametrize("name", [n for n in OTHERS if n != "masked"])
def test_other_derivatives_are_made_from_the_rows(name):
    f, x = OTHERS[name]
    found = again(f, (x,))
    assert_same(gd.grad(found)(x), gd.grad(f)(x), 1e-10)
    second = gd.jvp(gd.grad(found), (x,), (x,))[1]
    assert_same(second, gd.jvp(gd.grad(f), (x,), (x,))[1], 1e-9)


def test_a_loaded_function_inside_another_one():
    found = again(guarded, (1.0, 3), (4.0, 3), (9.0, 3))
    outer = gd.compile(gd.grad(lambda x, n: found(x, n) ** 2))
    for x in (1.0, 9.0, 4.0):
        assert outer(x, 3) == gd.grad(lambda x, n: guarded(x, n) ** 2)(x, 3)
    assert outer.stats()["retraces"] >= 1


def test_a_derivative_of_a_derivative_of_while_is_refused():
    found = again(gd.grad(root), (2.0,))
    with pytest.raises(CompileError, match=r"Take the derivative before gd\.save"):
        gd.grad(found)(2.0)


def test_a_nan_that_the_function_would_answer_for_is_an_error():
    found = again(gd.grad(lambda x: np.where(x > 0, np.sqrt(x), 0.0)), (4.0,))
    assert found(1.0) == 0.5
    with pytest.raises(
        FileError, match="A derivative in a function from a file is nan"
    ):
        found(0.0)
    assert np.isnan(found(np.nan))
