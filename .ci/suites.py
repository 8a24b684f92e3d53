"""The tests of autograd, and of two of its clients, on autograd and on chainrule.

    python .ci/suites.py autograd
    python .ci/suites.py lifelines pymanopt

Installs what the suites need into the environment that runs it, downloads their source
distributions by name, runs their tests as they are, twice, and writes the counts into
docs/moving/suites.md. A test of autograd that fails on chainrule must stand, with a
reason, in tests/compat/not_passed.txt, and what stands there must fail.
"""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import subprocess
import sys
import tarfile
import xml.etree.ElementTree as ET
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
PAGE = HERE / "docs" / "moving" / "suites.md"
LIST = HERE / "tests" / "compat" / "not_passed.txt"
WORK = Path(sys.prefix) / "suites"


@dataclasses.dataclass
class Suite:
    """One package's tests: what they need, where they are, and which are run."""

    needs: str
    tests: str
    options: list[str]
    what: str
    conftest: str | None = None


FITTERS = (
    "Univariate or Weibull or LogNormal or LogLogistic or Exponential or "
    "GeneralizedGamma or Piecewise or Parametric or AFT or MixtureCure or Splines or "
    "Custom"
)
SUITES = {
    "autograd": Suite("scipy xarray", "tests", [], "all tests"),
    "lifelines": Suite(
        "scipy flaky dill",
        "lifelines/tests",
        ["test_estimation.py", "-k", FITTERS],
        "univariate and regression fitters",
    ),
    "pymanopt": Suite(
        "scipy matplotlib",
        "tests",
        [
            *("--ignore=backends/test_pytorch.py", "--ignore=backends/test_jax.py"),
            *("--ignore=backends/test_tensorflow.py", "--ignore=test_problem.py"),
            "--ignore=test_examples.py",
        ],
        "manifolds, optimizers, the autograd backend",
        # Its own imports PyTorch and TensorFlow, to seed these too.
        "import random, matplotlib, numpy, pytest\nmatplotlib.use('Agg')\n"
        "@pytest.fixture(autouse=True)\ndef seeds():\n"
        "    random.seed(42); numpy.random.seed(42)\n",
    ),
}


def pip(*arguments: str) -> None:
    """Run pip, quietly."""
    quiet = ["--quiet", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", arguments[0], *quiet, *arguments[1:]]
    subprocess.run(command, check=True)


def fetched(name: str) -> tuple[str, Path]:
    """Install a package and unpack its tests; return its version and their place."""
    suite, place = SUITES[name], WORK / name
    pip("install", "numpy", "optree", "pytest", "pytest-xdist", name)
    pip("install", *suite.needs.split())
    shutil.rmtree(place, ignore_errors=True)
    source = ["--no-deps", "--no-binary", ":all:", "--dest", str(place)]
    pip("download", *source, name)
    (archive,) = place.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(place, filter="data")
    version = archive.name.removesuffix(".tar.gz").rpartition("-")[2]
    tests = place / "tests-alone"
    shutil.copytree(place / f"{name}-{version}" / suite.tests, tests)
    if suite.conftest is not None:
        (tests / "conftest.py").write_text(suite.conftest, encoding="utf-8")
    return version, tests


def outcomes(name: str, tests: Path, *, ours: bool) -> dict[str, bool]:
    """Run a suite; return whether each test passed, skipped ones left out."""
    report = tests.parent / f"{'ours' if ours else 'theirs'}.xml"
    plugin = ["-p", "chainrule.compat.pytest_plugin"] if ours else []
    paths = [str(HERE / "src")] if ours else []
    command = [
        *(sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider"),
        *("-o", "addopts=", "--tb=short", f"--junitxml={report}", *plugin),
        *SUITES[name].options,
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    log = report.with_suffix(".log")
    with log.open("w", encoding="utf-8") as written:
        subprocess.run(command, cwd=tests, env=environment, check=False, stdout=written)
    print(f"{name} on {'chainrule' if ours else 'autograd'}: {log}")
    found: dict[str, bool] = {}
    for case in ET.parse(report).iter("testcase"):
        if case.find("skipped") is None:
            home = case.get("classname", "").replace(".", "/")
            failed = case.find("failure") is not None or case.find("error") is not None
            found[f"{home}::{case.get('name')}"] = not failed
    return found


def listed() -> dict[str, str]:
    """Return the tests that are known not to pass, with the reason of each."""
    lines = LIST.read_text(encoding="utf-8").splitlines()
    pairs = (x.split("  ", 1) for x in lines if x and not x.startswith("#"))
    return {test: reason.strip() for test, reason in pairs}


def row(name: str) -> tuple[str, bool]:
    """Return the row of a suite's counts, and whether its failures are those listed."""
    version, tests = fetched(name)
    theirs, ours = (outcomes(name, tests, ours=o) for o in (False, True))
    failed = {test for test, passed in ours.items() if not passed}
    for test in sorted(failed):
        print(f"    {test}{'' if theirs.get(test) else '  (fails on autograd too)'}")
    counts = (f"{sum(x.values())} of {len(x)}" for x in (theirs, ours))
    known = set(listed()) if name == "autograd" else set()
    new, gone = failed - known, known - failed
    if name == "autograd":
        for test in sorted(new):
            print(f"fails, and is not in {LIST.name}: {test}")
        for test in sorted(gone):
            print(f"passes: take it out of {LIST.name}: {test}")
    text = f"| {name} {version}, {SUITES[name].what} | {' | '.join(counts)} |"
    print(text)
    return text, name != "autograd" or not (new or gone)


def main(names: list[str]) -> int:
    """Run suites, write their counts into the page; return 1 if one disagrees."""
    fine = True
    for name in names:
        text, agrees = row(name)
        fine &= agrees
        page = PAGE.read_text(encoding="utf-8")
        page = re.sub(rf"^\| {name} .*$", lambda _, t=text: t, page, flags=re.MULTILINE)
        PAGE.write_text(page, encoding="utf-8")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or list(SUITES)))
