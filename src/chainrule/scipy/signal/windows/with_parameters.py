"""Windows with a parameter."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.signal
from numpy.typing import ArrayLike

from chainrule.errors import ArgumentError
from chainrule.operations import namespace as ops
from chainrule.values.types import Value
from chainrule.wrapping import implements

_theirs: Any = scipy.signal.windows


def _places(M: int, sym: bool) -> tuple[Any, int, int]:
    """Return the places of a window's entries, how many, and how many are kept."""
    if M < 1:
        return np.zeros(0), 0, 0
    count = M if sym or M == 1 else M + 1
    return np.arange(count), count, M


def _plain(xp: object, device: object) -> None:
    if xp is not None or device is not None:
        raise ArgumentError("xp= and device= choose other libraries: leave them away.")


@implements(_theirs.gaussian)
def gaussian(
    M: int,
    std: Value,
    sym: bool = True,
    *,
    xp: None = None,
    device: None = None,
) -> Any:
    """Return exp(-n²/2 std²) around the middle."""
    _plain(xp, device)
    n, count, kept = _places(M, sym)
    n = n - (count - 1.0) / 2.0
    return ops.exp(-(n**2) / (2 * std * std))[:kept]


@implements(_theirs.general_gaussian)
def general_gaussian(
    M: int,
    p: Value,
    sig: Value,
    sym: bool = True,
    *,
    xp: None = None,
    device: None = None,
) -> Any:
    """Return exp(-|n / sig|^(2 p) / 2) around the middle."""
    _plain(xp, device)
    n, count, kept = _places(M, sym)
    ratio = ops.abs(n - (count - 1.0) / 2.0) / sig
    middle = ratio == 0
    power = ops.where(middle, 1.0, ratio) ** (2 * p)
    return ops.exp(-0.5 * ops.where(middle, 0.0, power))[:kept]


@implements(_theirs.kaiser)
def kaiser(
    M: int,
    beta: Value,
    sym: bool = True,
    *,
    xp: None = None,
    device: None = None,
) -> Any:
    """Return I0(beta sqrt(1 - (2 n / (M - 1) - 1)²)) / I0(beta)."""
    _plain(xp, device)
    n, count, kept = _places(M, sym)
    alpha = (count - 1) / 2.0
    ratio = (n - alpha) / alpha if count > 1 else n
    return (np.i0(beta * np.sqrt(1 - ratio**2)) / np.i0(beta))[:kept]


@implements(_theirs.exponential)
def exponential(
    M: int,
    center: Value | None = None,
    tau: Value = 1.0,
    sym: bool = True,
    *,
    xp: None = None,
    device: None = None,
) -> Any:
    """Return exp(-|n - center| / tau)."""
    _plain(xp, device)
    if sym and center is not None:
        raise ArgumentError("If sym=True, center must be None.")
    n, count, kept = _places(M, sym)
    middle = (count - 1) / 2 if center is None else center
    return ops.exp(-ops.abs(n - middle) / tau)[:kept]


@implements(_theirs.general_cosine)
def general_cosine(
    M: int,
    a: ArrayLike,
    sym: bool = True,
) -> Any:
    """Return the sum of a[k] cos(2 pi k n / (M - 1)), around the middle."""
    if M <= 1:
        return np.ones(M)
    n, count, kept = _places(M, sym)
    a = ops.asarray(a)
    angles = -math.pi + 2 * math.pi * n / (count - 1)
    total: Any = 0.0
    for k in range(a.shape[0]):
        total = total + a[k] * np.cos(k * angles)
    return total[:kept]


@implements(_theirs.general_hamming)
def general_hamming(
    M: int,
    alpha: Value,
    sym: bool = True,
    *,
    xp: None = None,
    device: None = None,
) -> Any:
    """Return alpha - (1 - alpha) cos(2 pi n / (M - 1))."""
    _plain(xp, device)
    return general_cosine(M, ops.stack([alpha, 1.0 - alpha]), sym)
