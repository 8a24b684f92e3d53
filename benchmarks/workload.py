"""What is measured: a workload, the peers it is compared with, and the targets."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Workload:
    """A function to differentiate and where.

    Attributes
    ----------
    function
        Called as ``function(xp, *arguments, *constants, **options)``, where ``xp`` is
        the array namespace of a library. Its docstring lists its operations.
    arguments
        Floats or arrays; the gradient is taken in all of them.
    constants
        Arrays that are not differentiated, handed over in the library's own type.
    options
        Sizes, as keywords.
    order
        1 for the gradient, 2 for the Hessian (of one array).
    """

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    constants: tuple[Any, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    order: int = 1

    def __call__(self, xp: Any, *arguments: Any, constants: Any = None) -> Any:
        """Run the function with a library's namespace, arguments and constants."""
        constants = self.constants if constants is None else constants
        return self.function(xp, *arguments, *constants, **self.options)

    @property
    def listing(self) -> str:
        """The workload's operations, as its docstring lists them."""
        return inspect.getdoc(self.function) or ""


@dataclass(frozen=True)
class Target:
    """A ratio to reach.

    It is ``faster`` by a factor, ``at_most`` a multiple of a time, or ``within`` a
    factor in both directions.
    """

    limit: float
    kind: str

    def ratio(self, ours: float, theirs: float) -> float:
        """Return the ratio that the target speaks of."""
        return theirs / ours if self.kind == "faster" else ours / theirs

    def met(self, ratio: float) -> bool:
        """Tell whether a measured ratio reaches the target."""
        if self.kind == "faster":
            return ratio >= self.limit
        least = 1 / self.limit if self.kind == "within" else 0.0
        return least <= ratio <= self.limit


def faster(limit: float) -> Target:
    """Ask that chainrule takes at most the peer's time divided by ``limit``."""
    return Target(limit, "faster")


def at_most(limit: float) -> Target:
    """Ask that chainrule takes at most ``limit`` times the peer's time."""
    return Target(limit, "at most")


def within(limit: float) -> Target:
    """Ask that neither takes more than ``limit`` times the other's time."""
    return Target(limit, "within")


@dataclass(frozen=True)
class Peer:
    """What chainrule is compared with; ``target=None`` only shows the ratio."""

    library: str
    target: Target | None = None
    workload: Workload | None = None
    label: str = ""

    @property
    def name(self) -> str:
        """What the table calls it."""
        return self.label or self.library


@dataclass(frozen=True)
class Comparison:
    """One block of the table: a workload on chainrule, and on each peer."""

    name: str
    workload: Workload
    peers: tuple[Peer, ...]
    library: str = "chainrule"
    per_operation: bool = False
    rounds: int = 21
    kept: bool = False
    """Whether the process keeps the memory of arrays that are gone, for peers, too."""
