"""Calls of rules drawn from their declarations, and derivatives computed two ways.

A *call* is one rule, its operands and its parameters. ``calls_of`` lists those of a
rule: the generated ones of an elementwise rule, and the ``cases`` it declares.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import os
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

import chainrule.operations
from chainrule.errors import MissingLibraryError
from chainrule.nodes.node_class import node, record
from chainrule.nodes.tables import FUNCTIONS, UFUNCS
from chainrule.operations_grad.structure import structure
from chainrule.rules import REGISTRY, elementwise, rule
from chainrule.rules.cases import Sample, case
from chainrule.rules.named_functions import imported
from chainrule.rules.namespace import EXTRA, NAMED, evaluate, plain
from chainrule.rules.supports import supported, zeros_of
from chainrule.sweeps.order import collect
from chainrule.sweeps.sweep import forward_sweep, reverse_sweep
from chainrule.values.vertices import raw


def is_installed(r: type[rule]) -> bool:
    """Tell whether a rule's function can be imported, if it is one by name."""
    try:
        imported(r.forward)
    except MissingLibraryError:
        return False
    return True


with contextlib.suppress(ImportError):
    import chainrule.scipy

    for _part in chainrule.scipy.__all__:
        importlib.import_module(f"chainrule.scipy.{_part}")

_OWN: list[type[rule]] = [
    r
    for r in REGISTRY
    if r.__module__.startswith("chainrule.")
    and not issubclass(r, structure)
    and is_installed(r)
]
OF_SCIPY = [r for r in _OWN if r.__module__.startswith("chainrule.scipy.")]
"""Rules of SciPy's functions. Each has one test of all that must hold of it (in
``tests/scipy``), and those of ``RULES`` where CHAINRULE_RULES is set to ``all``."""
RULES: list[type[rule]] = (
    _OWN
    if os.environ.get("CHAINRULE_RULES") == "all"
    else [r for r in _OWN if r not in OF_SCIPY]
)
"""The library's rules; rules that tests declare are not among them."""

SCOPE: dict[str, Any] = {
    **{k: getattr(np, k) for k in dir(np) if not k.startswith("_")},
    **{
        k: getattr(plain, k) for k in NAMED if not hasattr(np, k) and len(NAMED[k]) == 1
    },
    **EXTRA,
}
"""What formulas of rules name: functions of NumPy, by name, and our own."""

FLOAT = "float"
"""Stands for an operand that is a Python float."""

GENERATED: dict[int, tuple[tuple[Any, ...], ...]] = {
    1: ((FLOAT,), ((),), ((3,),), ((2, 3),), ((0,),)),
    2: (
        (FLOAT, FLOAT),
        (FLOAT, (3,)),
        ((3,), (3,)),
        ((3, 1), (4,)),
        ((), (3,)),
        ((3,), ()),
        ((0,), (1,)),
    ),
    3: (
        (FLOAT, FLOAT, FLOAT),
        ((3,), (3,), (3,)),
        ((3, 1), (4,), ()),
        ((0,), (1,), ()),
    ),
}
"""Operands that every elementwise rule is tested on, by their number."""


class python_float(Sample):
    """A way to draw a Python float."""

    def draw(self, rng: np.random.Generator) -> float:
        """Return a float."""
        return float(super().draw(rng))


@dataclass(frozen=True)
class Call:
    """One call of a rule: how to draw its operands, and its parameters."""

    rule: type[rule]
    operands: tuple[Any, ...]
    parameters: dict[str, Any]
    label: str
    dtype: str = "float64"

    @property
    def rng(self) -> np.random.Generator:
        """A generator of this call's own, the same in every process."""
        return np.random.default_rng(zlib.crc32(self.label.encode()))

    def draw(self) -> list[Any]:
        """Return the operands in this call's dtype."""
        rng = self.rng
        drawn = list(case(*self.operands).draw(rng))
        for i, (x, how) in enumerate(zip(drawn, self.operands, strict=True)):
            drawn[i] = cast(x, how, self.dtype, rng) if is_inexact(x) else x
        return drawn

    def moving(self, values: Sequence[Any]) -> list[int]:
        """Return the positions of the operands that become nodes."""
        names = dict(enumerate(self.rule.operand_names))
        return [
            i
            for i, x in enumerate(values)
            if is_inexact(x) and names.get(i) not in self.rule.refused
        ]

    def direction(self, rng: np.random.Generator, i: int, x: Any) -> Any:
        """Return a random direction in which operand ``i`` can move."""
        d = noise(rng, x)
        how = self.operands[i]
        if isinstance(how, Sample) and how.kind in ("symmetric", "spd"):
            d = (d + np.conj(np.swapaxes(d, -1, -2))) / 2
        return d

    def value(self, values: Sequence[Any]) -> list[Any]:
        """Return the inexact results of the rule's forward on plain values."""
        z = evaluate(self.rule, values, self.parameters)
        return [v for v in (z if self.rule.outputs > 1 else (z,)) if is_inexact(v)]

    def run(
        self,
        values: Sequence[Any],
        moving: Sequence[int],
        function: Callable[..., Any] | None = None,
    ) -> tuple[list[node], list[node]]:
        """Return the result nodes and the leaves of this call on nodes."""
        operands = list(values)
        for i in moving:
            operands[i] = node(values[i])
        z = (
            record(self.rule, operands, self.parameters)
            if function is None
            else called(self, function, operands)
        )
        results = [v for v in as_tuple(z) if isinstance(v, node)]
        return results, [operands[i] for i in moving]


