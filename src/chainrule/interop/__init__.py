"""Bridges to other libraries: what is differentiated here, and there.

In: a NumPy function, or one of PyTorch or JAX. Out: the same function on the other
side, with its derivatives of every order. Each library is imported when its part is
first asked for.

``interop.torch.function`` and ``interop.jax.function`` make ours functions of theirs;
``interop.from_torch`` and ``interop.from_jax`` make theirs operations of ours.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from chainrule.errors import MissingLibraryError

if TYPE_CHECKING:
    from chainrule.interop import jax, torch
    from chainrule.interop.jax_library import from_jax
    from chainrule.interop.torch_library import from_torch

__all__ = ["from_jax", "from_torch", "jax", "torch"]

_HOMES = {
    "from_jax": ("jax_library", "jax"),
    "from_torch": ("torch_library", "torch"),
    "jax": ("jax", "jax"),
    "torch": ("torch", "torch"),
}
"""For each name the module that has it, and the library that this needs."""


def __getattr__(name: str) -> Any:
    """Import what needs a library; say what to install where that is missing."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home, library = _HOMES[name]
    try:
        module = importlib.import_module(f"{__name__}.{home}")
    except ModuleNotFoundError as error:
        if error.name != library:
            raise
        raise MissingLibraryError(
            f"chainrule.interop.{name} needs {library}, which is not installed. "
            f"Install chainrule[{library}]."
        ) from None
    return module if home == name else getattr(module, name)


def __dir__() -> list[str]:
    """List the bridges."""
    return sorted(__all__)
