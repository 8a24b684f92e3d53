"""The demo: its equations, its worked-out text, its models, and a whole run."""

import io
import re
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from optree.integrations.numpy import tree_ravel
from scipy.optimize import OptimizeResult

import chainrule as gd
import demo
from tests.helpers import output_of

POINTS = [(2.0, 3.0), (0.7, 1.3), (1.9, 0.4)]


def read_table(text, heading):
    """Return the rows of the table that has this heading."""
    lines = text.splitlines()
    ruled = [i for i, line in enumerate(lines) if re.fullmatch("[- ]+", line)]
    top = next(i - 1 for i in ruled if heading in lines[i - 1])
    spans = [m.span() for m in re.finditer("-+", lines[top + 1])]
    spans[-1] = (spans[-1][0], None)
    names = [lines[top][slice(*span)].strip() for span in spans]
    rows = []
    for line in lines[top + 2 :]:
        if not line.strip():
            break
        cells = [line[slice(*span)].strip() for span in spans]
        rows.append(dict(zip(names, cells, strict=True)))
    return rows


# ------------------------------------------------------------------------- equations


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("equation", demo.EQUATIONS)
def test_equation_against_differences(equation, point):
    x, y = map(gd.node, point)
    equation(x, y).backward()
    expected = demo.central_differences(equation, *point)
    np.testing.assert_allclose([x.grad, y.grad], expected, rtol=1e-7, atol=1e-8)


def test_differences_are_right_where_the_derivative_is_known():
    found = demo.central_differences(lambda x, y: x**3 * y, 2.0, 5.0)
    np.testing.assert_allclose(found, [60.0, 8.0], rtol=1e-8)


@pytest.mark.parametrize("equation", demo.EQUATIONS[:4])
def test_an_equation_is_documented_by_its_formula(equation):
    names = {"log": np.log, "sin": np.sin, "cos": np.cos, "exp": np.exp}
    stated = eval(equation.__doc__, names, {"x": 0.7, "y": 1.3})
    assert stated == pytest.approx(equation(0.7, 1.3), rel=1e-12)


def test_the_table_of_gradients_holds_both_and_their_difference():
    rows = read_table(demo.gradient_table(2.0, 3.0), "d/d")
    assert len(rows) == 2 * len(demo.EQUATIONS)
    for row in rows:
        swept, near = float(row["backward()"]), float(row["differences"])
        assert swept == pytest.approx(near, abs=2e-8)
        assert float(row["apart by"]) < 1e-8


# ----------------------------------------------------------------------------- models


@pytest.fixture(scope="module")
def data():
    """Three features of a hundred cases."""
    whole = demo.load("radius", "texture", "symmetry")
    return replace(whole, x=whole.x[:100], y=whole.y[:100])


def test_the_data_are_standardised_and_split():
    whole = demo.load(*demo.FEATURES)
    assert whole.x.shape == (398, 5)
    assert whole.held_out_x.shape == (171, 5)
    np.testing.assert_allclose(whole.x.mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(whole.x.std(axis=0), 1.0, rtol=1e-12)
    assert set(np.unique(whole.y)) == {0.0, 1.0}
    assert 0.3 < whole.y.mean() < 0.45  # 212 of 569 are malignant


def test_accuracy_counts_right_signs(data):
    data = replace(data, held_out_x=np.zeros((4, 3)), held_out_y=np.array([1, 1, 0, 0]))
    assert data.accuracy(lambda x: np.array([1.0, -1.0, -1.0, -2.0])) == 0.75


def test_logistic_regression_against_its_closed_form(data):
    w, errors = demo.fit_logistic(data)
    x = np.column_stack([np.ones(len(data.y)), data.x])
    p = 1.0 / (1.0 + np.exp(-x @ w))
    np.testing.assert_allclose(x.T @ (p - data.y), 0.0, atol=1e-3)
    information = (x.T * (p * (1.0 - p))) @ x
    expected = np.sqrt(np.diag(np.linalg.inv(information)))
    np.testing.assert_allclose(errors, expected, rtol=1e-9)
    rows = read_table(demo.estimate_table(data, w, errors), "standard error")
    assert [float(row["standard error"]) for row in rows] == pytest.approx(
        expected, abs=1e-3
    )
    assert float(rows[1]["z"]) == pytest.approx(w[1] / errors[1], abs=0.06)


def test_the_gradient_of_the_network_against_differences(data):
    p = demo.fit_network(data, units=2, steps=3)
    vector, as_parameters = tree_ravel(p)
    gradient = gd.grad(demo.network_loss)(p, data.x, data.y)
    assert gradient.keys() == p.keys()

    def loss(*entries):
        return demo.network_loss(as_parameters(np.array(entries)), data.x, data.y)

    expected = demo.central_differences(loss, *vector)
    np.testing.assert_allclose(tree_ravel(gradient)[0], expected, rtol=1e-6, atol=1e-9)


def test_the_network_learns(data):
    early = demo.fit_network(data, units=4, steps=1)
    late = demo.fit_network(data, units=4, steps=60)
    losses = [demo.network_loss(p, data.x, data.y) for p in (early, late)]
    assert losses[1] < 0.8 * losses[0]
    assert data.accuracy(partial(demo.network_scores, late)) > 0.85


def test_progress_is_shown_on_a_terminal(monkeypatch):
    class terminal(io.StringIO):
        def isatty(self):
            return True

    for stream, shown in ((terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr(sys, "stderr", stream)
        with demo.progress("fitting", 3) as advance:
            advance(OptimizeResult(fun=0.5))
        assert ("fitting" in stream.getvalue()) is shown
        assert ("loss=0.5000" in stream.getvalue()) is shown


# -------------------------------------------------------------------------- whole run


@pytest.mark.script
def test_the_script_runs_and_says_where_its_files_are(tmp_path):
    script = Path(demo.__file__).resolve()
    printed = output_of(script, tmp_path)
    lines = printed.splitlines()
    assert max(map(len, lines)) <= 80
    assert "Gradient of x: 3.5" in lines
    page = tmp_path / "demo_output" / "gradient.html"
    assert lines[-4].split()[:2] == ["Files:", "demo_output/gradient.html"]
    named = ["demo_output/network.html", "demo_output/your_function.html"]
    assert [line.split()[0] for line in lines[-3:]] == [*named, "demo_output/fit.png"]
    assert all((tmp_path / name).exists() for name in named)
    assert str(gd.explain(demo.equation_2)(2.0, 3.0)) in printed
    assert "equation_2" in page.read_text(encoding="utf-8")
    shares = re.findall(r"Held-out accuracy: ([\d.]+)%", printed)
    assert len(shares) == 2
    assert min(map(float, shares)) > 90.0
    picture = matplotlib.image.imread(tmp_path / "demo_output" / "fit.png")
    assert picture.shape[1] > 1000
    assert picture[..., :3].std() > 0.1
