"""Compiled functions: one program per kind of arguments and path, replayed.

In: a function. Out: a ``Compiled``, called like it. A call looks for the programs of
its key (structure, shapes, dtypes, static values), runs the newest, and goes on to the
next where a decision departs; if none is left, the function is traced again. Where a
value that must not be nan is nan, the function itself is called: see ``refuse_nans``.

Called on nodes it is one operation, whose derivative is a compiled function again.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.compiler import progress as progress_bars
from chainrule.compiler.batching.reruns import batch_of, rerun
from chainrule.compiler.control.bodies import filled
from chainrule.compiler.executors.choice import Choice
from chainrule.compiler.options import Options
from chainrule.compiler.programs.program import Program, program_of
from chainrule.compiler.programs.signals import GuardFailed, InexactError, NanFound
from chainrule.compiler.tracing.arguments import (
    Frozen,
    check_leaf,
    check_static,
    is_mapped,
    plain_array,
)
from chainrule.compiler.tracing.captured import captured
from chainrule.compiler.tracing.results import output
from chainrule.compiler.tracing.rows import NUMBERS, Guard
from chainrule.compiler.tracing.trace import Trace, joined
from chainrule.compiler.tracing.traced import Traced
from chainrule.compiler.tracing.writing import layouts_of
from chainrule.errors import ArgumentError, ChainruleError, CompileError, EscapeError
from chainrule.locks import lock
from chainrule.nodes.admission import holds_nodes, kept
from chainrule.nodes.recorder import record, stacked
from chainrule.notes import annotate
from chainrule.numpy.in_place import private
from chainrule.rules import general
from chainrule.rules.supports import is_inexact
from chainrule.transforms.collector import CollectorPaused
from chainrule.transforms.recorded_call import Recording
from chainrule.values.containers import LEAF, flatten, key_orders, map_leaves, unflatten
from chainrule.values.shapes import TUPLE, describe, generic, kind_of, ndarray
from chainrule.values.vertices import first_stand_in, raw, stand_in, vertex

_CHANGING = lock()
"""Held while the list of a kind's paths changes; never while the user's code runs."""


@dataclass(eq=False)
class Path:
    """One way through a function: its program, and how its result is arranged.

    Where the function writes into arrays it holds for the arguments' layouts in memory
    only, as these decide what is a view. ``None`` stands for all of them.
    """

    program: Program
    structure: Any
    choice: Choice
    seconds: float
    layouts: Any = None
    calls: int = 0

    @property
    def run(self) -> Any:
        """What runs the program now."""
        return self.choice.run


@dataclass(eq=False)
class Kind:
    """The paths that were traced for one kind of arguments, the newest first."""

    arguments: Any
    statics: Mapping[str, Any]
    paths: list[Path] = field(default_factory=list[Path])
    nans: int = 0
    inexact: int = 0
    errors: int = 0

    def prefer(self, path: Path) -> None:
        """Try this path first. Other threads go on with the list that they have."""
        with _CHANGING:
            self.paths = [
                path,
                *(p for p in self.paths if p is not path),
            ]

    def add(self, path: Path, known: list[Path]) -> bool:
        """Add a path, unless another thread has added one to those that are known."""
        with _CHANGING:
            if self.paths is not known and not all(p in known for p in self.paths):
                return False
            self.paths = [path, *self.paths]
        return True

    def found(self, path: Path, numeric: Sequence[Any]) -> Any:
        """Run a path's program; on NumPy, if there are integers beyond 2**53."""
        try:
            return path.choice.call(*numeric)
        except InexactError:
            self.inexact += 1
            path.choice.stay_on_numpy()
            return path.choice.call(*numeric)

    def note(self, error: Exception) -> None:
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

    def forget(self, path: Path) -> None:
        """Drop a path."""
        with _CHANGING:
            self.paths = [p for p in self.paths if p is not path]


