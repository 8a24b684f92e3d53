"""What a teacher shows: paths in the graph, the presenter's view, one input moved."""

import re

import numpy as np
import pytest

import chainrule as gd
from chainrule.explainer.account.brief import short
from tests.browser.looks import FAULTS, FUNCTIONS

pytestmark = pytest.mark.browser


def f(x, y):
    return x * y + np.sin(x)


def labels(page, selector):
    return page.locator(f".graph {selector}").all_text_contents()


def to_step(page, step):
    """Bring a page to a step."""
    page.evaluate(
        "n => { const s = document.getElementById('step'); s.value = n;"
        " s.dispatchEvent(new Event('input')); }",
        step,
    )


# ------------------------------------------------------------- what stands on edges


def test_edges_carry_their_local_derivatives(visit):
    page = visit(gd.explain(f)(2.0, 3.0))
    assert sorted(labels(page, ".label")) == [
        "1", "1", "cos(x) = -0.4161", "x = 2", "y = 3",
    ]  # fmt: skip
    page.fill("[data-input=y]", "7")
    assert "y = 7" in labels(page, ".label")


def test_arrowheads_turn_round_in_the_backward_sweep(visit):
    page = visit(gd.explain(f)(2.0, 3.0))
    ends = "document.querySelectorAll('.edge[marker-{}]').length"
    assert page.evaluate(ends.format("end")) == 5
    page.keyboard.press("End")
    assert page.evaluate(ends.format("start")) == 5
    assert page.evaluate(ends.format("end")) == 0


def test_an_input_and_a_path_are_lit_in_the_graph(visit):
    page = visit(gd.explain(f)(2.0, 3.0))
    page.keyboard.press("End")
    page.click("[data-paths=x]")
    assert page.locator(".edge.path").count() == 4
    assert "x = 2" not in labels(page, ".label.lit")
    page.locator(".paths .route").first.click()
    assert page.locator(".edge.path").count() == 2
    assert sorted(labels(page, ".label.lit")) == ["1", "y = 3"]
    page.click("[data-paths=x]")
    assert page.locator(".edge.path").count() == 0


def test_what_arrives_is_added_up_in_the_box(visit):
    page = visit(gd.explain(f)(2.0, 3.0), reduced_motion="no-preference")
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    assert page.locator(".pill.swept").text_content().startswith("+ ")
    page.wait_for_selector(".box.arrived", state="attached")
    calm = visit(gd.explain(f)(2.0, 3.0), reduced_motion="reduce")
    for _ in range(5):
        calm.keyboard.press("ArrowRight")
    assert calm.locator(".pill").count() == 0


# ------------------------------------------------------------------ the presenter


OUT_OF_SIGHT = """() => {
    const found = [];
    if (document.documentElement.scrollHeight > innerHeight) found.push("page scrolls");
    const frame = document.querySelector(".graph div.frame");
    const [across, down] = [frame.scrollWidth, frame.scrollHeight];
    if (across > frame.clientWidth || down > frame.clientHeight)
        found.push("graph scrolls");
    const said = document.querySelector(".speech");
    if (said.scrollHeight > said.clientHeight + 2) found.push("sentence is cut");
    const room = frame.getBoundingClientRect();
    for (const box of document.querySelectorAll(".box")) {
        const area = box.getBoundingClientRect();
        if (area.bottom > room.bottom + 1 || area.right > room.right + 1)
            found.push(box.querySelector(".name").textContent + " is out of sight");
    }
    return found;
}"""
LETTERS = """() => Math.min(...[...document.querySelectorAll(".scene text, .speech")]
    .filter(t => t.textContent).map(t => parseFloat(getComputedStyle(t).fontSize) *
        (t.getScreenCTM ? t.getScreenCTM().a : 1)))"""


def deep(x, w):
    """Return what ten different layers make of a matrix."""
    for k in range(10):
        x = np.tanh(w @ x) + 0.1 * k
    return np.sum(x * x)


