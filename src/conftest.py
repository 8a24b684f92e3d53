"""Doctests of modules whose library is missing are left out."""

import importlib.util

collect_ignore_glob = [
    f"chainrule/interop/{library}*.py"
    for library in ("jax", "torch")
    if importlib.util.find_spec(library) is None
]
