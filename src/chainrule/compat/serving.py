"""Serving ``import autograd`` by the modules of ``chainrule.compat.autograd``."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from types import ModuleType

from chainrule.errors import ArgumentError

NAME = "autograd"
"""The name that is served."""
HOME = "chainrule.compat.autograd"
"""The package that serves it."""


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds ``autograd`` and its submodules in ``chainrule.compat``.

    A submodule of ``autograd.numpy`` or ``autograd.scipy`` that is not ours is NumPy's
    or SciPy's own.
    """

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        """Find a module by the name that a program imports."""
        if fullname != NAME and not fullname.startswith(f"{NAME}."):
            return None
        home = served_by(fullname)
        if home is None:
            return None
        return importlib.util.spec_from_loader(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        """Return the module itself: it has one identity under both names."""
        home = served_by(spec.name)
        if home is None:
            raise ModuleNotFoundError(f"No module named {spec.name!r}", name=spec.name)
        module = importlib.import_module(home)
        _SPECS[spec.name] = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Name a package by autograd's name; a module ran under its own, and keeps it.

        Programs tell by ``autograd.numpy.__name__`` which NumPy they have. Modules with
        code are known for ours by their names.
        """
        if module.__spec__ is not None:
            module.__spec__ = _SPECS.pop(module.__spec__.name, module.__spec__)
        # What came with it is imported: else a later import would put a module where
        # its package has a function of that name.
        for name, loaded in list(sys.modules.items()):
            if name == HOME or name.startswith(f"{HOME}."):
                theirs = NAME + name[len(HOME) :]
                sys.modules.setdefault(theirs, loaded)
                if hasattr(loaded, "__path__"):
                    loaded.__name__ = theirs


_SPECS: dict[str, importlib.machinery.ModuleSpec | None] = {}
"""The specs that modules have by their own names, while they are imported by others."""
_FINDER = Finder()


def served_by(fullname: str) -> str | None:
    """Return the name of the module that serves a name of autograd's, if any.

    >>> served_by("autograd.core"), served_by("autograd.numpy.testing")
    ('chainrule.compat.autograd.core', 'numpy.testing')
    """
    own = HOME + fullname[len(NAME) :]
    if _exists(own):
        return own
    below = fullname[len(NAME) + 1 :]
    library = below.partition(".")[0]
    if library in ("numpy", "scipy") and _exists(below):
        return below
    return None


def _exists(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def install_as_autograd() -> None:
    """Serve ``import autograd`` by chainrule from here on, as PyMySQL does MySQLdb.

    It is to be called before the program's imports, and does nothing the second time.

    Raises
    ------
    ArgumentError
        If another autograd was imported before: some module has it already. The message
        names that module.

    Examples
    --------
    >>> install_as_autograd()
    >>> import autograd
    >>> autograd.grad(lambda x: x**3)(2.0)
    np.float64(12.0)
    >>> uninstall_autograd()
    """
    if _FINDER in sys.meta_path:
        return
    present = sys.modules.get(NAME)
    if present is not None:
        raise ArgumentError(
            f"install_as_autograd() comes too late: autograd is imported already, "
            f"{_importers()}. Call it before that import."
        )
    sys.meta_path.insert(0, _FINDER)


def _importers() -> str:
    """Say which modules hold another autograd, or a part of it."""
    found: list[str] = []
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in (NAME, "chainrule"):
            continue
        for value in list(getattr(module, "__dict__", {}).values()):
            home = getattr(value, "__module__", None)
            home = value.__name__ if isinstance(value, ModuleType) else home
            if isinstance(home, str) and home.partition(".")[0] == NAME:
                found.append(name)
                break
    if not found:
        return "by a module that is gone"
    more = f" and {len(found) - 3} others" if len(found) > 3 else ""
    return f"by {', '.join(found[:3])}{more}"


def uninstall_autograd() -> None:
    """Serve ``import autograd`` no more: the next one finds what is installed."""
    if _FINDER not in sys.meta_path:
        return
    sys.meta_path.remove(_FINDER)
    for name in list(sys.modules):
        if name == NAME or name.startswith(f"{NAME}."):
            module, home = sys.modules.pop(name), HOME + name[len(NAME) :]
            if sys.modules.get(home) is module:
                module.__name__ = home
