"""The page where a function is typed: it is read, run and differentiated in there."""

import math
import re

import numpy as np
import pytest

import chainrule as gd
from chainrule.explainer.account.brief import short
from chainrule.explainer.page.workshop import PRESETS, Workshop
from tests.browser.looks import faults

pytestmark = pytest.mark.browser

TYPED = {
    "x*y + sin(x)": {"x": 2.0, "y": 3.0},
    "np.exp(-x**2 / 2) * -x": {"x": 0.7},
    "2**x**0.5 - -x": {"x": 1.3},
    "where(a < b, tanh(a), logaddexp(a, b)) % 0.7": {"a": 1.5, "b": 0.25},
    "maximum(a, b) + abs(a - b) + arctan2(a, b)": {"a": 1.0, "b": 2.0},
    "r = hypot(x, y)\nr = r + x; s = sqrt(r)\nreturn s * r": {"x": 1.0, "y": 2.0},
    "y = x + 3\nx * y + floor(x)": {"x": 1.5},
    "x*y if x > 0 else y  # a remark": {"x": 1.5, "y": 2.0},
    "x // 2 * \u03b1 + \u03b1**2": {"x": 7.5, "\u03b1": 0.5},
    "erf(x) * clip(x, -1, 1) + xlogy(x, y)": {"x": 0.5, "y": 2.0},
}


def typed(formula):
    """A Python function of a formula's inputs, by name."""
    names = {n: getattr(gd, n, None) or getattr(np, n, None) for n in dir(np)}
    names |= {n: getattr(gd, n) for n in ("erf", "xlogy")}
    lines = re.split("[\n;]", formula)
    lines[-1] = "result = " + lines[-1].strip().removeprefix("return ")
    body = "\n".join(line.strip() for line in lines)

    def f(**inputs):
        variables = {**names, "np": np, **inputs}
        exec(body, variables)
        return variables["result"]

    return f


def type_in(page, formula, inputs):
    page.fill("#formula", formula)
    page.wait_for_timeout(400)
    for name, value in inputs.items():
        page.fill(f"[data-input={name}]", repr(float(value)))


def shown_gradients(page):
    names = page.locator(".inputs tbody th").all_inner_texts()
    found = page.locator(".inputs td .gradient").all_inner_texts()
    return dict(zip(names, found, strict=True))


@pytest.mark.parametrize("formula", TYPED)
def test_what_is_typed_has_the_gradient_of_python(visit, formula):
    inputs = TYPED[formula]
    page = visit(gd.explain())
    type_in(page, formula, inputs)
    page.focus("#next")
    page.keyboard.press("End")
    f = typed(formula)
    names = tuple(inputs)
    value, gradients = gd.value_and_grad(f, names)(**inputs)
    wanted = dict(zip(names, map(short, gradients), strict=True))
    assert shown_gradients(page) == wanted
    assert page.inner_text(".call").endswith(f" = {short(value)}")
    assert page.locator(".inputs .good").count() == len(inputs)


