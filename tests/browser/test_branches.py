"""Both branches of a function, steps downhill, and what each mode costs."""

import numpy as np
import pytest

import chainrule as gd
from chainrule.explainer.account.brief import short
from tests.browser.looks import FUNCTIONS
from tests.browser.test_page import gradients, table_rows

pytestmark = pytest.mark.browser

HUBER, _ = FUNCTIONS["huber"]


def relu(x, w):
    y = x * w
    return np.where(y > 0.0, np.sqrt(y), 0.1 * y) + w


def rooms(x):
    if x < 0.0:
        return x * x
    return np.sin(x) if x < 2.0 else np.exp(-x)


@pytest.mark.parametrize(
    ("f", "args", "moved"),
    [
        (HUBER, (2.5, 1.0, 2.0), [(4.5, 1.0, 2.0), (2.0, 1.0, 0.5), (2.5, 2.0, 2.0)]),
        (rooms, (1.0,), [(-2.0,), (3.0,), (0.5,)]),
    ],
)
def test_other_inputs_show_the_branch_that_they_take(visit, f, args, moved):
    page = visit(gd.explain(f)(*args))
    page.keyboard.press("End")
    for inputs in moved:
        for field, value in zip(
            page.locator("[data-input]").all(), inputs, strict=True
        ):
            field.fill(repr(value))
        wanted = gd.explain(f)(*inputs)
        assert gradients(page) == [short(t.gradient) for t in wanted.ticks]
        assert page.locator(".inputs .good").count() == len(args)
        assert not page.is_visible(".warnings.serious")
        rows = page.locator(".graph .box").count()
        assert rows == len(wanted.vertices)
        code = {}
        exec(page.inner_text(".numpy pre"), code)
        value, _ = code["value_and_gradient"](*inputs)
        assert value == pytest.approx(float(f(*inputs)))
    page.click("text=Back to the recorded inputs")
    assert len(table_rows(page)) == len(gd.explain(f)(*args).vertices)


def test_the_branch_says_why_and_the_field_keeps_the_focus(visit):
    page = visit(gd.explain(HUBER)(2.5, 1.0, 2.0))
    page.fill("[data-input=prediction]", "9")
    said = page.inner_text(".other-branch")
    assert "np.abs(r) < delta was true" in said
    assert page.evaluate("document.activeElement.dataset.input") == "prediction"
    page.keyboard.press("ArrowDown")
    page.fill("[data-input=prediction]", "1.5")
    assert page.locator(".other-branch").count() == 0


def test_without_branches_the_recorded_one_is_kept(visit):
    page = visit(gd.explain(HUBER, branches=False)(2.5, 1.0, 2.0))
    page.fill("[data-input=prediction]", "9")
    assert "Another branch" in page.inner_text(".warnings")


def test_the_curve_goes_through_both_branches(visit):
    page = visit(gd.explain(rooms)(1.0))
    assert page.get_attribute(".plot .curve.strayed", "d") == ""
    page = visit(gd.explain(rooms, branches=False)(1.0))
    assert page.get_attribute(".plot .curve.strayed", "d") != ""


def test_downhill_steps_lower_the_result_and_leave_a_trail(visit):
    page = visit(gd.explain(lambda x, y: (x - 1.0) ** 2 + y * y)(3.0, 2.0))
    x, y = 3.0, 2.0
    for _ in range(3):
        page.click("#downhill")
        x, y = x - 0.1 * 2 * (x - 1.0), y - 0.1 * 2 * y
    assert float(page.input_value("[data-input=x]")) == pytest.approx(x, rel=1e-6)
    assert float(page.input_value("[data-input=y]")) == pytest.approx(y, rel=1e-6)
    assert page.locator(".plot circle.trail").count() == 4
    assert f"3 steps: from 8 to {short((x - 1) ** 2 + y * y)}" in page.inner_text(
        ".explore"
    )
    page.fill("#rate", "2")
    page.click("#downhill")
    assert "Uphill" in page.inner_text(".explore")


def test_steps_downhill_may_leave_where_the_result_is_defined(visit):
    page = visit(gd.explain(lambda x: np.log(x) + x)(0.5))
    page.fill("#rate", "10")
    page.click("#downhill")
    page.click("#downhill")
    assert "from -0.193147 to nan" in page.inner_text(".explore [role=status]")
    assert page.locator("circle.trail").count() == 1


def test_forward_and_reverse_are_counted(visit):
    page = visit(gd.explain(lambda x, y: x * y + np.sin(x))(2.0, 3.0))
    page.click(".cost summary")
    said = page.inner_text(".costs")
    assert "forward: 2 sweeps, 20 operations" in said
    assert "reverse: 1 sweep, 10 operations" in said
    page.fill("#cost-n", "1000")
    assert "Reverse mode is 1,000 times cheaper" in page.inner_text(".costs")
    page.fill("#cost-m", "5000")
    assert "Forward mode is 5 times cheaper" in page.inner_text(".costs")


def test_folded_loops_have_the_local_derivatives_of_their_round(visit):
    def newton(a, x):
        for _ in range(12):
            x = 0.5 * (x + a / x)
        return x

    page = visit(gd.explain(newton)(2.0, 1.0), reduced_motion="reduce")

    def labels(round_):
        page.evaluate(
            "n => { const s = document.getElementById('round'); s.value = n;"
            " s.dispatchEvent(new Event('input')); }",
            round_,
        )
        return set(page.locator(".scene .label").all_text_contents())

    assert {"0.5", "1 / x#2 = 0.6667"} <= labels(2)
    assert "1 / x#12 = 0.7071" in labels(12)