LECTURES = {
    **FUNCTIONS,
    "deep": (deep, (np.eye(3) + 0.5, np.eye(3))),
    "wide": (lambda xs: sum(x * x for x in xs), ([*map(float, range(40))],)),
}


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1024, 768)])
@pytest.mark.parametrize("name", LECTURES)
def test_the_presenters_view_can_be_read_from_the_last_row(visit, name, width, height):
    g, args = LECTURES[name]
    page = visit(
        gd.explain(g)(*args), width=width, height=height, reduced_motion="reduce"
    )
    page.keyboard.press("p")
    page.wait_for_timeout(100)
    assert page.get_attribute("#present", "aria-pressed") == "true"
    assert not page.is_visible(".inputs")
    assert page.locator(".graph div.frame").bounding_box()["width"] > 0.9 * width
    last = int(page.get_attribute("#step", "max"))
    for step in sorted({0, 1, 2, *range(3, last, -(-last // 8)), last - 1, last}):
        to_step(page, step)
        assert page.evaluate(OUT_OF_SIGHT) == [], step
        assert page.evaluate(FAULTS, 12.0) == [], step
        assert page.evaluate(LETTERS) >= height / 62, step
    page.keyboard.press("Escape")
    assert page.is_visible(".inputs")


def test_a_deep_graph_is_a_window_and_a_map(visit):
    page = visit(gd.explain(deep)(np.eye(3) + 0.5, np.eye(3)), reduced_motion="reduce")
    page.select_option(".tools select", "none")
    page.keyboard.press("p")
    to_step(page, 20)
    boxes = page.locator(".scene .box").count()
    assert 2 <= boxes <= 4
    assert page.locator(".overview rect").count() > 30
    assert page.locator(".overview .current").count() == 1
    assert page.locator(".overview .here").count() == boxes
    page.keyboard.press("End")
    assert page.locator(".scene .box.input").count() == 2
    page.keyboard.press("p")
    assert page.locator(".scene .box").count() > 30


def test_each_step_is_a_sentence(visit):
    page = visit(gd.explain(f)(2.0, 3.0))
    page.keyboard.press("P")
    said = []
    for _ in range(10):
        page.keyboard.press("ArrowRight")
        said.append(page.inner_text(".speech"))
    assert said[0] == "v1 is x * y, which is 6."
    assert "v1 hands 1 times 3 (y), so 3 to x, which makes 2.58385." in said
    assert said[-1] == "Done: x has 2.58385, y has 2."
    assert len(set(said)) == 10


# ------------------------------------------------------------------ one input moved


def test_a_name_is_dragged_and_everything_follows(visit):
    page = visit(gd.explain(f)(2.0, 3.0))
    page.keyboard.press("End")
    name = page.locator(".inputs th.drag").first
    box = name.bounding_box()
    page.mouse.move(box["x"] + 3, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(box["x"] + 53, box["y"] + 8)
    page.mouse.up()
    x = float(page.input_value("[data-input=x]"))
    assert x == pytest.approx(3.0)
    wanted = gd.explain(f)(x, 3.0)
    assert page.inner_text(".inputs td .gradient") == short(wanted.ticks[0].gradient)
    page.focus("[data-input=x]")
    page.keyboard.press("ArrowUp")
    assert float(page.input_value("[data-input=x]")) == pytest.approx(x + 0.1)


def test_the_slider_and_the_plot_follow_one_input(visit):
    page = visit(gd.explain(f)(2.0, 3.0))
    page.focus("[data-input=y]")
    assert page.inner_text("#explore-title") == "Along y"
    assert page.locator(".plot .tangent").count() == 1
    page.focus("#along")
    page.keyboard.press("End")
    assert float(page.input_value("[data-input=y]")) == 6.0
    assert "at 6 it is" in page.get_attribute(".plot", "aria-label")


@pytest.mark.parametrize("h", ["0.1", "1e-6", "1e-13"])
def test_a_nudge_stands_beside_the_derivative(visit, h):
    page = visit(gd.explain(f)(2.0, 3.0))
    page.select_option("#nudge", h)
    said = page.inner_text(".nudged")
    step = float(h)
    difference = (float(f(2.0 + step, 3.0)) - float(f(2.0, 3.0))) / step
    found = [float(x) for x in re.findall(r"-?[\d.]+(?:e-?\d+)?", said)]
    assert found == pytest.approx([difference, 2.58385], rel=1e-4)
