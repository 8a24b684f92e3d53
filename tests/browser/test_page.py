"""The page of a gradient in a browser: from disk, by keyboard, and by the numbers."""

import itertools
import json
import math
import re

import numpy as np
import pytest

import chainrule as gd
from chainrule.explainer.account.brief import short
from chainrule.explainer.account.views import Operand, VertexView
from chainrule.explainer.forms.layering import layered
from chainrule.explainer.page.javascript import rules_text, script_of
from chainrule.explainer.page.page import frame
from chainrule.rules import elementwise
from chainrule.rules.namespace import plain
from tests.explainer.test_layering import GRAPHS, SPACES
from tests.helpers import RULES, calls_of

pytestmark = pytest.mark.browser

ATTACK = "</script><img src=x onerror=owned=1><script>owned=1</script>"


def f(x, y):
    return x * y + np.sin(x)


def busy(x, y):
    a = np.sin(x * y)
    b = np.exp(-x) + a * y
    c = np.sqrt(a * a + b * b)
    d = np.tanh(c * x) + b / (1 + y**2)
    return c * d + np.log(1 + a * a) + np.maximum(x, y) * 2.0**x


def newton(a, x):
    for _ in range(12):
        x = 0.5 * (x + a / x)
    return x


def branch(x, y):
    z = x - y if x > y else y - x
    return np.sqrt(z) * np.exp(-x)


def pole(x, y):
    r = np.sqrt(x * x + y * y)
    return np.log(r) * x


def layer(w, x):
    h = np.maximum(w @ x, 0.0)
    return np.sum(h**2)


W, X = np.array([[1.0, -2.0], [0.5, 3.0], [2.0, 1.0]]), np.array([1.5, -0.5])


def last_step(page):
    return int(page.get_attribute("#step", "max"))


def numbers(page, selector):
    return [e.inner_text() for e in page.query_selector_all(selector)]


def gradients(page):
    """The gradients in the table of inputs, as text."""
    return [" ".join(text.split()) for text in numbers(page, ".inputs td .gradient")]


def shown(value):
    """A value as the page shows it: a number, or all entries of a grid."""
    if np.ndim(value) == 0:
        return short(value)
    return " ".join(short(x, 4) for x in np.ravel(value))


def amount(page, selector):
    """The number of a row, or the entries of its grid."""
    row = page.query_selector(selector)
    grid = row.query_selector(".matrix")
    text = (grid or row.query_selector(".number:last-child")).inner_text()
    return " ".join(text.split())


def table_rows(page):
    """The rows of the table of all values, opened."""
    page.click("summary >> text=All values")
    page.wait_for_selector("details.table tbody tr")
    return page.locator("details.table tbody tr").all()


def step_through(page):
    """Step on by keyboard until the end, and yield the step."""
    for step in range(1, last_step(page) + 1):
        page.keyboard.press("ArrowRight")
        assert page.input_value("#step") == str(step)
        yield step


# ------------------------------------------------------------------- the same numbers


@pytest.mark.parametrize(
    ("g", "args"),
    [(f, (2.0, 3.0)), (busy, (0.7, 1.3)), (newton, (2.0, 1.0)), (layer, (W, X))],
)
def test_every_step_shows_the_numbers_of_python(visit, g, args):
    explained = gd.explain(g)(*args)
    page = visit(explained)
    names = [v.name for v in explained.vertices]
    forward = [v for v in explained.vertices if v.rule is not None]
    flows = [(s, c) for s in explained.steps for c in s.contributions]
    assert last_step(page) == len(forward) + len(flows) + 2
    for step in step_through(page):
        if step <= len(forward):
            v = forward[step - 1]
            assert page.inner_text(".now h2") == f"{v.name} is computed"
            assert amount(page, ".now-body .row") == shown(v.value)
        elif len(forward) + 1 < step < last_step(page):
            s, c = flows[step - len(forward) - 2]
            heading = f"{names[c.source]} adds to {names[c.target]}"
            assert page.inner_text(".now h2") == heading
            assert amount(page, ".row.amount") == shown(c.amount)
            assert page.inner_text(".sum .total .number") == short(c.total)
            chips = numbers(page, ".chips li")
            if c is s.contributions[-1]:
                assert chips == [names[i] for i in s.ready][:12] or chips == ["empty"]
    assert gradients(page) == [shown(t.gradient) for t in explained.ticks]
    assert page.locator(".inputs .good").count() == len(args)


