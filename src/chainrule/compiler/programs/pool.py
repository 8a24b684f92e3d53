"""Pools: memory that several values have, one after the other."""

from __future__ import annotations


class Pool:
    """Pieces of memory, by number, of which some are free.

    ``sizes`` are what the pieces must have in the end: one that is free grows where it
    is too small for what comes next.
    """

    def __init__(self) -> None:
        """Start empty."""
        self.sizes: list[int] = []
        self._free: list[int] = []

    def take(self, size: int) -> int:
        """Return the number of a piece, which is no longer free.

        It is the smallest that is large enough; if there is none, the largest.
        """
        sizes, free = self.sizes, self._free
        enough = [n for n in free if sizes[n] >= size]
        if enough:
            number = min(enough, key=sizes.__getitem__)
        elif free:
            number = max(free, key=sizes.__getitem__)
        else:
            sizes.append(size)
            return len(sizes) - 1
        free.remove(number)
        sizes[number] = max(size, sizes[number])
        return number

    def give(self, number: int) -> None:
        """Have a piece be free again."""
        self._free.append(number)


__all__ = ["Pool"]
