"""einops, opt_einsum and scikit-learn run on nodes where they ask for a namespace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import chainrule as gd

SCRIPT = Path(__file__).with_name("array_libraries.py")
X = np.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize("library", ["einops", "opt_einsum", "sklearn"])
def test_a_library_of_arrays_runs_on_nodes(library):
    pytest.importorskip(library)
    run = subprocess.run(
        [sys.executable, str(SCRIPT), library],
        env={**os.environ, "SCIPY_ARRAY_API": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == {}


def test_einops_itself_says_what_to_write():
    einops = pytest.importorskip("einops")
    with pytest.raises(RuntimeError) as raised:
        gd.grad(lambda x: np.sum(einops.rearrange(x, "a b -> b a")))(X)
    assert "einops.array_api has rearrange" in "".join(raised.value.__notes__)


def test_scikit_learn_without_dispatch_says_what_to_write():
    pairwise = pytest.importorskip("sklearn.metrics.pairwise")
    with pytest.raises(ValueError, match="sequence") as raised:
        gd.grad(lambda x: np.sum(pairwise.rbf_kernel(x)))(X)
    assert "array_api_dispatch=True" in "".join(raised.value.__notes__)
