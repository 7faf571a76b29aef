"""Tenants: which ones a person sees and works in, and how they come and move."""

from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import select

from portal.domain.people.models import User
from portal.domain.store.db import db, now
from portal.domain.store.errors import NotFound, Refused
from portal.domain.store.models import AuditEntry
from portal.domain.tenants import clouds, places, tenants
from portal.domain.tenants.models import Tenant
from portal.domain.vms import polling
from portal.openstack.errors import Unavailable
from tests.integration.conftest import Sandbox
from tests.support.world import fresh


def test_a_member_sees_their_own_tenants_and_others_see_all(
    ada: User, sam: User, root: User, lab: Tenant, school: Tenant
) -> None:
    assert tenants.of(ada) == tenants.visible(ada) == [lab]
    assert tenants.of(sam) == []
    assert tenants.visible(sam) == tenants.visible(root) == [lab, school]


def test_a_stranger_and_a_made_up_id_get_the_same_answer(ada: User, eve: User, lab: Tenant) -> None:
    assert tenants.get(lab.id, for_=ada) == lab
    answers = []
    for tenant_id in (lab.id, uuid4()):
        with pytest.raises(NotFound) as refused:
            tenants.get(tenant_id, for_=eve)
        answers.append(refused.value.message)
    assert answers[0] == answers[1]


def test_a_person_works_in_the_tenant_they_want_where_they_may(
    ada: User, sam: User, lab: Tenant, school: Tenant
) -> None:
    assert tenants.current(ada, None) == lab
    assert tenants.current(ada, school.id) == lab
    assert tenants.current(sam, school.id) == school


def test_a_person_without_a_tenant_works_in_none(app: Flask, root: User) -> None:
    assert tenants.current(root, None) is None


def test_a_tenant_is_found_by_its_name(lab: Tenant) -> None:
    assert tenants.named("Research Lab") == lab
    with pytest.raises(NotFound, match="There is no tenant named Nothing"):
        tenants.named("Nothing")


def test_networks_are_found_by_name_and_address(lab: Tenant) -> None:
    [network] = tenants.networks(lab.id)
    assert (network.name, network.cidrs, network.external_network_name) == (
        "net-a",
        ["10.10.0.0/16"],
        "public",
    )
    assert tenants.networks(lab.id, " NET-") == tenants.networks(lab.id, "10.10.") == [network]
    assert tenants.networks(lab.id, "10.20.") == []


def test_a_new_tenant_is_due_for_a_look_and_audited(app: Flask, root: User) -> None:
    made = tenants.create(Tenant(name="Chemistry", auth_url="http://127.0.0.1:9/v3"), by=root)
    assert made.id in polling.due().catalogs
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "tenant.created")).one()
    assert (entry.user_id, entry.tenant_id, entry.detail) == (root.id, made.id, {"name": "Chemistry"})


def test_a_name_belongs_to_one_tenant(lab: Tenant) -> None:
    with pytest.raises(Refused, match="Another tenant has this name") as refused:
        tenants.create(Tenant(name=lab.name, auth_url=lab.auth_url))
    assert refused.value.field == "name"


def test_a_moved_tenant_is_asked_at_its_new_address_at_once(
    lab: Tenant, root: User, sandbox: Sandbox
) -> None:
    assert clouds.of(lab.id).nova.flavors()
    tenants.move(lab, "http://127.0.0.1:9/v3", by=root)
    assert fresh(lab).catalog_due_at <= now()
    with pytest.raises(Unavailable):
        clouds.of(lab.id).nova.flavors()
    tenants.move(lab, sandbox.auth_url)
    assert clouds.of(lab.id).nova.flavors()
    entries = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "tenant.moved")).all()
    assert [(entry.actor, entry.detail["auth_url"]) for entry in entries] == [
        (root.email, "http://127.0.0.1:9/v3"),
        ("portal", sandbox.auth_url),
    ]


def test_moving_a_tenant_to_where_it_is_changes_nothing(lab: Tenant, sandbox: Sandbox) -> None:
    due = lab.catalog_due_at
    tenants.move(lab, sandbox.auth_url)
    assert fresh(lab).catalog_due_at == due
    assert not db.session.scalars(select(AuditEntry).where(AuditEntry.action == "tenant.moved")).all()


def test_a_tenant_speaks_by_one_of_the_three_interfaces(root: User, sandbox: Sandbox) -> None:
    with pytest.raises(Refused, match="one of the three"):
        places.connect(places.Place("Chemistry", sandbox.auth_url, interface="private"), by=root)
