"""What runs a program, and when: the choice is made, and shown."""

import itertools
import math

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler import trial
from chainrule.compiler.control.loops import Scan
from chainrule.compiler.dispatch import specialisation
from chainrule.compiler.executors import choice as executors
from chainrule.compiler.executors import costs
from chainrule.compiler.native import llvm as native
from chainrule.compiler.tape import interpreter as vm
from chainrule.compiler.tape import native_tape
from chainrule.compiler.tape.instructions import Code
from chainrule.compiler.tape.tape import Tape
from chainrule.compiler.trial import ROUNDS, TURN
from tests.compiler.comparing import free

pytestmark = pytest.mark.skipif(not native.available(), reason="needs llvmlite")


def wave(x, y):
    for _ in range(40):
        x, y = x + 0.1 * y, y - 0.1 * np.sin(x)
    return x * y


class Clock:
    """A clock by which each run takes a second, or one more than the run before."""

    def __init__(self, more=0.0):
        self.now, self.step, self.more = 0.0, 0.5, more

    def perf_counter(self):
        self.now += self.step
        self.step += self.more
        return self.now


def frozen():
    """Return a clock that stands still."""
    clock = Clock()
    clock.step = 0.0
    return clock


def ran_by(monkeypatch, calls, more=0.0, f=wave):
    """Return what is to run after each call, and what is being made is there."""
    monkeypatch.setattr(executors, "time", Clock(more))
    monkeypatch.setattr(specialisation, "time", frozen())
    fast = gd.compile(f)
    ran = []
    for _ in range(calls):
        assert fast(1.0, 0.5) == pytest.approx(f(1.0, 0.5), rel=1e-12)
        assert fast.wait(60)
        ran.append(fast.stats()["programs"][0]["executor"])
    assert fast.newest()[1].choice.settled
    return ran


@pytest.fixture
def costs_two_runs(monkeypatch):
    free(monkeypatch)
    monkeypatch.setattr(vm, "loaded", lambda: False)
    monkeypatch.setattr(native, "loaded", lambda: False)
    monkeypatch.setattr(costs, "starting_seconds", lambda *_: 0.8)
    monkeypatch.setattr(costs, "share", lambda: 1.0)
    monkeypatch.setattr(costs, "LOADING", 0.75)


NUMPY, TAPE, NATIVE = ["numpy"], ["tape VM"], ["native code"]


@pytest.mark.usefixtures("costs_two_runs")
def test_a_program_is_compiled_when_it_has_run_for_as_long_as_that_costs(monkeypatch):
    turns = (NATIVE * TURN + NUMPY * TURN) * ROUNDS  # they are equally fast
    ran = ran_by(monkeypatch, 2 + len(turns))
    assert ran == [*NUMPY * 2, *turns[1:], *NATIVE]
    with monkeypatch.context() as patch:
        patch.setattr(costs, "LONGEST", 0)  # native code would be too long
        turns = (TAPE * TURN + NUMPY * TURN) * ROUNDS
        assert ran_by(patch, 2 + len(turns)) == [*NUMPY * 2, *turns[1:], *TAPE]
    monkeypatch.setattr(native, "available", lambda: False)
    assert ran_by(monkeypatch, 8) == NUMPY * 8


@pytest.mark.usefixtures("costs_two_runs")
def test_calls_pay_for_their_share_of_loading_llvm(monkeypatch):
    monkeypatch.setattr(costs, "share", lambda: 0.25)
    monkeypatch.setattr(costs, "starting_seconds", lambda *_: math.inf)
    turns = (NATIVE * TURN + NUMPY * TURN) * ROUNDS
    for loading, runs in ((3.0, 2), (5.0, 3)):
        monkeypatch.setattr(costs, "LOADING", loading)
        ran = ran_by(monkeypatch, runs + len(turns))
        assert ran == [*NUMPY * runs, *turns[1:], *NATIVE]


def test_a_first_call_on_large_arrays_makes_native_code_if_numpy_takes_half_of_that(
    monkeypatch,
):
    pytest.importorskip("llvmlite")
    x = np.linspace(0.1, 0.9, 1 << 18)
    for making, expected in ((1e9, NUMPY), (1e-9, NATIVE)):
        monkeypatch.setattr(costs, "making_seconds", lambda _, m=making: m)
        fast = gd.compile(lambda x: np.sum(np.exp(x) * x))
        np.testing.assert_allclose(fast(x), np.sum(np.exp(x) * x), rtol=1e-12)
        assert [fast.stats()["programs"][0]["executor"]] == expected


