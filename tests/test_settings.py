"""Memory that stays with the process: ``gd.options(keep_memory=)``."""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

import chainrule as gd
from chainrule.errors import ArgumentError

STATM = Path("/proc/self/statm")
HAS_MALLOPT = STATM.exists() and hasattr(ctypes.CDLL(None), "mallopt")

PROGRAM = """
import pathlib
import chainrule as gd
import numpy as np

def pages():
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1])

def left():
    before = pages()
    for _ in range(3):
        np.ones(12_500_000)
    return pages() - before

print(left(), end=" ")
with gd.options(keep_memory=True):
    print(left(), gd.options().keep_memory, end=" ")
np.ones(12_500_000)
print(left(), gd.options().keep_memory)
"""


@pytest.mark.skipif(not HAS_MALLOPT, reason="needs the GNU C library")
def test_memory_of_arrays_that_are_gone_is_kept_where_that_is_asked_for():
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    before, kept, was_set, after, is_set = found.stdout.split()
    hundred_megabytes = 100_000_000 // 4096
    assert (was_set, is_set) == ("True", "False")
    assert int(before) < hundred_megabytes / 2 < int(kept)
    assert int(after) < hundred_megabytes / 2


AFTERWARDS = """
import resource
import chainrule as gd
import numpy as np

with gd.options(keep_memory=True):
    pass

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

np.ones(125_000)
before = faults()
for _ in range(20):
    np.ones(125_000)
print(faults() - before)
"""


@pytest.mark.skipif(not HAS_MALLOPT, reason="needs the GNU C library")
def test_arrays_of_a_megabyte_use_memory_again_afterwards():
    found = subprocess.run(
        [sys.executable, "-c", AFTERWARDS], capture_output=True, text=True, check=True
    )
    assert int(found.stdout) < 1_000_000 // 4096, "each array has fresh memory"


GRADIENTS = """
import resource
import chainrule as gd
import numpy as np

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def f(x):
    for _ in range(12):
        x = np.sin(x)
    return np.sum(x)

x = np.ones(1_000_000)
gradient = gd.grad(f)
gradient(x), gradient(x)
before = faults()
gradient(x)
print(faults() - before)
"""


@pytest.mark.skipif(not HAS_MALLOPT, reason="needs the GNU C library")
def test_gradients_of_large_arrays_use_memory_again_unless_the_user_says_less():
    def faults(**environment: str) -> int:
        found = subprocess.run(
            [sys.executable, "-c", GRADIENTS],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, **environment},
        )
        return int(found.stdout)

    assert faults() < 1_000
    assert faults(MALLOC_TRIM_THRESHOLD_="1000000") > 3_000


def test_another_c_library_is_named(monkeypatch):
    class Other:
        """A C library without ``mallopt``."""

        def __init__(self, _):
            pass

    monkeypatch.setattr(ctypes, "CDLL", Other)
    with pytest.raises(ArgumentError, match="GNU C library"):
        gd.options(keep_memory=True)
    gd.options(keep_memory=False)
    assert not gd.options().keep_memory
