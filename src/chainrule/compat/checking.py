"""``--check``: which names of autograd a program uses, and whether they are here."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

from chainrule.compat.serving import NAME, served_by


def report(paths: Sequence[str]) -> int:
    """Print the names that programs use; return 1 if one is not here."""
    absent = 0
    for path in paths:
        for name in sorted(names_used(Path(path).read_text(encoding="utf-8"))):
            known = is_here(name)
            absent += not known
            sys.stdout.write(f"{'have' if known else 'LACK'}  {name}\n")
    if not paths:
        sys.stdout.write("--check needs a program: --check program.py\n")
    return int(absent > 0 or not paths)


def names_used(program: str) -> set[str]:
    r"""Return the names of autograd that a program's text uses, in full.

    >>> sorted(names_used("import autograd.numpy as np\nnp.linalg.solve(np.eye(2))"))
    ['autograd.numpy', 'autograd.numpy.eye', 'autograd.numpy.linalg.solve']
    """
    tree = ast.parse(program)
    local = dict(_imported(tree))
    found = set(local.values())
    inner = {id(x.value) for x in ast.walk(tree) if isinstance(x, ast.Attribute)}
    for x in ast.walk(tree):
        if isinstance(x, ast.Attribute) and id(x) not in inner:
            name = _dotted(x, local)
            if name is not None:
                found.add(name)
    return found


def _imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield what each import of autograd binds, and the name in full."""
    for x in ast.walk(tree):
        if isinstance(x, ast.Import):
            for a in x.names:
                if a.name.partition(".")[0] == NAME:
                    yield (a.asname, a.name) if a.asname else (NAME, NAME)
        elif isinstance(x, ast.ImportFrom) and (x.module or "").startswith(NAME):
            for a in x.names:
                if a.name != "*":
                    yield a.asname or a.name, f"{x.module}.{a.name}"


def _dotted(x: ast.expr, local: dict[str, str]) -> str | None:
    """Return an attribute's name in full, where it is one of autograd's modules."""
    parts: list[str] = []
    while isinstance(x, ast.Attribute):
        parts.append(x.attr)
        x = x.value
    if not isinstance(x, ast.Name) or x.id not in local:
        return None
    name = local[x.id]
    for part in reversed(parts):
        if not isinstance(_found(name), ModuleType):
            break  # an attribute of a function's, or of a class's
        name = f"{name}.{part}"
    return name


def is_here(name: str) -> bool:
    """Tell whether a name of autograd is served.

    >>> is_here("autograd.numpy.linalg.solve"), is_here("autograd.core.forward_pass")
    (True, False)
    """
    return _found(name) is not None


def _found(name: str) -> object:
    """Return what a name stands for; ``None`` if it is not here."""
    home = served_by(name)
    if home is not None:
        return importlib.import_module(home)
    module, _, last = name.rpartition(".")
    home = served_by(module) if module.startswith(NAME) else None
    if home is None:
        return None
    return getattr(importlib.import_module(home), last, None)


__all__ = ["is_here", "names_used", "report"]
