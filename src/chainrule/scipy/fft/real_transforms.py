"""Rules of the cosine, sine and Hankel transforms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.fft

from chainrule.rules import general
from chainrule.rules.cases import Cases, Dtypes, case
from chainrule.rules.namespace import EXTRA, opaque
from chainrule.scipy.fft.transforms import Axes, Lengths, fitted_to, real_dtype
from chainrule.values.shapes import dtype_of, shape_of
from chainrule.values.types import Namespace, Operation, Value
from chainrule.wrapping import operation

TRANSPOSED = {1: 1, 2: 3, 3: 2, 4: 4}
"""The type of the transposed transform."""


@opaque
def trigonometric(
    x: Value,
    *,
    kind: str,
    type: int,
    s: Lengths = None,
    axes: Axes,
    norm: str | None = None,
    workers: int | None = None,
    orthogonalize: bool | None = None,
) -> Value:
    """Return SciPy's ``dctn``, ``idctn``, ``dstn`` or ``idstn``, named by ``kind``."""
    transform: Any = getattr(scipy.fft, kind)

    def of_reals(x: Any) -> Any:
        return transform(
            x, type, s, axes, norm, workers=workers, orthogonalize=orthogonalize
        )

    if dtype_of(x).kind != "c" or is_usual(norm, orthogonalize):
        return of_reals(x)
    return of_reals(np.real(x)) + 1j * of_reals(np.imag(x))


def is_usual(norm: str | None, orthogonalize: bool | None) -> bool:
    """Tell whether a call has the matrix that belongs to its norm.

    SciPy transforms the imaginary part of complex numbers by that one always.
    """
    return orthogonalize is None or orthogonalize == (norm == "ortho")


EXTRA["trigonometric"] = trigonometric


def _ends(kind: str, type: int) -> tuple[int, ...]:
    """Return the entries that the orthogonal matrix weighs by the root of two."""
    if type == 4 or (type == 1 and "dst" in kind):
        return ()
    if type == 1:
        return (0, -1)
    return (-1,) if "dst" in kind else (0,)


def _weights(n: int, axis: int, x: Value, ends: tuple[int, ...], root: float) -> Value:
    """Return ones along an axis, with a power of two at the ends."""
    w = np.ones(n, real_dtype(x))
    for i in ends:
        w[i] *= root
    rest = len(shape_of(x)) - 1 - axis % len(shape_of(x))
    return w.reshape(-1, *(1,) * rest)


class trigonometric_grad(general):
    """z = a discrete cosine or sine transform along each axis, of types 1 to 4

    With ``orthogonalize`` the matrices of types 1 and 4 are symmetric, and those of 2
    and 3 transposes of each other. Without it they differ from these by a factor of the
    root of two in the rows and columns of the ends.
    """

    forward = trigonometric
    axes: tuple[str, ...] = ("axes",)
    cases: Cases = (
        case((4,), kind="dctn", type=2, axes=(0,)),
        case((2, 4), kind="dctn", type=1, axes=(0, 1), norm="forward"),
        case((3, 4), kind="dstn", type=3, axes=(1,), s=(5,), norm="ortho"),
        case((3, 4), kind="idstn", type=2, axes=(0, 1), s=(2, 4)),
        case((4,), kind="idctn", type=4, axes=(0,)),
    )

    @staticmethod
    def pullback(
        xp: Namespace,
        z_grad: Value,
        z: Value,
        x: Value,
        *,
        kind: str,
        type: int,
        s: Lengths = None,
        axes: Axes,
        norm: str | None = None,
        workers: int | None = None,
        orthogonalize: bool | None = None,
    ) -> tuple[Value]:
        """x_grad = the transform of the transposed type, with weights at the ends"""
        bare = not (norm == "ortho" if orthogonalize is None else orthogonalize)
        # An inverse is the transform of the transposed type.
        forth = TRANSPOSED[type] if kind.startswith("i") else type
        rows = _ends(kind, forth) if bare and forth < 3 else ()
        columns = _ends(kind, forth) if bare and forth in (1, 3) else ()
        root = float(np.sqrt(2.0))
        for a in axes if rows else ():
            z_grad = z_grad * _weights(shape_of(z)[a], a, z, rows, root)
        x_grad = xp.trigonometric(
            z_grad,
            kind=kind,
            type=TRANSPOSED[type],
            axes=axes,
            norm=norm,
            workers=workers,
            orthogonalize=True,
        )
        for a in axes if columns else ():
            x_grad = x_grad * _weights(shape_of(z)[a], a, z, columns, 1 / root)
        return (fitted_to(xp, x_grad, x, axes),)

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Value],
        z: Value,
        x: Value,
        *,
        kind: str,
        type: int,
        s: Lengths = None,
        axes: Axes,
        norm: str | None = None,
        workers: int | None = None,
        orthogonalize: bool | None = None,
    ) -> Value:
        """z_dot = the transform of x_dot"""
        return xp.trigonometric(
            tangents[0],
            kind=kind,
            type=type,
            s=s,
            axes=axes,
            norm=norm,
            workers=workers,
            orthogonalize=orthogonalize,
        )


@opaque
def hankel(
    a: Value,
    *,
    dln: float,
    mu: float,
    offset: float = 0.0,
    bias: float = 0.0,
    inverse: bool = False,
) -> Value:
    """Return the fast Hankel transform of SciPy: ``fht`` or ``ifht``."""
    transform: Any = scipy.fft.ifht if inverse else scipy.fft.fht
    return transform(a, dln, mu, offset, bias)


EXTRA["hankel"] = hankel


class hankel_grad(general):
    """z = the Hankel transform of a, of logarithmically spaced samples

    A circulant matrix with its rows in reverse order is symmetric, and so is the whole
    transform: the factors of the bias before and after it are the same up to a number.
    """

    forward = hankel
    dtypes: Dtypes = ("float64",)
    cases: Cases = (
        case((5,), dln=0.1, mu=0.5),
        case((2, 4), dln=0.2, mu=1.0, offset=0.1, bias=0.2),
        case((4,), dln=0.2, mu=1.0, offset=0.1, bias=-0.2, inverse=True),
    )

    @staticmethod
    def pullback(
        xp: Namespace,
        z_grad: Value,
        z: Value,
        a: Value,
        *,
        dln: float,
        mu: float,
        offset: float = 0.0,
        bias: float = 0.0,
        inverse: bool = False,
    ) -> tuple[Value]:
        """a_grad = the transform of z_grad"""
        return (
            xp.hankel(
                xp.real(z_grad),
                dln=dln,
                mu=mu,
                offset=offset,
                bias=bias,
                inverse=inverse,
            ),
        )

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Value],
        z: Value,
        a: Value,
        *,
        dln: float,
        mu: float,
        offset: float = 0.0,
        bias: float = 0.0,
        inverse: bool = False,
    ) -> Value:
        """z_dot = the transform of a_dot"""
        return xp.hankel(
            xp.real(tangents[0]),
            dln=dln,
            mu=mu,
            offset=offset,
            bias=bias,
            inverse=inverse,
        )


trigonometric_transform: Operation = operation(trigonometric_grad)
hankel_transform: Operation = operation(hankel_grad)
