"""``autograd.scipy``: SciPy's parts, taking boxes; each comes when asked for."""

from importlib import import_module as _import_module
from types import ModuleType as _ModuleType

_PARTS = ("integrate", "linalg", "misc", "signal", "special", "stats")


def __getattr__(name: str) -> _ModuleType:
    """Return a part, which a program has after ``import autograd.scipy``."""
    if name in _PARTS:
        return _import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
