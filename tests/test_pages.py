"""The pages: their snippets run, in order, and print what stands there."""

import ast
import doctest
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import chainrule as gd
import chainrule.scipy.special  # its rules are those of no page
import demo
from chainrule import nodes, rules
from chainrule.operations_grad.structure import structure
from chainrule.rules import namespace

ROOT = Path(__file__).parents[1]
MOVING = ["autograd", "jax", "mygrad", "pytorch", "sympy"]
SHORT = [f"docs/{x}.md" for x in ("your_code", "cheat_sheet", "faq", "speed", "index")]
PAGES = [
    "README.md",
    "ARCHITECTURE.md",
    "docs/add_an_operation.md",
    "docs/array_api.md",
    *SHORT,
    "docs/arrays.md",
    "docs/compile.md",
    *(f"docs/moving/from_{x}.md" for x in MOVING),
    "docs/ode.md",
    "docs/optimise.md",
    "docs/sparse.md",
    "docs/special.md",
    "docs/signals.md",
    "docs/why_nan.md",
]


@pytest.fixture(autouse=True)
def nothing_left_behind():
    """Take back the rules and the functions that a page declares."""
    known, served = list(rules.REGISTRY), dict(nodes.UFUNCS)
    methods = set(vars(nodes.node))
    by_name = {name: dict(known) for name, known in namespace.NAMED.items()}
    yield
    namespace.NAMED.clear()
    namespace.NAMED.update(by_name)
    rules.REGISTRY[:] = known
    nodes.UFUNCS.clear()
    nodes.UFUNCS.update(served)
    for name in set(vars(nodes.node)) - methods:
        delattr(nodes.node, name)


def shortened(text):
    """Round long decimals, whose last digits differ between machines."""
    return re.sub(r"\d+\.\d{8,}", lambda number: f"{float(number[0]):.10g}", text)


class rounding(doctest.OutputChecker):
    def check_output(self, want, got, optionflags):
        return super().check_output(shortened(want), shortened(got), optionflags)


