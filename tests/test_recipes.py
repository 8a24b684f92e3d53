"""What a page says of other libraries runs, where these are installed."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import chainrule as gd

PAGE = Path(__file__).parents[1] / "docs" / "optimise.md"


def recipe(heading):
    """Run the code beneath a heading, and return it with its names."""
    text = PAGE.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1]
    code = re.search(r"```{code-block} python\n(.*?)```", text, re.DOTALL)[1]
    names = {"np": np, "gd": gd, "__name__": "recipe"}
    exec(code, names)
    return code, names


def test_a_path_around_an_obstacle_by_ipopt():
    pytest.importorskip("cyipopt")
    code, names = recipe("Ipopt")
    assert names["found"].success
    exact = 2 * np.sqrt(3.0) + np.pi / 3  # two tangents from 2, and the arc between
    found = np.sqrt(names["found"].fun)
    assert found == pytest.approx(exact, rel=2e-3)
    assert f"{found:.3f}" in code


def test_a_fit_by_lmfit():
    lmfit = pytest.importorskip("lmfit")
    _, names = recipe("lmfit")
    fit, params = names["fit"], names["params"]
    plain = lmfit.minimize(names["residuals"], params, args=(names["t"], names["y"]))
    for name in params:
        assert fit.params[name].value == pytest.approx(
            plain.params[name].value, rel=1e-6
        )
        assert fit.params[name].stderr == pytest.approx(
            plain.params[name].stderr, rel=1e-3
        )
    assert fit.nfev < plain.nfev / 2
    half_life = names["half_life"]
    by_hand = half_life.value / names["best"][1] * fit.params["rate"].stderr
    assert half_life.standard_errors() == pytest.approx(by_hand)
    params["floor"].vary = False
    fixed = lmfit.minimize(
        names["residuals"], params, args=(names["t"], names["y"]),
        Dfun=names["derivatives"],
    )  # fmt: skip
    assert fixed.params["floor"].value == 0.0
    assert len(fixed.var_names) == 2


def test_a_grey_box_of_pyomo():
    pytest.importorskip("pyomo.environ")
    pytest.importorskip("pyomo.contrib.pynumero.interfaces.external_grey_box")
    wrapped = pytest.importorskip(
        "pyomo.contrib.pynumero.interfaces.pyomo_grey_box_nlp"
    )
    _, names = recipe("Pyomo")
    box, reactor = names["model"].box, names["reactor"]
    for name, x in {"flow": 1.0, "heat": 2.0}.items():
        box.inputs[name].set_value(x)
    for output in box.outputs.values():
        output.set_value(0.0)
    nlp = wrapped._ExternalGreyBoxAsNLP(box)
    u, by = np.array([1.0, 2.0]), np.array([1.0, 2.0])
    nlp.set_primals(np.array([*u, 0.0, 0.0]))
    nlp.set_duals(by)
    np.testing.assert_allclose(nlp.evaluate_constraints(), reactor(u))
    jac = nlp.evaluate_jacobian().toarray()
    np.testing.assert_allclose(jac, np.hstack([gd.jacobian(reactor)(u), -np.eye(2)]))
    hess = nlp.evaluate_hessian_lag().toarray()[:2, :2]
    exact = gd.hessian(lambda u: by @ reactor(u))(u)
    np.testing.assert_allclose(np.tril(hess), np.tril(exact), rtol=1e-12)
