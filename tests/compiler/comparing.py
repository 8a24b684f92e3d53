"""What the tests of compiled functions share: comparing them with eager calls."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.executors import choice, costs
from chainrule.compiler.executors.replay import Replay
from chainrule.values.containers import flatten

ORDERS: dict[str, Callable[..., Any]] = {
    "value": lambda f: f,
    "grad": gd.grad,
    "hessian": gd.hessian,
    "jvp": lambda f: lambda x: gd.jvp(f, (x,), (np.cos(x),)),
    "vjp": lambda f: lambda x: gd.vjp(f, x)[1](3.0),
    "forward hessian": lambda f: gd.jacobian(
        gd.jacobian(f, mode="forward"), mode="forward"
    ),
}
"""What is compiled of a scalar function of an array."""


def assert_same(
    actual: Any, expected: Any, rtol: float = 1e-12, scale: float = 0.0
) -> None:
    """Compare structure, shapes, dtypes and entries; nan is equal to nan.

    Differences are relative to the largest entry, or to ``scale`` if that is larger:
    the size of intermediates that cancel.
    """
    found, structure = flatten(actual)
    wanted, of = flatten(expected)
    assert structure == of
    for a, e in zip(found, wanted, strict=True):
        if isinstance(e, str):
            assert a == e
            continue
        assert np.shape(a) == np.shape(e)
        assert np.asarray(a).dtype == np.asarray(e).dtype
        finite = np.abs(np.where(np.isfinite(e), e, 0.0))
        limit = rtol * np.max(finite, initial=scale)
        np.testing.assert_allclose(a, e, rtol=rtol, atol=limit)


def follows(
    f: Callable[..., Any], *calls: Sequence[Any], rtol: float = 1e-12,
    scale: float = 0.0, **options: Any,
) -> Any:  # fmt: skip
    """Compile ``f`` and compare it with itself on each call, in this order.

    The workspace is poisoned in between, so that an unwritten read shows.
    """
    fast = gd.compile(f, **options)
    for arguments in calls:
        with np.errstate(all="ignore"):
            expected = f(*arguments)
        assert_same(fast(*arguments), expected, rtol, scale)
        for known in fast.signatures.values():
            for path in known.paths:
                if isinstance(path.run, Replay):
                    path.run.poison()
    return fast


def grad_of_sum(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return the gradient of the sum of squares of an array's function."""
    return gd.grad(lambda *operands: np.sum(f(*operands) ** 2))


def free(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have native code cost nothing, so that one call is enough to have it made.

    It is there for the next one after ``wait()``: no call makes it itself.
    """
    monkeypatch.setattr(costs, "TRACING", math.inf)
    for name in ("COMPILING", "FUSING", "GROUPING", "LOADING", "LOWERING", "NESTING"):
        monkeypatch.setattr(costs, name, 0.0)
    for name in ("OPTIMIZING", "PLACING"):
        monkeypatch.setattr(costs, name, 0.0)
    monkeypatch.setattr(choice, "REPEATED", 1)


def assert_calls_at_once(
    fast: Callable[..., Any],
    expected: Callable[..., Any],
    inputs: Sequence[Any],
    times: int,
    rtol: float,
) -> None:
    """Call a function from one thread per input, so many times; compare the last."""
    found: list[Any] = [None] * len(inputs)

    def work(i: int) -> None:
        for _ in range(times):
            found[i] = fast(inputs[i])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(inputs))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for x, z in zip(inputs, found, strict=True):
        np.testing.assert_allclose(z, expected(x), rtol=rtol)