ARRAYS = {
    "x = [1, 2, 3]\nnp.sum(x**2)": lambda x: np.sum(x**2),
    "A = [[2, -1], [0.5, 3]]\nx = [1, -2]\n(A @ x).sum() + x.T @ A @ x": lambda A, x: (
        np.sum(A @ x) + x @ A @ x
    ),
    "A = [[2, -1], [0.5, 3]]\nnp.sum(np.linalg.inv(A) @ [1, 2])": lambda A: np.sum(
        np.linalg.inv(A) @ np.array([1.0, 2.0])
    ),
    "A = [[2, -1], [0.5, 3]]; b = np.array([1, 2])\nsum(solve(A, b) * b[::-1])": (
        lambda A, b: np.sum(np.linalg.solve(A, b) * b[::-1])
    ),
    "x = [3, -1, 2, 0.5]\nsum(sort(x) * [1, 2, 4, 8]) * cumsum(x)[2]": lambda x: (
        np.sum(np.sort(x) * np.array([1.0, 2.0, 4.0, 8.0])) * np.cumsum(x)[2]
    ),
    "B = [[1, 2], [3, 4]]\nsum(cumsum(B, axis=0)**2) + cumsum(B)[3]**2": lambda B: (
        np.sum(np.cumsum(B, axis=0) ** 2) + np.cumsum(B)[3] ** 2
    ),
    "x = [1, -2, 0.5]\nnorm(x) + max(x) * min(x) - mean(abs(x)) + var(x)": lambda x: (
        np.linalg.norm(x) + np.max(x) * np.min(x) - np.mean(np.abs(x)) + np.var(x)
    ),
    "w = [[1, 2, 3], [4, 5, 6]]\nb = [0.5, -1]\n"
    "z = sum(w * w, axis=0) + w[0]\nsum(tanh(z[1:] / 40) * b) + w.mean(axis=1)[0]": (
        lambda w, b: (
            np.sum(np.tanh((np.sum(w * w, axis=0) + w[0])[1:] / 40) * b)
            + np.mean(w, axis=1)[0]
        )
    ),
    "A = [[2, -1], [0.5, 3]]\ndet(A) * trace(A) + prod(A)": lambda A: (
        np.linalg.det(A) * np.trace(A) + np.prod(A)
    ),
    "A = [[1, 2], [3, 5]]\nb = [[1.23456789], [2]]\n"
    "sum(A * b + b * 2.5) + sum(A.mean(axis=1) * b) + sum(max(A, axis=0) @ A.T @ b)": (
        lambda A, b: (
            np.sum(A * b + b * 2.5)
            + np.sum(np.mean(A, axis=1) * b)
            + np.sum(np.max(A, axis=0) @ A.T @ b)
        )
    ),
    "x = [1, -2, 0.5]\nstd(x**2) * var(x, ddof=1)": lambda x: (
        np.std(x**2) * np.var(x, ddof=1)
    ),
    "A = [[1, 1.5], [3, 4]]\nnorm(A) + c * sum(where(A > 2, A, 0.0))": lambda A, c: (
        np.linalg.norm(A) + c * np.sum(np.where(A > 2, A, 0.0))
    ),
}


@pytest.mark.parametrize("formula", ARRAYS)
def test_arrays_are_typed_as_lists(visit, formula):
    page = visit(gd.explain())
    page.fill("#formula", formula)
    page.wait_for_timeout(400)
    assert page.inner_text("#formula-error") == ""
    page.focus("#next")
    page.keyboard.press("End")
    f = ARRAYS[formula]
    names = f.__code__.co_varnames[: f.__code__.co_argcount]
    values = [
        np.array(eval(found[1]), dtype=float) if found else 1.0
        for found in (
            re.search(rf"\b{n} = (?:np\.array\()?(\[[^=;\n]*\])", formula)
            for n in names
        )
    ]
    gradients = gd.grad(f, tuple(range(len(values))))(*values)
    wanted = [" ".join(short(x, 4 if np.ndim(g) else 6) for x in np.ravel(g))
              for g in gradients]  # fmt: skip
    found = page.locator(".inputs .gradient").all_inner_texts()
    assert [" ".join(text.split()) for text in found] == wanted
    assert page.locator(".inputs .good").count() == len(values)
    written = {}
    exec(page.inner_text(".numpy pre"), written)
    value, found = written["value_and_gradient"](*values)
    np.testing.assert_allclose(value, f(*values), rtol=1e-12)
    for x, wanted in zip(found, gradients, strict=True):
        np.testing.assert_allclose(x, wanted, rtol=1e-10, atol=1e-12)


CELLS = {
    "x^2 - -x**-2 + (-x)**2": {"x": 1.5},
    "max(x, y) + ln(x) / (x - (y - 1)) % 2": {"x": 1.5, "y": 2.0},
    "h = erf(x) if x < y else pi*x\nh * (x == y) + h // 2 * e": {"x": 0.5, "y": 2.0},
    "A = [[2, -1], [0.5, 3]]\nsum(inv(A).T @ [1, 2] + A[:, 0]) * norm(A[1])": {},
    "w = [[1, 2, 3], [4, 5, 6]]\nsum(w * w, axis=0, keepdims=True)[0, ::2].sum()": {},
}


@pytest.mark.parametrize("formula", CELLS)
def test_a_copied_cell_computes_what_the_page_shows(visit, formula):
    page = visit(gd.explain())
    type_in(page, formula, CELLS[formula])
    page.click("#copy-cell")
    *body, last = page.get_attribute("#copy-cell", "data-copied").splitlines()
    names = {}
    exec("\n".join(body), names)
    result = eval(last.replace("gd.explain(f)", "f"), names)
    assert page.inner_text(".call").endswith(f" = {short(result)}")


