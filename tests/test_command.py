"""The command line: ``python -m chainrule``."""

from __future__ import annotations

import re
import subprocess
import sys
import webbrowser

import numpy as np
import pytest

import chainrule as gd
from chainrule.__main__ import main
from tests.explainer.test_page import parts_of


def run(capsys, *arguments):
    """Return the exit status of a command and what it printed."""
    status = main(arguments)
    printed = capsys.readouterr()
    return status, printed.out + printed.err


def test_a_formula_is_explained(capsys):
    status, text = run(capsys, "explain", "x*y + sin(x)", "x=pi/2", "y=3")
    assert status == 0
    assert "formula(x = 1.5708, y = 3)" in text
    assert "x*y + sin(x)  add(v1, v2)" in text


def test_lines_before_a_formula_name_values(capsys):
    status, text = run(capsys, "explain", "h = tanh(w*x); h**2", "w=0.5", "x=2")
    assert status == 0
    assert re.search(r"h +2 +tanh\(w\*x\) +tanh\(v1\) +0.761594", text)
    assert run(capsys, "check", "h = x*x\nh + h", "x=3")[1].startswith("d/dx = 12.0")
    status, text = run(capsys, "explain", "import os; x", "x=2")
    assert status == 2
    assert "lines that name no value" in text


@pytest.mark.parametrize(("suffix", "start"), [("html", "<!doctype"), ("md", "#")])
def test_an_explanation_is_saved(capsys, tmp_path, suffix, start):
    path = tmp_path / f"gradient.{suffix}"
    status, text = run(capsys, "explain", "x**2", "x=2", "--save", str(path))
    assert (status, text.strip()) == (0, str(path))
    assert path.read_text(encoding="utf-8").lower().startswith(start)


def test_the_page_to_type_in_is_written_or_opened(capsys, tmp_path, monkeypatch):
    path = tmp_path / "typed.html"
    given = ["x*y + sum(w**2)", "x=pi/2", "y=3", "w=[1, 2.5]"]
    assert main(["explain", *given, "--page", str(path)]) == 0
    assert capsys.readouterr().out.strip() == str(path)
    data, _, _ = parts_of(path.read_text())
    assert data["formula"] == "w = [1.0, 2.5]\nx*y + sum(w**2)"
    assert data["inputs"] == {"x": np.pi / 2, "y": 3.0}
    opened = []
    monkeypatch.setenv("BROWSER", "some-browser")
    monkeypatch.setattr(webbrowser, "open", opened.append)
    assert main(["explain", *given, "--page"]) == 0
    assert opened[0].startswith("file://")
    assert main(["explain"]) == 0
    assert opened[1].startswith("file://")
    assert main(["explain", "--save", str(path)]) == 0
    assert parts_of(path.read_text())[0]["formula"] == "x*y + sin(x)"


def test_a_formula_is_checked(capsys):
    status, text = run(capsys, "check", "np.sum(w**2)*a", "w=[1, 2.5]", "a=2*3")
    assert status == 0
    assert "d/dw = [12. 30.]" in text
    assert "d/da = 7.25" in text
    assert "nothing found" in text
    assert "both sweeps agree" in text


def test_a_check_says_why_it_fails(capsys):
    status, text = run(capsys, "check", "sqrt(x)**2", "x=0")
    assert status == 1
    assert "d/dx = nan" in text
    assert "0 * inf" in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["foo(x)", "x=1"], "'foo' is neither"),
        (["x^^2", "x=1"], "is no formula"),
        (["x*2", "1"], "written x=2"),
        (["x*2", "x=abc"], "'abc' is no number"),
        (["x*[1, 2", "x=1"], "is no formula"),
        (["x*y", "x=1"], "Write y=1.0"),
        (["x + ones(2)", "x=1"], "scalar"),
        (["x*2", "x=3", "x=4"], "x has two values"),
        (["x*2", "x=3", "class=4"], "written x=2; received 'class=4'"),
        (["print(x)", "x=1"], "'print' is neither"),
        (["__import__('os').getcwd()", "x=1"], "'__import__' is neither"),
    ],
)
@pytest.mark.parametrize("command", ["explain", "check"])
def test_bad_input_is_said(capsys, command, arguments, said):
    status, text = run(capsys, command, *arguments)
    assert status == 2
    assert said in text
    assert "Traceback" not in text


def test_names_of_parts_and_of_comprehensions_are_known(capsys):
    status, text = run(capsys, "check", "linalg.norm(x) + x.sum()", "x=[3.0, 4.0]")
    assert status == 0
    assert "d/dx = [1.6 1.8]" in text
    assert run(capsys, "check", "norm(x) * det(outer(x, x))", "x=[3.0, 4.0]")[0] == 0
    status, text = run(capsys, "check", "sum([i * v for i, v in zip_(x)])", "x=[3.0]")
    assert "'zip_' is neither" in text
    assert run(capsys, "check", "sum([2 * v for v in x])", "x=[3.0, 1.0]")[0] == 0


@pytest.mark.parametrize("command", ["explain", "check"])
@pytest.mark.parametrize("formula", ["1/0*x", "x[5]", "x.no_such_thing"])
def test_a_formula_that_fails_is_said(capsys, command, formula):
    status, text = run(capsys, command, formula, "x=[1.0, 2.0]")
    assert status == 1
    assert "Error: " in text
    assert "Traceback" not in text


def test_a_file_that_cannot_be_written_is_said(capsys, tmp_path):
    path = str(tmp_path / "no_such_folder" / "a.html")
    status, text = run(capsys, "explain", "x*x", "x=1", "--save", path)
    assert status == 2
    assert "no_such_folder" in text


def test_versions_are_shown(capsys):
    status, text = run(capsys, "versions")
    assert status == 0
    assert text.split()[:2] == ["chainrule", gd.__version__]
    assert dict(gd.versions())["numpy"] in text
    assert len(gd.versions()) == len(text.splitlines())


def test_the_module_runs():
    command = [sys.executable, "-W", "error", "-m", "chainrule", "versions"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert gd.__version__ in run.stdout
