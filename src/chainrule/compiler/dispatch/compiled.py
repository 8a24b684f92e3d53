"""Compiled functions: a call runs the program of its signature and path.

In: a function. Out: a ``Compiled``, called like it. A call looks for the programs of
its signature (structure, shapes, dtypes, static values), runs the newest, and goes on
to the next where a guard fails; if none is left, the function is traced again. Where a
value that must not be nan is nan, the function itself is called: see ``refuse_nans``.

Called on nodes it is one operation, whose derivative is a compiled function again.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule import progress as progress_bars
from chainrule.compiler import background
from chainrule.compiler.batching.reruns import Batch, rerun
from chainrule.compiler.dispatch.arrivals import rebuilt
from chainrule.compiler.dispatch.bound import Bound, seen
from chainrule.compiler.dispatch.calls import Call, derivative_of, on_values, recorded
from chainrule.compiler.dispatch.functions import (
    apply,
    describe_function,
    parameters_of,
    takes_any_keywords,
)
from chainrule.compiler.dispatch.kept import Kept
from chainrule.compiler.dispatch.signature import (
    UNCOMPILED,
    Arrangement,
    LeafSignature,
    Signature,
    leaf_signature,
    refuse,
    static_key,
)
from chainrule.compiler.dispatch.specialisation import (
    Specialisation,
    Specialisations,
    specialise,
)
from chainrule.compiler.dispatch.stats import shown, stats_of
from chainrule.compiler.options import Options
from chainrule.compiler.programs.signals import GuardFailed, InexactError, NanFound
from chainrule.compiler.tracing.writing import layouts_of
from chainrule.errors import ArgumentError, CompileError
from chainrule.nodes.admission import holds_nodes
from chainrule.numpy.making import private
from chainrule.settings import SETTINGS
from chainrule.transforms.derived import global_name
from chainrule.values.containers import LEAF, flatten, key_orders, map_leaves, stripped
from chainrule.values.labelled import MET
from chainrule.values.quiet import HARMLESS, current_state, raises_errors, unless_raised
from chainrule.values.shapes import describe, kind_of, ndarray
from chainrule.values.vertices import stand_in, vertex

_DIRECT = {float, ndarray}
_NO_STATICS: Mapping[str, Any] = {}


class Compiled:
    """A function that is traced once per signature and path, and replayed after that.

    Attributes
    ----------
    f, static, options
        What ``compile`` was given.
    parameters
        Those of ``f``, if Python knows them.
    kept, signatures
        The programs that are kept, and for each signature its specialisations, by key.

    Examples
    --------
    >>> import chainrule as gd, numpy as np
    >>> fast = gd.compile(lambda x: np.sum(x**2))
    >>> fast
    <compiled <lambda>, no program yet>
    >>> fast(np.arange(3.0)), gd.grad(fast)(np.arange(3.0))
    (np.float64(5.0), array([0., 2., 4.]))
    """

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
        self.parameters: inspect.Signature | None = parameters_of(f)
        self.kept: Kept = Kept(options.max_programs)
        self.signatures: dict[tuple[Any, ...], Specialisations] = self.kept.signatures
        self.derivatives: OrderedDict[tuple[Any, ...], Compiled] = OrderedDict()
        self._example: Callable[..., Any] | None = None
        """What answers for an example with a nan, where the function is a batch's."""
        self._takes_any: bool = takes_any_keywords(self.parameters)
        functools.update_wrapper(self, f, updated=())
        for name in self.static:
            if self.parameters is None or name not in self.parameters.parameters:
                raise ArgumentError(
                    f"static={name!r} names no argument of {describe_function(f)}."
                )

    def __reduce__(self) -> Any:
        """Pickle the function, or the name of a decorated one; not the programs."""
        made = (Compiled, self.f, self.static, self.options)
        return global_name(self) or (rebuilt, made)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """Bind as a method does."""
        return self if instance is None else functools.partial(self, instance)

    def __repr__(self) -> str:
        """Show what was compiled, and what runs it."""
        return shown(self.f, self.kept)

    # ---------------------------------------------------------------------- a call

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """Replay the program for these arguments; trace it if there is none."""
        if current_state() not in HARMLESS and raises_errors():
            return self._eager(args, keywords)
        key: Any = None
        if not keywords:
            for x in args:
                kind = kind_of(x)
                key = (key, x.shape, x.dtype) if kind is ndarray else (key, kind)
            known = self.kept.direct.get(key)
            if known is not None:
                return self._run(known, args, args, keywords, args)
        return self._call(args, keywords, key)

    def _call(
        self, args: tuple[Any, ...], keywords: dict[str, Any], direct: Any
    ) -> Any:
        met = MET.count
        leaves, numbers, signatures, arranged, statics = self.signed(args, keywords)
        if MET.count != met and stripped(call := (args, keywords)) is not call:
            return on_values(self, args, keywords)
        if vertex in signatures and UNCOMPILED not in signatures:
            return recorded(self, leaves, Arrangement(*arranged), statics)
        if stand_in in signatures or UNCOMPILED in signatures:
            return self._eager(args, keywords)  # inside a trace: rows of that one
        known = self.known_for(leaves, numbers, signatures, arranged, statics)
        if not keywords and not self.static and _DIRECT.issuperset(map(kind_of, args)):
            self.kept.direct[direct] = known
        return self._run(known, numbers, args, keywords, leaves)

    def signed(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """Return leaves, the numeric ones, all signatures, arrangement, statics."""
        positional, named, statics = args, keywords, _NO_STATICS
        if self.static:
            positional, named, statics = self._without_statics(args, keywords)
        leaves, structure = flatten((positional, named) if named else positional)
        orders = self.orders(positional, named)
        numbers: list[Any] = []
        signatures = [leaf_signature(x, numbers) for x in leaves]
        return leaves, numbers, signatures, (structure, bool(named), orders), statics

    def known_for(
        self,
        leaves: Sequence[Any],
        numbers: Sequence[Any],
        signatures: Sequence[LeafSignature],
        arranged: tuple[Any, ...],
        statics: Mapping[str, Any],
    ) -> Specialisations:
        """Return the specialisations of a signature; none are in a new one's."""
        key = (*arranged, static_key(statics) if statics else (), *signatures)

        def signature() -> Signature:
            return Signature(Arrangement(*arranged), signatures, statics)

        try:
            return self.kept.of(key, signature)
        except TypeError as error:
            refuse(statics, leaves)
            raise ArgumentError(f"An argument cannot be compared: {error}.") from error

    def _run(
        self,
        known: Specialisations,
        numbers: Sequence[Any],
        args: Sequence[Any],
        keywords: Mapping[str, Any],
        leaves: Sequence[Any],
    ) -> Any:
        own = self.options.progress
        if (own or SETTINGS.progress) and progress_bars.asked(own=own):
            with progress_bars.bars(describe_function(self.f)):
                return self._run(known, numbers, args, keywords, leaves)
        traced: Specialisation | None = None
        while True:
            for path in (paths := known.paths):
                if path.layouts is not None and path.layouts != layouts_of(numbers):
                    continue
                try:
                    results = known.run(path, numbers)
                except GuardFailed:
                    continue
                except NanFound:
                    return self._without_nans(known, args, keywords)
                except Exception as error:
                    known.count(error)
                    return self._eager(args, keywords)
                path.calls += 1
                if path is not self.kept.latest:
                    self.kept.used(path, known)
                return results[0] if path.structure is LEAF else path.arrange(results)
            if traced is not None:
                # A decision on the last bit, which NumPy and math round differently.
                self.kept.forget(known, traced)
                if traced.guessed:  # or a loop's shapes, as a trace of all steps says
                    self._specialise(known, leaves, exact=True)
                return self._eager(args, keywords)
            path = None if known.raises else self._specialise(known, leaves)
            if path is None:
                return self._eager(args, keywords)
            traced = path if self.kept.add(known, path, paths) else None

    def _specialise(
        self, known: Specialisations, leaves: Sequence[Any], *, exact: bool = False
    ) -> Specialisation | None:
        """Trace another path; ``None`` if these leaves have a nan or an error in it.

        An ``exact`` trace takes all steps of loops for the example.
        """
        known.refuse_more_than(self.options.paths, self.f)

        def call(args: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
            statics = known.signature.statics
            return apply(self.f, self.parameters, args, keywords, statics)

        try:
            with progress_bars.growing("tracing", "rows"):
                given = self.f, call, known.signature, leaves, self.options
                return specialise(*given, exact=exact)
        except (NanFound, InexactError, ArithmeticError) as error:
            known.count(error)  # in a loop, or of numbers, for this example
            return None

    def _without_nans(
        self, known: Specialisations, args: Sequence[Any], keywords: Mapping[str, Any]
    ) -> Any:
        """Call the function itself; of a batch only for the examples with a nan."""
        known.nans += 1
        batch = self.f
        if isinstance(batch, Batch) and not self.static:
            if self._example is None:
                self._example = batch.f
                if isinstance(batch.f, Batch):
                    self._example = Compiled(batch.f, static=(), options=self.options)
            replayed = functools.partial(self._replayed, known)
            with contextlib.suppress(GuardFailed), np.errstate(all="ignore"):
                results = rerun(batch, replayed, self._example, args, keywords)
                if results is not None:
                    return results
        return self._eager(args, keywords)

    def _replayed(self, known: Specialisations, /, *args: Any, **keywords: Any) -> Any:
        """Run the program for arguments of a signature; raise what it raises."""
        leaves, _ = flatten((args, keywords) if keywords else args)
        numbers: list[Any] = []
        for x in leaves:
            leaf_signature(x, numbers)
        for path in known.paths:
            try:
                results = known.run(path, numbers)
            except GuardFailed:
                continue
            return path.arrange(results)
        raise GuardFailed

    def _eager(self, args: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        """Call the function itself."""
        args, keywords = map_leaves(private, (args, keywords))
        with unless_raised():
            return self.f(*args, **keywords)

    def orders(
        self, positional: Sequence[Any], named: Mapping[str, Any]
    ) -> tuple[Any, ...]:
        """Return the orders of the keys of arguments that are seen by the function."""
        if not named:
            return key_orders(positional)
        shown = tuple(named) if self._takes_any else None
        return shown, key_orders((positional, [named[k] for k in sorted(named)]))

    def _without_statics(
        self, args: Sequence[Any], keywords: Mapping[str, Any]
    ) -> tuple[tuple[()], dict[str, Any], dict[str, Any]]:
        """Return the arguments by name, and the static ones by themselves."""
        bound: Any = self.parameters.bind(*args, **keywords)  # type: ignore[union-attr]
        received = bound.arguments.keys() | set(self.static)
        bound.apply_defaults()
        named = {k: x for k, x in bound.arguments.items() if k in received}
        statics = {k: named.pop(k) for k in self.static}
        for k, x in statics.items():
            if holds_nodes(x):
                raise ArgumentError(
                    f"The static argument {k!r} received a node. Static arguments are "
                    "constants; leave it out of static= to differentiate it."
                )
        return (), named, statics

    def bind(self, *args: Any, **keywords: Any) -> Bound:
        """Return the call with these arguments, for when their arrays change in place.

        Parameters
        ----------
        *args, **keywords
            Those of a call. Shapes and dtypes stay, and so do numbers; what arrays
            hold is read in each call. They are no nodes.

        Returns
        -------
        Callable
            Called without arguments, by one thread at a time. It returns what the call
            would. **The arrays in its result are the same ones each time: the next call
            overwrites them.** Where a guard fails, or a derivative is nan, it is an
            ordinary call, whose result goes into these arrays where it fits.

        Raises
        ------
        ArgumentError
            If there is a node among the arguments.

        Examples
        --------
        >>> import chainrule as gd, numpy as np
        >>> x = np.array([1.0, -2.0])
        >>> slope = gd.compile(gd.grad(lambda x: np.sum(x**2))).bind(x)
        >>> for _ in range(20):
        ...     x -= 0.25 * slope()
        >>> np.abs(x).max() < 1e-5
        np.True_
        """
        args, keywords = map_leaves(seen, stripped((args, keywords)))
        found = self.signed(args, keywords)
        if vertex in found[2] or stand_in in found[2]:
            raise ArgumentError(
                "bind received a node, or a value of a function that is being traced. "
                "Call the function with it, or bind the plain array: gd.value(x)."
            )
        find = functools.partial(self.known_for, *found)
        ordinary = functools.partial(self, *args, **keywords)
        return Bound(self.kept, find, found[1], ordinary)

    # -------------------------------------------------------- derivatives, inspection

    def derived(self, call: Call, what: str) -> Compiled:
        """Return the compiled pullback or pushforward of a kind of call."""
        key = (what, call.positions, call.arrangement, static_key(call.statics))
        derivative = self.derivatives.pop(key, None)
        if derivative is None:
            f = derivative_of(call, what)
            derivative = Compiled(f, static=(), options=self.options)
            if len(self.derivatives) >= self.options.max_programs:
                self.derivatives.popitem(last=False)
        self.derivatives[key] = derivative  # as the one that was used last
        return derivative

    def newest(self) -> tuple[Signature, Specialisation]:
        """Return the path that was traced or run last, and its signature."""
        if (newest := self.kept.newest()) is None:
            raise CompileError(
                f"{describe_function(self.f)} has no program yet. Call it once first."
            )
        return newest

    wait: Callable[..., bool] = staticmethod(background.wait)

    def stats(self) -> dict[str, Any]:
        """Return what was compiled, and how it is run.

        ``programs`` has one entry per path: rows after each pass, guards, executor,
        whether it is settled, bytes of its workspace, seconds to trace it, calls. Its
        ``loops`` say what runs each, why, and for how long. ``nan_reruns`` counts
        the calls that the function itself answered, for a vmap some examples of, for a
        nan in a derivative, ``integer_reruns`` those with integers beyond 2**53,
        ``error_reruns`` those with an error, ``dropped`` the programs beyond
        ``max_programs``. ``captured`` names what the function read from outside its
        arguments, and of objects (``self.w``): it stays as it was.
        """
        return stats_of(self.f, self.parameters, self.kept)
