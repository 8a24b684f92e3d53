"""Integrals of functions of one variable: quad and quad_vec."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.integrate
import scipy.special

from chainrule.errors import ArgumentError
from chainrule.nodes.admission import holds_nodes, plain_operand
from chainrule.scipy.integrate.integrals import (
    Integrand,
    Quadrature,
    Weight,
    integrate,
)
from chainrule.scipy.integrate.weights import LOGS, moving_weight
from chainrule.scipy.moving import moves
from chainrule.values.types import ArrayValue, Operation, Parameters, Shape, Value
from chainrule.values.vertices import first_stand_in, raw

_scipy: Any = scipy.integrate
Args = tuple[Any, ...] | Value
"""What a function is given besides its point: several values, or one."""


def quad(
    func: Callable[..., Any],
    a: Value,
    b: Value,
    args: Args = (),
    full_output: int = 0,
    epsabs: float = 1.49e-8,
    epsrel: float = 1.49e-8,
    limit: int = 50,
    points: Sequence[float] | None = None,
    weight: str | None = None,
    wvar: float | tuple[float, float] | None = None,
    wopts: tuple[int, ArrayValue] | None = None,
    maxp1: int = 50,
    limlst: int = 50,
    complex_func: bool = False,
) -> tuple[Any, ...]:
    """Return the integral of ``func`` from ``a`` to ``b``, as ``scipy.integrate.quad``.

    Parameters
    ----------
    func
        ``func(x, *args)``, called at plain points. What nodes its values depend on, by
        ``args`` or because it closes over them, the integral depends on.
    a, b
        The limits, numbers or nodes; they may be infinite.
    args, full_output, epsabs, epsrel, limit, points, weight, wvar, wopts, maxp1, limlst
        As SciPy takes them. Break points and ``wvar`` may be nodes.
    complex_func
        Whether the values of ``func`` are complex.

    Returns
    -------
    tuple
        The integral, and SciPy's estimate of its absolute error, a plain number; with
        ``full_output`` what SciPy says of the computation.

    Raises
    ------
    ArgumentError
        If ``wvar``, or a limit of an integral with an algebraic weight, is traced; if
        break points are nodes and ``full_output`` is asked for.
    CompileError
        Compiled, if ``func`` branches in Python on its point.

    Notes
    -----
    The derivative is Leibniz' rule, the integral of the derivative by ``quad`` itself,
    with the same tolerances: DLMF 1.5.22. What jumps at a point that moves with a
    parameter misses the jump's share: name the point in ``points``, as a node. A weight
    that moves is brought into the integrand, which is then called at nodes. Compiled,
    ``func`` is traced once.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as gd
    >>> from chainrule.scipy.integrate import quad
    >>> def mean_wait(rate):
    ...     return quad(lambda t: t * rate * np.exp(-rate * t), 0.0, np.inf)[0]
    >>> round(mean_wait(2.0), 6), round(gd.grad(mean_wait)(2.0), 6)
    (0.5, -0.25)
    """
    breaks = points if points is not None and moves(points) else None
    if breaks is not None and full_output:
        raise ArgumentError(
            "quad with full_output takes plain points. Pass gd.value(points)."
        )
    plain = None if points is None or breaks is not None else plain_operand(points)
    options: dict[str, Any] = {"full_output": full_output, "points": plain}
    options |= {"epsabs": epsabs, "epsrel": epsrel, "limit": limit}
    options |= {"weight": weight, "wvar": wvar, "wopts": wopts}
    options |= {"maxp1": maxp1, "limlst": limlst}
    given = args if isinstance(args, tuple) else (args,)
    if not callable(func):  # a LowLevelCallable
        return _scipy.quad(func, a, b, given, complex_func=complex_func, **options)
    f = functools.partial(_called, func, given)
    if complex_func:
        return _of_complex(f, a, b, options, breaks)
    return _quad(f, a, b, options, breaks)


def _called(func: Callable[..., Any], args: tuple[Any, ...], x: Value) -> Any:
    return func(x, *args)


def _quad(
    f: Integrand, a: Value, b: Value, options: Parameters, breaks: Any
) -> tuple[Any, ...]:
    """Return the integral of one function, where its weight or breaks move too."""
    weight, wvar = options["weight"], options["wvar"]
    ends = (a, b) if weight in LOGS else ()
    if first_stand_in(wvar, *ends) is not None:
        raise ArgumentError(
            "quad takes a plain wvar where it is compiled, and plain limits next to an "
            "algebraic weight. Leave weight= away and write the weight into the "
            "function."
        )
    if any(map(holds_nodes, (wvar, *ends))):
        return moving_weight(functools.partial(_with, options), f, a, b, weight, wvar)
    how = functools.partial(_entries, options=options)
    if breaks is not None:
        return _between(f, a, b, how, breaks)
    return integrate(f, a, b, how, (), _weight_of(weight, wvar))


def _with(
    options: Parameters, f: Integrand, a: Value, b: Value, **more: Any
) -> tuple[Any, ...]:
    return _quad(f, a, b, {**options, **more}, None)


def _between(
    f: Integrand,
    a: Value,
    b: Value,
    how: Quadrature,
    breaks: Any,
    shape: Shape | None = (),
) -> tuple[Any, ...]:
    """Return the integral over the pieces between breaks that move, as their limits."""
    points: list[Any] = list(breaks)
    ends = [raw(a), raw(b)]
    if first_stand_in(points, *ends) is None:
        low, high = sorted(ends)
        points = sorted((p for p in points if low < raw(p) < high), key=raw)
        points = points if ends[0] < ends[1] else points[::-1]
    limits = [a, *points, b]
    last = len(points)
    parts = [
        integrate(f, limits[i], limits[i + 1], how, shape, inward=(i > 0, i < last))
        for i in range(last + 1)
    ]
    return sum(x for x, *_ in parts), sum(error for _, error, *_ in parts)


def _of_complex(
    f: Integrand, a: Value, b: Value, options: dict[str, Any], breaks: Any
) -> tuple[Any, ...]:
    """Return the integrals of the real and the imaginary part, put together."""

    def part(take: Operation) -> tuple[Any, ...]:
        def values(x: float) -> Any:
            return take(f(x))

        return _quad(values, a, b, options, breaks)

    real, imag = part(np.real), part(np.imag)
    error = real[1] + 1j * imag[1]
    if options["full_output"]:
        return real[0] + 1j * imag[0], error, {"real": real[2:], "imag": imag[2:]}
    return real[0] + 1j * imag[0], error


def _weight_of(weight: str | None, wvar: Any) -> Weight | None:
    """Return the weight of an integrand, as a function of a limit that moves."""
    if weight in ("cos", "sin"):
        wave: Any = getattr(np, weight)
        return lambda x: wave(wvar * x)
    if weight == "cauchy":
        return lambda x: 1.0 / (x - wvar)
    return None


def _entries(
    f: Integrand, a: float, b: float, shape: Shape, options: Parameters
) -> tuple[Any, ...]:
    """Integrate a function by QUADPACK, each entry of its values by itself.

    The derivative of a function of several numbers is a vector. Its values at the
    points that several entries share are computed once.
    """
    if shape == ():
        return _scipy.quad(f, a, b, **options)
    known: dict[float, Any] = {}

    def entry(i: int, x: float) -> float:
        if x not in known:
            known[x] = _as_reals(f(x))
        return known[x][i]

    def integral(i: int) -> tuple[Any, ...]:
        return _scipy.quad(functools.partial(entry, i), a, b, **plain)[:2]

    plain = {**options, "full_output": 0}
    found = [integral(0)] if 0 not in shape else []
    size = max(map(len, known.values()), default=0)
    found += [integral(i) for i in range(1, size)]
    values, errors = np.array(found).reshape(-1, 2).T
    if size == 2 * math.prod(shape) > 0:
        values = np.ascontiguousarray(values).view(np.complex128)
    return values.reshape(shape), max(errors, default=0.0)


def _as_reals(z: Value) -> Any:
    """Return the entries of an array, the parts of complex ones beside each other."""
    flat = np.ravel(z)
    if np.iscomplexobj(flat):
        return np.ascontiguousarray(flat, np.complex128).view(np.float64)
    return flat


def quad_vec(
    f: Callable[..., Any],
    a: Value,
    b: Value,
    epsabs: float = 1e-200,
    epsrel: float = 1e-8,
    norm: str = "2",
    cache_size: float = 100e6,
    limit: float = 10000,
    workers: int | Operation = 1,
    points: Sequence[float] | None = None,
    quadrature: str | None = None,
    full_output: bool = False,
    *,
    args: Args = (),
) -> tuple[Any, ...]:
    """Return the integral of a function with array values, as SciPy's ``quad_vec``.

    Its derivatives are those of ``quad``, of all parameters in one integral.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as gd
    >>> from chainrule.scipy.integrate import quad_vec
    >>> powers = np.arange(1.0, 3.0)
    >>> g = gd.jacobian(lambda c: quad_vec(lambda x: c * x**powers, 0.0, 1.0)[0])
    >>> g(np.ones(2)).round(6)
    array([[0.5     , 0.      ],
           [0.      , 0.333333]])
    """
    breaks = points if points is not None and moves(points) else None
    if breaks is not None and full_output:
        raise ArgumentError(
            "quad_vec with full_output takes plain points. Pass gd.value(points)."
        )
    options: dict[str, Any] = {
        "epsabs": epsabs,
        "epsrel": epsrel,
        "norm": norm,
        "cache_size": cache_size,
        "limit": limit,
        "points": None if breaks is not None else points,
        "quadrature": quadrature,
    }
    given = args if isinstance(args, tuple) else (args,)
    called = functools.partial(_called, f, given)

    def whole(f: Integrand, a: float, b: float, shape: Shape | None) -> tuple[Any, ...]:
        more = {**options, "full_output": full_output, "workers": workers}
        return _scipy.quad_vec(f, a, b, **more)

    if breaks is not None:
        return _between(called, a, b, whole, breaks, None)
    return integrate(called, a, b, whole, None)


def fixed_quad(
    func: Callable[..., Any], a: Value, b: Value, args: tuple[Any, ...] = (), n: int = 5
) -> tuple[Any, None]:
    """Return the integral by Gauss' rule of ``n`` points, as SciPy's ``fixed_quad``.

    Raises
    ------
    ValueError
        If a limit is infinite.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as gd
    >>> from chainrule.scipy.integrate import fixed_quad
    >>> slope = gd.grad(lambda b: fixed_quad(np.cos, 0.0, b)[0])(np.pi / 3)
    >>> round(float(slope), 6)
    0.5
    """
    for limit in map(raw, (a, b)):
        if first_stand_in(limit) is None and np.isinf(limit):
            raise ValueError("Gauss' rule is for finite limits only.")
    points, weights = scipy.special.roots_legendre(n)
    y: Any = (b - a) * (points + 1) / 2.0 + a
    integral = np.sum(weights * func(y, *args), axis=-1)
    return (b - a) / 2.0 * integral, None