class Compiled:
    """A function that is traced once per kind of arguments, and replayed after that."""

    def __init__(
        self, f: Callable[..., Any], *, static: Sequence[str], options: Options
    ) -> None:
        """Compile nothing yet: the first call does."""
        if not callable(f):
            raise ArgumentError(
                f"compile needs a function; received {describe(f)}. Write "
                "gd.compile(f)(x), not gd.compile(f(x))."
            )
        self.f = f
        self.static: tuple[str, ...] = (
            (static,) if type(static) is str else tuple(static)
        )
        self.options = options
        if options.progress:
            progress_bars.check()
        self.kinds: dict[Any, Kind] = {}
        self._of_floats: dict[int, Kind] = {}
        self._derived: dict[Any, Compiled] = {}
        self._example: Any = None
        """What answers for an example with a nan, where the function is a batch's."""
        self._signature: Any = _signature_of(f)
        self._takes_any: bool = _takes_any_keywords(self._signature)
        functools.update_wrapper(self, f, updated=())
        for name in self.static:
            if self._signature is None or name not in self._signature.parameters:
                raise ArgumentError(
                    f"static={name!r} names no argument of {describe_function(f)}."
                )

    def __reduce__(self) -> Any:
        """Pickle the function, or the name of a decorated one; not the programs."""
        name = getattr(self, "__qualname__", "")
        if getattr(sys.modules.get(self.__module__), name, None) is self:
            return name
        return Compiled.rebuilt, (self.f, self.static, self.options)

    @classmethod
    def rebuilt(cls, f: Any, static: Sequence[str], options: Options) -> Compiled:
        """Return a pickled function, with nothing compiled yet."""
        return cls(f, static=static, options=options)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """Bind as a method does."""
        return self if instance is None else functools.partial(self, instance)

    def __repr__(self) -> str:
        """Show what was compiled."""
        return f"<compiled {describe_function(self.f)}, {len(self.kinds)} kinds>"

    # ---------------------------------------------------------------------- a call

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """Replay the program for these arguments; trace it if there is none."""
        if not keywords:
            kind = self._of_floats.get(len(args))
            if kind is not None:
                for x in args:
                    if type(x) is not float:
                        break
                else:
                    return self._run(kind, args, args, keywords)
        return self._call(args, keywords)

    def _call(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        given, named = args, keywords
        statics: dict[str, Any] = {}
        if self.static:
            given, named, statics = self._without_statics(args, keywords)
        leaves, structure = flatten((given, named) if named else given)
        orders = self._orders(given, named)
        key: list[Any] = [structure, bool(named), orders, _static_key(statics)]
        numeric: list[Any] = []
        kinds = [_kind_of(x, numeric) for x in leaves]
        if any(k is vertex for k in kinds):
            return self._recorded(leaves, (structure, bool(named), orders), statics)
        if any(k is stand_in for k in kinds):
            args, keywords = map_leaves(private, (args, keywords))
            return self.f(*args, **keywords)  # inside a trace: its rows are that one's
        found = (*key, *kinds)
        try:
            kind = self.kinds.get(found)
        except TypeError as error:
            for name, x in statics.items():
                check_static(name, x, _static_key(x))
            for x in leaves:
                check_leaf(x, _kind_of(x, []))
            raise ArgumentError(f"An argument cannot be compared: {error}.") from error
        if kind is None:
            made = Kind((structure, bool(named), kinds), statics)
            kind = self.kinds.setdefault(found, made)
            floats = all(k is float for k in kinds) and all(
                type(x) is float for x in args
            )
            if floats and not keywords and not self.static:
                self._of_floats[len(args)] = kind
        return self._run(kind, numeric, args, keywords, leaves)

    def _run(
        self, kind: Kind, numeric: Sequence[Any], args: Any, keywords: Any,
        leaves: Any = None,
    ) -> Any:  # fmt: skip
        if self.options.progress and not progress_bars.active():
            with progress_bars.bars(describe_function(self.f)):
                return self._run(kind, numeric, args, keywords, leaves)
        traced: Path | None = None
        while True:
            paths = kind.paths
            for path in paths:
                if path.layouts is not None and path.layouts != layouts_of(numeric):
                    continue
                try:
                    found = kind.found(path, numeric)
                except GuardFailed:
                    continue
                except NanFound:
                    kind.nans += 1
                    return self._without_nans(kind, args, keywords)
                except Exception as error:
                    kind.note(error)
                    return self._eager(args, keywords)
                path.calls += 1
                if path is not paths[0]:
                    kind.prefer(path)
                if path.structure is LEAF:
                    return found[0]
                return unflatten(path.structure, found)
            if traced is not None:
                # A decision on the last bit, which NumPy and math round differently.
                kind.forget(traced)
                return self._eager(args, keywords)
            given = list(args) if leaves is None else leaves
            try:
                with progress_bars.tracing():
                    made = self._trace(kind, given)
            except (NanFound, InexactError, ArithmeticError) as error:
                kind.note(error)  # in a loop, or of numbers, for this example
                return self._eager(args, keywords)
            if kind.add(made, paths):
                traced = made

    def _without_nans(self, kind: Kind, args: Any, keywords: Any) -> Any:
        """Call the function itself; of a batch only for the examples with a nan."""
        batch = None if self.static else batch_of(self.f)
        if batch is not None:
            if self._example is None:
                nested = batch_of(batch.f) is not None
                self._example = (
                    Compiled(batch.f, static=(), options=self.options)
                    if nested
                    else batch.f
                )
            try:
                with np.errstate(all="ignore"):
                    found = rerun(
                        batch, functools.partial(self._replayed, kind), self._example,
                        args, keywords,
                    )  # fmt: skip
            except GuardFailed:
                found = None
            if found is not None:
                return found
        return self._eager(args, keywords)

    def _replayed(self, kind: Kind, /, *args: Any, **keywords: Any) -> Any:
        """Run the program for arguments of a kind; raise what it raises."""
        leaves, _ = flatten((args, keywords) if keywords else args)
        numeric: list[Any] = []
        for x in leaves:
            _kind_of(x, numeric)
        for path in kind.paths:
            try:
                found = kind.found(path, numeric)
            except GuardFailed:
                continue
            return unflatten(path.structure, found)
        raise GuardFailed

    def _eager(self, args: Any, keywords: Any) -> Any:
        """Call the function itself."""
        args, keywords = map_leaves(private, (args, keywords))
        with np.errstate(all="ignore"):
            return self.f(*args, **keywords)

    def _orders(self, given: Any, named: dict[str, Any]) -> Any:
        """Return the orders of the keys of arguments that are seen by the function."""
        if not named:
            return key_orders(given)
        shown = tuple(named) if self._takes_any else None
        return shown, key_orders((given, [named[k] for k in sorted(named)]))

    def _without_statics(self, args: Any, keywords: Any) -> tuple[Any, Any, Any]:
        bound = self._signature.bind(*args, **keywords)
        given = bound.arguments.keys() | set(self.static)
        bound.apply_defaults()
        named = {k: x for k, x in bound.arguments.items() if k in given}
        statics = {k: named.pop(k) for k in self.static}
        for k, x in statics.items():
            if holds_nodes(x):
                raise ArgumentError(
                    f"The static argument {k!r} received a node. Static arguments are "
                    "constants; leave it out of static= to differentiate it."
                )
        return (), named, statics

    # --------------------------------------------------------------------- tracing

    def _trace(self, kind: Kind, leaves: Sequence[Any]) -> Path:
        """Trace one path and make its program."""
        if len(kind.paths) >= self.options.paths:
            asked = _last_departures(kind)
            raise CompileError(
                f"{describe_function(self.f)} has taken {self.options.paths} paths for "
                f"arguments of one kind; each decides otherwise at {asked}. Use "
                "np.where, gd.cond or gd.while_loop there, or raise compile(paths=...)."
            )
        start = time.perf_counter()
        structure, named, kinds = kind.arguments
        options = self.options
        trace = Trace(options=options)
        filled = [trace.input(plain_array(x)) if _is_dynamic(k) else x
                  for x, k in zip(leaves, kinds, strict=True)]  # fmt: skip
        inputs = [x.row for x in filled if isinstance(x, Traced)]
        tree = unflatten(structure, filled)
        given: tuple[Any, Any] = tree if named else (tree, {})
        args, keywords = given
        with CollectorPaused(), np.errstate(all="ignore"), trace.active():
            try:
                if kind.statics:
                    arguments = {**keywords, **kind.statics}
                    result = _called_by_name(self.f, self._signature, arguments)
                else:
                    result = self.f(*args, **keywords)
            except GuardFailed as departed:
                at = "".join(f" at {place}" for place in departed.args if place)
                raise CompileError(
                    f"A loop in {describe_function(self.f)} makes an array{at} whose "
                    "shape differs from step to step. Keep the shape: write "
                    "np.where(mask, x, 0.0), or np.sum(x, where=mask)."
                ) from None
            except Exception as error:
                annotate(error)
                raise
            _refuse_opened(trace, self.f)
            if trace.raised is not None:
                raise ArithmeticError from trace.raised
            outputs, arranged = flatten(result)
            own = [x for x, k in zip(leaves, kinds, strict=True) if not _is_dynamic(k)]
            own += kind.statics.values()
            name = describe_function(self.f)
            ends = [output(trace, x, name, own) for x in outputs]
            program = program_of(trace, inputs, ends)
            choice = Choice(program, options)
        layouts = None
        if trace.writes:
            layouts = layouts_of([plain_array(x) for x in leaves])
        return Path(program, arranged, choice, time.perf_counter() - start, layouts)

    # -------------------------------------------------------------------- on nodes

    def _recorded(
        self, leaves: list[Any], arguments: tuple[Any, bool, Any], statics: Any
    ) -> Any:
        """Record a call on nodes as one operation."""
        leaves = [stacked(x) if holds_nodes(x) else x for x in leaves]
        places = tuple(i for i, x in enumerate(leaves) if isinstance(x, vertex))
        call = Call(self, places, leaves, arguments, statics)
        results = record(compiled_grad, [leaves[i] for i in places], {"call": call})
        return unflatten(call.arranged, list(results))

    def derived(self, call: Call, what: str) -> Compiled:
        """Return the compiled pullback or pushforward of a kind of call."""
        key = (what, call.places, call.arguments, _static_key(call.statics))
        found = self._derived.get(key)
        if found is None:
            f = _pullback if what == "pullback" else _pushforward
            made = functools.partial(f, self.f, call.shell())
            functools.update_wrapper(made, self.f)
            found = Compiled(made, static=(), options=self.options)
            self._derived[key] = found
        return found

    # ------------------------------------------------------------------ inspection

    def _captured(self) -> dict[str, str]:
        """Return what was read from outside, also of objects among arguments."""
        found = captured(self.f, {})
        for kind in list(self.kinds.values()):
            structure, named, kinds = kind.arguments
            given = [None if _is_dynamic(k) else k[1] for k in kinds]
            tree: Any = unflatten(structure, given)
            both: tuple[Any, Any] = tree if named else (tree, {})
            args, keywords = both
            with contextlib.suppress(TypeError):  # *args by name, with static=
                bound = self._signature.bind_partial(*args, **keywords).arguments
                found |= captured(self.f, {**bound, **kind.statics})
        return found

    def newest(self) -> tuple[Kind, Path]:
        """Return the path that was traced or run last."""
        for kind in reversed(self.kinds.values()):
            if kind.paths:
                return kind, kind.paths[0]
        raise CompileError(
            f"{describe_function(self.f)} has no program yet. Call it once first."
        )

    def stats(self) -> dict[str, Any]:
        """Return what was compiled, and how it is run.

        ``programs`` has one entry per path: the rows after each pass, the guards, the
        executor, the bytes of its workspace, the seconds it took to trace, and how
        often it ran. Its ``loops`` say of each scan, while loop, cond and vmap what
        runs it, why, and how many seconds that took. ``nan_reruns`` counts the calls
        that the function itself answered, for a vmap some examples of, because a
        derivative held a nan, ``integer_reruns`` those with integers beyond 2**53,
        which a tape cannot hold, ``error_reruns`` those where an operation raised an
        error. ``captured`` names what the function read from outside its arguments when
        it was traced, and of objects (``self.w``): it stays as it was.
        """
        programs = [
            {
                "arguments": [_shown(k) for k in kind.arguments[2]],
                "static": dict(kind.statics),
                "rows": dict(path.program.counts),
                "guards": len(path.program.guards),
                "executor": path.run.name,
                "because": path.choice.reason,
                "numpy_rows": path.run.shares(),
                "loops": loops_of(path.program, path.run.name),
                "workspace_bytes": path.run.workspace,
                "trace_seconds": path.seconds,
                "calls": path.calls,
            }
            for kind in self.kinds.values()
            for path in kind.paths
        ]
        return {
            "programs": programs,
            "retraces": sum(len(k.paths) - 1 for k in self.kinds.values() if k.paths),
            "nan_reruns": sum(k.nans for k in self.kinds.values()),
            "integer_reruns": sum(k.inexact for k in self.kinds.values()),
            "error_reruns": sum(k.errors for k in self.kinds.values()),
            "captured": self._captured(),
        }


def loops_of(program: Program, executor: str) -> list[dict[str, Any]]:
    """Return what runs each loop and map of a program, outer ones before inner ones.

    The rows of a map may be rows of the program, which ``executor`` runs.
    """
    found: list[dict[str, Any]] = [
        {"loop": "vmap", "examples": count, "executor": executor,
         "because": f"its rows are the program's: {because}", "seconds": None}
        for count, because in program.mapped
    ]  # fmt: skip
    for row in program.rows:
        told = getattr(row.function, "told", None)
        if told is None:
            continue
        known = told()
        running, inside = known.pop("running"), known.pop("programs")
        seen = {"executor": running.executor, "because": running.because,
                "seconds": running.seconds}  # fmt: skip
        found.append(known | seen)
        if running.on_numpy:
            for part in inside:
                found += loops_of(part, "numpy")
    return found


def _static_key(x: Any) -> Any:
    """Return a key of constants that tells 1 from 1.0 and True."""
    kind = kind_of(x)
    if kind is dict:
        return tuple([(k, _static_key(v)) for k, v in x.items()])
    if isinstance(x, TUPLE):
        return (x.__class__, *map(_static_key, x))
    if kind is set or kind is frozenset:
        return (kind, frozenset(map(_static_key, x)))
    if kind is slice:
        return (kind, *map(_static_key, (x.start, x.stop, x.step)))
    if kind is bytearray:
        return (kind, bytes(x))
    return (x.__class__, repr(x) if isinstance(x, (float, complex)) else x)


def _called_by_name(f: Any, signature: Any, arguments: Mapping[str, Any]) -> Any:
    """Call a function by the names of its arguments."""
    positional: list[Any] = []
    rest: dict[str, Any] = {}
    for name, parameter in signature.parameters.items():
        if name not in arguments:
            continue
        if parameter.kind is parameter.VAR_POSITIONAL:
            positional += arguments[name]
        elif parameter.kind is parameter.VAR_KEYWORD:
            rest |= arguments[name]
        elif parameter.kind is parameter.KEYWORD_ONLY:
            rest[name] = arguments[name]
        else:
            positional.append(arguments[name])
    return f(*positional, **rest)


def _takes_any_keywords(signature: Any) -> bool:
    """Tell whether a function may see in which order its keywords are given."""
    if signature is None:
        return True
    kinds: list[Any] = [x.kind for x in signature.parameters.values()]
    return inspect.Parameter.VAR_KEYWORD in kinds


def describe_function(f: Any) -> str:
    """Return a function's name for messages."""
    return f"{getattr(f, '__name__', kind_of(f).__name__)}()"


def _signature_of(f: Any) -> Any:
    try:
        return inspect.signature(f)
    except (TypeError, ValueError):
        return None


def _kind_of(x: Any, numeric: list[Any]) -> Any:
    """Return what of a leaf is part of the key; collect those that are numbers."""
    kind = kind_of(x)
    if kind is ndarray:
        if x.dtype.kind in "fcbiu":
            numeric.append(x)
            return (x.shape, x.dtype)
        if holds_nodes(x):
            return vertex
        if first_stand_in(x) is not None:
            return stand_in
        raise ArgumentError(
            f"A compiled function takes arrays of numbers; received {describe(x)}."
        )
    if kind in NUMBERS:
        numeric.append(x)
        return kind if kind is not int or -LIMIT <= x < LIMIT else _large(x)
    if isinstance(x, generic) and x.dtype.kind in "fcbiu":
        numeric.append(x)
        return (np.generic, x.dtype)
    if isinstance(x, vertex):
        return vertex
    if isinstance(x, stand_in):
        return stand_in
    if is_mapped(x) and x.dtype.kind in "fcbiu":
        numeric.append(plain_array(x))
        return (x.shape, x.dtype)
    if kind in (set, frozenset, slice, bytearray):
        return ("constant", Frozen(x), _static_key(x))
    return ("constant", x, kind)


LIMIT = 2**63
"""Of integers from here on NumPy makes arrays of another dtype."""


class unsigned(int):
    """The class, for keys, of integers that NumPy holds as unsigned ones."""


class unlimited(int):
    """The class, for keys, of integers that NumPy holds as objects."""


def _large(x: int) -> type:
    return unsigned if 0 <= x < 2 * LIMIT else unlimited


def _is_dynamic(kind: Any) -> bool:
    return isinstance(kind, type) or kind[0] != "constant"


def _shown(kind: Any) -> str:
    if isinstance(kind, type):
        return kind.__name__
    if kind[0] == "constant":
        return repr(kind[1])
    return str(kind[1]) if kind[0] is np.generic else f"{kind[1]}{list(kind[0])}"


def _refuse_opened(trace: Trace, f: Any) -> None:
    """Raise if Python saw an array of objects, where else it sees one of numbers."""
    where = trace.opened.line()
    if where is not None:
        raise EscapeError(
            f"{describe_function(f)} makes an array of objects of a traced value at "
            f"{where}, on whose dtype it may decide. np.array(x) and np.asarray(x) do "
            "so: use x as it is, or np.copy(x). np.array([x, y]) is possible, and so "
            "is np.asarray(x, dtype=object)."
        )


def _last_departures(kind: Kind) -> str:
    guards: list[Guard] = [g for p in kind.paths for g in p.program.guards]
    return guards[-1].where if guards else "an array whose shape depends on values"


# ----------------------------------------------------------- a call as one operation


class Call:
    """A call of a compiled function on nodes: which leaves they are, and the others."""

    def __init__(
        self, compiled: Compiled, places: tuple[int, ...], leaves: Sequence[Any],
        arguments: tuple[Any, bool, Any], statics: Mapping[str, Any],
    ) -> None:  # fmt: skip
        """Keep the leaves that are no nodes."""
        self.compiled = compiled
        self.places = places
        inside = set(places)
        self.others: list[Any] = [
            None if i in inside else kept(x) for i, x in enumerate(leaves)
        ]
        self.arguments = arguments
        self.statics = statics
        self.arranged: Any = None

    def __repr__(self) -> str:
        """Show which function is called."""
        return describe_function(self.compiled.f)

    def shell(self) -> Call:
        """Return the same kind of call without its leaves, to be filled in."""
        return Call(
            self.compiled, self.places, self.others, self.arguments, self.statics
        )

    def run(self, f: Callable[..., Any], operands: Sequence[Any], others: Any) -> Any:
        """Call a function with operands in their places among the other leaves."""
        leaves = list(others)
        for i, x in zip(self.places, operands, strict=True):
            leaves[i] = x
        structure, named, _ = self.arguments
        tree = unflatten(structure, leaves)
        given: tuple[Any, Any] = tree if named else (tree, {})
        args, keywords = given
        if not self.statics:
            return f(*args, **keywords)
        arguments = {**keywords, **self.statics}
        return _called_by_name(f, self.compiled._signature, arguments)

    def values(self, operands: Sequence[Any]) -> tuple[Any, ...]:
        """Return the leaves of the result for plain operands."""
        found = self.run(self.compiled, operands, self.others)
        leaves, self.arranged = flatten(found)
        return tuple(joined(leaves))


def _outputs(
    f: Callable[..., Any], call: Call, others: Any
) -> Callable[..., tuple[Any, ...]]:
    """Return the function from operands to the inexact leaves of the result."""

    def outputs(*operands: Any) -> tuple[Any, ...]:
        leaves = joined(flatten(call.run(f, operands, others))[0])
        return tuple(x for x in leaves if is_inexact(raw(x)))

    return outputs


def _pullback(
    f: Callable[..., Any], call: Call, operands: Any, others: Any, seeds: Any
) -> tuple[Any, ...]:
    """Return the cotangents of operands, one run of ``f`` swept backwards."""
    run = Recording(_outputs(f, call, others), operands, range(len(operands)), {})
    bars, _ = run.pull({i: g for i, g in enumerate(seeds)})  # noqa: C416
    return tuple(filled(bars, operands))


def _pushforward(
    f: Callable[..., Any], call: Call, operands: Any, others: Any, tangents: Any
) -> tuple[Any, ...]:
    """Return the tangents of the results, one run of ``f`` swept forwards."""
    run = Recording(_outputs(f, call, others), operands, range(len(operands)), {})
    dots, _ = run.push(tangents)
    return tuple(filled(dots, run.outputs))


class compiled_grad(general, kind=True):
    """z = f(x, y, ...), a compiled function; its derivative is compiled too"""

    variadic = True
    outputs = 2

    @staticmethod
    def forward(*operands: Any, call: Call) -> Any:
        """Return the leaves of the result."""
        return call.values(operands)

    @staticmethod
    def pullback(xp: Any, z_grad: Any, z: Any, *operands: Any, call: Call) -> Any:
        """Return the cotangents, by the compiled pullback."""
        pairs = zip(filled(z_grad, z), z, strict=True)
        seeds = tuple(g for g, v in pairs if is_inexact(raw(v)))
        derived = call.compiled.derived(call, "pullback")
        return derived(operands, call.others, seeds)

    @staticmethod
    def pushforward(xp: Any, tangents: Any, z: Any, *operands: Any, call: Call) -> Any:
        """Return the tangents, by the compiled pushforward."""
        given = tuple(filled(tangents, operands))
        derived = call.compiled.derived(call, "pushforward")
        found = iter(derived(operands, call.others, given))
        return tuple(next(found) if is_inexact(raw(v)) else None for v in z)