def test_what_numpy_takes_counts_what_is_reduced_and_multiplied():
    def seconds(f, *arguments):
        fast = gd.compile(f, executor="numpy")
        fast(*arguments)
        return costs.numpy_seconds(fast.newest()[1].program)

    x = np.ones((1000, 1000))
    assert seconds(np.sum, x) > 100 * seconds(np.sum, x[:10, :10])
    assert seconds(lambda x: x @ x, x) > 10 * seconds(lambda x: x + x, x)


@pytest.mark.usefixtures("costs_two_runs")
def test_an_executor_that_is_slower_in_a_trial_is_left_again(monkeypatch):
    monkeypatch.setattr(trial, "_HOPELESS", 1.0)
    assert ran_by(monkeypatch, 8, more=1.0) == NUMPY + NATIVE + NUMPY * 6


@pytest.mark.usefixtures("costs_two_runs")
def test_a_long_program_starts_on_the_vm(monkeypatch):
    monkeypatch.setattr(executors, "LONG", 10)
    monkeypatch.setattr(costs, "LOWERING", 0.1)
    monkeypatch.setattr(trial, "ROUNDS", 1)
    ran = ran_by(monkeypatch, 8)
    assert ran == TAPE * 2 + NATIVE * (TURN - 1) + TAPE * TURN + NATIVE
    monkeypatch.setattr(costs, "LONGEST", 10)
    assert ran_by(monkeypatch, 4) == TAPE * 4


class Timed:
    """An executor that a trial chooses; ``runs`` are the seconds that its runs take."""

    def __init__(self, *runs):
        self.runs = iter(runs)


def winner(before, after, usual, **options):
    """Return what a trial keeps, and after how many runs."""
    race = trial.Trial(before, after, usual, **options)
    for count in itertools.count(1):
        if race.ends(next(race.run.runs)):
            return race.run, count
    raise AssertionError


def test_a_trial_is_over_when_it_is_clear_what_is_faster():
    def pair(x, y):
        return Timed(*[x] * 99), Timed(*[y] * 99)

    for slow, quick, count in ((9.0, 1.0, 3), (1.4, 1.0, 6), (1.1, 1.0, 30)):
        before, after = pair(slow, quick)
        assert winner(before, after, slow) == (after, count)
    for quick, slow, count in ((1.0, 9.0, 2), (1.0, 1.4, 12), (1.0, 1.1, 30)):
        before, after = pair(quick, slow)
        assert winner(before, after, quick) == (before, count)


def test_what_was_only_guessed_to_be_slow_has_a_turn():
    """A first call may take long for other reasons than NumPy's work."""
    before, after = Timed(*[1.0] * 99), Timed(*[2.0] * 99)
    assert winner(before, after, 99.0, guessed=True) == (before, 12)
    before, after = Timed(*[9.0] * 99), Timed(*[2.0] * 99)
    assert winner(before, after, 99.0, guessed=True) == (after, 4)


def test_what_was_estimated_to_be_slow_has_a_turn_unless_it_is_clear():
    for usual, runs in ((9.0, 3), (2.5, 4)):
        before, after = Timed(*[9.0] * 99), Timed(*[2.0] * 99)
        assert winner(before, after, usual, estimated=True) == (after, runs)


def test_a_trial_on_a_busy_machine_judges_the_fastest_runs():
    busy = [1.0, 5.0, 3.0, 1.0, 8.0, 1.0, 2.0]
    before = Timed(*[1.1 * x for x in busy * 9])
    after = Timed(*[1.0 * x for x in busy[::-1] * 9])
    assert winner(before, after, 1.1)[0] is after
    # the machine is busy while the new one has its first turn
    before, after = Timed(*[1.0] * 30), Timed(*[1.9] * 3, *[0.5] * 30)
    assert winner(before, after, 1.0) == (after, 12)
    before, after = Timed(*[1.0] * 30), Timed(*[1.2] * 3, *[0.5] * 30)
    assert winner(before, after, 1.0) == (after, 12)


