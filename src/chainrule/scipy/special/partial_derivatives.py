"""Partial derivatives of special functions, of every order, as operations.

Formulas of first derivatives, differentiated once more, cancel near zeros, poles and
for large arguments. So a family of functions declares how a partial derivative of any
orders is computed (``computes``), and a rule names the one it needs::

    xp.partial_of_2(v, x, name="jv", orders=(0, 1))

Its derivatives are of the same kind, with one of the orders raised. Rules of functions
all of whose derivatives are computed so derive from ``of_one``, ``of_two`` and so on.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.rules import elementwise
from chainrule.rules.cases import REAL, Cases, Dtypes, case, positive, within
from chainrule.rules.namespace import EXTRA, opaque
from chainrule.values.types import Namespace, Operation, Value
from chainrule.wrapping import operation

Orders = tuple[int, ...]
"""How many times a function is differentiated in each of its operands."""
Computed = Callable[..., Any]
"""``f(orders, *operands)``: a partial derivative on float64 or complex128 arrays."""

PARTIALS: dict[str, Computed] = {}
"""How the partial derivatives of a function are computed, by its name."""


def computes(*names: str) -> Callable[[Computed], Computed]:
    """Decorate ``f(name, orders, *operands)``, which computes these functions'."""

    def decorate(function: Computed) -> Computed:
        for name in names:
            PARTIALS[name] = functools.partial(function, name)
        return function

    return decorate


def evaluated(name: str, orders: Orders, *operands: Value) -> Any:
    """Return a partial derivative, computed in double precision."""
    dtype: Any = np.result_type(*operands)
    wide = [in_double(x) for x in operands]
    with np.errstate(all="ignore"):
        z: Any = np.asarray(PARTIALS[name](orders, *wide))
    if dtype in (np.float32, np.complex64):
        z = z.astype(np.complex64 if z.dtype.kind == "c" else np.float32)
    return z[()]


def in_double(x: Value) -> NDArray[Any]:
    """Return an array of float64 or complex128."""
    x = np.asarray(x)
    return x.astype(np.complex128 if x.dtype.kind == "c" else np.float64)


def raised(orders: Orders, i: int) -> Orders:
    """Return the orders with that of operand ``i`` one higher."""
    return (*orders[:i], orders[i] + 1, *orders[i + 1 :])


# ------------------------------------------------------------------------- operations


@opaque
def partial_of_1(x: Value, *, name: str, orders: Orders) -> Value:
    """Return a partial derivative of a function of one operand."""
    return evaluated(name, orders, x)


@opaque
def partial_of_2(v: Value, x: Value, *, name: str, orders: Orders) -> Value:
    """Return a partial derivative of a function of two operands."""
    return evaluated(name, orders, v, x)


@opaque
def partial_of_3(a: Value, b: Value, x: Value, *, name: str, orders: Orders) -> Value:
    """Return a partial derivative of a function of three operands."""
    return evaluated(name, orders, a, b, x)


@opaque
def partial_of_4(
    a: Value, b: Value, c: Value, x: Value, *, name: str, orders: Orders
) -> Value:
    """Return a partial derivative of a function of four operands."""
    return evaluated(name, orders, a, b, c, x)


class partial_of_1_grad(elementwise):
    """z = a partial derivative of the function ``name``, as often as ``orders`` say"""

    forward = partial_of_1
    dtypes: Dtypes = REAL
    cases: Cases = (case(positive(3), name="ber", orders=(1,)),)

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value, *, name: str, orders: Orders) -> Value:
        """dz/dx = the next derivative in x"""
        return xp.partial_of_1(x, name=name, orders=raised(orders, 0))


EXTRA["partial_of_1"] = partial_of_1
derivative_of_1: Operation = operation(partial_of_1_grad)


class partial_of_2_grad(elementwise):
    """z = a partial derivative of the function ``name``, as often as ``orders`` say"""

    forward = partial_of_2
    dtypes: Dtypes = REAL
    cases: Cases = (
        case(positive(2, 1), positive(3), name="jv", orders=(0, 1)),
        case(positive(3), positive(), name="jv", orders=(1, 0)),
    )

    @staticmethod
    def d_v(
        xp: Namespace, z: Value, v: Value, x: Value, *, name: str, orders: Orders
    ) -> Value:
        """dz/dv = the next derivative in v"""
        return xp.partial_of_2(v, x, name=name, orders=raised(orders, 0))

    @staticmethod
    def d_x(
        xp: Namespace, z: Value, v: Value, x: Value, *, name: str, orders: Orders
    ) -> Value:
        """dz/dx = the next derivative in x"""
        return xp.partial_of_2(v, x, name=name, orders=raised(orders, 1))


EXTRA["partial_of_2"] = partial_of_2
derivative_of_2: Operation = operation(partial_of_2_grad)


class partial_of_3_grad(elementwise):
    """z = a partial derivative of the function ``name``, as often as ``orders`` say"""

    forward = partial_of_3
    dtypes: Dtypes = REAL
    cases: Cases = (
        case(positive(3), positive(), positive(2, 1), name="hyp1f1", orders=(0, 0, 1)),
    )

    @staticmethod
    def d_a(
        xp: Namespace,
        z: Value,
        a: Value,
        b: Value,
        x: Value,
        *,
        name: str,
        orders: Orders,
    ) -> Value:
        """dz/da = the next derivative in a"""
        return xp.partial_of_3(a, b, x, name=name, orders=raised(orders, 0))

    @staticmethod
    def d_b(
        xp: Namespace,
        z: Value,
        a: Value,
        b: Value,
        x: Value,
        *,
        name: str,
        orders: Orders,
    ) -> Value:
        """dz/db = the next derivative in b"""
        return xp.partial_of_3(a, b, x, name=name, orders=raised(orders, 1))

    @staticmethod
    def d_x(
        xp: Namespace,
        z: Value,
        a: Value,
        b: Value,
        x: Value,
        *,
        name: str,
        orders: Orders,
    ) -> Value:
        """dz/dx = the next derivative in x"""
        return xp.partial_of_3(a, b, x, name=name, orders=raised(orders, 2))


