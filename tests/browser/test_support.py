"""Support in a real browser: from an address that somebody told to the cause of a failed launch."""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page, ViewportSize, expect
from pytest_playwright import CreateContextCallback

from tests.browser.conftest import WIDE
from tests.browser.person import PATIENCE, Person, new_name
from tests.support.running import Running

PHONE: ViewportSize = {"width": 390, "height": 844}
# A size with a kind of GPU that no host of the sandbox has.
NO_HOST = "g1.vgpu"


@pytest.fixture
def sam(mistakes: list[str], new_context: CreateContextCallback, portal: Running) -> Person:
    """The demo's support person, in a browser of their own."""
    return Person(new_context().new_page(), portal).sign_in("sam@example.org")


@pytest.fixture
def in_vain(ada: Person) -> Iterator[tuple[str, str]]:
    """A launch that no host has room for: the VM's name and the address it had got. Its GPU is given back."""
    name = new_name()
    ada.begin("GPU workstation")
    ada.page.get_by_label("Name", exact=True).first.fill(name)
    ada.page.get_by_role("row", name=NO_HOST).get_by_role("radio").check()
    ada.press("Next")
    ada.page.get_by_role("checkbox", name="Public address").check()
    ada.press("Next").press("Launch").sees("Failed")
    ada.page.goto("/vms/")
    yield name, ada.page.get_by_role("row", name=name).locator("code").first.inner_text()
    ada.page.get_by_role("link", name=name, exact=True).click()
    ada.press("Delete").press("Delete now").sees("Deleted")


def look(page: Page, pictures: Path, name: str) -> None:
    """A picture, once nothing sticks out at the side."""
    wide = page.evaluate("document.scrollingElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0
    page.screenshot(path=pictures / f"support-{name}.png", full_page=True)


def test_support_finds_the_cause_of_a_failed_launch_from_an_address(
    in_vain: tuple[str, str], sam: Person, tmp_path: Path
) -> None:
    name, address = in_vain
    box = sam.page.get_by_role("searchbox", name="Find in all tenants")
    box.fill(address)
    box.press("Enter")
    row = sam.page.get_by_role("row", name=name)
    expect(row).to_contain_text(f"public address is {address}")
    expect(row).to_contain_text("no machine with enough room")
    look(sam.page, tmp_path, "search")
    sam.press(name)
    expect(sam.page).to_have_title(re.compile("Case file"))
    expect(sam.page.get_by_role("heading", name="The cloud has no machine")).to_be_visible()
    sam.page.locator("main").get_by_text("What OpenStack said").click()
    expect(sam.page.locator("#failure-raw pre")).to_contain_text("No valid host was found")
    expect(sam.page.locator("#timeline")).to_contain_text("provisioning → error")
    look(sam.page, tmp_path, "file")
    sam.press("Ask OpenStack now")
    expect(sam.page.locator("#live")).to_contain_text("ERROR: No valid host", timeout=PATIENCE)
    expect(sam.page.locator("#timeline").get_by_text("Nova").first).to_be_visible()
    look(sam.page, tmp_path, "live")
    with sam.page.expect_download() as download:
        sam.page.get_by_role("link", name="Bundle").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert address in archive.read("vm.json").decode()
        assert "No valid host was found" in archive.read("README.txt").decode()


def test_the_search_follows_what_is_typed(ada: Person, sam: Person) -> None:
    ada.launch(name=(name := new_name())).sees("Active")
    sam.page.goto("/admin/search")
    sam.page.get_by_label("Name, address, id, person or request id").fill(name)
    expect(sam.page.locator("#results").get_by_role("link", name=name, exact=True)).to_be_visible()
    assert f"q={name}" in sam.page.url


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_of_support_on_a_phone(
    in_vain: tuple[str, str],
    new_context: CreateContextCallback,
    portal: Running,
    tmp_path: Path,
    scheme: Literal["light", "dark"],
) -> None:
    _, address = in_vain
    sam = Person(new_context(color_scheme=scheme).new_page(), portal).sign_in("sam@example.org")
    sam.page.set_viewport_size(PHONE)
    sam.page.goto(f"/admin/search?q={address}")
    look(sam.page, tmp_path, f"phone-search-{scheme}")
    sam.page.locator("#results a").first.click()
    look(sam.page, tmp_path, f"phone-{scheme}")
    sam.press("Ask OpenStack now")
    look(sam.page, tmp_path, f"phone-live-{scheme}")
    sam.page.set_viewport_size(WIDE)
    look(sam.page, tmp_path, f"wide-live-{scheme}")
