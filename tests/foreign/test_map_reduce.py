"""Functions of chunks: compiled once in each process, summed in a tree."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
cloudpickle = pytest.importorskip("cloudpickle")
from tests.foreign.libraries import lazily  # noqa: E402

RNG = np.random.default_rng(0)
X, Y, W = RNG.normal(size=(60, 4)), RNG.random(60) < 0.5, RNG.normal(size=4)
DATA = da.from_array(X, chunks=(7, 4)), da.from_array(Y, chunks=7)


def logistic(w, x, y):
    z = x @ w
    return np.sum(np.logaddexp(0.0, z) - y * z)


def curvature(w, v, x, y):
    return gd.hvp(lambda w: logistic(w, x, y), (w,), (v,))


@pytest.mark.parametrize("compile", [True, False])
@pytest.mark.parametrize("split_every", [2, 8])
def test_the_sum_over_chunks_is_that_of_the_whole(compile, split_every):
    total = gd.map_reduce(
        gd.value_and_grad(logistic), *DATA, compile=compile, split_every=split_every
    )
    with lazily():
        lazy = total(W)
    value, slope = lazy.compute(scheduler="sync")
    expected = gd.value_and_grad(logistic)(W, X, Y)
    np.testing.assert_allclose(value, expected[0], rtol=1e-12)
    np.testing.assert_allclose(slope, expected[1], rtol=1e-10)


def test_hessian_products_and_several_parameters():
    total = gd.map_reduce(curvature, *DATA)
    found = total.compute(W, 2 * W, scheduler="threads")
    np.testing.assert_allclose(found, curvature(W, 2 * W, X, Y), rtol=1e-10)


def test_lists_of_chunks_and_containers_of_parameters():
    def loss(p, x, y):
        return logistic(p["w"] * p["s"], x, y)

    parts = [X[:20], dask.delayed(X[20:])], [Y[:20], Y[20:]]
    found = gd.map_reduce(gd.grad(loss), *parts).compute({"w": W, "s": 2.0})
    expected = gd.grad(loss)({"w": W, "s": 2.0}, X, Y)
    np.testing.assert_allclose(found["w"], expected["w"], rtol=1e-10)
    np.testing.assert_allclose(found["s"], expected["s"], rtol=1e-10)


def test_another_reduction():
    total = gd.map_reduce(np.max, DATA[0], reduce=max, split_every=3)
    assert total.compute() == np.max(X)


def test_reading_a_chunk_and_computing_with_it_is_one_task():
    total = gd.map_reduce(gd.value_and_grad(logistic), DATA[0] * 2.0, DATA[1] > 0)
    graph = dict(dask.optimize(total(W))[0].__dask_graph__())
    computed = [k for k in graph if "array" not in str(k)]
    assert len(computed) <= 9 + 2 + 2  # chunks, the tree, parameters


def test_the_tree_of_sums_is_one_layer_whatever_the_number_of_chunks():
    chunks = [X[i : i + 1] for i in range(60)], [Y[i : i + 1] for i in range(60)]
    for data in (DATA, [v.rechunk({0: 1}) for v in DATA], chunks):
        total = gd.map_reduce(gd.grad(logistic), *data, split_every=2)
        lazy = total(W)
        sums = [k for k in lazy.dask.layers if "map_reduce" in k]
        assert len(sums) == 1
        assert len(lazy.dask.layers) < (70 if data is chunks else 5)
        np.testing.assert_allclose(
            lazy.compute(scheduler="sync"), gd.grad(logistic)(W, X, Y), rtol=1e-11
        )


def test_a_process_compiles_once():
    total = gd.map_reduce(gd.grad(lambda w, x, y: 2 * logistic(w, x, y)), *DATA)
    sent = cloudpickle.dumps(total._apply)
    tasks = [pickle.loads(sent) for _ in range(3)]
    for task in tasks:
        np.testing.assert_allclose(
            task((0,), (W,), X, Y), 2 * gd.grad(logistic)(W, X, Y), rtol=1e-10
        )
    (compiled,) = {task._f.args[0] for task in tasks}
    assert len(compiled.signatures) == 1


REFUSED = {
    "rechunk": lambda: gd.map_reduce(logistic, DATA[0].rechunk(5), DATA[1]),
    "whole rows": lambda: gd.map_reduce(logistic, DATA[0].rechunk((7, 2)), DATA[1]),
    "from_array": lambda: gd.map_reduce(logistic, X, Y),
    "as many": lambda: gd.map_reduce(logistic, [X], [Y, Y]),
    "not both": lambda: gd.map_reduce(logistic, [X], DATA[1]),
    "needs data": lambda: gd.map_reduce(logistic),
    "split_every": lambda: gd.map_reduce(logistic, *DATA, split_every=1),
    r"w\.compute": lambda: gd.map_reduce(logistic, *DATA)(da.from_array(W)),
    "value_and_grad": lambda: gd.grad(gd.map_reduce(logistic, *DATA))(W),
}


def test_labels_around_an_array_of_dask_are_to_be_taken_off():
    xarray = pytest.importorskip("xarray")
    labelled = xarray.DataArray(DATA[0], dims=("row", "column"))
    with pytest.raises(ArgumentError, match=r"x\.data"):
        gd.map_reduce(logistic, labelled, DATA[1])


@pytest.mark.parametrize("remedy", REFUSED)
def test_what_is_refused_says_what_to_write(remedy):
    with pytest.raises(ArgumentError, match=remedy):
        REFUSED[remedy]()


def test_results_of_different_structures_are_refused():
    def f(x):
        return (1.0,) if len(x) == 7 else [1.0]

    total = gd.map_reduce(f, DATA[0], compile=False)
    with pytest.raises(ArgumentError, match="reduce="):
        total.compute(scheduler="sync")


class TwofoldError(Exception):
    """One that can be pickled and not unpickled."""

    def __init__(self, a, b):
        super().__init__(f"{a} and {b}")


def failing(w, x):
    if x[0, 0] == X[14, 0]:
        try:
            return {}["rows"]
        except KeyError as error:
            raise ValueError("no such rows") from error
    return w * np.sum(x)


def ending(w, x):
    if x[0, 0] == X[14, 0]:
        raise TwofoldError(1, 2)
    return w * np.sum(x)


@pytest.mark.parametrize("data", [DATA[0], [X[7 * i : 7 * i + 7] for i in range(9)]])
@pytest.mark.parametrize("scheduler", ["sync", "threads", "processes"])
def test_an_error_names_its_chunk_and_keeps_its_cause(data, scheduler):
    total = gd.map_reduce(gd.grad(failing), data, compile=False)
    with pytest.raises(ValueError, match="no such rows") as caught:
        total.compute(1.0, scheduler=scheduler)
    (note,) = caught.value.__notes__
    assert note.startswith("chainrule.map_reduce: chunk 2 raised this.")
    assert "KeyError" in repr(caught.value.__cause__) + note


@pytest.mark.parametrize(
    ("scheduler", "kind"), [("threads", TwofoldError), ("processes", RuntimeError)]
)
def test_an_error_that_does_not_travel_is_told(scheduler, kind):
    total = gd.map_reduce(gd.grad(ending), DATA[0], compile=False)
    with pytest.raises(kind, match="1 and 2") as caught:
        total.compute(1.0, scheduler=scheduler)
    assert caught.value.__notes__ == ["chainrule.map_reduce: chunk 2 raised this."]


def test_an_error_of_a_join_names_its_chunks():
    def join(a, b):
        if b == 8:
            raise ValueError("eight")
        return max(a, b)

    parts = [np.full(1, i) for i in range(9)]
    total = gd.map_reduce(lambda x: x[0], parts, reduce=join, split_every=3)
    with pytest.raises(ValueError, match="eight") as caught:
        total.compute(scheduler="sync")
    (note,) = caught.value.__notes__
    assert note.endswith("joining the results of chunks 6 to 8 raised this.")
