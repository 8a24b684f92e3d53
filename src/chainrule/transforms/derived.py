"""A function derived from another one, and which of its arguments it is about."""

from __future__ import annotations

import functools
import inspect
import math
import sys
from collections.abc import Callable, Sequence
from typing import Any, Generic, ParamSpec, TypeVar

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.transforms.collector import CollectorPaused
from chainrule.values.shapes import SEQUENCES, describe
from chainrule.values.types import Operation

P = ParamSpec("P")
R = TypeVar("R")
_INTEGERS = (int, np.integer)
Argnums = int | str | Sequence[int | str]
"""Which arguments: by position, or by name."""


class Derived(Generic[P]):
    """A function made of another one, such as ``vmap(f)``.

    It is called like ``f``, carries its name and documentation, works as a method, and
    pickles if ``f`` does.
    """

    def __init__(
        self, method: Callable[..., Any], f: Callable[P, Any], **options: Any
    ) -> None:
        """Keep how (``method``), of what (``f``), and with which options."""
        if not callable(f):
            name = method.__name__.strip("_")
            raise ArgumentError(
                f"{name} needs a function; received {describe(f)}. Write "
                f"gd.{name}(f)(x), not gd.{name}(f(x))."
            )
        self.method = method
        self.f: Operation = f
        self.__wrapped__ = f  # inspect.signature finds the parameters of f
        self.options = options
        own = self.__dict__
        for name in ("__name__", "__qualname__", "__doc__", "__module__"):
            try:
                own[name] = getattr(f, name)
            except AttributeError:
                continue

    def __call__(self, *args: P.args, **keywords: P.kwargs) -> Any:
        """Call what was made."""
        return self.method(self.f, args, keywords, **self.options)

    def __reduce__(self) -> Any:
        """Pickle the name of a decorated function, or what it was made of."""
        made = functools.partial(type(self), **self.options)
        return global_name(self) or (made, (self.method, self.f))

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """Bind as a method does."""
        return self if instance is None else functools.partial(self, instance)

    def __repr__(self) -> str:
        """Show what it was made of."""
        return f"<{self.method.__name__.strip('_')} of {described(self.f)}>"


class DerivedFunction(Derived[P]):
    """A derivative of a function in some of its arguments, such as ``grad(f)``."""

    def __init__(
        self, method: Callable[..., Any], f: Callable[P, Any], **options: Any
    ) -> None:
        """Keep how (``method``), of what (``f``), and with which options."""
        super().__init__(method, f, **options)
        argnums = options.get("argnums", 0)
        check_argnums(argnums)
        self._last: float = _last_of(argnums)

    def __call__(self, *args: P.args, **keywords: P.kwargs) -> Any:
        """Differentiate the call ``f(*args, **keywords)``."""
        f, options = self.f, self.options
        given: tuple[Any, ...] = args
        named: dict[str, Any] = keywords
        if self._last >= len(given):
            f, given, named, numbers = by_position(f, given, named, options["argnums"])
            options = {**options, "argnums": numbers}
        with CollectorPaused():
            return self.method(f, given, named, **options)

    def __repr__(self) -> str:
        """Show what it was made of, and of which arguments."""
        argnums = self.options["argnums"]
        names = _parameters(self.f)
        about = [
            names[i] if isinstance(i, int) and -len(names) <= i < len(names) else f"{i}"
            for i in (argnums if isinstance(argnums, SEQUENCES) else [argnums])
        ]
        return f"{super().__repr__()[:-1]} in {' and '.join(about)}>"


def global_name(f: Operation) -> str:
    """Return the name that a function has in its module, ``""`` if it has none."""
    name = getattr(f, "__qualname__", "")
    home = sys.modules.get(getattr(f, "__module__", ""))
    return name if getattr(home, name, None) is f else ""


