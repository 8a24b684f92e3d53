"""Arrays of objects that stand for a traced array."""

import subprocess
import sys

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
