"""A request for more that is granted otherwise and told; and a limit that a member meets."""

import pytest
from playwright.sync_api import Page, expect
from pytest_playwright import CreateContextCallback

from tests.browser.person import Person
from tests.support.running import Running


@pytest.fixture
def robin(mistakes: list[str], new_context: CreateContextCallback, portal: Running) -> Person:
    """The demo admin, signed in."""
    return Person(new_context().new_page(), portal).sign_in("root@example.org")


def bar(page: Page, title: str) -> str:
    """What the usage page says of the quota of one thing."""
    return page.get_by_role("row", name=title).locator("[data-label=quota]").inner_text()


def test_a_member_asks_for_more_and_is_granted_another_amount(ada: Person, robin: Person) -> None:
    ada.page.goto("/usage/")
    had = int(bar(ada.page, "VMs"))
    ada.page.locator("main").get_by_text("Ask for more", exact=True).click()
    ada.page.get_by_label("VMs", exact=True).fill(str(had + 30))
    ada.page.get_by_label("What for").fill("A course of thirty in December.")
    ada.press("Ask")
    expect(ada.page.locator("main").get_by_text("Waits")).to_be_visible()

    robin.page.goto("/admin/quotas/requests")
    robin.page.get_by_role("row", name=f"{had + 30} VMs").get_by_role("link").click()
    expect(robin.page.locator("main").get_by_text("A course of thirty in December.")).to_be_visible()
    robin.page.get_by_label("VMs", exact=True).fill(str(had + 10))
    robin.press("Grant")
    expect(robin.page.locator("#said-error")).to_have_text("Say why it is another amount.")
    robin.page.get_by_label("A word to whoever asked").fill("Ten are free until January.")
    robin.press("Grant")
    expect(robin.page.locator("#notices")).to_contain_text("Granted.")

    ada.page.goto("/")
    ada.page.get_by_role("link", name="unread notice").click()
    expect(ada.page.locator("main").get_by_text("Ten are free until January.").first).to_be_visible()
    ada.page.goto("/usage/")
    expect(ada.page.locator("main").get_by_text("Granted otherwise")).to_be_visible()
    assert int(bar(ada.page, "VMs")) == had + 10


def test_what_a_member_may_have_is_said_and_met(ada: Person, robin: Person) -> None:
    robin.page.goto("/admin/tenants/")
    robin.press("Research Lab")
    robin.page.goto("/members/" + robin.page.url.rpartition("/")[2])
    robin.page.get_by_role("link", name="Limits of Ada").click()
    robin.page.get_by_label("VMs", exact=False).first.fill("0")
    robin.press("Keep them")
    expect(robin.page.locator("main").get_by_text("at most 0 VMs")).to_be_visible()
    ada.begin().press("Next").press("Next")
    expect(ada.page.locator("main").get_by_text("more than you yourself may have here").first).to_be_visible()
    expect(ada.page.get_by_role("button", name="Launch", exact=True)).to_be_disabled()
    robin.page.get_by_role("link", name="Limits of Ada").click()
    robin.page.get_by_label("VMs", exact=False).first.fill("")
    robin.press("Keep them")
    ada.page.reload()
    expect(ada.page.get_by_role("button", name="Launch", exact=True)).to_be_enabled()
    ada.press("Back").press("Throw this draft away")
