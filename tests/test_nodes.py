"""The node: what it holds, how it is copied, and that nothing changes behind it."""

from __future__ import annotations

import copy
import operator
import sys
import threading
import tracemalloc

import numpy as np
import pytest

from chainrule import node
from chainrule.errors import EscapeError, RecordingError
from chainrule.rules import REGISTRY

# ---------------------------------------------------------------------- what it holds


@pytest.mark.parametrize(
    ("given", "kind", "dtype"),
    [
        (3, float, "f8"),
        (True, float, "f8"),
        (2.5, float, "f8"),
        (np.int64(3), float, "f8"),
        (np.bool_(True), float, "f8"),
        (np.float64(2.5), np.float64, "f8"),
        (np.float32(2.5), np.float32, "f4"),
        (1 + 2j, np.complex128, "c16"),
        (np.complex64(1j), np.complex64, "c8"),
        (np.array(2.5), np.ndarray, "f8"),
        ([1, 2, 3], np.ndarray, "f8"),
        (((1.0, 2.0), (3.0, 4.0)), np.ndarray, "f8"),
        (np.arange(3), np.ndarray, "f8"),
        (np.array([True, False]), np.ndarray, "f8"),
        (np.ones(2, np.float32), np.ndarray, "f4"),
        (np.ones(2, np.complex64), np.ndarray, "c8"),
        ([], np.ndarray, "f8"),
    ],
)
def test_values(given, kind, dtype):
    x = node(given)
    assert type(x.value) is kind
    assert x.dtype == np.dtype(dtype)
    assert x.shape == np.shape(given)
    assert x.ndim == np.ndim(given)
    assert x.size == np.size(given)
    np.testing.assert_array_equal(x.value, given)


def test_len_iteration_and_unpacking():
    x = node([[1.0, 2.0], [3.0, 4.0]])
    assert len(x) == 2
    (a, b), row = x
    assert (a.value, b.value) == (1.0, 2.0)
    (a * row[1]).backward()
    np.testing.assert_array_equal(x.grad, [[4.0, 0.0], [0.0, 1.0]])
    for f in (len, iter, list):
        with pytest.raises(TypeError, match="holds a number"):
            f(node(2.0))


INDICES = [
    1, -1, slice(None, None, -1), slice(1, 3), Ellipsis, None, (), (0, 1), (..., 0),
    (slice(None), None, 1), (None, 2, slice(0, 2)), [0, 2, 2, 0], np.array([0, -1, 0]),
    (slice(None), [1, 1, 0]), ([0, 1], [1, 1]), np.array([True, False, True]),
    (np.array([True, False, True]), 1), ([[0], [2]], [1, 1]),
    (np.array(1), slice(None)),
    np.arange(6).reshape(3, 2) % 2 == 0, (0, np.True_), False,
    (np.newaxis, [2, 0], np.newaxis, slice(None)), np.int64(1), slice(3, 3),
]  # fmt: skip


@pytest.mark.parametrize("index", INDICES, ids=[str(i) for i in range(len(INDICES))])
def test_indexing(index, rng):
    value = rng.normal(size=(3, 2))
    x = node(value)
    z = x[index]
    np.testing.assert_array_equal(z.value, value[index])
    seed = rng.normal(size=z.shape)
    z.backward(seed)
    expected = np.zeros((3, 2))
    np.add.at(expected, index, seed)
    np.testing.assert_allclose(x.grad, expected, rtol=1e-14)


def test_value_is_a_copy_and_read_only():
    given = np.array([1.0, 2.0])
    x = node(given)
    given[0] = 99.0
    np.testing.assert_array_equal(x.value, [1.0, 2.0])
    with pytest.raises(ValueError, match="read-only"):
        x.value[0] = 5.0
    x.value = given
    given[0] = -1.0
    np.testing.assert_array_equal(x.value, [99.0, 2.0])


@pytest.mark.parametrize("nothing", [0.0, None])
def test_grad_can_be_set_and_starts_anew(nothing):
    x = node([1.0, 2.0])
    np.sum(x * x).backward()
    x.grad = nothing
    assert x.grad == 0.0
    np.sum(x * x).backward()
    np.testing.assert_array_equal(x.grad, [2.0, 4.0])
    assert node(1.0).grad == 0.0


def test_words_of_other_libraries_are_answered_with_ours():
    x = node([1.0, 2.0])
    remedies = {
        "detach": r"gd\.stop_gradient\(x\)",
        "numpy": r"gd\.value\(x\)",
        "at": r"y = x\.copy\(\)",
        "zero_grad": r"gd\.zero_grad\(x\)",
    }
    for name, remedy in remedies.items():
        with pytest.raises(AttributeError, match=remedy):
            getattr(x, name)
        assert name not in dir(x)


