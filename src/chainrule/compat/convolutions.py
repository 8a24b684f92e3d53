"""Convolution over some axes, products over others: autograd's ``convolve``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, ShapeError
from chainrule.values.shapes import shape_of
from chainrule.values.types import Value
from chainrule.values.vertices import raw, vertex

Axes = Sequence[int]
_np: Any = np


def convolve(
    A: Value,
    B: Any,
    axes: Sequence[Axes] | None = None,
    dot_axes: Sequence[Axes] = ((), ()),
    mode: str = "full",
) -> Any:
    """Return the convolution of two arrays over ``axes``, summed over ``dot_axes``.

    Parameters
    ----------
    A, B
        Arrays.
    axes
        The axes of A, and those of B, that are convolved, in pairs; all of them where
        this is left out.
    dot_axes
        The axes of A, and those of B, over which products are summed, in pairs.
    mode
        ``"full"``; ``"valid"``, where one array lies in the other; ``"same"``, of the
        size of A.

    Returns
    -------
    array
        Of the other axes of A, those of B, and the convolved ones.

    Examples
    --------
    >>> convolve(np.array([1.0, 2.0, 3.0]), np.array([1.0, 1.0]), mode="valid")
    array([3., 5.])
    """
    if mode not in ("full", "valid", "same"):
        raise ArgumentError(
            f"convolve has the modes 'full', 'valid' and 'same'; received {mode!r}."
        )
    shape_a, shape_b = shape_of(raw(A)), shape_of(raw(B))
    of_vectors = len(shape_a) == len(shape_b) == 1 and axes is None
    if of_vectors and mode != "same" and shape_a[0] and shape_b[0]:
        return _np.convolve(A, B, mode)
    every = tuple(range(len(shape_a)))
    along_a, along_b = (every, every) if axes is None else axes
    pairs: list[tuple[int, int]] = list(zip(along_a, along_b, strict=True))
    return _by_windows(A, B, pairs, zip(*dot_axes, strict=True), mode)


def _by_windows(
    A: Value,
    B: Value,
    pairs: Sequence[tuple[int, int]],
    dot_pairs: Iterable[tuple[int, int]],
    mode: str,
) -> Any:
    """Return the convolution over pairs of axes as a product with windows of an array.

    Each axis has a number, for einsum; those that are summed together share it.
    """
    shape_a, shape_b = shape_of(raw(A)), shape_of(raw(B))
    sizes = [(shape_a[i], shape_b[j]) for i, j in pairs]
    turned = mode == "valid" and any(m < n for m, n in sizes)
    if turned and any(m > n for m, n in sizes):
        raise ShapeError(
            "convolve in mode 'valid' needs one array within the other; received "
            f"sizes {sizes} along the convolved axes."
        )
    names_a = list(range(len(shape_a)))
    names_b = [len(shape_a) + j for j in range(len(shape_b))]
    for i, j in dot_pairs:
        names_b[j] = names_a[i]
    conv = [(names_a[i], names_b[j]) for i, j in pairs]
    summed = {name for pair in conv for name in pair} | (set(names_a) & set(names_b))
    out = [name for name in names_a + names_b if name not in summed]
    x, kernel = A, B
    if turned:
        x, names_a, kernel, names_b = B, names_b, A, names_a
        conv = [(n, m) for m, n in conv]
    places = [(names_a.index(m), names_b.index(n)) for m, n in conv]
    x, kernel = _windows(x, kernel, places, mode)
    names_a += [n for _, n in conv]
    return _np.einsum(x, names_a, kernel, names_b, out + [m for m, _ in conv])


def _windows(
    x: Value, kernel: Value, places: Sequence[tuple[int, int]], mode: str
) -> tuple[Any, Any]:
    """Return an array with windows as last axes, and a kernel turned round.

    The axes that are convolved are in pairs.
    """
    if not places:
        return x, kernel
    kernel = kernel if isinstance(kernel, vertex) else np.asarray(kernel)
    padded = [(0, 0)] * len(shape_of(raw(x)))
    turned: list[Any] = [slice(None)] * len(shape_of(raw(kernel)))
    sizes = [shape_of(raw(kernel))[k] for _, k in places]
    for (axis, k), length in zip(places, sizes, strict=True):
        after = {"full": length - 1, "same": (length - 1) // 2, "valid": 0}[mode]
        before = after if mode == "valid" else length - 1
        padded[axis] = (before - after if mode == "same" else before), after
        turned[k] = slice(None, None, -1)
    if mode != "valid":
        x = _np.pad(x, padded)
    axes = [axis for axis, _ in places]
    windows = _np.lib.stride_tricks.sliding_window_view(x, sizes, axes)
    return windows, kernel[tuple(turned)]