def described(f: Callable[..., Any]) -> str:
    """Return what a function is called in a text: its name, or what it was made of."""
    of_ours = type(f).__module__.partition(".")[0] == __name__.partition(".")[0]
    if not of_ours and hasattr(f, "__qualname__"):
        return f.__qualname__
    text = repr(f)
    return text[1:-1].partition(",")[0] if text.startswith("<") else text


def by_position(
    f: Operation, args: tuple[Any, ...], keywords: dict[str, Any], argnums: Argnums
) -> tuple[Operation, tuple[Any, ...], dict[str, Any], int | Sequence[int]]:
    """Return a call whose differentiated arguments are positional.

    An argument that was passed by keyword comes after the others.
    """
    single = isinstance(argnums, int | np.integer | str)
    moved: dict[str, int] = {}
    numbers: list[Any] = []
    for i in [argnums] if single else argnums:  # type: ignore[union-attr]
        name = i if isinstance(i, str) else _keyword_at(f, i, len(args))
        if name is not None and name in keywords:
            numbers.append(moved.setdefault(name, len(args) + len(moved)))
        elif isinstance(i, str):
            names = _parameters(f)[: len(args)]
            if i not in names:
                raise ArgumentError(
                    f"argnums={argnums!r} names no argument of the call: {i!r} was "
                    f"not passed. It was called with {[*names, *keywords]}."
                )
            numbers.append(names.index(i))
        else:
            count = len(args)
            numbers.append(i % count if -count <= i < count else i)

    def positional(*given: Any, **others: Any) -> Any:
        count = len(given) - len(moved)
        named = dict(zip(moved, given[count:], strict=True))
        return f(*given[:count], **named, **others)

    called: Operation = f
    if moved:
        args = (*args, *(keywords[name] for name in moved))
        keywords = {k: x for k, x in keywords.items() if k not in moved}
        called = functools.update_wrapper(positional, f, updated=())
    return called, args, keywords, numbers[0] if single else numbers


def _keyword_at(f: Operation, i: int, count: int) -> str | None:
    """Return the name of a parameter that no positional argument filled."""
    if i < count:
        return None
    names = _parameters(f)
    return names[i] if i < len(names) else None


def _parameters(f: Operation) -> list[str]:
    try:
        return list(inspect.signature(f).parameters)
    except (TypeError, ValueError):
        return []


def check_argnums(argnums: Any) -> None:
    """Refuse what is no position, no name and no tuple of them."""
    single = isinstance(argnums, int | str | np.integer) and argnums is not True
    if not single and not isinstance(argnums, SEQUENCES):
        raise ArgumentError(
            "argnums= takes the position or the name of an argument, or a tuple of "
            f"them; received {describe(argnums)}. The arguments themselves are those "
            "of the function that is returned: gd.grad(f)(x)."
        )


def _last_of(argnums: Argnums) -> float:
    """Return the largest position; that of a name is not known, infinite."""
    if not isinstance(argnums, int | tuple):
        return math.inf
    given = (argnums,) if isinstance(argnums, int) else argnums
    numbers = [i for i in given if type(i) is int]
    return max(numbers, default=-1) if len(numbers) == len(given) else math.inf


def positions_of(argnums: Any, args: Sequence[Any]) -> tuple[list[int], bool]:
    """Return positions as non-negative numbers, and whether a single one was given."""
    if argnums.__class__ is int and 0 <= argnums < len(args):
        return [argnums], True
    single = isinstance(argnums, _INTEGERS) and not isinstance(argnums, bool)
    numbers: list[Any] = [argnums] if single else list(argnums)  # type: ignore
    for i in numbers:
        if not isinstance(i, _INTEGERS) or not -len(args) <= i < len(args):
            raise ArgumentError(
                f"argnums={argnums!r} is out of range: the function was called with "
                f"{len(args)} positional arguments. Pass the argument by position."
            )
    positions = [int(i) % len(args) for i in numbers]
    if len(set(positions)) != len(positions):
        raise ArgumentError(f"argnums={argnums!r} names an argument twice.")
    return positions, single