def test_the_table_holds_every_value(visit):
    explained = gd.explain(busy)(0.7, 1.3)
    page = visit(explained)
    page.keyboard.press("End")
    for row, v in zip(table_rows(page), explained.vertices, strict=True):
        assert row.locator("th").inner_text() == v.name
        cells = [cell.inner_text() for cell in row.locator("td").all()]
        assert cells[-2:] == [short(v.value), short(explained.totals[v.index])]


def test_forward_mode_and_second_order(visit):
    page = visit(gd.explain(f, mode="forward")(2.0, 3.0))
    page.keyboard.press("End")
    assert "4.58385" in page.inner_text(".now-body .row")
    page = visit(gd.explain(f, order=2)(2.0, 3.0))
    page.select_option("header select", label="d f / d x")
    page.keyboard.press("End")
    assert page.inner_text("h1") == "Gradient of d f / d x"
    assert gradients(page) == [short(-math.sin(2.0)), "1"]


def test_the_source_line_and_its_expression_are_lit(visit):
    page = visit(gd.explain(f)(2.0, 3.0))
    page.keyboard.press("ArrowRight")
    assert page.inner_text(".line.lit mark") == "x * y"
    page.keyboard.press("ArrowRight")
    assert page.inner_text(".line.lit mark") == "np.sin(x)"
    assert page.get_attribute(".line.lit", "aria-current") == "true"


# ------------------------------------------------------------------------ other inputs


@pytest.mark.parametrize(
    ("g", "args", "moved"),
    [
        (f, (2.0, 3.0), (-1.25, 0.5)),
        (busy, (0.7, 1.3), (1.9, 0.4)),
        (newton, (2.0, 1.0), (7.5, 2.0)),
        (branch, (2.0, 1.0), (3.5, 0.25)),
    ],
)
def test_changed_inputs_recompute_everything(visit, g, args, moved):
    page = visit(gd.explain(g)(*args))
    page.keyboard.press("End")
    for name, value in zip(page.locator("[data-input]").all(), moved, strict=True):
        name.fill(repr(value))
    wanted = gd.explain(g)(*moved)
    assert gradients(page) == [short(t.gradient) for t in wanted.ticks]
    checks = [short(t.difference, 4) for t in wanted.ticks]
    shown = [short(float(x), 4) for x in numbers(page, ".inputs .check .number")]
    np.testing.assert_allclose(list(map(float, shown)), list(map(float, checks)), 1e-3)
    assert page.locator(".inputs .good").count() == len(args)
    for row, v in zip(table_rows(page), wanted.vertices, strict=True):
        cells = [cell.inner_text() for cell in row.locator("td").all()]
        assert cells[-2:] == [short(v.value), short(wanted.totals[v.index])]
    page.click("text=Back to the recorded inputs")
    assert gradients(page) == [short(t.gradient) for t in gd.explain(g)(*args).ticks]


def test_another_branch_is_noticed(visit):
    page = visit(gd.explain(branch, branches=False)(2.0, 1.0))
    page.keyboard.press("End")
    page.fill("[data-input=x]", "0.5")
    said = page.inner_text(".warnings")
    assert "x > y was true" in said
    assert "Run gd.explain" in said
    assert "nan" not in said
    assert "of the recorded branch" in page.inner_text(".inputs")
    assert page.locator(".inputs .good").count() == 0
    page.fill("[data-input=x]", "1.75")
    assert not page.is_visible(".warnings")
    assert page.locator(".inputs .good").count() == 2


def test_a_branch_is_named_as_the_program_writes_it(visit):
    def huber(r):
        return r * r if np.abs(r) < 2.0 else 4.0 * np.abs(r) - 4.0

    page = visit(gd.explain(huber, branches=False)(1.0))
    page.fill("[data-input=r]", "3")
    assert "np.abs(r) < 2.0 was true" in page.inner_text(".warnings")
    page.fill("[data-input=r]", "-2")
    assert "np.abs(r) < 2.0 was true" in page.inner_text(".inputs")


