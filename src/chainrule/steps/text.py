"""Generated text: tracebacks show it, and it is forgotten with its function."""

from __future__ import annotations

import linecache
import re
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import FunctionType
from typing import Any

from chainrule.settings import keep_freed_memory


def compile_text(text: str, name: str, label: str, names: dict[str, Any]) -> Any:
    """Compile generated text so that tracebacks can show its lines."""
    keep_freed_memory()  # what is compiled is about to run
    filename = f"<chainrule {label}>"
    names["__name__"] = __name__  # the text is this library's: see is_internal
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    exec(compile(text, filename, "exec"), names)
    return names[name]


def lazy_function(
    name: str, label: str, space: dict[str, Any], write: Callable[[], str]
) -> Any:
    """Return a function whose text is written and compiled when it is first called.

    ``write`` may add to ``space``, the function's globals, and returns the text. The
    function stays the same object: only its code is exchanged, so nothing is lost
    afterwards.
    """

    def build(args: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        written = compile_text(write(), name, label, space)
        shown = function.__name__
        function.__kwdefaults__ = written.__kwdefaults__
        function.__code__ = written.__code__.replace(co_name=shown, co_qualname=shown)
        return function(*args, **keywords)

    space |= {"build": build, "__name__": __name__}
    function = FunctionType(_UNBUILT.__code__, space, name)
    return function


def _UNBUILT(*args: Any, **keywords: Any) -> Any:  # noqa: N802
    return build(args, keywords)  # type: ignore[name-defined]  # noqa: F821


def names_in(texts: Iterable[str]) -> set[str]:
    """Return the names that formulas read and call."""
    return {name for t in texts for name in compile(t, "", "eval").co_names}


def pattern_of(wanted: tuple[bool, ...]) -> str:
    """Write a pattern of operands: ``n`` for a node, ``c`` for a constant."""
    return "".join("cn"[w] for w in wanted)


def forget_with(function: Any) -> None:
    """Forget the text of a function when the function goes.

    Its name stays: who goes through ``linecache`` meanwhile, as the printing of a
    traceback does, would stumble over a name that is gone.
    """
    filename = function.__code__.co_filename
    weakref.finalize(function, _forget, filename).atexit = False


def _forget(filename: str) -> None:
    if filename in linecache.cache:
        linecache.cache[filename] = 0, None, [], filename


def scaled(formula: str) -> str:
    """Return the text of cotangent times partial, without needless operations."""
    if formula in ("1", "-1"):
        return "z_grad" if formula == "1" else "-z_grad"
    # NumPy takes floats faster than ints.
    formula = re.sub(r"(?<![\w.])(\d+)(?![\w.])", r"\1.0", formula)
    reciprocal = re.match(r"1\.0 / (\w+|\([^()]*\)|\w+\([^()]*\))$", formula)
    return f"z_grad / {reciprocal[1]}" if reciprocal else f"z_grad * ({formula})"
