"""What is put together of arrays, read in place by loops: equal to NumPy."""

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.executors.replay import Replay
from chainrule.compiler.native import llvm as native
from chainrule.compiler.native.fusion import Fused, fused
from chainrule.compiler.native.groups import LARGE
from chainrule.compiler.native.pieces import Pieces
from chainrule.compiler.tape.tape import Tape

pytestmark = pytest.mark.skipif(
    not native.available(), reason="native code needs llvmlite"
)

N = LARGE + 61
SHAPE = (67, 71)


def program_of(f, *args):
    fast = gd.compile(f, executor="numpy")
    fast(*args)
    return fast.newest()[1].program


def runs_of(program):
    tape = Tape(fused(program, floats=True))
    tape.hasten()
    return Replay(fused(program)), Replay(fused(program, 3)), tape


def assert_runs(f, *args):
    program = program_of(f, *args)
    for run in runs_of(program):
        for scale in (1.0, -0.7):
            moved = [x * scale for x in args]
            expected = Replay(program)(*moved)
            for a, e in zip(run(*moved), expected, strict=True):
                np.testing.assert_allclose(a, e, rtol=1e-12, atol=1e-13)


def vector():
    return np.random.default_rng(1).uniform(0.5, 1.5, N)


def matrix():
    return np.random.default_rng(2).uniform(0.5, 1.5, SHAPE)


def differences(x):
    d, c = x[1:] - x[:-1], x[2:] - 2.0 * x[1:-1] + x[:-2]
    return np.sum(d * d) + np.sum(np.sqrt(1.0 + c * c))


def rolled(x):
    return np.sum((np.roll(x, 3) - 2.0 * x + np.roll(x, -1)) ** 2 * x)


def padded(x):
    y = np.pad(x, (2, 3), constant_values=0.5)
    return np.sum(np.tanh(y[4:] + 4.0 * y[3:-1] + y[1:-3]) * y[5:].sum())


def joined(x):
    z = np.concatenate([x[::2] * x[::-2], x[1::2] - x[:-1:2], [0.25, 0.5]])
    return np.sum(z * z * np.cos(z[::-1]))


def stacked(x):
    z = np.stack([x[:-1], x[1:], x[1:] * 0.5])
    return np.sum(np.sin(z) * z[::-1])


def chained(x):
    for _ in range(6):
        inner = x[1:-1] + 0.2 * (x[2:] - 2.0 * x[1:-1] + x[:-2])
        x = np.concatenate([x[:1], inner, x[-1:]])
    return np.sum(x * x)


def masked(x):
    up = np.concatenate([x[1:] > x[:-1], [True]])
    return np.sum(np.where(up, x * x, np.roll(x, 5)))


@pytest.mark.parametrize(
    "f", [differences, rolled, padded, joined, stacked, chained, masked]
)
def test_moved_entries_of_a_vector(f):
    assert_runs(gd.value_and_grad(f), vector())


def total_variation(u):
    dx, dy = u[1:, :-1] - u[:-1, :-1], u[:-1, 1:] - u[:-1, :-1]
    return np.sum(np.sqrt(dx * dx + dy * dy + 1e-3))


def laplacian(u):
    v = np.pad(u, 1)
    w = v[2:, 1:-1] + v[:-2, 1:-1] + v[1:-1, 2:] + v[1:-1, :-2] - 4.0 * u
    return np.sum(w * w * u)


def turned(u):
    v = np.concatenate([u.T, u[:, ::-1].T * 2.0], axis=1)
    return np.sum(np.sin(v) * v) + np.sum(np.roll(u, (1, -2), (0, 1)) * u * u)


def of_rows(u):
    mean = np.concatenate([u[:1], 0.5 * (u[1:] + u[:-1])])
    return np.sum((mean - u[:, :1]) ** 2 * mean, axis=0) @ np.ones(SHAPE[1])


@pytest.mark.parametrize("f", [total_variation, laplacian, turned, of_rows])
def test_moved_entries_of_a_matrix(f):
    assert_runs(gd.value_and_grad(f), matrix())


MOVES = (
    np.roll,
    lambda x, k: x[::-1],
    lambda x, k: np.concatenate([x[k:], x[:k]]),
    lambda x, k: np.concatenate([x[k:], np.pad(x[:k], (0, 0)) * 0.5]),
    lambda x, k: np.pad(x[k:], (0, k)),
    lambda x, k: np.pad(x[:-k], (k, 0)),
    lambda x, k: x * 1.5 - 0.25,
    lambda x, k: np.sin(x),
    lambda x, k: np.where(x > 0.0, x, np.roll(x, k)),
    lambda x, k: x.reshape(-1, 1)[:, 0],
    lambda x, k: np.concatenate([[0.5] * k, x[k:]]),
)


@pytest.mark.parametrize("seed", range(24))
def test_random_movements(seed):
    rng = np.random.default_rng(seed)
    chosen = [
        (MOVES[rng.integers(len(MOVES))], int(rng.integers(1, 9))) for _ in "12345"
    ]

    def f(x):
        y = x
        for move, k in chosen:
            y = move(y, k) + 0.5 * y
        return np.sum(y * y * x)

    assert_runs(gd.value_and_grad(f), vector())


def test_steps_of_a_loop_share_their_code():
    program = fused(program_of(gd.grad(chained), vector()))
    nests = [row.function.nest for row in program.rows if type(row.function) is Fused]
    assert len(nests) >= 12
    assert len({nest.text for nest in nests}) <= 6
    assert "concatenate" not in [
        getattr(row.function, "__name__", "") for row in program.rows
    ]


def test_what_is_put_together_is_known_by_its_boxes():
    def f(x):
        return np.concatenate([x[2:], np.roll(x, 1)[:2], np.stack([x, x])[1, :2]])

    program = program_of(f, np.arange(10.0))
    (output,) = program.outputs
    pieced = Pieces().of(output)
    assert set(pieced.arrays) == set(program.inputs)
    found = [(p.box[0], p.start, p.steps) for p in pieced.pattern.parts]
    assert found == [
        ((0, 8), 2, (1,)),
        ((8, 10), 9, (-9,)),
        ((10, 12), 0, (1,)),
    ]


def test_a_constant_that_repeats_its_entries_is_read_where_they_are():
    def wrapped(x):
        return 3.0 * x**2 - np.concatenate([x[1:], np.zeros(1)]) - np.roll(x, 1)

    x = np.linspace(0.5, 1.5, 36)
    fast = gd.compile(
        lambda s, x: gd.vmap(lambda v: gd.jvp(wrapped, (x,), (v,))[1])(s),
        executor="native",
    )
    expected = gd.jacobian(wrapped)(x).T
    for _ in range(5):  # what lies behind a short array differs from call to call
        others = [np.full((36, 36), -7.7), *(np.full(36, 3.3) for _ in range(50))]
        del others
        np.testing.assert_allclose(fast(np.eye(36), x), expected, rtol=1e-13)
