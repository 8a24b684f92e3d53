"""Random programs of reads and writes: plain, on nodes, rewritten, compiled."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

import chainrule as gd
from tests.programs_of_arrays import SHAPES, Drawing, Program, functional

TIGHT = {"rtol": 1e-10, "atol": 1e-10}


def close(found, expected, text):
    """Compare, and show the program."""
    np.testing.assert_allclose(found, expected, **TIGHT, err_msg=text)


def assert_as_plain(text, x):
    """Compare values at every point of a program, and its result."""
    expected, points = Program(text, np.zeros).run(x.copy())
    program = Program(text)
    noted = gd.grad(lambda x: program.run(x)[0])(x)
    assert len(program.noted) == len(points), text
    for found, point in zip(program.noted, points, strict=True):
        if isinstance(point, str):
            assert found == point, text
        else:
            assert found.shape == point.shape, text
            assert found.dtype == point.dtype, text
            close(found, point, text)
    close(gd.value_and_grad(program.f)(x)[0], expected, text)
    return noted


def assert_as_rewritten(text, x):
    """Compare derivatives with those of the program that changes no array."""
    reference = functional(text)
    f, step = Program(text).f, np.cos(np.arange(x.size)).reshape(x.shape)
    expected = gd.grad(reference)(x)
    close(assert_as_plain(text, x), expected, text)
    close(gd.jvp(f, (x,), (step,))[1], np.sum(expected * step), text)
    close(gd.hvp(f, x, step), gd.hvp(reference, x, step), text)
    if x.size < 5:
        hessian = gd.jacobian(gd.jacobian(f, mode="forward"), mode="forward")
        close(hessian(x), gd.hessian(reference)(x), text)


def assert_compiled(text, x, executors=("numpy", "native")):
    """Compare compiled functions, at two points."""
    f = Program(text).f
    for g in (f, gd.grad(f)):
        for executor in executors:
            fast = gd.compile(g, executor=executor)
            for point in (x, 0.75 * x):
                try:
                    expected = g(point.copy())
                except (ValueError, IndexError):
                    continue  # another mask than at x
                close(fast(point), expected, text)
                close(fast(point), expected, text)


def drawn(seed, length=None):
    """Return a program drawn by a seed, and where to start."""
    rng = np.random.default_rng(seed)

    def choose(n):
        return int(rng.integers(n))

    x = rng.uniform(0.2, 1.2, SHAPES[choose(len(SHAPES))])
    drawing = Drawing(x.shape, choose, x)
    for _ in range(length or 4 + choose(10)):
        (drawing.read, drawing.write, drawing.write, drawing.use)[choose(4)]()
    return drawing.text(), x


class ArraysMachine(RuleBasedStateMachine):
    """Draws a program statement by statement, as Hypothesis chooses."""

    @initialize(shape=st.sampled_from(SHAPES), data=st.data())
    def start(self, shape, data):
        """Start with an array."""
        self.x = np.linspace(0.25, 1.1, int(np.prod(shape))).reshape(shape)
        self.drawing = Drawing(shape, None, self.x)
        self.drawing.choose = self.choosing(data)

    def choosing(self, data):
        """Return a function that lets Hypothesis choose."""
        return lambda n: data.draw(st.integers(0, n - 1))

    @rule(data=st.data())
    def read(self, data):
        """Read, look, copy, or give another name."""
        self.drawing.choose = self.choosing(data)
        self.drawing.read()

    @rule(data=st.data())
    def write(self, data):
        """Write."""
        self.drawing.choose = self.choosing(data)
        self.drawing.write()

    @rule(data=st.data())
    def use(self, data):
        """Use a state."""
        self.drawing.choose = self.choosing(data)
        self.drawing.use()

    def teardown(self):
        """Run the program in every way."""
        if hasattr(self, "drawing"):
            assert_as_rewritten(self.drawing.text(), self.x)


TestArraysMachine = ArraysMachine.TestCase
TestArraysMachine.settings = settings(max_examples=12, stateful_step_count=12)


@pytest.mark.parametrize("seed", range(40))
def test_random_programs(seed):
    assert_as_rewritten(*drawn(seed))


@pytest.mark.parametrize("seed", range(100, 106))
def test_random_programs_compiled(seed):
    assert_compiled(*drawn(seed), executors=("numpy",))


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1000, 3000, 100))
def test_many_random_programs(first):
    for seed in range(first, first + 100):
        text, x = drawn(seed)
        assert_as_rewritten(text, x)
        if seed % 5 == 0:
            assert_compiled(text, x)


@pytest.mark.slow
class TestLongerArraysMachine(ArraysMachine.TestCase):
    """The machine with longer programs."""

    settings = settings(max_examples=300, stateful_step_count=25)
