"""The SciPy namespace on nodes: ``chainrule.scipy.linalg.f`` is ``scipy.linalg.f``.

The ufuncs of ``scipy.special`` take nodes themselves. SciPy hands no other function
over, so those are here, under the same names and with the same signatures. Without a
node they are SciPy's own, and so are all names that have no derivative.

In: SciPy's arguments, nodes among them. Out: what SciPy returns, as nodes. A part of
SciPy is imported with the part of this package that mirrors it, and not before.

>>> import chainrule as gd
>>> from chainrule.scipy import special
>>> special.erf(gd.node(0.0))
node(0.0, erf)
"""

import importlib
import typing

if typing.TYPE_CHECKING:
    from chainrule.scipy import (
        fft,
        integrate,
        interpolate,
        linalg,
        ndimage,
        optimize,
        signal,
        sparse,
        spatial,
        special,
        stats,
    )

__all__ = [
    "fft",
    "integrate",
    "interpolate",
    "linalg",
    "ndimage",
    "optimize",
    "signal",
    "sparse",
    "spatial",
    "special",
    "stats",
]


def __getattr__(name: str) -> typing.Any:
    """Import a part when it is first asked for."""
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(
        f"chainrule.scipy has no part {name!r}; it has {', '.join(__all__)}"
    )


def __dir__() -> list[str]:
    """List the parts."""
    return sorted(__all__)
