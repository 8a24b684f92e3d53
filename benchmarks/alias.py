"""Programs of autograd's kind, on autograd and under the alias, in one run.

    python -m benchmarks.alias [--docs] [--folder autograd/benchmarks]

Two processes, one with each, run every program in turns; the table has the least
processor time of each. ``--docs`` writes it into docs/moving/suites.md. All of it is
eager: nothing is compiled. ``--folder`` runs autograd's own benchmarks instead, those
of a clone of its repository.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import json
import os
import re
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as onp

PAGE = Path(__file__).resolve().parent.parent / "docs" / "moving" / "suites.md"
FOLDER = "AUTOGRAD_BENCHMARKS"
ROUNDS = 5
Program = Callable[[], Any]


def programs() -> dict[str, Program]:
    """Return the programs by name, on the autograd that is imported."""
    folder = os.environ.get(FOLDER)
    if folder:
        return of_folder(Path(folder).resolve())
    return {**of_numbers(), **of_networks(), **of_fields()}


def of_folder(folder: Path) -> dict[str, Program]:
    """Return the benchmarks in a folder, functions and methods ``time_...``."""
    sys.path.insert(0, str(folder))
    found: dict[str, Program] = {}
    for path in sorted(folder.glob("bench_*.py")):
        module = importlib.import_module(path.stem)
        places: list[tuple[str, Any]] = [("", module)]
        for name, kind in vars(module).items():
            if isinstance(kind, type) and kind.__module__ == path.stem:
                suite = kind()
                getattr(suite, "setup", int)()
                places.append((f"{name} ", suite))
        for owner, place in places:
            for name in dir(place):
                if name.startswith("time_"):
                    found[f"{owner}{name[5:]}"] = getattr(place, name)
    return found


def of_numbers() -> dict[str, Program]:
    """Return programs of many operations on numbers and short vectors."""
    import autograd.numpy as np
    from autograd import elementwise_grad, grad, jacobian

    def tanh(x):
        y = np.exp(-2.0 * x)
        return (1.0 - y) / (1.0 + y)

    sixth = tanh
    for _ in range(6):
        sixth = elementwise_grad(sixth)
    line = onp.linspace(-1.0, 1.0, 200)  # farther out autograd cancels

    def chain(x):
        for _ in range(50):
            x = np.sin(x)
        return x

    def fan(x):
        for _ in range(1000):
            x = (x + x) / 2.0
        return np.sum(x)

    return {
        "tanh, sixth derivative, 200 points": lambda: sixth(line),
        "50 sines of one number": lambda: grad(chain)(2.0),
        "2000 sums and quotients of one number": lambda: grad(fan)(2.0),
        "Jacobian, 50 by 50": lambda: jacobian(lambda x: np.sin(x) * x)(line[:50]),
    }


def of_networks() -> dict[str, Program]:
    """Return gradients of neural networks."""
    import autograd.numpy as np
    from autograd import grad

    rng = onp.random.RandomState(0)

    def network(sizes, count):
        pairs = itertools.pairwise(sizes)
        weights = [(0.1 * rng.randn(m, n), 0.1 * rng.randn(n)) for m, n in pairs]
        inputs, labels = rng.randn(count, sizes[0]), rng.randint(sizes[-1], size=count)

        def loss(weights):
            h = inputs
            for w, b in weights:
                z = np.dot(h, w) + b
                h = np.tanh(z)
            total = np.log(np.sum(np.exp(z), axis=1))
            return -np.sum(z[np.arange(count), labels] - total)

        return lambda: grad(loss)(weights)

    cell = [0.1 * rng.randn(20, 20), 0.1 * rng.randn(10, 20)]
    sequence = rng.randn(30, 5, 10)

    def recurrent(cell):
        h = np.zeros((5, 20))
        for x in sequence:
            h = np.tanh(np.dot(h, cell[0]) + np.dot(x, cell[1]))
        return np.sum(h**2)

    return {
        "neural net, small": network([20, 10, 10, 5], 8),
        "neural net, large": network([784, 200, 100, 10], 256),
        "recurrent net, 30 steps": lambda: grad(recurrent)(cell),
    }


def of_fields() -> dict[str, Program]:
    """Return gradients of simulations."""
    import autograd.numpy as np
    from autograd import grad
    from autograd import tuple as tuple_of
    from autograd.scipy.integrate import odeint

    def decay(y, t, a):
        return -a * y + 0.1 * np.sin(t)

    def final(a):
        y = odeint(decay, np.ones(2), np.linspace(0.0, 1.0, 5), tuple_of((a,)))
        return np.sum(y**2)

    flow = onp.random.RandomState(0).randn(2, 20, 20)

    def fluid(flow):
        u, v = flow[0], flow[1]
        for _ in range(5):
            divergence = np.roll(u, -1, 0) - u + np.roll(v, -1, 1) - v
            p = np.zeros((20, 20))
            for _ in range(5):
                around = np.roll(p, 1, 0) + np.roll(p, -1, 0)
                p = (around + np.roll(p, 1, 1) + np.roll(p, -1, 1) - divergence) / 4
            u, v = u - p + np.roll(p, 1, 0), v - p + np.roll(p, 1, 1)
            u = u - 0.1 * u * (u - np.roll(u, 1, 0))
        return np.sum(u**2 + v**2)

    return {
        "ODE, adjoint": lambda: grad(final)(onp.array([0.5, 1.0])),
        "fluid, 5 steps on 20 by 20": lambda: grad(fluid)(flow),
    }


def seconds(program: Program) -> float:
    """Return the processor time of a call, over calls of a fiftieth of a second."""
    start, calls = time.process_time(), 0
    while time.process_time() < start + 0.02 or not calls:
        program()
        calls += 1
    return (time.process_time() - start) / calls


def flat(result: Any) -> list[float]:
    """Return the numbers of arrays in lists and tuples; those of ``None`` are none."""
    if result is None:
        return []
    if isinstance(result, list | tuple):
        return [x for part in result for x in flat(part)]
    return onp.ravel(result).tolist()


def work() -> None:
    """Answer the names of programs with times and results, until the input ends."""
    warnings.simplefilter("ignore")
    known = programs()
    print(json.dumps(list(known)), flush=True)
    for line in sys.stdin:
        program = known[line.strip()]
        result = flat(program())[:20]
        print(json.dumps([seconds(program), result]), flush=True)


def worker(*, ours: bool) -> subprocess.Popen[str]:
    """Start a process that has programs, on autograd or under the alias."""
    install = "from chainrule import compat; compat.install_as_autograd(); "
    code = f"{install if ours else ''}from benchmarks import alias; alias.work()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", code], **pipes)


def asked(process: subprocess.Popen[str], name: str) -> tuple[float, Any]:
    """Return a program's time and result in a process."""
    process.stdin.write(f"{name}\n")
    process.stdin.flush()
    return tuple(json.loads(process.stdout.readline()))


