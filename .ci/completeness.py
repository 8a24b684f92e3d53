"""Whether every public name has a type, as type checkers of other programs see it.

`pyright --verifytypes` tells. Classes that extend SciPy's have a base that it does not
know, since SciPy's are not typed throughout; nothing but that is let pass.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

OF_A_BASE = (
    "Type of metaclass unknown",
    "Type of base class",
    "Return type is partially unknown",  # strict checks of `src` find all others
    "Type of parameter",
)
COMMAND = ("pyright", "--verifytypes", "chainrule", "--ignoreexternal", "--outputjson")


def main() -> int:
    """Print the names without a type; 1 if there are any."""
    ran = subprocess.run(COMMAND, capture_output=True, text=True, check=False)
    report: dict[str, Any] = json.loads(ran.stdout)["typeCompleteness"]
    wrong: list[str] = []
    beside = 0
    for symbol in report["symbols"]:
        messages = [
            d["message"].splitlines()[0]
            for d in symbol["diagnostics"]
            if d["severity"] == "error"
        ]
        beside += any(m.startswith(OF_A_BASE) for m in messages)
        wrong += [
            f"{symbol['name']}: {m}" for m in messages if not m.startswith(OF_A_BASE)
        ]
    print(
        "\n".join(wrong) or f"All names have types; {beside} extend classes of SciPy."
    )
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