def called(call: Call, function: Callable[..., Any], operands: Sequence[Any]) -> Any:
    """Call a public function on operands as NumPy's signature wants them."""
    if call.rule.variadic:
        return function(list(operands), **call.parameters)
    named = dict(call.parameters)
    forced = [named.pop(name) for name in positional_only(function) if name in named]
    return function(*operands, *forced, **named)


def positional_only(function: Callable[..., Any]) -> list[str]:
    """Return the names of the parameters that cannot be given by keyword."""
    if isinstance(function, np.ufunc):
        return []
    listed = inspect.signature(function).parameters.values()
    return [p.name for p in listed if p.kind is p.POSITIONAL_ONLY]


def as_tuple(z: Any) -> tuple[Any, ...]:
    """Return several results as they are, one as a tuple of one."""
    return tuple(z) if isinstance(z, tuple | list) else (z,)


def is_inexact(x: Any) -> bool:
    """Tell whether a value is differentiable: a float or complex number or array."""
    return isinstance(x, float | complex) or (
        isinstance(x, np.ndarray | np.generic) and x.dtype.kind in "fc"
    )


def noise(rng: np.random.Generator, x: Any) -> Any:
    """Return normal random numbers in the kind, shape and dtype of ``x``."""
    if type(x) is float:
        return float(rng.normal())
    n = rng.normal(size=x.shape)
    if x.dtype.kind == "c":
        n = n + 1j * rng.normal(size=x.shape)
    return np.asarray(n).astype(x.dtype)[()] if x.shape == () else n.astype(x.dtype)


def cast(x: Any, how: Any, dtype: str, rng: np.random.Generator) -> Any:
    """Return a drawn operand in another dtype; complex ones get an imaginary part."""
    if dtype == "float64":
        return x
    if dtype != "complex128":
        return np.asarray(x).astype(dtype)[()]
    part = 0.5 * rng.uniform(-1.0, 1.0, np.shape(x))
    if isinstance(how, Sample) and how.kind in ("symmetric", "spd"):
        part = 0.2 * (part - np.swapaxes(part, -1, -2))
    return np.asarray(x + 1j * part).astype(dtype)[()]


# -------------------------------------------------------------------- calls of a rule


def generates(r: type[rule]) -> bool:
    """Tell whether operands can be drawn from the rule's ``domain`` alone."""
    if not issubclass(r, elementwise) or r.variadic:
        return False
    listed = [
        p for d in r.parts.values() for p in inspect.signature(d).parameters.values()
    ]
    if any(p.kind is p.KEYWORD_ONLY and p.default is p.empty for p in listed):
        return False
    known = all(i in r.parts or n in r.domain for i, n in enumerate(r.operand_names))
    return known or not r.cases


def calls_of(r: type[rule]) -> Iterator[Call]:
    """Yield the calls a rule is tested on."""
    listed: list[case] = []
    if generates(r):
        for shapes in GENERATED.get(len(r.operand_names), ()):
            listed.append(case(*map(in_domain(r), range(len(shapes)), shapes)))
    for c in r.cases:
        listed += [c, as_floats(c)] if any(map(is_number, c.operands)) else [c]
    seen: dict[str, count[int]] = {}
    for c in listed:
        label = f"{r.__name__}-" + label_of(c)
        again = next(seen.setdefault(label, count()))
        label += f"#{again + 1}" if again else ""
        yield Call(r, c.operands, c.parameters, label)


def is_number(x: Any) -> bool:
    """Tell whether a case's operand stands for a 0-d array."""
    return isinstance(x, tuple) and x == ()


def as_floats(c: case) -> case:
    """Return a case with its 0-d operands as Python floats."""
    number = python_float("uniform", ())
    operands = [number if is_number(x) else x for x in c.operands]
    return case(*operands, **c.parameters)


def in_domain(r: type[elementwise]) -> Callable[[int, Any], Sample]:
    """Return the maker of samples in the domain of a rule's operands."""

    def make(i: int, shape: Any) -> Sample:
        low, high = r.domain.get(r.operand_names[i], (-2.0, 2.0))
        kind = python_float if shape == FLOAT else Sample
        return kind("uniform", () if shape == FLOAT else shape, low, high)

    return make


def label_of(c: case) -> str:
    """Return a short name of a case for test reports."""
    parts = []
    for x in c.operands:
        if isinstance(x, Sample):
            text = FLOAT if isinstance(x, python_float) else str(x.shape)
            parts.append(text if x.kind == "uniform" else x.kind + text)
        elif isinstance(x, np.ndarray):
            parts.append(f"{x.dtype}{x.shape}")
        else:
            parts.append(str(x))
    given = [
        f"-{k}={'array' if isinstance(v, np.ndarray) else getattr(v, '__name__', v)}"
        for k, v in c.parameters.items()
    ]
    return "x".join(parts).replace(" ", "") + "".join(given).replace(" ", "")[:60]