EXTRA["partial_of_3"] = partial_of_3
derivative_of_3: Operation = operation(partial_of_3_grad)


class partial_of_4_grad(elementwise):
    """z = a partial derivative of the function ``name``, as often as ``orders`` say"""

    forward = partial_of_4
    dtypes: Dtypes = REAL
    cases: Cases = (
        case(
            positive(3),
            positive(2, 1),
            positive(),
            within(-0.5, 0.5, 3),
            name="hyp2f1",
            orders=(0, 0, 0, 1),
        ),
    )

    @staticmethod
    def d_a(
        xp: Namespace,
        z: Value,
        a: Value,
        b: Value,
        c: Value,
        x: Value,
        *,
        name: str,
        orders: Orders,
    ) -> Value:
        """dz/da = the next derivative in a"""
        return xp.partial_of_4(a, b, c, x, name=name, orders=raised(orders, 0))

    @staticmethod
    def d_b(
        xp: Namespace,
        z: Value,
        a: Value,
        b: Value,
        c: Value,
        x: Value,
        *,
        name: str,
        orders: Orders,
    ) -> Value:
        """dz/db = the next derivative in b"""
        return xp.partial_of_4(a, b, c, x, name=name, orders=raised(orders, 1))

    @staticmethod
    def d_c(
        xp: Namespace,
        z: Value,
        a: Value,
        b: Value,
        c: Value,
        x: Value,
        *,
        name: str,
        orders: Orders,
    ) -> Value:
        """dz/dc = the next derivative in c"""
        return xp.partial_of_4(a, b, c, x, name=name, orders=raised(orders, 2))

    @staticmethod
    def d_x(
        xp: Namespace,
        z: Value,
        a: Value,
        b: Value,
        c: Value,
        x: Value,
        *,
        name: str,
        orders: Orders,
    ) -> Value:
        """dz/dx = the next derivative in x"""
        return xp.partial_of_4(a, b, c, x, name=name, orders=raised(orders, 3))


EXTRA["partial_of_4"] = partial_of_4
derivative_of_4: Operation = operation(partial_of_4_grad)


# ------------------------------------------------------------------------------- rules


def name_of(cls: Any) -> str:
    """Return the name of a rule's function."""
    return cls.forward_name.rpartition(":")[2]


class of_one(elementwise, kind=True):
    """A rule of a function of one operand, with computed derivatives."""

    @classmethod
    def d_x(cls, xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx, computed"""
        return xp.partial_of_1(x, name=name_of(cls), orders=(1,))


class of_two(elementwise, kind=True):
    """A rule of a function of two operands, with computed derivatives."""

    @classmethod
    def d_v(cls, xp: Namespace, z: Value, v: Value, x: Value) -> Value:
        """dz/dv, computed"""
        return xp.partial_of_2(v, x, name=name_of(cls), orders=(1, 0))

    @classmethod
    def d_x(cls, xp: Namespace, z: Value, v: Value, x: Value) -> Value:
        """dz/dx, computed"""
        return xp.partial_of_2(v, x, name=name_of(cls), orders=(0, 1))


class of_three(elementwise, kind=True):
    """A rule of a function of three operands, with computed derivatives."""

    @classmethod
    def d_a(cls, xp: Namespace, z: Value, a: Value, b: Value, x: Value) -> Value:
        """dz/da, computed"""
        return xp.partial_of_3(a, b, x, name=name_of(cls), orders=(1, 0, 0))

    @classmethod
    def d_b(cls, xp: Namespace, z: Value, a: Value, b: Value, x: Value) -> Value:
        """dz/db, computed"""
        return xp.partial_of_3(a, b, x, name=name_of(cls), orders=(0, 1, 0))

    @classmethod
    def d_x(cls, xp: Namespace, z: Value, a: Value, b: Value, x: Value) -> Value:
        """dz/dx, computed"""
        return xp.partial_of_3(a, b, x, name=name_of(cls), orders=(0, 0, 1))


class of_four(elementwise, kind=True):
    """A rule of a function of four operands, with computed derivatives."""

    @classmethod
    def d_a(
        cls, xp: Namespace, z: Value, a: Value, b: Value, c: Value, x: Value
    ) -> Value:
        """dz/da, computed"""
        return xp.partial_of_4(a, b, c, x, name=name_of(cls), orders=(1, 0, 0, 0))

    @classmethod
    def d_b(
        cls, xp: Namespace, z: Value, a: Value, b: Value, c: Value, x: Value
    ) -> Value:
        """dz/db, computed"""
        return xp.partial_of_4(a, b, c, x, name=name_of(cls), orders=(0, 1, 0, 0))

    @classmethod
    def d_c(
        cls, xp: Namespace, z: Value, a: Value, b: Value, c: Value, x: Value
    ) -> Value:
        """dz/dc, computed"""
        return xp.partial_of_4(a, b, c, x, name=name_of(cls), orders=(0, 0, 1, 0))

    @classmethod
    def d_x(
        cls, xp: Namespace, z: Value, a: Value, b: Value, c: Value, x: Value
    ) -> Value:
        """dz/dx, computed"""
        return xp.partial_of_4(a, b, c, x, name=name_of(cls), orders=(0, 0, 0, 1))
