"""Rotating a credential in a real browser: pasted, examined, switched to, rolled back, told when refused."""

import re

import pytest
from playwright.sync_api import Page, expect
from pytest_playwright import CreateContextCallback

from portal.openstack.cloud import Access, ApplicationCredential, Cloud, MemoryTokens, Password
from tests.browser.person import Person, new_name
from tests.support.running import Running

PATIENCE = 30_000


@pytest.fixture
def outside(portal: Running) -> Cloud:
    """Teaching's project of the portal's sandbox, as its own user has it."""
    port = (portal.home.path / "sandbox_port").read_text().strip()
    secret = Password(username="user-b", password="lab", project_name="tenant-b")
    access = Access(auth_url=f"http://127.0.0.1:{port}/identity/v3", region="RegionOne", secret=secret)
    return Cloud(access, tokens=MemoryTokens())


@pytest.fixture
def robin(mistakes: list[str], new_context: CreateContextCallback, portal: Running) -> Person:
    """The demo admin, signed in."""
    return Person(new_context().new_page(), portal).sign_in("root@example.org")


def stage(page: Page, secret: ApplicationCredential, label: str) -> None:
    """From the list to the doctor's word."""
    page.goto("/admin/credentials/")
    page.get_by_role("link", name="Teaching").click()
    page.get_by_role("link", name="Add a credential").click()
    form = page.locator("form", has=page.get_by_label("Id"))
    form.get_by_label("Id").fill(secret.id)
    form.get_by_label("Secret").fill(secret.secret)
    form.get_by_label("Label").fill(label)
    form.get_by_role("button", name="Stage it").click()
    expect(page.get_by_role("heading", name=f"Staged: {label}")).to_be_visible()


def test_a_credential_is_rotated_and_rolled_back(robin: Person, outside: Cloud) -> None:
    page, label = robin.page, new_name()
    secret = outside.keystone.create_application_credential(label, unrestricted=True)
    stage(page, secret, label)
    expect(page.get_by_role("button", name="Switch to it")).to_be_visible(timeout=PATIENCE)
    assert secret.secret not in page.content()
    page.get_by_label("Revoke the earlier one").select_option("60")
    page.get_by_role("button", name="Switch to it").click()
    expect(page.get_by_role("heading", name=f"In use: {label}")).to_be_visible()
    expect(page.locator("main").get_by_text(re.compile(r"in 59 min \d+ s"))).to_be_visible(timeout=PATIENCE)
    page.get_by_role("button", name="Roll back").click()
    expect(page.get_by_role("heading", name=f"Staged: {label}")).to_be_visible()
    page.get_by_role("button", name="Switch to it").click()
    expect(page.get_by_role("heading", name=f"In use: {label}")).to_be_visible()

    outside.keystone.delete_application_credential(secret.id)
    page.get_by_role("button", name=f"Examine {label} now").click()
    expect(page.locator("main").get_by_text("Keystone refuses the credential in use")).to_be_visible(
        timeout=PATIENCE
    )
    expect(page.locator("main").get_by_text("it was deleted, or its id is another one")).to_be_visible()
    page.goto("/admin/system/")
    expect(page.get_by_role("link", name="Refuses the credential")).to_be_visible()
    page.goto("/admin/credentials/")
    page.get_by_role("link", name="Teaching").click()
    page.get_by_role("button", name="Roll back").click()
    expect(page.locator("main").get_by_text("Keystone refuses the credential in use")).to_have_count(0)
    page.get_by_role("button", name="Discard it").click()
    expect(page.locator("main").get_by_text("The portal forgot it.")).to_be_visible()
