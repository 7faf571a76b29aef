"""A tenant is connected on a real OpenStack, in browsers: from its address to a new member's running VM."""

import re
from collections.abc import Iterator
from uuid import uuid4

import pytest
from flask import Flask
from playwright.sync_api import expect
from pytest_playwright import CreateContextCallback

from portal.domain.store.db import db
from portal.domain.tenants import tenants
from portal.openstack.cloud import ApplicationCredential, Cloud
from tests.browser import conftest as chromium
from tests.browser.person import Person, new_name
from tests.support import lab
from tests.support.running import Running

browser_type_launch_args = chromium.browser_type_launch_args
browser_context_args = chromium.browser_context_args
base_url = chromium.base_url
mistakes = chromium.mistakes

PATIENCE = 120_000
PASSWORD = "correct-horse-1"


@pytest.fixture
def project() -> Iterator[Cloud]:
    """Tenant-b of the lab as its own user sees it."""
    cloud = lab.eyes("b")
    yield cloud
    cloud.close()


@pytest.fixture
def secret(project: Cloud) -> Iterator[ApplicationCredential]:
    """What its user makes for the portal: restricted, as is the default."""
    made = project.keystone.create_application_credential(f"portal-{uuid4()}")
    yield made
    project.keystone.delete_application_credential(made.id)


@pytest.fixture
def robin(mistakes: list[str], new_context: CreateContextCallback, portal: Running) -> Person:
    """The demo admin, signed in."""
    return Person(new_context().new_page(), portal).sign_in("root@example.org")


def connect(robin: Person, name: str) -> None:
    page = robin.page
    page.goto("/admin/tenants/")
    robin.press("Connect a tenant")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Keystone's address").fill(lab.AUTH_URL)
    page.get_by_label("Region", exact=False).first.fill("RegionOne")
    robin.press("Connect")
    expect(page.locator("main").get_by_text(f"{name} is connected.")).to_be_visible(timeout=PATIENCE)


def give_a_credential(robin: Person, secret: ApplicationCredential) -> None:
    """Staged, found good by the doctor, then used."""
    page = robin.page
    step(robin, "Credential")
    robin.press("Add a credential")
    form = page.locator("form", has=page.get_by_label("Id"))
    form.get_by_label("Id").fill(secret.id)
    form.get_by_label("Secret").fill(secret.secret)
    form.get_by_label("Label").fill("first")
    form.get_by_role("button", name="Stage it").click()
    expect(page.get_by_role("button", name=re.compile("Use it|Switch to it"))).to_be_visible(timeout=PATIENCE)
    page.get_by_role("button", name=re.compile("Use it|Switch to it")).click()
    expect(page.get_by_role("heading", name="In use: first")).to_be_visible()


def step(robin: Person, name: str) -> None:
    """One of the steps that the tenant's page still shows."""
    robin.page.locator(".steps").get_by_role("link", name=name).click()


def test_a_tenant_is_connected_used_by_its_first_member_and_archived(
    robin: Person,
    new_context: CreateContextCallback,
    portal: Running,
    secret: ApplicationCredential,
    front: Flask,
) -> None:
    name, email = f"Physics {new_name()}", f"{new_name()}@example.org"
    connect(robin, name)
    give_a_credential(robin, secret)
    page = robin.page
    db.session.rollback()  # what was made since is to be seen
    tenant = tenants.named(name)
    home = f"/admin/tenants/{tenant.id}"
    page.goto(home)
    step(robin, "Networks")
    expect(page.get_by_role("heading", name="net-b")).to_be_visible(timeout=PATIENCE)
    page.goto(home)
    step(robin, "Quotas")
    for field, amount in (("VMs", "2"), ("vCPU", "4"), ("Memory", "8")):
        page.get_by_label(field).first.fill(amount)
    robin.press("Keep them")
    expect(page.locator("main").get_by_text("The quotas are kept.")).to_be_visible()
    page.goto(home)
    step(robin, "Members")
    page.get_by_label("E-mail address").fill(email)
    robin.press("Make an invitation")
    link = page.locator("main code").inner_text()

    kim = Person(new_context().new_page(), portal)
    kim.page.goto(link)
    expect(kim.page.get_by_role("heading", name=f"You are invited to {name}")).to_be_visible()
    kim.page.get_by_label("Your name").fill("Kim New")
    kim.page.get_by_label("Password").fill(PASSWORD)
    kim.press("Make my account")
    expect(kim.page.locator("main").get_by_text("Welcome, Kim New.")).to_be_visible()
    kim.launch().sees("Active", within=PATIENCE)
    page.goto(home)
    expect(page.locator("main").get_by_text("Members can't do all of it yet")).to_have_count(0)

    kim.press("Delete").press("Delete now").sees("Deleted", within=PATIENCE)
    page.reload()
    robin.press("Archive it").press("Archive it")
    expect(page.locator("main").get_by_text(f"{name} is archived.")).to_be_visible()
