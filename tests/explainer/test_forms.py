"""The forms of an explanation: Markdown, rich's colours, a line in a session."""

from __future__ import annotations

import io
import re
import subprocess
import sys

import numpy as np
import pytest

import chainrule as gd
from tests.explainer.test_model import equation


def assert_tables_are_even(markdown):
    """Every row of a table has as many cells as its heading."""
    blocks = re.findall(r"(?:^\|.*\n?)+", markdown, re.MULTILINE)
    assert blocks
    for block in blocks:
        bars = {len(re.findall(r"(?<!\\)\|", row)) for row in block.splitlines()}
        assert len(bars) == 1, block


def test_markdown_holds_the_same_cells():
    explained = gd.explain(equation)(2.0, 3.0)
    markdown = explained.to_markdown()
    assert markdown.startswith("## equation(x = 2, y = 3) = 6.55203\n")
    assert "| `v1` |" in markdown
    assert "`dv3/dy = cos(y) = -0.989992`" in markdown
    assert "y: 0.989992 from v3<br>+ 2 from v1<br>= 2.98999 |" in markdown
    assert_tables_are_even(markdown)
    assert explained._repr_markdown_() == markdown


def test_markdown_is_escaped():
    key = "<b>|`x`*_#[y](z)"
    explained = gd.explain(lambda p: p[key] * 2.0)({key: 1.0})
    markdown = explained.to_markdown()
    assert "<b>" not in re.sub(r"(`+)(?:.*?)\1", "", markdown)
    assert "`` p['<b>\\|`x`*_#[y](z)'] ``" in markdown
    assert_tables_are_even(markdown)


def test_repr_is_one_line():
    explained = gd.explain(equation)(2.0, 3.0)
    assert repr(explained) == (
        "<explanation of equation, 7 vertices; print it to read it>"
    )
    array = gd.explain(np.sum(gd.node(np.ones((9, 9)))))
    assert "\n" not in repr(array)


def test_rich_says_the_same_in_colours():
    rich_console = pytest.importorskip("rich.console")
    explained = gd.explain(equation)(2.0, 3.0)
    plain, coloured = io.StringIO(), io.StringIO()
    rich_console.Console(file=plain, width=80, highlight=False).print(explained)
    assert [line.rstrip() for line in plain.getvalue().splitlines()] == (
        str(explained).splitlines()
    )
    console = rich_console.Console(
        file=coloured, width=80, highlight=False, force_terminal=True
    )
    console.print(explained)
    assert "\x1b[" in coloured.getvalue()
    stripped = re.sub(r"\x1b\[[0-9;]*m", "", coloured.getvalue())
    assert [line.rstrip() for line in stripped.splitlines()] == (
        str(explained).splitlines()
    )


def test_print(capsys, monkeypatch):
    explained = gd.explain(equation)(2.0, 3.0)
    explained.print()
    assert "\x1b" not in capsys.readouterr().out  # no terminal
    monkeypatch.setitem(sys.modules, "rich.console", None)
    explained.print()
    assert capsys.readouterr().out == f"{explained}\n"
    target = io.StringIO()
    explained.print(target)
    assert target.getvalue() == f"{explained}\n"


def test_nothing_optional_is_imported():
    code = (
        "import sys, chainrule as gd; x = gd.node(2.0); "
        "str(gd.explain(x * x)); gd.explain(x * x).to_latex(); "
        "assert not {'rich', 'cairosvg'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_only_ascii_where_the_program_is():
    for order in (1, 2):
        assert str(gd.explain(equation, order=order)(2.0, 3.0)).isascii()
