"""What runs a program, and when: the choice is made, and shown."""

import numpy as np
import pytest

import chainrule as gd
from chainrule.compile import executors, vm
from chainrule.compile.loops import Loop

pytestmark = pytest.mark.skipif(not vm.available(), reason="the VM needs numba")


def wave(x, y):
    for _ in range(40):
        x, y = x + 0.1 * y, y - 0.1 * np.sin(x)
    return x * y


def test_a_program_goes_over_to_the_vm_after_some_calls(monkeypatch):
    monkeypatch.setattr(vm, "loaded", lambda: False)
    seconds = 3.5 * executors.numpy_seconds(program_of(wave))
    monkeypatch.setattr(executors, "LOADING", seconds)
    fast = gd.compile(wave)
    ran = []
    for _ in range(6):
        assert fast(1.0, 0.5) == pytest.approx(wave(1.0, 0.5), rel=1e-12)
        ran.append(fast.stats()["programs"][0]["executor"])
    assert ran == ["numpy"] * 3 + ["tape VM"] * 3


def program_of(f):
    fast = gd.compile(f, executor="numpy")
    fast(1.0, 0.5)
    return fast.newest()[1].program


def test_an_executor_that_is_asked_for_is_kept():
    for name, shown in (("numpy", "numpy"), ("vm", "tape VM")):
        fast = gd.compile(wave, executor=name)
        fast(1.0, 0.5)
        assert fast.stats()["programs"][0]["executor"] == shown


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("on_vm", [False, True])
def test_a_scan_is_the_same_on_both(monkeypatch, on_vm, reverse):
    monkeypatch.setattr(executors, "pays", lambda program, count: on_vm)
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
    assert all((loop._tape is not None) is on_vm for loop in loops)
