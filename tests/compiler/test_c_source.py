"""C source: what a C compiler makes of a program has its results."""

from __future__ import annotations

import ctypes
import shutil
import subprocess

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.c_source.function import c_identifier
from chainrule.errors import ArgumentError, CompileError
from chainrule.nodes.recorder import record
from chainrule.rules.declarations import is_of_library
from chainrule.rules.registry import EXPRESSED
from tests.helpers import calls_of

CC = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
needs_cc = pytest.mark.skipif(CC is None, reason="needs a C compiler")
STRICT = ["-std=c99", "-Wall", "-Werror", "-pedantic", "-O1"]


def library(tmp_path, sources):
    """Compile C files into a library."""
    paths = []
    for i, text in enumerate(sources):
        paths.append(tmp_path / f"f{i}.c")
        paths[-1].write_text(text)
    target = tmp_path / "library.so"
    command = [
        CC,
        *STRICT,
        "-shared",
        "-fPIC",
        *map(str, paths),
        "-o",
        str(target),
        "-lm",
    ]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[:2000]
    return ctypes.CDLL(str(target))


def called(function, arguments, size):
    """Call a C function on numbers and arrays."""
    given = [np.ascontiguousarray(x, dtype=float) for x in arguments]
    out = np.full(size + 1, 7.5)
    pointer = ctypes.POINTER(ctypes.c_double)
    function(*(x.ctypes.data_as(pointer) for x in (*given, out)))
    assert out[-1] == 7.5
    return out[:-1]


def flat(results):
    results = results if isinstance(results, (tuple, list)) else [results]
    return np.concatenate([np.ravel(np.asarray(x, dtype=float)) for x in results])


X = np.linspace(0.1, 1.0, 6)
A = np.cos(np.arange(36.0)).reshape(6, 6)


def powers(x):
    z = 1.0
    for k in range(5):
        z = z * x + k
    return z


def scanned(x, xs):
    last, ys = gd.scan(lambda c, v: ((c[1], np.tanh(c[0] * x + v)), c[0] * v),
                       (0.1, x), xs, reverse=True)  # fmt: skip
    return last[0] + last[1] * np.sum(ys)


def root(a):
    return gd.while_loop(
        lambda x: abs(x * x - a) > 1e-12 * a, lambda x: (x + a / x) / 2, a
    )


def branch(x):
    def longer(v):
        for _ in range(20):
            v = np.sin(v) + v * 0.5
        return v

    return gd.cond(np.sum(x) > 1.0, longer, lambda v: v**3, x)


def heat(u):
    def step(v, _):
        inner = v[1:-1] + 0.2 * (v[2:] - 2.0 * v[1:-1] + v[:-2])
        return np.concatenate([v[:1], inner, v[-1:]]), v[2]

    return gd.scan(step, u, None, 30)