def test_vertices_without_contribution_have_zero_grad():
    x, y = node(2.0), node(3.0)
    np.where(True, x, y).backward()
    assert (x.grad, y.grad) == (1.0, 0.0)
    assert type(y.grad) is float
    u, w = 2.0 * x, 2.0 * y
    np.where(True, u, w).backward()
    assert (u.grad, w.grad, x.grad, y.grad) == (1.0, 0.0, 3.0, 0.0)
    np.copysign(u, w).backward()
    assert (u.grad, w.grad, x.grad, y.grad) == (1.0, 0.0, 5.0, 0.0)


def test_backward_takes_a_seed():
    x = node([1.0, 2.0])
    z = x**2
    z.backward([1.0, 10.0])
    np.testing.assert_array_equal(x.grad, [2.0, 40.0])
    z.backward(z_grad=np.array([1, 0]))
    np.testing.assert_array_equal(x.grad, [4.0, 40.0])
    one = node([[3.0]])
    (one * 2.0).backward()
    np.testing.assert_array_equal(one.grad, [[2.0]])


def test_complex_gradients_descend():
    x = node(np.array([1 + 2j, -0.5j]))
    for _ in range(100):
        x.grad = 0.0
        np.sum(abs(x - (3 - 1j)) ** 2).backward()
        x.value = x.value - 0.1 * x.grad
    np.testing.assert_allclose(x.value, 3 - 1j, rtol=1e-6)


# --------------------------------------------------- arrays changed by their owner


def changed(use, array):
    """Return the gradient of a use of ``array``, which its owner changes before it."""
    x = node([0.5, 1.5, 2.5])
    z = np.sum(use(x, array))
    array[...] = np.roll(array, 1) if array.dtype == bool else array[::-1].copy()
    z.backward()
    return x.grad


USES = {
    "multiply": (lambda x, a: x * a, [1.0, 2.0, 4.0]),
    "multiply left": (lambda x, a: a * x, [1.0, 2.0, 4.0]),
    "divide": (lambda x, a: x / a, [1.0, 2.0, 4.0]),
    "divide left": (lambda x, a: a / x, [1.0, 2.0, 4.0]),
    "power": (lambda x, a: x**a, [1.0, 2.0, 4.0]),
    "view": (lambda x, a: x * a[:], [1.0, 2.0, 4.0]),
    "transposed": (lambda x, a: x * a.T, [1.0, 2.0, 4.0]),
    "read-only view": (lambda x, a: x * np.broadcast_to(a, (2, 3)), [1.0, 2.0, 4.0]),
    "matmul": (lambda x, a: a @ x, [1.0, 2.0, 4.0]),
    "dot": (np.dot, [1.0, 2.0, 4.0]),
    "outer": (lambda x, a: np.outer(x, a)[:, 0], [1.0, 2.0, 4.0]),
    "einsum": (lambda x, a: np.einsum("i,i->", x, a), [1.0, 2.0, 4.0]),
    "maximum": (np.maximum, [1.0, 1.0, 4.0]),
    "where": (lambda x, a: np.where(a, x, 0.0), [True, False, False]),
    "mask": (lambda x, a: x[a], [True, False, False]),
    "indices": (lambda x, a: x[a], [0, 1, 1]),
    "indices in tuple": (lambda x, a: (x * np.ones((2, 3)))[:, a], [0, 1, 1]),
    "ufunc where": (
        lambda x, a: np.exp(x, where=a), [True, False, False]
    ),
    "sum where": (lambda x, a: np.sum(x * x, where=a), [True, False, False]),
    "take": (np.take, [0, 1, 1]),
    "stack": (lambda x, a: np.stack([x, a])[0] ** 2, [1.0, 2.0, 4.0]),
}  # fmt: skip


@pytest.mark.parametrize("name", USES)
def test_an_array_changed_by_its_owner(name):
    use, array = USES[name]
    x = node([0.5, 1.5, 2.5])
    np.sum(use(x, np.array(array))).backward()
    found = changed(use, np.array(array))
    np.testing.assert_array_equal(found, x.grad)
    assert len(np.unique(x.grad)) > 1 or name == "outer"


def test_memory_that_is_no_array_changed_by_its_owner():
    memory = bytearray(np.array([1.0, 2.0, 4.0]).tobytes())
    x = node([0.5, 1.5, 2.5])
    z = np.sum(x * np.frombuffer(memoryview(memory).toreadonly()))
    memory[:] = bytes(len(memory))
    z.backward()
    np.testing.assert_array_equal(x.grad, [1.0, 2.0, 4.0])


