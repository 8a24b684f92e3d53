"""What runs a program, and when: the choice is made, and shown."""

import numpy as np
import pytest

import chainrule as gd
from chainrule.compile import executors, native, vm
from chainrule.compile.loops import Loop
from chainrule.compile.lowering import Tape

pytestmark = pytest.mark.skipif(not vm.available(), reason="the VM needs numba")


def wave(x, y):
    for _ in range(40):
        x, y = x + 0.1 * y, y - 0.1 * np.sin(x)
    return x * y


def ran_by(calls, f=wave):
    fast = gd.compile(f)
    ran = []
    for _ in range(calls):
        assert fast(1.0, 0.5) == pytest.approx(f(1.0, 0.5), rel=1e-12)
        ran.append(fast.stats()["programs"][0]["executor"])
    return ran


def test_a_program_goes_over_to_the_vm_and_to_native_code(monkeypatch):
    monkeypatch.setattr(vm, "loaded", lambda: False)
    monkeypatch.setattr(executors, "SHORT", 0)
    program = program_of(wave)
    monkeypatch.setattr(executors, "LOADING", 2.5 * executors.numpy_seconds(program))
    tape = Tape(program)
    seconds = executors.vm_seconds(tape)
    monkeypatch.setattr(executors, "COMPILING", 1.5 * seconds / tape.rows)
    names = ["numpy"] * 2 + ["tape VM"] * 2 + ["native code"] * 2
    assert ran_by(6) == names
    monkeypatch.setattr(executors, "LONGEST", 0)
    assert ran_by(6) == names[:3] + ["tape VM"] * 3


def test_a_short_program_is_compiled_before_numba_is_loaded(monkeypatch):
    monkeypatch.setattr(vm, "loaded", lambda: False)
    seconds = executors.numpy_seconds(program_of(wave))
    monkeypatch.setattr(executors, "LOADING", 1.5 * seconds)
    assert ran_by(3) == ["numpy", "native code", "native code"]
    monkeypatch.setattr(native, "available", lambda: False)
    assert ran_by(3) == ["numpy", "tape VM", "tape VM"]
    monkeypatch.setattr(vm, "available", lambda: False)
    assert ran_by(3) == ["numpy"] * 3
    monkeypatch.setattr(native, "available", lambda: True)
    assert ran_by(3) == ["numpy", "native code", "native code"]


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
def test_a_scan_is_the_same_on_all(monkeypatch, executor, reverse):
    monkeypatch.setattr(executors, "pays", lambda *_: executor != "numpy")
    monkeypatch.setattr(vm, "loaded", lambda: executor == "vm")
    rng = np.random.default_rng(0)
    w, xs, start = rng.normal(size=(3, 3)), rng.normal(size=(9, 3)), rng.normal(size=3)

    def loss(w, start, xs):
        def step(c, x):
            c = np.tanh(w @ c + x)
            return c, (np.sum(c * c), c[::-1])

        c, (sums, turned) = gd.scan(step, start, xs, reverse=reverse)
        return np.sum(c) + np.sum(sums**2) + np.sum(turned[0])

    f = gd.value_and_grad(loss, (0, 1, 2))
    fast = gd.compile(f, executor="numpy")
    for scale in (1.0, 0.5):
        value, grads = f(w, start, scale * xs)
        found, fast_grads = fast(w, start, scale * xs)
        np.testing.assert_allclose(found, value, rtol=1e-12)
        for a, e in zip(fast_grads, grads, strict=True):
            np.testing.assert_allclose(a, e, rtol=1e-11, atol=1e-13)
    rows = fast.newest()[1].program.rows
    loops = [row.function for row in rows if isinstance(row.function, Loop)]
    assert len(loops) == 2
    if executor == "numpy":
        assert all(loop._tape is None for loop in loops)
    else:
        assert all(loop._tape.loop.name.startswith(executor) for loop in loops)
