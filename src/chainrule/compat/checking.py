"""``--check``: which names of autograd a program uses, and whether they are here."""

from __future__ import annotations

import ast
import importlib
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

from chainrule.compat.serving import NAME, served_by


def report(paths: Sequence[str]) -> int:
    """Print the names that programs use; return 1 if one is not here.

    A folder stands for the programs and notebooks in it. What cannot be read is said.
    """
    fine = bool(paths)
    for path in (file for given in paths for file in _files(Path(given))):
        try:
            names = sorted(names_used(_text(path)))
        except (OSError, SyntaxError, ValueError) as error:
            sys.stdout.write(f"{path}: cannot be read, {error}\n")
            fine = False
            continue
        for name in names:
            known = is_here(name)
            fine &= known
            sys.stdout.write(f"{'have' if known else 'LACK'}  {name}\n")
    if not paths:
        sys.stdout.write("--check needs a program: --check program.py\n")
    return int(not fine)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(x for x in path.rglob("*") if x.suffix in (".py", ".ipynb"))


def _text(path: Path) -> bytes | str:
    """Return a program's text as it lies there, or what a notebook's cells run."""
    text = path.read_bytes()
    if path.suffix != ".ipynb":
        return text
    try:
        cells = json.loads(text)["cells"]
        lines = [
            line.rstrip("\n")
            for cell in cells
            if cell["cell_type"] == "code"
            for line in "".join(cell["source"]).splitlines()
        ]
    except (KeyError, TypeError) as error:
        raise ValueError("it is no notebook") from error
    return "\n".join(line for line in lines if not line.lstrip().startswith(("%", "!")))


def names_used(program: str | bytes) -> set[str]:
    r"""Return the names of autograd that a program's text uses, in full.

    >>> sorted(names_used("import autograd.numpy as np\nnp.linalg.solve(np.eye(2))"))
    ['autograd.numpy', 'autograd.numpy.eye', 'autograd.numpy.linalg.solve']
    """
    tree = ast.parse(program)
    local = dict(_imported(tree))
    found = set(local.values()) | _modules(tree)
    inner = {id(x.value) for x in ast.walk(tree) if isinstance(x, ast.Attribute)}
    for x in ast.walk(tree):
        if isinstance(x, ast.Attribute | ast.Name) and id(x) not in inner:
            name = _dotted(x, local)
            if name is not None:
                found.add(name)
    return found


def _is_ours(module: str | None) -> bool:
    return (module or "").partition(".")[0] == NAME


def _modules(tree: ast.AST) -> set[str]:
    """Return the modules that a program imports whole, with all that they hold."""
    found: set[str] = set()
    for x in ast.walk(tree):
        if isinstance(x, ast.Import):
            found |= {a.name for a in x.names if _is_ours(a.name)}
    return found


def _imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield what each import of autograd binds, and the name in full.

    ``from autograd.numpy import *`` binds those names of the module that the program
    reads.
    """
    read = {x.id for x in ast.walk(tree) if isinstance(x, ast.Name)}
    for x in ast.walk(tree):
        if isinstance(x, ast.Import):
            for a in x.names:
                if _is_ours(a.name):
                    yield (a.asname, a.name) if a.asname else (NAME, NAME)
        elif isinstance(x, ast.ImportFrom) and not x.level and _is_ours(x.module):
            for a in x.names:
                if a.name != "*":
                    yield a.asname or a.name, f"{x.module}.{a.name}"
                    continue
                for name in read & set(dir(_found(x.module or NAME))):
                    yield name, f"{x.module}.{name}"


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
