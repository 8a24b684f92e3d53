"""Addresses, copies, print, glosses; loops round by round, and code line by line."""

import re

import numpy as np
import pytest

import chainrule as gd
from chainrule.explainer.account.brief import short
from tests.browser.looks import FUNCTIONS
from tests.browser.test_page import W, X, gradients, layer

pytestmark = pytest.mark.browser


def f(x, y):
    product = x * y
    return product + np.sin(x)


def newton(a, x):
    for _ in range(12):
        x = 0.5 * (x + a / x)
    return x


# ----------------------------------------------------------------------- addresses


def test_an_address_leads_back_to_the_moment(visit):
    page = visit(gd.explain(f)(2.0, 3.0))
    page.fill("[data-input=x]", "0.5")
    page.focus("#next")
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    page.wait_for_timeout(300)
    assert page.url.endswith("#step=6&x=0.5")
    heading, call = page.inner_text(".now h2"), page.inner_text(".call")
    page.reload()
    page.wait_for_selector("#step")
    assert page.input_value("#step") == "6"
    assert page.input_value("[data-input=x]") == "0.5"
    assert (page.inner_text(".now h2"), page.inner_text(".call")) == (heading, call)


def test_addresses_of_arrays_and_of_typed_functions(visit):
    page = visit(gd.explain(layer)(W, X))
    page.fill("[data-input='w[1, 0]']", "7")
    page.wait_for_timeout(300)
    assert "w%5B1%2C+0%5D=7" in page.url
    page.reload()
    page.wait_for_selector("#step")
    assert page.input_value("[data-input='w[1, 0]']") == "7"
    page = visit(gd.explain())
    page.fill("#formula", "a * tanh(b)")
    page.wait_for_timeout(400)
    page.fill("[data-input=b]", "0.25")
    page.wait_for_timeout(300)
    assert "b=0.25" in page.url
    page.reload()
    page.wait_for_selector("#step")
    assert page.input_value("#formula") == "a * tanh(b)"
    assert page.input_value("[data-input=b]") == "0.25"


def test_an_address_that_means_nothing_does_nothing(visit):
    page = visit(gd.explain(f)(2.0, 3.0))
    page.evaluate("location.hash = '#step=<b>&x=__proto__&run=99&nothing=1'")
    page.wait_for_timeout(200)
    assert page.inner_text(".call") == "f(x = 2, y = 3) = 6.9093"


@pytest.mark.parametrize("value", ["1e400", "-inf", "nan"])
def test_an_address_may_lead_to_what_is_no_finite_number(visit, value):
    page = visit(gd.explain(f)(2.0, 3.0))
    page.evaluate(f"location.hash = '#y={value}&step=2'")
    page.wait_for_timeout(200)
    assert float(page.input_value("[data-input=y]")) == pytest.approx(
        float(value), nan_ok=True
    )
    page.fill("[data-input=x]", value)
    assert page.locator(".plot .curve").count() == 2
    page.fill("[data-input=x]", "2")
    page.fill("[data-input=y]", "3")
    assert page.inner_text(".call") == "f(x = 2, y = 3) = 6.9093"


# -------------------------------------------------------------------------- copies


@pytest.mark.parametrize(
    ("g", "args"), [(f, (2.0, 3.0)), (layer, (W, X)), FUNCTIONS["softmax"]]
)
def test_the_page_as_a_notebook_cell(visit, g, args):
    page = visit(gd.explain(g)(*args))
    field = page.locator("[data-input]").first
    field.fill("0.125")
    page.click("#copy-cell")
    cell = page.get_attribute("#copy-cell", "data-copied")
    names = {}
    lines = cell.rstrip().split("\n")
    lines[-1] = f"explained = {lines[-1]}"
    exec("\n".join(lines), names)
    page.focus("#next")
    page.keyboard.press("End")
    found = [t.gradient for t in names["explained"].ticks]
    shown = [float(x) for text in gradients(page) for x in text.split()]
    np.testing.assert_allclose(np.concatenate(list(map(np.ravel, found))), shown, 1e-3)


def test_a_typed_function_as_a_notebook_cell(visit):
    page = visit(gd.explain())
    page.select_option("#presets", label="Softmax and its loss")
    page.click("#copy-cell")
    cell = page.get_attribute("#copy-cell", "data-copied")
    assert "def f(a, b, c):\n    p = np.exp(a) / " in cell
    assert cell.endswith("gd.explain(f)(a=2.0, b=-1.0, c=0.5)")


