"""The binomial and negative binomial distributions, by incomplete beta functions.

Operands that SciPy rounds down to whole numbers are locally constant; those that have
to be whole numbers are refused. Their inverses know them as real numbers.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from chainrule.rules import elementwise
from chainrule.rules.cases import REAL, Cases, Domain, Dtypes, case, within
from chainrule.scipy.special.incomplete_beta import betainc_by
from chainrule.values.types import Namespace, Operation, Value
from chainrule.wrapping import operation

_WHOLE = "It is a whole number."


def _density(xp: Namespace, k: Value, n: Value, p: Value) -> Value:
    """Return the slope of I(k + 1, n - k, p) in p: 0 where k = n, and all is certain.

    As in SciPy, k is rounded down and n cut to a whole number.
    """
    k = xp.floor(k)
    left = xp.trunc(n) - k
    slope = xp.beta_density(k + 1.0, xp.where(left == 0, 1.0, left), p)
    return xp.where(left == 0, 0.0, slope)


class bdtr_grad(elementwise):
    """z = 1 - I(floor(k) + 1, n - floor(k), p), the binomial distribution function"""

    forward = "scipy.special:bdtr"
    dtypes: Dtypes = ("float64",)
    constant_in: tuple[str, ...] = ("k",)
    refused: Mapping[str, str] = {"n": _WHOLE}
    cases: Cases = (
        case(2.5, 5, within(0.2, 0.8, 4)),
        case(np.array([0.5, 1.5, 2.5]), 6, within(0.2, 0.8)),
    )

    @staticmethod
    def d_p(xp: Namespace, z: Value, k: Value, n: Value, p: Value) -> Value:
        """dz/dp = -dI/dx"""
        return -_density(xp, k, n, p)


class bdtrc_grad(elementwise):
    """z = I(floor(k) + 1, n - floor(k), p), the binomial survival function"""

    forward = "scipy.special:bdtrc"
    dtypes: Dtypes = ("float64",)
    constant_in: tuple[str, ...] = ("k",)
    refused: Mapping[str, str] = {"n": _WHOLE}
    cases: Cases = (
        case(2.5, 5, within(0.2, 0.8, 4)),
        case(np.array([0.5, 1.5, 2.5]), 6, within(0.2, 0.8)),
    )

    @staticmethod
    def d_p(xp: Namespace, z: Value, k: Value, n: Value, p: Value) -> Value:
        """dz/dp = dI/dx"""
        return _density(xp, k, n, p)


class bdtri_grad(elementwise):
    """z = the p where bdtr(k, n, p) = y"""

    forward = "scipy.special:bdtri"
    dtypes: Dtypes = ("float64",)
    constant_in: tuple[str, ...] = ("k",)
    refused: Mapping[str, str] = {"n": _WHOLE}
    cases: Cases = (
        case(2.5, 5, within(0.2, 0.8, 4)),
        case(np.array([0.5, 1.5, 2.5]), 6, within(0.2, 0.8)),
    )

    @staticmethod
    def d_y(xp: Namespace, z: Value, k: Value, n: Value, y: Value) -> Value:
        """dz/dy = -1 / (dI/dx)"""
        return -1 / _density(xp, k, n, z)


def _by_k_and_n(xp: Namespace, k: Value, n: Value, p: Value) -> tuple[Value, Value]:
    """Return the derivatives of I(k + 1, n - k, p) in k and in n."""
    in_a = betainc_by(xp, k + 1, n - k, p, by="a")
    in_b = betainc_by(xp, k + 1, n - k, p, by="b")
    return in_a - in_b, in_b


def _inside(xp: Namespace, z: Value, slope: Value) -> Value:
    """Return a slope where z is no bound, at which SciPy stops where no z is found."""
    return xp.where(z > 0, slope, 0.0)


class bdtrik_grad(elementwise):
    """z = the k where 1 - I(k + 1, n - k, p) = y; 0 where there is none"""

    forward = "scipy.special:bdtrik"
    domain: Domain = {"y": (0.4, 0.7), "n": (6.0, 9.0), "p": (0.4, 0.6)}
    dtypes: Dtypes = REAL

    @staticmethod
    def d_y(xp: Namespace, z: Value, y: Value, n: Value, p: Value) -> Value:
        """dz/dy = -1 / (dI/dk)"""
        return _inside(xp, z, -1 / _by_k_and_n(xp, z, n, p)[0])

    @staticmethod
    def d_n(xp: Namespace, z: Value, y: Value, n: Value, p: Value) -> Value:
        """dz/dn = -(dI/dn) / (dI/dk)"""
        in_k, in_n = _by_k_and_n(xp, z, n, p)
        return _inside(xp, z, -in_n / in_k)

    @staticmethod
    def d_p(xp: Namespace, z: Value, y: Value, n: Value, p: Value) -> Value:
        """dz/dp = -(dI/dp) / (dI/dk)"""
        in_k = _by_k_and_n(xp, z, n, p)[0]
        return _inside(xp, z, -xp.beta_density(z + 1, n - z, p) / in_k)


class bdtrin_grad(elementwise):
    """z = the n where 1 - I(k + 1, n - k, p) = y"""

    forward = "scipy.special:bdtrin"
    domain: Domain = {"k": (1.0, 3.0), "y": (0.3, 0.7), "p": (0.3, 0.7)}
    dtypes: Dtypes = REAL

    @staticmethod
    def d_k(xp: Namespace, z: Value, k: Value, y: Value, p: Value) -> Value:
        """dz/dk = -(dI/dk) / (dI/dn)"""
        in_k, in_n = _by_k_and_n(xp, k, z, p)
        return -in_k / in_n

    @staticmethod
    def d_y(xp: Namespace, z: Value, k: Value, y: Value, p: Value) -> Value:
        """dz/dy = -1 / (dI/dn)"""
        return -1 / _by_k_and_n(xp, k, z, p)[1]

    @staticmethod
    def d_p(xp: Namespace, z: Value, k: Value, y: Value, p: Value) -> Value:
        """dz/dp = -(dI/dp) / (dI/dn)"""
        return -xp.beta_density(k + 1, z - k, p) / _by_k_and_n(xp, k, z, p)[1]


class nbdtr_grad(elementwise):
    """z = I(n, k + 1, p), the negative binomial distribution function"""

    forward = "scipy.special:nbdtr"
    dtypes: Dtypes = ("float64",)
    refused: Mapping[str, str] = {"k": _WHOLE, "n": _WHOLE}
    cases: Cases = (case(2, 5, within(0.2, 0.8, 4)), case(3, 1, within(0.2, 0.8)))

    @staticmethod
    def d_p(xp: Namespace, z: Value, k: Value, n: Value, p: Value) -> Value:
        """dz/dp = dI/dx"""
        return xp.beta_density(xp.trunc(n), xp.trunc(k) + 1.0, p)


class nbdtrc_grad(elementwise):
    """z = 1 - I(n, k + 1, p), the negative binomial survival function"""

    forward = "scipy.special:nbdtrc"
    dtypes: Dtypes = ("float64",)
    refused: Mapping[str, str] = {"k": _WHOLE, "n": _WHOLE}
    cases: Cases = (case(2, 5, within(0.2, 0.8, 4)), case(3, 1, within(0.2, 0.8)))

    @staticmethod
    def d_p(xp: Namespace, z: Value, k: Value, n: Value, p: Value) -> Value:
        """dz/dp = -dI/dx"""
        return -xp.beta_density(xp.trunc(n), xp.trunc(k) + 1.0, p)


class nbdtri_grad(elementwise):
    """z = the p where nbdtr(k, n, p) = y"""

    forward = "scipy.special:nbdtri"
    dtypes: Dtypes = ("float64",)
    refused: Mapping[str, str] = {"k": _WHOLE, "n": _WHOLE}
    cases: Cases = (case(2, 5, within(0.2, 0.8, 4)), case(3, 1, within(0.2, 0.8)))

    @staticmethod
    def d_y(xp: Namespace, z: Value, k: Value, n: Value, y: Value) -> Value:
        """dz/dy = 1 / (dI/dx)"""
        return 1 / xp.beta_density(xp.trunc(n), xp.trunc(k) + 1.0, z)


class nbdtrik_grad(elementwise):
    """z = the k where I(n, k + 1, p) = y; 0 where there is none"""

    forward = "scipy.special:nbdtrik"
    domain: Domain = {"y": (0.4, 0.7), "n": (3.0, 6.0), "p": (0.3, 0.5)}
    dtypes: Dtypes = REAL

    @staticmethod
    def d_y(xp: Namespace, z: Value, y: Value, n: Value, p: Value) -> Value:
        """dz/dy = 1 / (dI/db)"""
        return _inside(xp, z, 1 / betainc_by(xp, n, z + 1, p, by="b"))

    @staticmethod
    def d_n(xp: Namespace, z: Value, y: Value, n: Value, p: Value) -> Value:
        """dz/dn = -(dI/da) / (dI/db)"""
        in_n = betainc_by(xp, n, z + 1, p, by="a")
        return _inside(xp, z, -in_n / betainc_by(xp, n, z + 1, p, by="b"))

    @staticmethod
    def d_p(xp: Namespace, z: Value, y: Value, n: Value, p: Value) -> Value:
        """dz/dp = -(dI/dx) / (dI/db)"""
        in_k = betainc_by(xp, n, z + 1, p, by="b")
        return _inside(xp, z, -xp.beta_density(n, z + 1, p) / in_k)


class nbdtrin_grad(elementwise):
    """z = the n where I(n, k + 1, p) = y"""

    forward = "scipy.special:nbdtrin"
    domain: Domain = {"k": (1.0, 4.0), "y": (0.3, 0.7), "p": (0.3, 0.7)}
    dtypes: Dtypes = REAL

    @staticmethod
    def d_k(xp: Namespace, z: Value, k: Value, y: Value, p: Value) -> Value:
        """dz/dk = -(dI/db) / (dI/da)"""
        in_k = betainc_by(xp, z, k + 1, p, by="b")
        return -in_k / betainc_by(xp, z, k + 1, p, by="a")

    @staticmethod
    def d_y(xp: Namespace, z: Value, k: Value, y: Value, p: Value) -> Value:
        """dz/dy = 1 / (dI/da)"""
        return 1 / betainc_by(xp, z, k + 1, p, by="a")

    @staticmethod
    def d_p(xp: Namespace, z: Value, k: Value, y: Value, p: Value) -> Value:
        """dz/dp = -(dI/dx) / (dI/da)"""
        return -xp.beta_density(z, k + 1, p) / betainc_by(xp, z, k + 1, p, by="a")


bdtr: Operation = operation(bdtr_grad)
bdtrc: Operation = operation(bdtrc_grad)
bdtri: Operation = operation(bdtri_grad)
bdtrik: Operation = operation(bdtrik_grad)
bdtrin: Operation = operation(bdtrin_grad)
nbdtr: Operation = operation(nbdtr_grad)
nbdtrc: Operation = operation(nbdtrc_grad)
nbdtri: Operation = operation(nbdtri_grad)
nbdtrik: Operation = operation(nbdtrik_grad)
nbdtrin: Operation = operation(nbdtrin_grad)
