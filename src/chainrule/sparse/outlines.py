"""Outlines: the rows of a function at its arguments, which are traced and not run.

Of what depends on what, rows tell all: no text is written, and no program is chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.compiler.dispatch.signature import Arrangement, Signature, leaf_signature
from chainrule.compiler.dispatch.specialisation import Outline, outlined
from chainrule.compiler.options import Options
from chainrule.compiler.programs.passes import STRUCTURAL, program_of
from chainrule.compiler.programs.program import Program
from chainrule.compiler.programs.signals import InexactError, NanFound
from chainrule.compiler.tracing.rows import Row
from chainrule.sparse.arguments import Chosen, refuse_followed
from chainrule.values.containers import Structure, flatten


class Path(NamedTuple):
    """The way that a function takes through its branches.

    Attributes
    ----------
    wanted
        The rows of the leaves that it is differentiated in.
    likes
        Of each leaf of the result one of its shape and dtype, or the constant that it
        is.
    """

    program: Program
    wanted: list[Row]
    likes: list[Any]
    structure: Structure


def path_of(
    f: Callable[..., Any],
    run: Callable[..., Any],
    chosen: Chosen,
    args: Sequence[Any],
    keywords: Mapping[str, Any],
) -> Path | None:
    """Trace ``run``, which is called ``f`` in messages.

    ``None`` where it raises an error that depends on values.
    """
    leaves, structure = flatten((tuple(args), dict(keywords)))
    refuse_followed(leaves)
    signatures = [leaf_signature(x, []) for x in leaves]
    signature = Signature(Arrangement(structure, named=True, orders=()), signatures, {})
    wanted: list[Row] = []

    def call(args: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        wanted[:] = [x.row for x in chosen.leaves(args, keywords)]
        return run(*args, **keywords)

    def followed(path: Outline) -> Path:
        program = program_of(path.trace, path.inputs, path.outputs, STRUCTURAL)
        likes = list(map(_like, program.outputs))
        return Path(program, wanted, likes, path.structure)

    try:
        return outlined(f, call, signature, leaves, Options(), followed)
    except (NanFound, InexactError, ArithmeticError):
        return None


def _like(z: Any) -> Any:
    """Return a value in no memory for a row, and a constant as it is."""
    if not isinstance(z, Row):
        return z
    if z.number is not None:
        return z.number()
    return np.broadcast_to(np.zeros((), z.dtype), z.shape)[()]


__all__ = ["Path", "path_of"]
