"""Jacobians of which most entries are zero take few sweeps."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.sparsity import plans
from chainrule.transforms import compressed
from tests.compiler.comparing import assert_same, follows
from tests.compiler.test_many_seeds import CASES, valley

X = np.linspace(0.5, 2.0, 24)
A = np.linspace(-1.0, 1.0, 24).reshape(4, 6)
B = np.cos(np.arange(24.0)).reshape(4, 6)


def largest(fast):
    """Return the entries of the largest result of arithmetic."""
    rows = [
        r for r in fast.newest()[1].program.rows if isinstance(r.function, np.ufunc)
    ]
    return max((int(np.prod(row.shape)) for row in rows), default=0)


def always_few(monkeypatch):
    for name in ("TRACED", "EAGER", "FEWEST"):
        monkeypatch.setattr(compressed, name, 1)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_case_is_that_of_eager_where_all_seeds_are_sparse(case, monkeypatch):
    monkeypatch.setattr(plans, "FILLED", 1)
    always_few(monkeypatch)
    f, arguments = case
    single = any(getattr(x, "dtype", None) == np.float32 for x in arguments)
    follows(f, arguments, rtol=1e-4 if single else 1e-9, executor="numpy")


SPARSE = {
    "products": lambda x: np.sin(x) * x / np.exp(x) - 2.0 * -x,
    "neighbours": lambda x: x[1:] * x[:-1] + np.cos(x[1:]),
    "every other": lambda x: x[::2] * x[::-2] + np.cos(x[1::2]),
    "chosen": lambda x: (x**3)[np.array([3, 1, 3, 20, 5, 7, 9, 2, 0])],
    "reversed": lambda x: np.flip(x) * np.roll(x, 3, axis=0),
    "turned": lambda x: (
        np.swapaxes(np.transpose(x.reshape(2, 3, 4), (2, 0, 1)), 0, 1)
        * np.arange(24.0).reshape(2, 4, 3)
    ),
    "axes": lambda x: np.squeeze(np.expand_dims(np.moveaxis(x.reshape(4, 6), 0, 1), 0)),
    "sums": lambda x: np.sum(np.exp(x.reshape(8, 3)), axis=1),
    "kept axes": lambda x: np.sum(np.exp(x.reshape(8, 3)), axis=1, keepdims=True),
    "pairs": lambda x: np.add.reduce(x.reshape(2, 12) ** 2),
    "broadcast": lambda x: np.broadcast_to(x, (2, 24)) * np.arange(48.0).reshape(2, 24),
    "enlarged": lambda x: x.reshape(24, 1) * np.linspace(1.0, 2.0, 3),
    "single": lambda x: np.sin(x.astype(np.float32)),
    "complex": lambda x: np.real(np.conj(x * (1.0 + 2.0j)) * 1j),
}


@pytest.mark.parametrize("mode", ["reverse", "forward"])
@pytest.mark.parametrize("f", SPARSE.values(), ids=SPARSE)
def test_few_sweeps_are_computed(f, mode, monkeypatch):
    always_few(monkeypatch)
    g = gd.jacobian(f, mode=mode)
    rtol = 1e-6 if f is SPARSE["single"] else 1e-12
    fast = follows(g, (X,), (X + 0.5,), rtol=rtol, executor="numpy")
    sizes = X.size, np.size(f(X))
    sweeps = sizes[mode == "reverse"]
    assert largest(fast) <= sweeps * max(sizes) // plans.FILLED


def test_what_mixes_all_entries_fills_up():
    f = gd.jacobian(lambda x: np.cumsum(np.sin(A @ np.exp(B * x.reshape(4, 6)).T) ** 2))
    fast = follows(f, (X,), (X / 2,), executor="numpy")
    assert largest(fast) > 24 * 16 // plans.FILLED


@pytest.mark.parametrize("n", [30, 300])
def test_a_banded_hessian_takes_work_like_its_band(n):
    fast = follows(gd.hessian(valley), (np.linspace(0.5, 1.5, n),))
    assert largest(fast) <= 3 * n


def test_entries_that_meet_are_added():
    def f(x):
        m = x.reshape(4, 6)
        return np.sum(m * A, axis=0) + np.sum(m[::-1] / B, axis=0)

    for mode in ("reverse", "forward"):
        follows(gd.jacobian(f, mode=mode), (X,), (X * 2,))


def test_zeros_of_a_seed_are_zero_next_to_an_infinity(monkeypatch):
    always_few(monkeypatch)
    c = np.ones(24)
    c[3] = np.inf
    f = gd.jacobian(lambda x, c: np.sin(x) * c)
    fast = gd.compile(f)
    with np.errstate(all="ignore"):
        assert_same(fast(X, c), f(X, c))
    assert fast.stats()["nan_reruns"] == 0


def test_zeros_of_examples_are_numbers():
    identity = np.eye(24)
    f = gd.vmap(lambda row, x: row * x, (0, None))
    c = np.where(np.arange(24) == 3, np.inf, 1.0)
    with np.errstate(all="ignore"):
        found = gd.compile(lambda x: f(identity, x))(c)
    assert np.isnan(found).sum() == 23
