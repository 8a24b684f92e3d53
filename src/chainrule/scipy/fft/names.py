"""SciPy's functions, of one axis and of several, made of the rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import scipy.fft
from numpy.typing import ArrayLike

from chainrule.errors import ArgumentError
from chainrule.numpy.fourier import lengths_and_axes
from chainrule.operations import namespace as ops
from chainrule.operations_grad.fourier import swapped
from chainrule.scipy.fft.real_transforms import (
    hankel_transform,
    is_usual,
    trigonometric_transform,
)
from chainrule.scipy.fft.transforms import (
    complex_transform,
    half_transform,
    whole_of_half,
)
from chainrule.values.types import Array, Operation
from chainrule.wrapping import implements, serve

Lengths = Sequence[int] | int | None
Workers = int | None
Transform = Callable[..., Any]
"""A transform of ``(x, s, axes, norm, workers)``."""


def _shape_and_axes(x: Array, s: Lengths, axes: Lengths) -> dict[str, Any]:
    """Return the lengths and axes of a transform as the rules take them."""
    s = (s,) if isinstance(s, int) else s
    axes = (axes,) if isinstance(axes, int) else axes
    steps = lengths_and_axes(x, s, axes)
    found = tuple(a % x.ndim for _, a in steps)
    if s is None:
        return {"s": None, "axes": found}
    whole = (x.shape[a] if n is None else n for n, a in steps)
    return {"s": tuple(whole), "axes": found}


def _forward(
    x: Array, s: Lengths, axes: Lengths, norm: str | None, workers: int | None
) -> Any:
    given = _shape_and_axes(x, s, axes)
    return complex_transform(x, **given, norm=norm, workers=workers)


def _inverse(
    x: Array, s: Lengths, axes: Lengths, norm: str | None, workers: int | None
) -> Any:
    given = _shape_and_axes(x, s, axes)
    return complex_transform(x, **given, norm=norm, inverse=True, workers=workers)


def _of_reals(
    x: Array, s: Lengths, axes: Lengths, norm: str | None, workers: int | None
) -> Any:
    if x.dtype.kind == "c":
        raise ArgumentError(
            "A transform of real values received complex ones. Use fft or ihfft."
        )
    given = _shape_and_axes(x, s, axes)
    return half_transform(x, **given, norm=norm, workers=workers)


def _to_reals(
    x: Array, s: Lengths, axes: Lengths, norm: str | None, workers: int | None
) -> Any:
    given = _shape_and_axes(x, s, axes)
    return whole_of_half(x, **given, norm=norm, workers=workers)


def _of_hermitian(
    x: Array, s: Lengths, axes: Lengths, norm: str | None, workers: int | None
) -> Any:
    return _to_reals(ops.conjugate(x), s, axes, swapped(norm), workers)


def _to_hermitian(
    x: Array, s: Lengths, axes: Lengths, norm: str | None, workers: int | None
) -> Any:
    return ops.conjugate(_of_reals(x, s, axes, swapped(norm), workers))


def _no_plan(plan: object) -> None:
    if plan is not None:
        raise ArgumentError("SciPy has no plans yet: leave plan=None.")


def _named(function: Operation, name: str) -> Operation:
    """Name a function as SciPy's, with its documentation, and let it stand for that."""
    model: Operation = getattr(scipy.fft, name)
    function.__name__ = function.__qualname__ = name
    function.__doc__ = model.__doc__
    return serve(function, model)


def _of_one_axis(transform: Transform) -> Operation:
    def along(
        x: ArrayLike,
        n: int | None = None,
        axis: int = -1,
        norm: str | None = None,
        overwrite_x: bool = False,
        workers: int | None = None,
        *,
        plan: None = None,
    ) -> Any:
        _no_plan(plan)
        s = None if n is None else (n,)
        return transform(ops.asarray(x), s, (axis,), norm, workers)

    return along


def _of_axes(transform: Transform, default: Sequence[int] | None) -> Operation:
    def along(
        x: ArrayLike,
        s: Sequence[int] | None = None,
        axes: Sequence[int] | None = default,
        norm: str | None = None,
        overwrite_x: bool = False,
        workers: int | None = None,
        *,
        plan: None = None,
    ) -> Any:
        _no_plan(plan)
        return transform(ops.asarray(x), s, axes, norm, workers)

    return along


for _name, _transform in {
    "fft": _forward,
    "ifft": _inverse,
    "rfft": _of_reals,
    "irfft": _to_reals,
    "hfft": _of_hermitian,
    "ihfft": _to_hermitian,
}.items():
    _named(_of_one_axis(_transform), _name)
    _named(_of_axes(_transform, (-2, -1)), f"{_name}2")
    _named(_of_axes(_transform, None), f"{_name}n")


# ------------------------------------------------------------- cosines, sines, Hankel


def _trigonometric(
    kind: str,
    x: ArrayLike,
    type: int,
    s: Lengths,
    axes: Lengths,
    norm: str | None,
    workers: int | None,
    orthogonalize: bool | None,
) -> Any:
    x = ops.asarray(x)
    if x.dtype.kind == "c" and not is_usual(norm, orthogonalize):
        raise ArgumentError(
            f"With norm={norm!r} and orthogonalize={orthogonalize!r} SciPy transforms "
            "the imaginary part by another matrix than the real one. Transform "
            "np.real(x) and np.imag(x)."
        )
    given = _shape_and_axes(x, s, axes)
    return trigonometric_transform(
        x,
        kind=kind,
        type=type,
        **given,
        norm=norm,
        workers=workers,
        orthogonalize=orthogonalize,
    )


def _trigonometric_of_one_axis(kind: str) -> Operation:
    def along(
        x: ArrayLike,
        type: int = 2,
        n: int | None = None,
        axis: int = -1,
        norm: str | None = None,
        overwrite_x: bool = False,
        workers: int | None = None,
        orthogonalize: bool | None = None,
    ) -> Any:
        return _trigonometric(kind, x, type, n, axis, norm, workers, orthogonalize)

    return along


def _trigonometric_of_axes(kind: str) -> Operation:
    def along(
        x: ArrayLike,
        type: int = 2,
        s: Sequence[int] | None = None,
        axes: Sequence[int] | None = None,
        norm: str | None = None,
        overwrite_x: bool = False,
        workers: int | None = None,
        orthogonalize: bool | None = None,
    ) -> Any:
        return _trigonometric(kind, x, type, s, axes, norm, workers, orthogonalize)

    return along


for _name in ("dct", "idct", "dst", "idst"):
    _named(_trigonometric_of_one_axis(f"{_name}n"), _name)
    _named(_trigonometric_of_axes(f"{_name}n"), f"{_name}n")


@implements(scipy.fft.fht)
def fht(
    a: ArrayLike, dln: float, mu: float, offset: float = 0.0, bias: float = 0.0
) -> Any:
    """Return the fast Hankel transform of logarithmically spaced samples."""
    return hankel_transform(a, dln=dln, mu=mu, offset=offset, bias=bias)


@implements(scipy.fft.ifht)
def ifht(
    A: ArrayLike,
    dln: float,
    mu: float,
    offset: float = 0.0,
    bias: float = 0.0,
) -> Any:
    """Return the inverse of ``fht``."""
    return hankel_transform(A, dln=dln, mu=mu, offset=offset, bias=bias, inverse=True)
