"""NumPy's own tests of indexing and assignment pass on nodes, but for a list of them.

The list, ``numpys_own.txt``, has a line for each test that fails: on which kinds of
arrays, and why. It only gets shorter.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
TESTED = "2.4."
"""The NumPy whose tests the list is about."""
AT_LEAST = {"nodes": 720, "buffers": 700, "plain": 830}
"""How many tests of NumPy's pass with arrays of each kind."""


def listed():
    """Return the tests on the list, for each kind of arrays."""
    found = {kind: set() for kind in AT_LEAST}
    for line in (HERE / "numpys_own.txt").read_text().splitlines():
        kinds, rest = line.split(" ", 1)
        test, reason = rest.split(": ", 1)
        assert reason, line
        for kind in kinds.split("+"):
            found[kind].add(test)
    return found


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="the script limits its memory")
@pytest.mark.skipif(not np.__version__.startswith(TESTED), reason="of another NumPy")
@pytest.mark.parametrize("kind", AT_LEAST)
def test_numpys_own_tests_pass(kind):
    if not (Path(np._core.__file__).parent / "tests").exists():
        pytest.skip("NumPy's tests are not installed")
    run = subprocess.run(
        [sys.executable, str(HERE / "numpys_own.py"), kind],
        capture_output=True,
        text=True,
        check=True,
    )
    outcomes = json.loads(run.stdout)
    passed = sum(outcome == "passed" for outcome in outcomes.values())
    failed = {
        re.sub(r"\[.*", "", test): outcome
        for test, outcome in outcomes.items()
        if outcome not in ("passed", "none")
    }
    print(f"{kind}: {passed} pass, {len(failed)} cannot")
    new = {test: failed[test] for test in failed if test not in listed()[kind]}
    assert not new
    assert listed()[kind] <= set(failed), "take out of the list what passes"
    assert passed >= AT_LEAST[kind]
