"""Where a frame's code comes from: the user, this library, or other people."""

from __future__ import annotations

import sys
import sysconfig
from functools import cache
from pathlib import Path
from types import FrameType

USER, CHAINRULE, FOREIGN = "user", "chainrule", "foreign"

_OWN = __name__.partition(".")[0]
_STANDARD = tuple({sysconfig.get_path(p) for p in ("stdlib", "platstdlib")})
_CYTHON = (".pyx", ".pxd", ".pxi")
_INSTALLED = ("site-packages", "dist-packages")


def origin(frame: FrameType) -> str:
    """Tell whose code a frame runs."""
    module = frame.f_globals.get("__name__")
    return origin_of(
        frame.f_code.co_filename, module if isinstance(module, str) else ""
    )


@cache
def origin_of(file: str, module: str) -> str:
    """Tell whose code a file holds, which is that of a module."""
    if module.partition(".")[0] == _OWN:
        return CHAINRULE
    if file.startswith("<") or file.endswith(_CYTHON):
        return _of_text(file, module)
    if file.startswith(_STANDARD) or any(
        part in _INSTALLED for part in Path(file).parts
    ):
        return FOREIGN
    root = Path(file).absolute().parent
    for _ in module.split(".")[1:]:
        root = root.parent
    return FOREIGN if _holds_distributions(root) else USER


def is_compiled(frame: FrameType) -> bool:
    """Tell whether a frame stands for compiled code, which shows no variables."""
    return frame.f_code.co_filename.endswith(_CYTHON)


def _of_text(file: str, module: str) -> str:
    """Judge text without a file, such as a shell's, by the file of its module."""
    top = module.split(".", maxsplit=1)[0]
    if top in ("", "__main__", "builtins"):
        return USER
    if top in sys.stdlib_module_names or file.startswith("<frozen"):
        return FOREIGN
    path = getattr(sys.modules.get(module), "__file__", None)
    return USER if path is None else origin_of(path, module)


@cache
def _holds_distributions(folder: Path) -> bool:
    """Tell whether packages were installed into a folder, as pip's --target does."""
    return any(folder.glob("*.dist-info"))