def body_of(steps):
    """Return a loop of few rows, each of which is many instructions on a tape."""

    def f(position, velocity):
        masses = np.linspace(1.0, 2.0, 5)
        for _ in range(steps):
            apart = position[:, None, :] - position[None, :, :]
            squares = np.sum(apart * apart, axis=2) + 0.01
            pull = masses[None, :, None] * apart * (squares**-1.5)[:, :, None]
            velocity = velocity - 0.01 * np.sum(pull, axis=1)
            position = position + 0.01 * velocity
        return np.sum(position**2)

    rng = np.random.default_rng(0)
    return gd.value_and_grad(f), (rng.normal(size=(5, 3)), rng.normal(size=(5, 3)))


@pytest.fixture
def slow_body(monkeypatch):
    """Return a function, its arguments, and the instructions that LLVM is given.

    It is given none in truth. Runs take 0.05 seconds, and tracing no time.
    """
    given = []
    monkeypatch.setattr(native, "loaded", lambda: True)
    monkeypatch.setattr(costs, "share", lambda: 1.0)
    monkeypatch.setattr(Tape, "hasten", lambda tape: given.append(tape.instructions))
    monkeypatch.setattr(Tape, "ready", lambda tape: tape)
    monkeypatch.setattr(executors, "REPEATED", 1)
    monkeypatch.setattr(specialisation, "time", frozen())
    clock = Clock()
    clock.step = 0.05
    monkeypatch.setattr(executors, "time", clock)
    return *body_of(40), given


def test_native_code_waits_for_the_instructions_and_not_the_rows(
    monkeypatch, slow_body
):
    f, arguments, given = slow_body
    monkeypatch.setattr(costs, "starting_seconds", lambda *_: 1e9)
    monkeypatch.setattr(costs, "GROUPING", 0.0)
    fast = gd.compile(f)
    fast(*arguments)
    assert fast.wait(60)
    assert not given
    fast(*arguments)
    program = fast.stats()["programs"][0]
    assert (program["executor"], program["because"]) == ("numpy", "not yet for long")
    needed = costs.compiling_seconds(fast.newest()[1].choice._following)
    assert needed > 20 * costs.COMPILING * program["rows"]["cse"]
    calls = 2
    while not given:
        fast(*arguments)
        assert fast.wait(60)
        calls += 1
    assert needed <= calls * 0.05 < needed + 0.1


def test_the_vm_interprets_until_native_code_pays(monkeypatch, slow_body):
    f, arguments, given = slow_body
    monkeypatch.setattr(costs, "starting_seconds", lambda *_: 0.0)
    monkeypatch.setattr(trial, "ROUNDS", 1)
    fast = gd.compile(f)
    ran = []
    while not given:
        fast(*arguments)
        assert fast.wait(60)
        program = fast.stats()["programs"][0]
        ran.append((program["executor"], program["because"]))
    first = next(i for i, (name, _) in enumerate(ran) if name != "numpy")
    assert first < 20
    assert set(ran[first + 2 * TURN : -1]) == {("tape VM", "many small operations")}
    needed = costs.compiling_seconds(fast.newest()[1].choice.run)
    assert needed <= 0.05 * (len(ran) - 2 * TURN + 1) < needed + 0.15


@pytest.mark.skipif(not native.available(), reason="native code needs llvmlite")
@pytest.mark.parametrize("steps", [3, 20])
def test_the_estimate_of_instructions_is_near_their_number(steps):
    count = np.ones(40) @ np.ones(40)
    rng = np.random.default_rng(0)

    def matrices(a, b):
        x = a
        for _ in range(steps):
            x = 0.9 * (x @ b) / (1 + np.abs(np.trace(x))) + np.sin(a) - x[::-1].T
        return np.sum(x * x)

    def stencil(u):
        for _ in range(steps):
            near = np.roll(u, 1, 0) + np.roll(u, -1, 1) - 2 * u
            u = u + 0.1 * near + 0.01 * np.max(u, axis=0) ** 3
        return np.sum(u * u) / count

    def scalars(x, y):
        for _ in range(5 * steps):
            x, y = np.sin(x) * y + x / (1.0 + y * y), np.tanh(x - y)
        return x * y

    small, medium = rng.normal(size=(6, 6)), rng.normal(size=(40, 40))
    for f, arguments in (
        (gd.grad(matrices), (small, small)),
        (gd.grad(stencil), (medium,)),
        (gd.grad(scalars), (0.5, 0.7)),
        body_of(steps),
    ):
        fast = gd.compile(f, executor="numpy")
        fast(*arguments)
        tape = Tape(fast.newest()[1].program)
        code = [part for part in tape._parts if isinstance(part, Code)]
        read = np.ones(len(tape._fresh), dtype=bool)
        unit, _ = native_tape.written(code, read, tape._constants)
        lines = sum(part.count("\n") for part in unit.parts)
        assert lines / 2.5 < tape.instructions < 2.5 * lines