def in_dtype(call: Call, dtype: str) -> Call:
    """Return the same call with operands of another dtype."""
    return replace(call, dtype=dtype)


def served(r: type[rule]) -> list[Callable[..., Any]]:
    """Return the functions of NumPy and SciPy that the rule's wrapped function serves.

    SciPy's are known when it is imported: import it, that they are there every time.
    """
    with contextlib.suppress(ImportError):
        importlib.import_module("scipy.special")
    tables = [*UFUNCS.items(), *FUNCTIONS.items()]
    return [
        f for f, op in tables
        if getattr(op, "rule", None) is r and not isinstance(f, tuple)
    ]  # fmt: skip


def left_out() -> list[str]:
    """Return what the rules declare to be left out, one line each, and the count."""
    lines = []
    for r in RULES:
        dtypes = [d for d in rule.dtypes if d not in r.dtypes]
        notes = [f"not {', '.join(dtypes)}"] if dtypes else []
        notes += [f"untested: {r.untested}"] if r.untested else []
        if notes:
            lines.append(f"{r.__name__}: {'; '.join(notes)}")
    return [*lines, f"{len(RULES)} rules, {len(lines)} of them with declared limits"]


# ----------------------------------------------------------------- derivatives, plain


def reverse(
    results: Sequence[node],
    seeds: Sequence[Any],
    leaves: Sequence[node],
    xp: Any = plain,
    *,
    as_values: bool = False,
) -> list[Any]:
    """Return the cotangents of leaves by the reference sweep; zeros where absent."""
    order, given = collect(results).order, seeded(results, seeds)
    bars = reverse_sweep(xp, order, given, leaves, as_values=as_values)
    return [bars[x].value if x in bars else zeros_of(raw(x)) for x in leaves]


def forward(
    results: Sequence[node],
    dots: Sequence[Any],
    leaves: Sequence[node],
    xp: Any = plain,
) -> list[Any]:
    """Return the tangents of results by the forward sweep; zeros where absent."""
    order = collect(results).order
    swept = forward_sweep(xp, order, seeded(leaves, dots))
    return [swept[z].value if z in swept else zeros_of(raw(z)) for z in results]


def seeded(places: Sequence[node], values: Sequence[Any]) -> dict[node, supported]:
    """Return seeds for a sweep; those of one place add up."""
    seeds: dict[node, supported] = {}
    for place, value in zip(places, values, strict=True):
        have = seeds.get(place)
        seeds[place] = supported(value if have is None else have.value + value)
    return seeds


def as_nodes(values: Sequence[Any]) -> list[node]:
    """Return a leaf for each value."""
    return [node(v) for v in values]


def differences(f: Callable[[float], Sequence[Any]], h: float = 1e-3) -> list[Any]:
    """Return the derivative of ``f`` at 0 by central differences of fourth order."""
    steps = [f(t * h) for t in (1, -1, 2, -2)]
    return [
        (8 * (a - b) - (c - d)) / (12 * h) for a, b, c, d in zip(*steps, strict=True)
    ]


def moved(
    values: Sequence[Any], moving: Sequence[int], directions: Sequence[Any], t: float
) -> list[Any]:
    """Return the operands moved by ``t`` along a direction each."""
    out = list(values)
    for i, d in zip(moving, directions, strict=True):
        out[i] = values[i] + type(d)(t) * d if type(d) is float else values[i] + t * d
    return out


def pairing(a: Sequence[Any], b: Sequence[Any]) -> float:
    """Return Re(sum(a * b)), the pairing of cotangents with tangents."""
    return float(sum(np.real(np.sum(p * q)) for p, q in zip(a, b, strict=True)))


def size_of(*groups: Sequence[Any]) -> float:
    """Return the largest magnitude in groups of values."""
    flat = [np.max(np.abs(raw(v)), initial=0.0) for g in groups for v in g]
    return float(max(flat, default=0.0))


def assert_close(
    actual: Any, expected: Any, rtol: float, *, scale: float = 0.0, what: str = ""
) -> None:
    """Compare relative to the largest entry, or to ``scale`` where that is larger."""
    actual, expected = np.asarray(raw(actual)), np.asarray(raw(expected))
    assert actual.shape == expected.shape, (what, actual.shape, expected.shape)
    assert np.isfinite(expected).all(), (
        f"{what}: expected {expected}. Draw the operands from where the function is "
        "finite: `domain`, or `cases`"
    )
    error = np.max(np.abs(actual - expected), initial=0.0)
    allowed = rtol * max(scale, np.max(np.abs(expected), initial=0.0))
    assert error <= allowed, f"{what}:\n{actual}\nis not\n{expected}\nby {error}"


# ---------------------------------------------------------------------------- scripts


def output_of(script: Path, folder: Path) -> str:
    """Return what a script prints, run by itself in a folder; it may print no error."""
    run = subprocess.run(
        [sys.executable, "-W", "error", script],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    return run.stdout
