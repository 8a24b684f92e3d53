"""Formulas that follow from those that a distribution declares."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from chainrule.scipy.stats.distribution import Formula
from chainrule.scipy.stats.namespaces import np
from chainrule.values.types import Value

Lookup = Callable[[str], Formula | None]
"""Finds the formula of a method."""


def log1mexp(x: Value) -> Value:
    """Return ``log(1 - exp(x))`` for ``x <= 0``, with all digits at both ends."""
    near = x > -math.log(2.0)
    close, far = np.where(near, x, -1.0), np.where(near, -1.0, x)
    return np.where(near, np.log(-np.expm1(close)), np.log1p(-np.exp(far)))


def log_share(share: Value, rest: Value) -> Value:
    """Return ``log(share)`` where ``share + rest = 1``, from the smaller of the two."""
    small = share < 0.5
    return np.where(
        small,
        np.log(np.where(small, share, 0.5)),
        np.log1p(-np.where(small, 0.5, rest)),
    )


def _exp(f: Formula) -> Formula:
    return lambda *operands: np.exp(f(*operands))


def _log(f: Formula) -> Formula:
    return lambda *operands: np.log(f(*operands))


def _one_minus(f: Formula) -> Formula:
    return lambda *operands: 1.0 - f(*operands)


def _one_minus_exp(f: Formula) -> Formula:
    return lambda *operands: -np.expm1(f(*operands))


def _log_one_minus_exp(f: Formula) -> Formula:
    return lambda *operands: log1mexp(f(*operands))


def _log_of_share(f: Formula, g: Formula) -> Formula:
    return lambda *operands: log_share(f(*operands), g(*operands))


_OTHER: Mapping[str, str] = {"cdf": "sf", "sf": "cdf"}


def derived(declared: Lookup, method: str) -> Formula | None:
    """Return a method's formula in terms of what is declared; ``None`` if none is.

    A tail is taken from the formula that keeps its digits: ``sf`` from ``logsf``, and
    ``logcdf`` from ``logsf`` where that is declared.
    """
    own = declared(method)
    if own is not None:
        return own
    log, share = method.startswith("log"), method.removeprefix("log")
    same = declared(share if log else f"log{method}")
    if share not in _OTHER:
        return None if same is None else (_log if log else _exp)(same)
    rest, log_rest = declared(_OTHER[share]), declared(f"log{_OTHER[share]}")
    if log and same is not None and rest is not None:
        return _log_of_share(same, rest)
    if log and log_rest is not None:
        return _log_one_minus_exp(log_rest)
    if same is not None:
        return (_log if log else _exp)(same)
    if log_rest is not None:
        return _one_minus_exp(log_rest)
    if rest is not None:
        return _log_of_share(_one_minus(rest), rest) if log else _one_minus(rest)
    return None