def test_a_field_stays_where_it_is_while_it_is_typed_in(visit):
    page = visit(gd.explain(pole)(1.0, 2.0), width=1280, height=900)
    field = page.locator("[data-input=x]")
    field.fill("")
    before = field.bounding_box()
    for key in "0.5":
        field.press(key)
        assert field.bounding_box() == before
    page.fill("[data-input=y]", "0")
    field.fill("0")
    assert page.is_visible(".badge.grave")
    assert field.bounding_box() == before


def test_one_name_for_one_thing_in_a_step(visit):
    def g(rate, x):
        return rate / (x - 1.0)

    page = visit(gd.explain(g)(2.0, 3.0))
    for _ in step_through(page):
        said = page.inner_text(".now-body")
        assert not re.search(r"\bd?z\b|\by\b", said), said
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert "v2 = rate / v1" in page.inner_text(".now-body")


def test_rounding_is_shown_as_what_it_is(visit):
    page = visit(gd.explain(lambda x: 0.1 * x + 0.2 * x - 0.3 * x)(1.0))
    page.keyboard.press("End")
    assert "rounding of 0" in page.inner_text(".inputs")
    assert "rounding leaves of 0" in page.inner_text(".warnings")


def test_what_is_no_number_is_marked(visit):
    page = visit(gd.explain(f)(2.0, 3.0))
    page.fill("[data-input=x]", "two")
    assert page.get_attribute("[data-input=x]", "aria-invalid") == "true"
    page.fill("[data-input=x]", "1/3")
    assert page.get_attribute("[data-input=x]", "aria-invalid") is None
    assert "x = 0.333333" in page.inner_text(".call")


def test_inputs_that_cannot_be_replayed_say_why(visit):
    page = visit(gd.explain(lambda x: np.sum(np.linalg.pinv(x)))(np.eye(2)))
    assert page.locator("[data-input]").count() == 0
    assert "Pages do not compute np.linalg.pinv(x)" in page.inner_text(".inputs")


def test_the_entries_of_arrays_are_inputs(visit):
    """Beside numbers, too; and every number of the page follows them."""

    def g(w, x, scale):
        shifted = w @ x - np.max(w @ x)
        both = np.stack([shifted, np.where(shifted < -1.0, shifted, x[0])])
        return scale * np.mean(np.tanh(both) ** 2) + np.sum(w[1:, 0])

    page = visit(gd.explain(g)(W, X, 0.5))
    assert page.locator("[data-input]").count() == 9
    page.keyboard.press("End")
    moved = W.copy()
    moved[1, 0] = -0.75
    page.fill("[data-input='w[1, 0]']", "-3/4")
    page.fill("[data-input=scale]", "2*pi")
    wanted = gd.explain(g)(moved, X, 2 * np.pi)
    assert gradients(page) == [shown(t.gradient) for t in wanted.ticks]
    assert page.locator(".inputs .good").count() == 3
    for row, v in zip(table_rows(page), wanted.vertices, strict=True):
        cells = [cell.inner_text() for cell in row.locator("td").all()]
        assert cells[-2:] == [short(v.value), short(wanted.totals[v.index])]
    page.click("text=Back to the recorded inputs")
    recorded = gd.explain(g)(W, X, 0.5)
    assert gradients(page) == [shown(t.gradient) for t in recorded.ticks]


@pytest.mark.parametrize(
    "g",
    [
        lambda a: np.sum(np.linalg.inv(a) ** 2),
        lambda a: np.sum(np.linalg.solve(a, a[0] + 1.0)),
        lambda a: np.sum(np.sort(a, axis=None) * np.arange(4.0)),
        lambda a: np.prod(a) + np.sum(np.prod(a, axis=0)),
        lambda a: np.linalg.norm(a) + np.sum(np.linalg.norm(a, axis=1, ord=3)),
        lambda a: np.var(a) + np.sum(np.std(a, axis=0, ddof=1)),
    ],
    ids=["inv", "solve", "sort", "prod", "norm", "var"],
)
def test_functions_of_whole_arrays_are_replayed(visit, g):
    a = np.array([[2.0, -1.0], [0.5, 3.0]])
    page = visit(gd.explain(g)(a))
    page.keyboard.press("End")
    a[1, 0] = 2.5
    page.fill("[data-input='a[1, 0]']", "5/2")
    wanted = gd.explain(g)(a)
    assert gradients(page) == [shown(t.gradient) for t in wanted.ticks]
    assert page.locator(".inputs .good").count() == 1
    for row, v in zip(table_rows(page), wanted.vertices, strict=True):
        cells = [cell.inner_text() for cell in row.locator("td").all()]
        assert cells[-2:] == [short(v.value), short(wanted.totals[v.index])]


