"""Gradients through ODE solvers: chainrule's two, and JAX's, beside the plain solves.

    python -m benchmarks.odes [--smoke]

One process runs all in turns. For each problem the table has SciPy's own solve in
milliseconds of processor time; the gradient of a loss of the solution by chainrule, by
the steps and by the adjoint equation, each with the loss as it is and compiled; and
what JAX takes, ``jax.experimental.ode.odeint``, jitted, for its solve and gradient. The
ratios are gradients to plain solves of the same library, of later calls: a first one
compiles.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.integrate

import chainrule as gd
from chainrule.scipy.integrate import solve_ivp

ROUNDS = 7
Call = Callable[[Any], Any]
"""A function of the parameters: each call is given others, so that none is kept."""


@dataclass(frozen=True)
class Problem:
    """A right-hand side ``fun(xp, t, y, p)``, and where it is solved."""

    name: str
    fun: Callable[..., Any]
    p: Any
    y0: Any
    times: Any
    rtol: float = 1e-6
    method: str = "RK45"


def hunters(xp: Any, t: Any, y: Any, p: Any) -> Any:
    """Return the rates of predators and prey."""
    both = y[0] * y[1]
    return xp.stack([p[0] * y[0] - p[1] * both, p[2] * both - p[3] * y[1]])


def rod(xp: Any, t: Any, y: Any, p: Any) -> Any:
    """Return the rates of temperatures along a rod that conducts."""
    around = xp.concatenate([p[1:2], y, p[2:3]])
    return p[0] * (around[2:] - 2.0 * y + around[:-2])


def network(xp: Any, t: Any, y: Any, p: Any) -> Any:
    """Return a layer of 32 of the state, a neural differential equation."""
    n = y.shape[0]
    inner, outer = p[: 32 * n].reshape(32, n), p[32 * n :].reshape(n, 32)
    return outer @ xp.tanh(inner @ y)


def problems(*, tiny: bool) -> list[Problem]:
    """Return the problems that are measured."""
    rng = np.random.default_rng(0)
    cells, states, end = (8, 2, 1.0) if tiny else (100, 16, 20.0)
    weights = 0.3 * rng.normal(size=64 * states)
    return [
        Problem(
            "predators and prey",
            hunters,
            np.array([1.1, 0.9, 0.8, 1.0]),
            np.array([1.0, 0.5]),
            np.linspace(0.0, end, 21),
        ),
        Problem(
            f"a rod of {cells} cells",
            rod,
            np.array([1.0, 0.0, 1.0]),
            np.zeros(cells),
            np.linspace(0.0, end, 11),
        ),
        Problem(
            f"a network of {states} states",
            network,
            weights,
            rng.normal(size=states),
            np.linspace(0.0, min(end, 5.0), 6),
        ),
    ]


def of_chainrule(problem: Problem) -> dict[str, Call]:
    """Return a plain solve, and the gradients."""
    call = {"rtol": problem.rtol, "atol": problem.rtol, "method": problem.method}
    span = (problem.times[0], problem.times[-1])

    def fun(t: Any, y: Any, p: Any) -> Any:
        return problem.fun(np, t, y, p)

    def solved(p: Any, solve: Any, **options: Any) -> Any:
        found = solve(
            fun, span, problem.y0, t_eval=problem.times, args=(p,), **call, **options
        )
        return np.sum(found.y**2)

    calls: dict[str, Call] = {}
    for derivative in ("steps", "adjoint"):

        def loss(p: Any, derivative: str = derivative) -> Any:
            return solved(p, solve_ivp, derivative=derivative)

        fast = gd.compile(gd.grad(loss))
        calls[derivative] = gd.grad(loss)
        calls[f"{derivative}, compiled"] = fast
    calls["solve"] = lambda p: solved(p, scipy.integrate.solve_ivp)
    return calls


def of_jax(problem: Problem) -> dict[str, Call]:
    """Return JAX's solve, and its gradient."""
    import jax
    from jax.experimental.ode import odeint

    jax.config.update("jax_enable_x64", True)
    times, y0 = jax.numpy.asarray(problem.times), jax.numpy.asarray(problem.y0)

    def fun(y: Any, t: Any, p: Any) -> Any:
        return problem.fun(jax.numpy, t, y, p)

    def loss(p: Any) -> Any:
        y = odeint(fun, y0, times, p, rtol=problem.rtol, atol=problem.rtol)
        return jax.numpy.sum(y**2)

    solve, gradient = jax.jit(loss), jax.jit(jax.grad(loss))
    return {
        "jax, solve": lambda p: solve(p).block_until_ready(),
        "jax, gradient": lambda p: gradient(p).block_until_ready(),
    }


def medians(problem: Problem, calls: dict[str, Call], rounds: int) -> dict[str, float]:
    """Return the median processor time of each call, all in turns."""
    for i, call in itertools.product(range(2 if rounds == 1 else 40), calls.values()):
        call(problem.p * (1.0 + 1e-3 * i))  # until all is compiled
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for i in range(rounds):
        p = problem.p * (1.0 - 1e-3 * (i + 1))
        for name, call in calls.items():
            start = time.process_time()
            call(p)
            taken[name].append(time.process_time() - start)
    return {name: statistics.median(t) for name, t in taken.items()}


def check(problem: Problem, calls: dict[str, Call]) -> None:
    """Raise where the gradients differ by more than the tolerances explain."""
    gradients = {
        k: np.asarray(c(problem.p)) for k, c in calls.items() if "solve" not in k
    }
    known = gradients["steps"]
    size = np.max(np.abs(known))
    for name, found in gradients.items():
        away = np.max(np.abs(found - known)) / size
        if away > 1e3 * problem.rtol:
            raise AssertionError(f"{problem.name}: {name} is {away:.1e} away from ours")


def rows(problem: Problem, *, smoke: bool) -> list[str]:
    """Return the lines of a problem."""
    calls = of_chainrule(problem)
    if not smoke:
        calls |= of_jax(problem)
    check(problem, calls)
    times = medians(problem, calls, 1 if smoke else ROUNDS)
    lines = [f"| {problem.name} | solve_ivp | {1e3 * times['solve']:.2f} | 1 |"]
    for name, t in times.items():
        if name == "solve":
            continue
        base = times["jax, solve" if name.startswith("jax") else "solve"]
        lines.append(f"| | {name} | {1e3 * t:.2f} | {t / base:.2f} |")
    return lines


def main(arguments: list[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="benchmarks.odes", description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="tiny, without JAX")
    smoke = parser.parse_args(arguments).smoke
    print("| problem | | ms | times its solve |\n|---|---|---|---|")
    for problem in problems(tiny=smoke):
        print("\n".join(rows(problem, smoke=smoke)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