def rows() -> list[str]:
    """Return the rows of the table: times of both, and how much faster ours is."""
    both = [worker(ours=ours) for ours in (False, True)]
    names, _ = (json.loads(p.stdout.readline()) for p in both)
    found: list[str] = []
    for name in names:
        answers = [[asked(p, name) for p in both] for _ in range(ROUNDS)]
        results = [r for _, r in answers[0]]
        if not onp.allclose(*results, rtol=1e-5, atol=1e-6):
            raise AssertionError(f"{name}: {results}")
        theirs, ours = (min(a[i][0] for a in answers) for i in (0, 1))
        times = f"{_shown(theirs)} | {_shown(ours)} | {theirs / ours:.1f}x"
        found.append(f"| {name} | {times} |")
        print(found[-1], flush=True)
    for process in both:
        process.stdin.close()
        process.wait()
    return found


def _shown(seconds: float) -> str:
    return f"{seconds * 1e3:.2f} ms" if seconds > 1e-4 else f"{seconds * 1e6:.1f} us"


def main() -> int:
    """Print the table, and write it into the page where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--docs", action="store_true", help="write the table there")
    parser.add_argument("--folder", help="the benchmarks of a clone of autograd")
    options = parser.parse_args()
    if options.folder:
        os.environ[FOLDER] = options.folder
    table = "\n".join(rows())
    if options.docs:
        page = PAGE.read_text(encoding="utf-8")
        name = "its own benchmarks" if options.folder else "program"
        head = f"| {name} | autograd | chainrule | faster |\n|---|---|---|---|\n"
        pattern = re.escape(head) + r"(?:\|.*\n)*"
        PAGE.write_text(re.sub(pattern, lambda _: f"{head}{table}\n", page))
    return 0


if __name__ == "__main__":
    sys.exit(main())
