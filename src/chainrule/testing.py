"""Checking derivatives against finite differences: ``check_gradients``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, GradientMismatchError
from chainrule.nodes.admission import as_value
from chainrule.transforms.numerical import ACCOUNTS
from chainrule.transforms.products import jvp, vjp
from chainrule.values.containers import flatten, is_container, unflatten
from chainrule.values.foreign import first_foreign
from chainrule.values.shapes import ARRAYS, SEQUENCES, describe, dtype_of, shape_of
from chainrule.values.types import Operation, Value

Direction = list[Any]


def check_gradients(
    f: Callable[..., Any],
    args: Sequence[Any],
    modes: Sequence[str] = ("forward", "reverse"),
    order: int = 2,
    *,
    rtol: float = 1e-5,
    atol: float = 1e-6,
    step: float = 1e-4,
    seed: int = 0,
) -> None:
    """Compare the derivatives of ``f`` at ``args`` with central differences.

    Along a random direction ``v``, ``(f(x + h v) - f(x - h v)) / 2h`` must agree with
    the forward sweep, and the reverse sweep with the forward one by the dot-product law
    ``<z_grad, J v> = <J.T z_grad, v>``. For ``order > 1`` the derivative itself is
    checked the same way.

    Parameters
    ----------
    f
        A function of numbers, arrays and containers of them.
    args
        A tuple of its arguments; every inexact leaf is moved.
    modes
        Which sweeps to check: ``"forward"``, ``"reverse"`` or both.
    order
        The highest order to check.
    rtol, atol
        The allowed difference, relative to the largest of the numbers compared.
    step
        The step ``h`` of the differences.
    seed
        Of the random directions.

    Raises
    ------
    GradientMismatchError
        If two derivatives disagree; it names the mode, the order and both numbers.
        ``gd.diagnose`` tells where a nan, a kink or lost digits come from.

    Examples
    --------
    >>> import chainrule as gd, numpy as np
    >>> gd.check_gradients(lambda x: np.sum(np.sin(x) ** 2), (np.ones(3),))
    """
    unknown = [m for m in modes if m not in ("forward", "reverse")]
    if unknown or not modes or isinstance(modes, str):
        raise ArgumentError(
            f"check_gradients needs modes among ('forward', 'reverse'); received "
            f"{modes!r}."
        )
    if not isinstance(args, SEQUENCES):
        raise ArgumentError("check_gradients needs a tuple of arguments: (x,).")
    lazy = first_foreign(flatten(list(args))[0])
    if lazy is not None:
        raise ArgumentError(
            f"check_gradients compares entries; received {describe(lazy)}, whose "
            "entries are not asked for. Pass a small array of NumPy's."
        )
    checker = _Checker(rtol, atol, step, np.random.default_rng(seed))
    checker.check(f, tuple(map(_with_floats, args)), tuple(modes), order, 1)


class _Checker:
    def __init__(
        self, rtol: float, atol: float, step: float, rng: np.random.Generator
    ) -> None:
        self.rtol, self.atol, self.step, self.rng = rtol, atol, step, rng
        self.before = {a: a.derivatives for a in ACCOUNTS}

    def check(
        self,
        f: Callable[..., Any],
        args: tuple[Any, ...],
        modes: tuple[str, ...],
        order: int,
        level: int,
    ) -> None:
        """Check one order, then the derivative function for the next."""
        v = self.direction(args)
        value, pullback = vjp(f, *args)
        expected = self.difference(f, args, v)
        z_grad = [None if z is None else self.like(z) for z in expected]
        expected = [z for z in expected if z is not None]
        paired = _dot([g for g in z_grad if g is not None], expected)
        if "forward" in modes:
            z_dot = flatten(jvp(f, args, v)[1])[0]
            for got, want in zip(z_dot, expected, strict=True):
                self.compare(got, want, f"forward mode, order {level}")
        if "reverse" in modes:
            grads = pullback(unflatten(flatten(value)[1], z_grad))
            got = _dot(_inexact(grads), _inexact(v))
            self.compare(got, paired, f"reverse mode, order {level}")
        if level >= order:
            return
        if "forward" in modes:
            self.check(lambda *x: jvp(f, x, v)[1], args, modes, order, level + 1)
        if "reverse" in modes:
            seed = unflatten(flatten(value)[1], z_grad)
            self.check(
                lambda *x: tuple(_inexact(vjp(f, *x)[1](seed))),
                args,
                modes,
                order,
                level + 1,
            )

    def direction(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return a random direction in the structure of the arguments."""
        leaves, structure = flatten(args)
        return unflatten(structure, [self.like(x) for x in leaves])

    def like(self, x: Value) -> Any:
        """Return normal numbers like ``x``; what is not inexact stays as it is."""
        if not _is_inexact(x):
            return x
        shape, dtype = shape_of(x), dtype_of(x)
        v: Any = self.rng.normal(size=shape)
        if dtype.kind == "c":
            v = v + 1j * self.rng.normal(size=shape)
        return float(v) if shape == () and dtype == np.float64 else v.astype(dtype)

    def difference(
        self, f: Operation, args: Sequence[Any], v: Sequence[Any]
    ) -> list[Any]:
        """Return the central difference of each result along ``v``.

        It is ``None`` for a whole number, a truth value or text beside floats.
        """
        ends = [_results(f(*_moved(args, v, h))) for h in (self.step, -self.step)]
        return [
            (np.asarray(a) - np.asarray(b)) / (2 * self.step)
            if _is_inexact(a)
            else None
            for a, b in zip(*ends, strict=True)
        ]

    def compare(self, got: Value, want: Value, where: str) -> None:
        """Raise if two derivatives disagree, relative to the larger of them."""
        got, want = np.asarray(got), np.asarray(want)
        scale = max(np.max(np.abs(want), initial=0), np.max(np.abs(got), initial=0))
        worst = np.max(np.abs(got - want), initial=0)
        allowed = self.atol + self.rtol * scale
        if not worst <= allowed:
            raise GradientMismatchError(
                f"{where}: the sweep gives {got!r}, central differences give "
                f"{want!r}; they differ by {worst:.3g}, allowed {allowed:.3g}."
                f"{self.by_differences()} gd.diagnose(f, ...) tells where a nan, a "
                "kink or lost digits come from."
            )

    def by_differences(self) -> str:
        """Say which derivatives on the way were numerical, and how exact."""
        used = [a for a in ACCOUNTS if a.derivatives > self.before.get(a, 0)]
        return "".join(f" The derivative of {a.name} is {a}." for a in used)


