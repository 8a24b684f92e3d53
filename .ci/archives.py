"""What the archives hold: the wheel the library alone, the other all that is tracked.

python .ci/archives.py dist
"""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path


def main(folder: str) -> int:
    """Compare the archives in a folder with the files that git knows."""
    (wheel,) = Path(folder).glob("chainrule-*.whl")
    (source,) = Path(folder).glob("chainrule-*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if ".dist-info/" not in name}
        (metadata,) = (n for n in archive.namelist() if n.endswith("/METADATA"))
        text = archive.read(metadata).decode()
    with tarfile.open(source) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    tracked = subprocess.run(
        ["git", "ls-files"], capture_output=True, text=True, check=True
    ).stdout.split()
    library = {name[4:] for name in tracked if name.startswith("src/chainrule/")}
    faults = [f"{wheel.name} lacks {name}" for name in sorted(library - inside)]
    faults += [f"{wheel.name} has {name}" for name in sorted(inside - library)]
    faults += [f"{source.name} lacks {n}" for n in sorted(set(tracked) - held)]
    links = re.findall(r"\]\((?!https?:)[^)]*\)", text)
    faults += [f"the README of {wheel.name} has the link {link}" for link in links]
    print("\n".join(faults) or f"{len(inside)} files in the wheel, {len(held)} beside")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
