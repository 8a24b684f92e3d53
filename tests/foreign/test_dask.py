"""Nodes of Dask arrays: derivatives are Dask arrays too, and nothing is computed."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
from tests.foreign.libraries import ComputedError, lazily  # noqa: E402

RNG = np.random.default_rng(0)
X, Y, W = RNG.normal(size=(60, 4)), RNG.random(60) < 0.5, RNG.normal(size=4)
DATA = da.from_array(X, chunks=(7, 4)), da.from_array(Y, chunks=7)


def logistic(w, x, y):
    z = x @ w
    return np.sum(np.logaddexp(0.0, z) - y * z) + 0.5 * np.sum(w * w)


JOBS = {
    "value_and_grad": lambda x, y: gd.value_and_grad(logistic)(W, x, y),
    "jvp": lambda x, y: gd.jvp(lambda w: logistic(w, x, y), (W,), (W,)),
    "hvp": lambda x, y: gd.hvp(lambda w: logistic(w, x, y), (W,), (W,)),
    "hessian": lambda x, y: gd.hessian(lambda w: logistic(w, x, y))(W),
    "jacobian": lambda x, y: gd.jacobian(lambda w: np.sum(np.tanh(x * w), 0))(W),
    "third": lambda x, y: gd.hvp(
        lambda v: gd.jvp(lambda w: logistic(w, x, y), (v,), (W,))[1], (W,), (W,)
    ),
}


@pytest.mark.parametrize("job", JOBS)
def test_derivatives_are_lazy_and_right(job):
    with lazily():
        found = JOBS[job](*DATA)
    expected = JOBS[job](X, Y)
    for a, e in zip(*(dask.compute(z)[0] for z in (found, expected)), strict=True):
        np.testing.assert_allclose(a, e, rtol=1e-11)
    for z in found if isinstance(found, tuple) else (found,):
        assert type(z) is da.Array


def test_value_and_gradient_are_one_graph():
    value, grad = gd.value_and_grad(logistic)(W, *DATA)
    forward = {k for k in dict(value.__dask_graph__()) if "logaddexp" in str(k)}
    assert len(forward) == 9  # one a chunk
    assert len([k for k in dict(grad.__dask_graph__()) if "transpose" in str(k)]) == 9
    both = dask.compute(value, grad)
    np.testing.assert_allclose(both[1], gd.grad(logistic)(W, X, Y), rtol=1e-11)


def test_a_gradient_in_the_data_keeps_its_chunks():
    with lazily():
        found = gd.grad(logistic, 1)(W, *DATA)
    assert found.chunks == DATA[0].chunks
    np.testing.assert_allclose(found, gd.grad(logistic, 1)(W, X, Y), rtol=1e-11)


def test_a_sum_s_cotangent_has_the_chunks_of_what_was_summed():
    with lazily():
        found = gd.grad(lambda x: np.sum(np.sum(x, 1) ** 2))(DATA[0])
    assert found.chunks == DATA[0].chunks


def test_nodes_by_hand():
    with lazily():
        x = gd.node(DATA[0])
        z = np.sum(np.where(x > 0, np.sqrt(x), 0.0))
        z.backward()
        assert repr(x) == "node(Array, shape (60, 4), float64)"
    assert type(x.value) is type(x.grad) is da.Array
    with np.errstate(all="ignore"):
        expected = gd.grad(lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0)))(X)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(x.grad, expected)


def test_whole_numbers_become_floats():
    assert gd.node(da.arange(3)).dtype == np.float64


def test_the_owner_s_writes_reach_no_node():
    a = da.from_array(np.array([1.0, 2.0, 3.0]), chunks=2)
    leaf, x = gd.node(a), gd.node(np.ones(3))
    z = np.sum(a * x)
    a[0] = 7.0
    z.backward()
    np.testing.assert_array_equal(x.grad, [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(leaf.value, [1.0, 2.0, 3.0])


def test_an_unknown_shape_is_refused_with_a_remedy():
    x = da.from_array(X, chunks=7)
    with pytest.raises(ArgumentError, match=r"np\.where\(mask"):
        gd.grad(lambda x: np.sum(x[x > 0]))(x)
    with pytest.raises(ArgumentError, match="compute_chunk_sizes"):
        gd.node(x[x > 0])


def test_the_tests_notice_a_computation():
    with pytest.raises(ComputedError), lazily():
        DATA[0].compute()
