"""The audit says who did what, when, from where, and in which request."""

from datetime import timedelta
from uuid import uuid4

from flask import Flask
from sqlalchemy import select

from portal import log
from portal.domain.catalog import catalog
from portal.domain.people.models import User
from portal.domain.store import audit
from portal.domain.store.db import db, now, transaction
from portal.domain.store.models import AuditEntry
from portal.domain.tenants.models import Tenant
from tests.support.page import Page
from tests.support.world import only


def test_an_entry_holds_who_when_where_and_the_request(ada: User, lab: Tenant) -> None:
    vm_id = uuid4()
    with log.context(address="192.0.2.7", request_id="r-1"), transaction():
        audit.record("vm.tried", by=ada, tenant_id=lab.id, vm_id=vm_id, detail={"how": "well"})
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "vm.tried")).one()
    assert (entry.user_id, entry.actor, entry.tenant_id, entry.vm_id) == (ada.id, ada.email, lab.id, vm_id)
    assert (entry.address, entry.request_id, entry.detail) == ("192.0.2.7", "r-1", {"how": "well"})
    assert timedelta() <= now() - entry.at < timedelta(seconds=30)


def test_what_nobody_asked_for_the_portal_did(app: Flask) -> None:
    with transaction():
        audit.record("tidied", by=None)
    entry = only(AuditEntry)
    assert (entry.user_id, entry.actor, entry.address, entry.request_id) == (None, "portal", None, None)


def test_a_click_is_found_again_by_its_request_id(page: Page, ada: User, lab: Tenant) -> None:
    answer = page.sign_in(ada).get("/catalogue/images").form("/refresh").submit()
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "catalog.refresh_asked")).one()
    assert answer.status == 200
    assert (entry.user_id, entry.address) == (ada.id, "127.0.0.1")
    assert entry.request_id
    assert entry.request_id.startswith("req-")
    assert lab.id in catalog.due()