def samples(rule):
    """Yield operands as numbers: from the rule's domain, and its boundary points."""
    for call in calls_of(rule):
        values = call.draw()
        if not call.parameters and all(type(x) is float for x in values):
            yield values
    for operands, _ in rule.conventions:
        yield list(operands)


def test_every_rule_is_the_same_in_javascript(visit):
    """Forward and partials of each form, at random and at boundary points."""
    page = visit(gd.explain(f)(2.0, 3.0))
    checked = 0
    for rule in [r for r in RULES if issubclass(r, elementwise)]:
        operands = [Operand(i, 1.0) for i in range(len(rule.operand_names))]
        form = script_of(VertexView(0, "z", 1.0, rule, "", operands))
        if form is None:
            continue
        page.evaluate(rules_text([form]))
        for values in samples(rule):
            values = [np.float64(x) for x in values]
            with np.errstate(all="ignore"):
                z = np.float64(rule.forward(*values))
                wanted = [rule.parts[i](plain, z, *values) for i in rule.parts]
            call = (
                "([z, ...x]) => { const r = chainruleRules[0]; return [r.forward(...x),"
                "...Object.values(r.partials).map(d => d(z, ...x))].map(v => "
                "String(Number(v))) }"
            )
            given = [str(float(x)).replace("inf", "Infinity") for x in [z, *values]]
            text = page.evaluate(f"x => ({call})(x.map(Number))", given)
            found = [float(v.replace("Infinity", "inf")) for v in text]
            known = [float(z), *map(float, wanted)]
            np.testing.assert_allclose(found, known, rtol=1e-12, err_msg=rule.__name__)
            checked += 1
    assert checked > 60


# -------------------------------------------------------------------------- by keyboard


def test_the_keyboard_does_everything(visit):
    page = visit(gd.explain(f)(2.0, 3.0))
    page.keyboard.press("End")
    assert page.input_value("#step") == page.get_attribute("#step", "max")
    page.keyboard.press("Home")
    assert page.input_value("#step") == "0"
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("document.activeElement.id || document.activeElement.tagName")
        )
    wanted = {"quiz", "theme", "play", "next", "last", "step", "INPUT", "SUMMARY"}
    assert wanted <= set(reached)
    page.focus("#play")
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    page.keyboard.press("Tab")
    assert page.evaluate(outline) == "solid"
    page.keyboard.press("Enter")
    assert page.input_value("#step") == "1"
    page.focus("#step")
    page.keyboard.press("ArrowRight")
    assert page.input_value("#step") == "2"


def test_space_plays_to_the_end_and_arrows_pause(visit):
    page = visit(gd.explain(lambda x: x * 2.0)(1.5))
    page.select_option("select[aria-label=Speed]", "0.4")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Space")
    assert page.inner_text("#play") == "Pause"
    page.wait_for_selector("text=Step 4 of 4")
    assert page.inner_text("#play") == "Play"
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#play") == "Play"


def test_each_step_is_announced(visit):
    page = visit(gd.explain(f)(2.0, 3.0))
    said = [page.inner_text("[aria-live=polite].unseen")]
    for _ in step_through(page):
        said.append(page.text_content(".unseen"))
    assert len(set(said)) == len(said)
    assert "v1 is x * y, which is 6" in said[1]
    assert "v2 hands 1 times -0.416147 (cos(x)), so -0.416147 to x" in said[7]
    assert "x has 2.58385, y has 2" in said[-1]
    assert "complete" in page.get_attribute("#step", "aria-valuetext")


