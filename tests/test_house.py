"""The source stays readable: lengths of files and functions, and their annotations."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "chainrule"
FILES = {str(path.relative_to(SOURCE)): path for path in SOURCE.rglob("*.py")}

LONG_FILES = """
compiler/native/fusion.py
"""
"""Files that are still to be split: take a name out, and never put one in."""


def lines_of(function):
    """Return the number of a function's lines, its docstring left out."""
    first = function.body[0]
    documented = ast.get_docstring(function, clean=False) is not None
    docstring = first.end_lineno - first.lineno + 1 if documented else 0
    return function.end_lineno - function.lineno + 1 - docstring


@pytest.mark.parametrize("name", sorted(set(FILES) - set(LONG_FILES.split())))
def test_a_file_has_at_most_400_lines(name):
    assert len(FILES[name].read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_function_has_at_most_40_lines(name):
    tree = ast.parse(FILES[name].read_text(encoding="utf-8"))
    functions = [x for x in ast.walk(tree) if isinstance(x, ast.FunctionDef)]
    assert {f.name: n for f in functions if (n := lines_of(f)) > 40} == {}


@pytest.fixture(scope="module")
def annotations():
    path = ROOT / ".ci" / "annotations.py"
    if not path.exists():
        pytest.skip("a source distribution has no .ci/")
    spec = importlib.util.spec_from_file_location("annotations", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        ("Any", True),
        ("object", True),
        ("Array", True),
        ("Many", True),
        ("'Array | None'", True),
        ("typing.Any", True),
        ("Optional[Union[int, Any]]", True),
        ("list[Any]", False),
        ("float | None", False),
        ("Callable[..., Any]", False),
        ("Number", False),
    ],
)
def test_an_annotation_of_another_name_says_as_much(
    annotations, tmp_path, annotation, expected
):
    sources = {
        "a": "from typing import Any\nArray = Any\nNumber = float\n",
        "b": "import typing\nfrom a import Array, Number\nMany: TypeAlias = Array\n"
        f"def f(x: {annotation}): ...\n",
    }
    known = {}
    for name, text in sources.items():
        path = tmp_path / f"{name}.py"
        path.write_text("from typing import Any\n" + text)
        known[name] = annotations.Module(path)
    (parameter,) = annotations.parameters(known["b"].tree)
    assert annotations.says_nothing(parameter.annotation, "b", known) is expected


def test_the_measure_counts_what_packs_arguments_and_no_self(annotations):
    tree = ast.parse("class A:\n def f(self, x, *args, k=1, **kw): ...\n")
    names = [x.arg for x in annotations.parameters(tree)]
    assert names == ["x", "k", "args", "kw"]
