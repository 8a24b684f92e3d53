"""The lessons: they run, print what they state, and use public names only."""

import ast
import importlib
import re
import sys
import types
from pathlib import Path

import pytest

import chainrule as gd
from tests.helpers import output_of

FOLDER = Path(__file__).parents[1] / "docs" / "lessons"
LESSONS = sorted(FOLDER.glob("*.py"))
lessons = pytest.mark.parametrize("script", LESSONS, ids=lambda path: path.stem)


@pytest.fixture(scope="module")
def literate():
    """The module of the documentation that runs the lessons."""
    sys.path.insert(0, str(FOLDER.parent))
    try:
        return importlib.import_module("literate")
    finally:
        sys.path.remove(str(FOLDER.parent))


def write(folder, text):
    path = folder / "lesson.py"
    path.write_text(text, encoding="utf-8")
    return path


# ---------------------------------------------------------------------------- lessons


@lessons
def test_a_lesson_prints_what_it_states(literate, script, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    parts = literate.run(script)
    assert all(part.stated for part in parts if part.printed)
    assert sum(bool(part.stated) for part in parts) >= 4
    text = "\n".join(part.source for part in parts if part.kind == "text")
    files = re.findall(r"\]\((demo_output/[^)]+)\)", text)
    assert any(name.endswith(".svg") for name in files)
    (live,) = (part.live for part in parts if part.kind == "live")
    assert live.startswith("<!doctype html>")
    for name in files:
        assert (tmp_path / name).stat().st_size > 5_000
    exercises = re.findall(r"^\d\. ", text[text.index("## Exercises") :], re.MULTILINE)
    answers = [part.source for part in parts if part.kind == "answer"]
    assert len(exercises) == len(answers) in (2, 3)


@lessons
def test_every_answer_is_checked_by_something_that_was_computed(literate, script):
    for part in literate.cells(script):
        if part.kind == "answer":
            checks = [s for s in ast.parse(part.source).body
                      if isinstance(s, ast.Assert | ast.For)]  # fmt: skip
            assert checks, part.line
            for check in checks:
                assert any(isinstance(x, ast.Name) for x in ast.walk(check)), part.line


@pytest.mark.script
@lessons
def test_a_lesson_runs_as_a_script(literate, script, tmp_path):
    printed = output_of(script, tmp_path)
    stated = "".join(part.stated for part in literate.cells(script))
    assert literate.agrees(stated, printed)


@lessons
def test_a_lesson_uses_public_names_only(script):
    tree = ast.parse(script.read_text(encoding="utf-8"))
    for part in ast.walk(tree):
        if isinstance(part, ast.Import):
            for name in part.names:
                assert name.name in ("numpy", "timeit", "chainrule")
        elif isinstance(part, ast.ImportFrom):
            assert part.module in ("pathlib", "matplotlib.figure")
        elif isinstance(part, ast.Attribute):
            assert part.attr == "__init__" or not part.attr.startswith("_")
            if isinstance(part.value, ast.Name) and part.value.id == "gd":
                assert part.attr in gd.__all__
                assert not isinstance(getattr(gd, part.attr), types.ModuleType)


def test_the_lessons_are_short_and_stand_in_the_table_of_contents():
    contents = (FOLDER / "index.md").read_text(encoding="utf-8")
    listed = re.findall(r"^(\d_\w+)$", contents, re.MULTILINE)
    assert listed == [path.stem for path in LESSONS]
    assert len(listed) == 6
    for path in LESSONS:
        lines = path.read_text(encoding="utf-8").splitlines()
        assert sum(bool(line) for line in lines) <= 155, path.name


# ------------------------------------------------------------------- what runs them

SCRIPT = """\
# %% [markdown]
# # Title
#
# ![A line](demo_output/line.svg)

# %%
x = 2
print(x)
print("and", x + 1)
# > 2
# > and ...
print(x * x)
# > 4

# %% answer
assert x == 2
"""


def test_a_script_is_read_as_cells(literate, tmp_path):
    found = list(literate.cells(write(tmp_path, SCRIPT)))
    assert [part.kind for part in found] == ["text", "code", "code", "answer"]
    assert [part.line for part in found] == [2, 7, 12, 16]
    assert found[0].source.startswith("# Title\n\n![A line]")
    assert found[1].stated == "2\nand ...\n"
    assert found[2].source == "print(x * x)"


def test_a_page_holds_what_was_printed(literate, tmp_path):
    script = write(tmp_path, SCRIPT)
    text = literate.page(script, tmp_path / "built" / "lessons", tmp_path / "live")
    assert text.startswith("# Title")
    assert "](built/lessons/demo_output/line.svg)" in text
    assert ":class: printed\n\n2\nand 3\n```" in text
    assert "# >" not in text
    assert "<details><summary>Answer 1</summary>\n\n```python\nassert x" in text


def test_what_is_explained_becomes_a_page_of_its_own(literate, tmp_path):
    text = "import chainrule as gd\n\n# %% live\ngd.explain(lambda x: x * x)(3.0)\n"
    script = write(tmp_path, SCRIPT + "\n# %%\n" + text)
    made = literate.page(script, tmp_path / "built", tmp_path / "live")
    assert '<iframe src="../live/lesson.html"' in made
    written = (tmp_path / "live" / "lesson.html").read_text(encoding="ascii")
    assert written.startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# > 2\n", "# > 3\n"),
        ("# > 2\n# > and ...\n", "# > 2\n"),
        ("# > 4\n", ""),
        ("x = 2", "x = 5"),
        ("print(x * x)\n", ""),
        ("# > and ...", "# > and ... 4"),
    ],
)
def test_a_script_that_prints_something_else_is_refused(literate, tmp_path, old, new):
    script = write(tmp_path, SCRIPT)
    literate.run(script)
    assert old in SCRIPT
    script = write(tmp_path, SCRIPT.replace(old, new))
    with pytest.raises(literate.LessonError, match="states"):
        literate.run(script)


def test_an_answer_that_is_wrong_is_refused(literate, tmp_path):
    script = write(tmp_path, SCRIPT.replace("assert x == 2", "assert x == 3"))
    with pytest.raises(AssertionError):
        literate.run(script)


def test_a_cell_of_no_kind_is_refused(literate, tmp_path):
    script = write(tmp_path, SCRIPT.replace("# %% answer", "# %% aswer"))
    with pytest.raises(literate.LessonError, match="line 16: no kind of cell"):
        literate.run(script)
    script = write(tmp_path, "x = 1\n" + SCRIPT)
    with pytest.raises(literate.LessonError, match="line 1: no kind of cell"):
        literate.run(script)


def test_outputs_are_compared_but_for_spaces_and_gaps(literate):
    assert literate.agrees("a ... c\n", "a   b\n b c\n")
    assert literate.agrees("a(1)\nb\n", "a(1)\n\nb\n")
    assert not literate.agrees("a ... c\n", "a b d\n")
    assert not literate.agrees("a.c\n", "abc\n")
    assert not literate.agrees("", "a\n")
    assert literate.agrees("", "")


@lessons
def test_a_notebook_has_the_cells_of_its_script(literate, script):
    made = literate.notebook(script)
    assert (made["nbformat"], made["nbformat_minor"]) == (4, 5)
    kinds = {"text": "markdown", "code": "code", "picture": "code", "answer": "code"}
    kinds["live"] = "code"
    found = list(literate.cells(script))
    for cell, part in zip(made["cells"], found, strict=True):
        assert cell["cell_type"] == kinds[part.kind]
        assert "".join(cell["source"]) == part.source.strip("\n")
    assert len({cell["id"] for cell in made["cells"]}) == len(found)