# ---------------------------------------------------------------------- paths and quiz


def test_a_gradient_is_a_sum_over_paths(visit):
    page = visit(gd.explain(f)(2.0, 3.0))
    page.click("[data-paths=x]")
    assert "Step to the end first" in page.inner_text(".paths")
    page.keyboard.press("End")
    assert numbers(page, ".paths .route") == [
        "x \u2192 v1 \u2192 v3",
        "x \u2192 v2 \u2192 v3",
    ]
    products = numbers(page, ".paths li .number")
    assert products == ["3 \u00d7 1 = 3", "(-0.416147) \u00d7 1 = -0.416147"]
    assert page.inner_text(".paths .total .number") == "2.58385"


def test_many_paths_are_counted_and_not_listed(visit):
    def g(x):
        for _ in range(16):
            x = x + x
        return x

    page = visit(gd.explain(g)(1.0))
    page.keyboard.press("End")
    page.click("[data-paths=x]")
    assert page.locator(".paths li").count() == 40
    assert "40 of 65536 paths" in page.inner_text(".paths")
    assert gradients(page) == ["65536"]


def test_an_input_in_the_picture_opens_its_paths(visit):
    page = visit(gd.explain(f)(2.0, 3.0))
    page.keyboard.press("End")
    page.locator(".box.input").first.click()
    assert page.locator(".paths .route").count() > 0


def test_the_quiz_refuses_the_wrong_number_and_accepts_the_right_one(visit):
    explained = gd.explain(f)(2.0, 3.0)
    page = visit(explained)
    page.focus("#quiz")
    page.keyboard.press("Enter")
    page.focus("text=Go to the first question")
    page.keyboard.press("Enter")
    names = [v.name for v in explained.vertices]
    for s in explained.steps:
        for c in s.contributions:
            before = page.input_value("#step")
            page.keyboard.press("Escape")
            question = page.inner_text("#quiz-question")
            assert question.endswith(f"How much does it add to {names[c.target]}?")
            page.focus("#quiz-answer")
            page.keyboard.type(repr(c.amount * 1.5 + 1))
            page.keyboard.press("Enter")
            assert "Not yet." in page.inner_text(".reply")
            assert page.input_value("#step") == before
            page.fill("#quiz-answer", "what")
            page.keyboard.press("Enter")
            assert "Type a number" in page.inner_text(".reply")
            page.fill("#quiz-answer", short(c.amount))
            page.keyboard.press("Enter")
            assert "Right." in page.inner_text(".verdict")
            assert f"adds {short(c.amount)}" in page.inner_text(".verdict")
            assert page.input_value("#step") == str(int(before) + 1)
    assert "0 of 5 right at the first try" in page.inner_text(".quiz")


def test_the_quiz_waits_hints_and_tells(visit):
    page = visit(gd.explain(lambda x: np.exp(-x) * 2.0)(0.5))
    page.click("#quiz")
    page.click("text=Go to the first question")
    page.click("#next")
    assert page.evaluate("document.activeElement.id") == "quiz-answer"
    step = page.input_value("#step")
    page.click("#quiz-reveal")
    assert "The answer:" in page.inner_text(".verdict")
    assert page.input_value("#step") == str(int(step) + 1)
    page.fill("#quiz-answer", short(math.exp(-0.5)))  # the local derivative alone
    page.keyboard.press("Enter")
    assert "That is the local derivative" in page.inner_text(".reply")
    page.fill("#quiz-answer", short(-2 * math.exp(-0.5)))
    page.keyboard.press("Enter")
    assert "Look at the sign" in page.inner_text(".reply")


# ------------------------------------------------------------------------------- looks


def luminance(page, selector="body"):
    text = page.evaluate(
        f"getComputedStyle(document.querySelector('{selector}')).backgroundColor"
    )
    return sum(map(float, re.findall(r"[\d.]+", text)[:3])) / 3


def test_light_and_dark(visit):
    assert luminance(visit(gd.explain(f)(2.0, 3.0))) > 200
    page = visit(gd.explain(f)(2.0, 3.0), color_scheme="dark")
    assert luminance(page) < 60
    page.click("#theme")
    assert luminance(page) > 200
    assert page.inner_text("#theme") == "Dark"


