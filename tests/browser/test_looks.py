"""Nothing overlaps, is cut off, is too small or too pale, at any size."""

import pytest

import chainrule as gd
from tests.browser.looks import FUNCTIONS, faults

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_ruler_finds_no_fault(visit, name):
    f, args = FUNCTIONS[name]
    page = visit(gd.explain(f)(*args), reduced_motion="reduce")
    assert faults(page, name) == []


def test_the_ruler_finds_faults(visit):
    page = visit(gd.explain(lambda x: x * 2.0)(1.5), reduced_motion="reduce")
    page.evaluate("""() => {
        const style = document.createElement("style");
        style.textContent =
            ".call { position: relative; top: -30px; color: #ccc; font-size: 9px }";
        document.head.append(style);
    }""")
    found = "\n".join(faults(page, "x"))
    for fault in ("overlaps", "has 9.0 px", "has a contrast"):
        assert fault in found
