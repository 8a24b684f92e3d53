"""What may run the steps of a scan besides NumPy: a tape, or its program fused.

In: the body of a scan. Out: the first form that it has. Where it has no tape NumPy runs
the steps, and native code what it can of each.
"""

from __future__ import annotations

from contextlib import suppress

from chainrule.compiler.control.bodies import Body
from chainrule.compiler.executors import costs
from chainrule.compiler.executors.replay import Replay
from chainrule.compiler.native.fusion import fused
from chainrule.compiler.native.meanings import CannotLowerError
from chainrule.compiler.tape.array_scan import ArrayScan
from chainrule.compiler.tape.scan_tape import TapeLoop


class FusedSteps(Replay):
    """The fused program of a body; raises ``CannotLowerError`` if there is none."""

    def __init__(self, body: Body, because: str) -> None:
        """Find what is fused, and compile nothing yet; ``because`` there is no tape."""
        program = fused(body.program)
        if program is None:
            raise CannotLowerError("nothing of it has native code")
        super().__init__(program)
        self._body = body
        self.because: str = f"{because}; loops over arrays are fused in native code"

    def hasten(self) -> None:
        """Compile it, and have the steps take it."""
        self._body.run = self.ready()


Form = TapeLoop | ArrayScan | FusedSteps


def form_of(
    body: Body, carried: int, mapped: int, count: int, *, reverse: bool, native: bool
) -> Form:
    """Return the first form that there is; with ``native`` it calls machine code.

    Raises
    ------
    CannotLowerError
        There is none; it says why there is no tape.
    """
    large = native and costs.is_large(body.program)
    given = body.program, carried, mapped, count
    because = ""
    for tape in (TapeLoop, ArrayScan)[large : 1 + native]:
        try:
            return tape(*given, reverse=reverse)
        except CannotLowerError as error:
            because = because or str(error) or "it has no form on a tape"
    if native:
        with suppress(CannotLowerError):
            return FusedSteps(body, because)
    raise CannotLowerError(because)


__all__ = ["FusedSteps", "form_of"]
