"""Whether a recording, run again at other inputs, computes what its function does.

A function may decide by plain values where nobody sees it: in a table that it looks up,
by the time, by random numbers. Its recording is tried at inputs that are far away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.explainer.account.views import VertexView
from chainrule.rules.namespace import evaluate

Values = Mapping[int, Any]
Follows = Callable[[], bool]
"""Tells whether a recording follows its function; it may run the function."""


def replayed(vertices: Sequence[VertexView], inputs: Values, result: int) -> Any:
    """Return what the recorded operations make of other inputs.

    >>> import chainrule as gd
    >>> explained = gd.explain(lambda x, y: x * y + x)(2.0, 3.0)
    >>> float(replayed(explained.vertices, {0: 5.0, 1: 1.0}, explained.result))
    10.0
    """
    known: dict[int | None, Any] = {}
    for v in vertices[: result + 1]:
        if v.rule is None:
            known[v.index] = inputs.get(v.index, v.value)
        elif v.used:
            given = [known.get(x.index, x.value) for x in v.operands]
            known[v.index] = evaluate(v.rule, given, v.parameters)
    return known[result]


def _turned(x: NDArray[Any]) -> NDArray[Any]:
    return 1.1 * np.ravel(x)[::-1].reshape(x.shape) + 0.05


def _doubled(x: NDArray[Any]) -> NDArray[Any]:
    return 2.0 * x + 0.5


def _negated(x: NDArray[Any]) -> NDArray[Any]:
    return -0.7 * x


ELSEWHERE: Sequence[Callable[[NDArray[Any]], NDArray[Any]]] = (
    _turned,
    _doubled,
    _negated,
)
"""How the inputs are changed where a recording is tried."""
