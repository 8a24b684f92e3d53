"""The libraries: where each has functions of NumPy and SciPy, and its derivatives.

A library's ways are functions of ``f``, which takes one array and returns a number, and
of the array; forward mode takes a direction too. A way that it does not have is absent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import version
from typing import Any

import numpy as np

Function = Callable[[Any], Any]


@dataclass(frozen=True)
class Library:
    """One library.

    ``homes`` are its modules, by the namespaces that they are in the place of.
    """

    name: str
    xp: Any
    homes: Mapping[str, str]
    reverse: Callable[[Function, Any], Any]
    forward: Callable[[Function, Any, Any], Any]
    compiled: Callable[[Function, Any], Any] | None = None
    from_plain: Callable[[Any], Any] = field(default=np.asarray)

    @property
    def version(self) -> str:
        """The version that was measured."""
        return version(self.name)

    def found(self, namespace: str, name: str) -> Any:
        """Return what the library has of that name; ``None`` where it has none."""
        home = self.homes.get(namespace)
        value: Any = module(home) if home else None
        for part in name.split("."):
            value = getattr(value, part, None)
        return value


def module(name: str) -> Any:
    """Return a module by its name, or what its package has by that name."""
    try:
        return import_module(name)
    except ImportError:
        package, _, own = name.rpartition(".")
        return getattr(module(package), own, None) if package else None


def _homes(numpy: str, scipy: str, parts: str) -> dict[str, str]:
    return {
        **{f"numpy{x}": f"{numpy}{x}" for x in ("", ".linalg", ".fft")},
        **{f"scipy.{x}": f"{scipy}.{x}" for x in parts.split()},
    }


def chainrule() -> Library:
    """Chainrule; compiled, without a step that is left to NumPy."""
    import chainrule as gd

    def natively(f: Function, x: Any) -> Any:
        slope = gd.compile(gd.grad(f), executor="native")
        z = slope(x)
        program = slope.stats()["programs"][0]
        if program["executor"] != "native code" or program["numpy_rows"]:
            raise RuntimeError("some of its steps have no form in machine code")
        return z

    return Library(
        "chainrule",
        gd.numpy,
        _homes(
            "chainrule.numpy",
            "chainrule.scipy",
            "special stats linalg signal ndimage fft integrate interpolate "
            "spatial.distance",
        ),
        lambda f, x: gd.grad(f)(x),
        lambda f, x, d: gd.jvp(f, (x,), (d,))[1],
        natively,
    )


def autograd() -> Library:
    """``autograd``, which does not compile."""
    import autograd.numpy as anp
    from autograd import grad, make_jvp

    return Library(
        "autograd",
        anp,
        _homes(
            "autograd.numpy",
            "autograd.scipy",
            "special stats linalg signal integrate",
        ),
        lambda f, x: grad(f)(x),
        lambda f, x, d: make_jvp(f)(x)(d)[1],
    )


def jax() -> Library:
    """``jax`` with 64 bits, compiled by XLA."""
    import jax as library

    library.config.update("jax_enable_x64", True)
    import jax.numpy as jnp

    return Library(
        "jax",
        jnp,
        _homes(
            "jax.numpy",
            "jax.scipy",
            "special stats linalg signal ndimage fft integrate interpolate",
        ),
        lambda f, x: library.grad(f)(x),
        lambda f, x, d: library.jvp(f, (x,), (d,))[1],
        lambda f, x: library.jit(library.grad(f))(x),
        jnp.asarray,
    )


def advect() -> Library:
    """``advect``; compiled, its staged programs."""
    import advect as library
    import advect.numpy as vnp

    return Library(
        "advect",
        vnp,
        _homes("advect.numpy", "advect.scipy", "special ndimage"),
        lambda f, x: library.grad(f)(x),
        lambda f, x, d: library.jvp(f)(x, tangents=d)[1],
        lambda f, x: library.grad(library.stage(f, x))(x),
    )


LIBRARIES = {
    "chainrule": chainrule,
    "autograd": autograd,
    "jax": jax,
    "advect": advect,
}
