"""The source stays readable: lengths of files and functions, and their annotations."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "chainrule"
FILES = {str(path.relative_to(SOURCE)): path for path in SOURCE.rglob("*.py")}


def lines_of(function):
    """Return the number of a function's lines, its docstring left out."""
    first = function.body[0]
    documented = ast.get_docstring(function, clean=False) is not None
    docstring = first.end_lineno - first.lineno + 1 if documented else 0
    return function.end_lineno - function.lineno + 1 - docstring


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_file_has_at_most_400_lines(name):
    assert len(FILES[name].read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_function_has_at_most_40_lines(name):
    tree = ast.parse(FILES[name].read_text(encoding="utf-8"))
    functions = [x for x in ast.walk(tree) if isinstance(x, ast.FunctionDef)]
    assert {f.name: n for f in functions if (n := lines_of(f)) > 40} == {}


# --------------------------------------------------------- one declaration each

TABLES = ["numpy/names.py", "operations.py", "rules/registry.py"]
"""Files that may list NumPy's functions: what becomes of each name, which operation
each is, which rule. (Fourth are the tables of the documentation.)"""


def names_a_function(tree):
    """Tell whether ``np.sin`` or ``np.linalg.inv`` stands there."""
    path = []
    while isinstance(tree, ast.Attribute):
        path.append(tree.attr)
        tree = tree.value
    found = np if isinstance(tree, ast.Name) and tree.id in ("np", "_np") else None
    for name in reversed(path):
        found = getattr(found, name, None)
    return callable(found) and not isinstance(found, type)


def is_key(tree):
    """Tell whether a key of a dict is a function of NumPy, or the name of a ufunc."""
    if isinstance(tree, ast.Constant) and isinstance(tree.value, str):
        return isinstance(getattr(np, tree.value, None), np.ufunc)
    if isinstance(tree, ast.Tuple):
        return any(map(names_a_function, tree.elts))
    return names_a_function(tree)


def is_entry(tree):
    """Tell whether an entry of a list is a function of NumPy, or a pair with one.

    A function with a tuple is a call that is to be made, and no entry of a table.
    """
    if isinstance(tree, ast.Tuple):
        calls = any(isinstance(x, ast.Tuple | ast.List) for x in tree.elts)
        return not calls and any(map(names_a_function, tree.elts))
    return names_a_function(tree)


def tables_in(text):
    """Return the lines of tables of two or more of NumPy's functions."""
    found = []
    for tree in ast.walk(ast.parse(text)):
        if isinstance(tree, ast.Dict):
            entries = [x for x in tree.keys if x is not None and is_key(x)]
        elif isinstance(tree, ast.Set | ast.List | ast.Tuple):
            entries = [x for x in tree.elts if is_entry(x)]
        else:
            continue
        if len(entries) > 1:
            found.append(tree.lineno)
    return found


@pytest.mark.parametrize("name", sorted(set(FILES) - set(TABLES)))
def test_no_file_has_a_table_of_numpys_functions(name):
    lines = tables_in(FILES[name].read_text(encoding="utf-8"))
    assert not lines, (
        f"{name} has a table of NumPy's functions in line {lines[0]}. Say it on their "
        "rules, as a trait or a form, and ask rule_of(function) or traits_of(function)"
    )


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("{np.sin: 1, np.cos: 2}", 1),
        ("{'sin': 1, 'cos': 2}", 1),
        ("{'sin': 1, 'name': 2}", 0),
        ("dict.fromkeys((np.sin, np.linalg.inv), 1)", 1),
        ("[(np.sin, 'a'), (np.cos, 'b')]", 1),
        ("{(np.add, 'reduce'), (np.maximum, 'reduce')}", 1),
        ("[(np.sin, ('x',)), (np.cos, ('x',))]", 0),
        ("(np.float64, np.int64)", 0),
        ("x in (np.pi, np.inf)", 0),
        ("['sin', 'cos']", 0),
    ],
)
def test_what_a_table_is(text, count):
    assert len(tables_in(text)) == count


def script(name):
    """Return a script of ``.ci`` as a module."""
    path = ROOT / ".ci" / f"{name}.py"
    if not path.exists():
        pytest.skip("a source distribution has no .ci/")
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def annotations():
    return script("annotations")


def test_a_rule_that_is_not_there_is_told_with_near_ones():
    told = script("rule").main
    assert [told(name) for name in ("erf", "sin", "multiplication", "tanh_grad")] == [
        ""
    ] * 4
    assert told("sinn").startswith("There is no rule sinn. Similar ones are sin, ")
    assert told("qqqq") == "There is no rule qqqq. docs/rules.md lists them all."


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
