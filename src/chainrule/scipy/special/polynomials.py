"""Orthogonal polynomials, with derivatives in the argument, parameters and degree.

A derivative in the argument is one of a neighbouring family, of lower degree (DLMF
18.9.15 to 18.9.26). Degrees may be real numbers where SciPy's are: derivatives in them
and in parameters are interpolated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import scipy.special
from numpy.typing import NDArray

from chainrule.rules import elementwise
from chainrule.rules.cases import REAL, Cases, Domain, Dtypes, case, positive, within
from chainrule.scipy.special.hypergeometric import from_poles
from chainrule.scipy.special.interpolation import in_parameters
from chainrule.scipy.special.partial_derivatives import (
    Orders,
    computes,
    of_four,
    of_three,
    of_two,
)
from chainrule.values.types import Namespace, Operation, Value
from chainrule.wrapping import operation

Family = Callable[..., Any]
"""``f(k, n, *parameters, x)``: the k-th derivative in x of the polynomial."""

_where: Any = np.where
_binom: Any = scipy.special.binom


def rising(a: Any, count: int) -> Any:
    """Return ``a (a + 1) ...``, ``count`` factors."""
    return math.prod((a + i for i in range(count)), start=np.ones(()))


def _at(name: str, n: Value, *others: Value) -> Any:
    """Return SciPy's polynomial, by recurrence where the degree is a whole number.

    Of a negative whole degree it is 0.
    """
    function: Any = getattr(scipy.special, name)
    whole: Any = n == np.rint(n)
    exact = function(_where(whole, n, 0).astype(np.int64), *others)
    found = exact if np.all(whole) else _where(whole, exact, function(n, *others))
    return _where(whole & (n < 0), 0.0, found)


def _gegenbauer(k: int, n: Value, alpha: Value, x: Value) -> Any:
    scale = 2.0**k * rising(alpha, k)
    found = scale * _at("eval_gegenbauer", n - k, alpha + k, x)
    return _left_of_0(_gegenbauer, found, k, (n, alpha), (alpha - 0.5, alpha - 0.5), x)


def _jacobi(k: int, n: Value, alpha: Value, beta: Value, x: Value) -> Any:
    scale = rising(n + alpha + beta + 1.0, k) / 2.0**k
    found = scale * _at("eval_jacobi", n - k, alpha + k, beta + k, x)
    return _left_of_0(_jacobi, found, k, (n, alpha, beta), (alpha, beta), x)


def _left_of_0(
    f: Family,
    found: Any,
    k: int,
    indices: tuple[Any, ...],
    weights: tuple[Any, Any],
    x: Value,
) -> Any:
    """Return a derivative of Jacobi's function by its equation, where it is needed.

    Of degrees that are not whole SciPy's values of raised parameters lose digits for
    x < 0, where the equation (DLMF 18.8.1) does not cancel.
    """
    n, (alpha, beta) = indices[0], weights
    needed: Any = (n != np.rint(n)) & (np.real(x) < 0)
    if k < 2 or not np.any(needed):
        return found
    first, second = f(k - 1, *indices, x), f(k - 2, *indices, x)
    slope = beta - alpha - (alpha + beta + 2.0 * k - 2.0) * x
    level = (n - k + 2.0) * (n + alpha + beta + k - 1.0)
    own = -(slope * first + level * second) / (1.0 - x * x)
    return _where(needed, own, found)


def _laguerre(k: int, n: Value, alpha: Value, x: Value) -> Any:
    return (-1.0) ** k * _at("eval_genlaguerre", n - k, alpha + k, x)


def _legendre(k: int, n: Value, x: Value) -> Any:
    return _gegenbauer(k, n, np.asarray(0.5), x) if k else _at("eval_legendre", n, x)


def _first_kind(k: int, n: Value, x: Value) -> Any:
    if not k:
        return _at("eval_chebyt", n, x)
    return n * _second_kind(k - 1, n - 1.0, x)


def _second_kind(k: int, n: Value, x: Value) -> Any:
    return _gegenbauer(k, n, np.asarray(1.0), x) if k else _at("eval_chebyu", n, x)


def _shifted(f: Family, k: int, n: Value, x: Value) -> Any:
    return 2.0**k * f(k, n, 2.0 * x - 1.0)


def _halved(f: Family, k: int, n: Value, x: Value) -> Any:
    return f(k, n, x / 2.0) / 2.0**k


def _shifted_jacobi(k: int, n: Value, p: Value, q: Value, x: Value) -> Any:
    ratio = _binom(2.0 * n + p - 1.0, n)
    return 2.0**k / ratio * _jacobi(k, n, p - q, q - 1.0, 2.0 * x - 1.0)


def _simple_laguerre(k: int, n: Value, x: Value) -> Any:
    return _laguerre(k, n, np.zeros(()), x)


def _shifted_legendre(k: int, n: Value, x: Value) -> Any:
    return _shifted(_legendre, k, n, x)


def _shifted_first(k: int, n: Value, x: Value) -> Any:
    return _shifted(_first_kind, k, n, x)


def _shifted_second(k: int, n: Value, x: Value) -> Any:
    return _shifted(_second_kind, k, n, x)


def _halved_first(k: int, n: Value, x: Value) -> Any:
    return 2.0 * _halved(_first_kind, k, n, x)


def _halved_second(k: int, n: Value, x: Value) -> Any:
    return _halved(_second_kind, k, n, x)


def _hermite(k: int, n: Value, x: Value) -> Any:
    return 2.0**k * rising(n - k + 1.0, k) * _at("eval_hermite", n - k, x)


def _hermite_norm(k: int, n: Value, x: Value) -> Any:
    return rising(n - k + 1.0, k) * _at("eval_hermitenorm", n - k, x)


FAMILIES: Mapping[str, Family] = {
    "eval_gegenbauer": _gegenbauer,
    "eval_jacobi": _jacobi,
    "eval_genlaguerre": _laguerre,
    "eval_legendre": _legendre,
    "eval_chebyt": _first_kind,
    "eval_chebyu": _second_kind,
    "eval_chebyc": _halved_first,
    "eval_chebys": _halved_second,
    "eval_laguerre": _simple_laguerre,
    "eval_hermite": _hermite,
    "eval_hermitenorm": _hermite_norm,
    "eval_sh_legendre": _shifted_legendre,
    "eval_sh_chebyt": _shifted_first,
    "eval_sh_chebyu": _shifted_second,
    "eval_sh_jacobi": _shifted_jacobi,
}


@computes(*FAMILIES)
def of_polynomial(name: str, orders: Orders, *operands: NDArray[Any]) -> Any:
    """Return a partial derivative of a polynomial of degree n, the first operand."""
    family, k = FAMILIES[name], orders[-1]

    def in_x(*moved: NDArray[Any]) -> Any:
        return family(k, *moved)

    n, x = operands[0], operands[-1]
    free: Any = from_poles(_last_pole(name, *operands[:-1]))
    free = _where(free == 0, 0.25, free)
    of_degree: Any = np.minimum(0.75 / (1.0 + np.log1p(np.abs(x))), free)
    whole: Any = n == np.rint(n)
    of_parameter: Any = np.minimum(
        1.0 / (1.0 + np.log1p(np.abs(n))), _where(whole, np.inf, free)
    )
    widths = (of_degree, *(of_parameter for _ in operands[1:-1]), x)
    return in_parameters(in_x, operands, (*orders[:-1], 0), widths)


def _last_pole(name: str, n: Value, *parameters: Any) -> Any:
    """Return how far the degree or a parameter can fall before the first pole.

    Polynomials have none: those are of the functions of other degrees.
    """
    if name == "eval_gegenbauer":
        return np.minimum(n / 2.0 + parameters[0], parameters[0] + 0.5)
    if name == "eval_sh_jacobi":
        p, q = parameters
        return np.minimum(np.minimum(p - q + 1.0, p) + np.minimum(n, 0.0), n + p)
    if parameters:
        return parameters[0] + 1.0 + np.minimum(n, 0.0)
    return n + 1.0


_INSIDE: Domain = {"v": (0.2, 5.0), "x": (-0.8, 0.8)}
_SHIFTED: Domain = {"v": (0.2, 5.0), "x": (0.1, 0.9)}


class eval_legendre_grad(of_two):
    """z = P_v(x), Legendre's polynomial (DLMF 18.5.8)"""

    forward = "scipy.special:eval_legendre"
    domain: Domain = _INSIDE
    dtypes: Dtypes = REAL