def snippets(page):
    """Return the Python snippets of a page, with the numbers of their lines."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = re.finditer(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [(text.count("\n", 0, m.start(1)), m[1]) for m in found]


@pytest.mark.parametrize("page", PAGES)
def test_the_snippets_of_a_page_run_and_print_what_it_says(page):
    names = {"__name__": "page"}
    ran = 0
    for line, code in snippets(page):
        if ">>>" not in code:
            exec(compile("\n" * line + code, page, "exec"), names)
            ran += 1
            continue
        test = doctest.DocTestParser().get_doctest(code, names, page, page, line)
        report: list[str] = []
        runner = doctest.DocTestRunner(rounding())
        result = runner.run(test, out=report.append, clear_globs=False)
        assert result.failed == 0, "".join(report)
        names.update(test.globs)
        ran += result.attempted
    assert ran > (0 if page in SHORT else 5)


@pytest.mark.parametrize("page", [*PAGES, "CONTRIBUTING.md"])
def test_the_links_and_files_that_a_page_names_exist(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)", text)
    named = re.findall(r"`([\w/]+(?:\.py|/))`", text)
    places = [ROOT, ROOT / "src" / "chainrule", ROOT / "tests", ROOT / "docs"]
    places.append((ROOT / page).parent)
    for name in {*links, *named}:
        assert any((place / name).exists() for place in places), name


def test_every_module_that_is_loaded_stands_in_the_architecture():
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    code = "import sys, chainrule; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True
    )
    loaded = [name.split(".") for name in run.stdout.split()]
    modules = {parts[1] for parts in loaded if parts[0] == "chainrule" and parts[1:]}
    assert len(modules) > 12
    for module in modules:
        assert f"`{module}.py`" in text or f"`{module}/`" in text, module


def table(page, heading):
    """Return the rows of the table that has this heading, as lists of cells."""
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    top = next(i for i, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    rows = []
    for line in lines[top + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def test_the_functions_that_the_readme_lists_work():
    for topic, listed in table("README.md", "topic"):
        space = np.linalg if "linalg" in topic else np
        for name in listed.strip("`").split():
            f = getattr(space, name)
            if topic == "plain values":
                assert f in nodes.LOCALLY_CONSTANT, name
            else:
                assert f in nodes.UFUNCS or f in nodes.FUNCTIONS, name


def test_the_transforms_that_the_readme_lists_exist():
    for names, _ in table("README.md", "transform"):
        for name in re.findall(r"`(\w+)`", names):
            assert callable(getattr(gd, name)), name


def test_the_readme_shows_what_the_demo_prints():
    printed = str(gd.explain(demo.equation_2)(2.0, 3.0)).splitlines()
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = next(b for b in page.split("```") if b.startswith("\nequation_2("))
    assert shown.strip().splitlines() == [line.rstrip() for line in printed]


def test_the_readme_shows_the_source_of_the_gradient_of_its_function():
    def f(x, y):
        return np.log(x) + x * y - np.sin(y)

    fast = gd.compile(gd.grad(f, (0, 1)))
    assert fast(2.0, 3.0) == pytest.approx((3.5, 2.0 - np.cos(3.0)), rel=1e-15)
    shown = next(
        code for _, code in snippets("README.md") if code.startswith("import numpy")
    )
    assert shown.splitlines() == gd.source(fast).splitlines()
    ran = {}
    exec(shown, ran)
    assert ran["f"](2.0, 3.0) == fast(2.0, 3.0)


def test_every_public_name_stands_in_the_interface_or_is_an_operation():
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"auto(?:function|class):: (\w+)$", page, re.MULTILINE))
    tree = ast.parse(Path(gd.__file__).read_text(encoding="utf-8"))
    public = {
        name.asname or name.name
        for statement in ast.walk(tree)
        if isinstance(statement, ast.ImportFrom)
        and statement.module not in ("chainrule", "chainrule.operations")
        for name in statement.names
    }
    assert public == documented


def test_the_pages_of_operations_have_a_row_for_each():
    path = str(ROOT / "docs")
    sys.path.insert(0, path)
    try:
        tables = importlib.import_module("tables")
    finally:
        sys.path.remove(path)
    for r in rules.REGISTRY:
        if r.__module__.startswith("chainrule.") and not issubclass(r, structure):
            assert f"| `{r.__name__}` |" in tables.TABLES["rules"]
    for name in ("`np.sin`", "`np.linalg.solve`", "`np.add.reduce`"):
        assert f"| {name} | a node |" in tables.TABLES["functions"]
    assert "`dx = cos(x)`" in tables.TABLES["rules"]
    assert r"z = \|x\|" in tables.TABLES["rules"]
    assert "| `gamma` |" in tables.TABLES["distributions"]


@pytest.mark.parametrize("page", MOVING)
def test_what_a_table_says_to_write_here_runs(page):
    text = (ROOT / f"docs/moving/from_{page}.md").read_text(encoding="utf-8")
    names = {"__name__": "page"}
    setup = next(
        c for _, c in snippets(f"docs/moving/from_{page}.md") if ">>>" not in c
    )
    exec(setup, names)
    cells = re.findall(r"^\|.*\| `([^`]+)` \|$", text, re.MULTILINE)
    assert len(cells) > 9
    for code in cells:
        exec(code, names)
    if "compat" in names:
        names["compat"].uninstall_autograd()


def test_all_of_the_cheat_sheet_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    page = "docs/cheat_sheet.md"
    names = {"__name__": "page"}
    exec(snippets(page)[0][1], names)
    text = (ROOT / page).read_text(encoding="utf-8")
    rows = re.findall(r"^\| [^|]* \| (`.*`) \|$", text, re.MULTILINE)
    assert len(rows) > 25
    for row in rows:
        for code in re.findall(r"`([^`]+)`", row):
            exec(code, names)
    assert (tmp_path / "gradient.html").exists()
    assert "def f(x, y):" in capsys.readouterr().out


def documented():
    """Return what the page of the interface documents, by its name there."""
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    found = re.findall(r"auto(?:function|class|module):: ([\w.]+)$", page, re.MULTILINE)
    return [name.removeprefix("chainrule.") for name in found]


@pytest.mark.parametrize("name", documented())
def test_every_public_name_has_an_example(name):
    home, _, last = f"chainrule.{name}".rpartition(".")
    shown = getattr(importlib.import_module(home), last)
    assert ">>> " in inspect.getdoc(shown), "a docstring ends in an example"


def test_links_that_lead_nowhere_are_named(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    links = importlib.import_module("links")
    (tmp_path / "live").mkdir()
    (tmp_path / "live" / "one.html").write_text('<p id="here">', encoding="utf-8")
    good = (
        "live/one.html",
        "live/one.html#here",
        "live/one.html#step=3",
        "#",
        "#top",
        "https://numpy.org/doc/stable/#x",
        "mailto:someone@example.org",
    )
    bad = ("two.html", "live/", "live/one.html#there", "https://numpy", "htp://a.b")
    made = [f'<a href="{link}">' for link in (*good, *bad)]
    page = tmp_path / "index.html"
    page.write_text(f'<h1 id="top">{"".join(made)}</h1>', encoding="utf-8")
    named = [re.search("'([^']+)'", fault)[1] for fault in links.broken(tmp_path)]
    assert named == list(bad)
