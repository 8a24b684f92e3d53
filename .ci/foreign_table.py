"""Write docs/foreign_functions.md: every rule on Dask's arrays and on strict ones."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

import numpy as np  # noqa: E402

from chainrule.nodes.remedies import written  # noqa: E402
from tests.foreign.libraries import (  # noqa: E402
    ORDERS,
    STRICT,
    library,
    of_dask,
    outcome,
    serves,
)
from tests.helpers import RULES, calls_of, served  # noqa: E402

HEAD = """# Functions on foreign arrays

Made by `.ci/foreign_table.py`. For every rule, whether its derivatives (grad, jvp, hvp)
were right on [Dask's arrays and on strict ones](large_data.md), which refuse what CuPy
refuses. The calls are those that the tests of rules make; a library serves those which
it computes itself, of Dask's arrays in chunks or in one. *Not its own*: it serves none.

"""


def cell(rule: type, libraries: list[library]) -> str:
    """Return whether calls of a rule are right, which raises where one is not."""
    count = 0
    for call in calls_of(rule):
        if not any(isinstance(x, np.ndarray | np.generic) for x in call.draw()):
            continue
        of = next((one for one in libraries if serves(call, one)), None)
        if of is None:
            continue
        count += 1
        for order in ORDERS:
            outcome(call, of, order)
    return "right" if count else "not its own"


def names(rule: type) -> str:
    """Return the functions of a rule, as they are written."""
    found = dict.fromkeys(written(f) for f in served(rule))
    own = rule.__name__.removesuffix("_grad")
    return ", ".join(f"`{name}`" for name in found) or f"`{own}` (of rules)"


def main() -> None:
    """Write the table."""
    warnings.simplefilter("ignore")
    libraries = [of_dask(), of_dask(-1)], [STRICT]
    rows = sorted((names(r), *(cell(r, of) for of in libraries)) for r in RULES)
    own = [sum(row[i] != "not its own" for row in rows) for i in (1, 2)]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    text = (
        f"{HEAD}Of {len(rows)} rules Dask serves {own[0]} and the strict arrays "
        f"{own[1]}: these are right in every\ncall.\n\n"
        "| function | Dask | strict |\n| --- | --- | --- |\n" + "\n".join(lines) + "\n"
    )
    (ROOT / "docs" / "foreign_functions.md").write_text(text)
    print(f"Dask {own[0]}, strict {own[1]} of {len(rows)}")


if __name__ == "__main__":
    main()