@pytest.mark.parametrize("width", [320, 390, 820])
@pytest.mark.parametrize(
    ("g", "args"), [(busy, (0.7, 1.3)), (pole, (0.0, 0.0)), (layer, (W, X))]
)
def test_narrow_screens_never_scroll_sideways(visit, g, args, width):
    page = visit(gd.explain(g)(*args), width=width, height=800)
    table_rows(page)
    page.click("#quiz")
    for key in ("Home", "ArrowRight", "End"):
        page.keyboard.press(key)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    for word in page.locator(".gloss:visible").all():
        word.hover()
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def overlaps(page):
    """The pairs of boxes in the picture that overlap, and texts that leave theirs."""
    return page.evaluate("""() => {
        const boxes = [...document.querySelectorAll('.box')];
        const areas = boxes.map(b => b.querySelector('rect').getBoundingClientRect());
        const over = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 &&
            a.top < b.bottom - 1 && b.top < a.bottom - 1;
        const found = [];
        areas.forEach((a, i) => areas.slice(i + 1).forEach((b, j) => {
            if (over(a, b)) found.push([i, i + 1 + j]);
        }));
        boxes.forEach((box, i) => {
            const rows = [...box.querySelectorAll('text')].filter(t => t.textContent)
                .map(t => t.getBoundingClientRect());
            rows.forEach((r, k) => {
                if (r.left < areas[i].left || r.right > areas[i].right) found.push([i]);
                rows.slice(k + 1).filter(q => over(r, q)).forEach(() => found.push(i));
            });
        });
        return found;
    }""")


@pytest.mark.parametrize(
    ("g", "args"),
    [(f, (2.0, 3.0)), (busy, (0.7, 1.3)), (newton, (2.0, 1.0)), (layer, (W, X))],
)
def test_nothing_in_the_picture_overlaps(visit, g, args):
    page = visit(gd.explain(g)(*args))
    for _ in step_through(page):
        assert overlaps(page) == []


def test_motion_is_left_out_where_it_is_not_wanted(visit):
    page = visit(gd.explain(f)(2.0, 3.0), reduced_motion="reduce")
    page.keyboard.press("ArrowRight")
    assert page.locator(".pill").count() == 0
    page = visit(gd.explain(f)(2.0, 3.0), reduced_motion="no-preference")
    page.keyboard.press("ArrowRight")
    assert page.locator(".pill").count() == 2


def test_loops_are_folded_into_one_box(visit):
    page = visit(gd.explain(newton)(2.0, 1.0))
    assert page.locator(".box").count() == 5
    page.select_option(".tools select", "none")
    assert page.locator(".box").count() == 38


def test_a_long_recording_opens_and_steps(visit):
    def g(a, x):
        for _ in range(2000):
            x = np.sin(a * x) + 0.1
        return x

    page = visit(gd.explain(g)(0.9, 0.5))
    assert page.locator(".box").count() < 20
    assert "left out" in page.inner_text(".warnings")
    page.keyboard.press("End")
    page.click("[data-paths=x]")
    assert "left out of this page" in page.inner_text(".paths")
    assert "No path" not in page.inner_text(".paths")
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    assert "adds to" in page.inner_text(".now h2")


def test_where_a_nan_was_born_is_red_and_one_click_away(visit):
    page = visit(gd.explain(pole)(0.0, 0.0))
    said = page.inner_text(".warnings")
    assert "Where it goes wrong" in said
    assert "log needs a positive argument" in said
    assert page.locator(".box.warned").count() >= 2
    page.locator(".warnings button").first.click()
    assert page.inner_text(".now h2").endswith("is computed")
    assert page.locator(".box.current.warned").count() == 1


def test_a_function_that_fails_shows_the_part_that_ran(visit):
    def g(x):
        y = np.exp(x)
        return np.reshape(y, (2, 3))

    page = visit(gd.explain(g)(1.0))
    assert "ValueError" in page.inner_text(".warnings")
    page.keyboard.press("End")
    assert page.inner_text(".now h2") == "y is computed"


# ------------------------------------------------------------------ safety and access


