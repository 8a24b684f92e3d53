"""Arrays of objects that stand for a traced array."""

import subprocess
import sys

import numpy as np

import chainrule as gd

KEPT = """
import numpy as np, chainrule as gd
kept = []
def f(x):
    kept.append(np.asarray(x))
    raise ValueError("stop")
try:
    gd.compile(f)(np.ones(3))
except ValueError:
    pass
"""


def test_one_that_is_kept_ends_with_python_and_says_nothing():
    ended = subprocess.run(
        [sys.executable, "-c", KEPT], check=True, timeout=120, capture_output=True
    )
    assert ended.stderr == b""


def test_printing_inside_of_a_compiled_gradient_shows_the_example(capsys):
    def f(x):
        print(x, f"{x[0] * 2}", repr(np.sin(x)), str(x[1]))
        return (x * x).sum()

    fast = gd.compile(gd.grad(f))
    assert np.array_equal(fast(np.ones(2)), [2.0, 2.0])
    assert np.array_equal(fast(np.arange(2.0)), [0.0, 2.0])
    printed = capsys.readouterr().out
    assert "node(traced(float64, shape (2,), for example [1. 1.])" in printed
    assert "traced(float64, shape (), for example 2.0), multiply" in printed