def test_a_list_index_changed_by_its_owner():
    x, index = node([1.0, 2.0, 3.0]), [0, 1]
    z = np.sum(x[index])
    index[1] = 2
    z.backward()
    np.testing.assert_array_equal(x.grad, [1.0, 1.0, 0.0])


def test_seeds_and_gradients_do_not_alias():
    x = node([1.0, 2.0])
    seed = np.array([1.0, 1.0])
    z = x + 0.0
    z.backward(seed)
    seed[0] = 50.0
    np.testing.assert_array_equal(x.grad, [1.0, 1.0])
    kept = x.grad
    z.backward(np.array([1.0, 1.0]))
    np.testing.assert_array_equal(kept, [1.0, 1.0])


# ------------------------------------------------------------------------------ copying


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy], ids=["copy", "deepcopy"])
@pytest.mark.parametrize("value", [2.0, np.float32(2.0), [1.0, 2.0], 1 + 1j])
def test_copies_of_leaves(how, value):
    x = node(value)
    np.sum(abs(x) ** 2).backward()
    y = how(x)
    assert y is not x
    assert y.grad_ops is None
    assert y.dtype == x.dtype
    np.testing.assert_array_equal(y.value, x.value)
    np.testing.assert_array_equal(y.grad, x.grad)
    before = np.array(x.grad)
    y.grad = 7.0
    y.value = 3.0
    np.testing.assert_array_equal(x.grad, before)
    np.testing.assert_array_equal(x.value, value)


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy], ids=["copy", "deepcopy"])
def test_copies_of_results_stay_differentiable(how):
    x = node(3.0)
    z = how(x * x) * 2.0
    z.backward()
    assert x.grad == 12.0


def test_deepcopy_of_a_container_keeps_identity():
    x = node(2.0)
    first, second = copy.deepcopy([x, {"again": x}])
    assert second["again"] is first
    assert first is not x


# ------------------------------------------------------------------------------ threads


def in_threads(work, count):
    """Run ``work(k)`` in threads that start together; return what they raised."""
    failed, together = [], threading.Barrier(count)

    def run(k):
        together.wait()
        try:
            work(k)
        except Exception as error:  # a thread's failure must reach the test
            failed.append(error)

    threads = [threading.Thread(target=run, args=(k,)) for k in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return failed


@pytest.fixture
def eager_switching():
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("eager_switching")
def test_threads_work_on_graphs_of_their_own():
    answers = {k: set() for k in range(8)}

    def work(k):
        for _ in range(30):
            x = node(float(k))
            z = x
            for _ in range(50):
                z = np.sin(z) * x + 1.0 / (1.0 + z * z)
            z.backward()
            answers[k].add(x.grad)

    assert in_threads(work, len(answers)) == []
    assert all(len(found) == 1 for found in answers.values())


@pytest.mark.usefixtures("eager_switching")
def test_threads_meet_on_what_is_made_once():
    def work(k):
        v = node(np.full(3, float(k)))
        np.sum(np.exp(-v, where=v.value > 0) @ np.outer(v, [1.0, 2.0])).backward()
        assert v.grad.shape == (3,)

    for _ in range(25):
        for r in REGISTRY:
            for table in ("_plans", "_steps"):
                vars(r).get(table, {}).clear()
        assert in_threads(work, 8) == []


# -------------------------------------------------------------------------------- size


def test_a_recorded_scalar_operation_is_small():
    n = 20_000
    x = z = node(1.0)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(n // 2):
        z = z * x
        z = z + 0.001
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (after - before) / n < 250


# ----------------------------------------------------------------------- in-place forms


def test_augmented_assignment_makes_a_new_node():
    x = node(2.0)
    z = x
    z += 3.0
    z *= x
    assert x.value == 2.0
    z.backward()
    assert x.grad == 7.0


@pytest.mark.parametrize("f", [operator.iadd, operator.imul, operator.ipow])
def test_augmented_assignment_into_a_plain_array_is_refused(f):
    a = np.ones(2)
    with pytest.raises(EscapeError, match="out="):
        f(a, node([1.0, 2.0]))
    np.testing.assert_array_equal(a, 1.0)


def test_values_of_results_cannot_be_assigned():
    z = node(2.0) * 3.0
    with pytest.raises(RecordingError, match="computed by 'multiply'"):
        z.value = 1.0
    assert z.value == 6.0
