"""What ``compile`` returns, for type checkers: parameters and results stay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, Protocol, TypeVar

from chainrule.compiler.dispatch.bound import Bound

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)
R = TypeVar("R")


class CompiledFunction(Protocol[P, R_co]):
    """What ``compile`` returns: called as the function is, with what is known of it."""

    def __call__(self, *args: P.args, **keywords: P.kwargs) -> R_co:
        """Replay the program for these arguments; trace it if there is none."""
        ...

    def bind(self, *args: P.args, **keywords: P.kwargs) -> Bound:
        """Return a call without arguments, on arrays that are changed in place."""
        ...

    def stats(self) -> dict[str, Any]:
        """Return what was compiled, what runs it, and why."""
        ...


class Decorator(Protocol):
    """What ``compile`` returns without a function: it takes one."""

    def __call__(self, f: Callable[P, R], /) -> CompiledFunction[P, R]:
        """Compile a function."""
        ...
