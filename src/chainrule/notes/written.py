"""What a call reads, from its source: exact, and the same on every version of Python.

The place of an instruction tells which part of the source it came from. That part is
parsed alone. It is taken for the text of the code only if the code has all its names:
a file may have been edited since it was imported.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterable, Iterator, Mapping
from types import CodeType

from chainrule.notes.reading import (
    PLAIN_ATTRIBUTES,
    PLAIN_MAKERS,
    Chain,
    Read,
    Reading,
    Span,
)

Sources = Mapping[str, list[Chain]]
"""The names from which each variable of a comprehension takes its values."""

_NOTHING: frozenset[str] = frozenset()
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def written_at(
    code: CodeType, span: Span, comprehensions: Mapping[str, Span]
) -> Reading | None:
    """Read a part of the source; ``None`` where there is none that fits the code.

    Parameters
    ----------
    code
        The code of the function that the part lies in.
    span
        The part: a call, an operator, or what is assigned to.
    comprehensions
        The variables whose values are lost, with the comprehensions that bind them.
    """
    try:
        tree = _parsed(code, span)
        if tree is None:
            return None
        sources = _sources(code, comprehensions)
        first = _first(tree)
        called = () if _is_attribute(code, span) else _dotted(first)
        rest = _operands(tree, first, called)
        chains = [chain for part in rest for chain in _read(part, _NOTHING)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    lost = any(name in comprehensions for name in called[:1])
    given = [read for chain in chains for read in _resolved(chain, sources)]
    return Reading(() if lost else called, given)


# ------------------------------------------------------------------------- the source


def _parsed(code: CodeType, span: Span) -> ast.AST | None:
    text = _text(code.co_filename, span)
    # Parsing "\d" would warn once more of what the compiler has warned of.
    if not text or "\\" in text:
        return None
    try:
        tree: ast.AST = ast.parse(f"({text}\n)", mode="eval").body
    except SyntaxError:
        tree = ast.parse(text).body[0]
        if not isinstance(tree, ast.AugAssign):  # a class, with: these give nothing
            return ast.Pass()
    return tree if _fits(tree, _names_of(code)) else None


def _text(file: str, span: Span) -> str:
    (first, start), (last, end) = span
    lines = [line.encode() for line in linecache.getlines(file)[first - 1 : last]]
    if not first or len(lines) != last - first + 1 or end > len(lines[-1]):
        return ""
    lines[-1] = lines[-1][:end]
    lines[0] = lines[0][start:]
    return b"".join(lines).decode()


def _is_attribute(code: CodeType, span: Span) -> bool:
    """Tell whether a part starts in the middle of a dotted name, on a line of its own.

    Such is the place of a call where the name before its last dot takes several lines.
    """
    line, column = span[0]
    before = linecache.getline(code.co_filename, line).encode()[:column]
    return before.rstrip().endswith(b".")


def _names_of(code: CodeType) -> set[str]:
    names = {*code.co_names, *code.co_varnames, *code.co_freevars, *code.co_cellvars}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _names_of(constant)
    return names


def _fits(tree: ast.AST, known: set[str]) -> bool:
    """Tell whether code knows all names of a text."""
    for at in ast.walk(tree):
        name = at.id if isinstance(at, ast.Name) else getattr(at, "attr", None)
        if isinstance(name, str) and not name.startswith("__") and name not in known:
            return False
    return True


# -------------------------------------------------------------------------- the names


def _first(tree: ast.AST) -> ast.AST:
    """Return what is called, or what an entry is assigned to."""
    if isinstance(tree, ast.Call):
        return tree.func
    if isinstance(tree, ast.Subscript):
        return tree.value
    return tree  # the name of a decorator


def _operands(tree: ast.AST, first: ast.AST, called: Chain) -> list[ast.AST]:
    """Return the parts that are given: not the dotted name of what is called."""
    if called and first is tree:
        return []
    if not isinstance(tree, ast.Call):
        return [tree]
    named = bool(_dotted(first))
    return [x for x in ast.iter_child_nodes(tree) if not (named and x is first)]


def _dotted(tree: ast.AST) -> Chain:
    """Return a dotted name; nothing where something else is computed."""
    names: list[str] = []
    while isinstance(tree, ast.Attribute):
        names.append(tree.attr)
        tree = tree.value
    return (tree.id, *reversed(names)) if isinstance(tree, ast.Name) else ()


def _read(tree: ast.AST, hidden: frozenset[str]) -> list[Chain]:
    """Return the dotted names that are read, but for those that are made plain."""
    if chain := _dotted(tree):
        return [] if chain[0] in hidden else [chain]
    if isinstance(tree, ast.Call) and PLAIN_MAKERS.intersection(
        _dotted(tree.func)[-1:]
    ):
        return []
    chains: list[Chain] = []
    if isinstance(tree, _COMPREHENSIONS):
        chains += _read(tree.generators[0].iter, hidden)
    hidden |= _bound(tree)
    for child in ast.iter_child_nodes(tree):
        chains += _read(child, hidden)
    return chains


def _bound(tree: ast.AST) -> frozenset[str]:
    """Return the names that a lambda or a comprehension has for itself."""
    if isinstance(tree, ast.Lambda):
        return frozenset(x.arg for x in ast.walk(tree.args) if isinstance(x, ast.arg))
    if isinstance(tree, _COMPREHENSIONS):
        targets = (x for g in tree.generators for x in ast.walk(g.target))
        return frozenset(x.id for x in targets if isinstance(x, ast.Name))
    return _NOTHING


# --------------------------------------------------- variables of comprehensions


def _sources(code: CodeType, comprehensions: Mapping[str, Span]) -> Sources:
    sources: dict[str, list[Chain]] = {name: [] for name in comprehensions}
    for span in dict.fromkeys(comprehensions.values()):
        tree = _parsed(code, span)
        if isinstance(tree, _COMPREHENSIONS):
            for made in tree.generators:
                for name, source in _pairs(made.target, made.iter):
                    sources[name] = _read(source, _NOTHING)
    return sources


def _pairs(target: ast.expr, source: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """Yield the variables of a loop, each with what its values come from."""
    if isinstance(target, ast.Name):
        yield target.id, source
    elif isinstance(target, ast.Tuple | ast.List):
        parts = _columns(source, len(target.elts))
        for part, column in zip(target.elts, parts, strict=False):
            yield from _pairs(part, column)


def _columns(source: ast.expr, count: int) -> Iterable[ast.expr]:
    """Return what each variable of ``for a, b in source`` comes from."""
    if isinstance(source, ast.Call) and len(source.args) > 0:
        if _dotted(source.func) == ("enumerate",):
            return [ast.Constant(0), source.args[0]]
        if _dotted(source.func) == ("zip",) and len(source.args) == count:
            return source.args
    if isinstance(source, ast.Tuple | ast.List):
        rows = [x.elts for x in source.elts if isinstance(x, ast.Tuple | ast.List)]
        if len(rows) == len(source.elts) and all(len(row) == count for row in rows):
            return [ast.Tuple(list(column)) for column in zip(*rows, strict=True)]
    return [source] * count


def _resolved(chain: Chain, sources: Sources) -> Iterator[Read]:
    """Yield a name itself; of a comprehension's variable, what its values come from."""
    name = ".".join(chain)
    if chain[0] not in sources:
        yield Read(name, chain)
    elif not PLAIN_ATTRIBUTES.intersection(chain[1:]):
        rest = {key: value for key, value in sources.items() if key != chain[0]}
        for source in sources[chain[0]]:
            for read in _resolved(source, rest):
                yield Read(f"{name} from {read.shown.split(' from ')[-1]}", read.chain)
