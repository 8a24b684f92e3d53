"""The tables of the documentation that are made from the library's own tables."""

from collections.abc import Iterable
from typing import Any

import numpy as np

import chainrule.scipy.special
import chainrule.scipy.stats  # noqa: F401  (declares every distribution)
from chainrule.nodes.remedies import written
from chainrule.nodes.tables import FUNCTIONS, LOCALLY_CONSTANT, REFUSED, UFUNCS
from chainrule.operations_grad.structure import structure
from chainrule.rules import (
    REGISTRY,
    elementwise,
    general,
    linear,
    multilinear,
    rule,
)
from chainrule.rules.symbolic import partial_formulas
from chainrule.scipy.stats.distribution import DISTRIBUTIONS
from chainrule.support import accuracies

KINDS = (elementwise, multilinear, linear, general)


def table(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = [headings, tuple("---" for _ in headings), *rows]
    cells = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def formulas(operation: type[rule]) -> str:
    """Return the local derivatives of an elementwise rule, as it computes them."""
    if not issubclass(operation, elementwise):
        return ""
    try:
        found = partial_formulas(operation)
    except (TypeError, AttributeError):
        return ""
    return ", ".join(f"`d{name} = {text}`" for name, text in found.items())


def rules_table() -> str:
    """Return one row per rule of the library."""
    own = (r for r in REGISTRY if r.__module__.startswith("chainrule."))
    return table(
        ("rule", "kind", "formula", "local derivatives"),
        (
            (
                f"`{r.__name__}`",
                next(k.__name__ for k in KINDS if issubclass(r, k)),
                f"`{(r.__doc__ or '').splitlines()[0].replace('``', '')}`",
                formulas(r),
            )
            for r in sorted(own, key=lambda r: r.__name__)
            if not issubclass(r, structure)
        ),
    )


def conventions_table() -> str:
    """Return one row per point where a rule states its derivative."""
    return table(
        ("operation", "at", "derivative"),
        (
            (
                f"`{r.__name__.removesuffix('_grad')}`",
                at(r, operands),
                at(r, partials, prefix="d"),
            )
            for r in sorted(REGISTRY, key=lambda r: r.__name__)
            if r.__module__.startswith("chainrule.") and issubclass(r, elementwise)
            for operands, partials in r.conventions
        ),
    )


def at(r: type[rule], values: Iterable[Any], *, prefix: str = "") -> str:
    """Return values by the names of operands; those of no interest are left out."""
    pairs = zip(r.operand_names, values, strict=True)
    return ", ".join(f"`{prefix}{name} = {v:g}`" for name, v in pairs if v is not None)


def name_of(function: Any) -> str:
    """Return the name by which a function, or a ufunc's method, is called."""
    if isinstance(function, tuple):
        return f"np.{function[0].__name__}.{function[1]}"
    name = written(function)
    return name if "." in name else f"np.ufunc.{name}"


def functions_table() -> str:
    """Return a table per namespace: one row per function."""
    rows = {name_of(f): "a node" for f in (*UFUNCS, *FUNCTIONS)}
    own = (r for r in REGISTRY if r.__module__.startswith("chainrule."))
    named = (f for r in own for f in (r.forward_name, *r.also) if type(f) is str and f)
    rows |= {f.replace(":", "."): "a node" for f in named}
    rows |= {name_of(f): "a plain value: locally constant" for f in LOCALLY_CONSTANT}
    rows |= {name_of(f): f"an error. {reason}" for f, reason in REFUSED.items()}
    parts: dict[str, list[tuple[str, str]]] = {}
    for name, what in sorted(rows.items()):
        home = "np.ufunc" if is_method(name) else name.rpartition(".")[0]
        parts.setdefault(home, []).append((f"`{name}`", what))
    tables = (
        f"## {home}: {len(part)} functions\n\n{table(('function', 'gives'), part)}"
        for home, part in sorted(parts.items())
    )
    return "\n\n".join(tables)


def is_method(name: str) -> bool:
    """Tell whether a name is a ufunc's method, ``np.add.reduce``."""
    ufunc = getattr(np, name.split(".")[1], None)
    return isinstance(ufunc, np.ufunc) and name.count(".") > 1


SHARES = ("ppf", "isf")
MOMENTS = ("mean", "var", "entropy")


def distributions_table() -> str:
    """Return one row per distribution: the parameters, and what has a formula."""
    return table(
        ("distribution", "density", "shapes", "quantiles", "moments", "held constant"),
        (
            (
                f"`{name}`",
                f"`{(d.formulas.__doc__ or '').splitlines()[0]}`",
                words(d.shape_names),
                quantiles(d),
                words(m for m in MOMENTS if d.declares(m) or not d.shape_names),
                words(held(d)),
            )
            for name, d in sorted(DISTRIBUTIONS.items())
        ),
    )


def words(names: Iterable[str]) -> str:
    """Return names as code."""
    return ", ".join(f"`{name}`" for name in names)


def quantiles(d: Any) -> str:
    """Return how a distribution finds its quantiles."""
    if "ppf" not in d._methods:
        return "steps"
    return words(m for m in SHARES if d.declares(m)) or "by the density"


def held(d: Any) -> list[str]:
    """Return the parameters that functions of a distribution hold constant."""
    counts = list(getattr(d.formulas, "refused", ()))
    cdf = [f"{name} in cdf" for name in d.shape_names if not d.knows(name)]
    return counts + cdf


def accuracy_table(home: str) -> str:
    """Return what was measured of the functions of a namespace."""
    own = {n: lines for n, lines in accuracies().items() if n.startswith(f"{home}.")}
    return table(
        ("function", "argument", "value", "first", "second"),
        (
            (
                f"`{name.removeprefix(f'{home}.')}`",
                f"{line.argument} in {line.domain}",
                *(f"{error:.0e}" for error in line[2:]),
            )
            for name, lines in own.items()
            for line in lines
        ),
    )


TABLES = {
    **{
        f"accuracy of {home}": accuracy_table(home)
        for home in ("scipy.special", "scipy.stats", "scipy.linalg", "np")
    },
    "distributions": distributions_table(),
    "rules": rules_table(),
    "conventions": conventions_table(),
    "functions": functions_table(),
}
"""Each generated table, by the name that stands in its place on a page."""