def test_singular_matrices_and_kinks_are_named(visit):
    page = visit(gd.explain())
    page.fill("#formula", "A = [[1, 2], [2, 4]]\nsum(inv(A))")
    page.wait_for_timeout(400)
    assert "The matrix is singular, where NumPy raises LinAlgError" in page.inner_text(
        ".warnings"
    )
    type_in(page, "floor(x) * x", {"x": 2.0})
    page.focus("#next")
    page.keyboard.press("End")
    assert "a kink or a jump" in page.inner_text(".inputs .remarks")


def test_entries_of_typed_arrays_are_changed_and_kept(visit):
    page = visit(gd.explain())
    page.fill("#formula", "x = [1, 2, 3]\nsum(x**2)")
    page.wait_for_timeout(400)
    page.fill("[data-input='x[1]']", "5")
    assert page.inner_text(".call").endswith("= 35")
    page.fill("#formula", "x = [1, 2, 3]\nsum(x**2) + a")
    page.wait_for_timeout(400)
    assert page.input_value("[data-input='x[1]']") == "5"
    assert "x%5B1%5D=5" in page.evaluate("location.hash")
    page.click("#copy-cell")
    names = {}
    cell = page.get_attribute("#copy-cell", "data-copied")
    exec(cell.rpartition("\n")[0], names)
    assert names["f"](np.array([1.0, 5.0, 3.0]), 1.0) == 36.0
    page.fill("#formula", "x = [1, 2, 4]\nsum(x**2) + a")
    page.wait_for_timeout(400)
    assert page.input_value("[data-input='x[1]']") == "2"


@pytest.mark.parametrize("preset", PRESETS, ids=[name for name, _, _ in PRESETS])
def test_presets_work_offline(visit, preset):
    name, formula, inputs = preset
    page = visit(gd.explain())
    page.select_option("#presets", label=name)
    page.focus("#next")
    page.keyboard.press("End")
    if not inputs:
        assert page.locator(".inputs .good").count() >= 1
        return
    inputs = {n: float(x) for n, x in inputs.items()}
    with np.errstate(all="ignore"):
        gradients = gd.grad(typed(formula), tuple(inputs))(**inputs)
    assert shown_gradients(page) == dict(
        zip(inputs, map(short, gradients), strict=True)
    )
    bad = page.locator(".warnings.serious").count()
    assert bad == any(map(math.isnan, gradients))
    code = page.inner_text(".numpy pre")
    names = {}
    exec(code, names)
    with np.errstate(all="ignore"):
        parameters = {n.replace("#", "_"): np.float64(x) for n, x in inputs.items()}
        _, found = names["value_and_gradient"](**parameters)
    if not bad:
        np.testing.assert_allclose(found, gradients, rtol=1e-12)


def test_steps_paths_and_names_are_those_of_any_page(visit):
    page = visit(gd.explain())
    type_in(page, "h = tanh(w*x)\nh * h", {"w": 0.5, "x": 2.0})
    for _ in range(3):
        page.keyboard.press("Tab")
    page.focus("#next")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.inner_text(".now h2") == "h is computed"
    assert page.inner_text(".line.lit mark") == "tanh(w*x)"
    page.keyboard.press("End")
    page.click("[data-paths=w]")
    routes = page.locator(".paths .route").all_inner_texts()
    assert routes == ["w \u2192 v1 \u2192 h \u2192 v2"] * 2
    page.fill("[data-input=x]", "3")
    page.fill("#formula", "h = tanh(w*x)\nh * h + b")
    page.wait_for_timeout(400)
    assert page.input_value("[data-input=x]") == "3"
    assert page.input_value("[data-input=b]") == "1"


