"""Notes on foreign errors: which function met a node, at which line, what to write.

A library that knows nothing of nodes fails with words of its own, often far from the
line that called it. ``annotate`` looks for the innermost line of the user's own code in
the traceback. Where that line calls a foreign function, and a node is among what it
gave, the exception gets a note. Nothing is evaluated: names are looked up in the frame,
attributes as they are stored. All of this is done only once an error was raised.
"""

from __future__ import annotations

import linecache
import sys
from itertools import takewhile
from types import FunctionType, ModuleType, TracebackType
from typing import Any

import numpy as np

from chainrule.errors import AssignedError, EscapeError
from chainrule.nodes import remedies
from chainrule.nodes.tables import FUNCTIONS, LOCALLY_CONSTANT, UFUNCS
from chainrule.notes.origins import CHAINRULE, FOREIGN, USER, is_compiled, origin
from chainrule.notes.sites import Site, arguments_of
from chainrule.notes.targets import function_of, is_native, module_of, name_of, owner_of
from chainrule.rules import rule_of

_MARK = "chainrule: "
_ASKED = ("__float__", "__int__", "__index__", "__complex__", "__array__")
"""What foreign code calls to make a plain number or array of a node."""

_OTHER_CAUSES = (
    AssertionError,
    ImportError,
    LookupError,
    MemoryError,
    NameError,
    OSError,
    StopIteration,
)
"""Errors that say something else than that a node was not understood."""

_OBJECTS = "dtype=object"
"""What a warning speaks of that is about an array of nodes."""

_SHOWN = 160
"""How many characters of a line are shown."""

_OWN_WORDS = frozenset(
    "builtins chainrule collections contextlib copy dataclasses functools itertools "
    "logging operator warnings".split()
)
"""Modules that hand on what they are given, or whose errors name the node."""


def annotate(error: Exception) -> Exception:
    """Add the note, if there is something to say and nobody has said it.

    Where a node was assigned to an entry of an array, an error of ours says so.
    """
    notes: list[str] = getattr(error, "__notes__", [])
    said = isinstance(error, AssignedError) and not _of_a_library(error)
    if said or any(note.startswith(_MARK) for note in notes):
        return error
    note = _note(error)
    if note is None:
        return error
    if note.startswith(_ASSIGNED):
        return AssignedError(note[0].upper() + note[1:])
    error.add_note(_MARK + note)
    return error


def _of_a_library(error: Exception) -> bool:
    """Tell whether another library's code met an error of ours, and not the user's."""
    trace = [t for t in _frames(error.__traceback__) if origin(t.tb_frame) != CHAINRULE]
    if not trace or origin(trace[-1].tb_frame) != FOREIGN:
        return False
    home = str(trace[-1].tb_frame.f_globals.get("__name__", ""))
    return home.partition(".")[0] != "numpy"


def _note(error: Exception) -> str | None:
    escaped = _escaped(error)
    if _has_another_cause(error) and not escaped:
        return None
    trace = _frames(error.__traceback__)
    own = [i for i, t in enumerate(trace) if origin(t.tb_frame) == USER]
    if not own:
        return _of_transform(trace, escaped=escaped)
    if _is_late(error, trace):
        notes = (_at_frame(trace, i, escaped=escaped) for i in reversed(own))
        return next(filter(None, notes), None)
    return _at_frame(trace, own[-1], escaped=escaped)


def _has_another_cause(error: Exception) -> bool:
    if isinstance(error, Warning):  # raised where a filter asks for it
        return not any(_OBJECTS in str(x) for x in error.args)
    return isinstance(error, _OTHER_CAUSES)


def _at_frame(trace: list[TracebackType], i: int, *, escaped: bool) -> str | None:
    """Describe what a frame of the user's code did that failed, if it met a node."""
    site = Site(trace[i].tb_frame, trace[i].tb_lasti, trace[i].tb_lineno)
    inside = trace[i + 1 :]
    if not inside:
        return None if site.raises else _of_line(site, escaped=escaped)
    if _is_asked(inside[0]):
        return _of_line(site, escaped=escaped)
    if is_compiled(inside[0].tb_frame):
        return _of_line(site, escaped=escaped, inside=inside[0])
    if origin(inside[0].tb_frame) == FOREIGN:
        return _of_call(site, inside, escaped=escaped)
    error = _given_by_us(inside)
    return None if error is None else _of_frame(error, site)