# ---------------------------------------------------------------- glosses and print


def test_words_of_the_field_have_glosses(visit):
    page = visit(gd.explain(f)(2.0, 3.0))
    assert page.locator(".intro .gloss").count() == 3
    for word in page.locator(".intro .gloss").all():
        word.focus()
        shown = page.evaluate(
            "getComputedStyle(document.activeElement, '::after').content"
        )
        assert len(shown) > 30


def test_print_shows_all_and_no_buttons(visit):
    page = visit(gd.explain(f)(2.0, 3.0))
    page.keyboard.press("End")
    page.emulate_media(media="print")
    for selector in ("footer", "#quiz", ".explore", "#copy-cell"):
        assert not page.is_visible(selector)
    for selector in (".graph svg", ".inputs", ".source", ".numpy pre"):
        assert page.is_visible(selector)
    height = "e => [e.scrollHeight, e.clientHeight]"
    inside, frame = page.eval_on_selector(".numpy pre", height)
    assert inside <= frame + 1


def test_print_is_dark_on_light_whatever_the_page_is(visit):
    page = visit(gd.explain(f)(2.0, 3.0))
    for _ in range(2):
        page.emulate_media(media="print")
        colour = page.evaluate("getComputedStyle(document.body).color")
        assert colour == "rgb(0, 0, 0)"
        assert colour != page.evaluate(
            "getComputedStyle(document.body).backgroundColor"
        )
        page.emulate_media(media="screen")
        page.click("#theme")


# ------------------------------------------------------------------ loops and code


def test_a_loop_is_gone_through_round_by_round(visit):
    explained = gd.explain(newton)(2.0, 1.0)
    page = visit(explained)
    page.keyboard.press("End")
    rounds = [v for v in explained.vertices if v.name.startswith("x#")]
    assert page.get_attribute("#round", "max") == "12"
    assert page.inner_text(".rounds") == "round 1 of 12"
    assert rounds[0].name in page.locator(".box .name").all_text_contents()
    page.focus("#round")
    page.keyboard.press("Home")
    for number, v in enumerate(rounds, 1):
        assert f"round {number} of 12" in page.inner_text(".rounds")
        texts = page.locator(".box .name").all_text_contents()
        assert v.name in texts
        shown = page.locator(".box .value").all_text_contents()
        assert short(v.value) in shown
        page.keyboard.press("ArrowRight")
    page.select_option(".tools select", "none")
    assert not page.is_visible("#round")


def test_paths_of_a_loop_are_summed_by_groups(visit):
    def g(x):
        s = 0.0
        for _ in range(6):
            s = s * x + np.sin(x)
        return s

    page = visit(gd.explain(g)(0.5))
    page.keyboard.press("End")
    page.click("[data-paths=x]")
    groups = page.locator(".paths .group summary").all_inner_texts()
    count = sum(int(re.match(r"(\d+) ", text)[1]) for text in groups)
    total = sum(float(text.rsplit("= ", 1)[1]) for text in groups)
    assert len(groups) < count
    assert total == pytest.approx(float(gradients(page)[0]), rel=1e-4)


@pytest.mark.parametrize(("g", "args"), [(f, (2.0, 3.0)), (newton, (2.0, 1.0))])
def test_the_line_of_each_step_is_lit_in_the_code(visit, g, args):
    explained = gd.explain(g)(*args)
    page = visit(explained)
    names = [v.name.replace("#", "_") for v in explained.vertices]
    forward = [v for v in explained.vertices if v.rule is not None]
    flows = [c for s in explained.steps for c in s.contributions]
    for v in forward:
        page.keyboard.press("ArrowRight")
        assert page.inner_text(".code-line.lit").strip().startswith(names[v.index])
    page.keyboard.press("ArrowRight")
    for c in flows:
        page.keyboard.press("ArrowRight")
        line = page.inner_text(".code-line.lit").strip()
        assert line.startswith(f"{names[c.target]}_grad")
    assert page.locator(".keyword").count() >= 3


def test_a_page_in_a_notebook_copies(browser, tmp_path):
    path = tmp_path / "notebook.html"
    framed = gd.explain(f)(2.0, 3.0)._repr_html_()
    path.write_text(f"<!doctype html><body>{framed}</body>", encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    frame = page.frame_locator("iframe")
    frame.locator("#copy").click(timeout=20_000)
    frame.get_by_text("Copied").wait_for(timeout=20_000)
    assert frame.locator("#copy").get_attribute("data-copied").startswith("import")
    page.close()
