"""Trials: whether one way to run something is faster than another.

In: an executor, or how threads share a loop, and what was before. Out: a ``Trial``,
which says for each call which of them runs it. They take turns, so that a busy machine
slows both, and each is judged by its fastest run; where these are close, more are made.
"""

from __future__ import annotations

import math
from typing import Any

TURN, ROUNDS = 3, 5
"""Runs of one executor before it is the other's turn, and how often both have one."""

CLEAR = 1.25
"""How many times as fast is enough: after one round, against ``after`` after two."""

OBVIOUS = 1.5
"""How many times as fast as all runs of the other before is enough without a round."""

_HOPELESS, _EVER = 4.0, 1e9


class Trial:
    """Two executors in turns.

    Attributes
    ----------
    run
        Which of them runs the next call; in the end, the one that is kept.
    """

    def __init__(
        self,
        before: Any,
        after: Any,
        usual: float,
        *,
        guessed: bool = False,
        estimated: bool = False,
    ) -> None:
        """Start with ``after``; ``usual`` is the fastest run of ``before`` so far.

        Where that is ``guessed``, ``before`` has a turn in any case. One slow run ends
        it, and one where it is ``estimated``.
        """
        self._both = before, after
        self._usual = usual
        self._known = not guessed
        self._guessed = guessed or estimated
        self._best = [math.inf, math.inf]
        self._i = 1
        self._runs = self._rounds = 0

    @property
    def gain(self) -> float:
        """How many times as fast ``after`` has been."""
        return min(self._usual, self._best[0]) / self._best[1]

    @property
    def run(self) -> Any:
        """Which of them runs the next call; in the end, the one that is kept."""
        return self._both[self._i]

    @property
    def patience(self) -> float:
        """Seconds that loops of ``run`` may take on NumPy, in a turn of ``before``.

        They are finite, so that no loop becomes native by itself.
        """
        if self._i:
            return math.inf
        return _HOPELESS * self._best[1] if self._guessed else _EVER

    def ends(self, seconds: float) -> bool:
        """Take what a run of ``run`` took; tell whether the trial is over."""
        best = self._best
        best[self._i] = min(best[self._i], seconds)
        self._runs += 1
        first = self._i == 1 and not self._rounds
        if first and self._runs > 1 and best[1] > _HOPELESS * self._usual:
            self._i = 0
            return True
        if self._guessed and not self._i and seconds > _HOPELESS * best[1]:
            self._i = 1
            return True
        if self._runs < TURN:
            return False
        self._runs = 0
        if self._i:
            obvious = first and self._known and OBVIOUS * best[1] <= self._usual
            self._i = int(obvious)
            return obvious
        self._rounds += 1
        # Few runs, one of them its first, say little against what was just made.
        told = self._rounds > 1 or best[1] < best[0]
        clear = told and max(best) >= CLEAR * min(best)
        over = self._rounds == ROUNDS or clear
        self._i = int(not over or best[1] <= best[0])
        return over


__all__ = ["Trial"]
