"""What the layers below the buffers know of one."""

from __future__ import annotations

from typing import Any

import numpy as np


class buffered(np.ndarray):  # noqa: N801
    """An array of plain numbers, until a node is written into it: then it is that."""

    __slots__ = ()

    def current(self) -> Any:
        """Return what it is now: a plain array on the same memory, or a node."""
        raise NotImplementedError

    def hand_over(self, value: object) -> None:
        """Become a node, or a traced array: a value of that kind is about to come."""
        raise NotImplementedError


def current(x: Any) -> Any:
    """Return what a buffer is now; anything else as it is."""
    return type(x).current(x) if isinstance(x, buffered) else x  # past __getattribute__


__all__ = ["buffered", "current"]
