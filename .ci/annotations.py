"""How much the annotations of `src` say: the share of parameters that are any object.

A parameter annotated `Any` or `object` tells its reader nothing. So do one whose
annotation is another name for these (`Array = Any`), followed through imports, one that
may be any object among others (`Any | None`), and one without an annotation. The share
of each package is printed, and the whole one must not exceed `tool.chainrule.any-share`
of pyproject.toml. Formatting that is switched off is counted beside it, and must not
exceed `tool.chainrule.fmt-skips`.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
SOURCE = HERE / "src"
UNIONS = ("Optional", "Union", "Annotated", "Final", "ClassVar")


class Module:
    """A module's tree, the names that it assigns, and those that it imports."""

    def __init__(self, path: Path) -> None:
        self.text = path.read_text(encoding="utf-8")
        self.tree = ast.parse(self.text)
        self.assigned: dict[str, ast.expr] = {}
        self.imported: dict[str, tuple[str, str]] = {}
        for statement in ast.walk(self.tree):
            if isinstance(statement, ast.ImportFrom) and statement.module:
                for name in statement.names:
                    known = name.asname or name.name
                    self.imported[known] = statement.module, name.name
        for statement in self.tree.body:
            match statement:
                case ast.Assign([ast.Name(name)], value):
                    self.assigned[name] = value
                case ast.AnnAssign(ast.Name(name), annotation, ast.expr() as value):
                    if ast.unparse(annotation).endswith("TypeAlias"):
                        self.assigned[name] = value


def modules() -> dict[str, Module]:
    """Return the modules of `src` by name."""
    found: dict[str, Module] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        found[".".join(p for p in parts if p != "__init__")] = Module(path)
    return found


def says_nothing(
    annotation: ast.expr | None, name: str, known: dict[str, Module]
) -> bool:
    """Tell whether an annotation in a module admits any object."""
    match annotation:
        case None:
            return True
        case ast.Constant(str(text)):
            return says_nothing(ast.parse(text, mode="eval").body, name, known)
        case ast.Attribute(ast.Name("typing" | "builtins"), word):
            return word in ("Any", "object")
        case ast.BinOp(left, ast.BitOr(), right):
            return any(says_nothing(x, name, known) for x in (left, right))
        case ast.Subscript(ast.Name(word), inner) if word in UNIONS:
            parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            return any(says_nothing(x, name, known) for x in parts)
        case ast.Name(word):
            return _names_nothing(word, name, known)
    return False


def _names_nothing(word: str, name: str, known: dict[str, Module]) -> bool:
    """Tell whether a name in a module stands for any object."""
    module = known.get(name)
    if module is not None and word in module.assigned:
        value = module.assigned[word]
        own = isinstance(value, ast.Name) and value.id == word
        return not own and says_nothing(value, name, known)
    if module is not None and word in module.imported:
        source, original = module.imported[word]
        if source in known:
            return _names_nothing(original, source, known)
        return (source, original) == ("typing", "Any")
    return word == "object"


def parameters(tree: ast.AST) -> Iterator[ast.arg]:
    """Iterate over the parameters of all functions, without `self` and `cls`."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            args = function.args
            named = [*args.posonlyargs, *args.args]
            if named and named[0].arg in ("self", "cls"):
                named = named[1:]
            packed = [x for x in (args.vararg, args.kwarg) if x is not None]
            yield from (*named, *args.kwonlyargs, *packed)


def main() -> int:
    """Print the shares; return 1 where one is above its limit."""
    known = modules()
    total, empty, skips = Counter[str](), Counter[str](), Counter[str]()
    for name, module in known.items():
        parts = name.split(".")
        package = ".".join(parts[:2])
        for x in parameters(module.tree):
            total[package] += 1
            empty[package] += says_nothing(x.annotation, name, known)
        skips[package] += module.text.count("# fmt: skip")
        skips[package] += module.text.count("# fmt: off")
    print("parameters  any object  share  fmt: skip  package")
    for p in sorted(total.keys() | skips.keys()):
        share = empty[p] / max(total[p], 1)
        print(f"{total[p]:10}  {empty[p]:10}  {share:5.0%}  {skips[p]:9}  {p}")
    share, skipped = empty.total() / total.total(), skips.total()
    print(f"{total.total():10}  {empty.total():10}  {share:5.1%}  {skipped:9}  all")
    settings = tomllib.loads((HERE / "pyproject.toml").read_text(encoding="utf-8"))
    limits = settings["tool"]["chainrule"]
    failed = 0
    for what, found, limit in (
        ("the share of parameters that are any object", share, limits["any-share"]),
        ("the number of `# fmt: skip`", skipped, limits["fmt-skips"]),
    ):
        if found > limit:
            failed = 1
            print(f"{what} is {found:.3g}, above the limit of {limit}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