def test_text_that_looks_like_a_script_does_nothing(visit, tmp_path):
    path = tmp_path / "attack.py"
    path.write_text(
        f"def g(x):\n    y = x * 2.0  # {ATTACK}\n    raise ValueError({ATTACK!r})"
    )
    names = {}
    exec(compile(path.read_text(), str(path), "exec"), names)
    names["g"].__name__ = ATTACK
    w = gd.node(2.0, name=ATTACK)
    for explained in (gd.explain(names["g"])(1.0), gd.explain(w * np.exp(w))):
        page = visit(explained)
        page.keyboard.press("End")
        table_rows(page)
        assert page.evaluate("typeof owned") == "undefined"
        assert page.locator("img").count() == 0
        assert page.locator("script").count() == 3
        assert ATTACK in page.inner_text("body")


def test_a_notebook_frame_steps(visit, browser):
    explained = gd.explain(f)(2.0, 3.0)
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.set_content(f"<h1>Notebook</h1>{frame(explained)}")
    inside = page.frame_locator("iframe")
    inside.locator("#next").click()
    assert inside.locator(".now h2").inner_text() == "v1 is computed"
    assert page.evaluate("typeof chainruleRules") == "undefined"
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize(("g", "args"), [(f, (2.0, 3.0)), (pole, (0.0, 0.0))])
def test_axe_finds_nothing_serious(visit, axe, g, args, width, scheme):
    page = visit(
        gd.explain(g)(*args), width=width, color_scheme=scheme, reduced_motion="reduce"
    )
    page.evaluate(axe)
    table_rows(page)
    for act in ("Home", "ArrowRight", "End", "quiz", "paths"):
        if act == "quiz":
            page.click("#quiz")
        elif act == "paths":
            page.click("[data-paths=x]")
        else:
            page.keyboard.press(act)
        found = page.evaluate("axe.run()")["violations"]
        serious = [
            (v["id"], [n["target"] for n in v["nodes"]])
            for v in found
            if v["impact"] in ("serious", "critical")
        ]
        assert serious == [], json.dumps(serious, indent=1)


def test_the_layout_is_that_of_python(visit):
    page = visit(gd.explain(f)(2.0, 3.0))
    call = "x => chainrulePage.layered(...x.slice(0, 4), x[4] ?? Infinity)"
    for given, room in itertools.product(GRAPHS, (None, 300.0, 0.0)):
        wanted = layered(*given, SPACES, math.inf if room is None else room)
        found = page.evaluate(call, [*given, vars(SPACES), room])
        for name in ("centres", "labels"):
            np.testing.assert_allclose(found[name], getattr(wanted, name), atol=1e-6)
        for way, points in zip(found["ways"], wanted.ways, strict=True):
            np.testing.assert_allclose(way, points, atol=1e-6)
        size = [found["width"], found["height"]]
        np.testing.assert_allclose(size, [wanted.width, wanted.height], atol=1e-6)


def tall(first_of_all_arguments, second_of_all_arguments, w):
    h = np.tanh(w @ np.array([first_of_all_arguments, second_of_all_arguments]))
    for _ in range(3):
        h = np.sin(h) * first_of_all_arguments + h
    return np.sum(h) * second_of_all_arguments + 1e-3 * np.sum(w**2)


WHERE = """() => {
    const at = (x) => document.querySelector(x)?.getBoundingClientRect();
    const [box, frame, bar] = [".box.current", ".frame", "footer"].map(at);
    return box && [box.top - frame.top, Math.min(frame.bottom, bar.top) - box.bottom];
}"""


@pytest.mark.parametrize("size", [(1024, 640), (390, 844)])
def test_the_box_of_the_moment_is_not_behind_the_bar(visit, size):
    width, height = size
    explained = gd.explain(tall)(1.0, 2.0, np.ones((4, 2)))
    page = visit(explained, width=width, height=height, reduced_motion="reduce")
    seen = 0
    for _ in range(int(page.get_attribute("#step", "max"))):
        page.keyboard.press("ArrowRight")
        room = page.evaluate(WHERE)
        seen += room is not None
        assert room is None or min(room) >= -1
    assert seen > 40
