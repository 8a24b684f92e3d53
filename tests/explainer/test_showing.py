"""``show`` and ``save`` of all that explains, and explaining with arguments at once."""

from __future__ import annotations

import inspect
import sys
import types
import webbrowser
from xml.etree import ElementTree

import numpy as np
import pytest

import chainrule as gd
from chainrule import errors


def f(x, y):
    """Multiply and take a root."""
    return np.sqrt(x) * y


def made():
    return {
        "explanation": gd.explain(f, 2.0, 3.0),
        "drawing": gd.draw(f, 2.0, 3.0),
        "diagnosis": gd.diagnose(f, 0.0, 3.0),
        "page": gd.explain(),
    }


@pytest.fixture(params=["explanation", "drawing", "diagnosis", "page"])
def shown(request):
    return made()[request.param]


@pytest.fixture
def opened(monkeypatch):
    """Collect what is opened in a browser, which there is."""
    addresses = []

    def open_(address):
        addresses.append(address)
        return True

    monkeypatch.setenv("BROWSER", "some-browser")
    monkeypatch.setattr(webbrowser, "open", open_)
    return addresses


def test_show_opens_a_page(shown, opened, capsys):
    path = shown.show()
    assert opened == [path.as_uri()]
    assert path.suffix in (".html", ".svg")
    assert path.stat().st_size > 200
    assert capsys.readouterr().out == ""


def test_without_a_browser_the_path_is_printed(shown, monkeypatch, capsys):
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(webbrowser, "open", lambda _: pytest.fail("no display"))
    path = shown.show()
    assert path.exists()
    assert str(path) in capsys.readouterr().out


def test_a_notebook_displays_it(shown, monkeypatch, opened):
    displayed = []
    ipython = types.ModuleType("IPython")
    ipython.get_ipython = lambda: types.SimpleNamespace(kernel=1)
    display = types.ModuleType("IPython.display")
    display.display = displayed.append
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    assert shown.show() is None
    assert displayed == [shown]
    assert opened == []


def test_the_file_is_named_after_the_function(opened):
    assert gd.explain(f, 2.0, 3.0).show().name == "f.html"
    assert gd.draw(lambda x: x * x, 1.0).show().name == "lambda.svg"
    assert gd.explain(gd.node(1.0) * 2).show().name == "node_2_0_multiply.html"


def test_a_suffix_that_is_none_is_refused_and_nothing_written(shown, tmp_path):
    with pytest.raises(errors.ArgumentError, match=r"ends in \.\w+, .*a\.gif"):
        shown.save(tmp_path / "a.gif")
    assert list(tmp_path.iterdir()) == []


def test_drawings_are_saved_by_suffix(tmp_path):
    drawing = gd.draw(f, 2.0, 3.0)
    ElementTree.fromstring(drawing.save(tmp_path / "a.SVG").read_text())
    assert drawing.save(tmp_path / "a.dot").read_text().startswith("digraph")
    assert drawing.save(tmp_path / "a.mmd").read_text().startswith("flowchart")


def test_a_diagnosis_is_a_page(tmp_path):
    found = gd.diagnose(f, 0.0, 3.0)
    page = found.save(tmp_path / "why.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "<title>diagnosis of f: " in page
    assert "np.sqrt(x)" in page
    assert "<script" not in page
    assert found.save(tmp_path / "why.txt").read_text() == f"{found}\n"
    assert "**diagnosis of f" in found.save(tmp_path / "why.md").read_text()


class TestArgumentsAtOnce:
    def test_are_those_of_the_function(self):
        at_once = gd.explain(f, 2.0, 3.0, mode="forward")
        assert str(at_once) == str(gd.explain(f, mode="forward")(2.0, 3.0))
        assert at_once.mode == "forward"
        assert gd.draw(f, 2.0, 3.0).mermaid == gd.draw(f)(2.0, 3.0).mermaid

    def test_may_be_keywords(self):
        by_name = gd.explain(f, y=3.0, x=2.0)
        assert [by_name.vertices[i].name for i in by_name.inputs] == ["x", "y"]
        assert str(gd.explain(f, 2.0, y=3.0)) == str(by_name)
        assert gd.draw(f, y=3.0, x=2.0).mermaid == gd.draw(f)(2.0, 3.0).mermaid

    def test_an_option_that_the_function_has_too_is_refused(self):
        def power(x, order):
            return x**order

        with pytest.raises(errors.ArgumentError, match=r"order= is an argument"):
            gd.explain(power, 2.0, order=2)
        assert gd.explain(power)(2.0, order=3).returned == 8.0
        with pytest.raises(errors.ArgumentError, match=r"boxes= is an argument"):
            gd.draw(lambda x, boxes: x * boxes, 2.0, 3)

    def test_a_node_takes_none(self):
        with pytest.raises(errors.ArgumentError, match="no arguments beside a node"):
            gd.explain(gd.node(2.0) * 2.0, 3.0)
        with pytest.raises(errors.ArgumentError, match="no arguments beside a node"):
            gd.draw(gd.node(2.0) * 2.0, x=3.0)

    def test_what_takes_them_later_is_called_like_the_function(self):
        for later in (gd.explain(f), gd.draw(f)):
            assert later.__name__ == "f"
            assert later.__doc__ == f.__doc__
            assert list(inspect.signature(later).parameters) == ["x", "y"]