def test_a_line_gives_an_input_its_value(visit):
    page = visit(gd.explain())
    for formula, call in (
        ("x = 3\ny = pi/2\nx * sin(y)", "f(x = 3, y = 1.5708) = 3"),
        ("x = 3\ny = pi/2\nx * sin(y) + 1", "f(x = 5, y = 1.5708) = 6"),
        ("x = 4\nx = x**2\nx + 1", "f(x = 4) = 17"),
        ("\u03c0 * x**2", "f(x = 5) = 78.5398"),
    ):
        page.fill("#formula", formula)
        page.wait_for_timeout(400)
        assert page.inner_text(".call") == call
        if call.startswith("f(x = 3"):
            page.fill("[data-input=x]", "5")


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("x +", "ends too early"),
        ("(x + 1", 'Expected ")"'),
        ("x $ 2", "not part of a formula"),
        ("foo(x)", "foo is not among the functions"),
        ("relu(x)", "Write maximum(x, 0)."),
        ("f(x) = x**2", "Write what is behind the =: x**2"),
        ("sqrt(x", 'Expected ")"'),
        ("sin(x, x)", "sin takes one argument, x; it was given 2"),
        ("2x", "A product is written 2*x"),
        ("sin x", "a function sin(x)"),
        ("|x|", "Write abs(x)"),
        ("for i in x: i", '"for" is not read here'),
        ("y = x*x\nx", "an input itself"),
        ("2 * 3", "not computed from any input"),
        ("", "Type a formula"),
        ("x = [1, 2]\nx * 2", "array of 2 entries"),
        ("x = [1, 2]\nsum(x)\nx = [3, 4]", "given twice"),
        ("x = [1, 2]\ny = [1, 2, 3]\nsum(x * y)", "x (2,) and y (3,) do not fit"),
        ("x = [[1, 2], [3]]\nsum(x)", "different lengths"),
        ("x = [1, y]\nsum(x)", "numbers only"),
        ("x = [1, 2]\nsum(x, axis=1)", "no axis 1"),
        ("x = [1, 2]\nsum(x @ [1, 2, 3])", "rows as long as"),
        ("x = [1, 2]\nx[a]", "whole number"),
        ("x = [1, 2]\nx[7]", "out of"),
        ("x = [1, 2]", "below them"),
        ("x = [1, 2]\nsum(inv(x))", "inv of arrays with 1 axes"),
        ("x = [1, 2]\nunique(x)[0]", "unique is not among"),
        ("x = [[1, 2], [3, 4]]\nsum(sort(x))", "sort of arrays with 2 axes"),
        ("x = []\nsum(x)", "1 to 256 entries"),
        ("x\u00b2 + 1", "Write x**2."),
        ("2*x constructor", '"constructor" is out of place'),
        ("<img src=x onerror=owned=1>", "out of place"),
    ],
)
def test_what_cannot_be_read_is_said_and_the_last_function_stays(
    visit, formula, message
):
    page = visit(gd.explain())
    page.fill("#formula", formula)
    page.wait_for_timeout(400)
    assert message in page.inner_text("#formula-error")
    assert page.get_attribute("#formula", "aria-invalid") == "true"
    assert page.inner_text(".call") == "f(x = 2, y = 3) = 6.9093"
    assert page.evaluate("typeof owned") == "undefined"
    page.fill("#formula", "x")
    page.wait_for_timeout(400)
    assert "an input itself" in page.inner_text("#formula-error")


def test_a_page_that_opens_with_what_cannot_be_read_says_so(visit):
    page = visit(Workshop("foo(x)", {"x": 2.0}))
    assert "foo is not among" in page.inner_text("#formula-error")
    page.focus("#next")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("p")
    page.keyboard.press("p")
    page.fill("#formula", "x * x")
    page.wait_for_timeout(400)
    assert page.inner_text(".call") == "f(x = 2) = 4"


def test_names_are_only_names(visit):
    page = visit(gd.explain())
    type_in(page, "constructor * toString + hasOwnProperty", {"toString": 3.0})
    page.focus("#next")
    page.keyboard.press("End")
    assert shown_gradients(page).keys() == {
        "constructor", "toString", "hasOwnProperty",
    }  # fmt: skip
    page.fill("#formula", "valueOf(x)")
    page.wait_for_timeout(400)
    assert "not among the functions" in page.inner_text("#formula-error")


def test_a_ruler_finds_no_fault(visit):
    page = visit(gd.explain(), reduced_motion="reduce")
    page.select_option("#presets", label="A 2-2-1 network")
    assert faults(page, "workshop") == []
