"""Gradients written by hand in C: what the machine can do.

Each file of ``c/`` defines ``value_and_gradient(arrays, sizes, gradients)``, which
returns the value of one workload and fills one array for each of its arguments. Whole
numbers among the options are macros: ``steps=100`` is ``STEPS``. It is compiled when it
is needed, for this machine, and nothing is left of it on the disk.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.workload import Peer, Workload, at_most

C = "C by hand"

FLAGS = ("-O3", "-march=native", "-ffast-math", "-fPIC")
"""They are for compiling only: a library that is linked with ``-ffast-math`` has the
whole process flush subnormal numbers to zero when it is loaded."""

FOLDER = Path(__file__).parent / "c"


@dataclass(frozen=True)
class Handwritten(Peer):
    """A peer that the file ``source`` of ``c/`` holds."""

    source: str = ""


def by_hand(source: str) -> Handwritten:
    """Return the file as a peer: chainrule may take twice its time."""
    return Handwritten(C, at_most(2.0), source=source)


def compiler() -> str | None:
    """Return the path of this machine's C compiler, if it has one."""
    return shutil.which("cc") or shutil.which("gcc")


def build_handwritten(source: str, workload: Workload) -> Callable[[], Any]:
    """Return a call that computes the value and the gradients in C."""
    function = load(source, workload)
    arrays = [
        np.ascontiguousarray(x, float)
        for x in (*workload.arguments, *workload.constants)
    ]
    gradients = [np.empty(np.shape(x)) for x in workload.arguments]
    sizes = (ctypes.c_long * len(arrays))(*(x.size for x in arrays))
    found = gradients[0] if len(gradients) == 1 else tuple(gradients)
    pointers = addresses(arrays), sizes, addresses(gradients)

    def call() -> Any:
        _ = arrays  # they must outlive their addresses
        return function(*pointers), found

    return call


def load(source: str, workload: Workload) -> Any:
    """Compile a file and return its function."""
    macros = [
        f"-D{name.upper()}={x}"
        for name, x in workload.options.items()
        if isinstance(x, int)
    ]
    with TemporaryDirectory() as folder:
        code, library = Path(folder) / "reference.o", Path(folder) / "reference.so"
        command = [compiler(), *FLAGS, *macros, "-c", str(FOLDER / source), "-o", code]
        subprocess.run(command, check=True)
        command = [compiler(), "-shared", str(code), "-o", library, "-lm"]
        subprocess.run(command, check=True)
        function = ctypes.CDLL(str(library)).value_and_gradient
    function.restype = ctypes.c_double
    return function


def addresses(arrays: list[np.ndarray]) -> Any:
    """Return a C array of where the arrays start."""
    return (ctypes.c_void_p * len(arrays))(*(x.ctypes.data for x in arrays))
