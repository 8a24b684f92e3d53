"""The snippets of the page about other libraries run, and print what it says."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")

for library in ("torch", "jax", "xarray", "pandas"):
    pytest.importorskip(library)


def test_the_page_of_other_libraries():
    from tests import test_pages

    test_pages.test_the_snippets_of_a_page_run_and_print_what_it_says("docs/interop.md")
