"""Tapes in native code: what is read and written outside the workspace."""

import itertools

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.executors import running
from chainrule.compiler.native import llvm as native
from chainrule.compiler.native.operations import ELEMENTWISE
from chainrule.compiler.tape import interpreter as vm
from chainrule.compiler.tape import native_scan, native_tape
from chainrule.compiler.tape.native_tape import compiled_stretches
from tests.compiler.comparing import assert_same
from tests.compiler.test_vm import row, tape

pytestmark = pytest.mark.skipif(
    not native.available(), reason="native code needs llvmlite"
)

RNG = np.random.default_rng(0)


@pytest.fixture
def loops_at_once(monkeypatch):
    """Have each scan compiled before its first step."""
    monkeypatch.setattr(running, "why_not_on_tape", lambda *_: "")


def together(a, b):
    """Steps that read two carries in one piece."""

    def step(carry, x):
        v = np.concatenate([np.ravel(v) for v in carry]) * x + 1.0
        v = v / np.sum(v)
        first, second = v[: np.size(a)], v[np.size(a) :]
        return (np.reshape(first, np.shape(a)), np.reshape(second, np.shape(b))), v[1]

    return gd.scan(step, (a, b), np.linspace(1.0, 2.0, 30))


@pytest.mark.parametrize(
    "shapes", [((), ()), ((3,), (4,)), ((), (200,)), ((72,), (8,))]
)
def test_carries_that_are_read_in_one_piece(loops_at_once, shapes):
    given = [RNG.random(shape)[()] for shape in shapes]
    assert_same(gd.compile(together)(*given), together(*given))


def test_xs_that_are_read_in_one_piece(loops_at_once):
    def f(c, xs):
        return gd.scan(lambda c, x: (c + np.max(np.stack(x) * 2.0), c), c, xs)

    xs = RNG.normal(size=(2, 20))
    assert_same(gd.compile(f)(0.5, tuple(xs)), f(0.5, tuple(xs)))


@pytest.mark.parametrize("part", [slice(100), slice(50, 150), slice(100, None)])
def test_results_that_are_part_of_what_a_row_writes(loops_at_once, part):
    def f(c):
        def step(c, x):
            h = np.tanh(c * x + 1.0)
            return h * 0.5 + h[::-1], h[part]

        return gd.scan(step, c, np.linspace(0.0, 1.0, 40))

    c = RNG.random(200)
    assert_same(gd.compile(f)(c), f(c))


def test_long_rows_that_are_read_backwards():
    def f(x, y):
        whole = np.concatenate([[np.sin(x)], np.cos(y)])
        return np.sum(whole[::-1] * np.arange(129.0)) + whole[::-1] * 2.0

    fast = gd.compile(f, executor="native")
    for x in (0.5, -2.0):
        y = RNG.normal(size=128)
        assert_same(fast(x, y), f(x, y))


def test_products_of_a_matrix_that_is_read_backwards():
    def f(x, y):
        return np.exp(x)[::-1, ::-1] @ np.sin(y)[::-1]

    x, y = RNG.normal(size=(9, 12)), RNG.normal(size=(12, 20))
    assert_same(gd.compile(f, executor="native")(x, y), f(x, y))


def test_a_scan_of_no_steps_reads_nothing(loops_at_once):
    def f(c, xs):
        return gd.scan(lambda c, x: (np.sin(c * x) + 1.0, c * 2.0), c, xs)

    for c in (0.5, np.linspace(0.0, 1.0, 100)):
        xs = np.zeros((0, *np.shape(c)))
        assert_same(gd.compile(f)(c, xs), f(c, xs))


def test_what_rows_read_and_write():
    for each, expected in (
        (row("add", 50, 7, 9, n=3, dx=-2, dy=1), [(3, 8), (9, 12), (50, 53)]),
        (row("sum", 50, 7, n=3, dx=2), [(7, 12), (50, 51)]),
        (row("dot", 50, 7, 20, n=3, dx=-1, dy=0), [(5, 8), (20, 21), (50, 51)]),
        (
            row("matmul", 50, 7, 20, n=4, dx=-3, dw=1, dy=4, m=2, k=3),
            [(4, 10), (20, 32), (50, 58)],
        ),
    ):
        (instruction,) = tape(each)
        assert instruction.reached == expected


