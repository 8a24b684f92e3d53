"""The two sweeps: recorded ones, long chains, memory, stale values."""

from __future__ import annotations

import copy
import gc
import weakref

import numpy as np
import pytest

import chainrule as gd
from chainrule import node, operations
from chainrule.errors import RecordingError, StaleValueError
from chainrule.rules.namespace import plain
from chainrule.rules.supports import supported
from chainrule.sweeps.order import collect
from chainrule.sweeps.sweep import forward_sweep, reverse_sweep, sweep_values

# --------------------------------------------------------------------------- the sweeps


def test_collect_stops_at_older_vertices():
    x = node(2.0)
    y = x * 3.0
    start = y.serial
    z = (y + x) * y
    found = collect([z], start)
    assert [v.operation for v in found.order] == ["multiply", "add"]
    assert set(found.older) == {x, y}
    assert list(found.table()) == list(found.table()) == found.order
    nothing, before = collect([]), collect([y], start)
    assert (nothing.order, nothing.older) == ([], [])
    assert (before.order, before.older) == ([], [y])


def test_targets_keep_only_what_was_asked_for():
    x, y = node(2.0), node(5.0)
    u = x * y
    z = u * u
    order = collect([z]).order
    seeds = {z: supported(1.0)}
    every = reverse_sweep(plain, order, seeds)
    values = {v: b.value for v, b in every.items()}
    assert values == {z: 1.0, u: 20.0, x: 100.0, y: 40.0}
    some = reverse_sweep(plain, order, seeds, [x])
    assert x in some
    assert u not in some
    assert some[x].value == 100.0
    bars, leaves = sweep_values(collect([z]), {z: 1.0}, keep=False)
    assert bars[u] is None
    assert (bars[x], bars[y]) == (100.0, 40.0)
    assert set(leaves) == {x, y}


def test_recorded_sweep_is_differentiable_again():
    x = node(1.5)
    z = np.exp(x) * x**3
    for derivative in range(1, 5):
        bars = reverse_sweep(operations, collect([z]).order, {z: supported(1.0)}, [x])
        z = bars[x].value
        k, v = derivative, 1.5
        expected = v**3 + 3 * k * v**2 + 3 * k * (k - 1) * v + k * (k - 1) * (k - 2)
        np.testing.assert_allclose(z.value, np.exp(v) * expected, rtol=1e-13)


def test_forward_sweep_over_several_seeds():
    x, y = node(2.0), node([1.0, 3.0])
    z = x * y
    order = collect([z]).order
    dots = forward_sweep(plain, order, {x: supported(1.0), y: supported(np.ones(2))})
    np.testing.assert_array_equal(dots[z].value, [3.0, 5.0])
    dots = forward_sweep(plain, order, {x: supported(1.0)})
    np.testing.assert_array_equal(dots[z].value, [1.0, 3.0])


def test_identity_and_item_in_both_sweeps():
    a = node(np.array([[2.0, 1.0], [0.5, 3.0]]))
    sign, log = np.linalg.slogdet(copy.copy(+a))
    order = collect([log]).order
    names = ["item", "slogdet", "identity", "positive", None]
    assert [v.operation for v in order] == names
    inverse = np.linalg.inv(a.value)
    d = np.array([[0.0, 1.0], [2.0, 0.0]])
    dots = forward_sweep(plain, order, {a: supported(d)})
    np.testing.assert_allclose(dots[log].value, np.sum(inverse.T * d))
    bars = reverse_sweep(plain, order, {log: supported(2.0)})
    np.testing.assert_allclose(bars[a].value, 2.0 * inverse.T)
    assert bars[order[1]].value[0] is None
    log.backward()
    np.testing.assert_allclose(a.grad, inverse.T)
    (log * sign).backward()
    np.testing.assert_allclose(a.grad, 2.0 * inverse.T)


