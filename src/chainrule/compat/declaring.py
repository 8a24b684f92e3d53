"""``defvjp`` and its relatives: what a program says of a primitive's derivative."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from chainrule.compat.autograd.util import subval
from chainrule.compat.namespaces import overridden
from chainrule.compat.primitives import JVPS, VJPS, NoRuleError, dense, name_of
from chainrule.compat.primitives import primitive as plain_primitive
from chainrule.rules.supports import zeros_of
from chainrule.values.containers import map_leaves
from chainrule.values.vertices import raw

Function = Callable[..., Any]


def defvjp_argnums(fun: Function, vjpmaker: Function) -> None:
    """Give ``vjpmaker(argnums, ans, args, kwargs)``, whose vjp returns a tuple."""
    VJPS[overridden(fun)] = vjpmaker


def defvjp_argnum(fun: Function, vjpmaker: Function) -> None:
    """Give ``vjpmaker(argnum, ans, args, kwargs)``, one argument at a time."""

    def vjp_argnums(argnums: Sequence[int], *args: Any) -> Function:
        vjps = [vjpmaker(argnum, *args) for argnum in argnums]

        def vjp(g: Any) -> list[Any]:
            return [f(g) for f in vjps]

        return vjp

    defvjp_argnums(fun, vjp_argnums)


def defvjp(
    fun: Function, *vjpmakers: Any, argnums: Iterable[int] | None = None
) -> None:
    """Give ``vjpmaker(ans, *args, **kwargs)`` of each argument; ``None``: zero."""
    numbers = itertools.count() if argnums is None else argnums
    makers = dict(zip(numbers, vjpmakers, strict=False))
    for maker in vjpmakers:
        if maker is not None and not callable(maker):
            raise TypeError(f"Bad VJP {maker!r} for {name_of(fun)!r}")

    known = frozenset(makers)

    def vjp_argnums(
        argnums: Sequence[int], ans: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Function:
        if not known.issuperset(argnums):
            raise NoRuleError(
                f"VJP of {name_of(fun)} wrt argnums {tuple(argnums)} not defined. "
                "Give it by defvjp."
            )
        vjps: list[Any] = []
        for i in argnums:
            maker = makers[i]
            vjps.append(None if maker is None else maker(ans, *args, **kwargs))

        def vjp(g: Any) -> list[Any]:
            pairs = zip(argnums, vjps, strict=True)
            return [zeros_like(args[i]) if f is None else f(g) for i, f in pairs]

        return vjp

    vjp_argnums.argnums = known  # type: ignore[attr-defined]
    defvjp_argnums(fun, vjp_argnums)


def zeros_like(x: Any) -> Any:
    """Return the zero of a value's vector space."""

    def zero(v: Any) -> Any:
        return zeros_of(raw(v))

    return map_leaves(zero, x)


def defjvp_argnums(fun: Function, jvpmaker: Function) -> None:
    """Give ``jvpmaker(argnums, gs, ans, args, kwargs)``, the tangent of the result."""
    JVPS[overridden(fun)] = jvpmaker


def defjvp_argnum(fun: Function, jvpmaker: Function) -> None:
    """Give ``jvpmaker(argnum, g, ans, args, kwargs)``; the parts are added."""

    def jvp_argnums(
        argnums: Sequence[int],
        gs: Sequence[Any],
        ans: Any,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> Any:
        pairs = zip(argnums, gs, strict=True)
        return _sum([jvpmaker(i, g, ans, args, kwargs) for i, g in pairs])

    defjvp_argnums(fun, jvp_argnums)


def defjvp(fun: Function, *jvpfuns: Any, argnums: Iterable[int] | None = None) -> None:
    """Give ``jvp(g, ans, *args, **kwargs)`` of each argument.

    ``None`` is zero, and ``"same"`` the function itself, which is linear there.
    """
    numbers = itertools.count() if argnums is None else argnums
    given = dict(zip(numbers, jvpfuns, strict=False))
    for jvp in jvpfuns:
        if jvp is not None and jvp != "same" and not callable(jvp):
            raise TypeError(f"Bad JVP {jvp!r} for {name_of(fun)!r}")

    def part(
        i: int, g: Any, ans: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        jvp = given[i]
        if jvp is None:
            return zeros_like(ans)
        if jvp == "same":
            return fun(*subval(args, i, g), **kwargs)
        return jvp(g, ans, *args, **kwargs)

    known = frozenset(given)

    def jvp_argnums(
        argnums: Sequence[int],
        gs: Sequence[Any],
        ans: Any,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> Any:
        if not known.issuperset(argnums):
            raise NoRuleError(
                f"JVP of {name_of(fun)} wrt argnums {tuple(argnums)} not defined. "
                "Give it by defjvp."
            )
        pairs = zip(argnums, gs, strict=True)
        return _sum([part(i, g, ans, args, kwargs) for i, g in pairs])

    jvp_argnums.argnums = known  # type: ignore[attr-defined]
    jvp_argnums.is_itself = "same" in jvpfuns  # type: ignore[attr-defined]
    defjvp_argnums(fun, jvp_argnums)


def _sum(parts: Sequence[Any]) -> Any:
    """Return the sum of tangents, also of containers."""
    total = dense(parts[0])
    if len(parts) > 1:
        from chainrule.compat.autograd.core import vspace

        for part in parts[1:]:
            total = vspace(total).add(total, dense(part))
    return total


def def_linear(fun: Function) -> None:
    """Say that a function is linear in all of its arguments."""

    def same(
        argnum: int, g: Any, ans: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        return fun(*subval(args, argnum, g), **kwargs)

    defjvp_argnum(fun, same)
    JVPS[overridden(fun)].is_itself = True  # type: ignore[attr-defined]


# ---------------------------------------------------------------- as autograd had it


def primitive(f_raw: Function) -> Any:
    """Return a primitive with the methods of old, which say that they are of old."""
    function: Any = plain_primitive(f_raw)
    given: dict[int, Any] = {}

    def declare(argnum: int, maker: Any) -> None:
        given[argnum] = maker
        numbers = sorted(given)
        defvjp(function, *(given[i] for i in numbers), argnums=numbers)

    def old_defvjp(vjpmaker: Function, argnum: int = 0) -> None:
        _warn("defvjp")

        def maker(ans: Any, *args: Any, **kwargs: Any) -> Function:
            from chainrule.compat.autograd.core import vspace

            def vjp(g: Any) -> Any:
                spaces = vspace(args[argnum]), vspace(g)
                return vjpmaker(g, ans, *spaces, *args, **kwargs)

            return vjp

        declare(argnum, maker)

    def old_defvjp_is_zero(argnums: Iterable[int] = (0,)) -> None:
        _warn("defvjp_is_zero")
        for i in argnums:
            declare(i, None)

    def old_defgrad(gradfun: Function, argnum: int = 0) -> None:
        _warn("defgrad")
        declare(argnum, gradfun)

    function.defvjp = old_defvjp
    function.defvjp_is_zero = old_defvjp_is_zero
    function.defgrad = old_defgrad
    return function


def _warn(name: str) -> None:
    warnings.warn(
        f"The method {name} is deprecated: use autograd.extend.defvjp.", stacklevel=3
    )
