"""``autograd.util``: small functions that programs of autograd use."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any


def subvals(x: Iterable[Any], ivs: Iterable[tuple[int, Any]]) -> tuple[Any, ...]:
    """Return a tuple with some of its entries replaced: pairs of place and value."""
    replaced = list(x)
    for i, v in ivs:
        replaced[i] = v
    return tuple(replaced)


def subval(x: Iterable[Any], i: int, v: Any) -> tuple[Any, ...]:
    """Return a tuple with one entry replaced."""
    return subvals(x, [(i, v)])


def of_arguments(
    fun: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    argnums: Sequence[int],
) -> Callable[..., Any]:
    """Return a call of a function as a function of some of its arguments."""

    def moved(*xs: Any) -> Any:
        return fun(*subvals(args, zip(argnums, xs, strict=True)), **kwargs)

    return moved


def func(f: Any) -> Any:
    """Return a function as it is: what a class had unbound in Python 2."""
    return f


def toposort(
    end_node: Any,
    parents: Callable[[Any], Iterable[Any]] = operator.attrgetter("parents"),
) -> Iterator[Any]:
    """Yield the nodes that one depends on, children before parents."""
    counts: dict[Any, int] = {}
    waiting = [end_node]
    while waiting:
        x = waiting.pop()
        counts[x] = counts.get(x, 0) + 1
        if counts[x] == 1:
            waiting += parents(x)
    ready = [end_node]
    while ready:
        x = ready.pop()
        yield x
        for parent in parents(x):
            counts[parent] -= 1
            if not counts[parent]:
                ready.append(parent)


def quick_grad_check(
    fun: Callable[..., Any],
    arg0: Any,
    extra_args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    **_: Any,
) -> None:
    """Check a gradient; deprecated in autograd in favour of ``check_grads``."""
    from chainrule.compat.autograd.test_util import check_grads

    warnings.warn("quick_grad_check is deprecated; use check_grads.", stacklevel=2)

    def of_first(x: Any) -> Any:
        return fun(x, *extra_args, **(kwargs or {}))

    check_grads(of_first, modes=["rev"], order=1)(arg0)