def test_a_cycle_is_refused():
    edges = {"a": ["b"], "b": ["c"], "c": ["b"]}
    with pytest.raises(RecordingError, match=r"cycle: only 1 of 3 .* remove the cycle"):
        gd.topological_sort(list(edges), edges)


# --------------------------------------------------------------------- size and memory


@pytest.mark.parametrize(
    "n", [100_000, pytest.param(1_000_000, marks=pytest.mark.slow)]
)
def test_many_nodes(n):
    x = node(1.0)
    z = x
    for _ in range(n // 2):
        z = z * 1.000001
        z = z + 1e-9
    vertices, edges = [], {}
    gd.generate_graph(z, vertices, edges)
    assert len(vertices) == n + 1
    z.backward()
    np.testing.assert_allclose(x.grad, 1.000001 ** (n // 2), rtol=1e-9)
    del vertices, edges
    gone = weakref.ref(z)
    del z
    assert gone() is None


def test_a_long_chain_of_arrays_in_both_sweeps():
    x = node(np.ones(3))
    z = x
    for _ in range(20_000):
        z = z * 1.0001
    order = collect([z]).order
    dots = forward_sweep(plain, order, {x: supported(np.ones(3))})
    np.testing.assert_allclose(dots[z].value, z.value)
    z.backward(np.ones(3))
    np.testing.assert_allclose(x.grad, z.value)


@pytest.fixture
def no_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def graph_of(x):
    return np.sum(np.exp(np.sin(x) * x + np.where(x > 0, x, 2.0)) @ np.ones((3, 2)))


def second_graph(x):
    z = graph_of(x)
    bars = reverse_sweep(operations, collect([z]).order, {z: supported(node(1.0))}, [x])
    return np.sum(bars[x].value * bars[x].value)


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("f", [graph_of, second_graph, lambda x: np.linalg.slogdet(
    x * np.eye(3) + 1.0)[1]], ids=["first", "second", "several results"])  # fmt: skip
@pytest.mark.parametrize("swept", [False, True])
def test_memory_is_released_by_reference_counting_alone(f, swept):
    x = node([1.0, 2.0, 3.0])
    z = f(x)
    if swept:
        z.backward()
    order = collect([z]).order
    gone = [weakref.ref(v) for v in order if v is not x]
    assert len(gone) > 2
    del order, z
    assert [r() for r in gone if r() is not None] == []
    leaf = weakref.ref(x)
    del x
    assert leaf() is None


@pytest.mark.usefixtures("no_collector")
def test_hand_written_graphs_are_released_too():
    class by_hand:
        def __init__(self, x):
            self.x, self.vertices = x, [x]

        def backward(self, z_grad):
            self.x.grad += 2.0 * z_grad

    x = node(1.0)
    z = node(2.0, grad_ops=by_hand(x)) * 3.0
    z.backward()
    assert x.grad == 6.0
    gone = weakref.ref(z.operands[0])
    del z
    assert gone() is None


# ------------------------------------------------------------------------- stale values


def test_a_value_assigned_after_use_is_stale():
    x = node(2.0)
    z = x * x
    x.value = 5.0
    with pytest.raises(StaleValueError, match=r"node\(5\.0\).*'multiply' had used it"):
        z.backward()
    assert x.grad == 0.0
    z = x * x
    z.backward()
    assert x.grad == 10.0


def test_stale_only_where_the_leaf_was_used_before():
    x, y = node(2.0), node(3.0)
    old = y * y
    x.value = 7.0
    z = old * x
    z.backward()
    assert (x.grad, y.grad) == (9.0, 42.0)
    y.value = 1.0
    with pytest.raises(StaleValueError, match="Run the function again"):
        z.backward()


def test_training_loop_assigns_values():
    x = node([3.0, -2.0])
    for _ in range(60):
        loss = np.sum((x - 1.0) ** 2)
        x.grad = 0.0
        loss.backward()
        x.value = x.value - 0.25 * x.grad
    np.testing.assert_allclose(x.value, 1.0, rtol=1e-9)
