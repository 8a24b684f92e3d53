"""What the user calls: compile, source and program."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any, overload

from chainrule.compiler.c_source.function import c_identifier, function_of
from chainrule.compiler.dispatch.compiled import Compiled
from chainrule.compiler.dispatch.functions import positional_names
from chainrule.compiler.dispatch.signature import Signature, is_numeric
from chainrule.compiler.dispatch.specialisation import Specialisation
from chainrule.compiler.executors.choice import EXECUTORS
from chainrule.compiler.native.meanings import CannotLowerError
from chainrule.compiler.options import PATHS, PROGRAMS, Options
from chainrule.compiler.programs.passes import at_stage
from chainrule.compiler.programs.text import Code, Names, Source, expression, source_of
from chainrule.compiler.signatures import CompiledFunction, Decorator, P, R
from chainrule.compiler.tracing.rows import Row
from chainrule.errors import ArgumentError, CompileError
from chainrule.values.containers import unflatten
from chainrule.values.shapes import describe


@overload
def compile(
    f: Callable[P, R],
    *,
    static: Sequence[str] = ...,
    executor: str = ...,
    paths: int = ...,
    progress: bool = ...,
    fastmath: bool = ...,
    threads: int = ...,
    max_programs: int | None = ...,
) -> CompiledFunction[P, R]: ...
@overload
def compile(
    f: None = None,
    *,
    static: Sequence[str] = ...,
    executor: str = ...,
    paths: int = ...,
    progress: bool = ...,
    fastmath: bool = ...,
    threads: int = ...,
    max_programs: int | None = ...,
) -> Decorator: ...
def compile(
    f: Callable[..., Any] | None = None,
    *,
    static: Sequence[str] = (),
    executor: str = "auto",
    paths: int = PATHS,
    progress: bool = False,
    fastmath: bool = False,
    threads: int | str = 1,
    max_programs: int | None = None,
) -> Any:
    """Return ``f`` compiled: traced once, then replayed without running its Python.

    The result of any transform can be compiled, ``compile(value_and_grad(f))``, and a
    compiled function can be differentiated, compiled or not. It returns what ``f``
    returns, to rounding; with ``fastmath``, where its assumptions hold.

    Parameters
    ----------
    f
        A function of numbers, arrays and containers of them. Without it, a decorator
        with these options is returned.
    static
        Names of arguments that are constants: each of their values gets a program.
        Strings and other arguments that are no numbers are so anyway.
    executor
        ``"numpy"`` replays with NumPy. ``"native"`` is machine code, ``"vm"`` an
        interpreter; they need ``chainrule[fast]``. ``"auto"`` chooses by the clock, and
        ``stats()`` says why.
    paths
        How many paths through ``if`` and ``while`` on values are compiled for one
        signature of arguments, before ``CompileError`` names the line.
    progress
        Whether what takes more than half a second shows a bar on stderr: a trace, the
        passes over its rows, and in a run, loops that NumPy runs step by step. Needs
        tqdm (``chainrule[progress]``).
    fastmath
        Whether to take identities that are exact in real arithmetic but not in floating
        point, as ``x / 3`` = ``x * (1 / 3)``, ``(x + 1) + 2`` = ``x + 3``, ``x - x`` =
        0, ``exp(log(x))`` = x. It assumes finite values, inside the domains of
        functions, and divisors that are not 0; nan and inf may be lost.
    threads
        How many threads share a loop in native code: over the examples of ``vmap``, or
        over large arrays. ``"auto"`` measures for each loop whether one per core is
        faster than one. NumPy's own calls use what its BLAS was told.
    max_programs
        How many programs are kept, over all signatures and paths. The one that ran
        longest ago goes for a new one, and is traced again when it is called for. By
        default 256, or ``paths`` if these are more.

    Returns
    -------
    Compiled
        Called like ``f``. ``stats()`` tells what was compiled. It pickles if ``f``
        does.

    Raises
    ------
    ArgumentError
        If an option has no such value, or needs a package that is not installed.
    EscapeError
        When called, where ``f`` turns a value into a plain number (``float(x)``) or
        writes into an array: it would be frozen.
    CompileError
        If there are more paths than ``paths``.

    Notes
    -----
    A Python branch on a value is a guard: where it goes another way, that path is
    traced as well. Side effects, random numbers and values from outside the arguments
    are those of the trace; ``stats()`` lists the latter. At poles the result follows
    NumPy (``1 / 0`` is inf), without warnings. Threads may call it at once.

    Examples
    --------
    >>> import chainrule as gd, numpy as np
    >>> fast = gd.compile(gd.grad(lambda x: np.sum(np.sin(x) * x)))
    >>> fast(np.array([0.0, 1.0]))
    array([0.        , 1.38177329])
    """
    if executor not in EXECUTORS:
        raise ArgumentError(
            f"compile needs executor= one of {', '.join(map(repr, EXECUTORS))}; "
            f"received {executor!r}."
        )
    kept = max(PROGRAMS, paths) if max_programs is None else max_programs
    count = 1 if threads == "auto" else threads
    others = {"threads": ", or 'auto'"}
    for name, x in (("threads", count), ("max_programs", kept)):
        if type(x) is not int or x < 1:
            raise ArgumentError(
                f"compile needs {name}= a number, 1 or more{others.get(name, '')}; "
                f"received {x!r}."
            )
    if f is None:
        again: Any = compile
        return functools.partial(
            again,
            static=static,
            executor=executor,
            paths=paths,
            progress=progress,
            fastmath=fastmath,
            threads=threads,
            max_programs=max_programs,
        )
    options = Options(executor, paths, progress, fastmath, threads, kept)
    return Compiled(f, static=static, options=options)


def source(compiled: Callable[..., Any]) -> Source:
    """Return the program that ran last as a NumPy function, with the user's names.

    The text can be run: ``exec(text, dict(text.constants))`` defines the function.

    Examples
    --------
    >>> import chainrule as gd
    >>> fast = gd.compile(gd.grad(lambda x, y: x * y + x**2))
    >>> fast(2.0, 3.0)
    7.0
    >>> print(gd.source(fast).split("def ")[1])
    f(x, y):
        ...
    """
    signature, path = _checked(compiled, "source").newest()
    names, opening = _argument_names(compiled, signature, path)
    arranged = path.structure

    classes: dict[str, Any] = {}

    def returned(leaves: list[str]) -> str:
        return _written(unflatten(arranged, [_Code(x) for x in leaves]), classes)

    name = getattr(compiled, "__name__", "f")
    name = name if name.isidentifier() else "f"
    parameters = list(dict.fromkeys(root for root, _ in opening))
    unpacked = [
        f"    {names[row]} = {access}"
        for row, (_, access) in zip(path.program.inputs, opening, strict=True)
        if names[row] != access
    ]
    text = source_of(path.program, name, names, returned)
    head = f"def {name}({', '.join(names.values())}):"
    filled = "\n".join([f"def {name}({', '.join(parameters)}):", *unpacked])
    return Source(text.replace(head, filled, 1), {**text.constants, **classes})


def program(compiled: Callable[..., Any], *, stage: str | None = None) -> Code:
    """Return the rows of the program that ran last, one per line, with their shapes.

    Parameters
    ----------
    compiled
        A compiled function that was called.
    stage
        ``"traced"`` shows the program before the passes, and the name of a pass what it
        was after it: ``"dce"`` (dead code elimination), ``"identities"``,
        ``"fastmath"`` where that was asked for, ``"cse"`` (common subexpression
        elimination), ``"loops"`` (loops without the results that nobody reads),
        ``"scatters"`` (the derivatives of many ``x[i]`` in one row). Without it, what
        is run.

    Raises
    ------
    ArgumentError
        If the program has no such stage.
    CompileError
        If there is no program yet, or so long a one that its stages are not kept.

    Examples
    --------
    >>> import chainrule as gd, numpy as np
    >>> fast = gd.compile(lambda x: np.sin(x) * x)
    >>> value = fast(2.0)
    >>> print(gd.program(fast).splitlines()[1])
    v0       = np.sin(x)    # float64
    """
    signature, path = _checked(compiled, "program").newest()
    names = Names(_argument_names(compiled, signature, path)[0])
    shown = path.program if stage is None else at_stage(path.program, stage)
    lines = [f"{names.row(x):<8} = argument{_like(x)}" for x in shown.inputs]
    for row in shown.rows:
        text = expression(row, names)
        lines.append(f"{names.row(row):<8} = {text}{_like(row)}")
    outputs = [names.row(x) if isinstance(x, Row) else repr(x) for x in shown.outputs]
    return Code("\n".join([*lines, f"return {', '.join(outputs)}"]))


def to_c(compiled: Callable[..., Any], *, name: str | None = None) -> str:
    """Return the program that ran last as one C99 function, for use without Python.

    Parameters
    ----------
    compiled
        A compiled function that was called.
    name
        What the C function is called; by default as the function is.

    Returns
    -------
    str
        ``void f(const double *x, ..., double *out)``, for any C99 compiler, and what it
        needs: ``math.h`` alone. Each argument is a pointer to its numbers, and the
        results stand one after the other in ``out``. A comment above says which
        numbers are where.

    Raises
    ------
    CompileError
        If there is no program yet; or, with the reason, if it is no arithmetic of real
        numbers: it decides in Python, holds complex values, or calls a function that
        has no form in C (``np.linalg.solve``, ``np.sort``).

    Notes
    -----
    It has elementwise functions, sums, maxima, products of matrices, whatever moves
    entries (slices, stacks), ``scan``, ``cond`` and ``while_loop``. Integers are
    doubles, exact below 2**53; numbers of float32 are doubles, rounded where NumPy
    rounds. Functions such as ``exp`` are the C library's. Where a
    derivative holds a nan that the compiled function would look into, the C function
    returns it. It allocates nothing.

    Examples
    --------
    >>> import chainrule as gd
    >>> fast = gd.compile(gd.grad(lambda x, y: x * y + x**2))
    >>> fast(2.0, 3.0)
    7.0
    >>> print(gd.to_c(fast, name="slope").split("*/")[0])
    /*
     * ...
     *
     * void slope(const double *x, const double *y, double *out);
     *
     * x: a number
     * y: a number
     * out[0]: a number
     ...
    """
    signature, path = _checked(compiled, "to_c").newest()
    program = path.program
    try:
        if program.guards:
            where = program.guards[0].where
            raise CannotLowerError(f"it decides in Python on a value at {where}")
        title = name or getattr(compiled, "__name__", "f")
        names = _argument_names(compiled, signature, path)[0]
        taken = [c_identifier(names[x]) for x in program.inputs]
        arguments = [x + "_" * taken[:i].count(x) for i, x in enumerate(taken)]
        by = f"{getattr(compiled, '__name__', 'f')}, written by chainrule.to_c."
        return function_of(program, c_identifier(title), arguments, by)
    except CannotLowerError as error:
        reason = str(error) or "a row has no form in C"
        raise CompileError(
            f"This program has no C source: {reason}. It needs real numbers in double "
            "precision, operations with an expression, np.where and gd.cond in place "
            "of branches."
        ) from None


def _like(row: Row) -> str:
    if row.shape is None:
        column = row.function is operator.getitem
        return f"    # {'a column of steps' if column else 'several results'}"
    return f"    # {row.dtype}{list(row.shape)}" if row.shape else f"    # {row.dtype}"


class _Code:
    """Text that prints as itself inside a container."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def _written(tree: Any, classes: dict[str, Any]) -> str:
    """Return a container of code as code; collect the classes that it names."""
    kind = tree.__class__
    if kind is dict:
        parts = [f"{k!r}: {_written(x, classes)}" for k, x in tree.items()]
        return f"{{{', '.join(parts)}}}"
    if kind is list:
        return f"[{', '.join(_written(x, classes) for x in tree)}]"
    if kind is tuple:
        inside = ", ".join(_written(x, classes) for x in tree)
        return f"({inside},)" if len(tree) == 1 else f"({inside})"
    names = getattr(kind, "_fields", None) or getattr(kind, "__dataclass_fields__", ())
    if not names:
        return repr(tree)
    classes[kind.__name__] = kind
    parts = [f"{name}={_written(getattr(tree, name), classes)}" for name in names]
    return f"{kind.__name__}({', '.join(parts)})"


def _checked(compiled: Callable[..., Any], what: str) -> Compiled:
    if not isinstance(compiled, Compiled):
        raise ArgumentError(
            f"{what} needs a compiled function; received {describe(compiled)}. Write "
            f"gd.{what}(gd.compile(f)) after a call."
        )
    return compiled


def _argument_names(
    compiled: Callable[..., Any], signature: Signature, path: Specialisation
) -> tuple[dict[Row, str], list[tuple[str, str]]]:
    """Return the names of the inputs, and for each its argument and how it is reached.

    A number or array has its argument's name; a leaf of a container a name of its own.
    """
    arrangement = signature.arrangement
    accessors = arrangement.structure.accessors()
    inputs = iter(path.program.inputs)
    names = positional_names(compiled)

    def own(i: int) -> str:
        return names[i] if i < len(names) else f"argument_{i}"

    names_of: dict[Row, str] = {}
    opening: list[tuple[str, str]] = []
    for accessor, leaf in zip(accessors, signature.leaves, strict=True):
        if not is_numeric(leaf):
            continue
        entries = list(accessor)
        if arrangement.named:
            group, entries = entries[0].entry, entries[1:]
            root = entries[0].entry if group == 1 else own(entries[0].entry)
        else:
            root = own(entries[0].entry)
        access = root + "".join(e.codify("") for e in entries[1:])
        label = "_".join([root, *(str(e.entry) for e in entries[1:])])
        names_of[next(inputs)] = "".join(c if c.isalnum() else "_" for c in label)
        opening.append((root, access))
    taken = {root for root, _ in opening}
    for (row, label), (_, access) in zip(names_of.items(), opening, strict=True):
        while label != access and label in taken:
            label += "_"
        names_of[row] = label
        taken.add(label)
    return names_of, opening


__all__ = ["compile", "program", "source", "to_c"]
