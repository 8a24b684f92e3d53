"""The array API of chainrule with every floating array a node, for its public tests.

The functions of the standard that make arrays return nodes here where their arrays are
of floating-point or complex numbers; all other names are those of ``chainrule.numpy``.
The tests look at results by ``float(x)`` and ``complex(x)``, which nodes refuse, since
they lose the derivative: here these read the value.

As a plugin of pytest this counts the calls of each function of the namespace that
returned nodes which it computed.
"""

from __future__ import annotations

import functools
import json
import os
import types
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import chainrule.numpy
from chainrule.nodes.node_class import node

MAKERS = (
    "arange asarray empty empty_like eye from_dlpack full full_like linspace ones "
    "ones_like zeros zeros_like"
).split()
CALLS: Counter[str] = Counter()
"""How many calls of each function returned nodes that it computed."""


def made_of_nodes(maker: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that makes an array, as a node where it is of floats."""

    @functools.wraps(maker)
    def make(*args: Any, **options: Any) -> Any:
        x = maker(*args, **options)
        if isinstance(x, node) or x.dtype.kind not in "fc":
            return x
        return np.copy(node(np.asarray(x)))  # no leaf: some tests write into it

    return make


def counted(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function whose calls are counted if they return computed nodes."""

    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        z = function(*args, **options)
        results = z if isinstance(z, tuple | list) else (z,)
        if any(isinstance(x, node) and x.operation for x in results):
            CALLS[function.__name__] += 1
        return z

    return call


def on_nodes(home: types.ModuleType, name: str) -> Any:
    """Return what a name stands for in the tests."""
    found = getattr(home, name)
    if isinstance(found, types.ModuleType):
        module = types.ModuleType(found.__name__)
        module.__getattr__ = functools.partial(on_nodes, found)  # type: ignore[method-assign]
        return module
    if not callable(found) or isinstance(found, type):
        return found
    return made_of_nodes(found) if name in MAKERS else counted(found)


def __getattr__(name: str) -> Any:
    return on_nodes(chainrule.numpy, name)


def __dir__() -> list[str]:
    return [*globals(), *dir(chainrule.numpy)]


def reading(kind: type) -> Callable[[node], Any]:
    """Return a method that reads the value as a number of Python's."""
    return lambda x: kind(x.value)


for _kind in (float, int, complex):
    setattr(node, f"__{_kind.__name__}__", reading(_kind))


def pytest_sessionfinish() -> None:
    """Write the counts of this process into a file of its own."""
    place = Path(os.environ["ARRAY_API_CALLS"])
    (place / f"{os.getpid()}.json").write_text(json.dumps(CALLS), encoding="utf-8")
