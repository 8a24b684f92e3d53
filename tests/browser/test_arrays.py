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
