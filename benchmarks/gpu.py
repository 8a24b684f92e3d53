"""A prepared script for a machine with CuPy: ``python -m benchmarks.gpu``.

It runs every rule, and programs that write, on CuPy's arrays against NumPy's. It times
a perceptron, a logistic regression of 1e6 x 100 and a stencil on 2048 x 2048 against
PyTorch and JAX, where these are installed, on the same GPU. It takes under 10 minutes.
``--mock`` runs it on the arrays of ``tests/foreign/strict_arrays.py``, without a GPU,
on small data; the times then say nothing.
"""

from __future__ import annotations

import argparse
import importlib
import platform
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np

import chainrule as gd
from chainrule.errors import MissingRuleError
from tests.foreign.libraries import ORDERS, STRICT, library, outcome, serves
from tests.helpers import RULES, calls_of
from tests.test_writing_functions import WRITES, program

Row = tuple[Callable[..., Any], tuple[Any, ...]]


def of_cupy() -> library:
    """Return the library of CuPy's arrays."""
    cupy = importlib.import_module("cupy")
    return library("strict", cupy.asarray, _from_cupy, nullcontext)


def _from_cupy(x: Any) -> Any:
    return x.get() if hasattr(x, "get") else x


# ------------------------------------------------------------------------ programs


def perceptron(w1: Any, w2: Any, x: Any, y: Any) -> Any:
    """The squared error of a network with one hidden layer."""
    return np.mean((np.tanh(x @ w1) @ w2 - y) ** 2)


def logistic(w: Any, x: Any, y: Any) -> Any:
    """The negative logarithm of the likelihood of a logistic regression."""
    z = x @ w
    return np.sum(np.logaddexp(0.0, z) - y * z)


def bending(u: Any) -> Any:
    """The bending energy of a periodic surface."""
    around = sum(np.roll(u, s, a) for s in (1, -1) for a in (0, 1))
    return np.sum((around - 4 * u) ** 2)


def data(scale: int) -> dict[str, Row]:
    """Return the programs and their arguments; the first is differentiated."""
    rng = np.random.default_rng(0)
    n, rows, side = 4096 // scale, 1_000_000 // scale**2, 2048 // scale

    def normal(*shape: int) -> Any:
        return rng.normal(size=shape).astype(np.float32)

    labels = (rng.random(rows) < 0.5).astype(np.float32)
    return {
        "perceptron": (
            perceptron,
            (
                normal(n, 512) / 64,
                normal(512, 10) / 23,
                normal(512, n),
                normal(512, 10),
            ),
        ),
        "logistic regression": (
            logistic,
            (normal(100) / 10, normal(rows, 100), labels),
        ),
        "stencil": (bending, (normal(side, side),)),
    }


# -------------------------------------------------------------------- the libraries


def best(call: Callable[[], Any], repeats: int = 20) -> float:
    """Return the least milliseconds of a call that waits for its result."""
    call()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return 1e3 * min(seconds)


def ours(of: library, wait: Callable[[], None]) -> Callable[..., float]:
    """Time ``gd.value_and_grad`` on arrays of a library."""

    def run(f: Callable[..., Any], arguments: tuple[Any, ...]) -> float:
        moved = [of.put(x) for x in arguments]

        def call() -> None:
            gd.value_and_grad(f)(*moved)
            wait()

        return best(call)

    return run


def torchs() -> Callable[..., float]:
    """Time PyTorch's autograd on the same programs."""
    torch = importlib.import_module("torch")
    programs = {
        perceptron: lambda a, b, x, y: ((torch.tanh(x @ a) @ b - y) ** 2).mean(),
        logistic: lambda w, x, y: (
            torch.nn.functional.softplus(x @ w).sum() - (y * (x @ w)).sum()
        ),
        bending: lambda u: (
            (sum(torch.roll(u, s, a) for s in (1, -1) for a in (0, 1)) - 4 * u) ** 2
        ).sum(),
    }

    def run(f: Callable[..., Any], arguments: tuple[Any, ...]) -> float:
        moved = [torch.as_tensor(x, device="cuda") for x in arguments]
        moved[0].requires_grad_(True)

        def call() -> None:
            torch.autograd.grad(programs[f](*moved), moved[0])
            torch.cuda.synchronize()

        return best(call)

    return run


