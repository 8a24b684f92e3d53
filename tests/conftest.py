"""What every test shares: fixed randomness, and a summary of what rules leave out."""

from __future__ import annotations

import collections
import os
import random
import tempfile

import numpy as np
import pytest
from hypothesis import settings

from chainrule.compiler import background
from chainrule.compiler.programs import passes
from chainrule.compiler.programs.verify import verify

os.environ["CHAINRULE_CACHE"] = "off"  # no test leaves code for another one

settings.register_profile(
    "ci", derandomize=True, deadline=None, database=None, max_examples=60
)
settings.load_profile("ci")


def pytest_collection_modifyitems(items):
    """Leave to `make test-slow` what is not needed every day.

    That are most cases of thinned tests, and the tests of all rules on those of SciPy.
    """
    seen = collections.Counter()
    for item in items:
        if os.environ.get("CHAINRULE_RULES") == "all" and is_of_scipy(item):
            item.add_marker(pytest.mark.slow)
        thinned = item.get_closest_marker("thinned")
        if thinned is None:
            continue
        test = item.nodeid.partition("[")[0]
        if seen[test] % thinned.args[0]:
            item.add_marker(pytest.mark.slow)
        seen[test] += 1


def is_of_scipy(item):
    """Tell whether a test of all rules is about one of SciPy's functions."""
    values = getattr(item, "callspec", None) and item.callspec.params.values()
    rules = [getattr(x, "rule", x) for x in values or ()]
    homes = [getattr(r, "__module__", None) or "" for r in rules]
    return any(home.startswith("chainrule.scipy.") for home in homes)


@pytest.fixture(autouse=True)
def fixed_randomness():
    """Give every test the same random numbers, whichever ran before it."""
    random.seed(0)
    np.random.seed(0)


@pytest.fixture(autouse=True)
def nothing_left_in_the_background():
    """Drop what a test leaves to be compiled: the next one may change what is read."""
    yield
    if background._TASKS:
        with background._CHANGED:
            while len(background._TASKS) > 1:
                background._TASKS.pop()
        assert background.wait(60)


@pytest.fixture(autouse=True, scope="session")
def verified_programs():
    """Look at every program that a test compiles after each pass over it."""
    passes.OBSERVERS.append(verify)
    yield
    passes.OBSERVERS.remove(verify)


@pytest.fixture(autouse=True, scope="session")
def pages_in_a_folder_of_pytests(tmp_path_factory):
    """Have what ``.show()`` opens, in processes too, made where pytest clears up."""
    folder = str(tmp_path_factory.mktemp("shown"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", folder)
        patch.setattr(tempfile, "tempdir", folder)
        yield


@pytest.fixture
def rng():
    """A generator that starts the same way in every test."""
    return np.random.default_rng(20230829)


def _browser_skips(terminalreporter):
    """Return why browser tests were skipped, and how many."""
    skipped = terminalreporter.getreports("skipped")
    reasons = [r.longrepr[2] for r in skipped if "tests/browser/" in r.nodeid]
    return collections.Counter(text.removeprefix("Skipped: ") for text in reasons)


def pytest_terminal_summary(terminalreporter):
    """Print which browser tests were skipped, and what the rules leave out."""
    for reason, count in _browser_skips(terminalreporter).items():
        terminalreporter.section("not run", sep="!")
        terminalreporter.write_line(
            f"{count} tests of the page: {reason}. `make test-browser` insists on them."
        )
    ran = [
        *terminalreporter.getreports("passed"),
        *terminalreporter.getreports("failed"),
    ]
    if not any("test_rules.py" in report.nodeid for report in ran):
        return
    from tests.helpers import left_out

    terminalreporter.section("declared limits of the derivative rules")
    for line in left_out():
        terminalreporter.write_line(line)
