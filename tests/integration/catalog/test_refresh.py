"""The catalogue follows the cloud: what comes, changes and goes, and what a silent cloud leaves standing."""

import threading
from datetime import timedelta
from typing import TypeVar

import pytest
from flask import Flask
from sqlalchemy import select, update

from portal.domain.catalog import catalog
from portal.domain.catalog.models import Flavor, Image
from portal.domain.people.models import User
from portal.domain.store import vault
from portal.domain.store.db import db, now, transaction
from portal.domain.store.errors import Forbidden
from portal.domain.store.models import AuditEntry
from portal.domain.tenants import clouds, tenants
from portal.domain.tenants.models import Credential, NetworkProfile, Tenant
from portal.sandbox.control import Control
from portal.sandbox.faults import Fault
from tests.support.calls import observed
from tests.support.world import BOTH, Clock, fresh

DATABASES = BOTH
Kind = TypeVar("Kind", Flavor, Image)


def refresh(tenant: Tenant, clock: Clock) -> None:
    """When it is due again."""
    clock.forward(catalog.EVERY.total_seconds() + 1)
    assert catalog.refresh(tenant.id)
    fresh(tenant)


def by_name(model: type[Kind], name: str, tenant: Tenant) -> Kind:
    rows = select(model).where(model.name == name, model.tenant_id == tenant.id)
    return db.session.scalars(rows).one()


def names(found: list[Image] | list[Flavor]) -> set[str]:
    return {one.name for one in found}


def test_a_new_tenant_has_what_its_cloud_offers(lab: Tenant) -> None:
    assert {"ubuntu-24.04", "debian-12", "dummy-raw"} <= names(catalog.images(lab.id))
    assert {"m1.small", "g1.h200"} <= names(catalog.flavors(lab.id))
    assert [network.name for network in tenants.networks(lab.id)] == ["net-a"]
    assert lab.project_id
    assert lab.catalog_checked_at
    assert lab.catalog_trouble is None


def test_what_comes_changes_and_goes_in_the_cloud_does_so_here(
    lab: Tenant, cloud: Control, clock: Clock
) -> None:
    tiny, debian = by_name(Flavor, "m1.tiny", lab), by_name(Image, "debian-12", lab)
    cloud.change("flavor", "m1.tiny", id="f-new", name="m1.new", vcpus=3)
    cloud.change("flavor", "m1.tiny", ram=1024)
    cloud.change("image", "debian-12", id="i-new", name="debian-13", os_version="13")
    cloud.delete_image(debian.os_id)
    refresh(lab, clock)
    assert by_name(Flavor, "m1.new", lab).vcpus == 3
    assert (fresh(tiny).os_id, tiny.ram_mib) == (by_name(Flavor, "m1.tiny", lab).os_id, 1024)
    assert "debian-13" in names(catalog.images(lab.id))
    assert "debian-12" not in names(catalog.images(lab.id))
    # Kept for the VMs made of it.
    assert fresh(debian).gone


def test_what_comes_back_is_offered_again(lab: Tenant, cloud: Control, clock: Clock) -> None:
    debian = by_name(Image, "debian-12", lab)
    cloud.change("image", "debian-12", status="deactivated")
    refresh(lab, clock)
    assert fresh(debian).gone
    cloud.change("image", "debian-12", status="active")
    refresh(lab, clock)
    assert not fresh(debian).gone
    assert len(db.session.scalars(select(Image).where(Image.name == "debian-12")).all()) == 1


def test_hidden_images_are_not_offered(lab: Tenant, cloud: Control, clock: Clock) -> None:
    cloud.change("image", "rocky-9", os_hidden=True)
    refresh(lab, clock)
    assert "rocky-9" not in names(catalog.images(lab.id))


def test_networks_come_and_go_too(lab: Tenant, cloud: Control, clock: Clock) -> None:
    with transaction():
        db.session.add(NetworkProfile(tenant_id=lab.id, name="net-old", network_id="n-old"))
    cloud.change("network", "net-a", name="net-renamed")
    cloud.change("network", "public", **{"router:external": False})
    refresh(lab, clock)
    [network] = tenants.networks(lab.id)
    assert (network.name, network.external_network_id) == ("net-renamed", None)
    gone = db.session.scalars(select(NetworkProfile).where(NetworkProfile.gone)).one()
    assert gone.name == "net-old"


def test_tenants_have_a_catalogue_of_their_own(
    lab: Tenant, school: Tenant, cloud: Control, clock: Clock
) -> None:
    cloud.delete_image(by_name(Image, "debian-12", lab).os_id)
    refresh(lab, clock)
    assert "debian-12" not in names(catalog.images(lab.id))
    assert "debian-12" in names(catalog.images(school.id))


def test_a_silent_cloud_leaves_everything_and_says_so(lab: Tenant, cloud: Control, clock: Clock) -> None:
    cloud.faults.add(Fault("status", "GET", "image", ".*", status=503, times=3))
    checked, images = lab.catalog_checked_at, names(catalog.images(lab.id))
    refresh(lab, clock)
    assert "503" in (lab.catalog_trouble or "")
    assert (lab.catalog_checked_at, names(catalog.images(lab.id))) == (checked, images)
    assert timedelta() < lab.catalog_due_at - now() <= catalog.AFTER_TROUBLE
    refresh(lab, clock)
    assert lab.catalog_trouble is None
    assert lab.catalog_checked_at != checked


def test_a_refused_credential_is_told(lab: Tenant, cloud: Control, clock: Clock) -> None:
    cloud.delete_credential("portal-tenant-a")
    cloud.expire_tokens()
    refresh(lab, clock)
    assert lab.catalog_trouble
    assert names(catalog.images(lab.id))


def test_a_surprise_is_told_and_raised_and_not_met_again_at_once(lab: Tenant, clock: Clock) -> None:
    with transaction():
        db.session.execute(update(Credential).values(sealed=b"torn"))
    clouds.configure(connect_timeout=1, read_timeout=2)  # a process that has no client yet
    with pytest.raises(vault.Unsealable):
        refresh(lab, clock)
    assert "an administrator can see why" in (fresh(lab).catalog_trouble or "")
    assert not catalog.refresh(lab.id)


def test_a_catalogue_that_is_not_due_is_left_alone(lab: Tenant) -> None:
    with observed() as calls:
        assert not catalog.refresh(lab.id)
    assert calls == []


def test_of_several_workers_one_refreshes(lab: Tenant, app: Flask, clock: Clock) -> None:
    clock.forward(catalog.EVERY.total_seconds() + 1)
    gate, done, tenant_id = threading.Barrier(4, timeout=20), list[bool](), lab.id

    def work() -> None:
        with app.app_context():
            gate.wait()
            done.append(catalog.refresh(tenant_id))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [False, False, False, True]


def test_a_refresh_that_was_asked_for_is_due_at_once_and_audited(lab: Tenant, ada: User) -> None:
    assert lab.id not in catalog.due()
    catalog.ask_refresh(lab, by=ada)
    assert lab.id in catalog.due()
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "catalog.refresh_asked")).one()
    assert (entry.user_id, entry.tenant_id) == (ada.id, lab.id)


def test_a_stranger_may_not_ask_for_a_refresh(lab: Tenant, eve: User, sam: User) -> None:
    for person in (eve, sam):
        with pytest.raises(Forbidden):
            catalog.ask_refresh(lab, by=person)
    assert lab.id not in catalog.due()
