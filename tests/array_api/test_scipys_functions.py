"""With SCIPY_ARRAY_API=1 SciPy's own functions run on nodes, and have derivatives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("scipys_functions.py")


def test_scipys_own_functions_run_on_nodes():
    pytest.importorskip("scipy", minversion="1.17")
    run = subprocess.run(
        [sys.executable, str(SCRIPT)],
        env={**os.environ, "SCIPY_ARRAY_API": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == {"wrong": {}, "lifted": True, "mirror": True}