FUNCTIONS = {
    "numbers": (gd.value_and_grad(powers), [(0.5,), (-3.0,)]),
    "arrays": (gd.value_and_grad(lambda x: np.sum(np.sin(x) * x[::-1] ** 3)), [(X,)]),
    "products": (
        gd.value_and_grad(lambda x, a: np.sum(np.tanh(a @ x) * (a.T @ a)[2])),
        [(X, A)]),
    "large products": (
        gd.grad(lambda a, b: np.sum((a @ b) ** 2)),
        [(np.cos(np.arange(1600.0)).reshape(40, 40), np.ones((40, 30)))]),
    "reductions": (
        lambda a: (np.max(a, axis=0), np.min(a), np.mean(a, axis=1), np.sum(a, axis=0)),
        [(A,)]),
    "moves": (
        lambda a: (np.roll(a, 2, axis=1).T, a[::2, 1:4], np.stack([a[0], a[1] * 2, X])),
        [(A,)]),
    "constants": (lambda x: (x * X, 3.0, np.arange(4), x > 0.5, -0.0), [(X,)]),
    "integers": (lambda n, x: (x * n, n + 2), [(3, X)]),
    "many entries": (
        gd.grad(lambda x: np.sum(np.exp(-x) * x)), [(np.linspace(0, 1, 5000),)]),
    "tests": (
        lambda x, y: (x < y, x <= y, x == y, x != y, np.isnan(x), np.signbit(y),
                      np.logical_and(x > 0, y > 0), ~(x > y), np.sign(x)),
        [(np.array([0.0, -1.0, np.nan]), np.array([-0.0, 2.0, 1.0]))]),
    "whole numbers": (
        lambda x, y: (np.floor(x), np.ceil(x), np.rint(x), np.trunc(x), x // y, x % y),
        [(np.array([2.5, -3.5, 0.0, 7.0, 7.0]),
          np.array([2.0, 2.0, -1.0, -2.0, np.inf]))]),
    "scan": (gd.value_and_grad(scanned), [(0.5, X)]),
    "arrays in a scan": (heat, [(np.sin(np.arange(12.0)),)]),
    "large arrays in a scan": (
        lambda x: gd.scan(lambda c, _: (np.sin(c) * c[::-1], None), x, None, 3)[0],
        [(np.linspace(0, 1, 5000),)],
    ),
    "gradient of a scan": (gd.grad(lambda u: np.sum(heat(u)[0] ** 2)), [(X,)]),
    "while": (root, [(2.0,), (100.0,)]),
    "cond": (gd.jacobian(branch), [(X,), (-X,)]),
    "vmap": (gd.vmap(gd.grad(powers)), [(X,)]),
    "containers": (
        lambda p: {"b": p["w"] * 2, "a": [p["c"], 1.5]}, [({"w": X, "c": 2.0},)]),
    "float32": (
        lambda x: (x * 0.1 - 1 / x, np.sqrt(x * x + 3), x < 0.1, x * X, x * 1e38 * x),
        [(np.array([0.1, 0.3, -7.0, 2.5, 1e-30, 9.0], np.float32),)]),
    "hessian": (gd.hessian(lambda x: np.sum((x[1:] - x[:-1] ** 2) ** 2)), [(X,)]),
}  # fmt: skip


@needs_cc
def test_c_functions_have_the_results_of_compiled_ones(tmp_path):
    sources, known = [], {}
    for i, (name, (f, calls)) in enumerate(FUNCTIONS.items()):
        fast = gd.compile(f)
        expected = [flat(_leaves(fast(*arguments))) for arguments in calls]
        sources.append(gd.to_c(fast, name=f"f{i}"))
        known[f"f{i}"] = name, calls, expected
    found = library(tmp_path, sources)
    for symbol, (name, calls, expected) in known.items():
        for arguments, result in zip(calls, expected, strict=True):
            z = called(getattr(found, symbol), _leaves(arguments), len(result))
            np.testing.assert_allclose(z, result, 1e-12, 1e-14, err_msg=name)


def _leaves(x):
    if isinstance(x, dict):
        return [v for k in sorted(x) for v in _leaves(x[k])]
    if isinstance(x, (tuple, list)):
        return [v for part in x for v in _leaves(part)]
    return [x]


def test_a_name_does_not_end_the_comment():
    fast = gd.compile(lambda x: x * 2)
    fast.__name__ = "*/ int x; /*"
    fast(1.0)
    assert gd.to_c(fast, name="f").count("*/") == 1


@needs_cc
def test_every_operation_with_an_expression(tmp_path):
    sources, known = [], []
    rules = [r for r in EXPRESSED if is_of_library(r) and "float64" in r.dtypes]
    for rule in rules:
        call = next(iter(calls_of(rule)), None)
        values = None if call is None else call.draw()
        if values is None or any(np.asarray(x).dtype != float for x in values):
            continue
        many = [
            np.concatenate(
                [
                    np.ravel(np.broadcast_to(x, (3,) * bool(np.ndim(x)) or (3,)))[:3]
                    if np.size(x) == 1
                    else np.ravel(x)[:3],
                    SPECIAL,
                ]
            )
            for x in values
        ]
        fast = gd.compile(
            lambda *xs, rule=rule, call=call: record(rule, xs, call.parameters)
        )
        with np.errstate(all="ignore"):
            expected = flat(fast(*many))
        try:
            sources.append(gd.to_c(fast, name=f"f{len(known)}"))
        except CompileError:
            continue
        known.append((rule.__name__, many, expected))
    assert len(known) > 40
    found = library(tmp_path, sources)
    for i, (name, many, expected) in enumerate(known):
        z = called(getattr(found, f"f{i}"), many, len(expected))
        np.testing.assert_allclose(z, expected, 1e-12, 1e-300, err_msg=name)


SPECIAL = np.array([0.0, -0.0, 1.0, -2.5, 0.5, np.inf, -np.inf, np.nan, 1e-310])


def test_the_comment_says_where_the_numbers_are():
    fast = gd.compile(lambda p, scale: (p["w"] * scale, np.sum(p["w"])))
    fast({"w": A}, 2.0)
    text = gd.to_c(fast, name="scaled by")
    head = "void scaled_by(const double *p_w, const double *scale, double *out)"
    assert text.count(head) == 2
    for line in ("p_w: 36 numbers, of shape (6, 6)", "out[0..35]: 36 numbers",
                 "out[36]: a number", "on the stack"):  # fmt: skip
        assert line in text
    fast({"w": np.ones((100, 100))}, 2.0)
    assert "static: one call at a time" in gd.to_c(fast)


@pytest.mark.parametrize(
    "name", ["f", "exp", "double", "3x", "w", "i1", "k0", "naïve", ""]
)
def test_names_are_those_of_c(name):
    found = c_identifier(name)
    assert found.isascii()
    assert found.isidentifier()
    assert (found == name) is (name == "f")


@pytest.mark.parametrize(
    ("f", "arguments", "reason"),
    [
        (lambda x: x * 2 if x > 0 else x, (1.0,), "decides in Python on a value at"),
        (lambda x: x * 2, (np.float16(1.0),), "float16"),
        (lambda x: x * 2, (1j,), "complex"),
        (
            lambda a: np.linalg.solve(a, X),
            (A + 9 * np.eye(6),),
            "solve has no form in C",
        ),
        (lambda x: np.sort(x), (X,), "sort has no form in C"),  # noqa: PLW0108
        (lambda x: (x, "text"), (X,), "'text', which is no number"),
        (gd.grad(root), (2.0,), "while_loop"),
    ],
)
def test_what_has_no_form_is_refused_with_the_reason(f, arguments, reason):
    fast = gd.compile(f)
    fast(*arguments)
    with pytest.raises(CompileError, match=reason):
        gd.to_c(fast)


def test_what_is_no_compiled_function():
    with pytest.raises(ArgumentError, match="to_c needs a compiled function"):
        gd.to_c(np.sin)
    with pytest.raises(CompileError, match="no program yet"):
        gd.to_c(gd.compile(np.sin))
