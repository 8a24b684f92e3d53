"""The tests of autograd, and of its clients, on autograd and on chainrule.

    python .ci/suites.py autograd
    CLONES=folder python .ci/suites.py lifelines pymanopt ceviche

Installs what the suites need into the environment that runs it, downloads their source
distributions by name, runs their tests as they are, twice, and writes the counts into
docs/moving/suites.md. Tests that a source distribution leaves out are those of a clone
of the repository, ``folder/ceviche``; without a clone the suite is not run, and its row
stays as it is. A test of autograd that fails on chainrule must stand, with a reason, in
tests/compat/not_passed.txt, and what stands there must fail.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
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
CLONES = os.environ.get("CLONES", "")
SECONDS = int(os.environ.get("SUITE_SECONDS", "1500"))
"""The longest that a suite runs, once; what it has not reached is not counted."""


@dataclasses.dataclass
class Suite:
    """One package's tests.

    ``needs`` are further packages, ``tests`` where they are in its source distribution
    or, with ``cloned``, in its repository; nowhere, if the package has them. What PyPI
    does not have is installed from its clone, too (``own``). ``options`` are pytest's,
    with ``tests`` as the folder's name. They run in so many ``workers``, in one process
    without, for at most so many ``seconds``.
    """

    needs: str
    tests: str
    options: list[str]
    what: str
    conftest: str | None = None
    cloned: bool = False
    own: bool = False
    workers: int = 2
    seconds: int = SECONDS


FITTERS = (
    "Univariate or Weibull or LogNormal or LogLogistic or Exponential or "
    "GeneralizedGamma or Piecewise or Parametric or AFT or MixtureCure or Splines or "
    "Custom"
)
OLD_NAMES = (
    "import collections, collections.abc\n"
    "for name in ('Hashable', 'Iterable', 'Mapping', 'Sequence'):\n"
    "    setattr(collections, name, getattr(collections.abc, name))\n"
)
NUMPY_1 = (
    "import numpy\n"
    "for old, new in (('product', 'prod'), ('in1d', 'isin')):\n"
    "    setattr(numpy, old, getattr(numpy, new))\n"
)
SUITES = {
    "autograd": Suite("scipy xarray", "tests", ["tests"], "all tests"),
    "lifelines": Suite(
        "scipy flaky dill",
        "lifelines/tests",
        ["tests/test_estimation.py", "-k", FITTERS],
        "univariate and regression fitters",
    ),
    "pymanopt": Suite(
        "scipy matplotlib",
        "tests",
        [
            "tests",
            *(
                f"--ignore=tests/{name}.py"
                for name in (
                    *("backends/test_pytorch", "backends/test_jax", "test_problem"),
                    *("backends/test_tensorflow", "test_examples"),
                )
            ),
        ],
        "manifolds, optimizers, the autograd backend",
        # Its own imports PyTorch and TensorFlow, to seed these too.
        "import random, matplotlib, numpy, pytest\nmatplotlib.use('Agg')\n"
        "@pytest.fixture(autouse=True)\ndef seeds():\n"
        "    random.seed(42); numpy.random.seed(42)\n",
    ),
    "mici": Suite(
        "scipy", "tests", ["tests/test_autodiff.py", "-k", "autograd"], "derivatives"
    ),
    "grcwa": Suite("scipy", "tests", ["tests"], "all tests"),
    "reliability": Suite("scipy", "tests", ["tests"], "all tests"),
    "autograd-gamma": Suite("scipy", "tests", ["tests"], "all tests", cloned=True),
    "paragami": Suite(
        "scipy",
        "paragami/tests",
        ["tests"],
        "all tests",
        NUMPY_1,  # they call what NumPy 2 does not have
        cloned=True,
    ),
    "vittles": Suite(
        "scipy paragami", "vittles/tests", ["tests"], "all tests", NUMPY_1, cloned=True
    ),
    "pymoo": Suite(
        "scipy",
        "tests",
        ["tests/gradients"],
        "gradients",
        "",  # its own reads a whole repository
        cloned=True,
        workers=0,
    ),
    "surpyval": Suite(
        "scipy",
        "",
        ["--pyargs", "surpyval.tests.univariate.parametric.test_fit"],
        "fits of distributions",
    ),
    "momi": Suite(
        "scipy networkx msprime numdifftools",
        "test",
        ["test/test_autograd.py"],
        "derivatives",
        cloned=True,
        workers=0,  # each process would find other tests
        seconds=min(SECONDS, 300),  # all of them take hours
    ),
    "py-wake": Suite(
        "scipy",
        "",
        ["--pyargs", "py_wake.tests.test_utils.test_gradient_utils"],
        "gradients",
    ),
    "cotengra": Suite(
        "autoray",
        "tests",
        ["tests/test_backends.py", "-k", "autograd"],
        "contractions of autograd's arrays",
        cloned=True,
    ),
    "craystack": Suite(
        "scipy",
        "craystack",
        ["craystack/rans_test.py", "craystack/codecs_test.py"],
        "all tests",
        cloned=True,
        own=True,
    ),
    "phodex": Suite("scipy", "tests", ["tests"], "all tests", cloned=True, own=True),
    "ceviche": Suite("scipy", "tests", ["tests"], "all tests", cloned=True),
    "legume-gme": Suite("scipy", "tests", ["tests"], "all tests", cloned=True),
    "pyerrors": Suite(
        "odrpack scipy hypothesis pytest-benchmark",
        "tests",
        ["tests", "--benchmark-skip"],
        "all tests",
        cloned=True,
        workers=0,  # they write one file
    ),
    "sampyl-mcmc": Suite(
        "scipy",
        "sampyl",
        ["sampyl/tests"],
        "all tests",
        OLD_NAMES,  # written for Python 3.9 and older
        cloned=True,
    ),
    "pennylane": Suite(
        "scipy pytest-mock pytest-rng flaky",
        "tests",
        [
            *(f"tests/{x}" for x in ("gradients", "math", "measurements")),
            *("tests/ops/functions", "-m", "autograd"),
        ],
        "what is marked autograd of gradients, measurements and operators",
        cloned=True,
        workers=0,  # its filters of warnings import it, before any plugin
    ),
}


def pip(*arguments: str) -> None:
    """Run pip, quietly."""
    quiet = ["--quiet", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", arguments[0], *quiet, *arguments[1:]]
    subprocess.run(command, check=True)


def fetched(name: str) -> tuple[str, Path]:
    """Install a package, lay its tests alone in a folder; return its version and it."""
    suite, place = SUITES[name], WORK / name
    tools = "numpy optree autograd pytest pytest-xdist pytest-timeout".split()
    source = Path(CLONES) / name
    pip("install", *tools, str(source) if suite.own else name, *suite.needs.split())
    version = importlib.metadata.version(name)
    alone = place / "alone"
    shutil.rmtree(place, ignore_errors=True)
    if suite.tests and not suite.cloned:
        whole = ["--no-deps", "--no-binary", name, "--dest", str(place)]
        pip("download", *whole, f"{name}=={version}")
        (archive,) = place.glob("*.tar.gz")
        with tarfile.open(archive) as packed:
            packed.extractall(place, filter="data")
        source = place / archive.name.removesuffix(".tar.gz")
    if suite.tests:
        shutil.copytree(source / suite.tests, alone / Path(suite.tests).name)
    alone.mkdir(parents=True, exist_ok=True)
    (alone / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")  # not chainrule's
    if suite.conftest is not None:
        tests = alone / Path(suite.tests).name
        (tests / "conftest.py").write_text(suite.conftest, encoding="utf-8")
    return version, alone


def outcomes(name: str, alone: Path, *, ours: bool) -> dict[str, bool]:
    """Run a suite; return whether each test passed, skipped ones left out."""
    report = alone.parent / f"{'ours' if ours else 'theirs'}.xml"
    suite = SUITES[name]
    workers = ["-n", str(suite.workers)] if suite.workers else []
    plugin = ["-p", "chainrule.compat.pytest_plugin"] if ours and workers else []
    paths = [str(HERE / "src")] if ours else []
    command = [
        *(sys.executable, *(("-m", "chainrule.compat") if ours else ())),
        *("-m", "pytest", "-q", "-p", "no:cacheprovider", *workers),
        *(f"--session-timeout={suite.seconds}", "-o", "addopts=", "--tb=short"),
        *(f"--junitxml={report}", *plugin, *suite.options),
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    environment |= {
        "MPLBACKEND": "Agg",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    log = report.with_suffix(".log")
    with log.open("w", encoding="utf-8") as written:
        subprocess.run(command, cwd=alone, env=environment, check=False, stdout=written)
    print(f"{name} on {'chainrule' if ours else 'autograd'}: {log}", flush=True)
    if not report.exists():
        print(f"{name} was not run: {log} says why")
        return {}
    return passed(report)


def passed(report: Path) -> dict[str, bool]:
    """Return whether each test of a report passed, skipped ones left out."""
    found: dict[str, bool] = {}
    for case in ET.parse(report).iter("testcase"):
        if case.find("skipped") is None:
            home = case.get("classname", "").removeprefix("tests.").replace(".", "/")
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
    version, alone = fetched(name)
    theirs, ours = (outcomes(name, alone, ours=o) for o in (False, True))
    failed = {test for test, passed in ours.items() if not passed}
    for test in sorted(failed):
        print(f"    {test}{'' if theirs.get(test) else '  (fails on autograd too)'}")
    both = theirs.keys() & ours.keys()
    counts = (f"{sum(x[t] for t in both)} of {len(both)}" for x in (theirs, ours))
    reached = max(len(theirs), len(ours))
    suite = SUITES[name]
    what = suite.what
    if len(both) < reached:
        what += f", those that both reached in {suite.seconds // 60} minutes"
    known = set(listed()) if name == "autograd" else set()
    new, gone = failed - known, known - failed
    if name == "autograd":
        for test in sorted(new):
            print(f"fails, and is not in {LIST.name}: {test}")
        for test in sorted(gone):
            print(f"passes: take it out of {LIST.name}: {test}")
    text = f"| {name} {version}, {what} | {' | '.join(counts)} |"
    print(text)
    return text, name != "autograd" or not (new or gone)


def with_row(page: str, name: str, text: str) -> str:
    """Return the page with a suite's row in its table, in the place of an older one."""
    old = re.compile(rf"^\| {name} .*$", re.MULTILINE)
    if old.search(page):
        return old.sub(lambda _: text, page)
    table = re.compile(r"^\| tests \|.*\n(?:\|.*\n)+", re.MULTILINE)
    return table.sub(lambda found: f"{found[0]}{text}\n", page, count=1)


def main(names: list[str]) -> int:
    """Run suites, write their counts into the page; return 1 if one disagrees."""
    fine = True
    for name in names:
        if SUITES[name].cloned and not (Path(CLONES or "?") / name).is_dir():
            print(f"{name}: not run, CLONES={CLONES} holds no clone of it")
            continue
        text, agrees = row(name)
        fine &= agrees
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(with_row(page, name, text), encoding="utf-8")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or list(SUITES)))
