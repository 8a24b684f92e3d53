"""What of ``scipy.special`` cannot be differentiated, and why."""

from __future__ import annotations

from typing import Any

import scipy.special

from chainrule.nodes.admission import holds_nodes, missing
from chainrule.nodes.tables import REFUSED

_scipy: Any = scipy.special

_REFUSED: tuple[tuple[str, str], ...] = (
    (
        "ncfdtridfd ncfdtridfn nctdtridf",
        "The derivative in degrees of freedom has no formula. Find them with plain "
        "numbers, or by gd.implicit(solve, residual) with a mixture of central "
        "distributions as the residual.",
    ),
    (
        "ncfdtrinc",
        "SciPy's search for the noncentrality ends where a difference of two results "
        "is noise. Find nc with plain numbers, by gd.implicit(solve, residual), whose "
        "residual is scipy.special.ncfdtr(dfn, dfd, nc, f) - p.",
    ),
    (
        "chndtridf",
        "The derivative in the degrees of freedom is a series. Find df with plain "
        "numbers, by gd.implicit(solve, residual), whose residual is f(df) - p with "
        "the mixture f of central distributions, np.sum(w * "
        "scipy.special.gammainc(df / 2 + k, x / 2)), w = exp(k * log(nc / 2) - nc / 2 "
        "- gammaln(k + 1)).",
    ),
    (
        "besselpoly",
        "It is an integral, and SciPy 1.17 returns another number unless nu = 0. Write "
        "np.sum(w * x**a * scipy.special.jv(nu, 2 * lmb * x)), with points x and "
        "weights w of a quadrature from 0 to 1.",
    ),
    (
        "factorial2 factorialk",
        "They are products of whole numbers. Write them by the gamma function: n!! is "
        "2**(n / 2) * gamma(n / 2 + 1) for even n, and 2**((n + 1) / 2) * gamma(n / 2 "
        "+ 1) / sqrt(pi) for odd n.",
    ),
    (
        "stirling2",
        "It counts, for whole numbers. Pass gd.value(x) if the result is to be treated "
        "as constant.",
    ),
)

for _names, _reason in _REFUSED:
    for _name in _names.split():
        if hasattr(_scipy, _name):
            REFUSED[getattr(_scipy, _name)] = _reason


def refuse_nodes(function: str, **operands: Any) -> None:
    """Raise where an operand of a function is a node that has to be a plain number."""
    for name, x in operands.items():
        if holds_nodes(x):
            raise missing(
                f"{function} in its parameter {name!r}",
                f"It takes whole numbers. Pass gd.value({name}) to hold it constant.",
            )
