"""The command line: ``python -m chainrule explain|check|versions``.

    python -m chainrule explain "x*y + sin(x)" x=2 y=3
    python -m chainrule explain "x*y + sin(x)" x=2 y=3 --page
    python -m chainrule check "sqrt(x)**2" x=0
    python -m chainrule versions

A formula is Python with NumPy's names, and may have lines before it that name values,
``h = tanh(w*x); h**2``; values are formulas too: ``x=pi/2``, ``w=[1.0, 2.0]``.
``--page`` opens the page where the formula can be changed; ``--page FILE`` writes it.
"""

from __future__ import annotations

import argparse
import ast
import keyword
import linecache
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import chainrule as gd
from chainrule.errors import ChainruleError

if TYPE_CHECKING:
    from chainrule.explainer.page.workshop import Workshop


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 if it went well, 1 if not, 2 on bad input."""
    options = parser().parse_args(arguments)
    try:
        return int(options.run(options) or 0)
    except (ChainruleError, OSError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 2


def parser() -> argparse.ArgumentParser:
    """Return the command line's options."""
    made = argparse.ArgumentParser("python -m chainrule", description=__doc__)
    made.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = made.add_subparsers(required=True, metavar="explain|check|versions")
    explain = commands.add_parser("explain", help="a gradient, step by step")
    explain.add_argument("--save", metavar="FILE", help="write .html, .md, .txt, ...")
    explain.add_argument(
        "--page",
        metavar="FILE",
        nargs="?",
        const="",
        help="open the page to type in, or write it",
    )
    check = commands.add_parser(
        "check", help="the gradient beside differences, and why"
    )
    explain.add_argument(
        "formula", nargs="?", help="such as 'x*y + sin(x)'; without it a page opens"
    )
    check.add_argument("formula", help="such as 'x*y + sin(x)'")
    for command in (explain, check):
        command.add_argument("values", nargs="*", help="such as x=2 y=3")
    explain.set_defaults(run=run_explain)
    check.set_defaults(run=run_check)
    shown = commands.add_parser("versions", help="what is installed")
    shown.set_defaults(run=run_versions)
    return made


def run_explain(options: argparse.Namespace) -> int:
    """Print how a formula's gradient came about, or save it.

    Without a formula it is the page to type one in.
    """
    if options.formula is None:
        made = gd.explain()
        path = options.page or options.save
        print(made.save(path) if path else made.show())
        return 0
    f, values = function_of(options.formula, options.values)
    if options.page is not None:
        names = [pair.partition("=")[0].strip() for pair in options.values]
        made = typed_page(options.formula, dict(zip(names, values, strict=True)))
        print(made.save(options.page) if options.page else made.show())
        return 0
    explained: Any = gd.explain(f)(*values)
    if options.save:
        print(explained.save(options.save))
    else:
        explained.print()
    return int(explained.error is not None)


def typed_page(formula: str, values: Mapping[str, Any]) -> Workshop:
    """Return the page to type in, with a formula and the values of its inputs.

    Arrays become lists in lines above the formula.
    """
    from chainrule.explainer.page.workshop import Workshop

    arrays = {name: x for name, x in values.items() if np.ndim(x)}
    lines = [f"{name} = {x.tolist()}" for name, x in arrays.items()]
    numbers = {name: x for name, x in values.items() if name not in arrays}
    return Workshop("\n".join([*lines, formula]), numbers)


def run_check(options: argparse.Namespace) -> int:
    """Print the gradient in each value, what differences say, and a diagnosis."""
    f, values = function_of(options.formula, options.values)
    diagnosis = gd.diagnose(f, *values)
    if diagnosis.error is not None:
        print(diagnosis)
        return 1
    with np.errstate(all="ignore"):
        gradients = gd.grad(f, tuple(range(len(values))))(*values)
    for pair, gradient in zip(options.values, gradients, strict=True):
        print(f"d/d{pair.partition('=')[0]} = {gradient}")
    print(diagnosis)
    try:
        with np.errstate(all="ignore"):
            gd.check_gradients(f, values, order=1)
    except gd.errors.GradientMismatchError as error:
        print(error)
        return 1
    print("both sweeps agree with central differences")
    return 0


