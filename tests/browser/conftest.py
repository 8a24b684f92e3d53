"""A real browser: the system's Chromium, driven by Playwright, with no network.

Where one of them is missing these tests are skipped and say so. With
``CHAINRULE_BROWSER=required`` (``make test-browser``) they fail instead.
"""

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
ARGUMENTS = [
    "--no-sandbox",  # containers run as root, which Chromium's sandbox refuses
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def need(found, what):
    """Skip a test for want of something, or fail it where browsers are required."""
    if found:
        return
    if os.environ.get("CHAINRULE_BROWSER") == "required":
        pytest.fail(f"browser tests need {what}", pytrace=False)
    pytest.skip(f"browser tests need {what}")


def chromium_path():
    """Where the system's Chromium is."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="session")
def browser():
    """Chromium, started once."""
    path = chromium_path()
    need(path, "Chromium (on Debian: apt-get install chromium)")
    need(find_spec("playwright"), "Playwright (pip install 'chainrule[browser]')")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def axe():
    """The source of axe-core."""
    need(AXE.exists(), "axe-core (npm install in web/)")
    return AXE.read_text(encoding="utf-8")


@pytest.fixture
def visit(browser, tmp_path):
    """Open an explanation's page from disk; fail on errors and on any request."""
    contexts, problems = [], []

    def opened(explained, *, width=1280, height=900, **options):
        path = explained.save(tmp_path / f"page{len(contexts)}.html")
        context = browser.new_context(
            viewport={"width": width, "height": height}, offline=True, **options
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text))
        page.on("request", lambda request: asked.append(request.url))
        asked = []
        page.goto(path.as_uri())
        page.wait_for_selector("#step")
        problems.extend(url for url in asked if url != path.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert problems == []
