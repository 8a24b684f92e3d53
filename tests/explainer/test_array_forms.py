"""Rules of whole arrays as JavaScript: the same numbers as in Python."""

import json
import shutil
import subprocess
from importlib import resources

import numpy as np
import pytest

import chainrule as gd
from chainrule.explainer.account.views import Operand, VertexView
from chainrule.explainer.page.array_forms import array_script_of, javascript_array
from chainrule.explainer.page.javascript import rules_text
from chainrule.rules import plain
from tests.helpers import RULES, calls_of

WRITTEN = {
    "inv_grad", "solve_grad", "sort_grad", "prod_grad", "vector_norm_grad", "var_grad",
    "det_grad", "cholesky_grad",
}  # fmt: skip


def views():
    """Yield calls of the rules above, each with its rule, result and parameters."""
    for rule in RULES:
        if rule.__name__ not in WRITTEN:
            continue
        for call in calls_of(rule):
            values = [np.asarray(x) for x in call.draw()]
            if any(x.dtype != np.float64 for x in values):
                continue
            with np.errstate(all="ignore"):
                z = rule.forward(*values, **call.parameters)
            z = float(z) if np.ndim(z) == 0 else z
            values = [float(x) if x.ndim == 0 else x for x in values]
            operands = [Operand(i, x) for i, x in enumerate(values)]
            yield VertexView(9, "z", z, rule, "", operands, dict(call.parameters))


def grid(x):
    return {"shape": list(np.shape(x)), "data": [str(v) for v in np.ravel(x)]}


def through(rule, way, given, v, i):
    """Return what a rule passes to or from one operand."""
    values = [x.value for x in v.operands]
    if way == "pull":
        part = rule.pullback(plain, given, v.value, *values, **v.parameters)[i]
        return part() if callable(part) else part
    dots = [given if i == j else None for j in range(len(values))]
    return rule.pushforward(plain, dots, v.value, *values, **v.parameters)


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_results_pulls_and_pushes_are_those_of_the_rules(tmp_path):
    rng = np.random.default_rng(2)
    scripts, calls, wanted = [], [], []
    for v in views():
        script = array_script_of(v)
        assert script is not None, (v.rule, v.parameters)
        values = [x.value for x in v.operands]
        for i, x in enumerate(values):
            for way in ("pull", "push"):
                given = rng.normal(size=np.shape(v.value if way == "pull" else x))
                with np.errstate(all="ignore"):
                    found = through(v.rule, way, given, v, i)
                wanted.append((v, v.value, found))
                grids = [grid(y) for y in (given, v.value, *values)]
                calls.append([len(scripts), way, i, grids])
        scripts.append(script)
    assert {v.rule.__name__ for v, _, _ in wanted} == WRITTEN
    library = resources.files("chainrule.explainer").joinpath("assets/nd.js")
    path = tmp_path / "rules.js"
    path.write_text(
        library.read_text()
        + rules_text(scripts)
        + f"const calls = {json.dumps(calls)};"
        + """
      const out = ({shape, data}) => [shape, data.map(String)];
      console.log(JSON.stringify(calls.map(([n, way, i, grids]) => {
        const [d, z, ...x] = grids.map(({shape, data}) => ({shape, data: data.map(
          (v) => Number(v.replace("inf", "Infinity")))}));
        const r = chainruleRules[n];
        return [out(r.forward(...x)), out(r[way][i](d, z, ...x))];
      })));"""
    )
    printed = subprocess.run(["node", path], capture_output=True, text=True, check=True)
    for (v, *known), texts in zip(wanted, json.loads(printed.stdout), strict=True):
        for x, (shape, data) in zip(known, texts, strict=True):
            numbers = [float(t.replace("Infinity", "inf")) for t in data]
            what = f"{v.rule.__name__} {v.parameters}"
            np.testing.assert_allclose(
                np.reshape(numbers, shape), x, rtol=1e-9, atol=1e-12, err_msg=what
            )


@pytest.mark.parametrize("text", ["lambda: 0", "np.fft(x0)", "x0 @ x0", "np.float64"])
def test_what_has_no_form_is_not_written(text):
    with pytest.raises(TypeError, match="no form"):
        javascript_array(text)


def test_rules_without_a_form_have_none():
    explained = gd.explain(lambda x: np.sum(np.linalg.pinv(x)))(np.eye(2))
    assert array_script_of(explained.vertices[1]) is None
    explained = gd.explain(np.prod)(np.ones(2, np.float32))
    assert array_script_of(explained.vertices[1]) is None


def test_the_library_is_only_in_pages_that_need_it():
    x = np.array([1.0, 2.0])
    assert "nd.prod" in gd.explain(np.prod)(x).to_html()
    assert "var nd=" not in gd.explain(np.sum)(x).to_html()
    assert "var nd=" in gd.explain(np.prod)(x).to_html()
