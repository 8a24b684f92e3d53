"""Doctests of modules whose library is missing are left out."""

import importlib.util

FILES = {
    "cupy": "chainrule/values/cupy_arrays.py",
    "dask": "chainrule/values/dask_arrays.py",
    "jax": "chainrule/interop/jax*.py",
    "torch": "chainrule/interop/torch*.py",
}

collect_ignore_glob = [
    files
    for library, files in FILES.items()
    if importlib.util.find_spec(library) is None
]
