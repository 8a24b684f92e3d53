"""The gradient as NumPy code: it runs, and gives what the sweep gives."""

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError
from chainrule.explainer.page.numpy_code import LONGEST, gradient_code


def polynomial(x, y):
    return x * y + np.sin(x) - 3 / y + x**2 + 2**x + x**y


def loop(a, x):
    for _ in range(4):
        x = np.tanh(a * x) + x
    return x


def shadowed(x):
    np_ = x * 2
    x = np_ + 1
    x_grad = np.exp(x)
    return x_grad * x


def broadcast(w, x, b):
    hidden = np.maximum(w @ x + b, 0.0)
    return np.mean(hidden * w[0, 0]) + np.sum(x[1:] ** 2)


def stacked(x, y):
    v = np.array([x, y, x * y])
    return np.sum(v * np.array([1.0, 2.0, 3.0]))


def kink(x):
    return np.where(x > 0, np.sqrt(x), 0.0) + x


def masked(x):
    return np.sum(np.maximum(np.sqrt(x), 2.0))


def pole(x, y):
    return np.log(x * y) / x


def reduced(x):
    return np.linalg.norm(x) * np.prod(x) + np.var(x) + np.max(x)


A = np.array([[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]])
CALLS = [
    (polynomial, (2.0, 3.0)),
    (loop, (0.9, 0.5)),
    (shadowed, (0.3,)),
    (broadcast, (A, np.array([1.0, -2.0, 0.5]), 0.5)),
    (broadcast, (A.astype(np.float32), np.ones(3, np.float32), np.float32(0.5))),
    (stacked, (2.0, 3.0)),
    (kink, (0.0,)),
    (kink, (4.0,)),
    (masked, (np.array([0.0, 9.0]),)),
    (pole, (0.0, 1.0)),
    (reduced, (np.array([1.0, 2.5, -3.0]),)),
]


@pytest.mark.parametrize(("f", "args"), CALLS, ids=lambda x: getattr(x, "__name__", ""))
def test_the_code_gives_the_gradient(f, args):
    names = {}
    exec(gradient_code(gd.explain(f)(*args)), names)
    with np.errstate(all="ignore"):
        value, grads = names["value_and_gradient"](*args)
        wanted = gd.value_and_grad(f, tuple(range(len(args))))(*args)
    tolerance = 1e-5 if np.asarray(args[0]).dtype == np.float32 else 1e-12
    np.testing.assert_allclose(value, wanted[0], rtol=tolerance)
    for grad, want in zip(grads, wanted[1], strict=True):
        np.testing.assert_allclose(grad, want, rtol=tolerance)
        assert np.shape(grad) == np.shape(want)


@pytest.mark.parametrize(
    ("f", "args", "moved"),
    [
        (polynomial, (2.0, 3.0), (0.4, 1.7)),
        (loop, (0.9, 0.5), (1.3, -0.2)),
        (stacked, (2.0, 3.0), (-1.0, 0.5)),
    ],
)
def test_the_code_holds_at_other_inputs(f, args, moved):
    names = {}
    exec(gradient_code(gd.explain(f)(*args)), names)
    value, grads = names["value_and_gradient"](*moved)
    wanted = gd.value_and_grad(f, (0, 1))(*moved)
    np.testing.assert_allclose(value, wanted[0], rtol=1e-13)
    np.testing.assert_allclose(grads, wanted[1], rtol=1e-13)


def test_the_code_reads_as_one_would_write_it():
    def f(x, y):
        z = x * y
        return np.sin(z) + x

    code = gradient_code(gd.explain(f)(2.0, 3.0)).splitlines()
    assert code[:4] == ["import numpy as np", "", "", "def value_and_gradient(x, y):"]
    lines = [line.split("  # line")[0].strip() for line in code[5:]]
    assert lines == [
        "# forward",
        "z = x * y",
        "v1 = np.sin(z)",
        "v2 = v1 + x",
        "",
        "# backward",
        "v2_grad = 1.0",
        "v1_grad = v2_grad",
        "x_grad = v2_grad",
        "z_grad = v1_grad * np.cos(z)",
        "x_grad = x_grad + z_grad * y",
        "y_grad = z_grad * x",
        "return v2, (x_grad, y_grad)",
    ]


def test_an_input_that_is_not_used_has_gradient_zero():
    names = {}
    exec(gradient_code(gd.explain(lambda x, y: x * x)(2.0, np.ones(2))), names)
    _, (gx, gy) = names["value_and_gradient"](2.0, np.ones(2))
    assert gx == 4.0
    np.testing.assert_array_equal(gy, np.zeros(2))


def test_a_leaf_from_outside_is_written_as_a_constant():
    w = gd.node(1.5, name="w")
    code = gradient_code(gd.explain(lambda x: w * x)(2.0))
    assert "w = 1.5" in code


def by_hand(x):
    return gd.custom_operation(np.exp, lambda z_grad, z, x: (z_grad * z,))(x)


def long_constant(x):
    return np.sum(x * np.arange(100.0))


@pytest.mark.parametrize(
    ("f", "x", "named"),
    [
        (long_constant, 2.0, "multiply"),
        (np.sinc, 0.5, "sinc"),
    ],
)
def test_what_cannot_be_written_is_named(f, x, named):
    with pytest.raises(ArgumentError, match=rf"= {named}\(\.\.\.\) cannot be written"):
        gradient_code(gd.explain(f)(x))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(np.sort(x) * np.arange(4.0)),
        lambda x: np.sum(x[np.array([0, 0, 2])] ** 2),
        np.median,
        lambda x: np.trace(np.reshape(x, (2, 2)) ** 2),
        lambda x: np.linalg.det(np.reshape(x, (2, 2))),
    ],
)
def test_entries_that_are_picked_by_arrays_and_determinants_are_written(f):
    x = np.array([3.0, 1.0, 2.0, 5.0])
    names = {}
    exec(gradient_code(gd.explain(f)(x)), names)
    value, (gradient,) = names["value_and_gradient"](x)
    np.testing.assert_allclose(value, f(x))
    np.testing.assert_allclose(gradient, gd.grad(f)(x))


def test_a_long_recording_is_not_written():
    def f(x):
        for _ in range(LONGEST + 1):
            x = np.sin(x)
        return x

    with pytest.raises(ArgumentError, match="more than 400 operations"):
        gradient_code(gd.explain(f)(0.5))


def test_without_a_backward_sweep_there_is_no_code():
    with pytest.raises(ArgumentError, match="no backward sweep"):
        gradient_code(gd.explain(polynomial, mode="forward")(2.0, 3.0))
    with pytest.raises(ArgumentError, match="no backward sweep"):
        gradient_code(gd.explain(lambda x: 2.0)(1.0))
