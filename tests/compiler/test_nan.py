"""Where a derivative is zero by structure it is zero, compiled or not.

A program carries no supports: a product of a structural zero and an infinity is nan in
it, and the function itself is run instead.
"""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from tests.compiler.comparing import assert_same, follows

ZEROS = np.array([0.0, 4.0, 0.0, 0.25])
MIXED = np.array([0.0, -1.0, 2.0, 0.0])
REGULAR = np.array([0.5, 1.5, 2.5, 3.5])

SAFE = {
    "where": lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0)),
    "where of a logarithm": lambda x: np.sum(np.where(x > 0, np.log(x), x)),
    "where of a quotient": lambda x: np.sum(np.where(x != 0, np.sin(x) / x, 1.0)),
    "where of a power": lambda x: np.sum(np.where(x > 0, np.abs(x) ** 0.3, x)),
    "maximum": lambda x: np.sum(np.maximum(np.sqrt(x), 0.75)),
    "clip": lambda x: np.sum(np.clip(np.sqrt(x), 0.75, 1.9)),
    "mask": lambda x: np.sum(np.sqrt(x)[np.array([False, True, False, True])]),
    "index": lambda x: np.sqrt(x)[1] * np.log(x)[3],
    "slice": lambda x: np.sum(np.sqrt(x)[1:2]),
    "ufunc mask": lambda x: np.sum(np.sqrt(x, where=x > 0)),
    "maximum of all": lambda x: np.max(np.sqrt(x)) * np.max(x),
    "not a path": lambda x: x[1] * x[3] + 0.0 * gd.value(np.sum(x)),
    "in a branch": lambda x: gd.cond(
        x[0] > 0, lambda v: np.sum(np.sqrt(v)), lambda v: np.sqrt(v)[1], x
    ),
    "in a scan": lambda x: gd.scan(
        lambda c, v: (c + np.where(v > 0, np.sqrt(v), 0.0), None), 0.0, x
    )[0],
    "in a vmap": lambda x: np.sum(
        gd.vmap(lambda v: np.where(v > 0, np.sqrt(v), 0.0))(x)
    ),
    "in a compiled function": lambda x: np.sum(np.where(x > 0, COMPILED_ROOT(x), 0.0)),
}
COMPILED_ROOT = gd.compile(np.sqrt)
DERIVATIVES = {
    "grad": gd.grad,
    "jvp": lambda f: lambda x: gd.jvp(f, (x,), (np.arange(1.0, 5.0),)),
    "value_and_grad": gd.value_and_grad,
    "hessian": gd.hessian,
    "hvp": lambda f: lambda x: gd.hvp(f, x, np.ones(4)),
}


@pytest.mark.parametrize("derivative", DERIVATIVES.values(), ids=DERIVATIVES)
@pytest.mark.parametrize("f", SAFE.values(), ids=SAFE)
def test_a_structural_zero_is_zero(f, derivative):
    follows(derivative(f), (REGULAR,), (ZEROS,), (MIXED,), (REGULAR,), (ZEROS,))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x * 2.0 if x == 0 else np.sqrt(x),
        lambda x: np.where(x > 0, np.sqrt(x), 0.0),
        lambda x: np.where(x > 0, gd.grad(np.sqrt)(x), 0.0),
        lambda x: np.linalg.norm(np.stack([x, 0.0 * x])),
        lambda x: np.hypot(x, 0.0),
        lambda x: np.maximum(x, 0.0) ** 0.5,
        lambda x: abs(x) ** 1.5,
    ],
    ids=range(7),
)
def test_scalars_at_their_edges(f):
    for kind in (float, np.float64):
        calls = [(kind(x),) for x in (1.5, 0.0, -0.0, 2.0, 0.0)]
        for g in (gd.grad(f), gd.hessian(f), lambda x: gd.jvp(f, (x,), (1.0,))):
            follows(g, *calls)


def test_norms_at_zero():
    zero, other = np.zeros(3), np.array([3.0, 0.0, 4.0])
    for f in (
        np.linalg.norm,
        lambda x: np.linalg.norm(x) ** 3,
        lambda x: np.sum(np.linalg.norm(np.outer(x, x), axis=1)),
        lambda x: np.linalg.norm(x, 1) + np.linalg.norm(x, np.inf),
    ):
        follows(gd.grad(f), (other,), (zero,), (other,))


def test_reruns_are_counted_and_cost_no_retrace():
    fast = gd.compile(gd.grad(SAFE["where"]))
    for x in (REGULAR, ZEROS, REGULAR, ZEROS, ZEROS):
        fast(x)
    found = fast.stats()
    assert found["nan_reruns"] == 3
    assert (found["retraces"], len(found["programs"])) == (0, 1)
    assert found["programs"][0]["calls"] == 2


def test_true_nans_stay():
    for f in (
        lambda x: np.sum(np.log(x)),
        lambda x: np.sum(x * np.inf - x * np.inf),
        lambda x: np.sum(np.sqrt(x) * 0.0),
    ):
        for g in (f, gd.grad(f)):
            follows(g, (REGULAR,), (-REGULAR,), (ZEROS,), (REGULAR * np.nan,))


def test_nan_in_values_is_no_reason_to_run_again():
    fast = gd.compile(lambda x: np.log(x) * 2.0)
    assert_same(fast(np.array([-1.0, 1.0])), np.array([np.nan, 0.0]))
    assert fast.stats()["nan_reruns"] == 0


def test_a_derivative_that_is_used_inside_is_watched():
    def f(x):
        slope = gd.grad(SAFE["where"])(x)
        return np.where(np.isfinite(slope), slope, 100.0)

    follows(f, (REGULAR,), (ZEROS,), (MIXED,))


def test_a_derivative_by_backward_is_watched():
    def f(x):
        leaf = gd.node(x)
        SAFE["where"](leaf).backward()
        return leaf.grad

    follows(f, (REGULAR,), (ZEROS,), (REGULAR,))