def run_versions(options: argparse.Namespace) -> None:
    """Print what is installed."""
    print(gd.versions())


def function_of(
    formula: str, pairs: Sequence[str]
) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """Return a formula as a function, and the values of its arguments.

    Raises
    ------
    ArgumentError
        If a value has no name, or the formula is none or has an unknown name.
    """
    known: dict[str, Any] = {
        name: getattr(space, name)
        for space in (np.linalg, np)
        for name in dir(space)
        if not name.startswith("_")
    }
    known["np"] = np
    values = _given(pairs, known)
    text = _written(formula, list(values))
    lines = text.splitlines(keepends=True)
    linecache.cache["<formula>"] = len(text), None, lines, "<formula>"
    try:
        tree = ast.parse(text, "<formula>")
    except SyntaxError as error:
        raise gd.errors.ArgumentError(
            f"{formula!r} is no formula in Python: {error.msg}. Write 'x**2' for a "
            "power and 'x*y' for a product."
        ) from None
    _check(tree, formula, known)
    exec(compile(tree, "<formula>", "exec"), known)
    f: Callable[..., Any] = known["formula"]
    f.__name__ = "formula"
    return f, tuple(values.values())


def _given(pairs: Sequence[str], known: dict[str, Any]) -> dict[str, Any]:
    """Return the values of arguments, by name."""
    values: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        name = name.strip()
        if not equals or not name.isidentifier() or keyword.iskeyword(name):
            raise gd.errors.ArgumentError(f"A value is written x=2; received {pair!r}.")
        if name in values:
            raise gd.errors.ArgumentError(f"{name} has two values.")
        values[name] = _value(text, known)
    return values


def _check(tree: ast.Module, formula: str, known: Mapping[str, Any]) -> None:
    """Refuse lines that name no value, and names that are not known."""
    (made,) = tree.body
    body = made.body if isinstance(made, ast.FunctionDef) else []
    if not all(isinstance(x, ast.Assign | ast.Return) for x in body):
        raise gd.errors.ArgumentError(
            f"{formula!r} has lines that name no value. Write 'h = tanh(w*x); h**2'."
        )
    read = [n for n in ast.walk(tree) if isinstance(n, ast.Name)]
    own = {n.id for n in read if isinstance(n.ctx, ast.Store)}  # in comprehensions
    own.update(n.arg for n in ast.walk(tree) if isinstance(n, ast.arg))
    lacking = [n.id for n in read if n.id not in known and n.id not in own]
    if lacking:
        called = {name for n in ast.walk(tree) if (name := _called(n))}
        remedy = f"Write {lacking[0]}=1.0 behind the formula."
        if lacking[0] in called:
            remedy = "Write a function of NumPy."
        raise gd.errors.ArgumentError(
            f"{lacking[0]!r} is neither a name of NumPy's nor a value that was given. "
            f"{remedy}"
        )


def _written(formula: str, names: Sequence[str]) -> str:
    """Return a formula, and the lines before it, as the source of a function."""
    *lines, last = [x for part in formula.splitlines() for x in part.split(";")] or [""]
    given = ", ".join(names)
    if not any(line.strip() for line in lines):
        return f"formula = lambda {given}: {last}\n"
    body = "".join(f"    {x.strip()}\n" for x in lines if x.strip())
    return f"def formula({given}):\n{body}    return {last.strip()}\n"


def _called(tree: ast.AST) -> str:
    """Return the name of the function that is called, "" if it has none."""
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name):
        return tree.func.id
    return ""


def _value(text: str, known: dict[str, Any]) -> Any:
    try:
        value: Any = eval(text, dict(known))
        array = np.asarray(value, dtype=float)
    except Exception as error:
        raise gd.errors.ArgumentError(
            f"{text!r} is no number and no list of them: {error}."
        ) from None
    return array if array.ndim else float(array)


if __name__ == "__main__":
    sys.exit(main())
