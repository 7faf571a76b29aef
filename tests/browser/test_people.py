"""Somebody is invited, comes in, may launch, and is out again: three people at three browsers."""

from playwright.sync_api import expect
from pytest_playwright import CreateContextCallback

from tests.browser.person import Person, new_name
from tests.support.running import Running

PASSWORD = "correct-horse-1"


def test_an_admin_invites_a_person_who_launches_and_is_out_once_closed(
    mistakes: list[str], new_context: CreateContextCallback, portal: Running
) -> None:
    root = Person(new_context().new_page(), portal).sign_in("root@example.org")
    email = f"{new_name()}@example.org"
    root.page.goto("/admin/people/")
    root.page.get_by_label("E-mail address").fill(email)
    root.page.get_by_label("Tenant", exact=True).select_option(label="Research Lab")
    root.press("Make an invitation")
    link = root.page.locator("main code").inner_text()

    kim = Person(new_context().new_page(), portal)
    kim.page.goto(link)
    expect(kim.page.get_by_role("heading", name="You are invited to Research Lab")).to_be_visible()
    kim.page.get_by_label("Your name").fill("Kim New")
    kim.page.get_by_label("Password").fill(PASSWORD)
    kim.press("Make my account")
    expect(kim.page.locator("main").get_by_text("Welcome, Kim New.")).to_be_visible()
    kim.launch().sees("Active")

    root.press("Done")
    root.page.get_by_label("Search by name or address").fill(email)
    root.press("Kim New").press("Deactivate")
    expect(root.page.locator("main").get_by_text("This account is closed")).to_be_visible()

    kim.page.goto("/vms/")
    expect(kim.page.get_by_role("heading", name="Sign in to the portal")).to_be_visible()
    kim.page.get_by_label("E-mail").fill(email)
    kim.page.get_by_label("Password").fill(PASSWORD)
    kim.page.get_by_role("button", name="Sign in").click()
    expect(kim.page.locator("main").get_by_text("don't go together")).to_be_visible()
