"""Pictures of every page to look at, and those of the README; `make screenshots` alone makes them."""

import os
import re
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect
from pytest_playwright import CreateContextCallback

from portal.config import ROOT
from tests.browser.conftest import PHONE, WIDE
from tests.browser.person import Person
from tests.support.running import Running
from tests.support.walking import NEWCOMER, House
from tests.support.world import PASSWORD

pytestmark = pytest.mark.skipif("SCREENSHOTS" not in os.environ, reason="make screenshots makes them")
SHELF = ROOT / "static" / "screenshots"
ALBUM = ROOT / "screenshots"
LOOKS: tuple[tuple[Literal["light", "dark"], ViewportSize, str], ...] = (
    ("light", WIDE, "light"),
    ("dark", WIDE, "dark"),
    ("light", PHONE, "phone"),
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pictures_for_the_readme(
    new_context: CreateContextCallback, portal: Running, scheme: Literal["light", "dark"]
) -> None:
    ada = Person(new_context(color_scheme=scheme).new_page(), portal).sign_in()
    ada.begin("Web server")
    ada.page.get_by_label("Name", exact=True).first.fill(f"museum-{scheme}")
    expect(ada.page.locator("#summary").get_by_text(f"museum-{scheme}")).to_be_visible()
    ada.page.screenshot(path=SHELF / f"launch-{scheme}.png")
    ada.page.goto("/")
    ada.launch("Web server", name=f"museum-{scheme}").sees("Being built")
    ada.page.locator("#vm .marks .tone-good").first.wait_for()
    ada.page.screenshot(path=SHELF / f"building-{scheme}.png")
    ada.sees("Active")
    ada.page.screenshot(path=SHELF / f"vm-{scheme}.png")
    ada.page.goto("/vms/")
    ada.page.screenshot(path=SHELF / f"list-{scheme}.png")


@pytest.mark.parametrize("actor", ["anonymous", NEWCOMER, "owner", "support", "admin"])
def test_pictures_of_every_page(
    actor: str,
    browser: Browser,
    furnished: Running,
    house: House,
) -> None:
    page = browser.new_context(base_url=furnished.url, viewport=WIDE, reduced_motion="reduce").new_page()
    if actor in house.people:
        Person(page, furnished).sign_in(house.people[actor].email, PASSWORD if actor == NEWCOMER else "")
    taken: set[str] = set()
    for address in house.addresses(actor):
        answer = page.request.get(address, max_redirects=0)
        if answer.ok and answer.text().lstrip()[:9].lower() == "<!doctype":
            page.goto(address)
            words = re.sub(r"\W+", "-", re.sub(r"\?.*", "", re.sub(r"[0-9a-f-]{36}", "one", address))).strip(
                "-"
            )
            name = words if words not in taken else f"{words}-other"
            taken.add(words)
            _take(page, ALBUM / actor / (name or "home"))


def _take(page: Page, path: Path) -> None:
    """The whole page wide and narrow, light and dark."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for scheme, size, words in LOOKS:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(size)
        page.screenshot(path=f"{path}-{words}.png", full_page=True)
