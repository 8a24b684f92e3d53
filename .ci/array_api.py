"""The public tests of the array API, with every floating array a node.

    python .ci/array_api.py FOLDER

FOLDER is a copy of the repository data-apis/array-api-tests with its submodule. This
installs what the tests need into its own environment, runs them on the namespace of
``array_api_on_nodes.py``, and writes the counts into docs/array_api.md. A test that
fails must stand, with a reason, in tests/array_api/not_passed.txt, and what stands
there must fail.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
PAGE = HERE / "docs" / "array_api.md"
LIST = HERE / "tests" / "array_api" / "not_passed.txt"
VERSIONS = ("2024.12", "2025.12")
"""Those of the standard; the second is the first whose ``eig`` is tested."""
Outcomes = dict[str, bool]
"""Whether each test passed."""


def outcomes(suite: Path, version: str) -> tuple[Outcomes, Counter[str]]:
    """Run the tests; return whether each passed, and the calls that gave nodes."""
    with tempfile.TemporaryDirectory() as place:
        report = Path(place) / "report.xml"
        command = [
            *(
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "-n",
                "2",
                "-p",
                "no:cacheprovider",
            ),
            *("-p", "array_api_on_nodes", "--tb=short", f"--junitxml={report}"),
            *("--disable-deadline", "--derandomize", "array_api_tests"),
        ]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(HERE / "src"), str(HERE / ".ci")]),
            "ARRAY_API_CALLS": place,
            "ARRAY_API_TESTS_MODULE": "array_api_on_nodes",
            "ARRAY_API_TESTS_VERSION": version,
        }
        log = Path(sys.prefix) / f"array_api_{version}.log"
        with log.open("w", encoding="utf-8") as written:
            subprocess.run(
                command, cwd=suite, env=environment, check=False, stdout=written
            )
        print(f"array API {version}: {log}")
        cases = ET.parse(report).iter("testcase")
        found = {name_of(x): passed(x) for x in cases if x.find("skipped") is None}
        calls: Counter[str] = Counter()
        for counts in Path(place).glob("*.json"):
            calls.update(json.loads(counts.read_text(encoding="utf-8")))
    return found, calls


def name_of(case: ET.Element) -> str:
    """Return the name of a test, by its module and its own."""
    home = case.get("classname", "").partition(".")[2].replace(".", "::")
    return f"{home}::{case.get('name')}"


def passed(case: ET.Element) -> bool:
    """Tell whether a test passed."""
    return case.find("failure") is None and case.find("error") is None


def listed(version: str) -> dict[str, str]:
    """Return the tests that do not pass in a version, with the reason of each."""
    lines = LIST.read_text(encoding="utf-8").splitlines()
    known: dict[str, str] = {}
    for line in lines:
        if line and not line.startswith("#"):
            test, _, reason = line.partition("  ")
            of_one = re.match(r"(\d{4}\.\d\d): ", reason)
            if of_one is None or of_one[1] == version:
                known[test] = reason
    return known


def agrees(found: Outcomes, known: dict[str, str]) -> bool:
    """Tell whether the tests that fail are those listed; print the others."""
    fine = True
    for test, is_fine in found.items():
        if not is_fine and test not in known:
            print(f"fails, and is not in {LIST.name}: {test}")
            fine = False
        if is_fine and test in known and "at times" not in known[test]:
            print(f"passes: take it out of {LIST.name}: {test}")
            fine = False
    for test in sorted(set(known) - set(found)):
        print(f"is not among the tests: take it out of {LIST.name}: {test}")
        fine = False
    return fine


def main(suite: Path) -> int:
    """Run the tests of each version, write the counts; return 1 if one disagrees."""
    if not (suite / "array-api" / "spec").is_dir():
        print(
            f"No tests in {suite}. Clone data-apis/array-api-tests there, with its "
            "submodule, or write make test-array-api ARRAY_API_TESTS=folder."
        )
        return 1
    needed = [
        *("numpy", "scipy", "optree", "pytest", "pytest-xdist", "hypothesis"),
        *("ndindex", "pytest-json-report"),
    ]
    quiet = ["install", "--quiet", "--disable-pip-version-check"]
    pins = ["--constraint", str(HERE / "constraints.txt")]
    command = [sys.executable, "-m", "pip", *quiet, *pins, *needed]
    subprocess.run(command, check=True)
    fine = True
    for version in VERSIONS:
        found, calls = outcomes(suite, version)
        fine &= agrees(found, listed(version)) and calls.total() > 0
        text = (
            f"| {version} | {sum(found.values())} of {len(found)} | {len(calls)} | "
            f"{calls.total()} |"
        )
        print(text)
        page = PAGE.read_text(encoding="utf-8")
        row = rf"^\| {re.escape(version)} .*$"
        page = re.sub(row, lambda _, t=text: t, page, flags=re.MULTILINE)
        PAGE.write_text(page, encoding="utf-8")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
