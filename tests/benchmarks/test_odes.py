"""Gradients through ODE solvers agree, and one that does not is noticed."""

from __future__ import annotations

import pytest

pytest.importorskip("scipy")

from benchmarks import odes


def test_both_derivatives_run_beside_the_plain_solve(capsys):
    assert odes.main(["--smoke"]) == 0
    shown = capsys.readouterr().out
    for problem in odes.problems(tiny=True):
        assert f"| {problem.name} | solve_ivp |" in shown
    assert shown.count("| adjoint, compiled |") == len(odes.problems(tiny=True))


def test_a_wrong_gradient_is_noticed():
    problem = odes.problems(tiny=True)[0]
    calls = odes.of_chainrule(problem)
    right = calls["adjoint"]
    calls["adjoint"] = lambda p: 1.1 * right(p)
    with pytest.raises(AssertionError, match="adjoint is"):
        odes.check(problem, calls)
