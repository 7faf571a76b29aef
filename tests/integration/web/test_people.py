"""People, as admins look after them and support looks at them."""

from flask import Flask

from portal.domain.people import accounts
from portal.domain.people.models import Role, User
from portal.domain.store.db import db
from portal.domain.tenants.models import Tenant
from tests.integration.people.test_accounts import audited
from tests.integration.web.test_signing_in import sign_in
from tests.support.page import Page
from tests.support.world import PASSWORD, add_person, fresh


def test_people_are_listed_and_searched(page: Page, root: User, sam: User, ada: User, lab: Tenant) -> None:
    shown = page.sign_in(root).get("/admin/people/")
    assert shown.links["Ada"] == f"/admin/people/{ada.id}"
    assert "ada@example.org Member Research Lab never" in shown.words("//table//tbody/tr")[0]
    found = shown.form("/admin/people/").submit(q="sam", role="")
    assert "Sam" in found.links
    assert "Ada" not in found.links
    assert "Root" in shown.form("/admin/people/").submit(q="", role="admin").links
    assert "Nobody matches" in page.get("/admin/people/?q=zzz&role=made-up&page=7").text


def test_an_admin_invites_with_a_role_and_into_a_tenant(
    page: Page, app: Flask, root: User, lab: Tenant
) -> None:
    form = page.sign_in(root).get("/admin/people/").form("/invitations")
    made = form.submit(email="new@example.org", role="support", tenant=str(lab.id), tenant_role="owner")
    link = made.words("//code")[0].removeprefix("http://localhost")
    waiting = made.follow("Done")
    assert "new@example.org support Research Lab (owner)" in waiting.words("//table")[1]
    Page(app).get(link).form("/invitation").submit(name="New", password=PASSWORD)
    person = accounts.find("new@example.org")
    assert person
    assert (person.role, set(person.tenant_ids)) == (Role.SUPPORT, {lab.id})
    again = page.get("/admin/people/").form("/invitations").submit(email="new@example.org")
    assert (again.status, "already" in again.errors["email"]) == (422, True)


def test_an_invitation_is_taken_back(page: Page, root: User) -> None:
    form = page.sign_in(root).get("/admin/people/").form("/invitations")
    form.submit(email="new@example.org")
    taken = page.get("/admin/people/").form(button="Take back the invitation of new@example.org").submit()
    assert "taken back" in taken.text
    assert "new@example.org" not in taken.words("//table")


def test_a_reset_link_is_made_and_shown_once(page: Page, app: Flask, root: User, ada: User) -> None:
    made = page.sign_in(root).get(f"/admin/people/{ada.id}").form("/reset-link").submit()
    link = made.words("//code")[0]
    assert link.startswith("http://localhost/reset?token=")
    stranger = Page(app)
    stranger.get(link.removeprefix("http://localhost")).form("/reset").submit(password="another-horse-2")
    assert sign_in(stranger, password="another-horse-2").url == "/"


def test_a_closed_account_is_out_at_once_and_back_when_opened(
    page: Page, app: Flask, root: User, ada: User
) -> None:
    hers = Page(app).sign_in(ada)
    assert hers.get("/keys/").status == 200
    closed = page.sign_in(root).get(f"/admin/people/{ada.id}").form("/deactivate").submit()
    assert "signed out everywhere" in closed.text
    assert "This account is closed" in closed.text
    assert hers.get("/keys/").title.startswith("Sign in")
    assert sign_in(hers).status == 422
    closed.form("/reactivate").submit()
    assert sign_in(hers).url == "/"


def test_the_last_admin_is_told_what_to_do_first(page: Page, root: User) -> None:
    shown = page.sign_in(root).get(f"/admin/people/{root.id}")
    refused = shown.form("/role").submit(role="member")
    assert refused.status == 422
    assert "last active administrator" in refused.errors["role"]
    told = shown.form("/deactivate").submit()
    assert told.status == 409
    assert told.follow("Back to the page").url == shown.url
    add_person("second@example.org", Role.ADMIN)
    assert "This isn't for your role" in shown.form("/role").submit(role="member").title
    assert fresh(root).role is Role.MEMBER


def test_a_made_up_role_is_refused(page: Page, root: User, ada: User) -> None:
    form = page.sign_in(root).get(f"/admin/people/{ada.id}").form("/role")
    assert form.submit(role="emperor").status == 422
    assert fresh(ada).role is Role.MEMBER


def test_tenants_are_given_changed_and_taken(
    page: Page, root: User, ada: User, lab: Tenant, school: Tenant
) -> None:
    shown = page.sign_in(root).get(f"/admin/people/{ada.id}")
    form = shown.form("/memberships")
    assert list(form.options("tenant")) == [str(school.id)]
    assert form.submit(tenant=str(lab.id)).status == 422
    added = form.submit(tenant=str(school.id), tenant_role="owner")
    assert fresh(ada).owned_ids == {school.id}
    changed = added.form(button="Make member of Teaching").submit()
    assert not fresh(ada).owned_ids
    changed.form(button="Remove from Teaching").submit()
    assert fresh(ada).tenant_ids == {lab.id}


def test_one_browser_of_a_person_is_signed_out(page: Page, app: Flask, root: User, ada: User) -> None:
    hers = Page(app).sign_in(ada)
    shown = page.sign_in(root).get(f"/admin/people/{ada.id}")
    shown.form(button="Sign out Tests").submit()
    assert hers.get("/keys/").title.startswith("Sign in")
    assert [entry.actor for entry in audited("session.ended")] == [root.email]


def test_support_reads_all_of_it_and_has_nothing_to_press(
    page: Page, sam: User, root: User, ada: User
) -> None:
    page.sign_in(sam)
    for url in ("/admin/people/", f"/admin/people/{ada.id}", "/admin/people/access"):
        shown = page.get(url)
        assert shown.status == 200
        assert not shown.all("//main//form[@method='post']")
        assert "reads" in shown.words("//main//*[@class='tag']")


def test_who_may_do_what_is_there_to_read(page: Page, root: User) -> None:
    shown = page.sign_in(root).get("/admin/people/").follow("Access")
    rows = shown.words("//table//tbody/tr")
    launch = next(row for row in rows if "vm.launch" in row)
    assert launch.endswith("writes own own – own")
    look = next(row for row in rows if "vm.view" in row)
    assert look.endswith("reads own own all all")


def test_the_audit_tells_before_and_after_and_no_secret(page: Page, root: User, ada: User) -> None:
    page.sign_in(root).get(f"/admin/people/{ada.id}").form("/role").submit(role="support")
    db.session.rollback()
    [entry] = audited("person.role_changed")
    assert (entry.actor, entry.detail["before"], entry.detail["after"]) == (root.email, "member", "support")
