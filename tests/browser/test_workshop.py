"""The page where a function is typed: it is read, run and differentiated in there."""

import math
import re

import numpy as np
import pytest

import chainrule as gd
from chainrule.explainer.account.brief import short
from chainrule.explainer.page.workshop import PRESETS
from tests.browser.looks import faults

pytestmark = pytest.mark.browser

TYPED = {
    "x*y + sin(x)": {"x": 2.0, "y": 3.0},
    "np.exp(-x**2 / 2) * -x": {"x": 0.7},
    "2**x**0.5 - -x": {"x": 1.3},
    "where(a < b, tanh(a), logaddexp(a, b)) % 0.7": {"a": 1.5, "b": 0.25},
    "maximum(a, b) + abs(a - b) + arctan2(a, b)": {"a": 1.0, "b": 2.0},
    "r = hypot(x, y)\nr = r + x; s = sqrt(r)\nreturn s * r": {"x": 1.0, "y": 2.0},
    "y = 3\nx * y + floor(x)": {"x": 1.5},
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


@pytest.mark.parametrize("preset", PRESETS, ids=[name for name, _, _ in PRESETS])
def test_presets_work_offline(visit, preset):
    name, formula, inputs = preset
    page = visit(gd.explain())
    page.select_option("#presets", label=name)
    page.focus("#next")
    page.keyboard.press("End")
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


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("x +", "ends too early"),
        ("(x + 1", 'Expected ")"'),
        ("x $ 2", "not part of a formula"),
        ("foo(x)", "foo is not among the functions"),
        ("sin(x, x)", "sin needs x"),
        ("2 * 3", "not computed from any input"),
        ("", "Type a formula"),
        ("<img src=x onerror=owned=1>", "not part of a formula"),
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
    assert "not computed" in page.inner_text("#formula-error")


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
