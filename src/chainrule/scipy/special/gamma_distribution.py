"""The gamma distribution of rate a and shape b: its function, and the inverses."""

from __future__ import annotations

from chainrule.rules import elementwise
from chainrule.rules.cases import REAL, Domain, Dtypes
from chainrule.scipy.special.incomplete_gamma import gammainc_by_a, slope_in_a
from chainrule.values.types import Namespace, Operation, Value
from chainrule.wrapping import operation

_ALL: Domain = {"a": (0.5, 2.0), "b": (0.5, 3.0), "x": (0.5, 3.0)}


class gdtr_grad(elementwise):
    """z = P(b, a x), the gamma distribution function of rate a and shape b"""

    forward = "scipy.special:gdtr"
    domain: Domain = _ALL
    dtypes: Dtypes = REAL

    @staticmethod
    def d_a(xp: Namespace, z: Value, a: Value, b: Value, x: Value) -> Value:
        """dz/da = x dP/dx"""
        return x * xp.gamma_density(b, a * x)

    @staticmethod
    def d_b(xp: Namespace, z: Value, a: Value, b: Value, x: Value) -> Value:
        """dz/db = dP/da"""
        return gammainc_by_a(xp, b, a * x)

    @staticmethod
    def d_x(xp: Namespace, z: Value, a: Value, b: Value, x: Value) -> Value:
        """dz/dx = a dP/dx"""
        return a * xp.gamma_density(b, a * x)


class gdtrc_grad(elementwise):
    """z = Q(b, a x), the gamma survival function of rate a and shape b"""

    forward = "scipy.special:gdtrc"
    domain: Domain = _ALL
    dtypes: Dtypes = REAL

    @staticmethod
    def d_a(xp: Namespace, z: Value, a: Value, b: Value, x: Value) -> Value:
        """dz/da = -x dP/dx"""
        return -x * xp.gamma_density(b, a * x)

    @staticmethod
    def d_b(xp: Namespace, z: Value, a: Value, b: Value, x: Value) -> Value:
        """dz/db = -dP/da"""
        return -gammainc_by_a(xp, b, a * x)

    @staticmethod
    def d_x(xp: Namespace, z: Value, a: Value, b: Value, x: Value) -> Value:
        """dz/dx = -a dP/dx"""
        return -a * xp.gamma_density(b, a * x)


class gdtria_grad(elementwise):
    """z = the a where gdtr(a, b, x) = p"""

    forward = "scipy.special:gdtria"
    domain: Domain = {"p": (0.2, 0.8), "b": (0.5, 3.0), "x": (0.5, 3.0)}
    dtypes: Dtypes = REAL

    @staticmethod
    def d_p(xp: Namespace, z: Value, p: Value, b: Value, x: Value) -> Value:
        """dz/dp = 1 / (x dP/dx)"""
        return 1 / (x * xp.gamma_density(b, z * x))

    @staticmethod
    def d_b(xp: Namespace, z: Value, p: Value, b: Value, x: Value) -> Value:
        """dz/db = -(dP/da) / (x dP/dx)"""
        return -slope_in_a(xp, b, z * x) / x

    @staticmethod
    def d_x(xp: Namespace, z: Value, p: Value, b: Value, x: Value) -> Value:
        """dz/dx = -z / x"""
        return -z / x


class gdtrib_grad(elementwise):
    """z = the b where gdtr(a, b, x) = p"""

    forward = "scipy.special:gdtrib"
    domain: Domain = {"a": (0.5, 2.0), "p": (0.2, 0.8), "x": (0.5, 3.0)}
    dtypes: Dtypes = REAL

    @staticmethod
    def d_a(xp: Namespace, z: Value, a: Value, p: Value, x: Value) -> Value:
        """dz/da = -x (dP/dx) / (dP/da)"""
        return -x / slope_in_a(xp, z, a * x)

    @staticmethod
    def d_p(xp: Namespace, z: Value, a: Value, p: Value, x: Value) -> Value:
        """dz/dp = 1 / (dP/da)"""
        return 1 / gammainc_by_a(xp, z, a * x)

    @staticmethod
    def d_x(xp: Namespace, z: Value, a: Value, p: Value, x: Value) -> Value:
        """dz/dx = -a (dP/dx) / (dP/da)"""
        return -a / slope_in_a(xp, z, a * x)


class gdtrix_grad(elementwise):
    """z = the x where gdtr(a, b, x) = p"""

    forward = "scipy.special:gdtrix"
    domain: Domain = {"a": (0.5, 2.0), "b": (0.5, 3.0), "p": (0.2, 0.8)}
    dtypes: Dtypes = REAL

    @staticmethod
    def d_a(xp: Namespace, z: Value, a: Value, b: Value, p: Value) -> Value:
        """dz/da = -z / a"""
        return -z / a

    @staticmethod
    def d_b(xp: Namespace, z: Value, a: Value, b: Value, p: Value) -> Value:
        """dz/db = -(dP/da) / (a dP/dx)"""
        return -slope_in_a(xp, b, a * z) / a

    @staticmethod
    def d_p(xp: Namespace, z: Value, a: Value, b: Value, p: Value) -> Value:
        """dz/dp = 1 / (a dP/dx)"""
        return 1 / (a * xp.gamma_density(b, a * z))


gdtr: Operation = operation(gdtr_grad)
gdtrc: Operation = operation(gdtrc_grad)
gdtria: Operation = operation(gdtria_grad)
gdtrib: Operation = operation(gdtrib_grad)
gdtrix: Operation = operation(gdtrix_grad)
