"""Windows with a parameter."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.signal
from numpy.typing import ArrayLike

from chainrule.errors import ArgumentError
from chainrule.operations import namespace as ops
from chainrule.scipy.moving import moves, refused
from chainrule.values.types import Value
from chainrule.values.vertices import raw
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


@implements(_theirs.tukey)
def tukey(
    M: int,
    alpha: Value = 0.5,
    sym: bool = True,
    *,
    xp: None = None,
    device: None = None,
) -> Any:
    """Return 1, and at both ends half a cosine along a share of alpha / 2."""
    _plain(xp, device)
    if M <= 1 or raw(alpha) <= 0 or raw(alpha) >= 1:
        raise ArgumentError("On nodes tukey() needs M > 1 and 0 < alpha < 1.")
    n, count, kept = _places(M, sym)
    width = alpha * (count - 1) / 2.0
    ratio = np.minimum(n, count - 1 - n) / width
    ends = 0.5 * (1.0 - ops.cos(math.pi * ratio))
    return ops.where(ratio <= 1.0, ends, 1.0)[:kept]


_BY_NAME: dict[str, Any] = {
    **dict.fromkeys(("gaussian", "gauss", "gss"), gaussian),
    **dict.fromkeys(
        ("general gaussian", "general_gaussian", "general gauss", "general_gauss"),
        general_gaussian,
    ),
    "ggs": general_gaussian,
    **dict.fromkeys(("kaiser", "ksr"), kaiser),
    **dict.fromkeys(("general_cosine", "general cosine"), general_cosine),
    **dict.fromkeys(("general_hamming", "general hamming"), general_hamming),
    **dict.fromkeys(("tukey", "tuk"), tukey),
    **dict.fromkeys(("exponential", "poisson"), exponential),
}


def _parted(window: Any) -> tuple[str, list[Any]]:
    return window[0], list(window[1:])


@implements(scipy.signal.get_window)
def get_window(
    window: Any,
    Nx: int,
    fftbins: bool = True,
    *,
    xp: None = None,
    device: None = None,
) -> Any:
    """Return a window by its name and parameters, ``("kaiser", beta)``, or its beta."""
    _plain(xp, device)
    if not isinstance(window, tuple):
        return kaiser(Nx, window, not fftbins)
    name, parameters = _parted(window)
    if name not in _BY_NAME:
        raise refused(
            f"The window {name!r} in its parameters", "Pass gd.value of them."
        )
    return _BY_NAME[name](Nx, *parameters, sym=not fftbins)


def named_window(window: Any, n: int, *, fftbins: bool = True) -> Any:
    """Return a window by its name, SciPy's own where its parameters are plain."""
    if moves(window):
        return get_window(window, n, fftbins)
    return scipy.signal.get_window(window, n, fftbins)
