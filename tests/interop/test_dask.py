"""pmap on a Dask client, whose workers are other processes."""

from __future__ import annotations

import os

import numpy as np
import pytest

import chainrule as gd

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def client():
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.mark.filterwarnings("ignore")
def test_calls_run_on_the_workers(client):
    shift, calls = 2.0, []

    @gd.compile
    def f(x, scale):
        calls.append(1)
        return np.sum(scale * x**2) + shift

    x = np.arange(6.0).reshape(3, 2)
    many = gd.pmap(gd.grad(f), client, chunksize=1)
    np.testing.assert_allclose(many(x, scale=3.0), 6 * x)
    assert not calls
    assert os.getpid() not in gd.pmap(lambda x: os.getpid(), client)([1])
    with pytest.raises(ZeroDivisionError) as found:
        gd.pmap(lambda x: 1 // x, client)([2, 0])
    assert "call 1" in found.value.__notes__[-1]
