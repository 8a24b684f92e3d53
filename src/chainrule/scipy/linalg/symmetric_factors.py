"""The factors l, d of Hermitian and symmetric matrices that need not be positive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike, NDArray

from chainrule.operations_grad.matrix_parts import conjugate, swapped
from chainrule.rules import general
from chainrule.rules.cases import Cases, case, symmetric
from chainrule.rules.namespace import opaque
from chainrule.scipy.linalg.inputs import checked, square
from chainrule.scipy.linalg.solving import as_read, entries_read
from chainrule.values.types import ArrayValue, Namespace, Value
from chainrule.values.vertices import raw
from chainrule.wrapping import implements, operation

_linalg: Any = scipy.linalg


@opaque
def ldl_of(x: ArrayValue, *, lower: bool, hermitian: bool) -> Any:
    """Return SciPy's factors l, d and the rows of l that make it triangular."""
    if hermitian and np.iscomplexobj(x):
        # SciPy warns of imaginary parts on the diagonal, which it does not read.
        eye = np.eye(x.shape[-1])
        x = np.asarray(x) - 1j * np.imag(np.asarray(x)) * eye
    return tuple(_linalg.ldl(x, lower=lower, hermitian=hermitian))


class ldl_grad(general):
    """l, d, p = ldl(x), with x = l d l.H (l.T where not ``hermitian``)

    d has blocks of one or two rows, which are locally constant like the order p, and
    l[p] is triangular with ones on its diagonal. With ``m = l^-1 x_dot l^-H`` the
    blocks of m are d_dot, and the rest of its triangle is ``l^-1 l_dot d``. Valid where
    d has an inverse; otherwise LinAlgError is raised.
    """

    forward = ldl_of
    signature = "(n,n)->(n,n),(n,n),(n)"
    may_raise = True
    outputs = 3
    cases: Cases = (
        case(symmetric(3, 3), lower=True, hermitian=True),
        case(
            np.array([[0.1, 2.0, 1.0], [2.0, 0.2, 0.5], [1.0, 0.5, 3.0]]),
            lower=False,
            hermitian=True,
        ),
        case(symmetric(2, 2, 2), lower=True, hermitian=False),
    )

    @staticmethod
    def pullback(
        xp: Namespace,
        z_grad: Sequence[Any],
        z: Sequence[Any],
        x: Value,
        *,
        lower: bool,
        hermitian: bool,
    ) -> tuple[Value | None]:
        """x_grad = l^-T m_grad conj(l)^-1 in the entries read

        with m_grad the blocks of d_grad, and beside them l.T l_grad d^-T.
        """
        (l_grad, d_grad, _), (left, d, _) = z_grad, z
        blocks, beside = _parts(z, lower=lower)
        m_grad: Any = 0.0
        if d_grad is not None:
            m_grad = xp.where(blocks, d_grad, 0.0)
        if l_grad is not None:
            g = xp.matmul(swapped(xp, left), l_grad)
            g = xp.matmul(g, swapped(xp, xp.linalg.inv(d)))
            m_grad = m_grad + xp.where(beside, g, 0.0)
        inverse = xp.linalg.inv(left)
        right = conjugate(xp, inverse) if hermitian else inverse
        x_grad = xp.matmul(xp.matmul(swapped(xp, inverse), m_grad), right)
        structure = "hermitian" if hermitian else "symmetric"
        return (entries_read(xp, x_grad, structure, lower=lower),)

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Value | None],
        z: Sequence[Any],
        x: Value,
        *,
        lower: bool,
        hermitian: bool,
    ) -> tuple[Value | None, ...] | None:
        """d_dot = the blocks of m, l_dot = l n, n d = the rest of m's triangle"""
        (x_dot,), (left, d, _) = tangents, z
        if x_dot is None:
            return None
        blocks, beside = _parts(z, lower=lower)
        structure = "hermitian" if hermitian else "symmetric"
        inverse = xp.linalg.inv(left)
        right = swapped(xp, conjugate(xp, inverse) if hermitian else inverse)
        x_dot = as_read(xp, x_dot, structure, lower=lower)
        m = xp.matmul(xp.matmul(inverse, x_dot), right)
        n = xp.matmul(xp.where(beside, m, 0.0), xp.linalg.inv(d))
        return xp.matmul(left, n), xp.where(blocks, m, 0.0), None


def _parts(z: Sequence[Any], *, lower: bool) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return where the blocks of d are, and where l is neither 0 nor 1."""
    d: Any = raw(z[1])
    n = int(d.shape[-1])
    below = np.arange(n)[:, None] - np.arange(n)
    blocks: NDArray[Any] = (below == 0) | (d != 0)
    return blocks, (below > 0 if lower else below < 0) & ~blocks


_ldl: Any = operation(ldl_grad)


@implements(_linalg.ldl, may_raise=True)
def ldl(
    A: ArrayLike,
    lower: bool = True,
    hermitian: bool = True,
    overwrite_a: bool = False,
    check_finite: bool = True,
) -> Any:
    """Return l, d and the plain order p, with ``A = l d l.H``; see ``ldl_grad``."""
    a = checked(A, check_finite=check_finite)
    square("ldl", a)
    return _ldl(a, lower=lower, hermitian=hermitian)