def on_both(code, numbers):
    """Return the workspaces that the VM and native code leave."""
    found = vm.workspace(numbers.size), vm.workspace(numbers.size)
    for work in found:
        work[:] = numbers
    vm.run(code, found[0])
    (part,) = compiled_stretches([code], np.ones(numbers.size, bool), {})
    for step in part.bound(found[1].ctypes.data):
        step()
    return found


@pytest.mark.parametrize("n", [4, 12, 200])
def test_parts_of_a_value_may_be_written_again(n):
    x, y, z = 0, n, 2 * n
    code = tape(
        row("add", z, x, y, n=n),
        row("sum", 3 * n, z, n=n),
        row("negative", z + 1, x, n=2),  # a part that overlaps no operand
        row("copy", y, x + 2),  # one number of an argument that was read
        row("multiply", z, z, z, n=n),  # in place
        row("add", y, y, x, n=n),
        row("dot", 3 * n + 1, z, y, n=n),
        row("negative", 3 * n, 3 * n),
        row("add", 3 * n + 2, 3 * n, z + 1),
    )
    numbers = RNG.normal(size=3 * n + 3)
    (a, b), work = on_both(code, numbers), numbers.copy()
    total = work[x : x + n] + work[y : y + n]
    changed = total.copy()
    changed[1:3] = -work[x : x + 2]
    work[y] = work[x + 2]
    changed *= changed
    other = work[y : y + n] + work[x : x + n]
    ends = [-total.sum(), changed @ other, changed[1] - total.sum()]
    for found in (a, b):
        np.testing.assert_allclose(found[z : z + n], changed)
        np.testing.assert_allclose(found[y : y + n], other)
        np.testing.assert_allclose(found[3 * n :], ends)


def test_long_stretches_are_divided_and_long_bodies_refused(monkeypatch):
    def f(x, y):
        for _ in range(30):
            x, y = np.sin(x) + y, np.concatenate([x[1:], y[:1]]) * 0.5
        return x, y

    x, y = np.linspace(0.0, 1.0, 20), np.ones(20)
    monkeypatch.setattr(native_tape, "CHUNK", 100)
    fast = gd.compile(f, executor="native")
    assert_same(fast(x, y), f(x, y), 1e-12)
    (part,) = fast.newest()[1].run._ready
    assert len(part._parts) > 10

    def steps(x):
        return gd.scan(lambda c, _: (f(c, c)[0], None), x, None, 4)[0]

    monkeypatch.setattr(native_scan, "BODY", 100)
    assert_same(gd.compile(steps, executor="native")(x), steps(x), 1e-12)


SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 5e-324, 1e308, -1e308, 0.5,
           3e7, -1e-300, 709.9, -745.2, 1e6, 1000001.0]  # fmt: skip


@pytest.mark.skipif(not native.available(), reason="the VM needs llvmlite")
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_native_code_and_the_vm_give_the_same_bits(name):
    size, room = 310, 128
    places = (0, size, 2 * size)
    cases = list(itertools.product(
        (1, 3, 8, 14, 100), ((1, 1, 1), (1, 0, 1), (0, 1, 0), (2, 3, 1))
    ))  # fmt: skip
    count = 3 * size + room * len(cases)
    moderate = RNG.normal(size=count) * 10 ** RNG.uniform(-3, 3, count)
    numbers = np.where(RNG.random(count) < 0.4, RNG.choice(SPECIAL, count), moderate)
    code = tape(
        *((name, 3 * size + i * room, list(zip(places, steps, strict=True)), n)
          for i, (n, steps) in enumerate(cases))
    )  # fmt: skip
    a, b = on_both(code, numbers)
    same = (a.view(np.uint64) == b.view(np.uint64)) | (np.isnan(a) & np.isnan(b))
    assert same.all()
