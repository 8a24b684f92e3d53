"""Specialisations: a program for one signature of arguments and one path.

A path is one way through the function's branches. ``specialise`` traces it.
"""

from __future__ import annotations

import functools
import operator
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from chainrule.compiler.dispatch.functions import describe_function
from chainrule.compiler.dispatch.signature import Signature, is_numeric
from chainrule.compiler.executors.choice import Choice
from chainrule.compiler.options import Options
from chainrule.compiler.programs.passes import program_of
from chainrule.compiler.programs.program import Program
from chainrule.compiler.programs.signals import GuardFailed, InexactError, NanFound
from chainrule.compiler.tracing.arguments import plain_array
from chainrule.compiler.tracing.guesses import NotExact
from chainrule.compiler.tracing.results import output
from chainrule.compiler.tracing.rows import Row
from chainrule.compiler.tracing.trace import Trace
from chainrule.compiler.tracing.traced import Traced
from chainrule.compiler.tracing.writing import layouts_of
from chainrule.errors import ChainruleError, CompileError, EscapeError
from chainrule.locks import lock
from chainrule.notes import raise_own
from chainrule.transforms.collector import CollectorPaused
from chainrule.values.containers import LEAF, Structure, flatten, unflatten
from chainrule.values.quiet import RaisesErrorsError

_CHANGING = lock()
"""Held while a list of specialisations changes; never while the user's code runs."""


@dataclass(eq=False)
class Specialisation:
    """A program for one path, and how its results are arranged.

    Where the function writes into arrays it holds for the arguments' layouts in memory
    only, as these decide what is a view. ``None`` stands for all of them.
    """

    program: Program
    structure: Structure
    choice: Choice
    seconds: float
    layouts: tuple[tuple[int, ...], ...] | None = None
    guessed: bool = False
    """Whether loops took no step for the example."""
    calls: int = 0

    def __post_init__(self) -> None:
        """Find what arranges the leaves of a result."""
        count = self.structure.num_leaves
        self.arrange: Callable[[Sequence[Any]], Any]
        if self.structure is LEAF:
            self.arrange = operator.itemgetter(0)
        elif self.structure == flatten((0.0,) * count)[1]:
            self.arrange = tuple  # it is one, and stays as it is
        else:
            self.arrange = functools.partial(unflatten, self.structure)

    @property
    def run(self) -> Any:
        """What runs the program now."""
        return self.choice.run


@dataclass(eq=False)
class Specialisations:
    """The paths that were traced for one signature, the newest first.

    ``nans``, ``inexact`` and ``errors`` count the calls that ended with a nan where
    none may be, with integers that a tape cannot hold, and with an error.
    """

    signature: Signature
    paths: list[Specialisation] = field(default_factory=list[Specialisation])
    nans: int = 0
    inexact: int = 0
    errors: int = 0
    raises: bool = False
    """Whether the function has NumPy raise errors, which no program does."""

    def prefer(self, path: Specialisation) -> None:
        """Try this path first. Other threads go on with the list that they have."""
        with _CHANGING:
            self.paths = [path, *(p for p in self.paths if p is not path)]

    def add(self, path: Specialisation, known: list[Specialisation]) -> bool:
        """Add a path, unless another thread has added one to those that are known."""
        with _CHANGING:
            if self.paths is not known and not all(p in known for p in self.paths):
                return False
            self.paths = [path, *self.paths]
        return True

    def forget(self, path: Specialisation) -> None:
        """Drop a path."""
        with _CHANGING:
            self.paths = [p for p in self.paths if p is not path]

    def run(self, path: Specialisation, numbers: Sequence[Any]) -> Sequence[Any]:
        """Run a path's program; on NumPy, if there are integers beyond 2**53."""
        try:
            return path.choice.call(*numbers)
        except InexactError:
            self.inexact += 1
            path.choice.stay_on_numpy()
            return path.choice.call(*numbers)

    def count(self, error: Exception) -> None:
        """Count a call that the function itself answers.

        It is for a nan, or an error, which it may catch and go on otherwise. An error
        of ours says what a program cannot do, and is raised.
        """
        if isinstance(error, ChainruleError):
            raise error
        if isinstance(error, NanFound):
            self.nans += 1
        else:
            self.errors += 1
            self.raises = isinstance(error.__cause__, RaisesErrorsError)

    def refuse_more_than(self, paths: int, f: Callable[..., Any]) -> None:
        """Raise if a function has taken so many paths."""
        if len(self.paths) < paths:
            return
        guards = [g for p in self.paths for g in p.program.guards]
        where = guards[-1].where if guards else "an array whose shape depends on values"
        raise CompileError(
            f"{describe_function(f)} has taken {paths} paths for arguments of one "
            f"signature; each decides otherwise at {where}. Use np.where, gd.cond or "
            "gd.while_loop there, or raise compile(paths=...)."
        )


