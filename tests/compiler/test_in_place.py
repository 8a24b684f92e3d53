"""Compiled functions that change arrays do as uncompiled ones do."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.executors.buffers import written_in_place
from chainrule.errors import EscapeError, ReadOnlyError
from chainrule.operations_grad.indexing import setitem, written_last
from tests.compiler.comparing import ORDERS, assert_same
from tests.programs_in_place import PROGRAMS, V, moved, random_program
from tests.test_in_place import loops

DATA_DEPENDENT = {"sorted_by_bubbles", "where_it_is_large"}


def assert_compiled(f, x, order, **options):
    """Compare at the first call, a replay, another point, and another layout."""
    transform = ORDERS[order]
    fast, slow = gd.compile(transform(f), **options), transform(f)
    points = [x, x, 1.1 * x + 0.01]
    points = [moved(x, p - x) for p in points]
    points += [np.ascontiguousarray(x), np.asfortranarray(x)]
    for point in points:
        given = moved(point, 0.0)
        expected = slow(moved(point, 0.0))
        assert_same(fast(given), expected, rtol=1e-10, scale=1.0)
        np.testing.assert_array_equal(given, point)


@pytest.mark.thinned(3)
@pytest.mark.parametrize("order", ["value", "grad", "jvp", "hessian"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(name, order):
    assert_compiled(*PROGRAMS[name], order)


@pytest.mark.thinned(2)
@pytest.mark.parametrize("executor", ["numpy", "vm", "native"])
@pytest.mark.parametrize("name", sorted(PROGRAMS.keys() - DATA_DEPENDENT))
def test_executors(name, executor):
    f, x = PROGRAMS[name]
    for order in ("value", "grad"):
        assert_compiled(f, x, order, executor=executor)


@pytest.mark.parametrize("executor", ["auto", "numpy", "vm", "native"])
@pytest.mark.parametrize("order", ORDERS)
def test_loops(order, executor):
    assert_compiled(loops, V, order, executor=executor)


@pytest.mark.parametrize("seed", range(12))
def test_random_programs(seed):
    x = np.random.default_rng(seed).uniform(0.5, 1.5, (3, 4) if seed % 2 else (4,))
    for order in ("value", "grad", "jvp"):
        assert_compiled(random_program(seed), x, order)


def test_mapped_programs():
    xs = np.stack([V, V + 0.1, 2.0 * V])
    for name in ("view_of_a_view", "fancy", "overlapping", "many_views", "parts"):
        f = PROGRAMS[name][0]
        slow = np.stack([gd.grad(f)(x) for x in xs])
        mapped = gd.compile(gd.vmap(gd.grad(f)))
        for _ in range(2):
            np.testing.assert_allclose(mapped(xs), slow, rtol=1e-10)


def test_whole_numbers():
    def f(n):
        k = np.arange(4) * n
        k[0] = 7
        k[1:] += k[:-1]
        k //= 2
        k |= 8
        k[k > 9] <<= 1
        return k

    fast = gd.compile(f)
    for n in (3, 3, 5):
        np.testing.assert_array_equal(fast(n), f(n))
        assert fast(n).dtype == f(n).dtype


def test_layouts_are_part_of_the_signature():
    def f(m):
        m = m * 1.0
        flat = m.reshape(-1)
        m += 1.0
        flat[0] = 5.0
        return m

    m = np.arange(6.0).reshape(2, 3)
    fast = gd.compile(f)
    for x in (m, np.asfortranarray(m), m, m[:, ::-1], np.asfortranarray(m)):
        np.testing.assert_array_equal(fast(x), f(x))
    assert len(fast.stats()["programs"]) == 3

    plain = gd.compile(lambda m: m.reshape(-1) * 2.0)
    for x in (m, np.asfortranarray(m)):
        np.testing.assert_array_equal(plain(x), x.reshape(-1) * 2.0)
    assert len(plain.stats()["programs"]) == 1


def test_arguments_stay_also_in_reruns_and_inside_other_functions():
    def f(x):
        x -= 1.0
        return np.sum(np.where(x > 0, np.sqrt(x), 0.0))

    fast = gd.compile(gd.grad(f))
    x = np.array([1.0, 2.0])
    for _ in range(2):
        np.testing.assert_array_equal(fast(x), [0.0, 0.5])
    assert fast.stats()["nan_reruns"] == 2
    np.testing.assert_array_equal(x, [1.0, 2.0])

    inner = gd.compile(f)

    def outer(x):
        y = x * 2.0
        return inner(y) + np.sum(y)

    for _ in range(2):
        assert gd.compile(outer)(x) == outer(x)


def test_values_of_a_trace_are_not_written_behind_its_back():
    def f(x):
        out, pull = gd.vjp(lambda t: t * t * x, x)
        x += 10.0
        first, second = gd.grad(lambda a, b: np.sum(a * 2 + b * 2), (0, 1))(x, x)
        first += 1.0
        n = gd.node(x) * x
        kept = gd.value(n)
        x[0] = 0.0
        return pull(np.ones(3))[0], out, first, second, kept, x

    x = np.array([1.0, 2.0, 3.0])
    assert_same(gd.compile(f)(x), f(x.copy()))


@pytest.mark.parametrize("what", ["cond", "scan", "vmap", "while"])
def test_bodies_that_write_into_what_is_not_theirs(what):
    def f(x):
        y = x * 1.0

        def write(v, _=None):
            y[0] = np.sum(v)
            return v, np.sum(v)

        def write_own(v):
            v[0] = 0.0
            return v

        if what == "cond":
            return gd.cond(x[0] > 0, write_own, np.sin, y)
        if what == "scan":
            return gd.scan(write, x, np.arange(3.0))[0] + y
        if what == "vmap":
            return gd.vmap(lambda a, v: write_own(v) * a, in_axes=(0, None))(x, y)
        return gd.while_loop(lambda v: v[0] < 5, lambda v: write(v)[0] + 1, x) + y

    with pytest.raises(EscapeError, match=r"write into a copy|np.copy\(x\)"):
        gd.compile(f)(np.array([1.0, 2.0]))


def signs_of_outer(x):
    def step(c, v):
        s = np.sign(x)
        s[s == 0] = 1.0
        s *= 3.0
        return c + v * np.sum(s), s * v

    return gd.scan(step, 0.0, x)


def views_of_own(x):
    def step(c, v):
        s = x * 1.0
        s[1:][0] = 7.0
        return c + v * s[1], v * s

    return gd.scan(step, 0.0, x)


def values_of_a_step(x):
    def step(c, v):
        s = x * 2.0
        s[0] = v
        s[1:] += v
        return c + np.sum(s * x), s

    return gd.scan(step, 0.0, x)


def in_nested_maps(x):
    def outer(v):
        q = x * 2.0

        def inner(w):
            r = q * 1.0
            r[0] = 9.0
            r[1] = w
            return np.sum(r * w)

        return gd.vmap(inner)(x) * v

    return gd.vmap(outer)(x)


@pytest.mark.parametrize(
    "f", [signs_of_outer, views_of_own, values_of_a_step, in_nested_maps]
)
def test_bodies_write_into_what_they_make_of_outer_values(f):
    x = np.array([1.0, -2.0, 0.0, 3.0])
    fast = gd.compile(f)
    slope = gd.compile(gd.grad(lambda x: sum(map(np.sum, f(x)))))
    for y in (x, x[::-1].copy()):
        for a, b in zip(fast(y), f(y), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)
        expected = gd.grad(lambda x: sum(map(np.sum, f(x))))(y)
        np.testing.assert_allclose(slope(y), expected, rtol=1e-12)


def test_a_nested_body_does_not_write_into_what_another_made():
    def outer(v, x):
        q = x * 2.0

        def inner(w):
            q[0] = w
            return np.sum(q)

        return gd.vmap(inner)(x) * v

    with pytest.raises(EscapeError, match="write into a copy"):
        gd.compile(gd.vmap(outer, in_axes=(0, None)))(np.ones(3), np.ones(3))


def test_refusals():
    x = np.ones((2, 2))
    for write, error in [
        (lambda x: np.broadcast_to(x[0], (2, 2)).__iadd__(1.0), ReadOnlyError),
        (lambda x: np.diagonal(x).__setitem__(0, 1.0), ReadOnlyError),
        (lambda x: x.astype(int).__iadd__(x), TypeError),
        (lambda x: x[0].__iadd__(x), ValueError),
        (lambda x: x[0, 0].__setitem__((), 1.0), TypeError),
        (lambda x: x.__setitem__(0, gd.node(x[0])), EscapeError),
    ]:
        with pytest.raises(error):
            gd.compile(write)(x)


def test_parts_of_complex_arrays_are_written():
    def f(x):
        c = x * (1.0 + 2.0j)
        real, tail = c.real, c[1:]
        c.imag = x**2
        c.real *= x
        real[1:] += x[:-1]
        c.imag[::2] = x[0]
        tail.real = 3.0 * x[1:]
        tail.imag[0] = x[2]
        return np.sum(np.abs(c) ** 2) + np.sum(real)

    for g in (f, gd.grad(f)):
        fast = gd.compile(g)
        for x in (V, V + 0.5):
            np.testing.assert_allclose(fast(x), g(x), rtol=1e-12)


def test_source_shows_writes():
    def f(x):
        y = x * x
        y[1:] += x[:-1]
        return y

    fast = gd.compile(f)
    fast(V)
    assert "setitem(v0, v" in gd.source(fast)


@pytest.mark.parametrize("n", [30, 2000])
def test_a_replayed_write_goes_into_the_same_memory(n):
    """Where nobody looks at the array any more; else what it was stays."""

    def f(x):
        y, kept = x * 1.0, []
        for i in range(1, 12):
            y[i] = y[i - 1] * 0.9 + x[i]
            if i % 4 == 0:
                kept.append(np.sum(y * y) * y[::-1])
        whole = y[1:]
        y[:5] = whole[:5]
        return np.sum(sum(kept) * y) + np.sum(whole), y

    x = np.linspace(0.5, 1.0, n)
    for g in (f, gd.grad(f, has_aux=True)):
        fast = gd.compile(g, executor="numpy")
        for scale in (1.0, 0.5):
            first, expected = fast(scale * x), g(scale * x)
            program = fast.newest()[1].program
            writes = [row for row in program.rows if row.function is setitem]
            in_place = written_in_place(program)
            assert len(writes) // 2 < len(in_place & {*writes}) < len(writes)
            fast(x)  # results of the call before are nobody's memory
            for a, e in zip(first, expected, strict=True):
                np.testing.assert_allclose(a, e, rtol=1e-12)


def test_arguments_constants_and_results_are_not_written_in_a_replay():
    table = np.arange(5.0)

    def f(x):
        y = x + 0.0
        first = y * 2.0
        first[0] = 7.0
        kept = first + 0.0
        first[1] = x[0]
        z = np.where(table > 9.0, x, table)
        z[2] = first[1]
        x[3] = 0.5
        return kept, first, z, x, y

    fast, x = gd.compile(f, executor="numpy"), np.linspace(1.0, 2.0, 5)
    for _ in range(2):
        found, expected = fast(x), f(x.copy())
        for a, e in zip(found, expected, strict=True):
            np.testing.assert_array_equal(a, e)
        np.testing.assert_array_equal(x, np.linspace(1.0, 2.0, 5))
        np.testing.assert_array_equal(table, np.arange(5.0))


def filled_by_scan(x):
    """Write nodes from outside into the carry, at places that are counted."""

    def step(y, i):
        y[i] = y[i - 1] * 0.9 + x[i] * y[0]
        y[0] += 0.1 * x[i]
        return y, y[i] * x[0]

    y, found = gd.scan(step, x * 0.5, np.arange(1, 5))
    return np.sum(y * y) + np.sum(np.sin(found))


def chosen(x):
    """Write a node from outside into the argument of a branch's result."""

    def step(y, v):
        z = y * v
        z[1:] = x[:-1] * z[0]
        return z, np.sum(z)

    y, found = gd.scan(step, x * 0.0 + 1.0, np.linspace(0.5, 1.0, 3))
    return np.sum(y * x) + found[0] * found[1]


@pytest.mark.parametrize("f", [filled_by_scan, chosen], ids=lambda f: f.__name__)
@pytest.mark.parametrize("order", ["value", "grad", "jvp", "hessian"])
def test_nodes_from_outside_are_written_into_a_carry(f, order):
    x = np.linspace(0.5, 1.5, 5)
    assert_compiled(f, x, order)
    gd.check_gradients(f, (x,))


def test_a_number_that_a_trace_counts_is_one_place():
    fast = gd.compile(gd.grad(filled_by_scan))
    fast(np.linspace(0.5, 1.5, 5))
    functions = [row.function for row in fast.newest()[1].program.rows]
    bodies = [f.body.program for f in functions if hasattr(f, "body")]
    rows = [row.function for body in bodies for row in body.rows]
    assert len(bodies) == 2
    assert setitem in rows
    assert written_last not in rows
