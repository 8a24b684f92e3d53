"""Transforms of samples by powers, and how probable they make them."""

from __future__ import annotations

from typing import Any

import scipy.stats

from chainrule.scipy.moving import refused
from chainrule.scipy.stats.descriptive import counted, sample_of
from chainrule.scipy.stats.namespaces import np, sc
from chainrule.scipy.stats.spreads import kept
from chainrule.values.types import Value
from chainrule.values.vertices import raw
from chainrule.wrapping import implements


@implements(scipy.stats.boxcox)
def boxcox(
    x: Value,
    lmbda: Value | None = None,
    alpha: float | None = None,
    optimizer: Any = None,
) -> Any:
    """Return ``(x**lmbda - 1) / lmbda``; the power must be given."""
    if lmbda is None:
        raise refused("scipy.stats.boxcox in the best power", _GIVE)
    return sc.boxcox(x, lmbda)


_GIVE = "Give lmbda, such as that of gd.value(x)."


@implements(scipy.stats.boxcox_llf)
def boxcox_llf(
    lmb: Value,
    data: Value,
    *,
    axis: int = 0,
    keepdims: bool = False,
    nan_policy: str = "propagate",
) -> Any:
    """Return ``(lmb - 1) sum(log x) - n / 2 log var(boxcox(x, lmb))``."""
    x, along = sample_of(data, axis, nan_policy, "boxcox_llf")
    spread = np.log(np.var(sc.boxcox(x, lmb), axis=along))
    z = (lmb - 1.0) * np.sum(np.log(x), axis=along) - 0.5 * counted(x, along) * spread
    return kept(z, data, axis, keepdims)


def _yeojohnson(x: Value, lmbda: Value) -> Any:
    up = raw(x) >= 0
    above = sc.boxcox1p(np.where(up, x, 0.0), lmbda)
    return np.where(up, above, -sc.boxcox1p(np.where(up, 0.0, -x), 2.0 - lmbda))


@implements(scipy.stats.yeojohnson)
def yeojohnson(x: Value, lmbda: Value | None = None) -> Any:
    """Return the Box-Cox transform of ``1 + x``, and of ``1 - x`` below 0."""
    if lmbda is None:
        raise refused("scipy.stats.yeojohnson in the best power", _GIVE)
    return _yeojohnson(sample_of(x, 0, "propagate", "yeojohnson")[0], lmbda)


@implements(scipy.stats.yeojohnson_llf)
def yeojohnson_llf(
    lmb: Value,
    data: Value,
    *,
    axis: int = 0,
    nan_policy: str = "propagate",
    keepdims: bool = False,
) -> Any:
    """Return the logarithm of the likelihood of normal numbers after the transform."""
    x, along = sample_of(data, axis, nan_policy, "yeojohnson_llf")
    spread = np.log(np.var(_yeojohnson(x, lmb), axis=along))
    logs = np.sum(np.sign(raw(x)) * np.log1p(np.abs(x)), axis=along)
    z = (lmb - 1.0) * logs - 0.5 * counted(x, along) * spread
    return kept(z, data, axis, keepdims)
