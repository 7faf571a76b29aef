"""The members of a tenant, as its owners, its members, staff and strangers meet them."""

import pytest
from flask import Flask

from portal.domain.people import accounts
from portal.domain.people.models import Role, TenantRole, User
from portal.domain.tenants.models import Tenant
from tests.support.page import Page
from tests.support.world import PASSWORD, add_person, draft, fresh, launch


@pytest.fixture
def olga(lab: Tenant) -> User:
    """Owns Ada's tenant."""
    person = add_person("olga@example.org", Role.MEMBER)
    accounts.join(person, lab.id, TenantRole.OWNER)
    return person


def test_an_owner_sees_who_is_there_and_what_each_uses(
    page: Page, olga: User, ada: User, lab: Tenant
) -> None:
    launch(ada, lab)
    page.sign_in(olga)
    shown = page.get("/").follow("Members")
    assert shown.url == f"/members/{lab.id}"
    assert shown.title == "Members of Research Lab · Portal"
    rows = shown.words("//table//tbody/tr")
    assert "ada@example.org Member 1 VM 1 vCPU" in rows[0]
    assert "olga@example.org Owner nothing" in rows[1]
    assert "1 of 20" in shown.text


def test_an_owner_invites_and_the_link_is_shown_once(page: Page, olga: User, lab: Tenant) -> None:
    page.sign_in(olga)
    made = (
        page.get(f"/members/{lab.id}")
        .form("/invitations")
        .submit(email="new@example.org", tenant_role="owner")
    )
    link = made.words("//code")[0]
    assert link.startswith("http://localhost/invitation?token=")
    back = made.follow("Done")
    assert "new@example.org" in back.text
    assert link not in back.response.get_data(as_text=True)
    taken = back.form(button="Take back the invitation of new@example.org").submit()
    assert "taken back" in taken.text
    assert "new@example.org" not in taken.words("//table")[0]
    assert page.get(link.removeprefix("http://localhost")).status == 404


def test_a_wrong_address_is_said_and_kept_with_what_was_chosen(page: Page, olga: User, lab: Tenant) -> None:
    form = page.sign_in(olga).get(f"/members/{lab.id}").form("/invitations")
    for email, words in (("", "missing"), ("nonsense", "isn't an e-mail address")):
        answer = form.submit(email=email, tenant_role="owner")
        assert answer.status == 422
        assert words in answer.errors["email"]
    kept = answer.form("/invitations")
    assert (kept["email"], kept["tenant_role"]) == ("nonsense", "owner")


def test_an_owner_changes_roles_and_removes(page: Page, olga: User, ada: User, lab: Tenant) -> None:
    page.sign_in(olga)
    page.get(f"/members/{lab.id}").form(button="Make Ada owner").submit()
    assert fresh(ada).owned_ids == {lab.id}
    page.get(f"/members/{lab.id}").form(button="Make Ada member").submit()
    assert not fresh(ada).owned_ids
    done = page.get(f"/members/{lab.id}").form(button="Remove Ada").submit()
    assert "Their VMs stay" in done.text
    assert not fresh(ada).tenant_ids


def test_an_owner_says_how_much_a_member_may_have_and_the_member_meets_it(
    browser: Page, app: Flask, olga: User, ada: User, lab: Tenant
) -> None:
    owner = Page(app).sign_in(olga)
    form = owner.get(f"/members/{lab.id}").follow("Limits").form("/limits")
    assert [form[name] for name in ("vms", "ram_mib", "gpus")] == ["", "", ""]
    assert "whole number from 0" in form.submit(vms="-1").errors["vms"]
    assert "integer" in form.submit(vms="some").errors["vms"].lower()
    kept = form.submit(vms="1", ram_mib="8")
    assert "The limits are kept." in kept.text
    assert "at most 1 VM, 8 GiB memory" in kept.text
    made = draft(ada, lab, name="one")
    assert "Your own limit, which binds: 1 of 1" in browser.get(f"/launch/{made.id}/review").text
    launch(ada, lab)
    shown = browser.get(f"/usage/{lab.id}")
    assert "20 yours: 1 of 1" in shown.words("//td[@data-label='quota']")
    assert "Your own limit: 0 left" in shown.text
    refused = browser.get(f"/launch/{made.id}/review").text
    assert "more than you yourself may have here (VMs: 1 wanted, 0 of 1 left)" in refused
    form = owner.get(f"/members/{lab.id}/{ada.id}/limits").form("/limits")
    assert form["vms"] == "1"
    assert "below what is used (VMs: 1 used, 0 allowed)" in form.submit(vms="0").text
    assert "The limits are kept." in form.submit(vms="", ram_mib="").text
    assert "yours:" not in browser.get(f"/usage/{lab.id}").text


def test_who_was_removed_is_out_at_the_next_click(
    browser: Page, page: Page, olga: User, ada: User, lab: Tenant
) -> None:
    vm = launch(ada, lab)
    assert browser.get(f"/vms/{vm.id}").status == 200
    Page(page._app).sign_in(olga).get(f"/members/{lab.id}").form(button="Remove Ada").submit()
    assert browser.get(f"/vms/{vm.id}").status == 404


def test_an_owner_has_no_buttons_for_themselves(page: Page, olga: User, lab: Tenant) -> None:
    shown = page.sign_in(olga).get(f"/members/{lab.id}")
    assert not shown.all("//button[contains(@aria-label, 'Olga')]")


def test_members_have_no_such_page_and_strangers_find_none(
    browser: Page, page: Page, ada: User, olga: User, lab: Tenant, school: Tenant
) -> None:
    assert "Members" not in browser.get("/").links
    assert browser.get(f"/members/{lab.id}").status == 403
    assert browser.get("/members/").status == 403
    page.sign_in(olga)
    assert page.get(f"/members/{school.id}").status == 404


def test_where_one_owns_nothing_the_navigation_offers_nothing(
    page: Page, olga: User, lab: Tenant, school: Tenant
) -> None:
    accounts.join(olga, school.id)
    page.sign_in(olga)
    switched = page.get("/").form(button="Teaching").submit("Teaching")
    assert "Members" not in switched.links
    assert page.get("/members/").status == 403


def test_support_reads_and_has_nothing_to_press(page: Page, sam: User, ada: User, lab: Tenant) -> None:
    shown = page.sign_in(sam).get(f"/members/{lab.id}")
    assert "ada@example.org" in shown.text
    assert "reads" in shown.words("//main//*[@class='tag']")
    assert not shown.all("//main//form")


def test_an_empty_portal_has_no_members(page: Page, root: User) -> None:
    assert page.sign_in(root).get("/members/").status == 404


def test_an_empty_tenant_asks_for_its_first_member(page: Page, root: User, lab: Tenant) -> None:
    assert "Invite the first member" in page.sign_in(root).get(f"/members/{lab.id}").text


def test_names_are_text(page: Page, root: User, lab: Tenant) -> None:
    evil = accounts.create("x@example.org", "<b>bold</b>", PASSWORD, Role.MEMBER)
    accounts.join(evil, lab.id)
    for url in (f"/members/{lab.id}", "/admin/people/", f"/admin/people/{evil.id}"):
        assert not page.sign_in(root).get(url).all("//main//b")
