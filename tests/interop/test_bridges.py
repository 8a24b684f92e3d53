"""What bridges to other libraries do where these are missing."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

import chainrule as gd
from chainrule.errors import MissingLibraryError

NAMES = {"torch": "torch", "jax": "jax", "from_torch": "torch", "from_jax": "jax"}


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_library_is_named(name):
    library = NAMES[name]
    if importlib.util.find_spec(library):
        pytest.skip(f"{library} is installed")
    with pytest.raises(MissingLibraryError, match=rf"chainrule\[{library}\]"):
        getattr(gd.interop, name)


def test_bridges_are_listed_and_others_are_not_there():
    assert set(NAMES) <= set(dir(gd.interop))
    with pytest.raises(AttributeError, match="from_theano"):
        _ = gd.interop.from_theano


def test_an_import_loads_no_other_library():
    code = """
import sys
import chainrule as gd
gd.interop
print([x for x in ("torch", "jax", "pandas", "xarray") if x in sys.modules])
"""
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "[]"
