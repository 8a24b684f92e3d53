"""Say whether there is a rule of a name, and which there are of similar ones."""

import difflib
import sys

from chainrule import operations  # noqa: F401  declares the rules
from chainrule.rules.registry import EXPRESSED, REGISTRY
from chainrule.scipy import special  # noqa: F401  and these


def main(name: str) -> str:
    """Return what to say of a name; nothing where a rule has it."""
    rules = [
        r for r in (*REGISTRY, *EXPRESSED) if r.__module__.startswith("chainrule.")
    ]
    known = {r.__name__.removesuffix("_grad") for r in rules}
    known |= {getattr(getattr(r, "forward", r), "__name__", "") for r in rules}
    name = name.removesuffix("_grad")
    if name in known:
        return ""
    near = difflib.get_close_matches(name, known, n=5, cutoff=0.5)
    similar = f" Similar ones are {', '.join(near)}." if near else ""
    return f"There is no rule {name}.{similar} docs/rules.md lists them all."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]) or None)
