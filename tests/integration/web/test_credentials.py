"""The pages of credentials: adding, examining, rotating; and what members see of a refused one."""

import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from portal.domain.people.models import User
from portal.domain.store.db import db, now
from portal.domain.tenants import credentials, doctor, rotation
from portal.domain.tenants.models import Credential, Standing, Tenant
from portal.sandbox.control import Control
from portal.web.filters import until_words
from tests.integration.conftest import Sandbox
from tests.support.page import Answer, Page
from tests.support.wizard import write
from tests.support.world import Worker, outside

# How the page says that the earlier one goes as soon as its work has ended.
SOON = re.compile(r"is revoked in (?:\d+ s|1 min)")


def examined(work: Worker) -> None:
    """The doctor comes, the first time also unasked, and goes."""
    write(update(Credential).where(Credential.facts == {}).values(doctor_due_at=now()))
    while due := doctor.due():
        for credential_id in due:
            doctor.examine(credential_id)
        work.clock.forward(1)


def made(sandbox: Sandbox, project: str = "tenant-a", *, unrestricted: bool = False) -> tuple[str, str]:
    keystone = outside(project, sandbox.auth_url).keystone
    new = keystone.create_application_credential("second", unrestricted=unrestricted)
    return new.id, new.secret


def paste(page: Page, tenant: Tenant, key: str, secret: str) -> Answer:
    form = page.get(f"/admin/credentials/{tenant.id}/new").form("application_credential")
    answers: dict[str, Any] = {"a-key": key, "a-secret": secret, "a-label": "autumn"}
    return form.submit(**answers)


def test_a_credential_is_pasted_examined_and_switched_to(
    page: Page, root: User, lab: Tenant, sandbox: Sandbox, work: Worker
) -> None:
    page.sign_in(root)
    earlier = credentials.current(lab.id)
    key, secret = made(sandbox)
    staged = paste(page, lab, key, secret)
    assert "The doctor is still examining it." in staged.text
    assert secret not in staged.response.get_data(as_text=True)
    examined(work)
    ready = page.get(f"/admin/credentials/{lab.id}")
    assert "The doctor finds it fit" in ready.text
    switched = ready.form(button="Switch to it").submit("Switch to it")
    assert "All new work uses the new credential." in switched.text
    assert len(SOON.findall(switched.text)) == 1
    new = credentials.current(lab.id)
    assert (new.public["id"], new.label) == (key, "autumn")
    work.clock.forward(180)
    work.once()
    gone = page.get(f"/admin/credentials/{lab.id}")
    assert f"openstack application credential delete {earlier.public['id']}" in gone.text


def page_of(page: Page, tenant: Tenant) -> Answer:
    return page.get(f"/admin/credentials/{tenant.id}")


def test_a_service_user_is_pasted(page: Page, root: User, lab: Tenant, work: Worker) -> None:
    form = page.sign_in(root).get(f"/admin/credentials/{lab.id}/new").form("service_user")
    answers: dict[str, Any] = {"u-username": "plain-a", "u-password": "lab", "u-project": "tenant-a"}
    staged = form.submit(**answers)
    assert "user plain-a of project tenant-a" in staged.text
    examined(work)
    assert "The doctor finds it fit" in page_of(page, lab).text


@pytest.mark.parametrize("kind", ["application_credential", "service_user"])
def test_an_empty_form_comes_back_with_its_mistakes_and_without_the_secret(
    kind: str, page: Page, root: User, lab: Tenant
) -> None:
    form = page.sign_in(root).get(f"/admin/credentials/{lab.id}/new").form(kind)
    secret: dict[str, Any] = {"a-secret": "MARKED-SECRET", "u-password": "MARKED-SECRET"}
    answer = form.submit(**secret)
    assert answer.status == 422
    assert "a-key" in answer.errors or "u-username" in answer.errors
    assert "MARKED-SECRET" not in answer.response.get_data(as_text=True)


def test_a_secret_typed_into_a_page_that_was_open_too_long_is_not_kept_in_the_next(
    page: Page, root: User, lab: Tenant
) -> None:
    page.sign_in(root)
    sent = {"a-key": "x", "a-secret": "MARKED-SECRET", "u-password": "MARKED-SECRET"}
    answer = page.post(
        f"/admin/credentials/{lab.id}/application_credential", sent, headers={"Sec-Fetch-Site": "same-origin"}
    )
    assert answer.status == 400
    assert "MARKED-SECRET" not in answer.response.get_data(as_text=True)