class eval_chebyt_grad(of_two):
    """z = T_v(x), Chebyshev's polynomial of the first kind (DLMF 18.5.1)"""

    forward = "scipy.special:eval_chebyt"
    domain: Domain = _INSIDE
    dtypes: Dtypes = REAL


class eval_chebyu_grad(of_two):
    """z = U_v(x), Chebyshev's polynomial of the second kind (DLMF 18.5.2)"""

    forward = "scipy.special:eval_chebyu"
    domain: Domain = _INSIDE
    dtypes: Dtypes = REAL


class eval_chebyc_grad(of_two):
    """z = C_v(x) = 2 T_v(x / 2), Chebyshev's polynomial (DLMF 18.1.3)"""

    forward = "scipy.special:eval_chebyc"
    domain: Domain = _INSIDE
    dtypes: Dtypes = REAL


class eval_chebys_grad(of_two):
    """z = S_v(x) = U_v(x / 2), Chebyshev's polynomial (DLMF 18.1.3)"""

    forward = "scipy.special:eval_chebys"
    domain: Domain = _INSIDE
    dtypes: Dtypes = REAL


class eval_laguerre_grad(of_two):
    """z = L_v(x), Laguerre's polynomial (DLMF 18.5.12)"""

    forward = "scipy.special:eval_laguerre"
    domain: Domain = {"v": (0.2, 5.0)}
    dtypes: Dtypes = REAL