def _frames(trace: TracebackType | None) -> list[TracebackType]:
    frames: list[TracebackType] = []
    while trace is not None:
        frames.append(trace)
        trace = trace.tb_next
    return frames


def _escaped(error: BaseException | None) -> bool:
    """Tell whether a node was asked to become a plain value, here or as a cause."""
    for _ in range(8):
        if error is None:
            return False
        if isinstance(error, EscapeError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _is_late(error: Exception, trace: list[TracebackType]) -> bool:
    """Tell whether C code went on after an error of ours, which showed up later."""
    asked = _is_asked(trace[-1]) and origin(trace[-2].tb_frame) == CHAINRULE
    return asked or isinstance(error, SystemError)


def _is_asked(trace: TracebackType) -> bool:
    frame = trace.tb_frame
    return frame.f_code.co_name in _ASKED and origin(frame) == CHAINRULE


def _given_by_us(inside: list[TracebackType]) -> TracebackType | None:
    """Return the first foreign frame that our own code called with a node, if any."""
    for trace in inside:
        if origin(trace.tb_frame) == FOREIGN:
            return trace if arguments_of(trace.tb_frame)[0] else None
    return None


# ------------------------------------------------------------------- kinds of meetings


def _of_line(
    site: Site, *, escaped: bool, inside: TracebackType | None = None
) -> str | None:
    """Describe an error on the user's own line: that of a function written in C."""
    if site.assigns:
        return _assignment(site) if escaped else None
    if not site.calls:
        return None
    target, name = site.target, site.name
    if target is None and inside is not None:
        target = function_of(inside.tb_frame)
    if target is None or _hands_on(target):
        name, target = _handed_on(site) if escaped else ("", None)
    if target is None or not (inside or is_native(target)):
        return None
    given = site.given()
    if not given and not escaped:
        return None
    return _words(name or remedies.written(target), given, site, target)


def _hands_on(target: Any) -> bool:
    return module_of(target).split(".", maxsplit=1)[0] in _OWN_WORDS


def _handed_on(site: Site) -> tuple[str, Any]:
    """Return the foreign function among what was given, as in ``map(math.exp, x)``."""
    for name, found in site.functions():
        if is_native(found) and not _hands_on(found) and not isinstance(found, type):
            return name, found
    return "", None


_ASSIGNED = "a node was assigned to an entry of"


def _assignment(site: Site) -> str:
    array, shown = site.assigned
    kind = f", an array of {array.dtype}," if hasattr(array, "dtype") else ""
    return (
        f"{_ASSIGNED} {shown or 'an array'}{kind} at "
        f"{_where(site)}\n{remedies.ASSIGNED}"
    )


def _of_call(site: Site, inside: list[TracebackType], *, escaped: bool) -> str | None:
    """Describe an error inside a foreign function that is written in Python.

    A wrapper may have handed its arguments on, to a function that is further inside.
    """
    if not (site.calls or site.operates or site.assigns):
        return None
    frame = inside[0].tb_frame
    foreign = takewhile(lambda t: origin(t.tb_frame) == FOREIGN, inside)
    found = [arguments_of(t.tb_frame) for t in foreign]
    held = next((text for text, _ in found if text), "")
    given = site.given()
    if not (held or escaped or (found[0][1] and given)):
        return None
    if site.operates or site.assigns:
        owner = owner_of(frame)
        done = f"operator {site.operates}" if site.operates else "assignment to entries"
        name = f"the {done} of {type(owner).__name__.lstrip('_')}"
        return _words(name, given or held, site, owner)
    target = site.target
    if target is None:
        target = function_of(frame)
    if _hands_on(target):
        return None
    return _words(site.name or remedies.written(target), given or held, site, target)


def _of_frame(trace: TracebackType, site: Site) -> str:
    """Describe an error inside a foreign function that our code called for the user."""
    target = function_of(trace.tb_frame)
    held, _ = arguments_of(trace.tb_frame)
    return _words(remedies.written(target), held, site, target)


def _of_transform(trace: list[TracebackType], *, escaped: bool) -> str | None:
    """Describe an error of a foreign function that was itself given to a transform."""
    frame = trace[0].tb_frame
    f: Any = frame.f_locals.get("f")
    while frame.f_back is not None and origin(frame) != USER:
        frame = frame.f_back
    site = Site(frame, frame.f_lasti, frame.f_lineno)
    found = _given_by_us(trace)
    if found is not None:
        return _of_frame(found, site)
    if not escaped or f is None or not is_native(f):
        return None
    return _words(remedies.written(f), "a node", site, f)


# ------------------------------------------------------------------------------ words


def _words(name: str, given: str, site: Site, target: Any) -> str:
    module, own = module_of(target), name_of(target)
    known = _full_name(name, f"{module}.{own}", target)
    instead = remedies.remedy(module, _holder(module, name, own) + own, _has_rule)
    if site.assigns or remedies.writes_in_place(target):
        instead = remedies.assigned(module)
    elif module.startswith("numpy") and "DataArray that" in given:
        instead = remedies.LABELLED
    operator = site.operates.removesuffix("=")
    if operator != site.operates and operator.strip("<>=!"):
        instead = f"Write a = a {operator} x, which makes another array."
    knows = f"It knows plain numbers only. {_lifted(target)}{instead}"
    known_here = isinstance(target, np.ufunc) and rule_of(target) is not None
    if known_here and module != "numpy":
        knows = (
            "It takes nodes, but no list that holds them. Give it an array of them, "
            "np.stack([x, y])."
        )
    return f"{name}{known} was given {given or 'a node'}, at {_where(site)}\n{knows}"


_OTHERS = ("numpy", "scipy", "pandas", "polars", "xarray")
"""Libraries whose functions ``gd.lift`` does not make take nodes."""


def _lifted(target: Any) -> str:
    """Return how a function of Python code is run with arrays that take nodes."""
    package = module_of(target).partition(".")[0]
    is_known = package in (*_OTHERS, *sys.stdlib_module_names)
    if is_known or not isinstance(target, FunctionType):
        return ""
    return (
        "If it is NumPy code, run the function that calls it as "
        f"gd.lift(f, packages=[{package!r}]). "
    )


def _holder(module: str, name: str, own: str) -> str:
    """Return what the object of a module is called whose method this is: ``norm.``."""
    held, _, called = name.rpartition(".")
    holder = held.rpartition(".")[2] if called == own else ""
    owner = getattr(sys.modules.get(module), holder, None) if holder else None
    found = hasattr(owner, own) and not isinstance(owner, ModuleType)
    return f"{holder}." if found else ""


def _full_name(name: str, full: str, target: Any) -> str:
    """Return the full name in brackets where the user's name does not tell it."""
    if name.startswith("the ") or remedies.writes_in_place(target):
        return ""
    if not hasattr(target, "__name__"):  # an object that is called
        return f" ({full})"
    first, last = name.split(".", maxsplit=1)[0], name.rsplit(".", maxsplit=1)[-1]
    told = first == full.split(".", maxsplit=1)[0]
    told = told or (first == "np" and full.startswith("numpy."))
    return "" if told or last != full.rsplit(".", maxsplit=1)[-1] else f" ({full})"


def _where(site: Site) -> str:
    text = linecache.getline(site.file, site.line).strip()[:_SHOWN]
    shown = f": {text}" if text else ""
    return f"line {site.line} of {site.file}, in {site.function}{shown}"


def _has_rule(function: Any) -> bool:
    try:
        return (
            function in UFUNCS or function in FUNCTIONS or function in LOCALLY_CONSTANT
        )
    except TypeError:  # not hashable
        return False
