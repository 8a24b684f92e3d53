"""The table of what was measured, and its page in the documentation."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "measured"
PAGE = Path(__file__).parents[2] / "docs" / "coverage.md"
ORDER = ("chainrule", "autograd", "jax", "advect")
WORDS = ("locally constant", "no sample")
"""What stands in the place of letters where there is no call to differentiate."""

HEADINGS = (
    *("namespace", "functions", "library", "reverse", "in every operand"),
    *("forward", "second order", "compiled", "wrong", "refused", "not there"),
)


def results(name: str) -> dict[str, Any]:
    """Return what was measured of a library."""
    path = RESULTS / f"{name}.json"
    if not path.exists():
        return {"functions": {}}
    return json.loads(path.read_text(encoding="utf-8"))


def counts(outcomes: Mapping[str, str], scope: Mapping[str, str]) -> tuple[int, ...]:
    """Return how many functions there are, and how many have what a column says.

    What a library differentiates in one operand and not in another counts as right, and
    is wrong too where the other derivative is. ``scope`` tells what is counted.
    """
    letters = [outcomes.get(name, "m") for name, w in scope.items() if w not in WORDS]
    held = Counter(letter for word in letters for letter in set(word))
    held["w"] = sum("w" in word for word in letters)
    return len(letters), *(held[letter] for letter in "rRfscwem")


def rows() -> Iterable[tuple[str, ...]]:
    """Return the rows of the table, those of all namespaces together last."""
    known = {name: results(name)["functions"] for name in ORDER}
    known = {name: functions for name, functions in known.items() if functions}
    total = {name: [0] * 9 for name in known}
    for namespace, scope in known[ORDER[0]].items():
        for name, functions in known.items():
            if namespace not in functions:
                yield "", "", name, "not measured", *[""] * 7
                continue
            found = counts(functions[namespace], scope)
            total[name] = [a + b for a, b in zip(total[name], found, strict=True)]
            yield _row(namespace, name, found)
    for name, found in total.items():
        yield _row("all", name, found)


def _row(namespace: str, name: str, found: Iterable[int]) -> tuple[str, ...]:
    count, *others = map(str, found)
    first = name == ORDER[0]
    cells = [cell if cell != "0" else "" for cell in others]
    return (f"`{namespace}`" if first else "", count if first else "", name, *cells)


def table() -> str:
    """Return the table, in Markdown."""
    lines = [HEADINGS, tuple("---" for _ in HEADINGS), *rows()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def outside() -> str:
    """Return the names that are not counted, by namespace."""
    lines = [("namespace", "locally constant", "no call with arrays of floats")]
    lines.append(("---",) * 3)
    for namespace, outcomes in results("chainrule")["functions"].items():
        found = [[n for n, w in outcomes.items() if w == word] for word in WORDS]
        names = (", ".join(f"`{n}`" for n in part) for part in found)
        lines.append((f"`{namespace}`", *names))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def refused() -> str:
    """Return what this library does not differentiate, by namespace."""
    parts: list[str] = []
    for namespace, outcomes in results("chainrule")["functions"].items():
        names = [n for n, w in outcomes.items() if w not in WORDS and "r" not in w]
        some = [n for n, w in outcomes.items() if "r" in w and w not in WORDS]
        some = [n for n in some if "R" not in outcomes[n]]
        if names or some:
            what = f"`{namespace}`: " + ", ".join(f"`{n}`" for n in names)
            if some:
                listed = ", ".join(f"`{n}`" for n in some)
                what += f"{'; ' if names else ''}not in every operand: {listed}"
            parts.append(f"- {what}")
    return "\n".join(parts)


def versions() -> str:
    """Return what was measured, when."""
    told = [
        f"{name} {known['version']} ({known['date']})"
        for name, known in ((name, results(name)) for name in ORDER)
        if "version" in known
    ]
    ours = results("chainrule")
    return f"{', '.join(told)}; NumPy {ours['numpy']}, SciPy {ours['scipy']}"


def text() -> str:
    """Return the page."""
    return f"""# What is differentiated

How many functions of NumPy and SciPy each library differentiates, measured by calling
them: {versions()}. `make coverage-table` measures anew and writes this page.

{table()}

- **functions** are those of the namespace whose result depends on an array of floats.
  Each is called once, with NumPy's or SciPy's own function first: with the first of
  some seventy lists of arguments, or with arguments of its own, for which the result is
  finite and moves smoothly with the arguments. All libraries get the same call, of the
  function of that name in their namespace (`jax.scipy.special.erf`,
  `autograd.numpy.linalg.det`, `chainrule.scipy.stats.norm.logpdf`). A distribution
  counts by its methods `logpdf` or `logpmf`, `cdf` and `ppf`; of a class, such as an
  interpolator, the values that it returns.
- **reverse**: the gradient agrees with central differences of the library's own
  function along a direction, to 2e-4, in at least one operand; **in every operand**:
  in each that the result depends on. **forward** and **second order** (the derivative
  of the gradient), **compiled**: in all operands in which reverse mode is right.
  Compiled means by XLA for jax and a staged program for advect. For chainrule it means
  machine code for every step; what is not compiled so runs all the same, with steps
  that NumPy takes.
- **wrong**: a derivative that differs, without an error, in some operand. **refused**:
  an error, in every operand. **not there**: the library has no such name.
- One call with arrays of a few entries says nothing of other calls, of speed, or of
  what a library is for: jax is made for accelerators, and has functions of its own in
  place of SciPy's. Libraries whose gradients of `cholesky` and `eigh` assume a
  symmetric change get one.

## What chainrule does not differentiate

{refused()}

## What is not counted

{outside()}
"""
