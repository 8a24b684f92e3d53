"""The environment of `make test-newest`: the newest Python here, the newest NumPy.

The pins in constraints.txt hide what a new NumPy changes. This makes an environment
without those of NumPy and SciPy, on the newest Python that the machine has, and prints
both versions. It fails where that Python is newer than the one that runs this script
(the one of `make test`) and NumPy is nevertheless not newer than its pin.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
PINS = HERE / "constraints.txt"
FREE = ("numpy", "scipy")
"""Packages of which the newest version is wanted, whatever is pinned."""
NEEDED = (*FREE, "optree", "hypothesis", "mpmath", "pytest", "pytest-xdist", "sympy")
IF_THERE = ("llvmlite",)
"""Packages that a new Python may have to wait for; tests that need them skip."""

ASK = "import sys, ensurepip, venv; print(*sys.version_info[:4])"
Version = tuple[int, ...]


def interpreters() -> Iterator[Path]:
    """Yield the files named like a Python, on PATH and where pyenv keeps them."""
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep)]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    folders += sorted(pyenv.glob("versions/*/bin"))
    named = re.compile(r"python3(\.\d+)?")
    yield Path(sys.executable)
    for folder in folders:
        if folder.is_dir():
            found = sorted(folder.iterdir())
            yield from (path for path in found if named.fullmatch(path.name))


def version_of(python: Path) -> Version | None:
    """Return the version of a Python that runs, is released and can make environments.

    A shim of pyenv is there for every version and runs only the chosen ones.
    """
    try:
        run = subprocess.run(
            [python, "-c", ASK], capture_output=True, text=True, timeout=30, check=True
        )
        *version, level = run.stdout.split()
        return tuple(map(int, version)) if level == "final" else None
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def newest() -> tuple[Version, Path]:
    """Return the newest Python of the machine, and its version."""
    found: dict[Version, Path] = {}
    for python in interpreters():
        version = version_of(python)
        if version is not None:
            found.setdefault(version, python)
    return max(found.items())


def install(python: Path, pins: Path, *packages: str, wheels: bool = False) -> bool:
    """Install packages with pip under some pins; tell whether that went well."""
    options = ["--quiet", "--disable-pip-version-check", "--upgrade"]
    options += ["--only-binary=:all:"] if wheels else []
    command = [python, "-m", "pip", "install", *options, "--constraint", pins]
    return subprocess.run([*command, *packages], check=False).returncode == 0


def number(version: str) -> Version:
    """Return a version of numbers, such as 2.4.6, as a tuple of them."""
    return tuple(int(n) for n in re.findall(r"\d+", version)[:3])


def installed(python: Path, package: str) -> str:
    """Return the version of an installed package."""
    ask = f"from importlib.metadata import version; print(version({package!r}))"
    command = [python, "-c", ask]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return run.stdout.strip()


def make(folder: Path) -> Path:
    """Make or update the environment; return its Python."""
    version, base = newest()
    python = folder / "bin" / "python"
    if version_of(python) != version:
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([base, "-m", "venv", folder], check=True)
    lines = PINS.read_text().splitlines()
    kept = [line for line in lines if line.partition("==")[0] not in FREE]
    pins = folder / "constraints.txt"
    pins.write_text("\n".join(kept) + "\n")
    if not install(python, pins, *NEEDED):
        sys.exit(f"{', '.join(NEEDED)} could not be installed for {base}.")
    for package in FREE:  # what comes now takes the newest NumPy or is left out
        kept.append(f"{package}=={installed(python, package)}")
    pins.write_text("\n".join(kept) + "\n")
    if not install(python, pins, *IF_THERE, wheels=True):
        print(f"{', '.join(IF_THERE)}: none for this Python and NumPy; tests skip")
    return python


def main() -> None:
    """Make the environment in the folder that is named, print versions, and check."""
    python = make(HERE / sys.argv[1])
    version, numpy = version_of(python), installed(python, "numpy")
    pin = re.search(r"^numpy==(.+)$", PINS.read_text(), re.MULTILINE)
    pinned = pin[1] if pin else "0"
    print(f"Python {'.'.join(map(str, version or ()))}, NumPy {numpy}", flush=True)
    newer = (version or ())[:2] > sys.version_info[:2]
    if newer and number(numpy) <= number(pinned):
        sys.exit(
            f"NumPy {numpy} is not newer than its pin, {pinned}, although this Python "
            f"is newer than {sys.version.split()[0]}. Move the pin in constraints.txt "
            "back, or see why pip does not find a newer NumPy."
        )


if __name__ == "__main__":
    main()