def jaxs() -> Callable[..., float]:
    """Time ``jax.jit(jax.value_and_grad)`` on the same programs."""
    jax = importlib.import_module("jax")
    jnp = importlib.import_module("jax.numpy")
    programs = {
        perceptron: lambda a, b, x, y: jnp.mean((jnp.tanh(x @ a) @ b - y) ** 2),
        logistic: lambda w, x, y: jnp.sum(jnp.logaddexp(0.0, x @ w) - y * (x @ w)),
        bending: lambda u: jnp.sum(
            (sum(jnp.roll(u, s, a) for s in (1, -1) for a in (0, 1)) - 4 * u) ** 2
        ),
    }

    def run(f: Callable[..., Any], arguments: tuple[Any, ...]) -> float:
        fast = jax.jit(jax.value_and_grad(programs[f]))
        moved = [jnp.asarray(x) for x in arguments]
        return best(lambda: jax.block_until_ready(fast(*moved)))

    return run


# ---------------------------------------------------------------------------- parts


def rules(of: library) -> None:
    """Run every rule on the library's arrays, and print what is not right."""
    counts: Counter[str] = Counter()
    for call in (c for r in RULES for c in calls_of(r)):
        if not any(isinstance(x, np.ndarray | np.generic) for x in call.draw()):
            continue
        if not serves(call, of):
            counts["not served"] += 1
            continue
        for order in ORDERS:
            try:
                outcome(call, of, order)
                counts["right"] += 1
            except Exception as error:
                counts["wrong"] += 1
                print(f"  {call.label} {order}: {type(error).__name__} {error}")
    print("rules:", ", ".join(f"{n} {what}" for what, n in counts.items()))


def writes(of: library) -> None:
    """Run programs that write into nodes, and print what is not as NumPy's."""
    x = np.array([0.4, 0.73, 1.1, 1.3])
    counts: Counter[str] = Counter()
    for statement in WRITES.split("\n"):
        f = program(statement)
        try:
            with of.closed():
                found = gd.value_and_grad(f)(of.put(x))
            for a, e in zip(found, gd.value_and_grad(f)(x), strict=True):
                np.testing.assert_allclose(of.get(a), e, rtol=1e-9)
            counts["right"] += 1
        except MissingRuleError:
            counts["refused"] += 1
        except Exception as error:
            counts["wrong"] += 1
            print(f"  {statement}: {type(error).__name__} {error}")
    print("writes:", ", ".join(f"{n} {what}" for what, n in counts.items()))


def times(of: library, wait: Callable[[], None], scale: int, *, alone: bool) -> None:
    """Print milliseconds of a value and its gradient in each library."""
    runs = {"chainrule": ours(of, wait)}
    for name, make in () if alone else (("torch", torchs), ("jax", jaxs)):
        try:
            runs[name] = make()
        except ImportError:
            print(f"{name} is not installed")
    for title, (f, arguments) in data(scale).items():
        found = {name: run(f, arguments) for name, run in runs.items()}
        print(f"{title:<22}" + "".join(f"{k} {v:8.2f} ms  " for k, v in found.items()))


def device() -> str:
    """Return the names of CuPy and of its GPU, or leave where there is none."""
    instead = "Nothing was run on a GPU; --mock runs the script without one."
    try:
        cupy = importlib.import_module("cupy")
    except ImportError as error:
        raise SystemExit(f"CuPy is not installed ({error}). {instead}") from None
    try:
        name = cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()
    except Exception as error:
        raise SystemExit(f"CuPy finds no GPU ({error}). {instead}") from None
    return f"CuPy {cupy.__version__} on {name}"


def main(arguments: list[str]) -> int:
    """Run both parts on CuPy, or on the arrays that stand for it."""
    parser = argparse.ArgumentParser(prog="benchmarks.gpu", description=__doc__)
    parser.add_argument("--mock", action="store_true", help="without a GPU")
    given = parser.parse_args(arguments)
    print(time.strftime("%Y-%m-%d"), platform.node(), f"NumPy {np.__version__}")
    if given.mock:
        of, wait = STRICT, int
        print("on strict arrays: not run on a GPU")
    else:
        print(device())
        of = of_cupy()
        wait = importlib.import_module("cupy").cuda.Device().synchronize
    start = time.perf_counter()
    rules(of)
    writes(of)
    with of.closed():
        times(of, wait, 16 if given.mock else 1, alone=given.mock)
    print(f"{time.perf_counter() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
