"""The gamma function, its logarithm, and the derivatives of that."""

from __future__ import annotations

from typing import Any

import scipy.special

from chainrule.rules import elementwise
from chainrule.rules.cases import REAL, Cases, Domain, Dtypes, case, positive
from chainrule.rules.namespace import EXTRA, opaque
from chainrule.values.types import Namespace, Operation, Value
from chainrule.wrapping import operation


class gamma_grad(elementwise):
    """z = gamma(x), Euler's integral (DLMF 5.2.1)"""

    forward = "scipy.special:gamma"
    domain: Domain = {"x": (0.5, 4.0)}
    dtypes: Dtypes = REAL

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = z psi(x) (DLMF 5.2.2)"""
        return z * xp.digamma(x)


class gammaln_grad(elementwise):
    """z = log |gamma(x)|"""

    forward = "scipy.special:gammaln"
    domain: Domain = {"x": (0.5, 4.0)}
    dtypes: Dtypes = REAL

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = psi(x) (DLMF 5.2.2)"""
        return xp.digamma(x)


class digamma_grad(elementwise):
    """z = psi(x), the derivative of log gamma(x) (DLMF 5.2.2)"""

    forward = "scipy.special:digamma"
    domain: Domain = {"x": (0.5, 4.0)}
    dtypes: Dtypes = REAL

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = psi'(x) (DLMF 5.15.1)"""
        return xp.polygamma_of(x, order=1)


@opaque
def polygamma_of(x: Value, *, order: int) -> Value:
    """Return the ``order``-th derivative of psi at ``x``: SciPy's ``polygamma``."""
    found: Any = scipy.special.polygamma(order, x)
    return found[()]


EXTRA["polygamma_of"] = polygamma_of


class polygamma_of_grad(elementwise):
    """z = the ``order``-th derivative of psi at x (DLMF 5.15.1)"""

    forward = polygamma_of
    domain: Domain = {"x": (0.5, 4.0)}
    dtypes: Dtypes = REAL
    cases: Cases = (case(positive(5), order=1), case(positive(2, 3), order=2))

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, *, order: int) -> Value:
        """dz/dx = the next derivative"""
        return xp.polygamma_of(x, order=order + 1)


gamma: Operation = operation(gamma_grad)
gammaln: Operation = operation(gammaln_grad)
digamma: Operation = operation(digamma_grad)
derivative: Operation = operation(polygamma_of_grad)
