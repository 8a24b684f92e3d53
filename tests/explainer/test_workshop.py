"""The page to type a function in, as a file."""

import sys
import webbrowser

import pytest

import chainrule as gd
from chainrule import errors
from chainrule.explainer.page.workshop import PRESETS, Workshop
from tests.explainer.test_page import parts_of


def test_explain_without_a_function_is_the_page_to_type_one():
    made = gd.explain()
    assert isinstance(made, Workshop)
    assert "<iframe" in made._repr_html_()
    assert "save" in repr(made)
    data, rules, _ = parts_of(made.to_html())
    assert data["runs"] == []
    assert data["formula"] == PRESETS[0][1]
    rules = rules[rules.index("chainruleRules") :]
    of_arrays = [f for f in data["arrays"] if f["script"] is not None]
    assert rules.count("forward:") == len(data["functions"]) + len(of_arrays)
    assert {f["name"] for f in of_arrays} == {"det", "inv", "norm", "solve", "sort"}


def test_every_function_says_its_operands_and_derivatives():
    data, _, _ = parts_of(gd.explain().to_html())
    known = {f["name"]: f for f in data["functions"]}
    assert known["multiply"]["partials"] == {"0": "y", "1": "x"}
    assert known["less"]["partials"] == {}
    assert "{y} != 0" in known["divide"]["remedy"]
    assert {"sin", "where", "maximum", "floor", "power", "erf"} <= set(known)


def test_it_is_one_small_file_in_ascii(tmp_path):
    path = Workshop("<script>x</script>", {"x": 1}).save(tmp_path / "type.html")
    text = path.read_text(encoding="ascii")
    assert len(text) < 200_000
    assert text.count("<script") == 3
    with pytest.raises(errors.ArgumentError, match=r"\.html"):
        gd.explain().save(tmp_path / "type.md")


def test_it_opens_where_python_is_interactive(monkeypatch):
    opened = []
    monkeypatch.setenv("BROWSER", "some-browser")
    monkeypatch.setattr(webbrowser, "open", opened.append)
    gd.explain()
    assert opened == []
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
    gd.explain()
    assert opened[0].startswith("file://")
    assert opened[0].endswith(".html")
