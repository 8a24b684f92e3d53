"""The memory of a process: how much it had at most (Linux)."""

from __future__ import annotations

import ctypes
import gc
from pathlib import Path


def peak() -> float:
    """Return the most memory in use since ``forget_peak`` in this process, in MB.

    It is that of this program alone: ``ru_maxrss`` is also that of the process that
    started it.
    """
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1e3


def forget_peak() -> None:
    """Give free memory back, and begin to measure the peak anew."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")


__all__ = ["forget_peak", "peak"]
