"""``python -m examples``: the lines that each script changes, and what it costs.

A script's *model* is what a plain script has too: all of it but the import of
chainrule itself, ``problem`` and ``main``. Its changed lines are those that name
chainrule. The times are of the function that ``problem`` returns: plain, by SciPy's own
functions; with its gradient; and with its gradient compiled.
"""

from __future__ import annotations

import ast
import sys
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import chainrule as gd
from chainrule.errors import ChainruleError

HERE = Path(__file__).parent
ASKS = ("main", "problem")
ROUNDS = 5
SECONDS = 0.1
"""How long a function is called for in each round."""


def scripts() -> list[Path]:
    """Return the scripts that have a ``problem``: which SciPy alone can compute too."""
    paths = sorted(p for p in HERE.glob("*.py") if not p.name.startswith("_"))
    return [p for p in paths if "\ndef problem()" in p.read_text(encoding="utf-8")]


def changed(source: str) -> list[str]:
    """Return the lines of a script's model that a plain script would have otherwise."""
    return [line for line in _model(source) if _names_chainrule(line)]


def _model(source: str) -> Iterator[str]:
    lines = source.splitlines()
    for part in ast.parse(source).body:
        asks = isinstance(part, ast.FunctionDef) and part.name in ASKS
        is_text = isinstance(part, ast.Expr)
        ours = isinstance(part, ast.Import) and part.names[0].name == "chainrule"
        if not (asks or is_text or ours or isinstance(part, ast.If)):
            yield from lines[part.lineno - 1 : part.end_lineno]


def _names_chainrule(line: str) -> bool:
    return "chainrule" in line or "gd." in line


def as_module(source: str, name: str) -> types.ModuleType:
    """Run a script's definitions."""
    module = types.ModuleType(name)
    sys.modules[name] = module  # its dataclasses look there
    exec(compile(source, name, "exec"), vars(module))
    return module


def plain(source: str) -> str:
    """Return a script as it is without chainrule: with SciPy's own functions."""
    return source.replace("from chainrule.scipy", "from scipy")


def least(*calls: Callable[[], Any]) -> list[float]:
    """Return the least processor time of each call, measured in turns."""
    best = [float("inf")] * len(calls)
    for call in calls:
        call()
    for _ in range(ROUNDS):
        for i, call in enumerate(calls):
            count, start = 0, time.process_time()
            while time.process_time() - start < SECONDS / ROUNDS:
                call()
                count += 1
            best[i] = min(best[i], (time.process_time() - start) / count)
    return best


def times(source: str, name: str) -> list[float]:
    """Return the times of the function, with its gradient, and with that compiled.

    What solves inside of the function by SciPy's own code is not compiled.
    """
    f, x = as_module(source, name).problem()
    f_plain, x_plain = as_module(plain(source), f"{name}_plain").problem()
    f = gd.lift(f) if "gd.lift" in source else f
    calls = [lambda: f_plain(x_plain), lambda: eager(x)]
    eager = gd.value_and_grad(f)
    fast = gd.compile(eager)
    try:
        for _ in range(50):  # until it has settled
            fast(x)
    except ChainruleError:
        return least(*calls)
    fast.wait()
    return least(*calls, lambda: fast(x))


def main() -> int:
    """Print a row for each script."""
    print(
        "script                 lines  changed        plain  with its gradient"
        "     that compiled"
    )
    for path in scripts():
        source = path.read_text(encoding="utf-8")
        lines = len([line for line in _model(source) if line.strip()])
        try:
            took = times(source, path.stem)
        except ImportError as error:
            print(f"{path.stem:22} {error}")
            continue
        shown = [f"{1e3 * t:9.3f} ms {t / took[0]:6.1f}x" for t in took]
        shown += ["not compiled"] * (3 - len(shown))
        first = shown[0].partition(" ms")[0]
        print(
            f"{path.stem:20} {lines:7} {len(changed(source)):8} {first} ms "
            f"{shown[1]} {shown[2]}",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
