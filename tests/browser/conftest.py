"""Fixtures of the browser tests: the whole portal as `make run` starts it, and Chromium in front of it."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Error, Page, ViewportSize, expect

from tests.browser.person import Person
from tests.support import running
from tests.support.chromium import launch_options
from tests.support.running import Running
from tests.support.walking import House, furnish

WIDE: ViewportSize = {"width": 1280, "height": 820}
PHONE: ViewportSize = {"width": 390, "height": 844}
# A page of a busy machine takes longer than the five seconds that Playwright gives it.
expect.set_options(timeout=20_000)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    try:
        return browser_type_launch_args | launch_options()
    except FileNotFoundError as missing:
        pytest.exit(str(missing), returncode=1)


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


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Another one, to be filled: the other tests begin with what a first run holds."""
    with running.portal(tmp_path_factory.mktemp("furnished")) as everything:
        yield everything


@pytest.fixture(scope="session")
def house(furnished: Running) -> House:
    """A portal with something in every room."""
    return furnish(furnished)


@pytest.fixture
def mistakes(context: BrowserContext) -> Iterator[list[str]]:
    """What Chromium complains of while a test runs: breaches of the policy, broken scripts, missing files."""
    found: list[str] = []

    def listen(page: Page) -> None:
        page.on("console", complain)
        page.on("pageerror", broke)

    def complain(message: ConsoleMessage) -> None:
        # A form sent back with its mistakes is a 422, a session that ended a 401: Chromium says so, as meant.
        as_meant = "422" in message.text or "401" in message.text
        if message.type in ("error", "warning") and not as_meant:
            found.append(message.text)

    def broke(error: Error) -> None:
        found.append(str(error))

    context.on("page", listen)
    yield found
    assert found == []


@pytest.fixture
def ada(
    mistakes: list[str], context: BrowserContext, portal: Running, request: pytest.FixtureRequest
) -> Person:
    """The demo member, signed in; see `with_script_and_without`."""
    return Person(context.new_page(), portal, getattr(request, "param", True)).sign_in()
