"""The scientific scripts run, and find what they look for."""

from __future__ import annotations

import importlib
import runpy
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parent.parent / "examples"
SCRIPTS = sorted(p for p in FOLDER.glob("*.py") if not p.name.startswith("_"))
NEEDED = {
    "dask_regression": "dask.array",
    "optimal_control": "cyipopt",
    "random_effects": "pandas",
    "torch_simulator": "torch",
}
FINDS = {
    "advection": lambda found: found[0] < 1e-4,
    "bootstrap": lambda found: np.all(found[0] < [2.0, 0.7]) and found[1][1] > 0.7,
    "bundle_adjustment": lambda found: np.std(found.fun) < 0.3,
    "curve_fit": lambda found: abs(found[0][1] - 1.3) < 0.1,
    "dask_regression": lambda found: np.all(
        np.abs(found[0].x - found[2]) < 5 * found[1]
    ),
    "deblurring": lambda found: max(found.values()) < 0.1,
    "epidemic": lambda found: all(
        np.allclose(fit.x, [0.6, 0.2, 0.02], rtol=0.05) for fit in found.values()
    ),
    "fit_with_bands": lambda found: np.allclose(found[0], [2.0, 0.7], atol=0.1),
    "gaussian_process": lambda found: 0.5 < np.exp(found.x[0]) < 4.0,
    "kalman_filter": lambda found: found.success,
    "logistic_regression": lambda found: found.x[2] < -1.0,
    "mixture": lambda found: np.allclose(found.x["means"], [-1.0, 2.0], atol=0.3),
    "ode_fit": lambda found: np.allclose(found.x, [1.1, 0.9, 0.8, 1.0], atol=0.05),
    "optimal_control": lambda found: found.success and 50 < found.fun < 70,
    "option_pricing": lambda found: 0.0 < found[1][0] < 1.0,
    "orbits": lambda found: found[0] < 1e-6,
    "random_effects": lambda found: abs(found.x["slopes"][0] - 1.5) < 0.1,
    "ridge_penalty": lambda found: found.fun < 0.3 and found.x[0] < found.x[1] - 3,
    "robot_arm": lambda found: np.max(np.abs(found[0].fun)) < 1e-2,
    "torch_simulator": lambda found: found < 1e-2,
}


def test_each_script_has_a_test():
    pytest.importorskip("scipy")
    assert {s.stem for s in SCRIPTS} == set(FINDS)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda s: s.stem)
def test_a_script_finds_what_it_looks_for(script, capsys):
    pytest.importorskip("scipy")
    pytest.importorskip(NEEDED.get(script.stem, "numpy"))
    found = importlib.import_module(f"examples.{script.stem}").main()
    assert FINDS[script.stem](found)
    assert capsys.readouterr().out


def test_the_bands_are_drawn(tmp_path, capsys):
    pytest.importorskip("scipy")
    pytest.importorskip("matplotlib")
    script = next(s for s in SCRIPTS if s.stem == "fit_with_bands")
    runpy.run_path(str(script))["main"](tmp_path / "bands.png")
    assert (tmp_path / "bands.png").stat().st_size > 10_000
    assert "bands.png" in capsys.readouterr().out


tool = importlib.import_module("examples.__main__")
PROBLEMS = tool.scripts()
NOT_IMPORTS = {"ode_fit": ["gd.scan"]}
"""Changed lines that are no imports: what stands in them."""


@pytest.mark.parametrize("script", PROBLEMS, ids=lambda s: s.stem)
def test_changed_lines_are_imports(script):
    assert len(PROBLEMS) >= 12
    source = script.read_text(encoding="utf-8")
    changed = tool.changed(source)
    others = [line for line in changed if not line.startswith("from chainrule.scipy")]
    words = NOT_IMPORTS.get(script.stem, [])
    assert len(others) == len(words)
    assert all(word in line for word, line in zip(words, others, strict=True))
    assert bool(changed) == ("Changed: nothing" not in source)
    assert f"| {script.stem} |" in (FOLDER / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("script", PROBLEMS, ids=lambda s: s.stem)
def test_the_plain_script_computes_the_same(script):
    pytest.importorskip("scipy")
    pytest.importorskip(NEEDED.get(script.stem, "numpy"))
    source = script.read_text(encoding="utf-8")
    ours, theirs = (
        tool.as_module(text, script.stem).problem()
        for text in (source, tool.plain(source))
    )
    values = [float(f(x)) for f, x in (ours, theirs)]
    rel = 1e-6 if script.stem == "ridge_penalty" else 1e-8  # SciPy takes differences
    assert values[0] == pytest.approx(values[1], rel=rel)
