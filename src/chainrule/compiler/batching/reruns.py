"""Reruns: of the examples of a vmap, only those that hold a nan are called again.

In: a batch whose program found a nan where none may be (``refuse_nans``). Which example
it belongs to is found by running the program on ever fewer of the examples, repeated
to their number, so that it is the same program on any executor. The function itself
answers for those with a nan, and the program for all others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.compiler.batching.axes import count_of, examples_of, result_axes
from chainrule.compiler.programs.signals import NanFound
from chainrule.transforms.derived import Derived
from chainrule.values.containers import flatten, unflatten

MANY = 8
"""If more than one of so many examples holds a nan, the function answers for all."""


class Batch(Derived[Any]):
    """What ``vmap`` makes of a function."""


class Examples:
    """The arguments of a batch, by examples."""

    def __init__(
        self, batch: Batch, args: Sequence[Any], keywords: Mapping[str, Any]
    ) -> None:
        """Find the examples."""
        self.leaves: list[Any]
        self.structure: Any
        self.axes: list[Any]
        self.leaves, self.structure, self.axes = examples_of(
            batch.f, args, keywords, batch.options["in_axes"]
        )
        self.count: int = count_of(self.leaves, self.axes)

    def taken(self, places: int | NDArray[Any]) -> tuple[Any, Any]:
        """Return the arguments with these examples."""
        pairs = zip(self.leaves, self.axes, strict=True)
        taken = [x if a is None else np.take(x, places, axis=a) for x, a in pairs]
        return unflatten(self.structure, taken)

    def repeated(self, few: Sequence[int]) -> tuple[Any, Any]:
        """Return the arguments with some examples, repeated to the number of all."""
        return self.taken(np.resize(np.asarray(few), self.count))


def rerun(
    batch: Batch,
    run: Callable[..., Any],
    one: Callable[..., Any],
    args: Sequence[Any],
    keywords: Mapping[str, Any],
) -> Any:
    """Return the results of all examples; ``None`` if too many of them hold a nan.

    ``run(*args, **keywords)`` runs the program for a batch and raises ``NanFound``;
    ``one`` is called with one example that does.
    """
    examples = Examples(batch, args, keywords)
    bad = _with_nan(examples, run)
    if bad is None:
        return None
    some = (set(range(examples.count)) - set(bad)).pop()
    places = np.arange(examples.count)
    places[bad] = some
    given, named = examples.taken(places)
    leaves, structure = flatten(run(*given, **named))
    axes = result_axes(batch.options["out_axes"], leaves, structure)
    for i in bad:
        given, named = examples.taken(i)
        found, how = flatten(one(*given, **named))
        if how != structure:
            return None
        for z, axis, x in zip(leaves, axes, found, strict=True):
            np.moveaxis(z, axis, 0)[i] = x
    return unflatten(structure, leaves)


def _with_nan(examples: Examples, run: Callable[..., Any]) -> list[int] | None:
    """Return the examples that hold a nan, or ``None`` if they are many."""
    bad: list[int] = []
    rest = [list(range(examples.count))]
    while rest:
        few = rest.pop()
        if len(few) < examples.count:
            given, named = examples.repeated(few)
            try:
                run(*given, **named)
            except NanFound:
                pass
            else:
                continue
        if len(few) == 1:
            bad.append(few[0])
            if len(bad) * MANY > examples.count:
                return None
        else:
            half = len(few) // 2
            rest += [few[:half], few[half:]]
    return sorted(bad) or None


__all__ = ["Batch", "rerun"]