class eval_sh_legendre_grad(of_two):
    """z = P_v(2 x - 1) (DLMF 18.7.10)"""

    forward = "scipy.special:eval_sh_legendre"
    domain: Domain = _SHIFTED
    dtypes: Dtypes = REAL


class eval_sh_chebyt_grad(of_two):
    """z = T_v(2 x - 1) (DLMF 18.7.7)"""

    forward = "scipy.special:eval_sh_chebyt"
    domain: Domain = _SHIFTED
    dtypes: Dtypes = REAL


class eval_sh_chebyu_grad(of_two):
    """z = U_v(2 x - 1) (DLMF 18.7.8)"""

    forward = "scipy.special:eval_sh_chebyu"
    domain: Domain = _SHIFTED
    dtypes: Dtypes = REAL


class eval_genlaguerre_grad(of_three):
    """z = L_a^(b)(x), Laguerre's generalised polynomial (DLMF 18.5.12)"""

    forward = "scipy.special:eval_genlaguerre"
    domain: Domain = {"a": (0.2, 4.0), "b": (0.2, 2.0), "x": (-0.8, 0.8)}
    dtypes: Dtypes = REAL


class eval_gegenbauer_grad(of_three):
    """z = C_a^(b)(x), Gegenbauer's polynomial (DLMF 18.5.9)"""

    forward = "scipy.special:eval_gegenbauer"
    domain: Domain = {"a": (0.2, 4.0), "b": (0.2, 2.0), "x": (-0.8, 0.8)}
    dtypes: Dtypes = REAL


class eval_jacobi_grad(of_four):
    """z = P_a^(b, c)(x), Jacobi's polynomial (DLMF 18.5.7)"""

    forward = "scipy.special:eval_jacobi"
    dtypes: Dtypes = REAL
    cases: Cases = (
        case(positive(3), positive(2, 1), positive(), within(-0.8, 0.8, 3)),
    )


class eval_sh_jacobi_grad(of_four):
    """z = G_a^(b, c)(x), Jacobi's shifted polynomial (DLMF 18.1.2)"""

    forward = "scipy.special:eval_sh_jacobi"
    dtypes: Dtypes = REAL
    cases: Cases = (case(positive(3), positive(2, 1), positive(), within(0.1, 0.8, 3)),)


class eval_hermite_grad(elementwise):
    """z = H_n(x), Hermite's polynomial (DLMF 18.5.13)"""

    forward = "scipy.special:eval_hermite"
    refused: Mapping[str, str] = {"n": "It is a whole number. Pass gd.value(n)."}
    dtypes: Dtypes = ("float64",)
    cases: Cases = (case(np.array([[0], [1], [4]]), within(-2.0, 2.0, 3)),)

    @staticmethod
    def d_x(xp: Namespace, z: Value, n: Value, x: Value) -> Value:
        """dz/dx is the polynomial of the degree below, up to a factor"""
        return xp.partial_of_2(n, x, name="eval_hermite", orders=(0, 1))


class eval_hermitenorm_grad(elementwise):
    """z = He_n(x), Hermite's normalised polynomial (DLMF 18.7.11)"""

    forward = "scipy.special:eval_hermitenorm"
    refused: Mapping[str, str] = {"n": "It is a whole number. Pass gd.value(n)."}
    dtypes: Dtypes = ("float64",)
    cases: Cases = (case(np.array([[0], [1], [4]]), within(-2.0, 2.0, 3)),)

    @staticmethod
    def d_x(xp: Namespace, z: Value, n: Value, x: Value) -> Value:
        """dz/dx is the polynomial of the degree below, up to a factor"""
        return xp.partial_of_2(n, x, name="eval_hermitenorm", orders=(0, 1))


eval_legendre: Operation = operation(eval_legendre_grad)
eval_chebyt: Operation = operation(eval_chebyt_grad)
eval_chebyu: Operation = operation(eval_chebyu_grad)
eval_chebyc: Operation = operation(eval_chebyc_grad)
eval_chebys: Operation = operation(eval_chebys_grad)
eval_laguerre: Operation = operation(eval_laguerre_grad)
eval_sh_legendre: Operation = operation(eval_sh_legendre_grad)
eval_sh_chebyt: Operation = operation(eval_sh_chebyt_grad)
eval_sh_chebyu: Operation = operation(eval_sh_chebyu_grad)
eval_genlaguerre: Operation = operation(eval_genlaguerre_grad)
eval_gegenbauer: Operation = operation(eval_gegenbauer_grad)
eval_jacobi: Operation = operation(eval_jacobi_grad)
eval_sh_jacobi: Operation = operation(eval_sh_jacobi_grad)
eval_hermite: Operation = operation(eval_hermite_grad)
eval_hermitenorm: Operation = operation(eval_hermitenorm_grad)