@dataclass(eq=False)
class Outline:
    """The path that a function takes: rows as they were traced, and no program yet.

    Attributes
    ----------
    inputs, outputs
        The rows of the numbers among the leaves; the leaves of the result, as rows and
        constants.
    structure
        How the result is arranged.
    start
        When tracing began, by ``perf_counter``.
    """

    trace: Trace
    inputs: list[Row]
    outputs: list[Any]
    structure: Structure
    start: float


Call = Callable[[Sequence[Any], Mapping[str, Any]], Any]
T = TypeVar("T")


def specialise(
    f: Callable[..., Any],
    call: Call,
    signature: Signature,
    leaves: Sequence[Any],
    options: Options,
    *,
    exact: bool = False,
) -> Specialisation:
    """Trace the path that a function takes for these leaves, and make its program."""

    def made(path: Outline) -> Specialisation:
        trace = path.trace
        program = program_of(trace, path.inputs, path.outputs)
        seconds, guessed = time.perf_counter() - path.start, bool(trace.guesses)
        defers = trace.defers or guessed
        choice = Choice(program, options, seconds, deferred=defers)
        layouts = layouts_of([plain_array(x) for x in leaves]) if trace.writes else None
        seconds = time.perf_counter() - path.start
        return Specialisation(
            program, path.structure, choice, seconds, layouts, guessed
        )

    return outlined(f, call, signature, leaves, options, made, exact=exact)


def outlined(
    f: Callable[..., Any],
    call: Call,
    signature: Signature,
    leaves: Sequence[Any],
    options: Options,
    then: Callable[[Outline], T],
    *,
    exact: bool = False,
) -> T:
    """Trace the path that a function takes for these leaves; return what is made of it.

    ``call`` calls ``f`` with positional arguments and keywords, and the static values.
    Loops that count their steps, and long ones, take none here, unless something is
    decided on their results, or the trace is to be ``exact``.
    """
    trace = Trace(options=options, exact=exact)
    try:
        return _traced(trace, f, call, signature, leaves, then)
    except (NotExact, Exception):
        if not trace.guesses:
            raise
    return _traced(Trace(options=options), f, call, signature, leaves, then)


def _traced(
    trace: Trace,
    f: Callable[..., Any],
    call: Call,
    signature: Signature,
    leaves: Sequence[Any],
    then: Callable[[Outline], T],
) -> T:
    """Trace a path in a trace that is empty."""
    start = time.perf_counter()
    numeric = [is_numeric(x) for x in signature.leaves]
    traced = [
        trace.input(plain_array(x)) if is_traced else x
        for x, is_traced in zip(leaves, numeric, strict=True)
    ]
    inputs = [x.row for x in traced if isinstance(x, Traced)]
    args, keywords = signature.arrangement.arguments(traced)
    own = [x for x, is_traced in zip(leaves, numeric, strict=True) if not is_traced]
    own += signature.statics.values()
    with CollectorPaused(), np.errstate(all="ignore"), trace.active():
        results, structure = flatten(_result(f, call, args, keywords))
        _refuse_opened(trace, f)
        if trace.raised is not None:
            raise ArithmeticError from trace.raised
        name = describe_function(f)
        outputs = [output(trace, x, name, own) for x in results]
        return then(Outline(trace, inputs, outputs, structure, start))


def _result(
    f: Callable[..., Any],
    call: Call,
    args: Sequence[Any],
    keywords: Mapping[str, Any],
) -> Any:
    """Return the result of a traced function."""
    try:
        return call(args, keywords)
    except GuardFailed as failed:
        at = "".join(f" at {line}" for line in failed.args if line)
        raise CompileError(
            f"A loop in {describe_function(f)} makes an array{at} whose shape differs "
            "from step to step. Keep the shape: write np.where(mask, x, 0.0), or "
            "np.sum(x, where=mask)."
        ) from None
    except Exception as error:
        raise_own(error)
        raise


def _refuse_opened(trace: Trace, f: Callable[..., Any]) -> None:
    """Raise if Python saw an array of objects, where else it sees one of numbers."""
    where = trace.opened.line()
    if where is not None:
        raise EscapeError(
            f"{describe_function(f)} makes an array of objects of a traced value at "
            f"{where}, on whose dtype it may decide. np.array(x) and np.asarray(x) do "
            "so: use x as it is, or np.copy(x). np.array([x, y]) is possible, and so "
            "is np.asarray(x, dtype=object)."
        )
