"""Links: accepting an invitation and setting a password anew, by people who aren't signed in."""

from urllib.parse import urlsplit

import pytest
from flask import Flask

from portal.domain.people import accounts, invitations, resets
from portal.domain.people.models import Role, TenantRole, User
from portal.domain.store.db import transaction
from portal.domain.tenants.models import Tenant
from tests.integration.web.test_signing_in import sign_in
from tests.support.page import Page
from tests.support.world import PASSWORD

NEW = "new@example.org"


def to(lab: Tenant | None, email: str = NEW, role: TenantRole = TenantRole.MEMBER) -> str:
    """The path of an invitation."""
    _, token = invitations.invite(email, by=None, tenant_id=lab.id if lab else None, tenant_role=role)
    return f"/invitation?token={token}"


def test_an_invitation_makes_an_account_and_signs_it_in(page: Page, lab: Tenant) -> None:
    shown = page.get(to(lab))
    assert "You are invited to Research Lab" in shown.text
    assert f"For {NEW}, as a member." in shown.text
    home = shown.form("/invitation").submit(name="New Person", password=PASSWORD)
    assert home.url == "/"
    assert "Welcome, New Person." in home.text
    assert "Launch your first VM" in home.links


def test_looking_at_an_invitation_uses_nothing_up(page: Page, lab: Tenant) -> None:
    path = to(lab)
    for _ in range(3):
        assert page.get(path).status == 200


def test_what_is_wrong_is_said_at_the_field_and_what_was_typed_stays(page: Page, lab: Tenant) -> None:
    form = page.get(to(lab)).form("/invitation")
    answer = form.submit(name="New Person", password="short")
    assert answer.status == 422
    assert "at least 10" in answer.errors["password"]
    assert answer.form("/invitation")["name"] == "New Person"
    assert answer.form("/invitation").submit(password=PASSWORD).url == "/"


def test_somebody_with_an_account_signs_in_first_and_lands_in_the_new_tenant(
    page: Page, eve: User, lab: Tenant
) -> None:
    shown = page.get(to(lab, eve.email, TenantRole.OWNER))
    assert "as an owner" in shown.text
    back = shown.follow("Sign in").form().submit(email=eve.email, password=PASSWORD)
    assert back.title.startswith("Invitation")
    home = back.form("/invitation/join").submit()
    assert "You are in." in home.text
    assert "Research Lab" in home.one("//*[@id='tenant-menu']/summary").text_content()
    assert "Members" in home.links


def test_somebody_else_who_is_signed_in_is_told_and_joins_nothing(
    browser: Page, ada: User, lab: Tenant
) -> None:
    path = to(None)
    shown = browser.get(path)
    assert "for somebody else" in shown.text
    token = urlsplit(path).query.partition("=")[2]
    csrf = browser.get("/keys/").form("/keys/")["csrf_token"]
    refused = browser.post("/invitation/join", {"csrf_token": csrf, "token": token})
    assert refused.status == 409
    assert f"for {NEW}" in refused.text


def test_a_link_that_is_over_says_so_and_what_to_do(page: Page, lab: Tenant) -> None:
    path = to(lab)
    page.get(path).form("/invitation").submit(name="New", password=PASSWORD)
    again = page.get(path)
    assert again.status == 404
    assert "accepted already" in again.text
    for unknown in ("/invitation", "/invitation?token=x", "/reset", "/reset?token=x"):
        assert page.get(unknown).status == 404


def test_an_invitation_to_the_portal_alone_names_no_tenant(page: Page, app: Flask) -> None:
    assert "You are invited to the portal" in page.get(to(None)).text


def test_a_reset_link_sets_the_password_and_ends_the_sessions(page: Page, app: Flask, ada: User) -> None:
    stolen = Page(app).sign_in(ada)
    _, token = resets.make(ada.id, by=None)
    shown = page.get(f"/reset?token={token}")
    assert ada.email in shown.text
    wrong = shown.form("/reset").submit(password="short")
    assert (wrong.status, set(wrong.errors)) == (422, {"password"})
    done = wrong.form("/reset").submit(password="another-horse-2")
    assert (done.url, "Your new password holds." in done.text) == ("/sign-in", True)
    assert stolen.get("/keys/").title.startswith("Sign in")
    assert sign_in(page, password="another-horse-2").url == "/"


def test_the_log_never_holds_a_token(page: Page, lab: Tenant, caplog: pytest.LogCaptureFixture) -> None:
    path = to(lab)
    token = urlsplit(path).query.partition("=")[2]
    with caplog.at_level("DEBUG"):
        page.get(path).form("/invitation").submit(name="", password="short")
        page.get(path).form("/invitation").submit(name="New", password=PASSWORD)
        page.get(path)
    lines = str([vars(record) for record in caplog.records if record.name.startswith("portal")])
    assert "/invitation" in lines
    assert token not in lines
    assert PASSWORD not in lines


def test_an_invited_admin_is_one(page: Page, app: Flask) -> None:
    _, token = invitations.invite(NEW, by=None, role=Role.ADMIN)
    home = page.get(f"/invitation?token={token}").form("/invitation").submit(name="Root", password=PASSWORD)
    assert "People" in home.links


def test_a_closed_account_joins_nothing(page: Page, ada: User, school: Tenant) -> None:
    path = to(school, ada.email)
    with transaction():
        ada.active = False
    assert page.get(path).follow("Sign in").form().submit(email=ada.email, password=PASSWORD).status == 422
    found = accounts.find(ada.email)
    assert found
    assert school.id not in found.tenant_ids
