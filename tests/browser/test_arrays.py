"""Arrays as grids: what an entry comes from, where its gradient comes from, shapes."""

import numpy as np
import pytest

import chainrule as gd
from tests.browser.test_page import W, X, layer

pytestmark = pytest.mark.browser


def hover(page, name, entry):
    """Point at an entry of a value in the graph, and return what is said of it."""
    box = page.locator(".box", has=page.locator(f".name:text-is('{name}')"))
    cell = box.locator(".cell.value").nth(entry)
    cell.scroll_into_view_if_needed()
    cell.hover()
    return page.inner_text(".hint")


def marked(page, kind):
    return page.locator(f".cell.{kind}").count()


def test_a_matrix_looks_like_one(visit):
    page = visit(gd.explain(layer)(W, X))
    page.keyboard.press("End")
    box = page.locator(".box.input").first
    texts = box.locator(".entry.value").all_text_contents()
    assert texts == ["1", "-2", "0.5", "3", "2", "1"]
    rows = {r.bounding_box()["y"] for r in box.locator(".cell.value").all()}
    assert len(rows) == 3
    assert box.locator(".name").text_content() == "w (3, 2)"
    heat = [float(c.get_attribute("fill-opacity")) for c in box.locator(".cell").all()]
    assert max(heat) > 3 * min(heat)


def test_an_entry_that_is_no_number_is_red(visit):
    with np.errstate(all="ignore"):
        explained = gd.explain(lambda x: np.sum(np.exp(np.log(x))))
        page = visit(explained(np.array([-1.0, 2.0])))
    page.keyboard.press("End")
    fill = "e => getComputedStyle(e).fill"
    cells = ".box:not(.warned) .cell.value"  # behind the box where nan was born
    (red,) = {e.evaluate(fill) for e in page.locator(f"{cells}.lost").all()}
    others = page.locator(f"{cells}:not(.lost)").all()
    assert red not in {e.evaluate(fill) for e in others}


def test_an_entry_shows_what_it_is_computed_from(visit):
    page = visit(gd.explain(layer)(W, X))
    page.keyboard.press("End")
    said = hover(page, "v1 (3,)", 1)
    assert "v1[1] is computed from w[1, 0], x[0], w[1, 1], x[1]." in said
    assert "Its gradient comes from h[1]." in said
    assert marked(page, "from") == 8  # values and gradients of four entries
    assert marked(page, "here") == 2
    said = hover(page, "x (2,)", 0)
    assert "x[0] is given. Its gradient comes from v1[0], v1[1], v1[2]." in said
    assert marked(page, "to") == 6


def focused(page):
    """The name and the description of the entry that has the focus."""
    return page.evaluate("""() => {
        const e = document.activeElement, id = e.getAttribute("aria-describedby");
        return [e.getAttribute("aria-label"), document.getElementById(id).textContent];
    }""")


def test_arrow_keys_go_from_entry_to_entry(visit):
    page = visit(gd.explain(layer)(W, X))
    page.keyboard.press("End")
    page.focus(".graph div.frame")
    page.keyboard.press("Tab")
    step = page.input_value("#step")
    assert focused(page) == [
        "w[0, 0]: 1",
        "w[0, 0] is given. Its gradient comes from v1[0].",
    ]
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert focused(page)[0] == "w[1, 1]: 3"
    ring = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(ring) == "solid"
    assert marked(page, "here") == 2
    assert marked(page, "to") == 2
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert focused(page)[0].startswith("derivative in w[0, 0]: ")
    seen = []
    while not seen or focused(page)[0] != seen[-1]:
        seen.append(focused(page)[0])
        page.keyboard.press("ArrowDown")
    names = " ".join(seen)
    assert all(name in names for name in ("x[0]", "v1[0]", "h[0]"))
    assert page.input_value("#step") == step
    name = focused(page)[0]
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    assert focused(page)[0] == name
    assert page.locator("[role=gridcell][tabindex='0']").count() == 1


def test_the_entry_in_focus_stays_so_when_the_graph_is_drawn_anew(visit):
    page = visit(gd.explain(layer)(W, X))
    page.keyboard.press("End")
    page.focus(".graph div.frame")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    name = focused(page)[0]
    page.set_viewport_size({"width": 800, "height": 700})
    page.wait_for_timeout(200)
    assert focused(page)[0] == name


def test_broadcasting_and_products_are_said_as_what_they_are(visit):
    page = visit(gd.explain(lambda w, b: np.sum(w @ w.T + b))(W, X[:1]))
    said = []
    for _ in range(4):
        page.keyboard.press("ArrowRight")
        said.append(page.inner_text(".now-body"))
    assert any(
        "Rows times columns: 3\u00d72 @ 2\u00d73 gives 3\u00d73." in s for s in said
    )
    assert any("Broadcast: 3\u00d73 with 1 gives 3\u00d73." in s for s in said)
    labels = page.locator(".graph .label").all_text_contents()
    assert "(3, 2)" in labels


def test_a_large_array_is_a_window_with_its_range(visit):
    page = visit(gd.explain(lambda x: np.sum(x * x))(np.arange(900.0).reshape(30, 30)))
    box = page.locator(".box.input").first
    texts = box.locator(".entry.value").all_text_contents()
    assert "\u2026" in texts
    assert "\u22ee" in texts
    assert "from 0 to 899" in box.locator("title").text_content()
    assert "too large" in page.inner_text(".inputs")