def test_the_portal_makes_the_next_one_by_itself(
    page: Page, root: User, lab: Tenant, sandbox: Sandbox, work: Worker
) -> None:
    page.sign_in(root)
    key, secret = made(sandbox, unrestricted=True)
    credentials.register(lab.id, credentials.application_credential(key, secret), label="free")
    examined(work)
    asked = page_of(page, lab).form("make").submit()
    assert "application credential, being made" in asked.text
    examined(work)
    assert "The doctor finds it fit" in page_of(page, lab).text


def test_the_way_back_is_on_the_page_while_the_earlier_one_drains(
    page: Page, root: User, lab: Tenant, sandbox: Sandbox, work: Worker
) -> None:
    page.sign_in(root)
    paste(page, lab, *made(sandbox))
    examined(work)
    page_of(page, lab).form("switch").submit(drain="60")
    assert len(SOON.findall(page_of(page, lab).form("hasten").submit().text)) == 1
    assert "the other one is staged" in page_of(page, lab).form("roll_back").submit().text
    assert "out of the way" in page_of(page, lab).form("discard").submit().text
    assert rotation.FORGOTTEN in page_of(page, lab).text


def test_the_doctor_comes_when_asked(page: Page, root: User, lab: Tenant, work: Worker) -> None:
    page.sign_in(root)
    asked = page_of(page, lab).form(button="Examine test now").submit()
    assert "Being examined" in asked.text
    assert asked.all("//*[@id='credentials'][@hx-trigger]")
    examined(work)
    seen = page.get(f"/admin/credentials/{lab.id}", htmx=True)
    assert "Green" in seen.text
    assert not seen.all("//*[@id='credentials'][@hx-trigger]")


def test_support_reads_and_members_dont(
    page: Page, sam: User, ada: User, lab: Tenant, app: Flask, work: Worker
) -> None:
    examined(work)
    assert "Research Lab" in page.sign_in(sam).get("/admin/credentials/").text
    shown = page_of(page, lab)
    assert shown.status == 200
    assert not shown.all("//main//form")
    assert page.get(f"/admin/credentials/{lab.id}/new").status == 403
    assert Page(app).sign_in(ada).get("/admin/credentials/").status == 403


def test_a_refused_credential_is_told_to_members_and_red_for_admins(
    page: Page, ada: User, root: User, lab: Tenant, app: Flask, cloud: Control, work: Worker
) -> None:
    cloud.delete_credential("portal-tenant-a")
    doctor.ask(credentials.current(lab.id).id, by=root)
    examined(work)
    told = page.sign_in(ada).get("/")
    assert "OpenStack refuses the portal's credential since" in told.text
    assert "Your VMs keep running, launches wait." in told.text
    admin = Page(app).sign_in(root)
    assert "Refuses the credential" in admin.get("/admin/system/").text
    listed = admin.get("/admin/credentials/")
    assert "Refused" in listed.text
    assert listed.words("//nav//a[contains(., 'Credentials')]//*[contains(@class, 'tone-bad')]") == ["1 open"]
    assert "Keystone refuses the credential in use" in page_of(admin, lab).text


def test_a_tenant_without_one_is_red(page: Page, root: User, lab: Tenant) -> None:
    write(update(Credential).values(standing=Standing.REVOKED, note="gone"))
    assert "Missing" in page.sign_in(root).get("/admin/credentials/").text
    assert "No credential is in use" in page_of(page, lab).text


def test_an_end_that_is_near_is_coloured(page: Page, root: User, lab: Tenant) -> None:
    write(update(Credential).values(expires_at=now() + timedelta(days=20)))
    page.sign_in(root)
    assert "Ends soon" in page.get("/admin/credentials/").text
    assert credentials.how_many_bad() == 0
    write(update(Credential).values(expires_at=now() + timedelta(days=3)))
    db.session.rollback()
    assert credentials.how_many_bad() == 1
    assert credentials.urgency(now() + timedelta(days=60)) == "good"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-1, "now"),
        (30.5, "in 30 s"),
        (112.5, "in 1 min 52 s"),
        (12000.5, "in 3 h 20 min"),
        (6 * 86400 + 9, "in 6 days"),
    ],
)
def test_a_countdown_reads_as_people_say_it(seconds: float, said: str) -> None:
    assert until_words(seconds) == said
