"""Long programs: the work to make them grows with their rows, and no faster."""

from __future__ import annotations

import numpy as np

import chainrule as gd
from chainrule.compiler.executors import buffers, replay_text
from tests.compiler.comparing import follows


def of_constants(count):
    """Return a function that reads so many arrays from outside."""
    data = np.random.default_rng(0).normal(size=(count, 20))

    def f(x):
        total = 0.0
        for i in range(count):
            total = total + np.tanh(np.dot(data[i], x))
        return total

    return f


def test_text_grows_with_the_number_of_constants_only(monkeypatch):
    lengths = []
    compile_text = replay_text.compile_text

    def measured(text, *rest):
        lengths.append(len(text))
        return compile_text(text, *rest)

    monkeypatch.setattr(replay_text, "compile_text", measured)
    x = np.linspace(0.0, 1.0, 20)
    for count in (200, 2_000):
        fast = follows(gd.grad(of_constants(count)), (x,), executor="numpy")
    assert lengths[1] < 12 * lengths[0]
    names = gd.source(fast).constants
    assert max(map(len, names)) < 20


def test_a_chain_of_views_is_walked_once(monkeypatch):
    counted = []
    viewed = buffers.viewed

    def counting(row):
        counted.append(row)
        return viewed(row)

    monkeypatch.setattr(buffers, "viewed", counting)

    def f(x):
        for _ in range(1_000):
            x = np.roll(x, 1) * 1.0
            x = np.reshape(np.reshape(x, (2, 1_000)), (2_000,))
        return x, x[::-1], np.sum(x)

    fast = follows(f, (np.arange(2_000.0),), executor="numpy")
    rows = fast.stats()["programs"][0]["rows"]["cse"]
    assert len(counted) < 4 * rows


def test_results_share_no_memory_with_each_other_or_arguments():
    def f(x, y):
        z = np.reshape(x, (2, 2))
        w = y * 2.0
        v = np.reshape(w, (2, 2))
        return z, np.ravel(z), w, v, v[0], np.ravel(v)[::-1], np.broadcast_to(2.0, 3)

    x, y = np.arange(4.0), np.ones(4)
    found = follows(f, (x, y), executor="numpy")(x, y)
    for i, a in enumerate(found):
        for b in (x, y, *found[:i]):
            assert not np.shares_memory(a, b)