def _results(z: Any) -> list[Any]:
    """Return the leaves of what a function returns, pandas' objects as their values.

    Of nodes it returns nodes there.
    """
    if isinstance(z, SEQUENCES):
        return [leaf for x in z for leaf in _results(x)]
    held = hasattr(z.__class__, "__pandas_priority__")
    return [np.asarray(z)] if held else flatten(z)[0]


def _is_inexact(x: Any) -> bool:
    return isinstance(x, float | complex) or (
        isinstance(x, ARRAYS) and x.dtype.kind in "fc"
    )


def _with_floats(arg: Any) -> Any:
    """Return an argument as transforms take it: floats, if it holds whole numbers only.

    In a container truth values stay.
    """
    leaves, structure = flatten(arg)
    if any(map(_is_inexact, leaves)):
        return arg
    whole = not is_container(arg)
    return unflatten(
        structure, [as_value(x) if _is_whole(x, truth=whole) else x for x in leaves]
    )


def _is_whole(x: Any, *, truth: bool) -> bool:
    if isinstance(x, ARRAYS):
        return x.dtype.kind in ("iub" if truth else "iu")
    return isinstance(x, int) and (truth or not isinstance(x, bool))


def _inexact(tree: Any) -> list[Any]:
    leaves = flatten(tree)[0]
    return [x for x in leaves if _is_inexact(x) or _kind_of(x) in ("f", "c")]


def _kind_of(x: Any) -> str:
    return x.dtype.kind if hasattr(x, "dtype") else ""


def _moved(args: Sequence[Any], v: Sequence[Any], h: float) -> Any:
    leaves, structure = flatten(args)
    moved = [
        x + h * d if _is_inexact(x) else x
        for x, d in zip(leaves, flatten(v)[0], strict=True)
    ]
    return unflatten(structure, moved)


def _dot(a: Sequence[Any], b: Sequence[Any]) -> float:
    """Return the real pairing of two lists of arrays."""
    return float(
        sum(
            np.sum(np.real(np.asarray(p) * np.asarray(q)))
            for p, q in zip(a, b, strict=True)
        )
    )