@pytest.mark.usefixtures("costs_two_runs")
def test_numpy_goes_on_where_llvm_does_not_load(monkeypatch):
    def broken(text, effort):
        raise OSError("no such library")

    monkeypatch.setattr(native, "compiled", broken)
    monkeypatch.setattr(executors, "time", Clock())
    fast = gd.compile(wave)
    for _ in range(4):
        assert fast(1.0, 0.5) == pytest.approx(wave(1.0, 0.5), rel=1e-12)
        assert fast.wait(60)
    ran = fast.stats()["programs"][0]
    assert ran["executor"] == "numpy"
    assert "no such library" in ran["because"]


def test_the_shares_of_numpy_rows_are_told():
    fast = gd.compile(lambda x: np.sum(np.sort(np.sin(x)) * x), executor="native")
    fast(np.ones(9))
    shares = fast.stats()["programs"][0]["numpy_rows"]
    assert list(shares) == ["sort"]
    assert 0.0 < shares["sort"] < 1.0
    assert fast(np.ones(9)) == pytest.approx(9 * np.sin(1.0))


def program_of(f):
    fast = gd.compile(f, executor="numpy")
    fast(1.0, 0.5)
    return fast.newest()[1].program


def test_an_executor_that_is_asked_for_is_kept():
    for name, shown in (
        ("numpy", "numpy"),
        ("vm", "tape VM"),
        ("native", "native code"),
    ):
        fast = gd.compile(wave, executor=name)
        fast(1.0, 0.5)
        assert fast.stats()["programs"][0]["executor"] == shown


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("executor", ["numpy", "vm", "native"])
def test_a_scan_is_the_same_on_all(executor, reverse):
    rng = np.random.default_rng(0)
    w, xs, start = rng.normal(size=(3, 3)), rng.normal(size=(9, 3)), rng.normal(size=3)

    def loss(w, start, xs):
        def step(c, x):
            c = np.tanh(w @ c + x)
            return c, (np.sum(c * c), c[::-1])

        c, (sums, turned) = gd.scan(step, start, xs, reverse=reverse)
        return np.sum(c) + np.sum(sums**2) + np.sum(turned[0])

    f = gd.value_and_grad(loss, (0, 1, 2))
    fast = gd.compile(f, executor=executor)
    for scale in (1.0, 0.5):
        value, grads = f(w, start, scale * xs)
        found, fast_grads = fast(w, start, scale * xs)
        np.testing.assert_allclose(found, value, rtol=1e-12)
        for a, e in zip(fast_grads, grads, strict=True):
            np.testing.assert_allclose(a, e, rtol=1e-11, atol=1e-13)
    rows = fast.newest()[1].program.rows
    loops = [row.function for row in rows if isinstance(row.function, Scan)]
    assert len(loops) == 2
    if executor == "numpy":
        assert all(loop.running.loop is None for loop in loops)
    else:
        shown = {"vm": "tape VM", "native": "native code"}[executor]
        assert all(loop.running.executor == shown for loop in loops)


@pytest.mark.skipif(not native.available(), reason="native code needs llvmlite")
def test_stats_after_an_error():
    fast = gd.compile(lambda x: np.linalg.cholesky(x) * 2.0, executor="native")
    fast(np.eye(100))  # too large for native code
    with pytest.raises(np.linalg.LinAlgError):
        fast(-np.eye(100))
    shares = fast.stats()["programs"][0]["numpy_rows"]
    assert np.isnan(shares["cholesky"])
