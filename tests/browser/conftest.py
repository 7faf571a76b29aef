"""Fixtures of the browser tests: the whole portal as `make run` starts it, and Chromium in front of it."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Error, Page, ViewportSize

from portal.config import ROOT
from tests.browser.person import Person
from tests.support import running
from tests.support.running import Running

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
WIDE: ViewportSize = {"width": 1280, "height": 820}


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if found is None:
        pytest.exit("The browser tests need Chromium. On Debian: apt-get install chromium", returncode=1)
    sandbox = [] if os.getuid() else ["--no-sandbox"]  # Chromium's own sandbox refuses to run as root
    return browser_type_launch_args | {"executable_path": found, "args": sandbox}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return browser_context_args | {"viewport": WIDE}


@pytest.fixture(scope="session")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Everything, on a free port, with data of its own."""
    with running.portal(tmp_path_factory.mktemp("portal")) as everything:
        yield everything


@pytest.fixture(scope="session")
def base_url(portal: Running) -> str:
    """Where Chromium finds the pages."""
    return portal.url


@pytest.fixture
def mistakes(context: BrowserContext) -> Iterator[list[str]]:
    """What Chromium complains of while a test runs: breaches of the policy, broken scripts, missing files."""
    found: list[str] = []

    def listen(page: Page) -> None:
        page.on("console", complain)
        page.on("pageerror", broke)

    def complain(message: ConsoleMessage) -> None:
        # A form sent back with its mistakes is a 422: Chromium says so, and that is as meant.
        if message.type in ("error", "warning") and "422" not in message.text:
            found.append(message.text)

    def broke(error: Error) -> None:
        found.append(str(error))

    context.on("page", listen)
    yield found
    assert found == []


@pytest.fixture
def ada(mistakes: list[str], context: BrowserContext, portal: Running) -> Person:
    """The demo member, signed in."""
    return Person(context.new_page(), portal).sign_in()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where pictures of pages go: SCREENSHOTS=1 renews the ones that the README shows."""
    return ROOT / "static" / "screenshots" if os.environ.get("SCREENSHOTS") else tmp_path
