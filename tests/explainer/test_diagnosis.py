"""``gd.diagnose``: the operation, line, operand and remedy of each kind of fault."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import chainrule as gd


def line_of(f, text):
    """Return the number of the line of a function that holds a text."""
    lines, start = inspect.getsourcelines(f)
    return next(start + i for i, line in enumerate(lines) if text in line)


def softmax(x):
    e = np.exp(x)
    return -np.log((e / np.sum(e))[0])


def stable_softmax(x):
    e = np.exp(x - np.max(x))
    return -np.log((e / np.sum(e))[0])


def distance(x):
    square = np.sum(x * x)
    return np.sqrt(square)


def there_and_back(x):
    root = np.sqrt(x)
    return root**2


def log_of_underflow(x):
    density = np.exp(-x)
    return np.log(density)


def masked_division(x):
    quotient = 1.0 / x
    return np.sum((x != 0) * quotient)


def versed(x):
    gap = 1.0 - np.cos(x)
    return gap / x**2


def variance(x):
    squares = np.mean(x**2)
    return squares - np.mean(x) ** 2


def absorbed(x):
    whole = 1.0 + x
    return np.log(whole)


def alternating(x):
    terms = np.exp(x) * np.array([1.0, -1.0, 1e-9])
    return np.sum(terms)


def rounded(x):
    return np.floor(x) * 2.0


def hidden_units(x):
    h = np.maximum(x, 0.0)
    return np.sum(h) * 2.0


def rectified(x):
    return np.sum(np.maximum(x, 0.0))


def by_hand(x):
    return x if x > 0 else -x


def saturated(x):
    return np.tanh(x) + 1.0


def fading(x):
    for _ in range(60):
        x = np.tanh(0.3 * x)
    return x


def growing(x):
    for _ in range(60):
        x = 3.0 * x
    return x


def filled(x):
    y = gd.zeros(3)
    for i in range(3):
        y[i] = np.sqrt(x[i])
    return np.sum(y)


ZEROS = np.zeros(3)
FAULTS = [
    # function, arguments, kind, text in the line, operand, index
    (softmax, np.array([5.0, 1000.0]), "infinity", "np.exp(x)", "x", (1,)),
    (distance, ZEROS, "infinity", "np.sqrt", "square", ()),
    (there_and_back, 0.0, "nan", "np.sqrt", "x", ()),
    (log_of_underflow, 800.0, "infinity", "np.log", "density", ()),
    (masked_division, np.array([1.0, 0.0]), "infinity", "1.0 / x", "x", (1,)),
    (versed, 1e-6, "cancellation", "np.cos", "v1", ()),
    (variance, 1e8 + 0.1 * np.arange(4.0), "cancellation", "squares -", "squares", ()),
    (absorbed, 1e-18, "cancellation", "1.0 + x", "x", ()),
    (alternating, ZEROS, "cancellation", "np.sum", "terms", None),
    (rounded, 2.5, "zero", "np.floor", "x", None),
    (hidden_units, -np.ones(2), "zero", "np.maximum", "x", None),
    (rectified, np.array([1.0, 0.0]), "kink", "np.maximum", "x", (1,)),
    (by_hand, 0.0, "kink", "x > 0", "x", ()),
    (np.linalg.norm, ZEROS, "kink", None, "x", None),
    (np.max, np.ones(2), "kink", None, "a", None),
    (saturated, 19.0, "vanishing", "np.tanh", "x", ()),
    (fading, 0.5, "vanishing", "np.tanh", None, None),
    (growing, 0.5, "exploding", "3.0 * x", None, None),
    (filled, np.array([1.0, 0.0, 1.0]), "infinity", "np.sqrt", None, ()),
]


@pytest.mark.parametrize(
    ("f", "x", "kind", "text", "operand", "index"),
    FAULTS,
    ids=[f"{f.__name__}-{kind}" for f, _, kind, *_ in FAULTS],
)
def test_each_kind_is_found_with_line_and_operand(f, x, kind, text, operand, index):
    diagnosis = gd.diagnose(f, x)
    found = diagnosis[0]
    assert found.kind == kind, str(diagnosis)
    if text is not None:
        assert found.line == line_of(f, text)
        assert f"{found.line} | " in str(diagnosis)
    if operand is not None:
        assert found.operand_name == operand
    assert found.index == index or index is None
    assert found.message in str(diagnosis)


HEALTHY = [
    (stable_softmax, np.array([0.3, 1.2])),
    (distance, np.ones(3)),
    (there_and_back, 4.0),
    (log_of_underflow, 3.0),
    (masked_division, np.array([1.0, 2.0])),
    (versed, 1.0),
    (variance, np.arange(4.0)),
    (absorbed, 0.1),
    (hidden_units, np.ones(2)),
    (rectified, np.array([1.0, -1.0])),
    (by_hand, 2.0),
    (np.linalg.norm, np.ones(3)),
    (np.max, np.arange(3.0)),
    (saturated, 0.3),
    (filled, np.ones(3)),
    (lambda x: np.sum(x**2), np.arange(3.0)),
    (np.cos, 1e-7),
    (np.linalg.eigvalsh, np.diag([1.0, 2.0, 3.0]) + 0.1),
    (lambda x: np.sum(np.sort(x) * np.arange(3)), np.array([3.0, 1.0, 2.0])),
    (lambda x: np.sum(np.abs(np.fft.fft(x)) ** 2), np.arange(1.0, 5.0)),
    (lambda x: {"a": np.sin(x), "b": [x * 1j]}, 0.4),
]


@pytest.mark.parametrize(("f", "x"), HEALTHY, ids=[f.__name__ for f, _ in HEALTHY])
@pytest.mark.parametrize("how", ["itself", "compiled", "gradient"])
def test_a_healthy_function_reports_nothing(f, x, how):
    if how == "compiled":
        f = gd.compile(f)
    elif how == "gradient":
        if np.ndim(f(x)) or isinstance(f(x), dict) or np.ndim(x) == 0:
            pytest.skip("no gradient")
        f = gd.grad(f)
    diagnosis = gd.diagnose(f, x)
    assert not diagnosis, str(diagnosis)
    assert diagnosis.error is None
    assert "nothing found" in str(diagnosis)


UNDER = {
    "compiled": gd.compile,
    "grad": gd.grad,
    "compiled grad": lambda f: gd.compile(gd.grad(f)),
    "grad of compiled": lambda f: gd.grad(gd.compile(f)),
    "hvp": lambda f: lambda x: gd.hvp(f, x, np.ones_like(x)),
    "vmap": lambda f: lambda x: gd.vmap(f)(np.stack([np.ones_like(gd.value(x)), x])),
    "checkpoint and jvp": lambda f: lambda x: gd.jvp(f, (x,), (np.ones_like(x),)),
}


@pytest.mark.parametrize("under", UNDER.values(), ids=UNDER)
@pytest.mark.parametrize(
    ("f", "x", "text"),
    [
        (distance, ZEROS, "np.sqrt"),
        (softmax, np.array([1000.0, 0.0]), "np.exp"),
    ],
)
def test_the_line_is_found_inside_transforms(under, f, x, text):
    found = gd.diagnose(under(f), x)
    assert found[0].line == line_of(f, text), str(found)
    assert found[0].kind in ("infinity", "nan")


def test_a_zero_says_that_it_is_an_underflow():
    (found,) = gd.diagnose(log_of_underflow, 800.0)
    assert "underflow of np.exp(-x)" in found.message


def test_what_comes_from_data_or_from_a_slope_that_is_chosen_is_said():
    data = np.array([1.0, np.nan])
    found = gd.diagnose(lambda x: np.sum(x * data), 2.0)[0]
    assert (found.kind, found.index) == ("nan", ())
    assert "in a constant there, data" in found.message
    assert "np.isfinite" in found.remedy
    found = gd.diagnose(gd.hessian(np.linalg.norm), np.zeros(2))[0]
    assert found.kind == "nan"
    assert "a slope that has no slope itself" in found.message
    assert "convention" in found.remedy


def test_chains_multiply_to_the_derivative():
    (found,) = gd.diagnose(lambda x: np.sqrt(2.0 * x) * 3.0, 0.0)
    assert [f.value for f in found.chain] == [3.0, np.inf]
    assert str(found.chain[0]) == "dv3/dv2 = 3"


def test_unused_inputs_and_plain_values_are_named():
    (found,) = gd.diagnose(lambda x, y: x * 2.0, 1.0, 2.0)
    assert found.kind == "zero"
    assert "does not depend on y" in found.message
    (found,) = gd.diagnose(lambda x: gd.stop_gradient(x) * 2.0, 1.0)
    assert "plain value" in found.message
    (found,) = gd.diagnose(lambda x: 3.0, 1.0)
    assert "does not depend on x" in found.message


def test_an_error_ends_it_with_what_ran():
    def f(x):
        y = np.log(x)
        raise ValueError("no such luck")
        return y

    diagnosis = gd.diagnose(f, 0.0)
    assert isinstance(diagnosis.error, ValueError)
    assert diagnosis[0].operation == "log"
    assert "no such luck" in str(diagnosis)
    assert "no such luck" in diagnosis.to_html()


def test_text_markdown_and_html_say_the_same():
    diagnosis = gd.diagnose(lambda x: np.sqrt(x) * (x < 1), 0.0)
    assert repr(diagnosis) == "<diagnosis of <lambda>: 1 finding>"
    assert "&lt;lambda&gt;" in diagnosis._repr_html_()
    for text in (str(diagnosis), diagnosis.to_markdown(), diagnosis.to_html()):
        assert "infinite" in text or "is inf" in text


def test_what_is_no_function_is_refused():
    with pytest.raises(gd.errors.ArgumentError, match=r"gd.diagnose\(f, x\)"):
        gd.diagnose(3.0)


def test_the_logarithm_of_an_underflow_is_its_argument():
    (found,) = gd.diagnose(lambda x: np.log(np.exp(-2.0 * x)), 1000.0)
    assert found.remedy.endswith("write -2.0 * x.")


def test_a_deviation_of_equal_entries_has_an_unbounded_slope_beside_a_kink():
    (kink,) = gd.diagnose(np.std, np.ones(4))
    assert "0 on one side and unbounded on the other" in kink.message
    assert "np.sqrt(np.sum(x**2) + 1e-12) for a norm or a standard" in kink.remedy


@pytest.mark.parametrize("f", [np.std, np.linalg.norm])
def test_a_slope_that_was_chosen_at_a_kink_has_none_itself(f):
    (found,) = gd.diagnose(gd.grad(f), np.zeros(3))
    assert found.kind == "nan"
    assert "has no slope itself" in found.message
    assert "the second does not exist" in found.remedy
    assert all(factor.value != 1.618 for factor in found.chain)
    assert found.chain[0].name != "dv11/dv10"


def bent(x):
    for _ in range(60):
        x = 3.0 * x - 1e-40 * x * x
    return x


@pytest.mark.parametrize(
    ("f", "kind", "text"),
    [(fading, "vanishing", "np.tanh"), (bent, "exploding", "3.0 * x")],
)
@pytest.mark.parametrize(
    ("derive", "x"),
    [
        (gd.grad, 0.5),
        (lambda f: gd.compile(gd.grad(f)), 0.5),
        (lambda f: gd.vmap(gd.grad(f)), np.array([0.5, 0.25])),
        (lambda f: lambda x: gd.jvp(f, (x,), (1.0,))[1], 0.5),
    ],
)
def test_factors_of_loops_are_found_in_derivatives(f, kind, text, derive, x):
    (found,) = gd.diagnose(derive(f), x)
    assert (found.kind, found.line) == (kind, line_of(f, text))


def equal_branch(x):
    return np.sum(np.where(np.abs(x) <= 1.0, np.sqrt(1.0 - x**2), 0.0))


def series_left_out(x):
    if x > 1e-3:
        return np.sin(x) / x
    return 1.0


def angle(x):
    y = np.array([2.0, 4.0])
    c = np.dot(x, y) / (np.linalg.norm(x) * np.linalg.norm(y))
    return np.arccos(c)


def running_variance(x):
    total, squares = 0.0, 0.0
    for i in range(3):
        total = total + x[i]
        squares = squares + x[i] * x[i]
    return (squares - total * total / 3) / 2.0


def mixture(x):
    densities = 0.5 * np.exp(-0.5 * (np.array([0.0, 40.0]) - x) ** 2)
    return np.sum(np.log(densities / 2.5))


def log_of_sum(x):
    return np.log(np.sum(np.exp(x)))


def log_determinant(x):
    return np.log(np.linalg.det(x))


def log_product(x):
    return np.log(np.prod(x))


ADVISED = [
    # function, argument, kind, message, values, remedy: of the first finding
    (equal_branch, np.array([0.5, 1.0, 2.0]), "infinity", "0.5 / v4", "v3", "> 0"),
    (series_left_out, 1e-4, "zero", "branch", "x", "terms of the series"),
    (angle, np.array([1.0, 2.0]), "cancellation", "digits", "c", "np.arctan2 of both"),
    (mixture, 0.5, "infinity", "underflow of np.exp(", "v5", "logsumexp"),
    (log_of_sum, -1e3 * np.ones(2), "infinity", "underflow of np.exp", "v2", "logadd"),
    (log_determinant, 1e-2 * np.eye(200), "infinity", "v2", "v1", "slogdet(x)[1]"),
    (log_product, np.full(400, 0.1), "infinity", "underflow", "v1", "np.log(x)"),
    (lambda x: np.sin(1e9 * x), 1.0, "cancellation", "sensitive", "v1", "Reduce"),
    (lambda x: np.arctan2(x, 0.0), 0.0, "nan", "is nan", "x", "no direction"),
    (np.linalg.eigvals, np.eye(2), "nan", "not finite", "a", "coincide"),
    (np.sinc, 0.0, "zero", "is zero at x = 0", "x", "stationary"),
]


@pytest.mark.parametrize(
    ("f", "x", "kind", "message", "name", "remedy"),
    ADVISED,
    ids=[f"{f.__name__}-{kind}" for f, _, kind, *_ in ADVISED],
)
def test_remedies_are_those_of_the_operation(f, x, kind, message, name, remedy):
    diagnosis = gd.diagnose(f, x)
    found = diagnosis[0]
    assert found.kind == kind, str(diagnosis)
    assert message in found.message
    assert name in found.values
    assert remedy in found.remedy


def test_only_entries_that_spoil_a_derivative_are_born_in_values():
    (infinite, kink) = gd.diagnose(equal_branch, np.array([0.5, 1.0, 2.0]))
    assert (infinite.index, kink.index) == ((1,), (1,))
    assert [*kink.values.values()] == [1.0]
    assert not gd.diagnose(equal_branch, np.array([0.5, 2.0]))


def test_what_flows_in_from_several_sides_may_add_up_to_zero():
    whole = gd.diagnose(running_variance, np.array([1e6, 1e6 + 0.5, 1e6 + 2.0]))
    assert [found.kind for found in whole] == ["cancellation"]
    (found,) = gd.diagnose(lambda x: np.sin(x) - x, 0.0)
    assert found.message == "What flows to x from v2, v1 adds up to 0."
    assert found.remedy.startswith("The point is stationary")


def test_an_end_of_a_domain_that_is_near_is_no_kink():
    found = gd.diagnose(lambda x: np.arccos(x * 1.0), 1.0 - 2.0**-52)
    assert "kink" not in [one.kind for one in found]


def product_of_many(x):
    p = 1.0
    for i in range(100):
        p = p * (x[i] * 1e-2)
    return p


def saturated_cells(x):
    h = np.zeros(2)
    w = np.array([[0.1, 0.0], [0.0, 0.1]])
    for _ in range(60):
        h = np.tanh(w @ h + x)
    return np.sum(h * x)


@pytest.mark.parametrize(
    ("f", "x", "text"),
    [
        (product_of_many, np.linspace(0.5, 1.5, 100), "p = p *"),
        (saturated_cells, np.array([3.0, 3.0]), "np.tanh"),
    ],
)
@pytest.mark.parametrize("derive", [gd.grad, lambda f: gd.compile(gd.grad(f))])
def test_factors_of_loops_that_read_arrays_are_found_in_derivatives(f, x, text, derive):
    found = gd.diagnose(derive(f), x)[0]
    assert (found.kind, found.line) == ("vanishing", line_of(f, text))


@pytest.mark.parametrize("derive", [gd.grad, lambda f: gd.compile(gd.grad(f))])
def test_a_comparison_of_equals_is_found_in_derivatives(derive):
    (found,) = gd.diagnose(derive(by_hand), 0.0)
    assert (found.kind, found.line) == ("kink", line_of(by_hand, "x > 0"))
    assert not gd.diagnose(derive(by_hand), 2.0)
